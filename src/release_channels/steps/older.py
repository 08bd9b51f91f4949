"""What users on a Python that the release does not take would silently get. Pure."""

from __future__ import annotations

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from release_channels.observed import IndexFile, IndexState

_PYTHONS = tuple(f"3.{minor}" for minor in range(8, 16))


def older_pythons(state: IndexState, version: Version) -> tuple[str, ...]:
    """Say which older release each Python gets that the release at hand excludes; installers choose it in silence.

    Source: core metadata specification, Requires-Python; pip and uv skip files whose bound excludes the Python.
    """
    gets: dict[Version | None, list[str]] = {}
    for python in _PYTHONS:
        if not _admits(state.releases.get(version, ()), python):
            older = (v for v, files in state.releases.items() if v < version and _admits(files, python))
            gets.setdefault(max(older, default=None), []).append(python)
    return tuple(
        f"on Python {', '.join(pythons)} a preview user silently gets {older} instead"
        for older, pythons in gets.items()
        if older is not None
    )


def _admits(files: tuple[IndexFile, ...], python: str) -> bool:
    return any(not file.yanked and _takes(file.requires_python, python) for file in files)


def _takes(requires_python: str | None, python: str) -> bool:
    if not requires_python:
        return True
    try:
        # Any patch release will do: the bound is about the minor version.
        return any(SpecifierSet(requires_python).contains(f"{python}.{patch}") for patch in (0, 99))
    except InvalidSpecifier:
        return True
