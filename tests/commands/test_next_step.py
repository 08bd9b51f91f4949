"""One next step: in every state of a release, every command ends with the same one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from release_channels import tasks
from release_channels.commands.status import read_next
from release_channels.model.version import Channel
from release_channels.release import pipeline
from tests.commands.doing import bump, bump_dev, run_task, some_of, tag
from tests.conftest import MakeRepo
from tests.support.distributions import make_sdist
from tests.support.releasing import CHANGELOG, TAG, index_of, put_on_index, sample, tagged
from tests.support.repo import Repo

NEXT = re.compile(r"^next: (.*)$", re.MULTILINE)


def dev(make_repo: MakeRepo) -> Repo:
    return make_repo(sample("1.2.0.dev0", CHANGELOG_md=CHANGELOG.replace("## [1.2.0] - 2026-01-02", "## [Unreleased]")))


def previewed(make_repo: MakeRepo) -> Repo:
    repo = dev(make_repo)
    put_on_index(repo, "1.2.0.dev1")
    return repo


def bumped(make_repo: MakeRepo) -> Repo:
    repo = previewed(make_repo)
    assert bump(repo) == 0
    return repo


def committed(make_repo: MakeRepo) -> Repo:
    repo = previewed(make_repo)
    assert bump(repo, commit=True) == 0
    return repo


def final(make_repo: MakeRepo) -> Repo:
    return make_repo(sample("1.2.0", CHANGELOG_md=CHANGELOG))


def with_tag(make_repo: MakeRepo) -> Repo:
    return tagged(final(make_repo))


def half_published(make_repo: MakeRepo) -> Repo:
    repo = with_tag(make_repo)
    put_on_index(repo, "1.2.0")
    return repo


def whole(make_repo: MakeRepo) -> Repo:
    repo = half_published(make_repo)
    make_sdist(index_of(repo), version="1.2.0")
    return repo


def closed(make_repo: MakeRepo) -> Repo:
    repo = whole(make_repo)
    repo.commit("a later commit")
    repo.git("push", "--quiet", "origin", "main")
    return repo


def behind(make_repo: MakeRepo) -> Repo:
    repo = dev(make_repo)
    put_on_index(repo, "1.3.0")
    return repo


STATES: dict[str, tuple[Callable[[MakeRepo], Repo], str]] = {
    "no release yet": (dev, "nox -s preview"),
    "a dev line, previewed": (previewed, "release-channels bump --index local"),
    "a final, uncommitted": (bumped, "git commit --message 'Release 1.2.0' -- CHANGELOG.md pyproject.toml"),
    "ahead of main": (committed, "git push origin main"),
    "a final, not tagged": (final, "release-channels tag --index local"),
    "tagged, not published": (with_tag, f"release-channels resume {TAG} --index local"),
    "half published": (half_published, f"release-channels resume {TAG} --index local"),
    "published": (whole, "release-channels bump-dev --index local"),
    "published, and built upon": (closed, "release-channels bump-dev --index local"),
    "behind the index": (behind, "release-channels bump-dev --index local"),
}


def session(repo: Repo, channel: Channel, steps: tuple[str, ...], *words: str) -> None:
    pipeline.run_pipeline(
        steps[0], steps, ("--offline", "--dry-run", *words), root=repo.root, channel=channel, env=dict(os.environ),
        find_next=read_next,
    )  # fmt: skip


COMMANDS: dict[str, Callable[[Repo], object]] = {
    "status": lambda repo: run_task(repo.root, tasks.status, index="local"),
    "bump": lambda repo: bump(repo, dry_run=True),
    "bump-dev": lambda repo: bump_dev(repo, dry_run=True),
    "tag": lambda repo: tag(repo, dry_run=True),
    "resume": lambda repo: run_task(repo.root, tasks.resume, tag=TAG, index="local", dry_run=True),
    "preview": lambda repo: session(repo, Channel.PREVIEW, ("build", "preview-publish")),
    "public": lambda repo: session(repo, Channel.PUBLIC, ("build", "public-publish")),
    "doctor": lambda repo: run_task(repo.root, tasks.doctor, index="local"),
}


@pytest.mark.parametrize(
    ("make", "expected"), some_of(STATES, "a dev line, previewed", "a final, not tagged", "half published")
)
def test_every_command_ends_with_the_same_next_step(
    make_repo: MakeRepo,
    capsys: pytest.CaptureFixture[str],
    offline: None,
    make: Callable[[MakeRepo], Repo],
    expected: str,
) -> None:
    """One line with one command, after work, a plan or a refusal."""
    repo = make(make_repo)
    before = repo.fingerprint()
    steps: dict[str, list[str]] = {}
    for name, command in COMMANDS.items():
        capsys.readouterr()
        command(repo)
        said = capsys.readouterr()
        steps[name] = NEXT.findall(said.out + said.err)
    assert steps == {name: [expected] for name in COMMANDS}
    assert repo.fingerprint() == before
