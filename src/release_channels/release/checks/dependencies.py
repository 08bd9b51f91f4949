"""Dependencies that the index refuses, or that would surprise who installs the project. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

from release_channels.model.findings import Finding, Severity
from release_channels.model.version import Channel
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error

_ASKING = frozenset({"==", "===", ">=", ">", "~="})  # the other operators keep releases out and ask for none


def check_dependencies(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Find dependencies, those of extras included, that point past the index or at pre-releases."""
    for requirement in _requirements(archive):
        if requirement.url:
            # Source: the index takes no direct references (version specifiers specification, once PEP 440).
            yield error(
                archive.name,
                f"the dependency {str(requirement)!r} is a direct URL, which the index refuses",
                f"require a release of {requirement.name} from the index",
            )
        if wanted := asks_for_prerelease(requirement):
            yield _prerelease(subject, archive, requirement, wanted)


def check_local_version(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Find a local version, in the plan or in the metadata: no index takes one."""
    for text in dict.fromkeys((str(subject.version), archive.fields.get("version", ""))):
        if "+" in text:
            yield error(archive.name, f"{text} is a local version, which no index takes", "release without the +part")


def asks_for_prerelease(requirement: Requirement) -> str:
    """Return the clause of a requirement that names a pre-release as its floor or its pin, or nothing."""
    for clause in requirement.specifier:
        if clause.operator in _ASKING and _is_prerelease(clause.version):
            return str(clause)
    return ""


def _prerelease(subject: CheckContext, archive: Archive, requirement: Requirement, clause: str) -> Finding:
    public = subject.channel is Channel.PUBLIC
    return Finding(
        Severity.ERROR if public else Severity.WARNING,
        archive.name,
        f"the dependency {str(requirement)!r} asks for a pre-release ({clause})"
        + (": a default install breaks or falls back to an older release" if public else ""),
        f"require a final release of {requirement.name}"
        + ("" if public else " before the public release, which is refused like this"),
    )


def _requirements(archive: Archive) -> Iterator[Requirement]:
    """Parse the dependencies; one that does not parse is reported with the metadata."""
    for text in archive.fields.get("requires_dist", []):
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue  # the metadata check reports it


def _is_prerelease(text: str) -> bool:
    try:
        return Version(text.removesuffix(".*")).is_prerelease
    except InvalidVersion:
        return False  # `===` compares any text, and only a version can be a pre-release
