"""The routes of the API: method and path, handler, and required permission."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from werkzeug.routing import Map, Rule

from release_channels.rehearsal.github import artifacts, deployments, pulls, releases, repository, runs, settings
from release_channels.rehearsal.github.http import Call, Reply


@dataclass(frozen=True, slots=True)
class Route:
    """One route; `area` of a public repository is readable without a token, unless `with_token`."""

    method: str
    path: str
    handler: Callable[[Call], Reply]
    area: str
    with_token: bool = False
    uploads: bool = False

    @property
    def operation(self) -> str:
        """The method and the path without variable names, the key in the contract."""
        return f"{self.method} {re.sub('<[^>]*>', '{}', self.path)}"

    @property
    def level(self) -> str:
        """The level of the required permission: read or write."""
        return "read" if self.method == "GET" else "write"


_ASSET, _RELEASE = "/releases/assets/<int:asset_id>", "/releases/<int:release_id>"
_ARTIFACT, _RUN = "/actions/artifacts/<int:artifact_id>", "/actions/runs/<int:run_id>"
_DEPLOYMENT, _ENVIRONMENT = "/deployments/<int:deployment_id>", "/environments/<environment>"
_POLICIES = f"{_ENVIRONMENT}/deployment-branch-policies"
_WORKFLOW = "/actions/workflows/<workflow>"

ROUTES = (
    Route("GET", "", repository.get_repository, "metadata"),
    Route("GET", "/compare/<path:basehead>", repository.compare, "contents"),
    Route("GET", "/commits/<path:revision>", repository.get_commit, "contents"),
    Route("GET", "/contents/<path:path>", repository.get_contents, "contents"),
    Route("GET", "/git/ref/<path:ref>", repository.get_ref, "contents"),
    Route("GET", "/git/tags/<sha>", repository.get_tag, "contents"),
    Route("POST", "/releases/generate-notes", repository.generate_notes, "contents"),
    Route("GET", "/pulls", pulls.list_pulls, "pull-requests"),
    Route("GET", "/pulls/<int:pull>", pulls.get_pull, "pull-requests"),
    Route("POST", "/pulls", pulls.create_pull, "pull-requests"),
    Route("GET", "/actions/runs", runs.list_runs, "actions"),
    Route("GET", f"{_WORKFLOW}/runs", runs.list_runs, "actions"),
    Route("GET", _RUN, runs.get_run, "actions"),
    Route("GET", f"{_RUN}/attempts/<int:attempt>", runs.get_run, "actions"),
    Route("GET", f"{_RUN}/jobs", runs.list_jobs, "actions"),
    Route("GET", f"{_RUN}/attempts/<int:attempt>/jobs", runs.list_jobs, "actions"),
    Route("GET", f"{_RUN}/pending_deployments", runs.list_pending, "actions"),
    Route("POST", f"{_WORKFLOW}/dispatches", runs.dispatch, "actions"),
    Route("GET", "/check-runs/<int:job_id>/annotations", runs.list_annotations, "checks"),
    Route("GET", f"{_RUN}/artifacts", artifacts.list_artifacts, "actions"),
    Route("GET", "/actions/artifacts", artifacts.list_artifacts, "actions"),
    Route("GET", _ARTIFACT, artifacts.get_artifact, "actions"),
    Route("GET", f"{_ARTIFACT}/<archive>", artifacts.locate_archive, "actions", with_token=True),
    Route("GET", "/environments", deployments.list_environments, "actions"),
    Route("GET", _ENVIRONMENT, deployments.get_environment, "actions"),
    Route("GET", _POLICIES, deployments.list_branch_policies, "actions"),
    Route("GET", "/deployments", deployments.list_deployments, "deployments"),
    Route("GET", _DEPLOYMENT, deployments.get_deployment, "deployments"),
    Route("GET", f"{_DEPLOYMENT}/statuses", deployments.list_statuses, "deployments"),
    Route("PUT", _ENVIRONMENT, settings.put_environment, "administration"),
    Route("POST", _POLICIES, settings.add_policy, "administration"),
    Route("GET", "/rulesets", settings.list_rulesets, "metadata"),
    Route("GET", "/rulesets/<int:ruleset_id>", settings.get_ruleset, "metadata"),
    Route("GET", "/immutable-releases", settings.get_immutable, "administration", with_token=True),
    Route("GET", "/actions/secrets", settings.list_secrets, "secrets", with_token=True),
    Route("GET", "/actions/organization-secrets", settings.list_organization_secrets, "secrets", with_token=True),
    Route("GET", f"{_ENVIRONMENT}/secrets", settings.list_environment_secrets, "environments", with_token=True),
    Route("GET", f"{_RELEASE}/assets", releases.list_assets, "contents"),
    Route("GET", _ASSET, releases.get_asset, "contents"),
    Route("DELETE", _ASSET, releases.delete_asset, "contents"),
    Route("POST", f"{_RELEASE}/assets", releases.upload_asset, "contents", uploads=True),
    Route("GET", "/releases", releases.list_releases, "contents"),
    Route("GET", "/releases/latest", releases.get_latest, "contents"),
    Route("GET", "/releases/tags/<path:tag>", releases.get_by_tag, "contents"),
    Route("GET", _RELEASE, releases.get_release, "contents"),
    Route("POST", "/releases", releases.create_release, "contents"),
    Route("PATCH", _RELEASE, releases.update_release, "contents"),
    Route("DELETE", _RELEASE, releases.delete_release, "contents"),
)
_PREFIXES = ("/api/v3/repos/<owner>/<name>", "/api/v3/repositories/<int:number>")
_UPLOADS = ("/api/uploads/repos/<owner>/<name>",)


@cache
def url_map() -> Map:
    """Compile the routes once per process, which takes 0.1 seconds."""
    rules = [
        Rule(prefix + route.path, endpoint=route, methods=[route.method])
        for route in ROUTES
        for prefix in (_UPLOADS if route.uploads else _PREFIXES)
    ]
    blob = Rule("/blobs/<int:artifact_id>/<secret>", endpoint=None, methods=["GET"])
    return Map([*rules, blob], merge_slashes=False)
