"""Find dependencies that the index refuses or that surprise users. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Set

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from release_channels.model.findings import Allowable, Finding
from release_channels.model.version import Channel
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, summarize, warning

_ASKING = frozenset({"==", "===", ">=", ">", "~="})  # the other operators keep releases out and ask for none


def check_dependencies(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Find dependencies on direct URLs or on pre-releases.

    A direct URL is refused in any dependency, a pre-release only in what a default install gets.
    """
    requirements = tuple(_requirements(archive))
    default = _default_extras(subject.project, requirements)
    for requirement in requirements:
        if requirement.url:
            # Source: the index takes no direct references (version specifiers specification, once PEP 440).
            yield error(
                archive.name,
                f"the dependency {str(requirement)!r} is a direct URL, which the index refuses",
                f"require a release of {requirement.name} from the index",
            )
        if wanted := asks_for_prerelease(requirement):
            extras = () if _applies(requirement, default) else _extras(requirement)
            yield _prerelease(subject, archive, requirement, wanted, extras)


def check_local_version(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Report a local version (`+…`), planned or in a file's metadata, since the index rejects it."""
    for text in dict.fromkeys((str(subject.version), archive.fields.get("version", ""))):
        if "+" in text:
            yield error(archive.name, f"{text} is a local version, which no index takes", "release without the +part")


def asks_for_prerelease(requirement: Requirement) -> str:
    """Return the clause of a requirement that admits pre-releases by its bound or pin; empty if none does."""
    for clause in requirement.specifier:
        if clause.operator in _ASKING and _is_prerelease(clause.version):
            return str(clause)
    return ""


def _prerelease(
    subject: CheckContext, archive: Archive, requirement: Requirement, clause: str, extras: tuple[str, ...]
) -> Finding:
    """Format that a dependency asks for a pre-release: of these extras, or of a default install if there are none."""
    hint = f"require a final release of {requirement.name}"
    whose = f" of the extra {summarize(extras)}" if extras else ""
    message = f"the dependency {str(requirement)!r}{whose} asks for a pre-release ({clause})"
    case = Allowable.PRERELEASE_DEPENDENCIES.case(requirement.name)
    if extras:
        return warning(archive.name, message, hint, case)
    if subject.channel is Channel.PUBLIC:
        return error(archive.name, f"{message}: a default install breaks or falls back to an older release", hint, case)
    return warning(archive.name, message, f"{hint} before the public release, which is refused like this", case)


def _requirements(archive: Archive) -> Iterator[Requirement]:
    """Parse the dependencies; one that does not parse is reported with the metadata."""
    for text in archive.fields.get("requires_dist", []):
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue  # the metadata check reports it


def _default_extras(project: str, requirements: tuple[Requirement, ...]) -> frozenset[str]:
    """Return the extras that a default install gets, because the project requires itself with them."""
    name = canonicalize_name(project)
    own = [requirement for requirement in requirements if canonicalize_name(requirement.name) == name]
    extras: frozenset[str] = frozenset()
    for _ in own:  # each round follows the references of the last one
        extras |= {canonicalize_name(extra) for each in own if _applies(each, extras) for extra in each.extras}
    return extras


def _extras(requirement: Requirement) -> tuple[str, ...]:
    """Return the extras that bring a requirement: each of them alone, or else all together."""
    named = dict.fromkeys(_extra(node) for node in ast.walk(_marker(requirement)))
    extras = tuple(extra for extra in named if extra)
    return tuple(extra for extra in extras if _applies(requirement, {extra})) or extras


def _applies(requirement: Requirement, extras: Set[str]) -> bool:
    """Return whether a requirement counts with these extras, in an environment of whatever kind."""
    return _can_be_true(_marker(requirement), extras)


def _marker(requirement: Requirement) -> ast.expr:
    """Parse a marker, whose text is an expression of Python but for two operators, which compare no extras.

    A marker with backslashes may not be one; it counts as true.

    Source: dependency specifiers specification (once PEP 508).
    """
    text = str(requirement.marker or "True").replace("===", "==").replace("~=", ">=")
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return ast.Constant(value=True)


def _can_be_true(marker: ast.expr, extras: Set[str]) -> bool:
    match marker:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_can_be_true(part, extras) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_can_be_true(part, extras) for part in parts)
        case ast.Compare(ops=[ast.Eq()]) if extra := _extra(marker):
            return extra in extras
        case ast.Compare(ops=[ast.NotEq()]) if extra := _extra(marker):
            return extra not in extras
    return True


def _extra(node: ast.AST) -> str:
    """Return the extra that a comparison is about, or nothing."""
    match node:
        case ast.Compare(left=ast.Name("extra"), comparators=[ast.Constant(str(name))]):
            return name
        case ast.Compare(left=ast.Constant(str(name)), comparators=[ast.Name("extra")]):
            return name
    return ""


def _is_prerelease(text: str) -> bool:
    try:
        return Version(text.removesuffix(".*")).is_prerelease
    except InvalidVersion:
        return False  # `===` compares any text, and only a version can be a pre-release
