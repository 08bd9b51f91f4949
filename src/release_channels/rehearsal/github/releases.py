"""Releases, by GitHub's rules for drafts, duplicates, the latest one, and immutable ones."""

from __future__ import annotations

import hashlib
from typing import Any

from packaging.version import InvalidVersion, Version

from release_channels.rehearsal.github.answers import Answer, Call, Listing, Refused, invalid, not_found
from release_channels.rehearsal.github.assets import release_of, sees_drafts, show_asset
from release_channels.rehearsal.github.objects import node_id, stamp
from release_channels.rehearsal.github.routes import Route
from release_channels.rehearsal.github.stored import StoredRelease

MAX_BODY = 125_000
_LATEST = ("true", "false", "legacy")


def list_releases(call: Call) -> Listing:
    """List releases, newest first; drafts are seen by those alone who may write."""
    found = [one for one in call.state.releases.values() if not one.is_draft or sees_drafts(call)]
    return Listing([show_release(call, one) for one in sorted(found, key=lambda one: one.id, reverse=True)])


def get_release(call: Call) -> Answer:
    """Show a release by its number."""
    return Answer(200, show_release(call, release_of(call)))


def get_by_tag(call: Call) -> Answer:
    """Show the published release of a tag; a draft has no tag yet."""
    found = _published(call, call.values["tag"])
    if found is None:
        raise not_found()
    return Answer(200, show_release(call, found))


def get_latest(call: Call) -> Answer:
    """Show the latest release: the one that was said to be it, else the newest by date and version."""
    state = call.state
    ready = {one.id: one for one in state.releases.values() if not one.is_draft and not one.is_prerelease}
    if state.latest_id in ready:
        return Answer(200, show_release(call, ready[state.latest_id]))
    candidates = [one for one in ready.values() if not one.never_latest]
    if not candidates:
        raise not_found()
    return Answer(200, show_release(call, max(candidates, key=lambda one: (one.created_at, _version(one.tag)))))


def create_release(call: Call) -> Answer:
    """Create a release, published at once unless it is a draft.

    Source: GitHub's REST reference, create a release; its documentation of immutable releases, for burned tags.
    """
    sent = call.sent()
    tag = sent.get("tag_name")
    if not isinstance(tag, str) or not tag:
        raise invalid("Release", "tag_name", "missing_field")
    _check_tag(call, tag, None if sent.get("draft") else 0)
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


def update_release(call: Call) -> Answer:
    """Change a release, or publish it; of an immutable one only the words can change."""
    release, sent = release_of(call), call.sent()
    tag = sent.get("tag_name") or release.tag
    if release.is_immutable and (tag != release.tag or sent.get("draft") or "target_commitish" in sent):
        raise Refused(422, "Cannot change the tag or the state of an immutable release.")
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
    return Answer(200, show_release(call, release))


def delete_release(call: Call) -> Answer:
    """Delete a release; the tag of an immutable one can never be used again."""
    release = release_of(call)
    if release.is_immutable:
        call.state.burned_tags.add(release.tag)
    del call.state.releases[release.id]
    return Answer(204)


def show_release(call: Call, release: StoredRelease) -> dict[str, Any]:
    """Show a release whole; a draft's page has a name of its own."""
    site = call.site
    url, tag = f"{site.repo}/releases/{release.id}", release.tag
    if release.is_draft:
        tag = f"untagged-{hashlib.sha256(str(release.id).encode()).hexdigest()[:20]}"
    uploads = f"{site.url}/api/uploads/repos/{site.repository}/releases/{release.id}"
    return {
        "url": url,
        "assets_url": f"{url}/assets",
        "upload_url": f"{uploads}/assets{{?name,label}}",
        "html_url": f"{site.html}/releases/tag/{tag}",
        "id": release.id,
        "author": site.user("tester"),
        "node_id": node_id("RE", release.id),
        "tag_name": release.tag,
        "target_commitish": release.target,
        "name": release.name,
        "draft": release.is_draft,
        "immutable": release.is_immutable,
        "prerelease": release.is_prerelease,
        "created_at": stamp(release.created_at),
        "updated_at": stamp(release.published_at or release.created_at),
        "published_at": stamp(release.published_at),
        "assets": [show_asset(call, release, asset) for asset in release.assets],
        "tarball_url": f"{site.repo}/tarball/{release.tag}",
        "zipball_url": f"{site.repo}/zipball/{release.tag}",
        "body": release.body,
    }


def _publish(call: Call, release: StoredRelease, latest: str) -> None:
    """Make a release public; a tag that is missing is made, at the tip of the target."""
    history = call.state.history
    if history.git_dir is not None and history.ref(f"refs/tags/{release.tag}") is None:
        target = history.commit(release.target)
        if target is None:
            raise invalid("Release", "target_commitish", "invalid")
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
        raise invalid("Release", "tag_name", "custom", "tag_name was used by an immutable release")
    taken = _published(call, tag)
    if release_id is not None and taken is not None and taken.id != release_id:
        raise invalid("Release", "tag_name", "already_exists")


def _body(sent: dict[str, Any], before: str | None = None) -> str | None:
    body = sent.get("body", before)
    if body is not None and len(body) > MAX_BODY:
        raise invalid("Release", "body", "custom", f"body is too long (maximum is {MAX_BODY} characters)")
    return body if body is None else str(body)


def _latest(sent: dict[str, Any]) -> str:
    latest = str(sent.get("make_latest", "true"))
    if latest not in _LATEST:
        raise invalid("Release", "make_latest", "invalid")
    return latest


def _version(tag: str) -> Version:
    try:
        return Version(tag)
    except InvalidVersion:
        return Version("0")


def _published(call: Call, tag: str) -> StoredRelease | None:
    return next((one for one in call.state.releases.values() if one.tag == tag and not one.is_draft), None)


_ONE = "/releases/<int:release_id>"
ROUTES = (
    Route("GET", "/releases", list_releases, "contents"),
    Route("GET", "/releases/latest", get_latest, "contents"),
    Route("GET", "/releases/tags/<path:tag>", get_by_tag, "contents"),
    Route("GET", _ONE, get_release, "contents"),
    Route("POST", "/releases", create_release, "contents", "write"),
    Route("PATCH", _ONE, update_release, "contents", "write"),
    Route("DELETE", _ONE, delete_release, "contents", "write"),
)
