"""What enters as a claim leaves verified: the manifest against what was derived anew. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from release_channels.decide import Plan
from release_channels.errors import RefusedError
from release_channels.manifest import Manifest


def verify_manifest(manifest: Manifest, plan: Plan) -> Manifest:
    """Let a manifest through that agrees with the plan in channel, project, version, run and commit.

    Raises: RefusedError that names every disagreement.
    """
    wrong = list(_disagreements(manifest, plan))
    if wrong:
        raise RefusedError(
            "release.json does not describe this release: " + "; ".join(wrong),
            hint="build again with the same options: `nox -s build`, or all steps at once: `nox -s preview`",
        )
    return manifest


def _disagreements(manifest: Manifest, plan: Plan) -> Iterable[str]:
    pairs = (
        ("channel", manifest.channel, plan.channel),
        ("project", manifest.project, plan.project),
        ("version", manifest.version, plan.version),
        ("run", manifest.run, plan.run),
        ("commit", manifest.commit, plan.commit),
    )
    for what, claimed, derived in pairs:
        if claimed != derived:
            yield f"{what} is {claimed}, and should be {derived}"
