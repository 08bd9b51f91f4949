"""Processes: waiting until they are gone, and recording the arguments of their start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


def survivors(pids: Sequence[int], seconds: float = 3) -> list[int]:
    """Return the processes that still run after these seconds; zombies do not count."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(map(_is_at_work, pids)):
        time.sleep(0.02)
    return [pid for pid in pids if _is_at_work(pid)]


def _is_at_work(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state not in "ZX"


_WATCH = """
import pathlib, sys, time
seen = set()
while True:
    for process in pathlib.Path('/proc').glob('[0-9]*'):
        try:
            seen.add((process / 'cmdline').read_bytes())
        except OSError:
            pass
    new = pathlib.Path(sys.argv[1] + '.new')
    new.write_bytes(b'\\n'.join(seen))
    new.rename(sys.argv[1])
    time.sleep(0.02)
"""


@contextmanager
def watched_arguments() -> Iterator[list[str]]:
    """Record the arguments of every process of this machine during the block, and return them."""
    seen: list[str] = []
    with TemporaryDirectory() as directory:
        file = Path(directory, "seen")
        child = subprocess.Popen([sys.executable, "-c", _WATCH, str(file)])
        try:
            while not file.exists():
                time.sleep(0.01)
            yield seen
        finally:
            child.kill()
            child.wait()
            seen.append(file.read_bytes().decode("utf-8", "replace"))
