"""The number of git processes of a command has a limit, whatever the size of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from release_channels.model.outcome import Result
from tests.commands.doing import tag
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
    """The pages of a project are read by one process, and the remote is listed before, for and after the tag.

    Nine of them read the state that the next step follows from, once the tag is pushed.
    """
    repo = project(make_repo, pages)
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        assert tag(repo) == 0
    commands = processes.commands()
    assert len(commands) <= 23, commands
    assert [words[0] for words in commands].count("ls-remote") == 5


def test_the_decision_for_a_preview_starts_few_git_processes(
    make_repo: MakeRepo, run_session: RunSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A dry run opens, observes and decides."""
    repo = make_repo(Sample(files={f"docs/page-{number}.md": "text\n" for number in range(400)}))
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        assert run_session(repo, "--dry-run").result is Result.PLANNED
    assert len(processes.commands()) <= 5, processes.commands()
