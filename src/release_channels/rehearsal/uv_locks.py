"""Resolve a project without a committed `uv.lock` once for each `pyproject.toml`, not in every job."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

from release_channels.adapters.files import atomic_write
from release_channels.adapters.process import run, run_unchecked
from release_channels.adapters.uv import uv_program
from release_channels.errors import CommandError
from release_channels.rehearsal.actions.workflow import Workflow
from release_channels.rehearsal.environment import RehearsalEnvironment

_SECONDS = 300
_FRESH = ("--script", "--no-project")


def lock_for(environment: RehearsalEnvironment, workflow: Workflow, sha: str) -> None:
    """Resolve a commit once for all jobs that call `uv run`; checkouts get the lock file.

    The lock is one that uv itself checks against the project, so it changes what a job takes, not what it gets. Where
    it cannot be made, nothing is there, and the job says why.
    """
    names = environment.git("ls-tree", "--name-only", sha, at=environment.remote).splitlines()
    if "pyproject.toml" not in names or "uv.lock" in names or not _resolves(workflow):
        return
    project = environment.git("show", f"{sha}:pyproject.toml", at=environment.remote)
    kept = environment.locks / f"{digest_of(project)}.lock"
    if not kept.exists():
        _resolve(environment, sha, kept)


def digest_of(project: str) -> str:
    """Return the digest of a lock's inputs; the double of actions/checkout computes the same."""
    return hashlib.sha256(project.strip().encode()).hexdigest()


def _resolves(workflow: Workflow) -> bool:
    lines = (step.run for job in workflow.jobs for step in job.steps)
    return any("uv run " in line and not any(word in line for word in _FRESH) for line in lines)


def _resolve(environment: RehearsalEnvironment, sha: str, kept: Path) -> None:
    """Lock in a clone of the commit; what was locked for another state is where uv begins.

    Other runs lock and read at the same time: a lock is put there whole, and never taken away.
    """
    clone = Path(tempfile.mkdtemp(prefix="locking-", dir=environment.directory))
    environment.git(
        "clone", "--quiet", "--shared", "--no-checkout", environment.remote, clone, at=environment.directory
    )
    try:
        environment.git("checkout", "--quiet", "--detach", sha, at=clone)
        earlier = max(environment.locks.glob("*.lock"), key=lambda path: path.stat().st_mtime, default=None)
        if earlier:
            shutil.copyfile(earlier, clone / "uv.lock")
        _lock(environment, clone)
        atomic_write(kept, (clone / "uv.lock").read_text(encoding="utf-8"))
    except CommandError:
        return  # what another run has put there stays
    finally:
        shutil.rmtree(clone)


def _lock(environment: RehearsalEnvironment, clone: Path) -> None:
    """Lock with what uv has at hand, which is enough where only the version has changed, else with the index."""
    words = (uv_program(), "lock", "--quiet")
    if run_unchecked(*words, "--offline", cwd=clone, env=environment.env, timeout=_SECONDS).code:
        run(*words, cwd=clone, env=environment.env, timeout=_SECONDS)
