"""Tasks on the screen, by invoke and by the console script: the list, the open index, and usage errors."""

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
from tests.cli.screen import BIN, Screen, adopter, run, snapshot, start
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
    """Keep the index open, and return its process and its output up to the last command."""
    with start(*words, cwd=repo.root, env={"PYTHONUNBUFFERED": "1"}) as child:
        assert child.stdout
        lines = [line for _, line in zip(range(8), child.stdout, strict=False)]
        assert child.poll() is None, "it must stay open until it is told to end"
        yield child, [line.rstrip("\n") for line in lines]


@pytest.mark.parametrize("words", [(INVOKE, "--list"), (SCRIPT, "--list")], ids=["invoke", "script"])
def test_every_task_is_listed_with_one_line(words: tuple[str | Path, ...], offline: None) -> None:
    """By invoke and by the console script."""
    screen = run(*words, cwd=HERE)
    assert screen.code == 0
    listed = screen.out.partition("Subcommands:" if words[0] == SCRIPT else "Available tasks:")[2].strip("\n")
    assert len(listed.splitlines()) == 11
    for line in listed.splitlines():
        assert re.fullmatch(r"  [a-z-]+ +[A-Z].{10,}\.", line), line


def test_help_shows_the_program_and_its_options(offline: None) -> None:
    """--help TASK shows the task's options, and --version the version."""
    shown = run(SCRIPT, "--help", cwd=HERE)
    shown.shows("Usage: release-channels ")
    # Our tasks come first, and an option that does nothing here is not offered.
    assert shown.out.index("  bump-dev ") < shown.out.index("  -V, --version ")
    options = shown.out.partition("Options before the task:")[2]
    assert re.findall(r"--[a-z-]+", options) == [
        "--complete", "--print-completion-script", "--help", "--list", "--dry", "--version",
    ]  # fmt: skip
    run(SCRIPT, "--help", "serve-index", cwd=HERE).shows("--port=STRING", "the port to listen on")
    run(SCRIPT, "--version", cwd=HERE).shows("release-channels ")


@pytest.mark.full
def test_the_commands_of_the_open_index_work(checkout: Repo, run_session: RunSession, tmp_path: Path) -> None:
    """It lists its versions; the files stay after Ctrl-C."""
    steps = ("build", "preview-publish")
    assert run_session(checkout, steps=steps).result is Result.PUBLISHED
    before = snapshot(checkout.root)
    with _open(checkout, INVOKE, "serve-index") as (child, lines):
        assert re.fullmatch(r"the local index of demo-tool is open at http://127\.0\.0\.1:\d+/simple/ .*", lines[0])
        assert lines[1] == "on it: 1.2.0.dev1"
        commands = [line.strip() for line in lines if line.startswith("  ")]
        assert len(commands) == 4
        installed = [_type_by_hand(command, tmp_path / str(number)) for number, command in enumerate(commands)]
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=20)
    assert all("1.2.0.dev1" in text for text in installed), installed
    Screen(child.returncode, out, err).shows("the local index is closed; its files stay")
    assert child.returncode == 0
    assert snapshot(checkout.root) == before


def _type_by_hand(command: str, home: Path) -> str:
    """Run a printed command in its own directory, and return the installed program's output."""
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


def test_an_empty_index_hints_at_the_preview(checkout: Repo) -> None:
    before = snapshot(checkout.root)
    with _open(checkout, SCRIPT, "serve-index") as (child, lines):
        assert lines[1] == "on it: nothing yet, `nox -s preview` puts a preview there"
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)
    assert child.returncode == 0
    assert snapshot(checkout.root) == before


@pytest.mark.parametrize("flag", [pytest.param("--dry", marks=pytest.mark.full), "-R"])
def test_a_dry_run_opens_no_index(flag: str, checkout: Repo) -> None:
    """Also by invoke's own flags."""
    screen = run(SCRIPT, flag, "serve-index", cwd=checkout.root)
    assert screen.code == 0
    screen.shows("planned: the local index of demo-tool would be opened; on it: nothing yet")


def test_port_option_sets_the_port_of_the_index(checkout: Repo) -> None:
    """A taken port is refused."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        before = snapshot(checkout.root)
        screen = run(SCRIPT, "serve-index", "--port", port, cwd=checkout.root)
    assert screen.code == 1
    screen.shows(f"the local index cannot listen on port {port}", "choose another port")
    assert snapshot(checkout.root) == before
    with _open(checkout, SCRIPT, "serve-index", "--port", port) as (child, lines):
        assert f"http://127.0.0.1:{port}/simple/" in lines[0]
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=20)


@pytest.mark.parametrize(
    "port",
    ["abc", *(pytest.param(text, marks=pytest.mark.full) for text in ("0", "-5", "65536", "٣", "1e3", "9" * 5000))],
)
def test_an_invalid_port_is_a_usage_error(port: str, checkout: Repo) -> None:
    before = snapshot(checkout.root)
    screen = run(SCRIPT, "serve-index", f"--port={port}", cwd=checkout.root)
    assert screen.code == 2
    screen.shows("is not a port", "from 1 to 65535")
    assert snapshot(checkout.root) == before


def test_a_missing_repository_or_task_exits_with_1(checkout: Repo, tmp_path: Path) -> None:
    """Without a traceback."""
    nowhere = run(SCRIPT, "serve-index", cwd=tmp_path)
    assert nowhere.code == 1
    nowhere.shows("is not in a git repository", "`git init`")
    unknown = run(INVOKE, "nonsense", cwd=checkout.root)
    assert unknown.code == 1
    unknown.shows("No idea what 'nonsense' is!")
