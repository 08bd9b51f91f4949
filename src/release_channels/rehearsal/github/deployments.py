"""Environments, their reviewers, and what was deployed to them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from release_channels.rehearsal.github.http import Call, Listing, Route, not_found
from release_channels.rehearsal.github.payloads import Site, node_id, stamp
from release_channels.rehearsal.github.state import Answer, StoredDeployment, StoredEnvironment, StoredPolicy


def list_environments(call: Call) -> Listing:
    """List the environments."""
    return Listing([show_environment(call, one) for one in call.state.environments.values()], "environments")


def get_environment(call: Call) -> Answer:
    """Show one environment with its rules."""
    return Answer(200, show_environment(call, environment_of(call)))


def list_branch_policies(call: Call) -> Listing:
    """List the branches and tags that may deploy to an environment that names them."""
    return Listing([show_policy(one) for one in custom_policies_of(call).policies], "branch_policies")


def list_deployments(call: Call) -> Listing:
    """List deployments, newest first."""
    found = sorted(call.state.deployments.values(), key=lambda one: one.id, reverse=True)
    for key in ("environment", "sha"):
        if wanted := call.query.get(key):
            found = [one for one in found if getattr(one, key) == wanted]
    return Listing([show_deployment(call.site, one) for one in found])


def get_deployment(call: Call) -> Answer:
    """Show one deployment."""
    return Answer(200, show_deployment(call.site, _deployment(call)))


def list_statuses(call: Call) -> Listing:
    """List the statuses of a deployment, newest first."""
    one = _deployment(call)
    return Listing([_show_status(call.site, one, position) for position in reversed(range(len(one.states)))])


def show_deployment(site: Site, one: StoredDeployment) -> dict[str, Any]:
    """Show a deployment whole."""
    url = f"{site.repo}/deployments/{one.id}"
    return {
        "url": url,
        "id": one.id,
        "node_id": node_id("DE", one.id),
        "sha": one.sha,
        "ref": site.default_branch,
        "task": "deploy",
        "payload": {},
        "original_environment": one.environment,
        "environment": one.environment,
        "description": None,
        "creator": site.user("github-actions[bot]"),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.states[-1][2] if one.states else one.created_at),
        "statuses_url": f"{url}/statuses",
        "repository_url": site.repo,
        "transient_environment": False,
        "production_environment": False,
        "performed_via_github_app": None,
    }


def show_environment_short(site: Site, environment: StoredEnvironment) -> dict[str, Any]:
    """Show what every mention of an environment shows."""
    return {
        "id": environment.id,
        "node_id": node_id("EN", environment.id),
        "name": environment.name,
        "url": f"{site.repo}/environments/{environment.name}",
        "html_url": f"{site.html}/deployments/activity_log?environments_filter={environment.name}",
    }


def show_reviewer(site: Site, name: str) -> dict[str, Any]:
    """Show a reviewer: a person, or a team."""
    if not name.startswith("team "):
        return {"type": "User", "reviewer": site.user(name)}
    title = name.removeprefix("team ")
    owner = site.repository.partition("/")[0]
    slug = title.lower().replace(" ", "-")
    number = sum(title.encode())
    team = {
        "id": number,
        "node_id": node_id("T", number),
        "url": f"{site.api}/teams/{number}",
        "html_url": f"{site.url}/orgs/{owner}/teams/{slug}",
        "name": title,
        "slug": slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": "admin",
        "members_url": f"{site.api}/teams/{number}/members{{/member}}",
        "repositories_url": f"{site.api}/teams/{number}/repos",
        "parent": None,
    }
    return {"type": "Team", "reviewer": team}


def show_policy(policy: StoredPolicy) -> dict[str, Any]:
    """Show what an environment allows."""
    return {"id": policy.id, "node_id": node_id("GBP", policy.id), "name": policy.name, "type": policy.kind}


def show_environment(call: Call, environment: StoredEnvironment) -> dict[str, Any]:
    """Show an environment with its rules."""
    now = stamp(call.state.clock())
    rules: list[dict[str, Any]] = []
    if environment.wait_minutes:
        number = environment.id + 3
        rules.append(
            {
                "id": number,
                "node_id": node_id("GA", number),
                "type": "wait_timer",
                "wait_timer": environment.wait_minutes,
            }
        )
    if environment.reviewers:
        reviewers = [show_reviewer(call.site, name) for name in environment.reviewers]
        rules.append(
            {
                "id": environment.id + 1,
                "node_id": node_id("GA", environment.id + 1),
                "type": "required_reviewers",
                "prevent_self_review": environment.prevents_self_review,
                "reviewers": reviewers,
            }
        )
    policy = None
    if environment.policy:
        rules.append({"id": environment.id + 2, "node_id": node_id("GA", environment.id + 2), "type": "branch_policy"})
        named = environment.policy == "named"
        policy = {"protected_branches": not named, "custom_branch_policies": named}
    return show_environment_short(call.site, environment) | {
        "created_at": now,
        "updated_at": now,
        "can_admins_bypass": environment.admins_bypass,
        "protection_rules": rules,
        "deployment_branch_policy": policy,
    }


def _show_status(site: Site, one: StoredDeployment, position: int) -> dict[str, Any]:
    """Show a status; where a run reported it, it links to the run's job."""
    number, state, when = one.states[position]
    url = f"{site.repo}/deployments/{one.id}"
    log = f"{site.html}/actions/runs/{one.run_id}/job/{number}" if one.run_id else ""
    return {
        "url": f"{url}/statuses/{number}",
        "id": number,
        "node_id": node_id("DES", number),
        "state": state,
        "creator": site.user("github-actions[bot]"),
        "description": "",
        "environment": one.environment,
        "target_url": log,
        "created_at": stamp(when),
        "updated_at": stamp(when),
        "deployment_url": url,
        "repository_url": site.repo,
        "environment_url": "",
        "log_url": log,
        "performed_via_github_app": None,
    }


def environment_name(call: Call) -> str:
    """Read the name of the environment from a path, where a slash in it is written `%2F`."""
    return unquote(call.values["environment"])


def environment_of(call: Call) -> StoredEnvironment:
    """Find the environment that a path names."""
    environment = call.state.environments.get(environment_name(call))
    if environment is None:
        raise not_found()
    return environment


def custom_policies_of(call: Call) -> StoredEnvironment:
    """Find the environment that a path names, if it has policies of its own.

    Source: GitHub's REST reference, deployment branch policies: 404 where `custom_branch_policies` is false.
    """
    environment = environment_of(call)
    if environment.policy != "named":
        raise not_found()
    return environment


def _deployment(call: Call) -> StoredDeployment:
    one = call.state.deployments.get(call.values["deployment_id"])
    if one is None:
        raise not_found()
    return one


_ONE = "/deployments/<int:deployment_id>"
ROUTES = (
    Route("GET", "/environments", list_environments, "actions"),
    Route("GET", "/environments/<environment>", get_environment, "actions"),
    Route("GET", "/environments/<environment>/deployment-branch-policies", list_branch_policies, "actions"),
    Route("GET", "/deployments", list_deployments, "deployments"),
    Route("GET", _ONE, get_deployment, "deployments"),
    Route("GET", f"{_ONE}/statuses", list_statuses, "deployments"),
)
