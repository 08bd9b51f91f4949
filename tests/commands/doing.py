"""Running the maintainer's tasks in tests, and reading the state afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark.structures import ParameterSet
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from release_channels import tasks
from release_channels.model.outcome import Outcome
from release_channels.model.version import Channel
from release_channels.release import pipeline
from release_channels.release.step import Timeouts
from tests.github.hubs import NAME, WRITER, GitHubDouble, open_github
from tests.support.distributions import make_wheel
from tests.support.repo import Repo


def run_task(root: Path, task: Task[Any], **options: object) -> int:
    """Run a task in a directory and return its exit code."""
    with chdir(root):
        try:
            task(Context(), **options)
        except Exit as stop:
            return int(stop.code)
    return 0


def bump(
    repo: Repo, *, to: str = "", part: str = "", commit: bool = False, pull_request: bool = False, dry_run: bool = False
) -> int:
    """Run `bump` with the local index."""
    return run_task(
        repo.root, tasks.bump, to=to, part=part, commit=commit, pull_request=pull_request, index="local",
        dry_run=dry_run,
    )  # fmt: skip


def bump_dev(
    repo: Repo, *, to: str = "", part: str = "", commit: bool = False, pull_request: bool = False, dry_run: bool = False
) -> int:
    """Run `bump-dev` with the local index."""
    return run_task(
        repo.root, tasks.bump_dev, to=to, part=part, commit=commit, pull_request=pull_request, index="local",
        dry_run=dry_run,
    )  # fmt: skip


def tag(
    repo: Repo,
    commit: str = "",
    *,
    version: str = "",
    sign: bool = False,
    watch: bool = False,
    index: str = "local",
    dry_run: bool = False,
) -> int:
    """Run `tag`."""
    return run_task(
        repo.root, tasks.tag, commit=commit, version=version, sign=sign, watch=watch, index=index, dry_run=dry_run
    )


def public(repo: Repo, *words: str, steps: tuple[str, ...], env: Mapping[str, str] | None = None) -> Outcome:
    """Run steps of the public channel as the sessions do."""
    return pipeline.run_pipeline(
        steps[0], steps, words, root=repo.root, channel=Channel.PUBLIC, env={**os.environ, **(env or {})},
        patience=Timeouts(tries=(), visible=1.0, first_pause=0.05),
    )  # fmt: skip


@contextmanager
def on_github(
    repo: Repo, monkeypatch: pytest.MonkeyPatch, token: str | None = WRITER, **options: object
) -> Iterator[GitHubDouble]:
    """Make the repository one on the GitHub double, which tasks find by the job's variables."""
    with open_github(repo, **options) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.running.api_url)
        monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
        if token:
            monkeypatch.setenv("GH_TOKEN", token)
        yield github


def on_index(repo: Repo, *versions: str) -> None:
    """Put releases on the local index, and keep it in the checkout."""
    (repo.root / ".release-channels").mkdir(exist_ok=True)
    for version in versions:
        make_wheel(
            repo.root / ".release-channels" / "index", version=version, scripts={"demo-tool": "demo_tool.cli:main"}
        )
    (repo.root / ".release-channels" / ".gitignore").write_text("*\n")


def hook(directory: Path, name: str, script: str) -> None:
    """Write a git hook."""
    path = directory / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def some_of(cases: Mapping[str, object], *always: str) -> list[ParameterSet]:
    """Build parameters from a table of cases: these always run, the others with --all."""
    made = []
    for name, case in cases.items():
        values = case if isinstance(case, tuple) else (case,)
        marks = () if name in always else (pytest.mark.full,)
        made.append(pytest.param(*values, id=name, marks=marks))
    return made
