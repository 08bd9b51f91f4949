"""One way to run a program, and one way to do independent work side by side."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from release_channels import console
from release_channels.errors import CommandError

_T = TypeVar("_T")
_TAIL_LINES = 40
_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


def run(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    umask: int = -1,
    both: bool = False,
) -> str:
    """Run a program (never a shell) and return its stdout without the last newline.

    With `both`, stderr comes along with stdout, in the order it was written. `timeout` is in seconds.

    Raises: CommandError if it is missing, too slow, or exits non-zero (the last 40 lines become the hint).
    """
    argv = [str(word) for word in words]
    console.command(argv)
    stderr = subprocess.STDOUT if both else subprocess.PIPE
    try:
        child = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=stderr,
            text=True, encoding="utf-8", errors="replace", umask=umask,
        )  # fmt: skip
    except OSError as err:
        raise CommandError(f"could not run {argv[0]}: {err.strerror or err}", hint=f"is {argv[0]} installed?") from err
    with _lock:
        _running.add(child)
    try:
        out, err_text = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as err:
        raise CommandError(f"`{shlex.join(argv)}` took longer than {timeout:g} s") from err
    finally:
        _end(child)
        with _lock:
            _running.discard(child)
    if child.returncode:
        said = "\n".join(((err_text or "") or out).strip().splitlines()[-_TAIL_LINES:])
        raise CommandError(f"`{shlex.join(argv)}` exited {child.returncode}", hint=said)
    console.output(out if both else (err_text or ""))
    return out.removesuffix("\n")  # strip() would eat the first column of `git status --porcelain`


def side_by_side(*acts: Callable[[], _T]) -> list[_T]:
    """Do independent work at the same time, each in a thread of its own, and return the results in order.

    Raises: the first error in order, after all have ended; on an interrupt the programs that still run are ended.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(acts))) as pool:
        futures = [pool.submit(act) for act in acts]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            _end_all()
            raise


def _end_all() -> None:
    with _lock:
        children = list(_running)
    for child in children:
        _end(child)


def _end(child: subprocess.Popen[Any]) -> None:
    """End a program that still runs: ask, wait two seconds, insist."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(timeout=2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
