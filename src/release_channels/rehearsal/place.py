"""Where a rehearsal's world lies: in memory where there is room, since thousands of small files come and go in it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from release_channels import console
from release_channels.world.files import scratch

MEMORY = Path("/dev/shm")
"""Source: proc(5) and shm_overview(7): Linux keeps files that lie here in memory."""
_ROOM = 4 * 2**30
_NAME = "rehearse"
_OWNED = re.compile(rf"release-channels-{_NAME}-(?P<process>\d+)-\w+")


@contextmanager
def lend_place(env: Mapping[str, str], *, keep: bool, memory: Path = MEMORY) -> Iterator[Path]:
    """Lend the scratch directory; one that is kept is on the disk, and where it is comes last."""
    if not keep:
        with scratch(f"{_NAME}-{os.getpid()}", _in_memory(env, memory)) as place:
            yield place
        return
    place = Path(tempfile.mkdtemp(prefix=f"release-channels-{_NAME}-")).resolve()
    try:
        yield place
    finally:
        console.say(f"kept: {place} (checkout, remote.git, index, and each run's log.txt in runs)")


def _in_memory(env: Mapping[str, str], memory: Path) -> Path | None:
    """Give the directory in memory, if it takes programs and at least 4 GiB; who has set TMPDIR has chosen already."""
    if env.get("TMPDIR") or not (memory.is_dir() and os.access(memory, os.W_OK | os.X_OK)):
        return None
    _clear(memory)
    there = os.statvfs(memory)
    has_room = there.f_bavail * there.f_frsize >= _ROOM
    return memory if has_room and not there.f_flag & os.ST_NOEXEC else None


def _clear(memory: Path) -> None:
    """Take away what rehearsals that were killed have left: in memory it would lie until the machine is restarted."""
    for path in memory.iterdir():
        named = _OWNED.fullmatch(path.name)
        if named and path.owner() == Path.home().owner() and not _runs(int(named["process"])):
            shutil.rmtree(path, ignore_errors=True)


def _runs(process: int) -> bool:
    with suppress(PermissionError):  # it is somebody else's
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True
