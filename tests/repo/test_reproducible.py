"""The same commit gives the same bytes, on any machine and in any directory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from release_channels.model.outcome import Result
from tests.conftest import MakeRepo, RunSession
from tests.support.projects import BACKENDS, Sample
from tests.support.repo import Repo

_QUICK = ("setuptools",)
_ALL = [pytest.param(name, marks=() if name in _QUICK else pytest.mark.full) for name in BACKENDS]
_FILES: dict[str, str | bytes] = {
    "src/demo_tool/unicode-ü.txt": "ü\n",
    "src/demo_tool/crlf.txt": b"a\r\nb\r\n",
    "src/demo_tool/sub/__init__.py": "",
    "src/demo_tool/sub/" + "long" * 30 + ".py": "",
    "LICENSE": "free\n",
}


def _clone(repo: Repo, target: Path) -> Repo:
    subprocess.run(["git", "clone", "--quiet", str(repo.remote), str(target)], check=True)
    return Repo(target, repo.remote)


def _digests(repo: Repo) -> dict[str, str]:
    files = [path for path in (repo.root / "dist").iterdir() if path.name != ".gitignore"]
    assert len(files) == 2
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("backend", _ALL)
def test_the_same_commit_gives_the_same_bytes(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """Whatever directory, umask, time zone, language, git configuration, and age and order of files are."""
    repo = make_repo(Sample(backend=backend, files=_FILES))
    one, other = _clone(repo, tmp_path / "one"), _clone(repo, tmp_path / "elsewhere" / "deep er" / "other")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LANG", "C")
    assert run_session(one, "--run-number", "5", steps=("build",)).result is Result.DONE
    # The clock that a backend may pack must have moved on, or the comparison shows nothing.
    time.sleep(1.1)
    monkeypatch.setenv("TZ", "America/St_Johns")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (tmp_path / "gitconfig").write_text("[core]\n\tautocrlf = true\n\teol = crlf\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    _rewrite_in_reverse(other)
    before = os.umask(0o077)
    try:
        assert run_session(other, "--run-number", "5", steps=("build",)).result is Result.DONE
    finally:
        os.umask(before)
    assert _digests(one) == _digests(other)


def _rewrite_in_reverse(repo: Repo) -> None:
    """Write every file of the working tree again, last one first, each with another age."""
    for age, name in enumerate(reversed(repo.git("ls-files", "-z").split("\0")[:-1])):
        path = repo.root / name
        content = path.read_bytes()
        path.unlink()
        path.write_bytes(content)
        os.utime(path, (10_000 * age, 10_000 * age))


def test_a_reproducible_backends_sdist_is_not_rewritten(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path
) -> None:
    """Hatchling's sdist is what `uv build` alone makes, byte for byte."""
    repo = make_repo(Sample(backend="hatchling", files=_FILES))
    assert run_session(repo, "--run-number", "5", steps=("build",)).result is Result.DONE
    by_hand = _clone(repo, tmp_path / "by-hand")
    sha = repo.git("rev-parse", "HEAD")
    text = (by_hand.root / "pyproject.toml").read_text().replace("1.2.0.dev0", "1.2.0.dev5")
    url = f"https://github.com/example/demo-tool/commit/{sha}"
    (by_hand.root / "pyproject.toml").write_text(f'{text}"Source commit" = "{url}"\n')
    env = dict(os.environ) | {"SOURCE_DATE_EPOCH": repo.git("show", "--no-patch", "--format=%ct", "HEAD")}
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "build", "--quiet", "--no-sources", "--sdist"], cwd=by_hand.root, env=env, check=True)
    name = "demo_tool-1.2.0.dev5.tar.gz"
    assert (by_hand.root / "dist" / name).read_bytes() == (repo.root / "dist" / name).read_bytes()
