"""Temporary directory of a rehearsal, in memory if there is enough space."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.files import clear_temporary_directories, temporary_directory

MEMORY = Path("/dev/shm")
"""Source: proc(5) and shm_overview(7): Linux keeps files that lie here in memory."""
MEMINFO = Path("/proc/meminfo")
LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Source: the kernel's documentation of cgroup v2: a number of bytes, or the word `max`."""
_ROOM = 4 * 2**30  # bytes
_NAME = "rehearse"
_AVAILABLE = re.compile(r"^MemAvailable:\s+([0-9]+) kB$", re.MULTILINE | re.ASCII)


@contextmanager
def workspace(
    env: Mapping[str, str], *, keep: bool, memory: Path = MEMORY, meminfo: Path = MEMINFO, limit: Path = LIMIT
) -> Iterator[Path]:
    """Create the temporary directory; a kept one is on disk, and its path is printed last."""
    if not keep:
        with ExitStack() as stack:
            has_room = _takes_it(env, memory) and _is_free(meminfo, limit)
            yield (_in_memory(stack, memory) if has_room else None) or stack.enter_context(temporary_directory(_NAME))
        return
    directory = Path(tempfile.mkdtemp(prefix=f"release-channels-{_NAME}-")).resolve()
    try:
        yield directory
    finally:
        console.say(f"kept: {directory} (checkout, remote.git, index, and each run's log.txt in runs)")


def _takes_it(env: Mapping[str, str], memory: Path) -> bool:
    """Clear the in-memory directory, and return whether it allows programs and has 4 GiB free.

    TMPDIR, if set, takes precedence.
    """
    if env.get("TMPDIR") or not (memory.is_dir() and os.access(memory, os.R_OK | os.W_OK | os.X_OK)):
        return False
    clear_temporary_directories(memory)
    there = os.statvfs(memory)
    return there.f_bavail * there.f_frsize >= _ROOM and not there.f_flag & os.ST_NOEXEC


def _is_free(meminfo: Path, limit: Path) -> bool:
    """Return whether the memory is there that the directory promises: its own limit says nothing of that."""
    with suppress(OSError):
        most = limit.read_text(encoding="ascii").strip()
        if most.isdecimal() and int(most) < _ROOM:
            return False
    with suppress(OSError):
        available = _AVAILABLE.search(meminfo.read_text(encoding="utf-8"))
        return available is not None and int(available[1]) * 1024 >= _ROOM
    return False


def _in_memory(stack: ExitStack, memory: Path) -> Path | None:
    """Make the directory, or none where it cannot be made."""
    with suppress(OSError):
        return stack.enter_context(temporary_directory(_NAME, memory))
    return None
