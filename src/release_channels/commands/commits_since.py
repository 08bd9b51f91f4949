"""Find the commit that set the version, and the commits after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from release_channels.adapters.git import FirstParent, Git
from release_channels.errors import RefusedError
from release_channels.project.lock_files import LOCK
from release_channels.project.pyproject import PYPROJECT, Project, parse_project

_MOST = 200  # commits
"""How many commits are looked at, along first parents."""
_TEXT = re.compile(r"docs?/.*|.*\.(md|rst)|\.gitignore|tasks\.py|(release_)?noxfile\.py(\.lock)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CommitsSince:
    """The commits after `setter`, the one that set the version, newest first; None if it is not among the last 200."""

    setter: FirstParent | None
    after: tuple[FirstParent, ...]
    code: tuple[FirstParent, ...]
    """Those that change more than texts, copies of the version, and how sessions and tasks start."""


def commits_since_version(git: Git, sha: str, project: Project) -> CommitsSince | None:
    """Find the commits after the one that set the version, along first parents.

    None where there is no such commit: the version lives in git tags, or the history of the clone is cut off.
    """
    if not project.source.is_written:
        return None
    history = git.first_parents(sha, _MOST)
    count = _count_after(git, project, history)
    if count < len(history) and not history[count].parent and not git.is_root(history[count].name):
        return None
    after = history[:count]
    copies = {LOCK, *(file.path for file in project.config.version_files)}
    code = tuple(commit for commit in after if any(not _TEXT.fullmatch(path) for path in {*commit.paths} - copies))
    return CommitsSince(history[count] if count < len(history) else None, after, code)


def _count_after(git: Git, project: Project, history: tuple[FirstParent, ...]) -> int:
    """Count the commits after the newest whose parent declares another version."""
    path = project.source.path
    for count, commit in enumerate(history):
        if not commit.parent:
            return count
        if path not in commit.paths:
            continue
        before = _project_at(git, commit.parent)
        if before is None or before.version != project.version:
            return count
        path = before.source.path  # the version may have come from another file
    return len(history)


def _project_at(git: Git, sha: str) -> Project | None:
    """Read the project as a commit declares it; None if that commit cannot be released."""
    read = git.files(sha)
    try:
        project = parse_project(read(PYPROJECT), read=read)
    except RefusedError:
        return None
    return project if project.source.is_written else None
