"""Running a program: its errors in plain words, and no process that outlives an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from release_channels.adapters import console
from release_channels.adapters.process import Excerpt, run, run_bounded, run_pair, run_parallel, run_unchecked
from release_channels.errors import CommandError, FailedError, RefusedError
from tests.support.processes import survivors

_PYTHON = sys.executable


def _code(program: str) -> tuple[str, ...]:
    return (_PYTHON, "-c", program)


def test_output_is_returned_without_its_last_newline(tmp_path: Path) -> None:
    """Leading blanks and inner newlines stay."""
    assert run(*_code("print(' a\\n\\nb\\n')"), cwd=tmp_path) == " a\n\nb\n"
    done = run_unchecked(*_code("import sys; sys.stdout.buffer.write(b'\\xff\\r\\n'); sys.exit(3)"), cwd=tmp_path)
    assert (done.code, done.stdout) == (3, b"\xff\r\n")


def test_a_missing_program_and_a_missing_directory_differ(tmp_path: Path) -> None:
    """The system's error is the same, and only one of them needs an installation."""
    with pytest.raises(CommandError, match="could not run no-such-program: No such file") as caught:
        run("no-such-program", cwd=tmp_path)
    assert caught.value.hint == "is no-such-program installed?"
    with pytest.raises(CommandError, match=f"there is no directory {tmp_path / 'gone'}"):
        run("git", "--version", cwd=tmp_path / "gone")


def test_a_failure_shows_the_last_40_lines(tmp_path: Path) -> None:
    """The message has command and exit code, the hint the end of stderr."""
    program = "import sys; [print('line', n, file=sys.stderr) for n in range(100)]; print('out'); sys.exit(7)"
    with pytest.raises(CommandError, match=r"exited 7$") as caught:
        run(*_code(program), cwd=tmp_path)
    assert caught.value.hint.splitlines() == [f"line {n}" for n in range(60, 100)]


def test_a_failure_without_stderr_shows_stdout(tmp_path: Path) -> None:
    with pytest.raises(CommandError) as caught:
        run(*_code("import sys; print('complaint'); sys.exit(1)"), cwd=tmp_path)
    assert caught.value.hint == "complaint"


def test_a_killed_program_is_reported_by_its_signal(tmp_path: Path) -> None:
    """Machines without memory kill programs, and "exited -9" explains nothing."""
    with pytest.raises(CommandError, match="was ended by SIGKILL"):
        run(*_code("import os; os.kill(os.getpid(), 9)"), cwd=tmp_path)


def test_a_timeout_ends_the_program_and_its_children(tmp_path: Path) -> None:
    """The message contains the seconds and the output so far."""
    with pytest.raises(CommandError, match=r"took longer than 1.5 s") as caught:
        run(*_code(_STUBBORN_FAMILY), tmp_path / "pids", cwd=tmp_path, timeout=1.5)
    assert "so far" in caught.value.hint
    _assert_gone(tmp_path / "pids")


def test_programs_run_without_a_shell_and_without_input(tmp_path: Path) -> None:
    words = ("$HOME; echo `id`", "a b", "*", "")
    program = "import sys; print(sys.argv[1:], repr(sys.stdin.read()))"
    assert run(*_code(program), *words, cwd=tmp_path) == f"{list(words)} ''"


def test_merged_streams_keep_their_order(tmp_path: Path) -> None:
    program = "import os; [os.write(n, str(n).encode()) for n in (1, 2, 1, 2)]"
    assert run_unchecked(*_code(program), cwd=tmp_path, merged=True).text == "1212"


def test_umask_and_environment_are_passed_to_the_program(tmp_path: Path) -> None:
    """The environment contains nothing else."""
    program = "import os; open('f', 'w').close(); print(oct(os.stat('f').st_mode & 0o777), os.environ.get('HOME'))"
    env = {"PATH": os.environ["PATH"], "HOME": "nowhere"}
    assert run(*_code(program), cwd=tmp_path, env=env, umask=0o027) == "0o640 nowhere"


def test_run_parallel_runs_together_and_keeps_the_order() -> None:
    """Two functions that wait for each other both end."""
    meeting = threading.Barrier(3, timeout=10)

    def act(number: int) -> Callable[[], int]:
        return lambda: meeting.wait() * 0 + number

    assert run_parallel(act(1), act(2), act(3)) == [1, 2, 3]
    assert run_pair(lambda: 1, lambda: "two") == (1, "two")
    assert run_parallel() == []


def test_the_first_error_in_order_is_raised_after_all_ended() -> None:
    """A quick failure does not hide an earlier one."""
    ended: list[str] = []

    def slow() -> None:
        time.sleep(0.1)
        ended.append("slow")
        raise RefusedError("the first in order")

    def quick() -> None:
        raise FailedError("the first in time")

    with pytest.raises(RefusedError, match="the first in order"):
        run_parallel(slow, quick)
    assert ended == ["slow"]


# A program that ignores SIGTERM and has a child that does, too; both write their process numbers down.
_STUBBORN_FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
child.stdout.readline()
with open(sys.argv[1] + ".part", "w") as out:
    out.write(f"{os.getpid()} {child.pid}")
os.rename(sys.argv[1] + ".part", sys.argv[1])
print("so far", flush=True)
time.sleep(60)
"""
_INTERRUPTED = f"""
import sys, time
from pathlib import Path
from release_channels.errors import CommandError
from release_channels.adapters.process import run, run_parallel
place = Path(sys.argv[1])
family = {_STUBBORN_FAMILY!r}

def act(name):
    try:
        run(sys.executable, "-c", family, str(place / name), cwd=place)
    except CommandError:
        pass
    late()

def late():
    run(sys.executable, "-c", "import sys; open(sys.argv[1], 'w')", str(place / "started-afterwards"), cwd=place)

def idle():
    while not (place / "interrupted").exists():
        time.sleep(0.02)
    late()

try:
    if sys.argv[2] == "idle":
        run_parallel(lambda: act("one"), idle)
    elif sys.argv[2] == "two":
        run_parallel(lambda: act("one"), lambda: run_parallel(lambda: act("other")))
    else:
        act("one")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


def _assert_gone(file: Path) -> None:
    assert survivors([int(pid) for pid in file.read_text().split()]) == []


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
@pytest.mark.parametrize(
    ("how", "files"),
    [
        pytest.param("one", ["one"], id="alone"),
        pytest.param("two", ["one", "other"], id="side by side"),
        pytest.param("idle", ["one"], id="one of them between two programs"),
    ],
)
def test_an_interrupt_ends_every_program_and_starts_none(tmp_path: Path, how: str, files: list[str]) -> None:
    """Also programs that ignore SIGTERM, with their children."""
    child = subprocess.Popen([*_code(_INTERRUPTED), str(tmp_path), how], stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    while time.monotonic() < end and not all((tmp_path / name).exists() for name in files):
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    while time.monotonic() < end and survivors([int(pid) for pid in (tmp_path / "one").read_text().split()]):
        time.sleep(0.02)  # the interrupt has come once it ends them
    (tmp_path / "interrupted").touch()
    out, _ = child.communicate(timeout=20)
    assert out == "interrupted\n"
    for name in files:
        _assert_gone(tmp_path / name)
    assert not (tmp_path / "started-afterwards").exists()


def test_foreign_text_is_printed_without_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither brackets nor words between colons are markup."""
    text = "[bold]x[/bold] :key: a:warning:b [/] http://x:80:"
    console.say(text)
    console.result(text)
    seen = capsys.readouterr()
    assert (seen.out, seen.err) == (f"{text}\n", f"{text}\n")


def test_commands_are_shown_only_with_verbose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With their output."""
    run(*_code("import sys; print('said', file=sys.stderr)"), cwd=tmp_path)
    assert capsys.readouterr().err == ""
    console.set_verbose(True)
    try:
        run(*_code("import sys; print('said', file=sys.stderr)"), cwd=tmp_path)
    finally:
        console.set_verbose(False)
    shown = capsys.readouterr().err
    assert shown.startswith("$ ")
    assert "\n  said\n" in shown


def _excerpt(program: str, *, timeout: float = 30, keep: int = 100, most: int = 1 << 20) -> Excerpt:
    return run_bounded(*_code(program), cwd=Path("/"), env=dict(os.environ), timeout=timeout, keep=keep, most=most)


def test_bounded_output_keeps_exit_code_and_both_ends() -> None:
    """Of both streams; what is left out is counted."""
    short = _excerpt("import sys; print('out', flush=True); print('err', file=sys.stderr); sys.exit(3)")
    assert short == Excerpt(3, b"out\nerr\n", 8)
    long = _excerpt("print('a' * 1000 + 'b' * 1000, end='')")
    assert long.output == b"a" * 50 + "\n[… 1900 bytes left out …]\n".encode() + b"b" * 50
    assert (long.code, long.size) == (0, 2000)


def test_a_bounded_program_is_ended_at_its_limits() -> None:
    """It has no exit code then, and no process is left."""
    marker = f"excerpt-{os.getpid()}"
    starts = f"import subprocess, time; subprocess.Popen(['sleep', '300.{os.getpid()}']); time.sleep(60)"
    slow = _excerpt(starts, timeout=1)
    assert (slow.code, slow.is_late) == (None, True)
    flood = _excerpt(f"import sys\nwhile True: sys.stdout.write('{marker}' * 1000)")
    assert (flood.code, flood.is_late) == (None, False)
    silent = _excerpt("import os, time; os.close(1); os.close(2); time.sleep(60)", timeout=1)
    assert (silent.code, silent.is_late) == (None, True)
    ps = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"sleep 300.{os.getpid()}" not in ps
