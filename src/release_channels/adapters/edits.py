"""Carry edits out in the working tree: all of them, or none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.files import atomic_write
from release_channels.adapters.git import Git
from release_channels.errors import RefusedError
from release_channels.project.edit import Change, Creation, Edit, Removal
from release_channels.project.files import Read

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def apply_edits(root: Path, changes: Sequence[Change]) -> None:
    """Carry out every change; if one cannot be, those before it are taken back.

    Raises: RefusedError if a file is no longer what the change was planned on, or cannot be written.
    """
    for change in changes:
        if not _is_as_planned(root / change.path, change):
            raise RefusedError(f"{change.path} changed while the edit was planned", hint="start again")
    done: list[Change] = []
    try:
        for change in changes:
            _carry_out(root / change.path, change)
            done.append(change)
    except BaseException:
        for change in done:
            _take_back(root / change.path, change)
        raise


def _is_as_planned(path: Path, change: Change) -> bool:
    if isinstance(change, Creation):
        return not path.exists() and not path.is_symlink()
    return path.is_file() and change.old == (read_text(path) if isinstance(change, Edit) else path.read_bytes())


def _carry_out(path: Path, change: Change) -> None:
    if isinstance(change, Removal):
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, change.new)


def _take_back(path: Path, change: Change) -> None:
    if isinstance(change, Edit):
        atomic_write(path, change.old)
    elif isinstance(change, Creation):
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(change.old)


def show_edits(changes: Sequence[Change]) -> None:
    """Show what changes, file by file, as a diff with colours on a terminal."""
    for change in changes:
        if isinstance(change, Removal):
            console.say(f"--- a/{change.path}", style=_STYLES["-"])
            console.say("+++ /dev/null", style=_STYLES["+"])
            continue
        old, before = ("", "/dev/null") if isinstance(change, Creation) else (change.old, f"a/{change.path}")
        lines = old.splitlines(), change.new.splitlines()
        for line in difflib.unified_diff(*lines, before, f"b/{change.path}", n=1, lineterm=""):
            console.say(line, style=_STYLES.get(line[:1], ""))


def reader(git: Git) -> Read:
    """Return a reader of the working tree's files; None for what is not there, or is none of git's."""

    def read(path: str) -> bytes | None:
        file = git.root / path
        if file.is_symlink():
            raise RefusedError(f"{path} is a symbolic link", hint="put the file itself in its place")
        return file.read_bytes() if file.is_file() and git.tracks(path) else None

    return read


def read_text(path: Path) -> str:
    """Read a file so that writing it back gives the same bytes: line ends and a byte order mark stay.

    Raises: RefusedError if it is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as err:
        raise RefusedError(f"{path.name} is not UTF-8", hint="save it as UTF-8") from err
