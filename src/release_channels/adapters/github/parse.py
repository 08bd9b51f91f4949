"""Parse PyGithub's objects into values of our own, and refuse a missing required value, which it reads as None."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from release_channels.model.github import (
    Artifact,
    Asset,
    Comparison,
    Deployment,
    GitHubRelease,
    Job,
    PullRequest,
    WorkflowRun,
)

if TYPE_CHECKING:
    import github.Artifact
    import github.Comparison
    import github.Deployment
    import github.DeploymentStatus
    import github.GitRelease
    import github.GitReleaseAsset
    import github.PullRequest
    import github.Requester
    import github.WorkflowJob
    import github.WorkflowRun


_T = TypeVar("_T")
_SHA256 = "sha256:"


def parse_run(run: github.WorkflowRun.WorkflowRun) -> WorkflowRun:
    """Parse a run; `path` may end with `@` and the ref of the workflow.

    Source: GitHub's REST reference: the attempt is optional; 0 is none that anything else states.
    """
    return WorkflowRun(
        id=sure(run.id),
        number=sure(run.run_number),
        attempt=run.run_attempt or 0,
        path=sure(run.path).partition("@")[0],
        repository=sure(_full_name(run.repository)),
        event=sure(run.event),
        status=sure(run.status),
        conclusion=run.conclusion,
        sha=sure(run.head_sha),
        branch=run.head_branch,
        head_repository=_full_name(run.head_repository),
        url=sure(run.html_url),
        title=run.display_title or "",
        created_at=sure(run.created_at),
    )


def parse_job(job: github.WorkflowJob.WorkflowJob) -> Job:
    """Parse a job."""
    return Job(
        id=sure(job.id),
        name=sure(job.name),
        status=sure(job.status),
        conclusion=job.conclusion,
        url=job.html_url or "",
    )


def parse_artifact(artifact: github.Artifact.Artifact) -> Artifact:
    """Parse an artifact."""
    return Artifact(
        id=sure(artifact.id),
        name=sure(artifact.name),
        size=sure(artifact.size_in_bytes),
        expired=sure(artifact.expired),
        digest=_sha256(artifact.digest),
    )


def parse_release(release: github.GitRelease.GitRelease) -> GitHubRelease:
    """Parse a release; older servers do not report whether it is immutable."""
    return GitHubRelease(
        id=sure(release.id),
        tag=sure(release.tag_name),
        name=release.name or "",
        is_draft=sure(release.draft),
        is_prerelease=sure(release.prerelease),
        is_immutable=bool(release.immutable),
        body=release.body or "",
        url=sure(release.html_url),
        assets=tuple(parse_asset(asset) for asset in sure(release.assets)),
    )


def parse_asset(asset: github.GitReleaseAsset.GitReleaseAsset) -> Asset:
    """Parse an asset.

    Source: GitHub's REST reference, upload a release asset: one whose upload failed stays in the state `starter`.
    """
    return Asset(
        id=sure(asset.id),
        name=sure(asset.name),
        size=sure(asset.size),
        sha256=_sha256(asset.digest),
        is_complete=sure(asset.state) == "uploaded",
    )


def parse_comparison(comparison: github.Comparison.Comparison) -> Comparison:
    """Parse the comparison of two commits."""
    return Comparison(
        status=sure(comparison.status), ahead_by=sure(comparison.ahead_by), behind_by=sure(comparison.behind_by)
    )


def parse_pull_request(pull: github.PullRequest.PullRequest) -> PullRequest:
    """Parse a pull request."""
    return PullRequest(number=sure(pull.number), url=sure(pull.html_url))


def parse_deployment(
    deployment: github.Deployment.Deployment, newest: github.DeploymentStatus.DeploymentStatus | None
) -> Deployment:
    """Parse a deployment with its newest status, which links to the run behind it; its workflow is added later."""
    address = (newest.log_url or newest.target_url) if newest is not None else None
    return Deployment(
        environment=sure(deployment.environment),
        sha=sure(deployment.sha),
        state=sure(newest.state) if newest is not None else None,
        workflow=None,
        created_at=sure(deployment.created_at),
        url=address or "",
    )


def with_workflow(deployment: Deployment, workflow: str | None) -> Deployment:
    """Return a deployment with its workflow."""
    return replace(deployment, workflow=workflow)


def parse_answer(
    requester: github.Requester.Requester, status: int, headers: dict[str, Any], body: str, *, redirect: bool = False
) -> Any:
    """Parse the JSON of a raw response with its HTTP `status`.

    Raises: GithubException for an error; ValueError for a redirect that was not wanted, or none that was.
    """
    if status >= 400:
        raise requester.createException(status, headers, _object(body))
    if (status == 302) is not redirect or (status >= 300 and not redirect):
        raise ValueError(f"an answer with {status}")
    return json.loads(body) if body and not redirect else None


def _object(body: str) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def parse_reviewers(answer: object) -> tuple[str, ...]:
    """Parse the reviewers of the deployments that a run waits for: people by login, teams as `team NAME`.

    Raises: TypeError for anything but the list that GitHub documents.
    Source: GitHub's REST reference, get pending deployments for a workflow run.
    """
    names: list[str] = []
    for pending in _list(answer):
        for entry in _list(pending.get("reviewers")):
            reviewer = entry.get("reviewer")
            if not isinstance(reviewer, dict):
                raise TypeError("a reviewer is not an object")
            names.append(f"team {reviewer['name']}" if entry.get("type") == "Team" else str(reviewer["login"]))
    return tuple(dict.fromkeys(names))


def sure(value: _T | None) -> _T:
    """Return a value that GitHub always sends.

    Raises: ValueError if it did not.
    """
    if value is None:
        raise ValueError("GitHub left out what it always sends")
    return value


def _list(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise TypeError("not a list of objects")
    return value


def _sha256(digest: str | None) -> str | None:
    return digest.removeprefix(_SHA256).lower() if digest and digest.startswith(_SHA256) else None


def _full_name(repository: Any) -> str | None:
    """Return `owner/name`; the repository that a run came from may be deleted by now."""
    return repository.full_name if repository is not None else None


def parse_list(answer: Any, key: str) -> list[Mapping[str, Any]]:
    """Parse a list of objects, under a key or at the top level.

    Raises: TypeError if it is anything else.
    """
    entries = answer[key] if key else answer
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise TypeError("not a list of objects")
    return entries
