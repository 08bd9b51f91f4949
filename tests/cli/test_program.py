"""The console script's own messages, and shell completion for both programs in a real shell."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from release_channels.cli.program import TaskProgram
from release_channels.tasks import ns
from tests.cli.screen import BIN, adopter, nox, run, snapshot
from tests.conftest import MakeRepo
from tests.support.projects import Sample

SCRIPT = BIN / "release-channels"


@pytest.mark.parametrize(
    ("words", "message", "then"),
    [
        pytest.param(["nosuch"], "'nosuch' is not a task", "`release-channels --list`", id="task"),
        pytest.param(["rehearse"], "'rehearse' is not a task", "it is a session: `nox -s rehearse`", id="session"),
        pytest.param(
            ["bmup", "--index", "local"],
            "'bmup' is not a task",
            "next: release-channels bump --index local",
            id="misspelt task",
        ),
        pytest.param(
            ["rehearse", "--quick"],
            "'rehearse' is not a task",
            "next: nox -s rehearse -- --quick",
            id="session's option",
        ),
        pytest.param(
            ["tag", "v1.2.0", "--sign"],
            "tag takes no 'v1.2.0' without an option",
            "next: release-channels tag --version 1.2.0 --sign",
            id="version of tag",
        ),
        pytest.param(
            ["bump", "1.2.0"], "bump takes no '1.2.0'", "next: release-channels bump --to 1.2.0", id="version of bump"
        ),
        pytest.param(["doctor", "x"], "doctor takes no 'x'", "next: release-channels --help doctor", id="stray word"),
        pytest.param(["tag", "--nosuch"], "'--nosuch' is not an option of tag", "--help tag", id="option"),
        pytest.param(
            ["status", "--indx", "local"],
            "option of status",
            "next: release-channels status --index local",
            id="misspelt option",
        ),
        pytest.param(
            ["--status"], "'--status' is not an option of release-channels", "--list", id="option like a task"
        ),
        pytest.param(["--nosuch"], "'--nosuch' is not an option of release-channels", "--list", id="core option"),
        pytest.param(["--help", "nosuch"], "'nosuch' is not a task", "`release-channels --list`", id="help of no task"),
        pytest.param(
            ["--help", "bmup"], "'bmup' is not a task", "next: release-channels --help bump", id="help, misspelt"
        ),
        pytest.param(["--list", "nosuch"], "'nosuch' is not a task", "`release-channels --list`", id="list of no task"),
        pytest.param(
            ["-T", "x", "status"], "'-T' is not an option of release-channels", "--list", id="invoke's option"
        ),
        pytest.param(["-f", "no.yaml", "status"], "'-f' is not an option of", "--list", id="invoke's configuration"),
        pytest.param(
            ["status", "--indx=local", "--json"],
            "'--indx' is not an option of status",
            "next: release-channels status --index=local --json",
            id="misspelt option with its value",
        ),
        pytest.param(["--help=bmup"], "'bmup' is not a task", "next: release-channels --help=bump", id="help=misspelt"),
        pytest.param(["status", "--index"], "--index needs a value", "--help status", id="no value"),
        pytest.param(["resume"], "did not receive required positional arguments: 'tag'", "--help resume", id="no tag"),
    ],
)
def test_an_invalid_command_line_gets_a_next_step(
    tmp_path: Path, offline: None, words: list[str], message: str, then: str
) -> None:
    """With what to type instead; exit code 2."""
    screen = run(SCRIPT, *words, cwd=tmp_path)
    assert screen.code == 2
    assert screen.err.splitlines()[-1].startswith(("next: release-channels ", "next: nox -s "))
    screen.shows(message, then)
    assert "did you mean `release-channels" not in screen.text or not words[0].startswith(("--s", "--n"))


def test_the_next_step_is_never_the_refused_command(make_repo: MakeRepo) -> None:
    """`tag` after code changes: the hint contains `--commit`."""
    repo = make_repo(Sample(version="1.2.0"))
    repo.commit("more", {"src/demo_tool/more.py": ""})
    repo.git("push", "--quiet", "origin", "main")
    before = repo.fingerprint()
    screen = run(SCRIPT, "tag", "--index", "local", cwd=repo.root)
    assert (screen.code, screen.err.splitlines()[-1]) == (1, "next: release-channels tag --commit HEAD --index local")
    assert repo.fingerprint() == before


@pytest.mark.parametrize(
    "task",
    [
        "doctor",
        "init",
        *(pytest.param(one, marks=pytest.mark.full) for one in ("bump", "setup-publishing", "serve-index")),
    ],
)
def test_a_directory_without_a_repository_is_refused(tmp_path: Path, offline: None, task: str) -> None:
    """For any task, without a traceback."""
    screen = run(SCRIPT, task, cwd=tmp_path)
    assert screen.code == 1
    screen.shows("is not in a git repository", "git init")


@pytest.mark.parametrize("task", sorted(ns.task_names))
@pytest.mark.parametrize("words", [("{}", "--help"), ("{}", "-h"), ("--help", "{}"), ("{}", "v1.0.0", "--help")])
def test_every_task_shows_its_help(capsys: pytest.CaptureFixture[str], task: str, words: tuple[str, ...]) -> None:
    """Wherever the option is on the command line."""
    TaskProgram(ns).run(["release-channels", *(word.format(task) for word in words)], exit=False)
    assert capsys.readouterr().out.startswith(f"Usage: release-channels [--core-opts] {task} ")


def test_every_session_shows_its_options_and_runs_nothing(make_repo: MakeRepo) -> None:
    """One start of nox for each kind of session."""
    repo = make_repo(adopter())
    before = snapshot(repo.root)
    screen = nox(repo.root, "-s", "preview", "gate", "rehearse", "ci-result", "--", "--help")
    assert screen.code == 0
    for name, option in (
        ("preview", "--run-number N"),
        ("gate", "--provider NAME"),
        ("rehearse", "--fault NAME|all"),
        ("ci-result", "--verbose"),
    ):
        assert option in screen.out.partition(f"usage: nox -s {name} --")[2].partition("usage:")[0]
    assert snapshot(repo.root) == before


def test_a_closed_pipe_causes_no_traceback(tmp_path: Path, offline: None) -> None:
    """As in `release-channels --help | head -1`."""
    bash = shutil.which("bash")
    assert bash
    done = subprocess.run(
        [bash, "-c", f"{SCRIPT} --help | head -1"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (done.stdout.startswith("Usage: release-channels"), "Traceback" in done.stderr) == (True, False)


def test_bash_completes_the_tasks(tmp_path: Path, offline: None) -> None:
    """With the printed script in a real bash."""
    bash = shutil.which("bash")
    assert bash
    script = (
        f'export PATH="{BIN}:$PATH"; source <(release-channels --print-completion-script bash); '
        'COMP_WORDS=(release-channels ""); COMP_CWORD=1; COMP_LINE="release-channels "; '
        '_complete_release-channels; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run([bash, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert {"bump-dev", "doctor", "init", "tag"} <= set(done.stdout.split())


def test_nox_completes_the_release_sessions(make_repo: MakeRepo) -> None:
    """Of an adopter's noxfile."""
    repo = make_repo(adopter())
    line = "nox -s public-p"
    done = subprocess.run(
        ["bash", "-c", f'"{BIN / "nox"}" 8>&1 9>/dev/null 1>/dev/null'],
        cwd=repo.root, capture_output=True, text=True, check=False,
        env={
            "PATH": f"{BIN}:/usr/bin:/bin", "NOX_SCRIPT_MODE": "none", "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n",
            "COMP_LINE": line, "COMP_POINT": str(len(line)),
        },
    )  # fmt: skip
    assert done.stdout.split() == ["public-publish"]
