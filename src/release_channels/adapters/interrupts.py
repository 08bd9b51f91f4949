"""End a run on a signal: the first signal interrupts it, and later ones are ignored."""

from __future__ import annotations

import math
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SECONDS = 3.0
"""The time for which an interrupted run may wait for its programs and threads, in seconds."""
_LEAVE_AFTER = 1.0  # seconds
_INTERRUPTED = 130

_interrupted_at: float | None = None
_is_raised = False
_held = 0
_depth = 0


def is_ending() -> bool:
    """Check whether the run was interrupted and is cleaning up."""
    return _interrupted_at is not None


def seconds_left() -> float:
    """Return for how many seconds an interrupted run may still wait; infinity if it was not interrupted."""
    return math.inf if _interrupted_at is None else max(0.0, _interrupted_at + _SECONDS - time.monotonic())


@contextmanager
def terminate_gracefully() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C; after the first signal, ignore others until the process ends.

    Raises: KeyboardInterrupt in the block, once, however many signals arrive.
    """
    global _depth
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Leave a signal ignored that already is: SIGHUP under nohup, SIGINT in a background job.
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    _choose_temporary_directory()
    for number in before:
        signal.signal(number, _interrupt)
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not is_ending():
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
        elif not _depth:
            # The process ends now. A handler of our own would be taken away before its end, and the default one kills.
            for number in before:
                signal.signal(number, signal.SIG_IGN)
            _leave_soon()


def _choose_temporary_directory() -> None:
    """Spare Python the file that it writes to try the directory: a run that ends just then would leave it there."""
    places = (os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP"))
    for place in (*places, "/tmp"):
        if tempfile.tempdir is None and place and Path(place).is_dir() and os.access(place, os.W_OK | os.X_OK):
            tempfile.tempdir = str(Path(place).absolute())


@contextmanager
def signals_held() -> Iterator[None]:
    """Delay signals until the block has ended, for a clean-up or an all-or-nothing change.

    Raises: KeyboardInterrupt after the block, if a signal arrived.
    """
    global _held
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _held += 1
    try:
        yield
    finally:
        _held -= 1
        if not _held and is_ending():
            _raise_once()


def _interrupt(_number: int, _frame: object) -> None:
    global _interrupted_at
    if _interrupted_at is None:
        _interrupted_at = time.monotonic()
    if not _held:
        _raise_once()


def _raise_once() -> None:
    global _is_raised
    if not _is_raised:
        _is_raised = True
        raise KeyboardInterrupt


def _leave_soon() -> None:
    """End the process although a thread still runs: one that waits for a network would keep it alive."""
    threads = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
    if any(not thread.daemon for thread in threads):
        timer = threading.Timer(_LEAVE_AFTER, _leave)
        timer.daemon = True
        timer.start()


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_INTERRUPTED)
