"""Locks of checkouts, while parallel runs write and read them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import cast

import pytest

from release_channels.adapters.process import run
from release_channels.rehearsal.actions.workflow import parse_workflow
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.rehearsal.uv_locks import digest_of, lock_for
from tests.rehearsal.stages import job, workflow
from tests.support.repo import Repo

_PROJECT = '[project]\nname = "demo"\nversion = "1.0"\nrequires-python = ">=3.11"\ndependencies = [{}]\n'
_THEIRS = 'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n'


class _Contended:
    """The part of an environment that locking uses; a parallel run writes its lock meanwhile, and a job reads."""

    def __init__(self, directory: Path, remote: Path, kept: str) -> None:
        self.directory, self.remote, self.locks, self.env = directory, remote, directory / "locks", dict(os.environ)
        self.locks.mkdir(parents=True)
        self.kept = self.locks / f"{kept}.lock"

    def git(self, *words: str | Path, at: Path) -> str:
        """Run git, after the parallel run's."""
        if words[0] == "clone":
            self.kept.write_text(_THEIRS)
            self.reader = self.kept.open()
        return run("git", *words, cwd=at, env=self.env)


def _lock(tmp_path: Path, project: str) -> _Contended:
    repo = Repo.create(tmp_path / "repo", {"pyproject.toml": project})
    world = _Contended(tmp_path / "world", repo.root, digest_of(project))
    tests = parse_workflow(".github/workflows/test.yml", workflow(job("uv run pytest")))
    lock_for(cast(RehearsalEnvironment, world), tests, repo.git("rev-parse", "HEAD").strip())
    return world


def test_a_lock_is_readable_while_it_is_replaced(offline: None, tmp_path: Path) -> None:
    """The open file is not changed; the new one gets its name."""
    world = _lock(tmp_path, _PROJECT.format(""))
    with world.reader as stream:
        assert stream.read() == _THEIRS
    assert 'name = "demo"' in world.kept.read_text()
    assert list(world.locks.iterdir()) == [world.kept]


@pytest.mark.usefixtures("offline")
def test_a_failed_lock_keeps_a_parallel_runs_lock(tmp_path: Path) -> None:
    """A reader must not find a vanishing file."""
    world = _lock(tmp_path, _PROJECT.format('"there-is-no-such-project-anywhere"'))
    world.reader.close()
    assert world.kept.read_text() == _THEIRS
