"""Releases as the real client library makes and reads them on the stand-in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.github.hubs import NAME, Hub, write
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
