"""The permissions of a job's token. Pure.

Source: GitHub's workflow syntax reference, `permissions`, and its documentation of GITHUB_TOKEN's restricted default.
"""

from __future__ import annotations

from release_channels.model.workflow_semantics.file import Value

IDENTITY = "id-token: write"
_DEFAULT = frozenset({"contents: read", "packages: read"})
_SCOPES = (
    *("actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions", "id-token"),
    *("issues", "models", "packages", "pages", "pull-requests", "security-events", "statuses"),
)


def permissions_of(workflow: Value, job: Value) -> frozenset[str]:
    """Return a job's permissions, such as `contents: read`: its own, or the workflow's, or the default.

    A scope that is not named is `none` as soon as one is; an OIDC token can only be written.
    """
    if "permissions" not in job and "permissions" not in workflow:
        return _DEFAULT
    granted = job["permissions"] if "permissions" in job else workflow["permissions"]
    if granted.text in ("read-all", "write-all"):
        level = granted.text.removesuffix("-all")
        return frozenset(f"{scope}: {level}" for scope in _SCOPES if (scope, level) != ("id-token", "read"))
    return frozenset(f"{scope}: {value.text}" for scope, value in granted.table.items() if value.text != "none")


def write_permissions(workflow: Value, job: Value) -> frozenset[str]:
    """Return the scopes that a job may write."""
    written = (permission.partition(": ") for permission in permissions_of(workflow, job))
    return frozenset(scope for scope, _, level in written if level == "write")
