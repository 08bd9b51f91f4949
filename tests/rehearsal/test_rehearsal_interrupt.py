"""Ctrl-C in the middle of a rehearsal: nothing is left, and it is said how it ended."""

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
def test_an_interrupt_leaves_nothing(offline: None, tmp_path: Path, ending: signal.Signals) -> None:
    """A job that would sleep for long, act above it, the servers and the scratch directory: all of it goes."""
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


def test_what_is_kept_is_not_said_to_be_gone(offline: None, tmp_path: Path) -> None:
    """An interrupt leaves it, and where it is has just been said."""
    directory = tmp_path / "tmp"
    directory.mkdir()
    screen = _interrupted(_sleeper(tmp_path), directory, signal.SIGINT, "--quick", "--with-tests", "--keep")
    assert "kept: " in screen.err
    assert screen.out.splitlines()[-1] == "failed: interrupted; the next one starts over (rehearsal)"
    assert len(list(directory.iterdir())) == 1
    assert marked(str(directory)) == []


def _sleeper(tmp_path: Path) -> Repo:
    """Make a project with a job that sleeps."""
    texts = dict.fromkeys(("internal-preview-release", "public-release"), workflow(job("true"), on="merge_group"))
    texts |= {"test": workflow(job("echo begun; sleep 600"))}
    files = {f".github/workflows/{name}.yml": text for name, text in texts.items()}
    return Repo.create(tmp_path / "repo", Sample(tail=NO_GATE, files=files).tree())  # type: ignore[arg-type]


def _interrupted(repo: Repo, directory: Path, ending: signal.Signals, *options: str) -> Screen:
    """Rehearse with temporary files in a place, and interrupt it while the job sleeps."""
    with start(sys.executable, "-c", REHEARSE, *options, cwd=repo.root, env={"TMPDIR": str(directory)}) as child:
        wait_until(lambda: any("sleep 600" in one for one in marked(str(directory))), "the job to sleep")
        child.send_signal(ending)
        out, err = child.communicate(timeout=60)
    return Screen(child.returncode, out, err)
