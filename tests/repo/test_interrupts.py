"""Any number of signals ends a run quickly, with its programs and temporary directories."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.screen import marked

_SOON = 15
"""Seconds; work that is not interrupted takes four times as long."""
_PROGRAM = """
import signal, sys, time
from contextlib import suppress
from itertools import count
from pathlib import Path
from invoke.exceptions import Exit
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.interrupts import seconds_left, signals_held
from release_channels.adapters.process import background, run, run_parallel
from release_channels.cli.run import task_run

here = Path(sys.argv[2])
deaf = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); open(sys.argv[1], 'w'); time.sleep(60)"

def ready(name):
    (here / name).touch()

def python(name):
    ready(name)
    time.sleep(60)

def program(name):
    run(sys.executable, "-c", deaf, str(here / name), cwd=here)

def writing():
    (place,) = (here / "tmp").iterdir()
    for name in range(2000):
        (place / f"{name}").touch()
    ready("one")
    with suppress(OSError):
        for name in count(2000):  # as a thread does that nobody can interrupt
            (place / f"{name}").touch()
            time.sleep(0.001)
            if seconds_left() < 0.6:
                break

def beside():
    with background(lambda: python("one")):
        program("two")

WORK = {
    "python": lambda: python("one"),
    "program": lambda: program("one"),
    "threads": lambda: run_parallel(lambda: python("one"), lambda: python("two")),
    "programs": lambda: run_parallel(lambda: program("one"), lambda: program("two")),
    "nested": lambda: run_parallel(lambda: run_parallel(lambda: python("one")), lambda: program("two")),
    "beside": beside,
    "a thread that writes": lambda: run_parallel(writing, lambda: python("two")),
}
try:
    with task_run("doctor", here) as task, temporary_directory("test", here / "tmp"):
        WORK[sys.argv[1]]()
except Exit as stop:
    sys.exit(stop.code)
"""
_STARTED = {"python": 1, "program": 1, "threads": 2, "programs": 2, "nested": 2, "beside": 2, "a thread that writes": 2}
_ALWAYS = [
    *((work, ("SIGTERM", "SIGTERM")) for work in _STARTED if work != "a thread that writes"),
    ("python", ("SIGINT",)),
    ("python", ("SIGHUP",)),
    ("threads", ("SIGINT", "SIGTERM", "SIGHUP", "SIGINT")),
]
_MORE = [
    (work, signals)
    for work in _STARTED
    for signals in (("SIGTERM", "SIGTERM"), ("SIGINT",), ("SIGTERM",), ("SIGHUP", "SIGINT"), ("SIGINT",) * 5)
    if (work, signals) not in _ALWAYS
]


@contextmanager
def started(directory: Path, *words: str, ready: int) -> Iterator[subprocess.Popen[str]]:
    """Start the program, wait until it works, and end it in any case."""
    (directory / "tmp").mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *words, str(directory)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 30
        while time.monotonic() < end and sum((directory / name).exists() for name in ("one", "two")) < ready:
            time.sleep(0.02)
        yield child
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize(
    ("work", "signals"),
    [*_ALWAYS, *(pytest.param(*case, marks=pytest.mark.full) for case in _MORE)],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_any_number_of_signals_ends_any_work(tmp_path: Path, work: str, signals: tuple[str, ...]) -> None:
    """With one report and Ctrl-C's exit code; no process and no directory is left."""
    with started(tmp_path, work, ready=_STARTED[work]) as child:
        for name in signals:
            child.send_signal(getattr(signal, name))
            time.sleep(0.1)
        out, err = child.communicate(timeout=_SOON)
    assert (child.returncode, "Traceback" in out + err) == (130, False), out + err
    assert out.splitlines()[-1].startswith("failed: interrupted; run the same command again")
    assert list((tmp_path / "tmp").iterdir()) == []
    assert marked(str(tmp_path)) == []


_HELD = """
import os, signal, sys
from release_channels.adapters.interrupts import signals_held, terminate_gracefully

done = []
try:
    with terminate_gracefully(), signals_held():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        done.append("first")
        done.append("second")
except KeyboardInterrupt:
    done.append("interrupted")
print(*done)
"""


def test_an_atomic_change_ends_before_the_interrupt() -> None:
    """Signals during it interrupt the run after it, once."""
    done = subprocess.run([sys.executable, "-c", _HELD], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "first second interrupted\n"
