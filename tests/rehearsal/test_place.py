"""Where a rehearsal's world lies, and what becomes of what a killed one has left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from release_channels.rehearsal.outside import children_environment
from release_channels.rehearsal.place import MEMORY, lend_place


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files lie on the disk."""
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
    return tmp_path / "disk"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A directory that stands for the one in memory; it has as much room as the disk that it is on."""
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory"


def _ended() -> int:
    """Give the id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_it_lies_in_memory_and_goes_with_the_rehearsal(memory: Path, disk: Path) -> None:
    """The directory names the process, by which a later rehearsal knows whether it is still needed."""
    with lend_place({}, keep=False, memory=memory) as place:
        assert place.parent == memory.resolve()
        assert f"-{os.getpid()}-" in place.name
        assert list(disk.iterdir()) == []
    assert list(memory.iterdir()) == []


def test_who_keeps_it_or_has_chosen_a_place_gets_it_on_the_disk(
    memory: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is kept has to be there tomorrow; and TMPDIR is a user's own choice."""
    with lend_place({"TMPDIR": str(disk)}, keep=False, memory=memory) as place:
        assert place.parent == disk.resolve()
    assert list(disk.iterdir()) == []
    with lend_place({}, keep=True, memory=memory) as place:
        assert place.parent == disk.resolve()
    assert place.is_dir()
    assert f"kept: {place}" in capsys.readouterr().err
    assert list(memory.iterdir()) == []


def test_without_a_directory_in_memory_it_lies_on_the_disk(tmp_path: Path, disk: Path) -> None:
    """macOS has none."""
    with lend_place({}, keep=False, memory=tmp_path / "nothing") as place:
        assert place.parent == disk.resolve()


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_a_small_one_is_left_alone(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container gets 64 MB of it: a rehearsal would end half-way."""
    real = os.statvfs(MEMORY)
    small = os.statvfs_result((*real[:4], 16 * 2**20 // real.f_frsize, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: small)
    with lend_place({}, keep=False) as place:
        assert place.parent == disk.resolve()


def test_what_a_killed_rehearsal_left_is_taken_away_and_nothing_else(memory: Path) -> None:
    """Rehearsals that run at the same time keep theirs, and so does everybody else."""
    gone, running = memory / f"release-channels-rehearse-{_ended()}-abc", f"release-channels-rehearse-{os.getpid()}-abc"
    others = (running, "release-channels-rehearse-x-abc", "somebody-else")
    for path in (gone, *(memory / name for name in others)):
        path.mkdir()
        (path / "file").touch()
    with lend_place({}, keep=False, memory=memory):
        pass
    assert sorted(path.name for path in memory.iterdir()) == sorted(others)


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_environments_away_from_uvs_cache_are_made_of_links(offline: None, tmp_path: Path, upstream: str) -> None:
    """A copy of each file for each job is what would fill the memory; beside the cache nothing is changed."""
    env = {**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache")}
    env.pop("UV_LINK_MODE", None)
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        away = children_environment(env, Path(name), "/usr/bin", tmp_path / "ca.pem", upstream)
    beside = children_environment(env, tmp_path, "/usr/bin", tmp_path / "ca.pem", upstream)
    assert (away["UV_LINK_MODE"], beside.get("UV_LINK_MODE")) == ("symlink", None)
    assert Path(beside["TMPDIR"]).parent == tmp_path
