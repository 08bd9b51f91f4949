"""The test run that a gate follows, as GitHub lists it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from release_channels.gate.test_run import TestedCommit, fetch_tested_commit
from release_channels.model.config import Config
from release_channels.model.tested_commit import TestRun
from tests.github.hubs import NAME, READER, GitHubDouble, open_github
from tests.support.repo import Repo


@dataclass
class Query:
    """A GitHub, a commit, and the environment of a query."""

    github: GitHubDouble
    sha: str
    env: dict[str, str]

    def __call__(self, **changes: str) -> TestedCommit:
        """Query the test run of the commit."""
        return fetch_tested_commit(self.sha, Config(), None, self.env | changes)


@pytest.fixture
def query(repo: Repo) -> Iterator[Query]:
    """A GitHub without runs."""
    with open_github(repo) as github:
        github.state.workflows.add("test.yml")
        env = {"GITHUB_API_URL": github.running.api_url, "GH_TOKEN": READER, "GITHUB_REPOSITORY": NAME}
        yield Query(github, repo.git("rev-parse", "HEAD"), env)


def test_the_newest_green_run_of_a_push_to_main_counts(query: Query) -> None:
    """Failed runs, other branches, events, workflows and commits are ignored; the attempt is the newest."""
    state, sha = query.github.state, query.sha
    state.add_run("test.yml", sha, number=7)
    wanted = state.add_run("test.yml", sha, number=8, conclusion="failure")
    state.rerun(wanted)
    state.add_run("test.yml", sha, number=9, conclusion="failure")
    state.add_run("test.yml", sha, number=10, branch="topic")
    state.add_run("test.yml", sha, number=11, event="workflow_dispatch")
    state.add_run("test.yml", sha, number=12, status="in_progress")
    state.add_run("lint.yml", sha, number=13)
    state.add_run("test.yml", "f" * 40, number=14)
    assert query() == TestedCommit(TestRun(wanted, 8, 2, ".github/workflows/test.yml"), NAME)


def test_without_a_green_run_there_is_none(query: Query) -> None:
    """Where the tests failed or never ran."""
    query.github.state.add_run("test.yml", query.sha, conclusion="failure")
    commit = query()
    assert commit.test_run is None
    assert commit.missing == f"no run of test.yml has succeeded for a push of {query.sha[:12]} to main"


def test_without_an_answer_there_is_no_run(query: Query) -> None:
    """A refused token is reported without its value."""
    commit = query(GH_TOKEN="SECRET-unknown")
    assert commit.test_run is None
    assert commit.missing.startswith("GitHub did not answer: ")
    assert "SECRET" not in commit.missing


def test_a_project_outside_github_has_no_run(offline: None) -> None:
    """No server is queried."""
    assert fetch_tested_commit("f" * 40, Config(), "/srv/git/demo.git", {}).missing.startswith("the GitHub repository")
