"""The names of the release sessions, their files, and the steps of sessions with several."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType

NOXFILE, OWN_NOXFILE = "noxfile.py", "release_noxfile.py"
"""The file of the release sessions; the second one stands beside a project's own that cannot have them."""

BUILD_AND_CHECK = ("build", "check")
PREVIEW = (*BUILD_AND_CHECK, "preview-publish", "verify")
PUBLIC = (*BUILD_AND_CHECK, "public-publish", "github-release", "verify")


def after_step(step: str, channel: str, named: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return the command after a session of one step; `named` are the options that were given, by their flags."""
    following = dict(pairwise(PUBLIC if channel == "public" else PREVIEW)).get(step)
    taken = [word for flag, value in named.items() if following or flag in _OF_STATUS for word in (flag, value) if word]
    start = ("nox", "-s", following, *(["--"] if taken else [])) if following else ("release-channels", "status")
    return shlex.join([*start, *taken])


_OF_STATUS = ("--index", "--offline")


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
