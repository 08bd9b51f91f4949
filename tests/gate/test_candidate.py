"""What the gate installs and what it downloads: files of one lock."""

from __future__ import annotations

from pathlib import Path

from release_channels.world.distributions import sha256_of
from tests.support.gating import Ready, make_ready
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.support.wheelhouse import OLD_PIP


def _wheels(ready: Ready) -> list[str]:
    return sorted(path.name for path in ready.candidate.contents.wheelhouse.iterdir())


def _pip(ready: Ready) -> str:
    (found,) = ready.candidate.contents.environment.glob("lib/python*/site-packages/pip-*.dist-info")
    return found.name.removesuffix(".dist-info").replace("-", "==")


def test_the_wheelhouse_holds_the_candidate_and_all_of_its_lock(ready: Ready) -> None:
    """The candidate's wheel is the very one that was built, and pip is the one that is installed."""
    wheel = next(file for file in ready.candidate.files if file.name.endswith(".whl"))
    assert sha256_of(ready.candidate.contents.wheelhouse / wheel.name) == wheel.sha256
    assert [name.partition("-")[0] for name in _wheels(ready)] == ["demo_tool", "pip"]
    assert _wheels(ready)[1].startswith(f"{_pip(ready).replace('==', '-')}-")


def test_a_pip_that_reads_no_lock_gets_the_same_by_name(tmp_path: Path, offline: None, wheelhouse: Path) -> None:
    """A project may hold pip back; each pin is asked for then, and the files are the index's."""
    sample = Sample(backend="uv_build", dependencies=("idna>=3", OLD_PIP))
    ready = make_ready(Repo.create(tmp_path / "repo", sample.tree()), tmp_path / "workplace")
    assert _pip(ready) == OLD_PIP
    own, idna, pip = _wheels(ready)
    assert own.startswith("demo_tool-")
    assert pip.startswith(f"{OLD_PIP.replace('==', '-')}-")
    for name in (idna, pip):
        assert sha256_of(ready.candidate.contents.wheelhouse / name) == sha256_of(wheelhouse / name)
