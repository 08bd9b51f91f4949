"""uv is searched for once, also by threads that start together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOGETHER = """
import sysconfig, threading, time
from release_channels.adapters.uv import uv_program

fill = sysconfig._init_posix

def fill_slowly(variables):
    time.sleep(0.1)
    fill(variables)

sysconfig._init_posix = fill_slowly
barrier, errors = threading.Barrier(16), []

def search():
    barrier.wait()
    try:
        uv_program()
    except Exception as err:
        errors.append(repr(err))

threads = [threading.Thread(target=search) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(errors)
"""


def test_threads_that_start_together_find_uv(tmp_path: Path) -> None:
    """The checks of two files start in threads, and the first of them may be the first to look for uv.

    Python's first reading of its configuration is slowed down, so that all others come while it lasts.
    """
    done = subprocess.run([sys.executable, "-c", TOGETHER], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
