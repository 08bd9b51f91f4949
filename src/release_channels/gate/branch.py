"""A branch that somebody asks to gate: one of this repository's own, by the settings that are checked out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from release_channels.adapters.git import Git
from release_channels.cli.context import open_project
from release_channels.errors import RefusedError, UsageError
from release_channels.model.grammar import REF
from release_channels.model.observed import Commit
from release_channels.project.pyproject import Project


def commit_of_branch(git: Git, branch: str, remote: str) -> Commit:
    """Return the newest commit of a branch of the repository that was cloned; a fork's is in none of them.

    Raises: RefusedError if there is no such branch.
    """
    try:
        if REF.takes(branch):
            return git.commit(f"refs/remotes/{remote}/{branch}")
    except UsageError:  # it is refused below
        pass
    raise RefusedError(
        f"there is no branch {branch!r} in this repository",
        hint="name the branch of a pull request of this repository, and check out with `fetch-depth: 0`; a fork's code "
        "never runs beside a key: push it to a branch here once you have read it",
    )


def with_own_gate(project: Project, git: Git, env: Mapping[str, str]) -> Project:
    """Return a branch's project with the gate that is checked out: a branch does not decide where a key goes."""
    own = open_project(git, git.commit("HEAD"), env=env).config
    config = replace(project.config, gate=own.gate, github_models_secret=own.github_models_secret)
    return replace(project, config=config)
