"""Releases, created and read with the client on the double."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.github import MAX_BODY
from release_channels.rehearsal.github.state import StoredRelease
from tests.github.hubs import NAME, READER, GitHubDouble, api, open_github, write
from tests.support.repo import Repo


@pytest.fixture
def tagged(repo: Repo) -> Repo:
    """A repository whose release tag is on the remote."""
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "refs/tags/v1.2.0")
    return repo


def test_a_release_is_drafted_filled_and_published(tagged: Repo, github: GitHubDouble, tmp_path: Path) -> None:
    """GitHub returns the digests of its files, and it becomes the latest release."""
    wheel = write(tmp_path / "out" / "demo_tool-1.2.0-py3-none-any.whl", b"wheel")
    client = github.client()

    draft = client.create_draft("v1.2.0", "1.2.0", "What is new")
    asset = client.upload_asset(draft, wheel)
    done = client.publish(draft, latest=True)

    assert (draft.tag, draft.name, draft.body, draft.assets) == ("v1.2.0", "1.2.0", "What is new", ())
    assert (draft.is_draft, draft.is_prerelease, draft.is_immutable) == (True, False, False)
    assert (asset.name, asset.size, asset.is_complete) == (wheel.name, 5, True)
    assert asset.sha256 == hashlib.sha256(b"wheel").hexdigest()
    assert (done.id, done.is_draft, done.assets) == (draft.id, False, (asset,))
    assert done.url == f"{github.running.url}/{NAME}/releases/tag/v1.2.0"
    assert github.state.latest_id == draft.id
    assert client.find_releases("v1.2.0") == (done,)


@pytest.mark.parametrize("latest", [True, False], ids=["latest", "beside"])
def test_publishing_an_old_line_keeps_the_latest_release(tagged: Repo, github: GitHubDouble, latest: bool) -> None:
    client = github.client()
    first = client.publish(client.create_draft("v2.0.0", "2.0.0", ""), latest=True)

    second = client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=latest)

    assert github.state.latest_id == (second.id if latest else first.id)


def test_drafts_are_found_on_later_pages(tagged: Repo, github: GitHubDouble) -> None:
    """Together with a release of the same tag."""
    client = github.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    done = client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=True)
    for number in range(120):
        github.state.releases |= {(made := _plain(github, f"v0.{number}")).id: made}

    assert {one.id for one in client.find_releases("v1.2.0")} == {draft.id, done.id}
    assert len(client.releases()) == 122
    assert client.find_releases("v9") == ()


def test_drafts_are_invisible_without_write_permission(tagged: Repo, github: GitHubDouble) -> None:
    draft = github.client().create_draft("v1.2.0", "1.2.0", "")

    assert github.client(READER).releases() == ()
    assert github.client(None).releases() == ()
    assert [one.id for one in github.client().releases()] == [draft.id]


def test_an_asset_is_deleted_from_a_draft(tagged: Repo, github: GitHubDouble, tmp_path: Path) -> None:
    """Its name can be used again."""
    path = write(tmp_path / "manifest.json", b"{}")
    client = github.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")

    client.delete_asset(client.upload_asset(draft, path))
    again = client.upload_asset(draft, path)

    assert [one.assets for one in client.releases()] == [(again,)]


def test_an_interrupted_upload_leaves_an_incomplete_asset(tagged: Repo, github: GitHubDouble, tmp_path: Path) -> None:
    """It is recognized, and can be replaced."""
    path = write(tmp_path / "manifest.json", b"{}")
    client = github.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    github.state.broken_uploads = 1

    with pytest.raises(UnansweredError, match="failed with 502 when asked to add manifest"):
        client.upload_asset(draft, path)

    assert sum(line.startswith("POST /api/uploads/") for line in github.running.requests) == 1
    ((left,),) = (one.assets for one in client.find_releases("v1.2.0"))
    assert (left.name, left.size, left.sha256, left.is_complete) == ("manifest.json", 0, None, False)
    client.delete_asset(left)
    assert client.upload_asset(draft, path).is_complete


def test_a_second_asset_of_a_name_is_refused(tagged: Repo, github: GitHubDouble, tmp_path: Path) -> None:
    client = github.client()
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    client.upload_asset(draft, write(tmp_path / "one" / "manifest.json", b"{}"))
    before = github.fingerprint()

    with pytest.raises(RefusedError, match=r"422 .*manifest\.json.*ReleaseAsset\.name already_exists"):
        client.upload_asset(draft, write(tmp_path / "two" / "manifest.json", b"[]"))
    assert github.fingerprint() == before


def test_a_second_release_of_a_tag_is_refused(tagged: Repo, github: GitHubDouble) -> None:
    """A second draft can be created, but not published."""
    client = github.client()
    client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=True)
    draft = client.create_draft("v1.2.0", "1.2.0", "")
    before = github.fingerprint()

    with pytest.raises(RefusedError, match=r"422 .*Release\.tag_name already_exists"):
        client.publish(draft, latest=True)
    assert github.fingerprint() == before


def test_a_too_long_body_is_refused(github: GitHubDouble) -> None:
    """The limit is `MAX_BODY` characters."""
    client = github.client()
    client.create_draft("v1.2.0", "1.2.0", "ü" * MAX_BODY)
    before = github.fingerprint()

    with pytest.raises(RefusedError, match="body is too long"):
        client.create_draft("v1.2.0", "1.2.0", "ü" * (MAX_BODY + 1))
    assert github.fingerprint() == before


def test_an_immutable_release_keeps_its_files(tagged: Repo, tmp_path: Path) -> None:
    """After publication no file is added or deleted."""
    with open_github(tagged, immutable_releases=True) as github:
        client = github.client()
        draft = client.create_draft("v1.2.0", "1.2.0", "")
        asset = client.upload_asset(draft, write(tmp_path / "manifest.json", b"{}"))
        done = client.publish(draft, latest=True)
        assert (draft.is_immutable, done.is_immutable) == (False, True)
        before = github.fingerprint()

        with pytest.raises(RefusedError, match="Cannot upload assets to an immutable release"):
            client.upload_asset(done, write(tmp_path / "more.txt"))
        with pytest.raises(RefusedError, match="Cannot delete asset from an immutable release"):
            client.delete_asset(asset)
        assert github.fingerprint() == before


def test_the_tag_of_a_deleted_immutable_release_is_blocked(tagged: Repo) -> None:
    """Even for a draft."""
    with open_github(tagged, immutable_releases=True) as github:
        client = github.client()
        done = client.publish(client.create_draft("v1.2.0", "1.2.0", ""), latest=True)
        assert api(github, "DELETE", f"/releases/{done.id}").status_code == 204
        before = github.fingerprint()

        with pytest.raises(RefusedError, match="tag_name was used by an immutable release"):
            client.create_draft("v1.2.0", "1.2.0", "")
        assert github.fingerprint() == before


def test_generated_notes_start_at_the_given_tag(github: GitHubDouble) -> None:
    """Nothing is stored."""
    repo = github.repo
    repo.tag("v1.1.0")
    repo.commit("Add a thing")
    repo.commit("Mend a thing")
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "main", "v1.1.0", "v1.2.0")
    before = github.fingerprint()

    notes = github.client().generate_notes("v1.2.0", "v1.1.0", "main")
    first = github.client().generate_notes("v1.2.0", None, "main")

    assert [line for line in notes.splitlines() if line.startswith("* ")] == [
        f"* {text} in {github.running.url}/{NAME}/commit/{repo.git('rev-parse', revision)}"
        for text, revision in (("Add a thing", "main~1"), ("Mend a thing", "main"))
    ]
    assert notes.endswith("/compare/v1.1.0...v1.2.0")
    assert "Mend a thing" in first
    assert github.fingerprint() == before


def test_notes_since_an_unknown_tag_are_refused(github: GitHubDouble) -> None:
    with pytest.raises(RefusedError, match="Invalid previous_tag parameter"):
        github.client().generate_notes("v1.2.0", "v0.9.9", "main")


def _plain(github: GitHubDouble, tag: str) -> StoredRelease:
    return StoredRelease(github.state.new_id(), tag, tag, "", "main", False, False, github.state.clock())
