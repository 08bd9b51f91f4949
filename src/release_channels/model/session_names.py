"""The names of the release sessions, their files, and the steps of sessions with several."""

from __future__ import annotations

NOXFILE, OWN_NOXFILE = "noxfile.py", "release_noxfile.py"
"""The file of the release sessions; the second one stands beside a project's own that cannot have them."""

BUILD_AND_CHECK = ("build", "check")
PREVIEW = (*BUILD_AND_CHECK, "preview-publish", "verify")
PUBLIC = (*BUILD_AND_CHECK, "public-publish", "github-release", "verify")

_NEXT = {
    "build": "nox -s check",
    "check": "nox -s {channel}-publish{index}",
    "preview-publish": "nox -s verify{index}",
    "public-publish": "nox -s github-release{index}",
    "github-release": "nox -s verify{index}",
}
_STATUS = "release-channels status{option}"


def after_step(step: str, channel: str, index: str) -> str:
    """Return the command after a session of one step; `index` is empty where none was named."""
    option = f" --index {index}" if index else ""
    return _NEXT.get(step, _STATUS).format(channel=channel, option=option, index=f" --{option}" if option else "")


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
