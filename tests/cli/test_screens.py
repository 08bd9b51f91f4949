"""The screens on narrow and wide terminals, in ASCII and UTF-8, with and without colour."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.cli.screen import BIN, environment, run
from tests.commands.doing import on_github
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.repo import Repo

PROGRAM = BIN / "release-channels"
SCREENS: dict[str, tuple[str | Path, ...]] = {
    "refusal": (PROGRAM, "tag", "--dry-run"),
    "status": (PROGRAM, "status"),
    "outcome": (PROGRAM, "bump", "--dry-run"),
    "doctor": (PROGRAM, "doctor", "--index", "local"),
    "init": (PROGRAM, "init", "--check"),
    "mistake": (PROGRAM, "stats"),
    "nothing to do": (PROGRAM, "bump-dev"),
    "emergency": (PROGRAM, "resume", "v1.1.0"),
    "yank": (PROGRAM, "yank", "1.1.0", "--index", "local"),
    "set-up": (PROGRAM, "setup-publishing"),
    "plan": (BIN / "nox", "-s", "preview", "--", "--dry-run", "--offline"),
}
LOOKS = {"ASCII": {"PYTHONIOENCODING": "ascii"}, "UTF-8 in colour": {"PYTHONIOENCODING": "utf-8", "NO_COLOR": ""}}
_QUICK = {("refusal", 60, "ASCII"), ("status", 60, "UTF-8 in colour")}
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SPUN, _LAST_SPUN = re.compile(r"[^\n]*\r"), re.compile(r"[^\n]*\n(?:\r|\x1b\[\?25[hl])*\x1b\[1A\x1b\[2K")
"""What a spinner drew and took away again."""
_COLOUR = re.compile(r"\x1b\[(?:\d+;)*3\dm")
_COMMAND = re.compile(r"`[^`\n]+`")
_WHOLE = ("next: ", "  gh workflow run ", "nox > ", "+", "-", "@@")


@pytest.mark.parametrize(
    ("screen", "columns", "look"),
    [
        pytest.param(
            screen, columns, look, id=f"{screen}-{columns}-{look}",
            marks=() if (screen, columns, look) in _QUICK else pytest.mark.full,
        )
        for screen in SCREENS
        for columns in (60, 80, 120)
        for look in LOOKS
    ],
)  # fmt: skip
def test_no_word_is_broken_and_no_command_is_cut(make_repo: MakeRepo, screen: str, columns: int, look: str) -> None:
    """A line fits, or it is one that is copied whole; words and commands are those of a screen without an end."""
    repo = _project(make_repo)
    words = SCREENS[screen]
    printed = run(*words, cwd=repo.root, env={"NOX_SCRIPT_MODE": "none"}).text
    shown = _on_terminal(repo.root, words, columns, LOOKS[look])
    assert bool(_COLOUR.search(shown)) is ("colour" in look), shown
    plain = _SPUN.sub("", _ESCAPES.sub("", _LAST_SPUN.sub("", shown)).replace("\r\n", "\n"))
    if look == "ASCII":
        assert plain.isascii(), plain
        printed = printed.replace("…", "...")
    for line in (line.rstrip() for line in plain.splitlines()):
        assert len(line) <= columns or line.startswith(_WHOLE) or _is_one_piece(line, columns), line
    ours = " ".join(line for line in plain.splitlines() if not line.startswith("nox > "))
    assert {*ours.split()} <= {*printed.split(), *_HEADLINES}
    for command in _COMMAND.findall(printed):
        assert command in plain or command not in " ".join(plain.split()), command
        assert command in plain or screen == "status", command


def test_a_terminal_without_a_cursor_gets_lines_at_once(make_repo: MakeRepo) -> None:
    """It draws no spinner, and would show nothing until the end."""
    shown = _on_terminal(_project(make_repo).root, SCREENS["status"], 80, {"TERM": "dumb"})
    assert shown.splitlines()[0] == "looking at the project and its index …"


LOOKED_AT = {
    "status": ("main, its tags and the index", "main, its tags and GitHub"),
    "doctor": ("files, git and the index", "files, git, GitHub and the index"),
}


@pytest.mark.parametrize("screen", [pytest.param("status", marks=()), pytest.param("doctor", marks=pytest.mark.full)])
def test_a_screen_says_what_it_looks_at(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, screen: str) -> None:
    """GitHub is named where it is asked."""
    repo = make_repo(Sample(urls=""))
    words = (PROGRAM, screen, "--index", "local")
    alone, on_it = LOOKED_AT[screen]
    shown = _on_terminal(repo.root, words, 80, {})
    assert (f"looking at {alone} …" in shown, "GitHub …" in shown) == (True, False)
    with on_github(repo, monkeypatch):
        assert f"looking at {on_it} …" in _on_terminal(repo.root, words, 80, {})


ONCE = {
    "a session": ((BIN / "nox", "-s", "public", "--", "--tag", "banana"), "the tag banana does not match"),
    "a task": ((PROGRAM, "tag", "--index", "local"), "v1.2.0.dev0 was not made"),
    "a taken step": ((BIN / "nox", "-s", "build"), "built demo_tool-"),
}


@pytest.mark.parametrize(("words", "said"), ONCE.values(), ids=ONCE)
def test_nothing_is_said_twice_where_both_streams_are_one(
    make_repo: MakeRepo, words: tuple[str | Path, ...], said: str, offline: None
) -> None:
    """As after `2>&1`; a refusal is what, why, next."""
    repo = _project(make_repo)
    env = environment({"NOX_SCRIPT_MODE": "none"})
    argv = [str(word) for word in words]
    done = subprocess.run(
        argv, cwd=repo.root, env=env, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.stdout.count(said) == 1, done.stdout
    assert "error: " not in done.stdout


# Without a terminal a refusal is on stderr and again, as the last line, on stdout.
_HEADLINES = {"error:", "refused:", "planned:"}


def _is_one_piece(line: str, columns: int) -> bool:
    """Return whether a longer line consists of an indentation and one command or word alone."""
    pieces = re.findall(r"(?:`[^`]*`|\S)+", line)
    return len(pieces) == 1 or max(map(len, pieces)) > columns // 2


def _project(make_repo: MakeRepo) -> Repo:
    """A project with much to say: an older tag, no changelog entry, and an uncommitted file."""
    noxfile = "import nox\n\nfrom release_channels import sessions\n\nsessions.register(nox)\n"
    texts: dict[str, str | bytes] = {
        "noxfile.py": noxfile,
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- A thing.\n",
    }
    repo = make_repo(Sample(files=texts))
    repo.tag("v1.1.0")
    repo.write({"notes.txt": "unfinished\n"})
    return repo


def _on_terminal(root: Path, words: tuple[str | Path, ...], columns: int, look: dict[str, str]) -> str:
    """Run a program on a terminal of so many columns, and return all that it wrote there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    env = environment({"TERM": "xterm-256color", "NOX_SCRIPT_MODE": "none", "COLUMNS": "", **look})
    argv = [str(word) for word in words]
    with subprocess.Popen(argv, cwd=root, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        written = b"".join(iter(lambda: _read(ours), b""))
        child.wait(timeout=60)
    os.close(ours)
    return written.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux: nobody has the other side any more
        return b""
