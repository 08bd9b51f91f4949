"""Which release each Python version gets, since installers silently skip those that exclude it. Pure.

Source: core metadata specification, Requires-Python; pip and uv skip files whose bound excludes the Python, and
yanked ones. Version specifiers specification, handling of pre-releases: without a final, pre-releases are taken.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.index import fetch_file, read_index
from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.verification import verify_manifest
from release_channels.model.version import Channel
from release_channels.release.dist_dir import DIST, MANIFEST, read_manifest
from release_channels.release.step import ReleaseContext

_MINORS = tuple(f"3.{minor}" for minor in range(8, 16))
# A bound inside a minor version (`>=3.9.2`) leaves that version in: some patch release of it is admitted.
_PATCHES = 40


def final_for_older_python(state: IndexState, version: Version) -> tuple[str, ...]:
    """Report the older release that each Python version gets if this one excludes it.

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
    """Return the newest final for one exact Python version, if any."""
    finals = (v for v, files in state.releases.items() if not v.is_prerelease and _admits(files, (python,)))
    return max(finals, default=None)


def skipped_finals(state: IndexState, python: str) -> tuple[str, ...]:
    """Report why installers skip each final for one exact Python version, newest first."""
    text = []
    for version in sorted((v for v in state.releases if not v.is_prerelease), reverse=True):
        files = state.releases[version]
        if _admits(files, (python,)):
            continue
        bounds = sorted({file.requires_python for file in files if file.requires_python and not file.yanked})
        text.append(f"{version} asks for Python {' or '.join(bounds)}" if bounds else f"{version} is yanked")
    return tuple(text)


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


def newest_release(state: IndexState, version: Version, channel: Channel) -> Version | None:
    """Find the newest other release that users of the channel may have, and would upgrade from.

    What a preview alone had was never promised: a final is compared with finals.
    """
    offered = (v for v, files in state.releases.items() if not all(file.yanked for file in files))
    theirs = (v for v in offered if channel is Channel.PREVIEW or not v.is_prerelease)
    return max((v for v in theirs if v != version), default=None)


def fetch_published_wheel(release: ReleaseContext, place: Path) -> tuple[Manifest, Path]:
    """Return the manifest and the wheel that a new user should get.

    A job that only verifies has no build: it takes the wheel from the index, into `place`, and what is compared then
    is what each installer makes of it.

    Raises: RefusedError if there is neither a build nor a release on the index.
    """
    if (release.root / MANIFEST).exists():
        manifest = verify_manifest(read_manifest(release.root), release.plan)
        return manifest, _wheel_of(release.root, manifest)
    return _from_index(release, place)


def _from_index(release: ReleaseContext, place: Path) -> tuple[Manifest, Path]:
    plan = release.plan
    assert plan.version is not None  # what has no version is not verified
    there = read_index(release.index, release.project.name).releases.get(plan.version, ())
    wheel = next((file for file in there if file.name.endswith(".whl")), None)
    if wheel is None:
        raise RefusedError(
            f"there is no {MANIFEST}: nothing was built yet, and {release.index.title} has no wheel of {plan.version}",
            hint="`nox -s build` makes it; after a release, --run-number or --tag selects one",
        )
    place.mkdir()
    paths = {file.name: fetch_file(release.index, file, place) for file in there}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise UnansweredError(f"{release.index.title} does not serve {', '.join(missing)}", hint="try again later")
    files = tuple(ManifestFile(name, path.stat().st_size, sha256_of(path)) for name, path in paths.items() if path)
    return Manifest(plan.channel, plan.project, plan.version, plan.commit, plan.run, {}, files), place / wheel.name


def _wheel_of(root: Path, manifest: Manifest) -> Path:
    """Find the manifest's wheel in `dist/`, and make sure that it is the manifest's.

    Raises: RefusedError if it is not there, or has other bytes.
    """
    file = next((file for file in manifest.files if file.name.endswith(".whl")), None)
    if file is None:
        raise RefusedError("release.json names no wheel", hint="`nox -s build` makes one")
    path = root / DIST / file.name
    if not path.is_file():
        raise RefusedError(f"{DIST}/{file.name} is not there", hint="`nox -s build` makes it, and release.json with it")
    if sha256_of(path) != file.sha256:
        raise RefusedError(f"{DIST}/{file.name} is not the file in release.json", hint="build again: `nox -s build`")
    return path
