"""Environments, their reviewers, and deployments to them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import unquote

from release_channels.rehearsal.github.http import Call, Listing, not_found, require
from release_channels.rehearsal.github.payloads import Site, node
from release_channels.rehearsal.github.state import StoredDeployment, StoredEnvironment

_BOT = "github-actions[bot]"


def list_environments(call: Call) -> Listing:
    """List the environments."""
    shown = [show_environment(call, environment) for environment in call.state.environments.values()]
    return Listing(shown, "environments")


def get_environment(call: Call) -> dict[str, Any]:
    """Show one environment with its rules."""
    return show_environment(call, environment_of(call))


def list_branch_policies(call: Call) -> Listing:
    """List the patterns of branches and tags that may deploy to an environment."""
    policies = custom_policies_of(call).policies
    return Listing([call.site.show("policy", policy) for policy in policies], "branch_policies")


def list_deployments(call: Call) -> Listing:
    """List deployments, newest first."""
    deployments = sorted(call.state.deployments.values(), key=lambda deployment: deployment.id, reverse=True)
    for key in ("environment", "sha"):
        if wanted := call.query.get(key):
            deployments = [deployment for deployment in deployments if getattr(deployment, key) == wanted]
    return Listing([_show_deployment(call.site, deployment) for deployment in deployments])


def get_deployment(call: Call) -> dict[str, Any]:
    """Show one deployment."""
    return _show_deployment(call.site, _deployment(call))


def list_statuses(call: Call) -> Listing:
    """List the statuses of a deployment, newest first."""
    deployment = _deployment(call)
    return Listing([_show_status(call.site, deployment, *state) for state in reversed(deployment.states)])


def _show_deployment(site: Site, deployment: StoredDeployment) -> dict[str, Any]:
    updated_at = deployment.states[-1][2] if deployment.states else deployment.created_at
    return site.show("deployment", deployment, bot=site.user(_BOT), updated_at=updated_at)


def show_reviewer(site: Site, name: str) -> dict[str, Any]:
    """Format a reviewer: a person or a team."""
    if not name.startswith("team "):
        return {"type": "User", "reviewer": site.user(name)}
    title = name.removeprefix("team ")
    owner = site.repository.partition("/")[0]
    slug = title.lower().replace(" ", "-")
    team = site.show("team", id=sum(title.encode()), owner=owner, name=title, slug=slug)
    return {"type": "Team", "reviewer": team}


def show_environment(call: Call, environment: StoredEnvironment) -> dict[str, Any]:
    """Format an environment with its rules."""
    rules: list[dict[str, Any]] = []
    if environment.wait_minutes:
        rules.append(_rule(environment.id + 3, "wait_timer", wait_timer=environment.wait_minutes))
    if environment.reviewers:
        reviewers = [show_reviewer(call.site, name) for name in environment.reviewers]
        prevents = environment.prevents_self_review
        rules.append(_rule(environment.id + 1, "required_reviewers", prevent_self_review=prevents, reviewers=reviewers))
    policy = None
    if environment.policy:
        rules.append(_rule(environment.id + 2, "branch_policy"))
        named = environment.policy == "named"
        policy = {"protected_branches": not named, "custom_branch_policies": named}
    return call.site.show("environment", environment) | call.site.show(
        "environment_rules", environment, now=call.state.clock(), rules=rules, branch_policy=policy
    )


def _rule(number: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "node_id": f"GA_{node(number)}", "type": kind, **more}


def _show_status(site: Site, deployment: StoredDeployment, number: int, state: str, when: datetime) -> dict[str, Any]:
    """Show a status; where a run reported it, it links to the run's job."""
    log = f"{site.html}/actions/runs/{deployment.run_id}/job/{number}" if deployment.run_id else ""
    return site.show(
        "deployment_status",
        deployment,
        id=number,
        deployment_id=deployment.id,
        state=state,
        when=when,
        log_url=log,
        bot=site.user(_BOT),
    )


def environment_name(call: Call) -> str:
    """Read the name of the environment from a path, where `%2F` is a slash in the name."""
    return unquote(call.values["environment"])


def environment_of(call: Call) -> StoredEnvironment:
    """Find the environment that a request's path names."""
    return require(call.state.environment(environment_name(call)))


def custom_policies_of(call: Call) -> StoredEnvironment:
    """Find the environment that a request's path names, which must have its own policies.

    Raises: Refused with 404 if it has none.
    Source: GitHub's REST reference, deployment branch policies: 404 where `custom_branch_policies` is false.
    """
    environment = environment_of(call)
    if environment.policy != "named":
        raise not_found()
    return environment


def _deployment(call: Call) -> StoredDeployment:
    return require(call.state.deployments.get(call.values["deployment_id"]))
