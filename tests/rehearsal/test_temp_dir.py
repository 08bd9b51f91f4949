"""Where a rehearsal's temporary directory is, and how those of killed rehearsals are deleted."""

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

MakeDirectory = Callable[..., AbstractContextManager[Path]]


@pytest.fixture(autouse=True)
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary directory on the disk."""
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
    return tmp_path / "disk"


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A directory in place of the one in memory, with as much space as its disk."""
    (tmp_path / "memory").mkdir()
    return tmp_path / "memory"


@pytest.fixture
def make_directory(memory: Path, tmp_path: Path) -> MakeDirectory:
    """Create the temporary directory on a machine with enough memory."""
    (tmp_path / "meminfo").write_text("MemTotal:       24000000 kB\nMemAvailable:   23000000 kB\n")
    (tmp_path / "limit").write_text("max\n")
    return partial(
        workspace, {}, keep=False, memory=memory, meminfo=tmp_path / "meminfo", limit=tmp_path / "limit"
    )  # fmt: skip


def test_it_is_in_memory_and_deleted_with_the_rehearsal(
    make_directory: MakeDirectory, memory: Path, disk: Path
) -> None:
    """With its lock."""
    with make_directory() as directory:
        assert directory.parent == memory.resolve()
        assert list(memory.iterdir()) == [memory / directory.name]
        assert list(disk.iterdir()) == []
    assert list(memory.iterdir()) == []


def test_a_kept_directory_is_on_the_disk(memory: Path, disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And so is one below a user's own TMPDIR."""
    with workspace({"TMPDIR": str(disk)}, keep=False, memory=memory) as directory:
        assert directory.parent == disk.resolve()
    assert list(disk.iterdir()) == []
    with workspace({}, keep=True, memory=memory) as directory:
        assert directory.parent == disk.resolve()
    assert directory.is_dir()
    assert f"kept: {directory}" in capsys.readouterr().err
    assert list(memory.iterdir()) == []


def test_without_a_directory_in_memory_it_is_on_the_disk(tmp_path: Path, disk: Path) -> None:
    """As on macOS."""
    with workspace({}, keep=False, memory=tmp_path / "nothing") as directory:
        assert directory.parent == disk.resolve()


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_a_small_directory_in_memory_is_not_used(disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers have 64 MB by default."""
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
def test_unavailable_memory_is_not_used(
    make_directory: MakeDirectory, disk: Path, tmp_path: Path, available: str, limit: str
) -> None:
    """The directory has its own limit, but the machine may have less memory."""
    (tmp_path / "meminfo").write_text(available)
    (tmp_path / "limit").write_text(limit)
    with make_directory() as directory:
        assert directory.parent == disk.resolve()


def test_a_wide_or_missing_memory_limit_is_no_obstacle(
    make_directory: MakeDirectory, memory: Path, tmp_path: Path
) -> None:
    """Outside a container the file does not exist."""
    (tmp_path / "limit").write_text("8589934592\n")
    with make_directory() as directory:
        assert directory.parent == memory.resolve()
    (tmp_path / "limit").unlink()
    with make_directory() as directory:
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


def test_only_killed_rehearsals_directories_are_deleted(
    make_directory: MakeDirectory, memory: Path, tmp_path: Path
) -> None:
    """They have no lock; process ids can be equal in containers."""
    words = [sys.executable, "-c", _HOLD, str(memory), str(tmp_path / "meminfo"), str(tmp_path / "limit")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        theirs = Path(other.stdout.readline().strip())
        with make_directory():
            assert (theirs / "file").exists()
        other.kill()
    assert (theirs / "file").exists()
    with make_directory() as directory:
        assert list(memory.iterdir()) == [memory / directory.name]


def test_other_files_in_memory_stay(make_directory: MakeDirectory, memory: Path, tmp_path: Path) -> None:
    """Under any name."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    begin = "release-channels-rehearse"
    (memory / f"{begin}-linklink.tmp").symlink_to(tmp_path / "elsewhere")
    (memory / f"{begin}-dangling.tmp").symlink_to("nowhere")
    (memory / f"{begin}-filefile.tmp").touch()
    for name in (f"{begin}-keptkept", f"{begin}-{'9' * 30}.tmp", "somebody-else"):
        (memory / name).mkdir()
    before = sorted(memory.iterdir())
    with make_directory() as directory:
        assert directory.parent == memory.resolve()
    assert sorted(memory.iterdir()) == before
    assert (tmp_path / "elsewhere" / "file").exists()


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root gives a directory to another user")
def test_another_users_directory_stays(make_directory: MakeDirectory, memory: Path) -> None:
    """Also for root, and of a user without an entry in the list of users."""
    theirs = memory / "release-channels-rehearse-theirown.tmp"
    theirs.mkdir()
    os.chown(theirs, 4_000_000, -1)
    with make_directory() as directory:
        assert directory.parent == memory.resolve()
    assert list(memory.iterdir()) == [theirs]


@pytest.mark.skipif(sys.platform == "win32", reason="no rehearsal runs on Windows")
def test_a_directory_deleted_before_its_lock_is_made_on_disk(
    make_directory: MakeDirectory, memory: Path, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another rehearsal may take the new one for a killed one's."""
    import fcntl

    real = fcntl.flock

    def late(handle: int, how: int) -> None:
        for path in memory.iterdir():
            path.rmdir()
        real(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with make_directory() as directory:
        assert directory.parent == disk.resolve()
        assert directory.is_dir()
    assert [*memory.iterdir(), *disk.iterdir()] == []


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_a_noexec_directory_is_not_used(
    make_directory: MakeDirectory, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jobs run installed programs."""
    real = os.statvfs(MEMORY)
    strict = os.statvfs_result((*real[:8], real.f_flag | os.ST_NOEXEC, *real[9:]))
    monkeypatch.setattr(os, "statvfs", lambda _: strict)
    with make_directory() as directory:
        assert directory.parent == disk.resolve()


@pytest.mark.skipif(not MEMORY.is_dir(), reason="only Linux has a directory in memory")
def test_environments_outside_uvs_cache_are_made_of_links(offline: None, tmp_path: Path, upstream: str) -> None:
    """Copies would fill the memory; next to the cache nothing changes."""
    env = {**os.environ, "UV_CACHE_DIR": str(tmp_path / "cache")}
    env.pop("UV_LINK_MODE", None)
    with tempfile.TemporaryDirectory(dir=MEMORY) as name:
        away = children_environment(env, Path(name), "/usr/bin", tmp_path / "ca.pem", upstream)
    near = children_environment(env, tmp_path, "/usr/bin", tmp_path / "ca.pem", upstream)
    assert (away["UV_LINK_MODE"], near.get("UV_LINK_MODE")) == ("symlink", None)
    assert Path(near["TMPDIR"]).parent == tmp_path
