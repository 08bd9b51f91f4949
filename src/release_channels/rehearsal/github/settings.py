"""Settings for administrators: environments and their policies, rulesets, secret names, immutable releases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from release_channels.rehearsal.github.deployments import (
    custom_policies_of,
    environment_name,
    environment_of,
    show_environment,
    show_reviewer,
)
from release_channels.rehearsal.github.http import Call, Listing, Refused, invalid, not_found, require
from release_channels.rehearsal.github.payloads import stamp
from release_channels.rehearsal.github.state import Answer, StoredPolicy, StoredRuleset

_MOST_MINUTES = 43_200
_MOST_REVIEWERS = 6
# The lowest plan that has a rule for private repositories.
_RULES = {"required reviewers": "enterprise", "wait timer": "enterprise", "branch policy": "team"}


def put_environment(call: Call) -> dict[str, Any]:
    """Create an environment, or replace its rules: whatever is not sent is removed.

    Raises: Refused with 422 for an invalid rule.
    Source: GitHub's REST reference, create or update an environment.
    """
    sent, name = call.sent(), environment_name(call)
    minutes, reviewers = sent.get("wait_timer") or 0, sent.get("reviewers") or []
    if not isinstance(minutes, int) or not 0 <= minutes <= _MOST_MINUTES:
        raise Refused(422, "Invalid request.\n\nwait_timer must be between 0 and 43200.")
    if len(reviewers) > _MOST_REVIEWERS:
        raise Refused(422, "Invalid request.\n\nNo more than 6 reviewers are allowed.")
    policy = _policy(sent.get("deployment_branch_policy"))
    names = tuple(_reviewer(call, reviewer) for reviewer in reviewers)
    environment = call.state.environment(name) or call.state.add_environment(name)
    _check_plan(call, {"required reviewers": names, "wait timer": minutes, "branch policy": policy})
    environment.wait_minutes, environment.reviewers = minutes, names
    environment.prevents_self_review = bool(sent.get("prevent_self_review"))
    environment.policy = policy
    if policy != "named":
        environment.policies.clear()
    return show_environment(call, environment)


def _check_plan(call: Call, wanted: Mapping[str, object]) -> None:
    """Refuse a rule that the plan of a private repository does not have; the environment itself is there by then.

    Source: GitHub's documentation of environments, what each plan has; the words are those that its users report.
    """
    for rule, value in wanted.items():
        if value and not call.state.has_plan(_RULES[rule]):
            raise Refused(
                422,
                "Failed to create the environment protection rule. Please ensure the billing plan supports the "
                f"{rule} protection rule.",
            )


def add_policy(call: Call) -> Answer | dict[str, Any]:
    """Allow a pattern of refs to deploy to an environment; an existing pattern is redirected to.

    Raises: Refused with 422 for an invalid pattern.
    Source: GitHub's REST reference, create a deployment branch policy.
    """
    environment, sent = custom_policies_of(call), call.sent()
    name, kind = sent.get("name"), sent.get("type", "branch")
    if not name or kind not in ("branch", "tag"):
        raise invalid(resource="DeploymentBranchPolicy", field="name" if not name else "type", code="invalid")
    for policy in environment.policies:
        if (policy.kind, policy.name) == (kind, name):
            location = f"{call.site.repo}/environments/{environment.name}/deployment-branch-policies/{policy.id}"
            return Answer(303, b"", {"Location": location})
    made = StoredPolicy(call.state.new_id(), kind, name)
    environment.policies.append(made)
    return call.site.show("policy", made)


def list_rulesets(call: Call) -> Listing:
    """List the rulesets, without what they say; a private repository of a free plan has none.

    Source: GitHub's documentation of rulesets, what each plan has; the words are those that its users report.
    """
    if not call.state.has_plan("team"):
        raise Refused(403, "Upgrade to GitHub Pro or make this repository public to enable this feature.")
    wanted = call.query.get("targets", "").split(",") if call.query.get("targets") else []
    rulesets = [ruleset for ruleset in call.state.rulesets.values() if not wanted or ruleset.target in wanted]
    return Listing([_show_ruleset(call, ruleset) for ruleset in rulesets])


def get_ruleset(call: Call) -> dict[str, Any]:
    """Show one ruleset with its rules."""
    ruleset = require(call.state.rulesets.get(call.values["ruleset_id"]))
    conditions = {"ref_name": {"include": list(ruleset.includes), "exclude": list(ruleset.excludes)}}
    rules = [{"type": rule} for rule in ruleset.rules]
    return _show_ruleset(call, ruleset) | {"conditions": conditions, "rules": rules, "bypass_actors": []}


def get_immutable(call: Call) -> dict[str, Any]:
    """Return whether releases are immutable.

    Raises: Refused with 404 if they are not.
    """
    if not call.state.immutable_releases:
        raise not_found()
    return {"enabled": True, "enforced_by_owner": False}


def list_secrets(call: Call) -> Listing:
    """List the secrets of the repository."""
    return _secrets(call, "")


def list_organization_secrets(_: Call) -> Listing:
    """List the secrets that the organization shares with the repository: none here."""
    return Listing([], "secrets")


def list_environment_secrets(call: Call) -> Listing:
    """List the secrets of an environment."""
    return _secrets(call, environment_of(call).name)


def _secrets(call: Call, environment: str) -> Listing:
    now = stamp(call.state.clock())
    names = sorted(call.state.secrets.get(environment, ()))
    return Listing([{"name": name, "created_at": now, "updated_at": now} for name in names], "secrets")


def _policy(sent: Any) -> str:
    if sent is None:
        return ""
    protected, named = sent.get("protected_branches"), sent.get("custom_branch_policies")
    if not isinstance(protected, bool) or protected is named:
        raise Refused(422, "Invalid request.\n\nprotected_branches and custom_branch_policies cannot have one value.")
    return "named" if named else "protected"


def _reviewer(call: Call, sent: Any) -> str:
    """Find a known reviewer: only an account that already reviews somewhere has access here."""
    known = {name for environment in call.state.environments.values() for name in environment.reviewers}
    for name in known:
        shown = show_reviewer(call.site, name)
        if (shown["type"], shown["reviewer"]["id"]) == (sent.get("type"), sent.get("id")):
            return name
    raise Refused(422, "Invalid request.\n\nA reviewer has no access to the repository.")


def _show_ruleset(call: Call, ruleset: StoredRuleset) -> dict[str, Any]:
    return call.site.show("ruleset", ruleset, now=call.state.clock())
