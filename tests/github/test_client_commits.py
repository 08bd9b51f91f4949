"""Comparing commits with the client, over the real history of a bare repository."""

from __future__ import annotations

import pytest

from release_channels.errors import RefusedError
from release_channels.model.github import Comparison
from tests.github.hubs import GitHubDouble


def test_commits_are_compared(github: GitHubDouble) -> None:
    """All four relations of a head to main, with the numbers of commits."""
    repo = github.repo
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit("second")
    repo.git("push", "--quiet", "origin", "main")
    repo.git("checkout", "--quiet", "-b", "side", first)
    side = repo.commit("aside")
    repo.git("push", "--quiet", "origin", "side")
    client = github.client()

    compared = {
        name: client.compare("main", head)
        for name, head in {"first": first, "second": second, "side": side, "ahead": second}.items()
    }

    assert compared["first"] == Comparison("behind", 0, 1)
    assert compared["second"] == Comparison("identical", 0, 0)
    assert compared["side"] == Comparison("diverged", 1, 1)
    assert client.compare(first, "main") == Comparison("ahead", 1, 0)
    assert [name for name, one in compared.items() if one.contains_head] == ["first", "second", "ahead"]


def test_an_unknown_commit_is_refused(github: GitHubDouble) -> None:
    """It was never pushed."""
    local = github.repo.commit("here only")

    with pytest.raises(RefusedError, match="not found in acme/demo-tool"):
        github.client().compare("main", local)
