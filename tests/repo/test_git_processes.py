"""The number of git processes of a command has a limit, whatever the size of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoke.tasks import Task

from release_channels import tasks
from release_channels.model.outcome import Result
from tests.commands.doing import run_task, tag
from tests.conftest import MakeRepo, RunSession
from tests.support.git_processes import counted_git
from tests.support.projects import Sample
from tests.support.releasing import CHANGELOG, sample
from tests.support.repo import Repo


def project(make_repo: MakeRepo, pages: int) -> Repo:
    """A project that is ready for its tag, with pages that are searched for old versions."""
    files = {f"docs/page-{number}.md": "text\n" for number in range(pages)}
    return make_repo(Sample(files={**sample("1.2.0", CHANGELOG_md=CHANGELOG).files, **files}))


@pytest.mark.parametrize("pages", [1, 400])
def test_a_tag_starts_few_git_processes(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pages: int
) -> None:
    """The pages of a project are read by one process, and the remote is listed before and after the tag.

    Nine of them read the state that the next step follows from, once the tag is pushed.
    """
    repo = project(make_repo, pages)
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        assert tag(repo) == 0
    commands = processes.commands()
    assert len(commands) <= 21, commands
    assert [words[0] for words in commands].count("ls-remote") == 3


READING: dict[str, tuple[Task[Any], dict[str, object], int, int]] = {
    "status": (tasks.status, {}, 11, 1),
    "doctor, which shows the next step": (tasks.doctor, {}, 20, 2),
    "bump, which does": (tasks.bump, {"dry_run": True}, 15, 2),
    "tag, refused, which does": (tasks.tag, {"dry_run": True}, 20, 2),
}


@pytest.mark.parametrize("case", READING)
def test_a_task_that_reads_lists_the_remote_once_and_once_more_for_the_next_step(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, case: str
) -> None:
    """Each listing is a request that takes the better part of a second where the remote is far away."""
    task, options, most, listings = READING[case]
    repo = make_repo(sample("1.2.0.dev0", CHANGELOG_md=CHANGELOG))
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        run_task(repo.root, task, index="local", **options)
    commands = processes.commands()
    assert [words[0] for words in commands].count("ls-remote") == listings, "\n".join(map(" ".join, commands))
    assert len(commands) <= most, commands


def test_the_decision_for_a_preview_starts_few_git_processes(
    make_repo: MakeRepo, run_session: RunSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A dry run opens, observes and decides."""
    repo = make_repo(Sample(files={f"docs/page-{number}.md": "text\n" for number in range(400)}))
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        assert run_session(repo, "--dry-run").result is Result.PLANNED
    assert len(processes.commands()) <= 5, processes.commands()
