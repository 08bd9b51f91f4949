"""Announce a public release: the GitHub Release, last of all, once the index holds every file."""

from __future__ import annotations

import json
from pathlib import Path

from release_channels import console
from release_channels.claims import verify_manifest
from release_channels.errors import RefusedError
from release_channels.hub import Asset, HubRelease, repository_name
from release_channels.manifest import Manifest, ManifestFile
from release_channels.outcome import Result
from release_channels.steps.fence import pass_fence
from release_channels.steps.handover import DIST, take_over
from release_channels.steps.notes import release_notes
from release_channels.steps.step import Release, Report, Step
from release_channels.tags import tag_of
from release_channels.world.distributions import sha256_of
from release_channels.world.files import scratch
from release_channels.world.git import Git
from release_channels.world.github import GitHub, connect
from release_channels.world.index import Index, read_index

ASSET = "manifest.json"


def _act(release: Release) -> Report:
    config = release.project.config
    name = repository_name(config.repository, Git(release.root).remote_url(config.remote), release.env)
    if name is None:
        return Report(Result.SKIPPED, f"no GitHub Release: the remote {config.remote} is not on GitHub")
    manifest = verify_manifest(take_over(release.root), release.plan)
    _require_published(release.index, manifest)
    tag = tag_of(config.tag_format, manifest.version)
    hub = connect(name, release.env)
    with scratch("announce") as workplace, console.progress(f"announcing {tag} on GitHub"):
        assets = (*pass_fence(manifest, release.root / DIST, workplace), _write_asset(manifest, workplace))
        return _announce(release, hub, tag, assets)


def _announce(release: Release, hub: GitHub, tag: str, assets: tuple[Path, ...]) -> Report:
    found = hub.find_releases(tag)
    published = next((there for there in found if not there.is_draft), None)
    if published is not None:
        _require_same(published, assets)
        return Report(Result.ALREADY, f"the GitHub Release {tag} is out, with the same files: {published.url}")
    draft = next(iter(found), None) or hub.create_draft(tag, tag, release_notes(release, hub, tag))
    for path in assets:
        _put(hub, draft, path)
    filled = next(there for there in hub.find_releases(tag) if there.id == draft.id)
    _require_same(filled, assets)
    out = hub.publish(filled, latest=_is_newest(release))
    return Report(Result.PUBLISHED, f"the GitHub Release {tag} is out: {out.url}")


def _put(hub: GitHub, draft: HubRelease, path: Path) -> None:
    """Make an asset of a draft what it should be; what an earlier run left half-way is replaced."""
    there = next((asset for asset in draft.assets if asset.name == path.name), None)
    if there is not None and not _is_same(there, path):
        hub.delete_asset(there)
        there = None
    if there is None:
        hub.upload_asset(draft, path)


def _require_same(there: HubRelease, assets: tuple[Path, ...]) -> None:
    """Compare a release with what belongs to it.

    Raises: RefusedError if it lacks a file, has one more, or one with other bytes.
    """
    found = {asset.name: asset for asset in there.assets}
    wrong = [f"lacks {path.name}" for path in assets if path.name not in found]
    wrong += [
        f"has another {path.name}" for path in assets if path.name in found and not _is_same(found[path.name], path)
    ]
    wrong += [f"has {name} besides" for name in sorted(found.keys() - {path.name for path in assets})]
    if wrong:
        kind = "draft" if there.is_draft else "published"
        raise RefusedError(
            f"the {kind} GitHub Release {there.tag} {', '.join(wrong)}",
            hint=f"the index has the right files; put this release right by hand, or delete it if GitHub lets you "
            f"(an immutable release cannot be mended) and run `nox -s announce` again: {there.url}",
        )


def _is_same(asset: Asset, path: Path) -> bool:
    return asset.size == path.stat().st_size and asset.sha256 in (None, sha256_of(path))


def _require_published(index: Index, manifest: Manifest) -> None:
    """The index comes first: nothing is announced that nobody can install."""
    there = {file.name: file.sha256 for file in read_index(index, manifest.project).releases.get(manifest.version, ())}
    missing = [file.name for file in manifest.files if there.get(file.name) != file.sha256]
    if missing:
        raise RefusedError(
            f"{index.title} does not hold {', '.join(missing)} with these bytes",
            hint="`nox -s public-publish` comes first",
        )


def _is_newest(release: Release) -> bool:
    """Tell whether this is the newest final, by the index and never by the clock: a later fix of an old line is not."""
    newest = read_index(release.index, release.project.name).newest_final()
    return newest is None or release.plan.version is None or newest <= release.plan.version


def _write_asset(manifest: Manifest, workplace: Path) -> Path:
    """Write what was released, and nothing that changes from run to run."""
    content = {
        "project": manifest.project,
        "version": str(manifest.version),
        "commit": manifest.commit,
        "files": [_describe(file) for file in manifest.files],
    }
    path = workplace / ASSET
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8", newline="\n")
    return path


def _describe(file: ManifestFile) -> dict[str, object]:
    return {"name": file.name, "size": file.size, "sha256": file.sha256}


ANNOUNCE = Step("announce", "the GitHub Release: draft, files, compare, publish", _act)
