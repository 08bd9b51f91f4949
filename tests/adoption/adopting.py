"""Helpers for tests of adoption: an index with the tool alone, and adopting projects."""

from __future__ import annotations

import os
from pathlib import Path

from release_channels.adapters.tool_lock import running_version
from release_channels.adoption.init import InitRequest, init
from release_channels.model.outcome import Outcome
from release_channels.tasks import ns
from tests.support.distributions import Recipe, make_wheel
from tests.support.repo import Repo

TOOL = f"release-channels[gate,rehearsal]=={running_version()}"
TASKS = tuple(ns.task_names)


def tool_index(directory: Path) -> Path:
    """Fill a directory with minimal wheels for a noxfile's block: locking reads only their metadata."""
    for name, version in (("nox", "2026.10.20"), ("release-channels", str(running_version()))):
        make_wheel(directory, Recipe(name=name, version=version, scripts={}, requires_python=">=3.11"))
    return directory


def adopt(
    repo: Repo,
    *,
    tool: str = TOOL,
    gate: bool | None = True,
    update: bool = False,
    check: bool = False,
    dry_run: bool = False,
) -> Outcome:
    """Run `init` in a repository."""
    request = InitRequest(TASKS, tool, gate, update, check)
    return init(repo.root, request, dict(os.environ), dry_run=dry_run)


def files(repo: Repo) -> dict[str, str]:
    """Read every file of the working tree that could be committed."""
    listed = repo.git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    return {name: (repo.root / name).read_text() for name in listed if (repo.root / name).exists()}
