"""A rehearsal as a user runs it holds what is asked of GitHub against GitHub's description."""

from __future__ import annotations

import os
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


def ask_too_much(environment: RehearsalEnvironment) -> None:
    """Ask under the tool's name, without a version of the API."""
    url = f"{environment.github.api_url}/repos/{environment.repository}/releases"
    headers = {"User-Agent": USER_AGENT, "Authorization": f"Bearer {MAINTAINER}"}
    asked = requests.get(url, headers=headers, verify=environment.env["REQUESTS_CA_BUNDLE"], timeout=20)
    assert asked.status_code == 422


def test_a_rehearsal_fails_where_a_request_breaks_the_contract(repo: Repo, directory: Path) -> None:
    """Whatever else went well: the double notes the request, and the outcome names it."""
    git = Git.open(repo.root)
    commit = git.commit("HEAD")
    project = open_project(git, commit)
    options = RehearsalOptions(quick=True)
    with (
        pytest.raises(FailedError, match="internal error of the rehearsal") as stopped,
        make_scenario(git, project, commit, options, dict(os.environ)) as scenario,
    ):
        ask_too_much(scenario.environment)
    assert "/releases breaks GitHub's contract: X-GitHub-Api-Version is not 2022-11-28" in stopped.value.hint
    assert list(directory.iterdir()) == []
