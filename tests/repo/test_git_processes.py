"""How many git processes a command starts: a bound for each, whatever the size of the project."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from release_channels.model.outcome import Result
from tests.commands.doing import tag
from tests.conftest import MakeRepo, RunSession
from tests.support.projects import Sample
from tests.support.releasing import CHANGELOG, sample
from tests.support.repo import Repo

Count = Callable[[], list[str]]


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Count:
    """Return what lists the git processes that were started since the last call, but not those that git started."""
    directory = tmp_path / "trace"
    directory.mkdir()
    monkeypatch.setenv("GIT_TRACE2_EVENT", str(directory))

    def started() -> list[str]:
        lines = [line for path in directory.iterdir() for line in path.read_text().splitlines()]
        for path in directory.iterdir():
            path.unlink()
        events = [json.loads(line) for line in lines]
        starts = [event for event in events if event["event"] == "start" and "/" not in event["sid"]]
        return [" ".join(event["argv"]) for event in sorted(starts, key=lambda event: event["time"])]

    return started


def project(make_repo: MakeRepo, pages: int) -> Repo:
    """A project that is ready for its tag, with pages that are searched for old versions."""
    files = {f"docs/page-{number}.md": "text\n" for number in range(pages)}
    return make_repo(Sample(files={**sample("1.2.0", CHANGELOG_md=CHANGELOG).files, **files}))


@pytest.mark.parametrize("pages", [1, 400])
def test_a_tag_starts_few_git_processes(make_repo: MakeRepo, count: Count, pages: int) -> None:
    """The pages of a project are read by one process."""
    repo = project(make_repo, pages)
    count()
    assert tag(repo) == 0
    processes = count()
    assert len(processes) <= 22, "\n".join(processes)


def test_the_decision_for_a_preview_starts_few_git_processes(
    make_repo: MakeRepo, run_session: RunSession, count: Count
) -> None:
    """A dry run opens, observes and decides."""
    repo = make_repo(Sample())
    count()
    assert run_session(repo, "--dry-run").result is Result.PLANNED
    processes = count()
    assert len(processes) <= 6, "\n".join(processes)
