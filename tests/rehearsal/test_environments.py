"""uv's cached environments of a rehearsal's scripts are deleted with it, and no others."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from release_channels.rehearsal.caches import remove_noted
from tests.cli.screen import BIN
from tests.rehearsal.stages import job, make_runner, workflow

_SCRIPT = "# /// script\n# dependencies = []\n# ///\nimport sys\nprint(sys.prefix)\nsys.exit(len(sys.argv) - 1)\n"
_WRITE = json.dumps(f"printf %b {json.dumps(_SCRIPT)} > one.py")


def _run(words: str) -> str:
    return json.dumps(f"uv run --quiet --script one.py {words}".strip())


@pytest.mark.parametrize("is_red", [pytest.param(False, marks=pytest.mark.full), True])
def test_environments_of_scripts_are_deleted(offline: None, tmp_path: Path, *, is_red: bool) -> None:
    """Also of failing jobs; the one of the user's own script stays."""
    mine = tmp_path / "one.py"
    mine.write_text(_SCRIPT)
    words = (BIN / "uv", "run", "--quiet", "--script", mine)
    kept = Path(subprocess.run(words, check=True, cwd=tmp_path, stdout=subprocess.PIPE, text=True).stdout.strip())
    jobs = (job(_WRITE, _run(""), name="one"), job(_WRITE, _run("x" * is_red), name="two"))
    with make_runner(tmp_path, {"one.yml": workflow(*jobs)}) as runner:
        ran = runner.run()
        assert ran.jobs == {"one": "success", "two": "failure" if is_red else "success"}
        made = {Path(ran.act_result.said(name).split()[0]) for name in ("one", "two")}
        assert len(made) == 2
        assert all(path.is_dir() and path.parent == kept.parent for path in made)
    assert not any(path.exists() for path in made)
    assert kept.is_dir()


def test_a_record_of_another_directory_deletes_nothing(tmp_path: Path) -> None:
    """Jobs can write any record, and uv prints the system's Python where there is no environment."""
    cache, locks = tmp_path / "cache", tmp_path / "locks"
    named = [tmp_path / "mine", cache / "wheels" / "x", cache / "environments-v2" / ".." / "wheels" / "y"]
    named.append(cache / "environments-v2" / "..")
    for path in (*named, locks, cache / "environments-v2"):
        (path / "bin").mkdir(parents=True)
    notes = "".join(f"{path / 'bin' / 'python'}\n" for path in (*named, Path("/usr"), cache / "environments-v2"))
    (locks / "environments.txt").write_text(f"{notes}\n{os.sep}\n")
    remove_noted(locks, cache)
    assert all(path.is_dir() for path in (*named, cache / "environments-v2", Path("/usr/bin")))
    remove_noted(tmp_path, cache)  # nothing was noted at all
