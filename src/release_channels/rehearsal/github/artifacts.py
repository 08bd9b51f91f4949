"""Artifacts of runs, and the storage of their archives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import Headers

from release_channels.rehearsal.github.http import Call, Listing, Refused, Route, not_found
from release_channels.rehearsal.github.payloads import node_id, stamp
from release_channels.rehearsal.github.runs import run_of
from release_channels.rehearsal.github.state import Answer, GitHubState, StoredArtifact


def list_artifacts(call: Call) -> Listing:
    """List the artifacts of one run, or of all; expired ones stay listed."""
    wanted = run_of(call).id if "run_id" in call.values else None
    found = [artifact for artifact in call.state.artifacts.values() if wanted in (None, artifact.run_id)]
    if name := call.query.get("name"):
        found = [artifact for artifact in found if artifact.name == name]
    return Listing([show_artifact(call, artifact) for artifact in found], "artifacts")


def get_artifact(call: Call) -> Answer:
    """Show one artifact."""
    return Answer(200, show_artifact(call, _artifact(call)))


def locate_archive(call: Call) -> Answer:
    """Lead to the store where the archive lies, by an address that needs no token.

    Source: GitHub's REST reference, download an artifact: 302, and 410 once it has expired.
    """
    artifact = _artifact(call)
    if artifact.expires_at <= call.state.clock():
        raise Refused(410, "Artifact has expired")
    return Answer(302, b"", {"Location": f"{call.site.url}/blobs/{artifact.id}/{_secret(artifact)}"})


def blob(state: GitHubState, values: Mapping[str, Any], headers: Headers) -> Answer:
    """Serve an archive from storage: its URL is the key, and a token is refused."""
    artifact = state.artifacts.get(values["artifact_id"])
    if artifact is None or values["secret"] != _secret(artifact):
        return Answer(403, b"AuthenticationFailed", {"Content-Type": "text/plain"})
    if "Authorization" in headers:
        return Answer(400, b"InvalidAuthenticationInfo", {"Content-Type": "text/plain"})
    return Answer(200, artifact.archive, {"Content-Type": "application/zip"})


def show_artifact(call: Call, artifact: StoredArtifact) -> dict[str, Any]:
    """Show an artifact whole."""
    run = call.state.runs[artifact.run_id]
    url = f"{call.site.repo}/actions/artifacts/{artifact.id}"
    return {
        "id": artifact.id,
        "node_id": node_id("A", artifact.id),
        "name": artifact.name,
        "size_in_bytes": len(artifact.archive),
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": artifact.expires_at <= call.state.clock(),
        "digest": artifact.digest,
        "created_at": stamp(artifact.created_at),
        "updated_at": stamp(artifact.created_at),
        "expires_at": stamp(artifact.expires_at),
        "workflow_run": {
            "id": run.id,
            "repository_id": call.site.minimal_repository(call.site.repository)["id"],
            "head_repository_id": call.site.minimal_repository(run.head_repository)["id"],
            "head_branch": run.branch,
            "head_sha": run.sha,
        },
    }


def _artifact(call: Call) -> StoredArtifact:
    artifact = call.state.artifacts.get(call.values["artifact_id"])
    if artifact is None:
        raise not_found()
    return artifact


def _secret(artifact: StoredArtifact) -> str:
    return hashlib.sha256(f"{artifact.id}{artifact.digest}".encode()).hexdigest()


ROUTES = (
    Route("GET", "/actions/runs/<int:run_id>/artifacts", list_artifacts, "actions"),
    Route("GET", "/actions/artifacts", list_artifacts, "actions"),
    Route("GET", "/actions/artifacts/<int:artifact_id>", get_artifact, "actions"),
    Route("GET", "/actions/artifacts/<int:artifact_id>/zip", locate_archive, "actions", with_token=True),
)
