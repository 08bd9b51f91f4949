"""One way to run a program, and one way to do independent work side by side."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from release_channels import console
from release_channels.errors import CommandError, SlowError

_T = TypeVar("_T")
_U = TypeVar("_U")
_TAIL_LINES = 40
_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()
# Set while an interrupt ends the work side by side: a program that ends must not make its thread start the next one.
_interrupted = threading.Event()


@dataclass(frozen=True, slots=True)
class Done:
    """A program that has ended: its exit code, and what it wrote, byte for byte."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """What it wrote to stdout, without the last newline."""
        # strip() would eat the first column of `git status --porcelain`
        return self.stdout.decode("utf-8", "replace").removesuffix("\n")

    @property
    def messages(self) -> str:
        """What it wrote to stderr."""
        return self.stderr.decode("utf-8", "replace").strip()

    def or_raise(self) -> Done:
        """Give the program back if it exited with 0.

        Raises: CommandError otherwise; the last 40 lines of what it said become the hint.
        """
        if self.code:
            said = self.messages or self.text
            tail = "\n".join(said.splitlines()[-_TAIL_LINES:])
            raise CommandError(f"`{shlex.join(self.argv)}` exited {self.code}", hint=tail)
        return self


def run(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    umask: int = -1,
) -> str:
    """Run a program (never a shell) and return its stdout without the last newline; `timeout` is in seconds.

    Raises: CommandError if it is missing, too slow, or exits non-zero.
    """
    return finish(*words, cwd=cwd, env=env, timeout=timeout, umask=umask).or_raise().text


def finish(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    umask: int = -1,
    merged: bool = False,
) -> Done:
    """Run a program (never a shell) to its end, whatever its exit code; `timeout` is in seconds.

    With `merged`, stderr comes along with stdout, in the order it was written.

    Raises: CommandError if it is missing, SlowError (one of these) if it is too slow.
    """
    argv = tuple(str(word) for word in words)
    console.command(argv)
    if _interrupted.is_set():
        raise CommandError(f"`{argv[0]}` was not started any more: interrupted")
    try:
        child = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            umask=umask,
        )
    except OSError as err:
        why = err.strerror or str(err)
        raise CommandError(f"could not run {argv[0]}: {why}", hint=f"is {argv[0]} installed?") from err
    with _lock:
        _running.add(child)
    try:
        if _interrupted.is_set():
            child.terminate()
        out, err_out = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as err:
        raise SlowError(f"`{shlex.join(argv)}` took longer than {timeout:g} s") from err
    finally:
        _end(child)
        with _lock:
            _running.discard(child)
    done = Done(argv, child.returncode, out, err_out or b"")
    console.output(done.messages)
    return done


def side_by_side(*acts: Callable[[], _T]) -> list[_T]:
    """Do independent work at the same time, each in a thread of its own, and return the results in order.

    Raises: the first error in order, after all have ended; on an interrupt the programs that still run are ended.
    """
    try:
        with ThreadPoolExecutor(max_workers=max(1, len(acts))) as pool:
            futures = [pool.submit(act) for act in acts]
            try:
                return [future.result() for future in futures]
            except KeyboardInterrupt:
                _interrupted.set()
                for future in futures:
                    future.cancel()
                _end_all()
                raise
    finally:
        _interrupted.clear()


def both(one: Callable[[], _T], other: Callable[[], _U]) -> tuple[_T, _U]:
    """Do two things of different kinds side by side.

    Raises: the first error in order.
    """
    first, second = side_by_side(one, cast("Callable[[], _T | _U]", other))
    return cast(_T, first), cast(_U, second)


def _end_all() -> None:
    with _lock:
        children = list(_running)
    for child in children:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    """End a program that still runs: ask, wait two seconds, insist."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(timeout=2)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    finally:
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
