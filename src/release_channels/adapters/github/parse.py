"""PyGithub's objects as values of our own. What GitHub always sends must be there: the library reads a gap as None."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy, Reviewer, TagRuleset

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
    """Read a run; `path` may carry the ref of the workflow behind an `@`."""
    return WorkflowRun(
        id=sure(run.id),
        number=sure(run.run_number),
        attempt=sure(run.run_attempt),
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
    """Read a job."""
    return Job(
        id=sure(job.id),
        name=sure(job.name),
        status=sure(job.status),
        conclusion=job.conclusion,
        url=job.html_url or "",
    )


def parse_artifact(artifact: github.Artifact.Artifact) -> Artifact:
    """Read an artifact."""
    return Artifact(
        id=sure(artifact.id),
        name=sure(artifact.name),
        size=sure(artifact.size_in_bytes),
        expired=sure(artifact.expired),
        digest=_sha256(artifact.digest),
    )


def parse_release(release: github.GitRelease.GitRelease) -> GitHubRelease:
    """Read a release; servers older than immutable releases do not say whether one is."""
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
    """Read an asset.

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
    """Read how two commits stand to each other."""
    return Comparison(
        status=sure(comparison.status), ahead_by=sure(comparison.ahead_by), behind_by=sure(comparison.behind_by)
    )


def parse_pull_request(pull: github.PullRequest.PullRequest) -> PullRequest:
    """Read a pull request."""
    return PullRequest(number=sure(pull.number), url=sure(pull.html_url))


def parse_deployment(
    deployment: github.Deployment.Deployment, newest: github.DeploymentStatus.DeploymentStatus | None
) -> Deployment:
    """Read a deployment by its newest status, which links to the run that reported it; its workflow comes later."""
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
    """Report which workflow made a deployment."""
    return replace(deployment, workflow=workflow)


def parse_answer(
    requester: github.Requester.Requester, status: int, headers: dict[str, Any], body: str, *, redirect: bool = False
) -> Any:
    """Read the JSON of an answer that the library handed over as it came.

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
    """Read who may approve the deployments that a run waits for: people by login, teams as `team NAME`.

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


def parse_repository(answer: Any) -> tuple[bool, str]:
    """Read whether a repository is private, and its default branch."""
    return _bool(answer["private"]), str(answer["default_branch"])


def parse_environment(answer: Any, policies: Iterable[Mapping[str, Any]]) -> Environment:
    """Read an environment; policies have no type on servers older than policies for tags."""
    rules = {rule["type"]: rule for rule in parse_list(answer, "protection_rules")}
    review = rules.get("required_reviewers", {"reviewers": [], "prevent_self_review": False})
    bypass = answer.get("can_admins_bypass")
    return Environment(
        name=str(answer["name"]),
        deployment_refs=_admits(answer["deployment_branch_policy"]),
        policies=tuple(Policy(one.get("type") or "branch", str(one["name"])) for one in policies),
        reviewers=tuple(_reviewer(entry) for entry in parse_list(review, "reviewers")),
        wait_minutes=int(rules["wait_timer"]["wait_timer"]) if "wait_timer" in rules else 0,
        prevents_self_review=bool(review.get("prevent_self_review")),
        admins_bypass=None if bypass is None else _bool(bypass),
    )


def write_environment(environment: Environment) -> dict[str, Any]:
    """Write an environment as it is sent: whole, since what is left out is taken away.

    Source: GitHub's REST reference, create or update an environment.
    """
    policy = None
    if environment.deployment_refs is not DeploymentRefs.ALL:
        named = environment.deployment_refs is DeploymentRefs.NAMED
        policy = {"protected_branches": not named, "custom_branch_policies": named}
    return {
        "wait_timer": environment.wait_minutes,
        "prevent_self_review": environment.prevents_self_review,
        "reviewers": [{"type": one.kind, "id": one.id} for one in environment.reviewers] or None,
        "deployment_branch_policy": policy,
    }


def parse_ruleset(answer: Any) -> TagRuleset:
    """Read a ruleset."""
    refs = (answer.get("conditions") or {}).get("ref_name") or {"include": [], "exclude": []}
    return TagRuleset(
        name=str(answer["name"]),
        is_active=answer["enforcement"] == "active",
        includes=tuple(map(str, refs["include"])),
        excludes=tuple(map(str, refs["exclude"])),
        restricts=frozenset(str(rule["type"]) for rule in parse_list(answer, "rules")),
    )


def parse_enabled(answer: Any) -> bool:
    """Read whether something is switched on."""
    return _bool(answer["enabled"])


def parse_names(entries: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Read the names of a list."""
    return frozenset(str(entry["name"]) for entry in entries)


def parse_dispatched(answer: Any) -> int | None:
    """Read the id of the run that was started; servers of before 2026 answer without a word."""
    return None if answer is None else int(answer["workflow_run_id"])


def parse_complaints(entries: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Read the messages of annotations that tell of a failure."""
    return tuple(str(entry["message"]) for entry in entries if entry["annotation_level"] == "failure")


def parse_list(answer: Any, key: str) -> list[Mapping[str, Any]]:
    """Read a list of objects, below a key or bare."""
    entries = answer[key] if key else answer
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise TypeError("not a list of objects")
    return entries


def _admits(policy: Any) -> DeploymentRefs:
    if policy is None:
        return DeploymentRefs.ALL
    return DeploymentRefs.NAMED if _bool(policy["custom_branch_policies"]) else DeploymentRefs.PROTECTED


def _reviewer(entry: Mapping[str, Any]) -> Reviewer:
    who = entry["reviewer"]
    kind = str(entry["type"])
    return Reviewer(kind, int(who["id"]), str(who["name"] if kind == "Team" else who["login"]))


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("not true or false")
    return value
