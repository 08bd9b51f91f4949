"""Which release a Python gets: installers skip, in silence, those that exclude it. Pure.

Source: core metadata specification, Requires-Python; pip and uv skip files whose bound excludes the Python, and
yanked ones. Version specifiers specification, handling of pre-releases: without a final, pre-releases are taken.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from release_channels.model.observed import IndexFile, IndexState

_MINORS = tuple(f"3.{minor}" for minor in range(8, 16))
# A bound inside a minor version (`>=3.9.2`) leaves that version in: some patch release of it is admitted.
_PATCHES = 40


def older_pythons(state: IndexState, version: Version) -> tuple[str, ...]:
    """Say which older release each Python gets that the release at hand excludes.

    Of a preview it is asked what preview users get, of a final what public users get. A Python for which there is
    nothing at all is left out: there the installer says so itself. So is a release that the index does not show yet.
    """
    if version not in state.releases:
        return ()
    gets: dict[Version, list[str]] = defaultdict(list)
    for python in _MINORS:
        patches = tuple(f"{python}.{patch}" for patch in range(_PATCHES))
        newest = _newest(state, patches, finals_first=not version.is_prerelease)
        if newest is not None and newest < version:
            gets[newest].append(python)
    who = "preview" if version.is_prerelease else "public"
    return tuple(
        f"{who} users on Python {_listed(pythons)}, which {version} does not take, silently get {older} instead"
        for older, pythons in sorted(gets.items(), reverse=True)
    )


def offered_final(state: IndexState, python: str) -> Version | None:
    """Give the newest final that installers offer to one exact Python, if there is one."""
    finals = (v for v, files in state.releases.items() if not v.is_prerelease and _admits(files, (python,)))
    return max(finals, default=None)


def withheld_finals(state: IndexState, python: str) -> tuple[str, ...]:
    """Say of each final, newest first, why one exact Python is not offered it."""
    told = []
    for version in sorted((v for v in state.releases if not v.is_prerelease), reverse=True):
        files = state.releases[version]
        if _admits(files, (python,)):
            continue
        bounds = sorted({file.requires_python for file in files if file.requires_python and not file.yanked})
        told.append(f"{version} asks for Python {' or '.join(bounds)}" if bounds else f"{version} is yanked")
    return tuple(told)


def _newest(state: IndexState, pythons: tuple[str, ...], *, finals_first: bool) -> Version | None:
    admitted = [version for version, files in state.releases.items() if _admits(files, pythons)]
    finals = [version for version in admitted if not version.is_prerelease]
    return max(finals if finals_first and finals else admitted, default=None)


def _admits(files: tuple[IndexFile, ...], pythons: tuple[str, ...]) -> bool:
    return any(not file.yanked and _takes(file.requires_python, pythons) for file in files)


@cache
def _takes(requires_python: str | None, pythons: tuple[str, ...]) -> bool:
    if not requires_python:
        return True
    try:
        bound = SpecifierSet(requires_python)
    except InvalidSpecifier:
        return True  # so do pip and uv read it
    return any(bound.contains(python, prereleases=True) for python in pythons)


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
