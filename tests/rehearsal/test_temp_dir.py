"""Where a rehearsal's world lies, and what becomes of what a killed one has left."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from release_channels.rehearsal.child_environment import children_environment
from release_channels.rehearsal.temp_dir import MEMORY, workspace

Lend = Callable[..., AbstractContextManager[Path]]


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


@pytest.fixture
def lend(memory: Path, tmp_path: Path) -> Lend:
    """Lend a place on a machine that has memory enough, unless a test says otherwise."""
    (tmp_path / "meminfo").write_text("MemTotal:       24000000 kB\nMemAvailable:   23000000 kB\n")
    (tmp_path / "limit").write_text("max\n")
    return partial(
        workspace, {}, keep=False, memory=memory, meminfo=tmp_path / "meminfo", limit=tmp_path / "limit"
    )  # fmt: skip


def test_it_lies_in_memory_and_goes_with_the_rehearsal(lend: Lend, memory: Path, disk: Path) -> None:
    """Neither the directory nor anything of its lock is left."""
    with lend() as directory:
        assert directory.parent == memory.resolve()
        assert list(memory.iterdir()) == [memory / directory.name]
        assert list(disk.iterdir()) == []
    assert list(memory.iterdir()) == []


def test_who_keeps_it_or_has_chosen_a_place_gets_it_on_the_disk(
    memory: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is kept has to be there tomorrow; and TMPDIR is a user's own choice."""
    with workspace({"TMPDIR": str(disk)}, keep=False, memory=memory) as directory:
        assert directory.parent == disk.resolve()
    assert list(disk.iterdir()) == []
    with workspace({}, keep=True, memory=memory) as directory:
        assert directory.parent == disk.resolve()
    assert directory.is_dir()
    assert f"kept: {directory}" in capsys.readouterr().err
    assert list(memory.iterdir()) == []


def test_without_a_directory_in_memory_it_lies_on_the_disk(tmp_path: Path, disk: Path) -> None:
    """macOS has none."""
    with workspace({}, keep=False, memory=tmp_path / "nothing") as directory:
        assert directory.parent == disk.resolve()


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_a_small_one_is_left_alone(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container gets 64 MB of it: a rehearsal would end half-way."""
    real = os.statvfs(MEMORY)
    small = os.statvfs_result((*real[:4], 16 * 2**20 // real.f_frsize, *real[5:]))
    monkeypatch.setattr(os, "statvfs", lambda _: small)
    with workspace({}, keep=False) as directory:
        assert directory.parent == disk.resolve()


@pytest.mark.parametrize(
    ("available", "limit"),
    [
        pytest.param("MemAvailable:    2000000 kB\n", "max\n", id="used by others"),
        pytest.param("MemAvailable:   23000000 kB\n", "2147483648\n", id="a container's limit"),
        pytest.param("", "max\n", id="unknown"),
    ],
)
def test_memory_that_is_not_there_is_not_taken(
    lend: Lend, disk: Path, tmp_path: Path, available: str, limit: str
) -> None:
    """A directory in memory names a limit of its own, and a machine that runs out of memory kills what it likes."""
    (tmp_path / "meminfo").write_text(available)
    (tmp_path / "limit").write_text(limit)
    with lend() as directory:
        assert directory.parent == disk.resolve()


def test_a_limit_that_is_wide_enough_or_not_there_is_none(lend: Lend, memory: Path, tmp_path: Path) -> None:
    """Outside a container the file does not exist."""
    (tmp_path / "limit").write_text("8589934592\n")
    with lend() as directory:
        assert directory.parent == memory.resolve()
    (tmp_path / "limit").unlink()
    with lend() as directory:
        assert directory.parent == memory.resolve()


_HOLD = """import sys
from pathlib import Path
from release_channels.rehearsal.temp_dir import workspace
memory, meminfo, limit = map(Path, sys.argv[1:])
with workspace({}, keep=False, memory=memory, meminfo=meminfo, limit=limit) as place:
    (place / "file").touch()
    print(place, flush=True)
    sys.stdin.read()
"""


def test_a_killed_rehearsals_place_is_cleared_and_a_living_ones_is_not(
    lend: Lend, memory: Path, tmp_path: Path
) -> None:
    """The lock tells them apart, whatever their process is called: in a container all of them have the same id."""
    words = [sys.executable, "-c", _HOLD, str(memory), str(tmp_path / "meminfo"), str(tmp_path / "limit")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        theirs = Path(other.stdout.readline().strip())
        with lend():
            assert (theirs / "file").exists()
        other.kill()
    assert (theirs / "file").exists()
    with lend() as directory:
        assert list(memory.iterdir()) == [memory / directory.name]


def test_what_is_no_rehearsals_place_stays_and_stops_nothing(lend: Lend, memory: Path, tmp_path: Path) -> None:
    """Anybody may put anything into the directory in memory, under every name."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    begin = "release-channels-rehearse"
    (memory / f"{begin}-linklink.tmp").symlink_to(tmp_path / "elsewhere")
    (memory / f"{begin}-dangling.tmp").symlink_to("nowhere")
    (memory / f"{begin}-filefile.tmp").touch()
    for name in (f"{begin}-keptkept", f"{begin}-{'9' * 30}.tmp", "somebody-else"):
        (memory / name).mkdir()
    before = sorted(memory.iterdir())
    with lend() as directory:
        assert directory.parent == memory.resolve()
    assert sorted(memory.iterdir()) == before
    assert (tmp_path / "elsewhere" / "file").exists()


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root gives a directory to another user")
def test_another_users_place_stays(lend: Lend, memory: Path) -> None:
    """Root could take it away; a user without an entry in the list of users is one, too."""
    theirs = memory / "release-channels-rehearse-theirown.tmp"
    theirs.mkdir()
    os.chown(theirs, 4_000_000, -1)
    with lend() as directory:
        assert directory.parent == memory.resolve()
    assert list(memory.iterdir()) == [theirs]


@pytest.mark.skipif(sys.platform == "win32", reason="no rehearsal runs on Windows")
def test_a_place_that_is_lost_before_it_is_locked_is_made_on_the_disk(
    lend: Lend, memory: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making and locking, another rehearsal may take a new directory for a killed one's."""
    import fcntl

    real = fcntl.flock

    def late(handle: int, how: int) -> None:
        for path in memory.iterdir():
            path.rmdir()
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with lend() as directory:
        assert directory.parent == disk.resolve()
        assert directory.is_dir()
    assert [*memory.iterdir(), *disk.iterdir()] == []


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_one_that_runs_no_programs_is_left_alone(lend: Lend, disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run what they have installed."""
    real = os.statvfs(MEMORY)
    strict = os.statvfs_result((*real[:8], real.f_flag | os.ST_NOEXEC, *real[9:]))
    monkeypatch.setattr(os, "statvfs", lambda _: strict)
    with lend() as directory:
        assert directory.parent == disk.resolve()


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
