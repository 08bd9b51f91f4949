"""The upload guard: verify the files again, directly before the upload.

An index cannot limit a publisher to a kind of version. So each file is opened, and only this project, this
channel's kind of version, exactly the version derived again and the manifest's bytes go through.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adapters.archive_guard import refuse_unsafe_archive
from release_channels.adapters.distributions import read_distribution, sha256_of
from release_channels.adapters.git import Git
from release_channels.adapters.observe import read_tag
from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import Relation
from release_channels.model.version import Channel
from release_channels.release.step import ReleaseContext

_REBUILD = "build again: `nox -s build`"


def verify_before_upload(manifest: Manifest, source: Path, target: Path) -> tuple[Path, ...]:
    """Copy the manifest's files into an empty directory, and verify each copy.

    What is uploaded is the copy that was looked at, so nothing can be exchanged in between. `manifest` has
    been verified against what was derived again.

    Raises: RefusedError at the first file that does not hold.
    """
    if not _is_of(manifest.channel, manifest.version):
        raise RefusedError(f"{manifest.version} is not a version for the {manifest.channel} channel", hint=_REBUILD)
    return tuple(_pass(file, manifest, source, target) for file in manifest.files)


def _is_of(channel: Channel, version: Version) -> bool:
    if version.local is not None or version.pre is not None:
        return False
    return (version.dev is not None) == (channel is Channel.PREVIEW)


def _pass(file: ManifestFile, manifest: Manifest, source: Path, target: Path) -> Path:
    original, copy = source / file.name, target / file.name
    if original.is_symlink() or not original.is_file():
        raise RefusedError(f"{file.name} is in the manifest and not in {source.name}/", hint=_REBUILD)
    shutil.copyfile(original, copy)
    size, digest = copy.stat().st_size, sha256_of(copy)
    if size != file.size:
        raise RefusedError(f"{file.name} has {size} bytes, and the manifest says {file.size}", hint=_REBUILD)
    if digest != file.sha256:
        raise RefusedError(f"{file.name} has sha256 {digest}, and the manifest says {file.sha256}", hint=_REBUILD)
    _look_inside(copy, manifest)
    return copy


def _look_inside(copy: Path, manifest: Manifest) -> None:
    """Read name and version from the file's own metadata; reading refuses a file whose name tells another story.

    A build of another job may have been checked by nobody, so what no installer should be given is refused here, too.
    """
    inside = read_distribution(copy)
    if canonicalize_name(inside.name) != canonicalize_name(manifest.project):
        raise RefusedError(f"{copy.name} is of the project {inside.name}, not {manifest.project}", hint=_REBUILD)
    if inside.version != manifest.version:
        raise RefusedError(f"{copy.name} has version {inside.version}, not {manifest.version}", hint=_REBUILD)
    refuse_unsafe_archive(copy)


def recheck_tag(release: ReleaseContext) -> None:
    """Read the tag again, which may have been moved during the run.

    Raises: RefusedError if it does not point to the commit that was built.
    """
    tag = release.observed.tag
    if release.plan.channel is not Channel.PUBLIC or tag is None:
        return
    now = read_tag(Git(release.root), tag.name, release.observed.commit, release.project.config, release.env)
    if now is None or now.relation is not Relation.SAME:
        where = f"points to commit {now.commit[:12]} now" if now else "is gone"
        raise RefusedError(
            f"the tag {tag.name} {where}; what was built is commit {release.observed.commit.short}",
            hint="a release tag is never moved: find out who did, and release the next version",
        )
