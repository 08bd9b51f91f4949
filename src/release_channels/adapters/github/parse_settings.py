"""Parse a repository's settings from GitHub's responses; a missing required value is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from release_channels.adapters.github.parse import parse_list
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy, Reviewer, TagRuleset


def parse_repository(answer: Any) -> tuple[bool, str]:
    """Parse whether a repository is private, and its default branch.

    Raises: TypeError if `private` is not a boolean.
    """
    return _bool(answer["private"]), str(answer["default_branch"])


def parse_environment(answer: Any) -> Environment:
    """Parse an environment without its policies, which GitHub lists separately.

    Raises: TypeError if a value has another type than documented.
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
    """Parse the policies of an environment; older servers report no type."""
    return tuple(Policy(entry.get("type") or "branch", str(entry["name"])) for entry in entries)


def write_environment(environment: Environment) -> dict[str, Any]:
    """Format an environment as a request body: complete, since GitHub removes what is not sent.

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
    """Parse a ruleset; without conditions it covers no ref, without rules it restricts nothing.

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
    """Parse whether a setting is enabled.

    Raises: TypeError if `enabled` is not a boolean.
    """
    return _bool(answer["enabled"])


def parse_names(entries: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Parse a list of objects into their names."""
    return frozenset(str(entry["name"]) for entry in entries)


def parse_dispatched(answer: Any) -> int | None:
    """Parse the id of the dispatched run; None from servers older than 2026, which send nothing."""
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
