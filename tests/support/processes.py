"""Whether processes are gone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path


def survivors(pids: Sequence[int], seconds: float = 3) -> list[int]:
    """Give the processes that are still at work after a while; one that is only not yet collected is not."""
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
