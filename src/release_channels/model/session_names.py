"""The names of the release sessions, their files, and the steps of sessions with several."""

from __future__ import annotations

from itertools import pairwise

NOXFILE, OWN_NOXFILE = "noxfile.py", "release_noxfile.py"
"""The file of the release sessions; the second one stands beside a project's own that cannot have them."""

BUILD_AND_CHECK = ("build", "check")
PREVIEW = (*BUILD_AND_CHECK, "preview-publish", "verify")
PUBLIC = (*BUILD_AND_CHECK, "public-publish", "github-release", "verify")


def after_step(step: str, channel: str, index: str) -> str:
    """Return the command after a session of one step; `index` is empty where none was named."""
    following = dict(pairwise(PUBLIC if channel == "public" else PREVIEW)).get(step)
    command = f"nox -s {following}{' --' if index else ''}" if following else "release-channels status"
    return f"{command} --index {index}" if index else command


SESSION_NAMES = (
    "preview",
    "public",
    "build",
    "check",
    "build-and-check",
    "preview-publish",
    "public-publish",
    "github-release",
    "verify",
    "gate",
    "rehearse",
    "ci-provenance",
    "ci-preflight",
    "ci-result",
)
