"""Versions that live in git tags: which tags count, for practice and for a real index, in real clones."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release_channels.adapters.git import Git
from release_channels.adapters.index import DEFAULT, LOCAL
from release_channels.cli.context import open_project
from release_channels.errors import RefusedError
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.repo import Repo


def version_in(root: Path, index: str) -> str:
    """Read the project at HEAD as a session with that index does."""
    git = Git.open(root)
    return str(open_project(git, git.commit("HEAD"), index=index).version)


@pytest.fixture
def tagged(make_repo: MakeRepo) -> Repo:
    """A project whose version setuptools-scm reads from the tags: 1.2.0 is tagged and pushed, and main went on."""
    text = Sample(backend="setuptools").pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]')
    repo = make_repo(Sample(files={"pyproject.toml": text + "\n[tool.setuptools_scm]\n"}))
    repo.tag("v1.2.0")
    repo.commit("more")
    repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    return repo


def test_a_tag_that_the_remote_lacks_counts_in_practice_alone(tagged: Repo) -> None:
    """A stray tag in one clone gives no version that users would be offered."""
    tagged.tag("v7.0.0")
    assert (version_in(tagged.root, DEFAULT), version_in(tagged.root, LOCAL)) == ("1.2.1.dev0", "7.0.0")
    tagged.commit("and more")
    assert (version_in(tagged.root, DEFAULT), version_in(tagged.root, LOCAL)) == ("1.2.1.dev0", "7.0.1.dev0")


def test_a_tag_that_stands_elsewhere_on_the_remote_does_not_count(tagged: Repo) -> None:
    """A tag that was moved in one clone is another one than the remote's."""
    tagged.git("tag", "--force", "--annotate", "--message", "moved", "v1.2.0", "HEAD")
    assert (version_in(tagged.root, DEFAULT), version_in(tagged.root, LOCAL)) == ("0.1.0.dev0", "1.2.0")


def test_a_tag_that_only_moves_with_the_releases_gives_no_version(tagged: Repo) -> None:
    """`v1` on HEAD, as a users' shorthand for the newest 1.x, is told by the releases on its ancestors."""
    tagged.tag("v1")
    tagged.git("push", "--quiet", "origin", "v1")
    assert (version_in(tagged.root, DEFAULT), version_in(tagged.root, LOCAL)) == ("1.2.1.dev0", "1.2.1.dev0")


def test_without_a_remote_the_tags_of_the_clone_count(tagged: Repo) -> None:
    """There is nobody else to ask."""
    tagged.git("remote", "remove", "origin")
    assert version_in(tagged.root, DEFAULT) == "1.2.1.dev0"


def test_a_remote_that_cannot_be_read_is_not_taken_for_one_without_tags(tagged: Repo, tmp_path: Path) -> None:
    """No answer is not a reason to begin with 0.1.0 again."""
    tagged.git("remote", "set-url", "origin", str(tmp_path / "gone.git"))
    with pytest.raises(RefusedError, match="the tags of origin cannot be read"):
        version_in(tagged.root, DEFAULT)


def test_a_shallow_clone_is_refused_unless_its_commit_is_tagged(tagged: Repo, tmp_path: Path) -> None:
    """Where history is cut off it may lack the newest tag; practice goes on, and so does the tag's own commit."""
    for branch, directory in (("main", "main"), ("v1.2.0", "release")):
        words = ("--quiet", "--depth", "1", "--branch", branch, tagged.remote.as_uri(), str(tmp_path / directory))
        subprocess.run(["git", "clone", *words], check=True, capture_output=True)
    with pytest.raises(RefusedError, match="this clone is shallow") as refused:
        version_in(tmp_path / "main", DEFAULT)
    assert "fetch-depth: 0" in refused.value.hint
    assert "git fetch --unshallow --tags" in refused.value.hint
    assert version_in(tmp_path / "main", LOCAL) == "0.1.0.dev0"
    assert version_in(tmp_path / "release", DEFAULT) == "1.2.0"
