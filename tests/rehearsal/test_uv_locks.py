"""Locks that checkouts get, while other runs make and read them too."""

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
    """The part of a world that locking takes; while a lock is made, another run puts its own there, and a job reads."""

    def __init__(self, directory: Path, remote: Path, kept: str) -> None:
        self.directory, self.remote, self.locks, self.env = directory, remote, directory / "locks", dict(os.environ)
        self.locks.mkdir(parents=True)
        self.kept = self.locks / f"{kept}.lock"

    def git(self, *words: str | Path, at: Path) -> str:
        """Run git, and let the other run be a little quicker."""
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


def test_who_reads_a_lock_while_it_is_made_anew_reads_it_whole(offline: None, tmp_path: Path) -> None:
    """The file that a job has opened is not changed; the new one takes its name."""
    world = _lock(tmp_path, _PROJECT.format(""))
    with world.reader as stream:
        assert stream.read() == _THEIRS
    assert 'name = "demo"' in world.kept.read_text()
    assert list(world.locks.iterdir()) == [world.kept]


@pytest.mark.usefixtures("offline")
def test_a_lock_that_could_not_be_made_takes_no_other_runs_away(tmp_path: Path) -> None:
    """Whoever looks for the newest one must not meet a file that vanishes."""
    world = _lock(tmp_path, _PROJECT.format('"there-is-no-such-project-anywhere"'))
    world.reader.close()
    assert world.kept.read_text() == _THEIRS
