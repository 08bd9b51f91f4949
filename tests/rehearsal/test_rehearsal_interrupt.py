"""Ctrl-C during a rehearsal: nothing is left, and the outcome is reported."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from tests.cli.screen import Screen, marked, start, wait_until
from tests.rehearsal.stages import NO_GATE, job, workflow
from tests.support.projects import Sample
from tests.support.repo import Repo

REHEARSE = (
    "import sys; from pathlib import Path; from release_channels.rehearsal.session import run_rehearsal; "
    "sys.exit(not run_rehearsal(sys.argv[1:], root=Path.cwd()).result.is_good)"
)


@pytest.mark.parametrize(
    "ending",
    [
        pytest.param(signal.SIGINT, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, id="SIGTERM", marks=pytest.mark.full),
    ],
)
def test_an_interrupted_rehearsal_leaves_nothing(offline: None, tmp_path: Path, ending: signal.Signals) -> None:
    """A sleeping job, act, the servers, the temporary directory."""
    repo = _sleeper(tmp_path)
    before = repo.fingerprint()
    directory = tmp_path / "tmp"
    directory.mkdir()
    screen = _interrupted(repo, directory, ending, "--quick", "--with-tests")
    # Below nox, which says the rest, the interrupt itself is what ends the process.
    assert screen.out.splitlines()[-1] == (
        "failed: interrupted; its files are removed, and the next one starts over (rehearsal)"
    )
    assert list(directory.iterdir()) == []
    assert marked(str(directory)) == []
    assert repo.fingerprint() == before


@pytest.mark.full
def test_an_interrupt_with_keep_leaves_the_directory(offline: None, tmp_path: Path) -> None:
    """Its path is reported."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    screen = _interrupted(_sleeper(tmp_path), directory, signal.SIGINT, "--quick", "--with-tests", "--keep")
    assert "kept: " in screen.err
    assert screen.out.splitlines()[-1] == "failed: interrupted; the next one starts over (rehearsal)"
    assert len(list(directory.iterdir())) == 1
    assert marked(str(directory)) == []


def _sleeper(tmp_path: Path) -> Repo:
    """Create a project with a job that sleeps."""
    texts = {
        "test": workflow(job("echo begun; sleep 600")),
        "internal-preview-release": workflow(job("true"), on="{workflow_run: {workflows: [test], types: [completed]}}"),
        "public-release": workflow(job("true"), on="{push: {tags: ['v*']}}"),
    }
    files = {
        f".github/workflows/{name}.yml": text.replace("name: one", f"name: {name}") for name, text in texts.items()
    }
    return Repo.create(tmp_path / "repo", Sample(tail=NO_GATE, files=files).tree())  # type: ignore[arg-type]


def _interrupted(repo: Repo, directory: Path, ending: signal.Signals, *options: str) -> Screen:
    """Rehearse with temporary files in a directory, and interrupt it while the job sleeps."""
    with start(sys.executable, "-c", REHEARSE, *options, cwd=repo.root, env={"TMPDIR": str(directory)}) as child:
        wait_until(lambda: any("sleep 600" in one for one in marked(str(directory))), "the job to sleep")
        child.send_signal(ending)
        out, err = child.communicate(timeout=60)
    return Screen(child.returncode, out, err)
