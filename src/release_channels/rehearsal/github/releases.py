"""Releases and their files, by GitHub's rules for names, interrupted uploads and immutable releases."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from packaging.version import InvalidVersion, Version

from release_channels.rehearsal.github.http import (
    Call,
    Listing,
    Refused,
    broken,
    invalid,
    no_access,
    not_found,
    require,
)
from release_channels.rehearsal.github.state import Answer, StoredAsset, StoredRelease

MAX_BODY = 125_000  # characters
_WORKFLOWS = ".github/workflows"
_LATEST = ("true", "false", "legacy")


def list_assets(call: Call) -> Listing:
    """List the files of a release."""
    release = release_of(call)
    return Listing([show_asset(call, release, asset) for asset in release.assets])


def upload_asset(call: Call) -> Answer:
    """Store a file under an unused name, which may be changed; an immutable release accepts none.

    Raises: Refused with 422 for a used or invalid name, or an immutable release.
    Source: GitHub's REST reference, upload a release asset.
    """
    release, name = release_of(call), clean_name(call.query.get("name", ""))
    if release.is_immutable:
        raise Refused(422, "Cannot upload assets to an immutable release.")
    if not name:
        raise invalid(resource="ReleaseAsset", field="name", code="missing_field")
    if any(asset.name == name for asset in release.assets):
        raise invalid(resource="ReleaseAsset", field="name", code="already_exists")
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


def get_asset(call: Call) -> dict[str, Any]:
    """Show one file of a release.

    Raises: Refused with 404 if there is none.
    """
    return show_asset(call, *_asset(call))


def delete_asset(call: Call) -> Answer:
    """Delete a file of a release that is not immutable.

    Raises: Refused for a missing file or an immutable release.
    """
    release, asset = _asset(call)
    if release.is_immutable:
        raise Refused(422, "Cannot delete asset from an immutable release")
    release.assets.remove(asset)
    return Answer(204)


def clean_name(name: str) -> str:
    """Return the name that GitHub gives an asset: other characters become one dot, removed at both ends."""
    return re.sub(r"[^A-Za-z0-9_+@-]+", ".", name).strip(".")


def show_asset(call: Call, release: StoredRelease, asset: StoredAsset) -> dict[str, Any]:
    """Format a file of a release with all fields."""
    whole = asset.state == "uploaded"
    return call.site.show(
        "asset",
        release,
        asset,
        user=call.site.user(),
        size=len(asset.content),
        digest=f"sha256:{hashlib.sha256(asset.content).hexdigest()}" if whole else None,
    )


def sees_drafts(call: Call) -> bool:
    """Check whether a token may see drafts."""
    return call.may("contents", "write")


def release_of(call: Call) -> StoredRelease:
    """Find the release that a request's path names; a draft is visible only with write access.

    Raises: Refused with 404 if there is none.
    """
    release = require(call.state.releases.get(call.values["release_id"]))
    if release.is_draft and not sees_drafts(call):
        raise not_found()
    return release


def _asset(call: Call) -> tuple[StoredRelease, StoredAsset]:
    for release in call.state.releases.values():
        for asset in release.assets:
            if asset.id == call.values["asset_id"] and (not release.is_draft or sees_drafts(call)):
                return release, asset
    raise not_found()


def list_releases(call: Call) -> Listing:
    """List releases, newest first, with drafts only for write access and without fresh ones while the double lags."""
    releases = [
        release
        for release in call.state.releases.values()
        if (not release.is_draft or sees_drafts(call)) and call.state.is_seen(release.created_at)
    ]
    releases.sort(key=lambda release: release.id, reverse=True)
    return Listing([show_release(call, release) for release in releases])


def get_release(call: Call) -> dict[str, Any]:
    """Show a release by its id."""
    return show_release(call, release_of(call))


def get_by_tag(call: Call) -> dict[str, Any]:
    """Return the published release of a tag; as on GitHub, drafts are not found by tag."""
    return show_release(call, require(_published(call, call.values["tag"])))


def get_latest(call: Call) -> dict[str, Any]:
    """Show the latest release: the marked one, else the newest by date and version."""
    state = call.state
    final = {key: release for key, release in state.releases.items() if not (release.is_draft or release.is_prerelease)}
    if state.latest_id in final:
        return show_release(call, final[state.latest_id])
    candidates = [release for release in final.values() if not release.never_latest]
    newest = max(candidates, key=lambda release: (release.created_at, _version(release.tag)), default=None)
    return show_release(call, require(newest))


def create_release(call: Call) -> Answer:
    """Create a release, published at once unless it is a draft.

    Raises: Refused for an invalid field, tag or target.
    Source: GitHub's REST reference, create a release; its documentation of immutable releases, for burned tags.
    """
    sent = call.sent()
    tag = sent.get("tag_name")
    if not isinstance(tag, str) or not tag:
        raise _invalid("tag_name", "missing_field")
    _check_tag(call, tag, None if sent.get("draft") else 0)
    _check_target(call, sent)
    now = call.state.clock()
    release = StoredRelease(
        id=call.state.new_id(),
        tag=tag,
        name=sent.get("name"),
        body=_body(sent),
        target=sent.get("target_commitish") or call.state.default_branch,
        is_draft=True,
        is_prerelease=bool(sent.get("prerelease")),
        created_at=now,
    )
    if not sent.get("draft"):
        _publish(call, release, _latest(sent))
    call.state.releases[release.id] = release
    return Answer(201, show_release(call, release))


def update_release(call: Call) -> dict[str, Any]:
    """Change or publish a release; of an immutable one only title and text can change.

    Raises: Refused for an invalid field, tag or target.
    """
    release, sent = release_of(call), call.sent()
    tag = sent.get("tag_name") or release.tag
    if release.is_immutable and (tag != release.tag or sent.get("draft") or "target_commitish" in sent):
        raise Refused(422, "Cannot change the tag or the state of an immutable release.")
    _check_target(call, sent)
    publishing = release.is_draft and sent.get("draft") is False
    if tag != release.tag or publishing:
        _check_tag(call, tag, release.id if publishing or not release.is_draft else None)
    body, latest = _body(sent, release.body), _latest(sent)
    release.tag, release.body = tag, body
    release.name = sent.get("name", release.name)
    release.is_prerelease = bool(sent.get("prerelease", release.is_prerelease))
    release.target = sent.get("target_commitish") or release.target
    if publishing:
        _publish(call, release, latest)
    elif sent.get("draft"):
        release.is_draft, release.published_at = True, None
    elif "make_latest" in sent and not release.is_draft:
        _mark(call, release, latest)
    return show_release(call, release)


def delete_release(call: Call) -> Answer:
    """Delete a release; the tag of an immutable one can never be used again."""
    release = release_of(call)
    if release.is_immutable:
        call.state.burned_tags.add(release.tag)
    del call.state.releases[release.id]
    return Answer(204)


def show_release(call: Call, release: StoredRelease) -> dict[str, Any]:
    """Format a release with all fields; a draft has a separate URL."""
    page = release.tag
    if release.is_draft:
        page = f"untagged-{hashlib.sha256(str(release.id).encode()).hexdigest()[:20]}"
    return call.site.show(
        "release",
        release,
        user=call.site.user(),
        page=page,
        updated_at=release.published_at or release.created_at,
        assets=[show_asset(call, release, asset) for asset in release.assets],
    )


def _check_target(call: Call, sent: Mapping[str, Any]) -> None:
    """Refuse a target whose workflow files differ from the default branch's: that takes a right that no job has.

    Source: GitHub's documentation of GITHUB_TOKEN and of releases: the `workflows` right of an app or a user; that a
    token with scopes gets 404, its users report.
    """
    history, target = call.state.history, sent.get("target_commitish")
    if not target or history.git_dir is None or call.may("workflows", "write"):
        return
    if history.tree(target, _WORKFLOWS) != history.tree(call.state.default_branch, _WORKFLOWS):
        raise not_found() if call.token in call.state.login_tokens else no_access()


def _invalid(field: str, code: str, **more: str) -> Refused:
    return invalid(resource="Release", field=field, code=code, **more)


def _publish(call: Call, release: StoredRelease, latest: str) -> None:
    """Make a release public; a tag that is missing is made, at the tip of the target."""
    history = call.state.history
    if history.git_dir is not None and history.ref(f"refs/tags/{release.tag}") is None:
        target = history.commit(release.target)
        if target is None:
            raise _invalid("target_commitish", "invalid")
        history.create_tag(release.tag, target)
    release.is_draft, release.published_at = False, call.state.clock()
    release.is_immutable = call.state.immutable_releases
    _mark(call, release, latest)


def _mark(call: Call, release: StoredRelease, latest: str) -> None:
    release.never_latest = latest == "false"
    if latest == "true" and not release.is_prerelease:
        call.state.latest_id = release.id
    elif call.state.latest_id == release.id or latest == "legacy":
        call.state.latest_id = None


def _check_tag(call: Call, tag: str, release_id: int | None) -> None:
    """Refuse a tag that is burned, or that another release was published for; drafts may share one."""
    if tag in call.state.burned_tags:
        raise _invalid("tag_name", "custom", message="tag_name was used by an immutable release")
    taken = _published(call, tag)
    if release_id is not None and taken is not None and taken.id != release_id:
        raise _invalid("tag_name", "already_exists")


def _body(sent: dict[str, Any], before: str | None = None) -> str | None:
    body = sent.get("body", before)
    if body is not None and len(body) > MAX_BODY:
        raise _invalid("body", "custom", message=f"body is too long (maximum is {MAX_BODY} characters)")
    return body if body is None else str(body)


def _latest(sent: dict[str, Any]) -> str:
    latest = str(sent.get("make_latest", "true"))
    if latest not in _LATEST:
        raise _invalid("make_latest", "invalid")
    return latest


def _version(tag: str) -> Version:
    try:
        return Version(tag)
    except InvalidVersion:
        return Version("0")


def _published(call: Call, tag: str) -> StoredRelease | None:
    releases = call.state.releases.values()
    return next((release for release in releases if release.tag == tag and not release.is_draft), None)
