"""Which test run a gate follows, as GitHub tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from release_channels.gate.test_run import TestedCommit, ask_for_tested_commit
from release_channels.model.config import Config
from release_channels.model.tested_commit import TestRun
from tests.github.hubs import NAME, READER, Hub, open_hub
from tests.support.repo import Repo


@dataclass
class Asked:
    """A GitHub, a commit, and the environment in which it is asked."""

    hub: Hub
    sha: str
    env: dict[str, str]

    def __call__(self, **changes: str) -> TestedCommit:
        """Ask for the origin of the commit."""
        return ask_for_tested_commit(self.sha, Config(), None, self.env | changes)


@pytest.fixture
def asked(repo: Repo) -> Iterator[Asked]:
    """A GitHub without any run."""
    with open_hub(repo) as hub:
        hub.state.workflows.add("test.yml")
        env = {"GITHUB_API_URL": hub.running.api_url, "GH_TOKEN": READER, "GITHUB_REPOSITORY": NAME}
        yield Asked(hub, repo.git("rev-parse", "HEAD"), env)


def test_the_newest_green_run_of_a_push_to_main_counts(asked: Asked) -> None:
    """Red ones, other branches, events, workflows and commits are left aside; the attempt is the newest."""
    state, sha = asked.hub.state, asked.sha
    state.add_run("test.yml", sha, number=7)
    wanted = state.add_run("test.yml", sha, number=8, conclusion="failure")
    state.rerun(wanted)
    state.add_run("test.yml", sha, number=9, conclusion="failure")
    state.add_run("test.yml", sha, number=10, branch="topic")
    state.add_run("test.yml", sha, number=11, event="workflow_dispatch")
    state.add_run("test.yml", sha, number=12, status="in_progress")
    state.add_run("lint.yml", sha, number=13)
    state.add_run("test.yml", "f" * 40, number=14)
    assert asked() == TestedCommit(TestRun(wanted, 8, 2, ".github/workflows/test.yml"), NAME)


def test_without_a_green_run_there_is_none(asked: Asked) -> None:
    """A commit whose tests failed, or never ran, has no test run behind it."""
    asked.hub.state.add_run("test.yml", asked.sha, conclusion="failure")
    found = asked()
    assert found.test_run is None
    assert found.missing == f"no run of test.yml has succeeded for a push of {asked.sha[:12]} to main"


def test_a_github_that_does_not_tell_is_no_run(asked: Asked) -> None:
    """A token that is refused proves nothing, and the reason is told without it."""
    found = asked(GH_TOKEN="SECRET-unknown")
    assert found.test_run is None
    assert found.missing.startswith("GitHub does not tell: ")
    assert "SECRET" not in found.missing


def test_a_project_that_is_not_on_github_has_no_run(offline: None) -> None:
    """Nobody is asked then."""
    assert ask_for_tested_commit("f" * 40, Config(), "/srv/git/demo.git", {}).missing.startswith(
        "no repository on GitHub"
    )
