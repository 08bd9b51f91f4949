"""A first adoption: a machine with only nox, and the README's noxfile."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from release_channels.model.outcome import Result
from tests.cli.screen import BIN, adopter, built, published, readme_noxfile, run
from tests.conftest import MakeRepo, RunSession
from tests.support.repo import Repo

HERE = Path(__file__).parents[2]
_OWN = "import nox\n\n\n@nox.session(venv_backend='none')\ndef hello(session):\n    session.log('hello')\n"


@pytest.fixture
def wheel(tmp_path: Path, run_session: RunSession) -> Path:
    """The wheel of this working tree, from its own build step."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=HERE, check=True, capture_output=True, text=True).stdout.split("\0")
    files = {name: (HERE / name).read_bytes() for name in listed if name and (HERE / name).is_file()}
    # The wheelhouse was filled today, and this repository takes nothing that is newer than its pins.
    pyproject = files["pyproject.toml"].decode()
    files["pyproject.toml"] = re.sub(r"(?m)^exclude-newer = .*\n", "", pyproject).encode()
    copy = Repo.create(tmp_path / "this", files)
    assert run_session(copy, steps=("build",)).result is Result.DONE
    return next((copy.root / "dist").glob("*.whl"))


@pytest.fixture
def only_nox(tmp_path: Path, offline: None) -> Path:
    """The `bin` of an environment with only nox."""
    place = tmp_path / "only-nox"
    subprocess.run([BIN / "uv", "venv", "--quiet", "--no-config", place], check=True, cwd=tmp_path)
    words = ("pip", "install", "--quiet", "--python", str(place / "bin/python"), "nox")
    subprocess.run([BIN / "uv", *words], check=True, cwd=tmp_path)
    return place / "bin"


@pytest.mark.full
def test_a_project_with_nox_alone_publishes_a_preview(wheel: Path, only_nox: Path, make_repo: MakeRepo) -> None:
    """`nox -s preview` installs the tool, publishes to the local index, installs and verifies."""
    named = f'"release-channels @ {wheel.as_uri()}"'
    noxfile = readme_noxfile()
    assert noxfile.count('"release-channels"') == 1
    noxfile = noxfile.replace('"release-channels"', named).replace("import nox\n", _OWN, 1)
    repo = make_repo(
        adopter(name="other-name", scripts=("other",), dependencies=("idna",), files={"noxfile.py": noxfile})
    )
    env = {"PATH": f"{only_nox}:{Path('/usr/bin')}:{Path('/bin')}", "NOX_SCRIPT_MODE": "", "VIRTUAL_ENV": ""}
    git = Path(next(place for place in os.get_exec_path() if Path(place, "git").exists()))
    env["PATH"] += f":{git}"
    screen = run(only_nox / "nox", "-s", "preview", cwd=repo.root, env=env, seconds=240)
    assert screen.code == 0, screen.text
    assert "published: other-name 1.2.0.dev1 on the local index" in screen.text
    screen.shows(
        "pip install --pre --upgrade other-name` installed 1.2.0.dev1",
        "uv tool install --prerelease allow --upgrade other-name` installed 1.2.0.dev1",
        "_nox_script_mode/bin/release-channels serve-index` prints how",
    )
    assert published(repo.root) == ["other_name-1.2.0.dev1-py3-none-any.whl", "other_name-1.2.0.dev1.tar.gz"]
    assert built(repo.root) == [*published(repo.root), "release.json"]
    again = run(only_nox / "nox", "-l", cwd=repo.root, env=env, seconds=240)
    again.shows("* hello", "- preview -> Release a preview")


def test_the_readme_noxfile_is_short_and_has_no_logic(offline: None) -> None:
    lines = [line for line in readme_noxfile().splitlines() if line.strip()]
    assert len(lines) <= 10
    assert "sessions.register(nox)" in lines
