"""The names of sessions and tasks, the steps of sessions with several, and how a user types a command. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

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

PROGRAM = "release-channels"
# `resume` publishes to the index that it names, so the option is never added for it.
_WITH_INDEX = ("bump", "bump-dev", "tag", "status", "yank", "doctor", "setup-publishing")
DEFAULT_INDEX = "pypi"
_COMMAND = re.compile(
    rf"(?P<before>`|next: ){PROGRAM} (?P<task>[a-z][a-z-]*)(?P<rest>[^`\n]*)(?P<after>`|$)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class TypedCommands:
    """The program that the user came through, and the index in use; messages name the one, and leave out the other."""

    program: str = PROGRAM
    index: str = DEFAULT_INDEX

    def rewrite(self, text: str) -> str:
        """Return a message with its commands as the user types them.

        A command that names an index keeps it, and so does one that takes none.
        """
        return _COMMAND.sub(self._rewrite_one, text)

    def _rewrite_one(self, found: re.Match[str]) -> str:
        takes_index = found["task"] in _WITH_INDEX and "--index" not in found["rest"].split()
        index = f" --index {self.index}" if takes_index and self.index != DEFAULT_INDEX else ""
        return f"{found['before']}{self.program} {found['task']}{found['rest']}{index}{found['after']}"
