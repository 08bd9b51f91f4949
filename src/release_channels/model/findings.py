"""A finding of a check: its severity, its file, its message and its fix; the ones that `allow` lets pass. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from packaging.utils import canonicalize_name

from release_channels.errors import RefusedError


class Severity(StrEnum):
    """The severity of a finding; an error stops the release."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check; `file` is the distribution's file name, or empty for the release as a whole."""

    severity: Severity
    file: str
    message: str
    hint: str = ""
    case: str = ""
    """The entry of `allow` that lets it pass, such as `secrets:tests/server.key`; empty if nothing does."""


class Allowable(StrEnum):
    """The kinds of findings that `allow` can accept."""

    SECRETS = "secrets"
    LOST_SCRIPTS = "lost-scripts"
    BROKEN_SCRIPTS = "broken-scripts"
    PRERELEASE_DEPENDENCIES = "prerelease-dependencies"
    FILTERED_FILES = "filtered-files"
    MODULE_VERSIONS = "module-versions"
    MENTIONED_VERSIONS = "mentioned-versions"

    def case(self, name: str) -> str:
        """Return the entry of `allow` for one file, script or dependency."""
        return f"{self}:{canonicalize_name(name) if self is Allowable.PRERELEASE_DEPENDENCIES else name}"


def parse_allowed(entry: str, path: str) -> str:
    """Parse an entry of `allow`, and return it with the name of a dependency normalized.

    Raises: RefusedError for an entry that is not `KIND:CASE`, or of an unknown kind.
    """
    kind, _, name = entry.partition(":")
    if kind not in [each.value for each in Allowable] or not name.strip():
        raise RefusedError(
            f'{path} is "{entry}"', hint='write it as "KIND:CASE"; the kinds are ' + ", ".join(Allowable)
        )
    return Allowable(kind).case(name.strip())


def apply_allowed(finding: Finding, allow: Collection[str]) -> Finding:
    """Turn an allowed finding into a note; extend the hint of an allowable error with how to allow it."""
    if not finding.case:
        return finding
    if finding.case in allow:
        return replace(finding, severity=Severity.NOTE, hint="`allow` in [tool.release-channels] has it")
    if finding.severity is Severity.ERROR:
        return replace(finding, hint=f'{finding.hint}; if that is intended, add "{finding.case}" to `allow`')
    return finding
