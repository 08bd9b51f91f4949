"""Temporary files and directories that are locked while their run lives, so that the next run clears a killed one's."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from release_channels.adapters.interrupts import is_ending, seconds_left, signals_held

SUFFIX = ".tmp"
"""The end of each name, so that nothing of somebody else's is taken for a leftover."""
_TRIES = 5
_PAUSE = 0.05  # seconds


@contextmanager
def locked_file(directory: Path, prefix: str) -> Iterator[tuple[Path, IO[bytes]]]:
    """Create a file for as long as a block lasts, unless the block gives it another name."""
    made = None
    try:
        with signals_held():
            made = _make_file(directory, prefix)
        with os.fdopen(made[0], "wb") as file:
            yield made[1], file
    finally:
        if made is not None:
            made[1].unlink(missing_ok=True)


@contextmanager
def locked_directory(prefix: str, inside: Path | None) -> Iterator[Path]:
    """Create a directory for as long as a block lasts, and remove it afterwards, also if a signal arrives meanwhile."""
    made = None
    try:
        with signals_held():
            made = _make_directory(prefix, inside)
        yield Path(made[0].name)
    finally:
        if made is not None:
            with signals_held():
                _remove(made[0])
                _close(made[1])


def _remove(directory: tempfile.TemporaryDirectory[str]) -> None:
    """Remove a directory, again and again while a thread of an interrupted run still writes into it."""
    directory.cleanup()
    while is_ending() and seconds_left() and Path(directory.name).exists():
        time.sleep(_PAUSE)
        shutil.rmtree(directory.name, ignore_errors=True)


def clear_left_behind(directory: Path, pattern: str) -> None:
    """Remove files and directories of this user that nobody has locked: those of killed runs.

    What cannot be removed, or not be locked on this file system, stays and harms nobody.
    """
    for path in directory.glob(pattern):
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                if os.fstat(handle).st_uid == os.getuid() and _lock(handle, wait=False):
                    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink()
            finally:
                os.close(handle)


def _make_file(directory: Path, prefix: str) -> tuple[int, Path]:
    for _ in range(_TRIES):
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=SUFFIX, dir=directory)
        _lock(handle, wait=True)
        if os.fstat(handle).st_nlink:  # another run may have found it before it was locked
            return handle, Path(name)
        os.close(handle)
    raise FileNotFoundError(f"{name} was removed as soon as it was made")


def _make_directory(prefix: str, inside: Path | None) -> tuple[tempfile.TemporaryDirectory[str], int | None]:
    for _ in range(_TRIES):
        made = tempfile.TemporaryDirectory(prefix=prefix, suffix=SUFFIX, dir=inside, ignore_cleanup_errors=True)
        handle = _open_directory(made.name)
        if handle is not None:
            _lock(handle, wait=True)
        if Path(made.name).is_dir():  # as above
            return made, handle
        _close(handle)
        made.cleanup()
    raise FileNotFoundError(f"{made.name} was removed as soon as it was made")


def _open_directory(name: str) -> int | None:
    with suppress(OSError):  # it is gone already, or the system is Windows, which opens no directory
        return os.open(name, os.O_RDONLY)
    return None


def _close(handle: int | None) -> None:
    if handle is not None:
        os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock an open file or directory until it is closed, and return whether it is locked now."""
    try:
        import fcntl  # Windows has none: what is left behind there stays
    except ImportError:
        return False
    with suppress(OSError):  # somebody holds it, or the file system has no locks
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
