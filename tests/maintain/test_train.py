"""The whole release train, through sessions and tasks alone: what pip and uv get at every station."""

from __future__ import annotations

import os

import pytest
from invoke.exceptions import Exit

from release_channels import release
from release_channels.maintain import tasks
from release_channels.outcome import Outcome, Result
from release_channels.sessions import PUBLIC
from release_channels.version import Channel
from release_channels.world.files import STATE
from tests.conftest import MakeRepo, RunSession
from tests.support.projects import Sample
from tests.support.repo import Repo

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Everything.\n"


def public(repo: Repo, *words: str) -> Outcome:
    return release.run_session("public", PUBLIC, words, root=repo.root, channel=Channel.PUBLIC, env=dict(os.environ))


def merged(repo: Repo) -> None:
    """Merge by hand what a pull request would: main goes on, and is pushed."""
    repo.git("push", "--quiet", "origin", "main")


def index_versions(repo: Repo) -> set[str]:
    return {path.name.split("-")[1] for path in (repo.root / STATE / "index").glob("*.whl")}


def test_the_train_runs_through_the_tasks_alone(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Preview, bump, merge, tag, public, bump-dev, preview: every station finds the last one's work."""
    repo = make_repo(Sample(files={"CHANGELOG.md": CHANGELOG}))
    first = run_session(repo)
    assert (first.result, first.version) == (Result.PUBLISHED, "1.2.0.dev1")

    tasks.bump(repo.root, "", "", True, False, "local", dry_run=False)
    merged(repo)
    staged = run_session(repo)
    assert (staged.result, staged.message.partition(":")[0]) == (Result.SKIPPED, "staged")

    tasks.tag(repo.root, "HEAD", "", False, False, False, "local", dry_run=False)
    assert "refs/tags/v1.2.0" in repo.git("ls-remote", "origin")
    out = public(repo)
    assert (out.result, out.version) == (Result.PUBLISHED, "1.2.0")
    again = public(repo)
    assert (again.result, again.version) == (Result.ALREADY, "1.2.0")
    released = run_session(repo)
    assert (released.result, released.message.partition(":")[0]) == (Result.SKIPPED, "released by tag")

    repo.git("commit", "--quiet", "--allow-empty", "--message", "a later commit")
    merged(repo)
    closed = run_session(repo)
    assert (closed.result, closed.message.partition(":")[0]) == (Result.REFUSED, "line closed")
    assert "bump-dev" in closed.hint
    with pytest.raises(Exit):
        tasks.status(repo.root, "local", as_json=False)

    tasks.bump_dev(repo.root, "", "", True, False, "local", dry_run=False)
    merged(repo)
    last = run_session(repo)
    assert (last.result, last.version) == (Result.PUBLISHED, "1.2.1.dev2")
    assert index_versions(repo) == {"1.2.0.dev1", "1.2.0", "1.2.1.dev2"}
    tasks.status(repo.root, "local", as_json=False)
