"""The tasks on the screen, by invoke and by the console script: the list, the open index, what mistakes are told."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release_channels.model.outcome import Result
from tests.cli.screen import BIN, Screen, adopter, picture, run, start
from tests.conftest import MakeRepo, RunSession
from tests.support.repo import Repo

HERE = Path(__file__).parents[2]
TASKS = '"""The tasks of this project."""\n\nfrom release_channels.tasks import ns\n\n__all__ = ["ns"]\n'
SCRIPT = BIN / "release-channels"
INVOKE = BIN / "invoke"


@pytest.fixture
def checkout(make_repo: MakeRepo) -> Repo:
    """A checkout of a sample project with the two-line tasks file."""
    return make_repo(adopter(files={"tasks.py": TASKS}))


@contextmanager
def _open(repo: Repo, *words: str | Path) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """Keep the index open, and give the process and what it printed up to the last command."""
    with start(*words, cwd=repo.root, env={"PYTHONUNBUFFERED": "1"}) as child:
        assert child.stdout
        lines = [line for _, line in zip(range(8), child.stdout, strict=False)]
        assert child.poll() is None, "it must stay open until it is told to end"
        yield child, [line.rstrip("\n") for line in lines]


@pytest.mark.parametrize("words", [(INVOKE, "--list"), (SCRIPT, "--list")], ids=["invoke", "script"])
def test_every_task_is_described_in_one_line(words: tuple[str | Path, ...], offline: None) -> None:
    """The lists of invoke and of the console script name every task with what it does."""
    screen = run(*words, cwd=HERE)
    assert screen.code == 0
    listed = screen.out.partition("Subcommands:" if words[0] == SCRIPT else "Available tasks:")[2].strip("\n")
    assert len(listed.splitlines()) == 11
    for line in listed.splitlines():
        assert re.fullmatch(r"  [a-z-]+ +[A-Z].{10,}\.", line), line


def test_the_help_names_the_program_and_its_options(offline: None) -> None:
    """--help shows the program under its own name, --help TASK the task's options, and --version the version."""
    run(SCRIPT, "--help", cwd=HERE).sentence("Usage: release-channels ")
    run(SCRIPT, "--help", "serve-index", cwd=HERE).sentence("--port=STRING", "the port to listen on")
    run(SCRIPT, "--version", cwd=HERE).sentence("release-channels ")


def test_the_open_index_tells_how_to_install_and_the_commands_work(
    checkout: Repo, run_session: RunSession, tmp_path: Path
) -> None:
    """It names the versions on it; every printed command works as printed; after Ctrl-C the files stay."""
    steps = ("build", "preview-publish")
    assert run_session(checkout, steps=steps).result is Result.PUBLISHED
    before = picture(checkout.root)
    with _open(checkout, INVOKE, "serve-index") as (child, lines):
        assert re.fullmatch(r"the local index of demo-tool is open at http://127\.0\.0\.1:\d+/simple/ .*", lines[0])
        assert lines[1] == "on it: 1.2.0.dev1"
        commands = [line.strip() for line in lines if line.startswith("  ")]
        assert len(commands) == 4
        installed = [_type_by_hand(command, tmp_path / str(number)) for number, command in enumerate(commands)]
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert all("1.2.0.dev1" in text for text in installed), installed
    Screen(child.returncode, out, err).sentence("the local index is closed; its files stay")
    assert child.returncode == 0
    assert picture(checkout.root) == before


def _type_by_hand(command: str, home: Path) -> str:
    """Type a printed command in a place of its own, and give what the installed program says."""
    home.mkdir()
    if "python -m pip" in command:
        subprocess.run([BIN / "uv", "venv", "--quiet", "--no-config", home / "venv"], check=True, cwd=home)
        words = ["pip", "install", "--quiet", "--no-config", "--python", str(home / "venv"), "pip"]
        subprocess.run([BIN / "uv", *words], check=True, cwd=home)
    places = {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "venv/bin")}
    path = f"{home / 'venv/bin'}:{BIN}:/usr/bin:/bin"
    # With the prefix, Python would not read the compiled code that pip has beside its sources.
    done = run("sh", "-c", command, cwd=home, env={**places, "PATH": path, "PYTHONPYCACHEPREFIX": ""})
    assert done.code == 0, done.text
    return run(home / "venv/bin/demo-tool", cwd=home).out


def test_an_empty_index_says_what_fills_it(checkout: Repo) -> None:
    """Before the first preview the index opens all the same, and says what puts something there."""
    before = picture(checkout.root)
    with _open(checkout, SCRIPT, "serve-index") as (child, lines):
        assert lines[1] == "on it: nothing yet, `nox -s preview` puts a preview there"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
    assert child.returncode == 0
    assert picture(checkout.root) == before


@pytest.mark.parametrize("flag", [pytest.param("--dry", marks=pytest.mark.full), "-R"])
def test_a_dry_run_opens_nothing(flag: str, checkout: Repo) -> None:
    """invoke's own flags for a dry run only tell what would be opened."""
    screen = run(SCRIPT, flag, "serve-index", cwd=checkout.root)
    assert screen.code == 0
    screen.sentence("planned: the local index of demo-tool would be opened; on it: nothing yet")


def test_a_port_of_ones_own_choice(checkout: Repo) -> None:
    """--port decides where the index listens; a port that is taken is told in a sentence."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        before = picture(checkout.root)
        screen = run(SCRIPT, "serve-index", "--port", port, cwd=checkout.root)
    assert screen.code == 1
    screen.sentence(f"the local index cannot listen on port {port}", "choose another port")
    assert picture(checkout.root) == before
    with _open(checkout, SCRIPT, "serve-index", "--port", port) as (child, lines):
        assert f"http://127.0.0.1:{port}/simple/" in lines[0]
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)


@pytest.mark.parametrize(
    "port",
    ["abc", *(pytest.param(text, marks=pytest.mark.full) for text in ("0", "-5", "65536", "٣", "1e3", "9" * 5000))],
)
def test_what_is_no_port_is_refused(port: str, checkout: Repo) -> None:
    """A wrong port is told in a sentence, with the exit code of a wrong request."""
    before = picture(checkout.root)
    screen = run(SCRIPT, "serve-index", f"--port={port}", cwd=checkout.root)
    assert screen.code == 2
    screen.sentence("is not a port", "from 1 to 65535")
    assert picture(checkout.root) == before


def test_mistakes_around_tasks_are_told_in_a_sentence(checkout: Repo, tmp_path: Path) -> None:
    """No repository and an unknown task end with exit code 1, and without a traceback."""
    nowhere = run(SCRIPT, "serve-index", cwd=tmp_path)
    assert nowhere.code == 1
    nowhere.sentence("is not in a git repository", "`git init`")
    unknown = run(INVOKE, "nonsense", cwd=checkout.root)
    assert unknown.code == 1
    unknown.sentence("No idea what 'nonsense' is!")
