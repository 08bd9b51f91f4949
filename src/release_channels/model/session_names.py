"""The names of the release sessions, their files, and the steps of sessions with several."""

from __future__ import annotations

NOXFILE, OWN_NOXFILE = "noxfile.py", "release_noxfile.py"
"""The file of the release sessions; the second one stands beside a project's own that cannot have them."""

BUILD_AND_CHECK = ("build", "check")
PREVIEW = (*BUILD_AND_CHECK, "preview-publish", "verify")
PUBLIC = (*BUILD_AND_CHECK, "public-publish", "github-release", "verify")

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
