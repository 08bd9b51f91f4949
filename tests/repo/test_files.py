"""Files are written completely or not at all, also on a full disk or when the process is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from release_channels.adapters.files import (
    atomic_write,
    checkout_lock,
    replace_directory,
    state_directory,
    temporary_directory,
)
from release_channels.errors import RefusedError


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def _python(program: str, *words: object) -> subprocess.Popen[str]:
    """Start a Python process of its own that a test may limit and kill."""
    command = [sys.executable, "-c", program, *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_file_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    """Line endings stay."""
    path = tmp_path / "a.txt"
    atomic_write(path, "one")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o755)
    atomic_write(path, "a\r\nb\n\nü")
    assert path.read_bytes() == "a\r\nb\n\nü".encode()
    assert path.stat().st_mode & 0o777 == 0o755
    assert _names(tmp_path) == {"a.txt"}


def test_unencodable_text_leaves_the_old_file(tmp_path: Path) -> None:
    """A lone surrogate; no temporary file is left."""
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        atomic_write(tmp_path / "a.txt", "new \udc80")
    assert (tmp_path / "a.txt").read_text() == "old"
    assert _names(tmp_path) == {"a.txt"}


def test_a_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    """No temporary file is left."""
    (tmp_path / "a.txt" / "kept").mkdir(parents=True)
    with pytest.raises(RefusedError, match=r"a\.txt cannot be written: ") as caught:
        atomic_write(tmp_path / "a.txt", "new")
    assert caught.value.hint
    assert _names(tmp_path) == {"a.txt"}


def test_a_missing_parent_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be written: No such file or directory"):
        atomic_write(tmp_path / "missing" / "a.txt", "new")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(RefusedError, match="cannot be written: Permission denied"):
        atomic_write(tmp_path / "closed" / "a.txt", "new")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    program = (
        "import resource, sys\nfrom pathlib import Path\nfrom release_channels.errors import RefusedError\n"
        "from release_channels.adapters.files import atomic_write\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    atomic_write(Path(sys.argv[1]), 'x' * 100_000)\n"
        "except RefusedError as stop:\n    sys.stdout.write(str(stop))\n"
    )
    out, _ = _python(program, tmp_path / "a.txt").communicate(timeout=30)
    assert "cannot be written: File too large" in out
    assert (tmp_path / "a.txt").read_text() == "old"
    assert _names(tmp_path) == {"a.txt"}


def _sources(directory: Path, *names: str) -> list[Path]:
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).write_text(name)
    return [directory / name for name in names]


def test_a_replaced_directory_keeps_no_old_file(tmp_path: Path) -> None:
    """Nor is anything left in the tool's own directory."""
    root = tmp_path / "project"
    (root / "dist" / "sub").mkdir(parents=True)
    (root / "dist" / "old.whl").write_text("old")
    replace_directory(root, "dist", _sources(tmp_path / "in", "a.whl", "b.tar.gz"))
    assert _names(root / "dist") == {"a.whl", "b.tar.gz", ".gitignore"}
    assert _names(root / ".release-channels") == {".gitignore"}


@pytest.mark.parametrize("kind", ["file", "link to a directory", "dangling link"])
def test_a_dist_that_is_not_a_directory_is_refused(tmp_path: Path, kind: str) -> None:
    """A link is never followed nor replaced."""
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    root.mkdir()
    _sources(elsewhere, "kept")
    if kind == "file":
        (root / "dist").write_text("kept")
    else:
        (root / "dist").symlink_to(elsewhere if kind == "link to a directory" else tmp_path / "nowhere")
    with pytest.raises(RefusedError, match="dist is not a directory") as caught:
        replace_directory(root, "dist", _sources(tmp_path / "in", "a.whl"))
    assert "move" in caught.value.hint
    assert _names(elsewhere) == {"kept"}
    assert (root / "dist").is_symlink() or (root / "dist").read_text() == "kept"


def test_a_failed_copy_leaves_the_old_directory(tmp_path: Path) -> None:
    """Copying comes before the swap."""
    root = tmp_path / "project"
    _sources(tmp_path, "x")
    root.mkdir()
    replace_directory(root, "dist", _sources(tmp_path / "in", "a.whl"))
    with pytest.raises(RefusedError, match="cannot be written: No such file"):
        replace_directory(root, "dist", [*_sources(tmp_path / "in", "b.whl"), tmp_path / "gone.whl"])
    assert _names(root / "dist") == {"a.whl", ".gitignore"}
    assert _names(root / ".release-channels") == {".gitignore"}


_PUT_FOREVER = """
import sys
from pathlib import Path
from release_channels.adapters.files import replace_directory
root, sources = Path(sys.argv[1]), Path(sys.argv[2])
sets = [sorted(path.iterdir()) for path in sorted(sources.iterdir())]
print("ready", flush=True)
while True:
    for files in sets:
        replace_directory(root, "dist", files)
"""


@pytest.mark.parametrize(
    "delay", [0.0, 0.0137, 0.031, *(pytest.param(n / 500, marks=pytest.mark.full) for n in range(40))]
)
def test_a_killed_swap_never_leaves_half_a_directory(tmp_path: Path, delay: float) -> None:
    """It is the old one, the new one or missing; the next run cleans up."""
    root = tmp_path / "project"
    root.mkdir()
    wholes = [{f"{name}-{number}.whl" for number in range(20)} for name in ("a", "b")]
    (tmp_path / "in").mkdir()
    for names in wholes:
        _sources(tmp_path / "in" / min(names)[0], *names)
    child = _python(_PUT_FOREVER, root, tmp_path / "in")
    assert child.stdout is not None
    child.stdout.readline()
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(timeout=0.02 + delay)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    dist = root / "dist"
    assert not dist.exists() or _names(dist) - {".gitignore"} in wholes
    replace_directory(root, "dist", _sources(tmp_path / "last", "c.whl"))
    assert _names(dist) == {"c.whl", ".gitignore"}
    assert _names(root / ".release-channels") == {".gitignore"}


def test_the_tools_own_directory_is_ignored_by_git(tmp_path: Path) -> None:
    """A file in its place is reported."""
    assert (state_directory(tmp_path) / ".gitignore").read_text() == "*\n"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / ".release-channels").write_text("a file")
    with pytest.raises(RefusedError, match=r"\.release-channels cannot be written"):
        state_directory(tmp_path / "other")


def test_a_temporary_directory_is_deleted_after_an_error(tmp_path: Path) -> None:
    seen: list[Path] = []

    def work() -> None:
        with temporary_directory("test") as place:
            seen.append(place)
            (place / "file").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not seen[0].exists()


_HOLD = """
import sys, time
from pathlib import Path
from release_channels.adapters.files import checkout_lock
with checkout_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    """A killed one leaves no lock."""
    child = _python(_HOLD, tmp_path)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(RefusedError, match="another release run is at work") as caught, checkout_lock(tmp_path):
            pass
        assert "wait until it has ended" in caught.value.hint
    finally:
        child.kill()
        child.communicate()
    with checkout_lock(tmp_path):
        pass
    with checkout_lock(tmp_path):
        pass
