"""A rehearsal as a user runs it holds what is asked of GitHub against GitHub's description."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from release_channels.adapters.git import Git
from release_channels.adapters.github.connect import USER_AGENT
from release_channels.cli.context import open_project
from release_channels.cli.options import RehearsalOptions
from release_channels.errors import FailedError
from release_channels.rehearsal.environment import MAINTAINER, RehearsalEnvironment
from release_channels.rehearsal.session import make_scenario
from tests.support.repo import Repo

BREACH = "/releases breaks GitHub's contract: X-GitHub-Api-Version is not 2022-11-28"


@contextmanager
def rehearsing(repo: Repo) -> Iterator[RehearsalEnvironment]:
    """Make the environment as the session does."""
    git = Git.open(repo.root)
    commit = git.commit("HEAD")
    options = RehearsalOptions(quick=True)
    with make_scenario(git, open_project(git, commit), commit, options, dict(os.environ)) as scenario:
        yield scenario.environment


def ask_too_much(environment: RehearsalEnvironment) -> None:
    """Send a request with the tool's name and without an API version."""
    url = f"{environment.github.api_url}/repos/{environment.repository}/releases"
    headers = {"User-Agent": USER_AGENT, "Authorization": f"Bearer {MAINTAINER}"}
    asked = requests.get(url, headers=headers, verify=environment.env["REQUESTS_CA_BUNDLE"], timeout=20)
    assert asked.status_code == 422


def test_a_rehearsal_fails_where_a_request_breaks_the_contract(repo: Repo, directory: Path) -> None:
    """Whatever else went well: the double notes the request, and the outcome names it."""
    with (
        pytest.raises(FailedError, match="internal error of the rehearsal") as stopped,
        rehearsing(repo) as environment,
    ):
        ask_too_much(environment)
    assert BREACH in stopped.value.hint
    assert list(directory.iterdir()) == []


@pytest.mark.full
def test_a_breach_is_reported_with_another_failure(
    repo: Repo, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The breach may be its cause; the last message stays the failure."""

    def fail(environment: RehearsalEnvironment) -> None:
        ask_too_much(environment)
        raise FailedError("a stage failed", hint="")

    with pytest.raises(FailedError, match="a stage failed"), rehearsing(repo) as environment:
        fail(environment)
    assert BREACH in " ".join(capsys.readouterr().err.split())
    assert list(directory.iterdir()) == []
