"""Deployments and pull requests, read and created with the client on the double."""

from __future__ import annotations

import pytest

from release_channels.errors import RefusedError
from release_channels.model.github import PullRequest
from tests.github.hubs import NAME, READER, GitHubDouble

SHA, OTHER = "a" * 40, "b" * 40


def test_each_deployment_contains_its_workflow(github: GitHubDouble) -> None:
    """So gate and publisher differ; newest first."""
    gate = github.state.add_run("integration-eval.yml", SHA)
    publisher = github.state.add_run("public-release.yml", SHA)
    github.state.add_deployment("pypi-public", OTHER, "in_progress", "success", run_id=publisher)
    github.state.add_deployment("pypi-public", SHA, "in_progress", "success", run_id=publisher)
    github.state.add_deployment("pypi-public", SHA, "in_progress", "failure", run_id=gate)
    github.state.add_deployment("pypi-public", SHA)
    github.state.add_deployment("other", SHA, "success", run_id=gate)

    found = github.client().deployments("pypi-public", 10)

    assert [(one.sha, one.state, one.workflow) for one in found] == [
        (SHA, None, None),
        (SHA, "failure", "integration-eval.yml"),
        (SHA, "success", "public-release.yml"),
        (OTHER, "inactive", "public-release.yml"),
    ]
    assert {one.environment for one in found} == {"pypi-public"}
    assert found[1].url.startswith(f"{github.running.url}/{NAME}/actions/runs/{gate}/job/")
    assert github.client().deployments("pypi-public", 2) == found[:2]


def test_a_deployment_of_a_deleted_run_is_listed(github: GitHubDouble) -> None:
    """Its workflow is unknown."""
    run_id = github.state.add_run("public-release.yml", SHA)
    github.state.add_deployment("pypi-public", SHA, "success", run_id=run_id)
    del github.state.runs[run_id]

    (found,) = github.client(READER).deployments("pypi-public", 1)
    assert (found.state, found.workflow) == ("success", None)


def test_an_environment_without_deployments_has_none(github: GitHubDouble) -> None:
    assert github.client(None).deployments("pypi-public", 5) == ()


def test_a_pull_request_is_opened_once(github: GitHubDouble) -> None:
    """A second one for the branch is refused in GitHub's words."""
    github.repo.git("checkout", "--quiet", "-b", "bump-1.2.0")
    github.repo.commit("Bump")
    github.repo.git("push", "--quiet", "origin", "bump-1.2.0")
    client = github.client()

    made = client.open_pull_request("bump-1.2.0", "main", "Version 1.2.0", "The words")
    before = github.fingerprint()

    assert made == PullRequest(1, f"{github.running.url}/{NAME}/pull/1")
    pull = github.state.pulls[1]
    assert (pull.head, pull.base, pull.title, pull.body) == ("bump-1.2.0", "main", "Version 1.2.0", "The words")
    with pytest.raises(RefusedError, match=r"A pull request already exists for acme:bump-1\.2\.0"):
        client.open_pull_request("bump-1.2.0", "main", "Version 1.2.0", "")
    assert github.fingerprint() == before


@pytest.mark.parametrize(
    ("head", "said"),
    [
        pytest.param("not-pushed", r"PullRequest\.head invalid", id="not pushed"),
        pytest.param("same", "No commits between main and same", id="nothing new"),
    ],
)
def test_a_pull_request_without_commits_is_refused(github: GitHubDouble, head: str, said: str) -> None:
    """Its branch is missing or contains nothing new."""
    github.repo.git("push", "--quiet", "origin", "main:refs/heads/same")
    before = github.fingerprint()

    with pytest.raises(RefusedError, match=said):
        github.client().open_pull_request(head, "main", "Title", "")
    assert github.fingerprint() == before
