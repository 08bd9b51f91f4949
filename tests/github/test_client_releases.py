"""Releases as the real client library makes and reads them on the stand-in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.github import MAX_BODY
from release_channels.rehearsal.github.state import StoredRelease
from tests.github.hubs import NAME, READER, Hub, api, open_hub, write
from tests.support.repo import Repo


@pytest.fixture
def tagged(repo: Repo) -> Repo:
    """A repository whose release tag is on the remote."""
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "refs/tags/v1.2.0")
    return repo


def test_a_release_is_drafted_filled_and_published(tagged: Repo, hub: Hub, tmp_path: Path) -> None:
    """A draft takes files, whose digests GitHub tells, and becomes the latest release."""
    wheel = write(tmp_path / "out" / "demo_tool-1.2.0-py3-none-any.whl", b"wheel")
    client = hub.client()

    draft = client.create_draft("v1.2.0", "1.2.0", "What is new")
    asset = client.upload_asset(draft, wheel)
    done = client.publish(draft, latest=True)

    assert (draft.tag, draft.name, draft.body, draft.assets) == ("v1.2.0", "1.2.0", "What is new", ())
    assert (draft.is_draft, draft.is_prerelease, draft.is_immutable) == (True, False, False)
    assert (asset.name, asset.size, asset.is_complete) == (wheel.name, 5, True)
    assert asset.sha256 == hashlib.sha256(b"wheel").hexdigest()
    assert (done.id, done.is_draft, done.assets) == (draft.id, False, (asset,))
    assert done.url == f"{hub.running.url}/{NAME}/releases/tag/v1.2.0"
    assert hub.state.latest_id == draft.id
    assert client.find_releases("v1.2.0") == (done,)


@pytest.mark.parametrize("latest", [True, False], ids=["latest", "beside"])
def test_publishing_says_whether_it_is_the_latest(tagged: Repo, hub: Hub, latest: bool) -> None:
    """A release of an old line is published without taking the place of the latest one."""
    client = hub.client()
    first = client.publish(client.create_draft("v2.0.0", "2.0.0", ""), latest=True)

    second = client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=latest)

    assert hub.state.latest_id == (second.id if latest else first.id)


def test_drafts_are_found_by_listing_among_many(tagged: Repo, hub: Hub) -> None:
    """A draft and a release of one tag are both found, behind more than one page of others."""
    client = hub.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    done = client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=True)
    for number in range(120):
        hub.state.releases |= {(made := _plain(hub, f"v0.{number}")).id: made}

    assert {one.id for one in client.find_releases("v1.2.0")} == {draft.id, done.id}
    assert len(client.releases()) == 122
    assert client.find_releases("v9") == ()


def test_drafts_are_invisible_to_a_reader(tagged: Repo, hub: Hub) -> None:
    """Whoever may not write does not see a draft, nor does anybody without a token."""
    draft = hub.client().create_draft("v1.2.0", "1.2.0", "")

    assert hub.client(READER).releases() == ()
    assert hub.client(None).releases() == ()
    assert [one.id for one in hub.client().releases()] == [draft.id]


def test_an_asset_is_deleted_from_a_draft(tagged: Repo, hub: Hub, tmp_path: Path) -> None:
    """A file that does not belong into a draft is taken out, and its name is free again."""
    path = write(tmp_path / "manifest.json", b"{}")
    client = hub.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")

    client.delete_asset(client.upload_asset(draft, path))
    again = client.upload_asset(draft, path)

    assert [one.assets for one in client.releases()] == [(again,)]


def test_an_upload_that_broke_off_leaves_an_incomplete_asset(tagged: Repo, hub: Hub, tmp_path: Path) -> None:
    """A broken upload is not repeated blindly; what it left is told apart from a file, and can be replaced."""
    path = write(tmp_path / "manifest.json", b"{}")
    client = hub.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    hub.state.broken_uploads = 1

    with pytest.raises(UnansweredError, match="failed with 502 when asked to add manifest"):
        client.upload_asset(draft, path)

    assert sum(line.startswith("POST /api/uploads/") for line in hub.running.requests) == 1
    ((left,),) = (one.assets for one in client.find_releases("v1.2.0"))
    assert (left.name, left.size, left.sha256, left.is_complete) == ("manifest.json", 0, None, False)
    client.delete_asset(left)
    assert client.upload_asset(draft, path).is_complete


def test_a_second_asset_of_a_name_is_refused(tagged: Repo, hub: Hub, tmp_path: Path) -> None:
    """GitHub never replaces a file under its name."""
    client = hub.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    client.upload_asset(draft, write(tmp_path / "one" / "manifest.json", b"{}"))
    before = hub.fingerprint()

    with pytest.raises(RefusedError, match=r"422 .*manifest\.json.*ReleaseAsset\.name already_exists"):
        client.upload_asset(draft, write(tmp_path / "two" / "manifest.json", b"[]"))
    assert hub.fingerprint() == before


def test_a_second_release_of_a_tag_is_refused(tagged: Repo, hub: Hub) -> None:
    """A tag has one published release; a second draft of it can be made and not published."""
    client = hub.client()
    client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=True)
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    before = hub.fingerprint()

    with pytest.raises(RefusedError, match=r"422 .*Release\.tag_name already_exists"):
        client.publish(draft, latest=True)
    assert hub.fingerprint() == before


def test_a_body_that_is_too_long_is_refused(hub: Hub) -> None:
    """GitHub takes as many characters as `hub.MAX_BODY` says and not one more."""
    client = hub.client()
    client.create_draft("v1.2.0", "1.2.0", "ü" * MAX_BODY)
    before = hub.fingerprint()

    with pytest.raises(RefusedError, match="body is too long"):
        client.create_draft("v1.2.0", "1.2.0", "ü" * (MAX_BODY + 1))
    assert hub.fingerprint() == before


def test_an_immutable_release_keeps_its_files(tagged: Repo, tmp_path: Path) -> None:
    """After publication an immutable release takes no file and gives none up."""
    with open_hub(tagged, immutable_releases=True) as hub:
        client = hub.client()
        draft = client.create_draft("v1.2.0", "1.2.0", "")
        asset = client.upload_asset(draft, write(tmp_path / "manifest.json", b"{}"))
        done = client.publish(draft, latest=True)
        assert (draft.is_immutable, done.is_immutable) == (False, True)
        before = hub.fingerprint()

        with pytest.raises(RefusedError, match="Cannot upload assets to an immutable release"):
            client.upload_asset(done, write(tmp_path / "more.txt"))
        with pytest.raises(RefusedError, match="Cannot delete asset from an immutable release"):
            client.delete_asset(asset)
        assert hub.fingerprint() == before


def test_the_tag_of_a_deleted_immutable_release_is_burned(tagged: Repo) -> None:
    """No release, not even a draft, can be made for a tag that an immutable release once had."""
    with open_hub(tagged, immutable_releases=True) as hub:
        client = hub.client()
        done = client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=True)
        assert api(hub, "DELETE", f"/releases/{done.id}").status_code == 204
        before = hub.fingerprint()

        with pytest.raises(RefusedError, match="tag_name was used by an immutable release"):
            client.create_draft("v1.2.0", "1.2.0", "")
        assert hub.fingerprint() == before


def test_notes_are_worded_since_the_tag_that_is_named(hub: Hub) -> None:
    """Generated notes name the commits since the previous tag and no older ones; nothing is stored."""
    repo = hub.repo
    repo.tag("v1.1.0")
    repo.commit("Add a thing")
    repo.commit("Mend a thing")
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "main", "v1.1.0", "v1.2.0")
    before = hub.fingerprint()

    notes = hub.client().generate_notes("v1.2.0", "v1.1.0", "main")
    first = hub.client().generate_notes("v1.2.0", None, "main")

    assert [line for line in notes.splitlines() if line.startswith("* ")] == [
        f"* {text} in {hub.running.url}/{NAME}/commit/{repo.git('rev-parse', revision)}"
        for text, revision in (("Add a thing", "main~1"), ("Mend a thing", "main"))
    ]
    assert notes.endswith("/compare/v1.1.0...v1.2.0")
    assert "Mend a thing" in first
    assert hub.fingerprint() == before


def test_notes_since_an_unknown_tag_are_refused(hub: Hub) -> None:
    """A previous tag that GitHub does not have is an error of its own."""
    with pytest.raises(RefusedError, match="Invalid previous_tag parameter"):
        hub.client().generate_notes("v1.2.0", "v0.9.9", "main")


def _plain(hub: Hub, tag: str) -> StoredRelease:
    return StoredRelease(hub.state.new_id(), tag, tag, "", "main", False, False, hub.state.clock())
