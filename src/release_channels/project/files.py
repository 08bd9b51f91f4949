"""Read the files of a commit or of the working tree. Pure: the caller passes the reader."""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from release_channels.errors import RefusedError

Read = Callable[[str], bytes | None]
"""Reads a file of the commit, byte for byte; None if the commit has no such file."""

_LINKS = 8


class SymbolicLinkError(RefusedError):
    """A file is a symbolic link, which an edit would replace; `target` is its path in the project, or empty."""

    def __init__(self, path: str, target: str, message: str, *, hint: str) -> None:
        """Keep the target of a link, which is relative to the directory of the link."""
        super().__init__(message, hint=hint)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        self.target = "" if f"{target}/".startswith(("/", "../")) else target


def follow_links(path: str, read: Read) -> tuple[str, bytes | None]:
    """Read a file that may be a symbolic link in the project; return the path of the file itself with its content.

    Raises: SymbolicLinkError if it leads out of the project, or in a circle.
    """
    for _ in range(_LINKS):
        try:
            return path, read(path)
        except SymbolicLinkError as link:
            if not link.target:
                raise
            path = link.target
    return path, read(path)


def nothing(_path: str) -> bytes | None:
    """Return None for every path, as for a commit that has only pyproject.toml."""
    return None
