"""Parse what GitHub answers about a repository's settings; a value that it always sends must be there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from release_channels.adapters.github.parse import parse_list
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy, Reviewer, TagRuleset


def parse_repository(answer: Any) -> tuple[bool, str]:
    """Read whether a repository is private, and its default branch."""
    return _bool(answer["private"]), str(answer["default_branch"])


def parse_environment(answer: Any) -> Environment:
    """Parse an environment without its policies, which GitHub lists apart.

    Source: GitHub's REST reference: rules and policy are optional; what is not there is taken as no protection.
    """
    rules = {rule["type"]: rule for rule in parse_list({"protection_rules": [], **answer}, "protection_rules")}
    review = rules.get("required_reviewers", {"reviewers": []})
    bypass = answer.get("can_admins_bypass")
    return Environment(
        name=str(answer["name"]),
        deployment_refs=_admits(answer.get("deployment_branch_policy")),
        reviewers=tuple(_reviewer(entry) for entry in parse_list(review, "reviewers")),
        wait_minutes=int(rules["wait_timer"]["wait_timer"]) if "wait_timer" in rules else 0,
        prevents_self_review=bool(review.get("prevent_self_review")),
        admins_bypass=None if bypass is None else _bool(bypass),
        has_rules="protection_rules" in answer,
    )


def parse_policies(entries: Iterable[Mapping[str, Any]]) -> tuple[Policy, ...]:
    """Parse the policies of an environment; they have no type on servers older than policies for tags."""
    return tuple(Policy(entry.get("type") or "branch", str(entry["name"])) for entry in entries)


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
        "reviewers": [{"type": reviewer.kind, "id": reviewer.id} for reviewer in environment.reviewers] or None,
        "deployment_branch_policy": policy,
    }


def parse_ruleset(answer: Any) -> TagRuleset:
    """Read a ruleset; one without conditions covers no ref, one without rules restricts nothing.

    Source: GitHub's REST reference: both are optional.
    """
    refs = (answer.get("conditions") or {}).get("ref_name") or {}
    return TagRuleset(
        name=str(answer["name"]),
        is_active=answer["enforcement"] == "active",
        includes=tuple(map(str, refs.get("include", ()))),
        excludes=tuple(map(str, refs.get("exclude", ()))),
        restricts=frozenset(str(rule["type"]) for rule in parse_list({"rules": [], **answer}, "rules")),
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
    """Parse the messages of annotations that report a failure."""
    return tuple(str(entry["message"]) for entry in entries if entry["annotation_level"] == "failure")


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
