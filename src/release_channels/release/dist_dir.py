"""The files that one step passes to the next, also between machines: `dist/`, and the manifest next to it."""

from __future__ import annotations

from pathlib import Path

from release_channels.adapters.files import atomic_write, require_directory, staged_replace
from release_channels.errors import RefusedError
from release_channels.model.manifest import MAX_BYTES, Manifest, parse_manifest

DIST = "dist"
MANIFEST = "release.json"


def write_dist(root: Path, files: tuple[Path, ...], manifest: Manifest) -> None:
    """Replace `dist/` in one step and write the manifest last, so that no manifest describes other files.

    Raises: RefusedError if a place is taken by something else.
    """
    check_dist_paths(root)
    with staged_replace(root, files) as put_into:
        (root / MANIFEST).unlink(missing_ok=True)
        put_into(DIST)
    atomic_write(root / MANIFEST, manifest.to_json())


def import_build(root: Path, source: Path) -> None:
    """Import the build of another job: its manifest, and only the files that it lists.

    Raises: RefusedError if the manifest is none, or a file is missing or no regular one.
    """
    if not source.is_dir():
        raise RefusedError(
            f"there is no directory {source}", hint="--from names where a build's dist/ and release.json are"
        )
    manifest = read_manifest(source)
    files = tuple(source / DIST / file.name for file in manifest.files)
    missing = [path.name for path in files if path.is_symlink() or not path.is_file()]
    if missing:
        raise RefusedError(f"{', '.join(missing)} is in the manifest and not in {source / DIST}", hint=_ANEW)
    write_dist(root, files, manifest)


_ANEW = "build again: `nox -s build`"


def check_dist_paths(root: Path) -> None:
    """Refuse to start if `dist/` or `release.json` is taken by something else.

    Raises: RefusedError
    """
    require_directory(root / DIST)
    manifest = root / MANIFEST
    if manifest.is_symlink() or (manifest.exists() and not manifest.is_file()):
        raise RefusedError(f"{MANIFEST} is not a file", hint=f"move {manifest} away: the manifest is written there")


def read_manifest(root: Path) -> Manifest:
    """Read the manifest of a build.

    Raises: RefusedError if there is none, or it is not a manifest.
    """
    path = root / MANIFEST
    check_dist_paths(root)
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as err:
        raise RefusedError(f"there is no {MANIFEST}: nothing was built yet", hint="`nox -s build` makes it") from err
    return parse_manifest(content.decode("utf-8", "replace"))
