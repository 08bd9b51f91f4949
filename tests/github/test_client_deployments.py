"""Deployments and pull requests, as the real client library reads and makes them on the stand-in."""

from __future__ import annotations

import pytest

from release_channels.errors import RefusedError
from release_channels.model.github import PullRequest
from tests.github.hubs import NAME, READER, Hub

SHA, OTHER = "a" * 40, "b" * 40


def test_each_deployment_names_the_workflow_behind_it(hub: Hub) -> None:
    """A gate that deployed to an environment is told apart from the publisher, newest first."""
    gate = hub.state.add_run("integration-eval.yml", SHA)
    publisher = hub.state.add_run("public-release.yml", SHA)
    hub.state.add_deployment("pypi-public", OTHER, "in_progress", "success", run_id=publisher)
    hub.state.add_deployment("pypi-public", SHA, "in_progress", "success", run_id=publisher)
    hub.state.add_deployment("pypi-public", SHA, "in_progress", "failure", run_id=gate)
    hub.state.add_deployment("pypi-public", SHA)
    hub.state.add_deployment("other", SHA, "success", run_id=gate)

    found = hub.client().deployments("pypi-public", 10)

    assert [(one.sha, one.state, one.workflow) for one in found] == [
        (SHA, None, None),
        (SHA, "failure", "integration-eval.yml"),
        (SHA, "success", "public-release.yml"),
        (OTHER, "inactive", "public-release.yml"),
    ]
    assert {one.environment for one in found} == {"pypi-public"}
    assert found[1].url.startswith(f"{hub.running.url}/{NAME}/actions/runs/{gate}/job/")
    assert hub.client().deployments("pypi-public", 2) == found[:2]


def test_a_deployment_outlives_its_run(hub: Hub) -> None:
    """Where the run was deleted the workflow is unknown, and the deployment is still told."""
    run_id = hub.state.add_run("public-release.yml", SHA)
    hub.state.add_deployment("pypi-public", SHA, "success", run_id=run_id)
    del hub.state.runs[run_id]

    (found,) = hub.client(READER).deployments("pypi-public", 1)
    assert (found.state, found.workflow) == ("success", None)


def test_an_environment_without_deployments_has_none(hub: Hub) -> None:
    """An environment that nothing was deployed to shows nothing."""
    assert hub.client(None).deployments("pypi-public", 5) == ()


def test_a_pull_request_is_opened_once(hub: Hub) -> None:
    """A pull request is opened with its words; a second one for the branch is refused in GitHub's words."""
    hub.repo.git("checkout", "--quiet", "-b", "bump-1.2.0")
    hub.repo.commit("Bump")
    hub.repo.git("push", "--quiet", "origin", "bump-1.2.0")
    client = hub.client()

    made = client.open_pull_request("bump-1.2.0", "main", "Version 1.2.0", "The words")
    before = hub.fingerprint()

    assert made == PullRequest(1, f"{hub.running.url}/{NAME}/pull/1")
    pull = hub.state.pulls[1]
    assert (pull.head, pull.base, pull.title, pull.body) == ("bump-1.2.0", "main", "Version 1.2.0", "The words")
    with pytest.raises(RefusedError, match=r"A pull request already exists for acme:bump-1\.2\.0"):
        client.open_pull_request("bump-1.2.0", "main", "Version 1.2.0", "")
    assert hub.fingerprint() == before


@pytest.mark.parametrize(
    ("head", "said"),
    [
        pytest.param("not-pushed", r"PullRequest\.head invalid", id="not pushed"),
        pytest.param("same", "No commits between main and same", id="nothing new"),
    ],
)
def test_a_pull_request_without_content_is_refused(hub: Hub, head: str, said: str) -> None:
    """A branch that is not there, or contains nothing new, makes no pull request."""
    hub.repo.git("push", "--quiet", "origin", "main:refs/heads/same")
    before = hub.fingerprint()

    with pytest.raises(RefusedError, match=said):
        hub.client().open_pull_request(head, "main", "Title", "")
    assert hub.fingerprint() == before
