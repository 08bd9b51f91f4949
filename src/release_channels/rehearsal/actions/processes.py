"""Find and terminate processes that outlive their run, by a mark in their environment."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from release_channels.adapters.process import run_unchecked

MARK = "REHEARSAL_SESSION"
_PROC = Path("/proc")


def end_marked(mark: str) -> tuple[int, ...]:
    """Terminate every process with a mark in its environment, and return their ids.

    A step is a session of its own, and what it starts can be another: no process group contains them all. Looked for
    again until nothing is found, since one that is about to be ended may still start another.
    """
    ended: list[int] = []
    while found := [pid for pid in _marked(f"{MARK}={mark}") if pid != os.getpid()]:
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if set(found) <= set(ended):  # they are on their way out
            break
        ended += found
    return tuple(dict.fromkeys(ended))


def _marked(entry: str) -> list[int]:
    if not _PROC.is_dir():
        listed = run_unchecked("ps", "-E", "-x", "-ww", "-o", "pid=,command=", cwd=Path.cwd())
        return [int(line.split(None, 1)[0]) for line in listed.text.splitlines() if entry in line.split()]
    return [int(process.name) for process in _PROC.glob("[0-9]*") if entry.encode() in _environment(process)]


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:  # it ended while we looked, or is somebody else's
        return []
