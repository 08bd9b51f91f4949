"""Run programs, and run independent work in parallel."""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar, cast

from release_channels.adapters import console, interrupts
from release_channels.errors import CommandError, SlowError

_T = TypeVar("_T")
_U = TypeVar("_U")
_TAIL_LINES = 40
_PATIENCE = 2.0  # seconds
_LAST_SECONDS = 1.0
"""The time that a program may take which an interrupted run starts to clean up, in seconds."""
_running: dict[subprocess.Popen[bytes], bool] = {}
_lock = threading.Lock()
_interrupts = 0
"""The number of `run_parallel` that are being ended: none of their threads may start another program."""


@dataclass(frozen=True, slots=True)
class CompletedProcess:
    """A finished program: its exit code, and its output as bytes."""

    argv: tuple[str, ...]
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Its stdout as text, without the last newline."""
        # strip() would eat the first column of `git status --porcelain`
        return self.stdout.decode("utf-8", "replace").removesuffix("\n")

    @property
    def messages(self) -> str:
        """Its stderr as text."""
        return self.stderr.decode("utf-8", "replace").strip()

    def or_raise(self) -> CompletedProcess:
        """Return the finished program if it exited with 0.

        Raises: CommandError otherwise; the last 40 lines of what it wrote become the hint.
        """
        if self.code:
            raise CommandError(
                f"`{shlex.join(self.argv)}` {_ending(self.code)}", hint=_tail(self.messages or self.text)
            )
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
    return run_unchecked(*words, cwd=cwd, env=env, timeout=timeout, umask=umask).or_raise().text


def run_unchecked(
    *words: str | Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 600,
    umask: int = -1,
    merged: bool = False,
    terminal: bool = False,
) -> CompletedProcess:
    """Run a program (never a shell) to its end, whatever its exit code; `timeout` is in seconds.

    With `merged`, stderr comes along with stdout, in the order it was written. With `terminal` it may ask for a
    passphrase there, as git's ssh does; any other program is ended together with all that it started.

    Raises: CommandError if it is missing, SlowError (one of these) if it is too slow.
    """
    argv = tuple(str(word) for word in words)
    console.command(argv)
    timeout = min(timeout, max(_LAST_SECONDS, interrupts.seconds_left()))
    with _started(argv, cwd, env, umask, merged, terminal) as child:
        try:
            out, err_out = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as err:
            messages = (err.stderr or err.output or b"").decode("utf-8", "replace")
            wrote = (err.output or b"").decode("utf-8", "replace")
            message = f"`{shlex.join(argv)}` took longer than {timeout:g} s"
            raise SlowError(message, hint=_tail(messages), said=wrote) from err
    done = CompletedProcess(argv, child.returncode, out, err_out or b"")
    console.output(done.messages)
    return done


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The result of a program with unlimited output: exit code, start and end of the output, its size in bytes.

    `code` is None where it was ended by us: it took too long, or wrote more than anybody can want.
    """

    code: int | None
    output: bytes
    size: int
    is_late: bool = False


def run_bounded(
    *words: str | Path, cwd: Path, env: Mapping[str, str], timeout: float, keep: int, most: int = 64 * 2**20
) -> Excerpt:
    """Run a foreign program, and keep `keep` bytes of its output: the first and the last half.

    stderr comes along with stdout. After `timeout` seconds or `most` bytes it is ended with all that it started.

    Raises: CommandError if it is missing.
    """
    argv = tuple(str(word) for word in words)
    console.command(argv)
    end = time.monotonic() + timeout
    kept = _Ends(keep)
    with _started(argv, cwd, env, -1, True, False) as child:
        assert child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0 and kept.size <= most:
                if not selector.select(left):
                    break
                chunk = os.read(child.stdout.fileno(), 1 << 16)
                if not chunk:
                    break
                kept.add(chunk)
        is_late = time.monotonic() >= end
        if kept.size <= most and not is_late:
            with suppress(subprocess.TimeoutExpired):
                code = child.wait(timeout=max(end - time.monotonic(), 0))
                child.stdout.close()
                return Excerpt(code, kept.text(), kept.size)
            is_late = True
        _end(child, False)
    return Excerpt(None, kept.text(), kept.size, is_late)


class _Ends:
    """The first and the last half of a stream, with a word on what is left out between them."""

    def __init__(self, keep: int) -> None:
        self._half = keep // 2
        self._head, self._tail, self.size = b"", b"", 0

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        missing = self._half - len(self._head)
        self._head += chunk[:missing]
        self._tail = (self._tail + chunk[missing:])[-self._half :]

    def text(self) -> bytes:
        left_out = self.size - len(self._head) - len(self._tail)
        between = f"\n[… {left_out} bytes left out …]\n".encode() if left_out else b""
        return self._head + between + self._tail


@contextmanager
def _started(
    argv: tuple[str, ...],
    cwd: Path,
    env: Mapping[str, str] | None,
    umask: int,
    merged: bool,
    terminal: bool,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, and end it if the block is left by an error."""
    stderr = subprocess.STDOUT if merged else subprocess.PIPE
    child = _start(argv, cwd, env, stdin=subprocess.DEVNULL, stderr=stderr, umask=umask, terminal=terminal)
    try:
        yield child
        if _interrupts:  # we terminated it: ignore its exit status
            raise KeyboardInterrupt
    except BaseException:
        _end(child, terminal)
        raise
    finally:
        with _lock:
            _running.pop(child, None)


def _start(
    argv: tuple[str, ...],
    cwd: Path,
    env: Mapping[str, str] | None,
    *,
    stdin: int,
    stderr: int | IO[bytes],
    umask: int = -1,
    terminal: bool,
) -> subprocess.Popen[bytes]:
    """Start a program that an interrupt ends, unless one is being handled.

    Raises: CommandError if it cannot be started.
    """
    with _lock:
        if _interrupts or (interrupts.is_ending() and threading.current_thread() is not threading.main_thread()):
            raise KeyboardInterrupt
        try:
            child = subprocess.Popen(
                argv,
                cwd=cwd,
                env=env,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=stderr,
                umask=umask,
                start_new_session=not terminal,
            )
        except ValueError as err:  # a NUL in a word, a variable or a path
            raise CommandError(f"could not run {argv[0]!r}: {err}", hint=f"one of its words: {argv!r}"[:500]) from err
        except OSError as err:
            raise _not_started(argv[0], cwd, err) from err
        _running[child] = terminal
    return child


class RequestProcess:
    """A program that stays open and replies to one request after another, from any thread.

    It is started by the first request, and ended when this object is closed or collected, or when Python exits.
    If Python is killed, the program reads the end of its input and exits by itself.
    """

    def __init__(self, *words: str, cwd: Path, env: Callable[[], Mapping[str, str]], timeout: float = 120) -> None:
        self._argv, self._cwd, self._env, self._timeout = words, cwd, env, timeout
        self._requests = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._finalizer: Callable[[], str | None] | None = None

    def request(self, line: bytes, read: Callable[[IO[bytes]], _T]) -> _T:
        """Send one line and return the parsed reply; a program that has ended is restarted.

        Raises: CommandError if it cannot be started or ends without a reply, SlowError if the reply takes too long.
        """
        with self._requests:
            if self._child is not None:
                with suppress(EOFError):
                    return self._exchange(self._child, line, read)
            try:
                return self._exchange(self._start(), line, read)
            except EOFError as err:
                raise CommandError(f"`{shlex.join(self._argv)}` ended without a reply", hint=str(err)) from err

    def close(self) -> None:
        """End the program; the next request starts it again."""
        with self._requests:
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        console.command(self._argv)
        with ExitStack() as stack:
            errors = stack.enter_context(tempfile.TemporaryFile())
            child = _start(self._argv, self._cwd, self._env(), stdin=subprocess.PIPE, stderr=errors, terminal=True)
            stack.pop_all()
        self._child = child
        self._finalizer = weakref.finalize(self, _close_pipes, child, errors)
        return child

    def _exchange(self, child: subprocess.Popen[bytes], line: bytes, read: Callable[[IO[bytes]], _T]) -> _T:
        assert child.stdin is not None
        assert child.stdout is not None
        timeout = min(self._timeout, max(_LAST_SECONDS, interrupts.seconds_left()))
        timer = threading.Timer(timeout, child.kill)
        timer.daemon = True
        timer.start()
        try:
            child.stdin.write(line)
            child.stdin.flush()
            return read(child.stdout)
        except (EOFError, BrokenPipeError) as err:
            messages = _tail(self._end())
            if _interrupts:
                raise KeyboardInterrupt from err
            if timer.finished.is_set():
                message = f"`{shlex.join(self._argv)}` took longer than {timeout:g} s"
                raise SlowError(message, hint=messages) from err
            raise EOFError(messages) from err
        except BaseException:  # the rest of the reply would be taken for the next one
            self._end()
            raise
        finally:
            timer.cancel()

    def _end(self) -> str:
        """End the program, if it runs, and return what it wrote to stderr."""
        if self._finalizer is None:
            return ""
        self._child = None
        finalizer, self._finalizer = self._finalizer, None
        return finalizer() or ""


def _close_pipes(child: subprocess.Popen[bytes], errors: IO[bytes]) -> str:
    """End a program by closing its pipes, kill it if that does not help, and return what it wrote to stderr.

    It takes no lock, since the garbage collector may call it from any line of code.
    """
    for pipe in (child.stdin, child.stdout):
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
    _insist(child, True, _patience())
    child.wait()
    _running.pop(child, None)
    with errors:
        errors.seek(0)
        return errors.read().decode("utf-8", "replace").strip()


def _not_started(program: str, cwd: Path, err: OSError) -> CommandError:
    if not cwd.is_dir():
        return CommandError(f"could not run {program}: there is no directory {cwd}", hint="was it moved or removed?")
    return CommandError(f"could not run {program}: {err.strerror or err}", hint=f"is {program} installed?")


def _ending(code: int) -> str:
    if code > 0:
        return f"exited {code}"
    with suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_TAIL_LINES:])


def run_parallel(*functions: Callable[[], _T]) -> list[_T]:
    """Run independent functions in parallel, each in its own thread, and return the results in order.

    Raises: the first error in order, after all have ended; on an interrupt the programs that still run are ended.
    """
    pool = ThreadPoolExecutor(max_workers=max(1, len(functions)))
    futures = [pool.submit(function) for function in functions]
    try:
        wait(futures)
        return [future.result() for future in futures]
    except KeyboardInterrupt:
        for future in futures:
            future.cancel()
        with _taken_down():
            wait(futures, timeout=_patience())
        raise
    finally:
        pool.shutdown(wait=False)


def run_pair(first: Callable[[], _T], second: Callable[[], _U]) -> tuple[_T, _U]:
    """Run two functions of different types in parallel.

    Raises: the first error in order.
    """
    results = run_parallel(first, cast("Callable[[], _T | _U]", second))
    return cast(_T, results[0]), cast(_U, results[1])


@contextmanager
def background(act: Callable[[], _T]) -> Iterator[Future[_T]]:
    """Run a function in the background of a block; its programs are terminated if the block ends first."""
    pool = ThreadPoolExecutor(max_workers=1)
    future = pool.submit(act)
    try:
        yield future
    finally:
        if not future.done():
            with _taken_down():
                wait([future], timeout=_patience() if interrupts.is_ending() else None)
        pool.shutdown(wait=False)


@contextmanager
def _taken_down() -> Iterator[None]:
    """End the programs that run, and let none start as long as the block lasts."""
    global _interrupts
    with _lock:
        _interrupts += 1
        children = list(_running.items())
    try:
        for child, terminal in children:
            _signal(child, "SIGTERM", terminal)
        end = time.monotonic() + _patience()
        for child, terminal in children:
            _insist(child, terminal, end - time.monotonic())
        yield
    finally:
        with _lock:
            _interrupts -= 1


def _end(child: subprocess.Popen[bytes], terminal: bool) -> None:
    """End a program and all that it started: ask, wait two seconds, insist."""
    _signal(child, "SIGTERM", terminal)
    _insist(child, terminal, _patience())
    child.wait()
    for pipe in (child.stdout, child.stderr):
        if pipe is not None:
            pipe.close()


def _patience() -> float:
    """Return how long a program or thread may take to end, in seconds: two, or what an interrupt leaves of them."""
    return min(_PATIENCE, interrupts.seconds_left())


def _insist(child: subprocess.Popen[bytes], terminal: bool, seconds: float) -> None:
    """Wait for a program that was asked to end, and kill what is left of it: also what it started and left behind."""
    with suppress(subprocess.TimeoutExpired):
        child.wait(timeout=max(seconds, 0))
    _signal(child, "SIGKILL", terminal)


def _signal(child: subprocess.Popen[bytes], name: str, terminal: bool) -> None:
    """Send a signal to a program and, where it has a process group of its own, to all that it started."""
    if terminal or os.name == "nt":
        child.kill() if name == "SIGKILL" else child.terminate()
        return
    with suppress(ProcessLookupError, PermissionError):  # all have ended; some systems say "not permitted" then
        os.killpg(child.pid, signal.Signals[name])
