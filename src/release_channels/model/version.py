"""The version model: what a version on main means for each channel. Pure.

Versions are compared as `packaging.version.Version`, never as text.
Source: version specifiers specification (once PEP 440).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, StrEnum, auto

from packaging.version import Version

from release_channels.errors import RefusedError, UsageError


class Channel(StrEnum):
    """One of the two release channels that share a project name."""

    PREVIEW = "preview"
    PUBLIC = "public"


class Line(Enum):
    """The kind of version on main: an open dev line, or a public version to release."""

    DEV = auto()
    FINAL = auto()


_RUN_NUMBER = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_IMPLICIT_POST = re.compile(r"[0-9]-[0-9]+\s*$", re.ASCII)


def parse_run_number(text: str) -> int:
    """Parse the run number of a test workflow, a positive decimal integer of at most ten digits.

    Raises: UsageError for anything else.
    """
    if not _RUN_NUMBER.fullmatch(text):
        raise UsageError(
            f"{text[:20]!r} is not a run number",
            hint="give the number of the test workflow's run: decimal digits, 1 or above, without leading zeros",
        )
    return int(text)


def parse_project_version(text: str) -> Version:
    """Parse a version as a project declares it.

    Raises: RefusedError if it is not a version, or its spelling is ambiguous.
    """
    try:
        version = Version(text)
    except ValueError as err:  # more digits than an int takes are no InvalidVersion
        raise RefusedError(
            f"{text[:80]!r} is not a version", hint='write it as in "1.2.3.dev0" (version specifiers, once PEP 440)'
        ) from err
    if text.strip().lower().startswith("v") or _IMPLICIT_POST.search(text):
        raise RefusedError(f"the version {text!r} reads as {version}", hint=f'write "{version}"')
    return version


def try_version(text: str) -> Version | None:
    """Parse a version in any spelling; None if it is not one."""
    try:
        return Version(text)
    except ValueError:  # more digits than an int takes are not an InvalidVersion
        return None


def line_of(version: Version) -> Line:
    """Classify a version on main as an open dev line or a public version to release.

    Raises: RefusedError for a local version and for alpha, beta and release candidates, with `.dev` or without.
    """
    if version.local is not None:
        raise RefusedError(
            f"{version} is a local version, which no index takes", hint=f'write "{version.public}" without the +part'
        )
    if version.pre is not None:
        raise RefusedError(
            f"{version} is a pre-release ({version.pre[0]}{version.pre[1]}): no channel publishes it",
            hint="`release-channels bump-dev` opens a dev line in its place; `release-channels bump` makes it final",
        )
    return Line.FINAL if version.dev is None else Line.DEV


def final_of(version: Version) -> Version:
    """Return the final or post-release of a dev line, or the version itself if it is not a dev release."""
    return Version(_text(version.epoch, version.release, version.post))


def preview_of(version: Version, run: int) -> Version:
    """Return the preview of a dev line: the run number replaces the dev segment and nothing else."""
    return Version(f"{final_of(version)}.dev{run}")


def next_dev_line(version: Version) -> Version:
    """Return the dev line after a version: the next patch release with `.dev0`."""
    major, minor, patch = (*version.release, 0, 0)[:3]
    return Version(_text(version.epoch, (major, minor, patch + 1)) + ".dev0")


def next_free(version: Version, taken: Iterable[Version]) -> Version:
    """Return the next patch release above a version and above every final that is on the index or tagged."""
    finals = (other for other in taken if not other.is_prerelease)
    return final_of(next_dev_line(max((version, *finals))))


def binds(version: Version) -> bool:
    """Check whether every preview must be above this version, which holds for all but previews.

    A dev release of an alpha, beta or rc counts as its pre-release.
    """
    return version.dev is None or version.pre is not None


def _text(epoch: int, release: tuple[int, ...], post: int | None = None) -> str:
    """Format epoch, release and post segment in normal form."""
    return (f"{epoch}!" if epoch else "") + ".".join(map(str, release)) + (f".post{post}" if post is not None else "")
