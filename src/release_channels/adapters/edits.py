"""Apply edits to the working tree: all of them, or none."""

from __future__ import annotations

import difflib
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.files import GITHUB, atomic_write, locate, reporting_unwritable
from release_channels.adapters.git import Git
from release_channels.adapters.interrupts import signals_held
from release_channels.errors import RefusedError
from release_channels.project.edit import Change, Creation, Edit, Removal
from release_channels.project.files import Read, SymbolicLinkError

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def apply_edits(root: Path, changes: Sequence[Change]) -> None:
    """Apply every change, or none if one fails or a signal arrives.

    Raises: RefusedError if a file is no longer what the change was planned on, or cannot be written.
    """
    with all_or_nothing(root, [change.path for change in changes]):
        for change in changes:
            if not _is_as_planned(locate(root, change.path), change):
                raise RefusedError(f"{change.path} changed while the edit was planned", hint="start again")
        with signals_held():
            for change in changes:
                _carry_out(locate(root, change.path), change)


@contextmanager
def all_or_nothing(root: Path, paths: Iterable[str]) -> Iterator[None]:
    """Restore files if the block fails or is interrupted: their content and mode, and the directories above them.

    Raises: RefusedError before the block if a path has a symbolic link in it.
    """
    before = {path: file_state(root, path) for path in paths}
    missing = {above for path in before for above in locate(root, path).parents if not above.exists()}
    try:
        yield
    except BaseException:
        restore_files(root, before, missing)
        raise


FileState = tuple[int, bytes] | None
"""The mode and the content of a file; None if there is none."""


def restore_files(root: Path, before: Mapping[str, FileState], missing: Collection[Path] = ()) -> None:
    """Bring files back to an earlier state, and remove directories that were missing then and are empty now."""
    # An exit stack runs every callback, also after one that fails, and the last one added first.
    with signals_held(), ExitStack() as undo:
        for directory in sorted(missing):
            undo.callback(_remove_empty, directory)
        for path, state in before.items():
            undo.callback(_restore, locate(root, path), state)


def file_state(root: Path, path: str) -> FileState:
    """Read the state of a file.

    Raises: RefusedError if its path has a symbolic link in it.
    """
    for part in (Path(path), *Path(path).parents[:-1]):
        if locate(root, part.as_posix()).is_symlink():
            raise RefusedError(f"{part.as_posix()} is a symbolic link", hint="put the file itself in its place")
    file = locate(root, path)
    return (file.stat().st_mode & 0o7777, file.read_bytes()) if file.is_file() else None


def _restore(path: Path, state: FileState) -> None:
    if state is None:
        if path.is_file():
            path.unlink()
        return
    mode, content = state
    if not path.is_file() or path.read_bytes() != content:
        atomic_write(path, content)
        path.chmod(mode)


def _remove_empty(directory: Path) -> None:
    with suppress(OSError):
        directory.rmdir()


def _is_as_planned(path: Path, change: Change) -> bool:
    if isinstance(change, Creation):
        return not path.exists()
    return path.is_file() and change.old == (read_text(path) if isinstance(change, Edit) else path.read_bytes())


def _carry_out(path: Path, change: Change) -> None:
    with reporting_unwritable(path):
        if isinstance(change, Removal):
            path.unlink()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, change.new)


def show_edits(changes: Sequence[Change]) -> None:
    """Print the changes file by file as a diff, in colour on a terminal."""
    for change in changes:
        if isinstance(change, Removal):
            console.say(f"--- a/{change.path}", style=_STYLES["-"], is_prose=False)
            console.say("+++ /dev/null", style=_STYLES["+"], is_prose=False)
            continue
        old, before = ("", "/dev/null") if isinstance(change, Creation) else (change.old, f"a/{change.path}")
        lines = old.splitlines(), change.new.splitlines()
        for line in difflib.unified_diff(*lines, before, f"b/{change.path}", n=1, lineterm=""):
            console.say(line, style=_STYLES.get(line[:1], ""), is_prose=False)
        if isinstance(change, Edit) and change.warning:
            console.warn(f"{change.path}: {change.warning}")


def reader(git: Git) -> Read:
    """Return a function that reads tracked files of the working tree; it returns None for any other path.

    They are listed once, with the first file.
    """
    tracked = cache(lambda: frozenset(git.tracked_files()))

    def read(path: str) -> bytes | None:
        file = locate(git.root, path)
        if file.is_symlink():
            where = file.readlink().as_posix()
            raise SymbolicLinkError(path, where, f"{path} is a symbolic link", hint="put the file itself in its place")
        return file.read_bytes() if file.is_file() and is_tracked(path) else None

    def is_tracked(path: str) -> bool:
        return git.tracks(path) if path.startswith(GITHUB) else posixpath.normpath(path) in tracked()

    return read


def read_text(path: Path) -> str:
    """Read a text file with its line endings and byte order mark, so that writing it back gives the same bytes.

    Raises: RefusedError if it is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as err:
        raise RefusedError(f"{path.name} is not UTF-8", hint="save it as UTF-8") from err
