"""Read the files of a commit or of the working tree. Pure: the caller passes the reader."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol, runtime_checkable

Read = Callable[[str], bytes | None]
"""Reads a file of the commit, byte for byte; None if the commit has no such file."""


def nothing(_path: str) -> bytes | None:
    """Return None, as for a commit that has only pyproject.toml."""
    return None


@runtime_checkable
class ReadsMany(Protocol):
    """A reader that is faster with several files at once."""

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read files by path; files that the commit does not have are left out."""


def read_all(read: Read, paths: Iterable[str]) -> Mapping[str, bytes]:
    """Read files by path, at once where the reader can; files that the commit does not have are left out."""
    reader: object = read
    if isinstance(reader, ReadsMany):
        return reader.read_many(paths)
    return {path: content for path in paths if (content := read(path)) is not None}
