"""What is to be verified: the build that was made here, or where none was, what the index has of this release."""

from __future__ import annotations

from pathlib import Path

from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.index import fetch_file, read_index
from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.verification import verify_manifest
from release_channels.steps.handover import DIST, MANIFEST, take_over
from release_channels.steps.step import Release


def find_release(release: Release, place: Path) -> tuple[Manifest, Path]:
    """Give the manifest and the wheel that a stranger has to get.

    A job that only verifies has no build: it takes the wheel from the index, into `place`, and what is compared then
    is what each installer makes of it.

    Raises: RefusedError if there is neither a build nor a release on the index.
    """
    if (release.root / MANIFEST).exists():
        manifest = verify_manifest(take_over(release.root), release.plan)
        return manifest, _wheel_of(release.root, manifest)
    return _from_index(release, place)


def _from_index(release: Release, place: Path) -> tuple[Manifest, Path]:
    plan = release.plan
    assert plan.version is not None  # what has no version is not verified
    there = read_index(release.index, release.project.name).releases.get(plan.version, ())
    wheel = next((file for file in there if file.name.endswith(".whl")), None)
    if wheel is None:
        raise RefusedError(
            f"there is no {MANIFEST}: nothing was built yet, and {release.index.title} has no wheel of {plan.version}",
            hint="`nox -s build` makes it; after a release, --run-number or --tag says which one is meant",
        )
    place.mkdir()
    paths = {file.name: fetch_file(release.index, file, place) for file in there}
    missing = [name for name, path in paths.items() if path is None]
    if missing:
        raise UnansweredError(f"{release.index.title} does not give {', '.join(missing)}", hint="try again later")
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
