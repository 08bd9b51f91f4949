"""The files of releases, by GitHub's rules for names, broken uploads, and immutable releases."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from release_channels.rehearsal.github.answers import Answer, Call, Listing, Refused, broken, invalid, not_found
from release_channels.rehearsal.github.objects import node_id, stamp
from release_channels.rehearsal.github.routes import Route
from release_channels.rehearsal.github.stored import StoredAsset, StoredRelease


def list_assets(call: Call) -> Listing:
    """List the files of a release."""
    release = release_of(call)
    return Listing([show_asset(call, release, asset) for asset in release.assets])


def upload_asset(call: Call) -> Answer:
    """Take a file under a name that is free, which may be rewritten; an immutable release takes none.

    Source: GitHub's REST reference, upload a release asset.
    """
    release, name = release_of(call), clean_name(call.query.get("name", ""))
    if release.is_immutable:
        raise Refused(422, "Cannot upload assets to an immutable release.")
    if not name:
        raise invalid("ReleaseAsset", "name", "missing_field")
    if any(asset.name == name for asset in release.assets):
        raise invalid("ReleaseAsset", "name", "already_exists")
    made = StoredAsset(
        id=call.state.new_id(),
        name=name,
        label=call.query.get("label", ""),
        content=call.body,
        content_type="application/octet-stream",
        created_at=call.state.clock(),
    )
    release.assets.append(made)
    if call.state.broken_uploads:
        call.state.broken_uploads -= 1
        made.content, made.state = b"", "starter"
        return broken()
    return Answer(201, show_asset(call, release, made))


def get_asset(call: Call) -> Answer:
    """Show one file of a release."""
    return Answer(200, show_asset(call, *_asset(call)))


def delete_asset(call: Call) -> Answer:
    """Take a file out of a release that is not immutable."""
    release, asset = _asset(call)
    if release.is_immutable:
        raise Refused(422, "Cannot delete asset from an immutable release")
    release.assets.remove(asset)
    return Answer(204)


def clean_name(name: str) -> str:
    """Write the name of an asset as GitHub does: whatever else stands in it becomes one dot, and none at the ends."""
    return re.sub(r"[^A-Za-z0-9_+@-]+", ".", name).strip(".")


def show_asset(call: Call, release: StoredRelease, asset: StoredAsset) -> dict[str, Any]:
    """Show a file of a release whole."""
    whole = asset.state == "uploaded"
    return {
        "url": f"{call.site.repo}/releases/assets/{asset.id}",
        "id": asset.id,
        "node_id": node_id("RA", asset.id),
        "name": asset.name,
        "label": asset.label,
        "uploader": call.site.user("tester"),
        "content_type": asset.content_type,
        "state": asset.state,
        "size": len(asset.content),
        "digest": f"sha256:{hashlib.sha256(asset.content).hexdigest()}" if whole else None,
        "download_count": 0,
        "created_at": stamp(asset.created_at),
        "updated_at": stamp(asset.created_at),
        "browser_download_url": f"{call.site.html}/releases/download/{release.tag}/{asset.name}",
    }


def sees_drafts(call: Call) -> bool:
    """Tell whether a token may know of drafts."""
    return call.may("contents", "write")


def release_of(call: Call) -> StoredRelease:
    """Find the release that a path names; a draft is not there for those who may not write."""
    release = call.state.releases.get(call.values["release_id"])
    if release is None or (release.is_draft and not sees_drafts(call)):
        raise not_found()
    return release


def _asset(call: Call) -> tuple[StoredRelease, StoredAsset]:
    for release in call.state.releases.values():
        for asset in release.assets:
            if asset.id == call.values["asset_id"] and (not release.is_draft or sees_drafts(call)):
                return release, asset
    raise not_found()


_ONE, _ASSET = "/releases/<int:release_id>", "/releases/assets/<int:asset_id>"
ROUTES = (
    Route("GET", f"{_ONE}/assets", list_assets, "contents"),
    Route("GET", _ASSET, get_asset, "contents"),
    Route("DELETE", _ASSET, delete_asset, "contents", "write"),
    Route("POST", f"{_ONE}/assets", upload_asset, "contents", "write", uploads=True),
)
