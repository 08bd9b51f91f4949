"""Artifacts of runs, and the storage of their archives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from werkzeug.datastructures import Headers

from release_channels.rehearsal.github.http import Call, Listing, Refused, not_found, require
from release_channels.rehearsal.github.payloads import repository_id
from release_channels.rehearsal.github.runs import run_of
from release_channels.rehearsal.github.state import Answer, GitHubState, StoredArtifact


def list_artifacts(call: Call) -> Listing:
    """List the artifacts of one run, or of all; expired ones stay listed."""
    wanted = run_of(call).id if "run_id" in call.values else None
    name = call.query.get("name")
    listed = [
        show_artifact(call, artifact)
        for artifact in call.state.artifacts.values()
        if wanted in (None, artifact.run_id) and name in (None, "", artifact.name)
    ]
    return Listing(listed, "artifacts")


def get_artifact(call: Call) -> dict[str, Any]:
    """Show one artifact."""
    return show_artifact(call, _artifact(call))


def locate_archive(call: Call) -> Answer:
    """Redirect to the archive in the storage, by a URL that needs no token.

    Raises: Refused with 404 or 410 for a missing or expired artifact.
    Source: GitHub's REST reference, download an artifact: 302, and 410 once it has expired.
    """
    artifact = _artifact(call)
    if call.values["archive"] != "zip":
        raise not_found()
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
    """Format an artifact with all fields."""
    run = call.state.runs[artifact.run_id]
    return call.site.show(
        "artifact",
        run,
        artifact,
        size=len(artifact.archive),
        expired=artifact.expires_at <= call.state.clock(),
        digest=artifact.digest,
        repository_id=repository_id(call.site.repository),
        head_repository_id=repository_id(run.head_repository),
    )


def _artifact(call: Call) -> StoredArtifact:
    return require(call.state.artifacts.get(call.values["artifact_id"]))


def _secret(artifact: StoredArtifact) -> str:
    return hashlib.sha256(f"{artifact.id}{artifact.digest}".encode()).hexdigest()
