"""A remote is listed once for a decision, and its name is never an option of git."""

from __future__ import annotations

from pathlib import Path

import pytest

from release_channels.adapters.git import Git, push_branch, push_tag
from release_channels.errors import ReleaseError
from tests.support.git_processes import counted_git
from tests.support.repo import Repo


def test_one_listing_contains_every_ref_of_a_decision(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Main branch, default branch and tags, as the remote had them then."""
    repo.tag("v1")
    repo.git("tag", "light")
    repo.git("push", "--quiet", "origin", "v1", "light")
    git = Git.open(repo.root)
    sha = git.commit("HEAD").sha
    assert git.remote_url("origin")
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        listed = git.list_remote("origin")
        assert git.remote_tip("origin", "main", listed) == sha
        assert git.default_tip("origin", listed) == ("main", sha)
        assert git.tag_names("origin", listed) == {"v1", "light"}
        kinds = {}
        for name in ("v1", "light"):
            tag = git.remote_tag(name, sha, "origin", listed)
            assert tag is not None
            assert tag.commit == sha
            kinds[name] = tag.annotated
        assert git.remote_tag("v2", sha, "origin", listed) is None
    assert kinds == {"v1": True, "light": False}
    assert [words[0] for words in processes.commands()] == ["ls-remote", "tag"]


def test_without_a_listing_the_remote_is_queried_again(repo: Repo) -> None:
    """A guard that reads a ref again gets its new value."""
    git = Git.open(repo.root)
    sha = git.commit("HEAD").sha
    assert git.remote_tag("v1", sha, "origin") is None
    repo.tag("v1")
    repo.git("push", "--quiet", "origin", "v1")
    assert git.remote_tag("v1", sha, "origin") is not None
    assert git.commit_of_remote_tag("v1", "origin") == sha
    repo.git("push", "--quiet", "--delete", "origin", "v1")
    assert git.commit_of_remote_tag("v1", "origin") is None


def test_a_remotes_name_is_never_an_option(repo: Repo, tmp_path: Path) -> None:
    """pyproject.toml contains the name."""
    trap = tmp_path / "ran"
    repo.tag("v1")
    git = Git.open(repo.root)
    sha = git.commit("HEAD").sha
    for remote in (f"--upload-pack=touch {trap};", f"--receive-pack=touch {trap};"):
        assert not git.find_refs(remote).is_answered
        assert not git.list_remote(remote).is_answered
        assert git.remote_tag("v1", sha, remote) is None
        assert git.push_addresses(remote) == ()
        for push in (push_tag, push_branch):
            with pytest.raises(ReleaseError):
                push(repo.root, remote, "v1")
    assert not trap.exists()
