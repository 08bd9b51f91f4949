"""Carry edits out in the working tree: all of them, or none."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from release_channels import console
from release_channels.errors import RefusedError
from release_channels.project.edit import Edit
from release_channels.project.source import Read
from release_channels.world.files import write_whole
from release_channels.world.git import Git

_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def apply_edits(root: Path, edits: Sequence[Edit]) -> None:
    """Write every edit; if one cannot be written, those before it are taken back.

    Raises: RefusedError if a file is no longer what the edit was planned on, or cannot be written.
    """
    for edit in edits:
        path = root / edit.path
        if not path.is_file() or read_text(path) != edit.old:
            raise RefusedError(f"{edit.path} changed while the edit was planned", hint="start again")
    written: list[Edit] = []
    try:
        for edit in edits:
            write_whole(root / edit.path, edit.new)
            written.append(edit)
    except BaseException:
        for edit in written:
            write_whole(root / edit.path, edit.old)
        raise


def show_edits(edits: Sequence[Edit]) -> None:
    """Show what changes, file by file, as a diff with colours on a terminal."""
    for edit in edits:
        old, new = edit.old.splitlines(), edit.new.splitlines()
        for line in difflib.unified_diff(old, new, f"a/{edit.path}", f"b/{edit.path}", n=1, lineterm=""):
            console.say(line, style=_STYLES.get(line[:1], ""))


def reader(git: Git) -> Read:
    """Give a reader of the working tree's files; None for what is not there, or is none of git's."""

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
