"""The history of the local index: the manifest of each local upload, so that a commit keeps its preview number."""

from __future__ import annotations

from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adapters.distributions import parse_file_name
from release_channels.adapters.files import STATE, atomic_write, state_directory
from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, parse_manifest

_SUFFIX = ".release.json"


def local_index_dir(root: Path) -> Path:
    """Return the directory of the local index's files, which may not exist yet."""
    return root / STATE / "index"


def record_manifest(root: Path, manifest: Manifest) -> None:
    """Save the manifest of a local upload before the upload, so that an interrupted run keeps its number.

    Raises: RefusedError if the version was given to another commit.
    """
    directory = local_index_dir(root)
    path = directory / f"{canonicalize_name(manifest.project)}-{manifest.version}{_SUFFIX}"
    taken = _read(root, path).commit if path.exists() else None
    if taken not in (None, manifest.commit):
        raise RefusedError(
            f"{manifest.version} belongs to commit {str(taken)[:12]} on the local index",
            hint="leave out --run-number to take the next free number, "
            f"or remove {STATE}/index to start the local index again",
        )
    if taken is None:
        state_directory(root)
        directory.mkdir(exist_ok=True)
        atomic_write(path, manifest.to_json())


def published_commits(root: Path, project: str) -> dict[Version, str]:
    """Return the commit of each version that was uploaded to the local index.

    Raises: RefusedError for a kept manifest that cannot be read.
    """
    kept: dict[Version, str] = {}
    for path in sorted(local_index_dir(root).glob(f"{canonicalize_name(project)}-*{_SUFFIX}")):
        manifest = _read(root, path)
        if canonicalize_name(manifest.project) == canonicalize_name(project):
            kept[manifest.version] = manifest.commit
    return kept


def practised_versions(root: Path, project: str) -> tuple[Version, ...]:
    """Return the versions of a project that the local index has, lowest first, by the names of the files."""
    files = (path.name for path in local_index_dir(root).glob("*") if path.name.endswith((".whl", ".tar.gz")))
    named = (parse_file_name(name)[:2] for name in files)
    return tuple(sorted({version for name, version in named if name == canonicalize_name(project)}))


def _read(root: Path, path: Path) -> Manifest:
    try:
        return parse_manifest(path.read_text(encoding="utf-8", errors="replace"))
    except RefusedError as stop:
        name = path.relative_to(root)
        raise RefusedError(
            f"{name} cannot be read: {stop}", hint=f"remove {name}: its commit then takes the next free number"
        ) from stop
