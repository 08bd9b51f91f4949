"""Edits in a working tree: all of them or none, however they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from release_channels.adapters.edits import apply_edits
from release_channels.errors import RefusedError
from release_channels.project.edit import Change, Creation, Edit, Removal

LONG = "x" * 250
"""A name that leaves no room for that of a temporary file beside it, so that writing it fails."""
FAILING = Creation(LONG, "new\n")


def tree(root: Path) -> Mapping[str, tuple[int, bytes | str]]:
    """Return everything below a directory: modes, contents and link targets."""
    return {path.relative_to(root).as_posix(): _entry(path) for path in sorted(root.rglob("*"))}


def _entry(path: Path) -> tuple[int, bytes | str]:
    if path.is_symlink():
        return 0, str(path.readlink())
    return path.stat().st_mode, path.read_bytes() if path.is_file() else b""


def _file(mode: int) -> Callable[[Path], object]:
    def make(root: Path) -> None:
        (root / "a.txt").write_bytes(b"old\r\n")
        (root / "a.txt").chmod(mode)

    return make


def _unchanged(_root: Path) -> None:
    """Leave the directory as it is."""


EDIT = Edit("a.txt", "old\r\n", "new\r\n")
WRITTEN: dict[str, tuple[Callable[[Path], object], Change, dict[str, tuple[int, bytes]]]] = {
    "file": (_file(0o644), EDIT, {"a.txt": (0o100644, b"new\r\n")}),
    "read-only file": (_file(0o444), EDIT, {"a.txt": (0o100444, b"new\r\n")}),
    "executable": (_file(0o755), EDIT, {"a.txt": (0o100755, b"new\r\n")}),
    "new file": (_unchanged, Creation("b.txt", "new\n"), {"b.txt": (0o100644, b"new\n")}),
    "new directories": (_unchanged, Creation("b/c/d.txt", ""), {"b/c/d.txt": (0o100644, b"")}),
    "removed file": (_file(0o644), Removal("a.txt", b"old\r\n"), {}),
    "removed executable": (_file(0o755), Removal("a.txt", b"old\r\n"), {}),
}


@pytest.mark.parametrize(("make", "change", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_an_edit_is_applied(
    tmp_path: Path, make: Callable[[Path], object], change: Change, expected: dict[str, tuple[int, bytes]]
) -> None:
    """A file keeps its mode."""
    make(tmp_path)
    apply_edits(tmp_path, [change])
    assert {path: entry for path, entry in tree(tmp_path).items() if (tmp_path / path).is_file()} == expected


@pytest.mark.parametrize(("make", "change", "_expected"), WRITTEN.values(), ids=WRITTEN)
@pytest.mark.parametrize(
    "failing",
    [
        pytest.param(FAILING, id="cannot be written"),
        pytest.param(Creation("file/x", ""), id="no directory"),
    ],
)
def test_an_edit_is_undone_when_the_next_one_fails(
    tmp_path: Path, make: Callable[[Path], object], change: Change, _expected: object, failing: Change
) -> None:
    """Contents, modes and directories are restored."""
    make(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    before = tree(tmp_path)
    with pytest.raises(RefusedError, match="cannot be written"):
        apply_edits(tmp_path, [change, failing])
    assert tree(tmp_path) == before


def _link_to_file(root: Path) -> None:
    (root / "target").write_bytes(b"old\r\n")
    (root / "a.txt").symlink_to("target")


def _link_to_nothing(root: Path) -> None:
    (root / "a.txt").symlink_to("nowhere")


def _link_to_directory(root: Path) -> None:
    (root / "target").mkdir()
    (root / "d").symlink_to("target")


LINKS = {
    "edit": (_link_to_file, EDIT, "a.txt"),
    "creation": (_link_to_nothing, Creation("a.txt", ""), "a.txt"),
    "removal": (_link_to_file, Removal("a.txt", b"old\r\n"), "a.txt"),
    "directory": (_link_to_directory, Creation("d/e/f.txt", ""), "d"),
}


@pytest.mark.parametrize(("make", "change", "link"), LINKS.values(), ids=LINKS)
def test_an_edit_through_a_symlink_is_refused(
    tmp_path: Path, make: Callable[[Path], object], change: Change, link: str
) -> None:
    """Nothing is written: not the link, not its target, not the edits before it."""
    make(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(RefusedError, match=f"{link} is a symbolic link"):
        apply_edits(tmp_path, [Creation("first.txt", ""), change])
    assert tree(tmp_path) == before


_MANY = 3000
_PROGRAM = f"""
import sys
from pathlib import Path
from release_channels.adapters.edits import apply_edits
from release_channels.adapters.interrupts import terminate_gracefully
from release_channels.project.edit import Creation, Edit

root = Path(sys.argv[1])
files = (f"{{number % 100}}/{{number}}.txt" for number in range({_MANY}))
changes = [Edit("a.txt", "old", "new"), *(Creation(path, "") for path in files)]
with terminate_gracefully():
    apply_edits(root, changes)
"""


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program that writes many files, and wait for the first."""
    (tmp_path / "a.txt").write_bytes(b"old")
    child = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(tmp_path)], stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end and not (tmp_path / "1").exists():
            time.sleep(0.001)
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_edit_is_complete_or_undone(
    tmp_path: Path, writing: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    """Also with a second signal during the undo."""
    for _ in range(2):
        writing.send_signal(number)
        time.sleep(0.01)
    assert writing.wait(30) != 0
    assert list(tree(tmp_path)) == ["a.txt"]
    assert (tmp_path / "a.txt").read_bytes() == b"old"
