"""Read the files of a commit or of the working tree. Pure: the caller passes the reader."""

from __future__ import annotations

from collections.abc import Callable

Read = Callable[[str], bytes | None]
"""Reads a file of the commit, byte for byte; None if the commit has no such file."""


def nothing(_path: str) -> bytes | None:
    """Return None, as for a commit that has only pyproject.toml."""
    return None
