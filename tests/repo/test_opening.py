"""Versions in git tags: which tags count, for practice and for a real index, in real clones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from release_channels.adapters.git import Git
from release_channels.adapters.index import DEFAULT, LOCAL
from release_channels.cli.context import open_context, open_project
from release_channels.errors import RefusedError
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.repo import Repo


def version_in(root: Path, index: str) -> str:
    """Read the project's version at HEAD as a session with that index does."""
    git = Git.open(root)
    return str(open_project(git, git.commit("HEAD"), index=index).version)


@pytest.fixture
def tagged_project(make_repo: MakeRepo) -> Repo:
    """A project with setuptools-scm: 1.2.0 is tagged and pushed, and main has a later commit."""
    text = Sample(backend="setuptools").pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]')
    repo = make_repo(Sample(files={"pyproject.toml": text + "\n[tool.setuptools_scm]\n"}))
    repo.tag("v1.2.0")
    repo.commit("more")
    repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    return repo


def test_a_local_only_tag_counts_only_in_practice(tagged_project: Repo) -> None:
    tagged_project.tag("v7.0.0")
    assert (version_in(tagged_project.root, DEFAULT), version_in(tagged_project.root, LOCAL)) == ("1.2.1.dev0", "7.0.0")
    tagged_project.commit("and more")
    assert (version_in(tagged_project.root, DEFAULT), version_in(tagged_project.root, LOCAL)) == (
        "1.2.1.dev0",
        "7.0.1.dev0",
    )


def test_a_locally_moved_tag_does_not_count(tagged_project: Repo) -> None:
    """The remote's is on another commit."""
    tagged_project.git("tag", "--force", "--annotate", "--message", "moved", "v1.2.0", "HEAD")
    assert (version_in(tagged_project.root, DEFAULT), version_in(tagged_project.root, LOCAL)) == ("0.1.0.dev0", "1.2.0")


def test_a_moving_major_tag_gives_no_version(tagged_project: Repo) -> None:
    """`v1` on HEAD, as a shorthand for the newest 1.x."""
    tagged_project.tag("v1")
    tagged_project.git("push", "--quiet", "origin", "v1")
    assert (version_in(tagged_project.root, DEFAULT), version_in(tagged_project.root, LOCAL)) == (
        "1.2.1.dev0",
        "1.2.1.dev0",
    )


def test_without_a_remote_local_tags_count(tagged_project: Repo) -> None:
    tagged_project.git("remote", "remove", "origin")
    assert version_in(tagged_project.root, DEFAULT) == "1.2.1.dev0"


def test_an_unreadable_remote_is_not_one_without_tags(tagged_project: Repo, tmp_path: Path) -> None:
    """Otherwise the version would start again at 0.1.0."""
    tagged_project.git("remote", "set-url", "origin", str(tmp_path / "gone.git"))
    with pytest.raises(RefusedError, match="the tags of origin cannot be read"):
        version_in(tagged_project.root, DEFAULT)


def test_a_shallow_clone_is_refused_unless_its_commit_is_tagged(tagged_project: Repo, tmp_path: Path) -> None:
    """The newest tag may be outside it; practice continues."""
    for branch, directory in (("main", "main"), ("v1.2.0", "release")):
        words = (
            "--quiet",
            "--depth",
            "1",
            "--branch",
            branch,
            tagged_project.remote.as_uri(),
            str(tmp_path / directory),
        )
        subprocess.run(["git", "clone", *words], check=True, capture_output=True)
    with pytest.raises(RefusedError, match="this clone is shallow") as refused:
        version_in(tmp_path / "main", DEFAULT)
    assert "fetch-depth: 0" in refused.value.hint
    assert "git fetch --unshallow --tags" in refused.value.hint
    with pytest.raises(RefusedError) as of_task, open_context(tmp_path / "main", os.environ, index=DEFAULT):
        pass
    assert (str(of_task.value), of_task.value.hint) == (str(refused.value), refused.value.hint)
    assert version_in(tmp_path / "main", LOCAL) == "0.1.0.dev0"
    assert version_in(tmp_path / "release", DEFAULT) == "1.2.0"
