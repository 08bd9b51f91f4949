"""Commits compared by the real client library, over the real history of a bare repository."""

from __future__ import annotations

import pytest

from release_channels.errors import RefusedError
from release_channels.model.github import Comparison
from tests.github.hubs import Hub


def test_commits_are_compared(hub: Hub) -> None:
    """The four ways in which a head can stand to main are told, with the numbers of commits."""
    repo = hub.repo
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit("second")
    repo.git("push", "--quiet", "origin", "main")
    repo.git("checkout", "--quiet", "-b", "side", first)
    side = repo.commit("aside")
    repo.git("push", "--quiet", "origin", "side")
    client = hub.client()

    told = {
        name: client.compare("main", head)
        for name, head in {"first": first, "second": second, "side": side, "ahead": second}.items()
    }

    assert told["first"] == Comparison("behind", 0, 1)
    assert told["second"] == Comparison("identical", 0, 0)
    assert told["side"] == Comparison("diverged", 1, 1)
    assert client.compare(first, "main") == Comparison("ahead", 1, 0)
    assert [name for name, one in told.items() if one.contains_head] == ["first", "second", "ahead"]


def test_a_commit_that_github_does_not_have_is_refused(hub: Hub) -> None:
    """A commit that was never pushed is not found, which is said."""
    local = hub.repo.commit("here only")

    with pytest.raises(RefusedError, match="not found in acme/demo-tool"):
        hub.client().compare("main", local)
