"""What this clone holds and main does not yet: a bump that was written, committed or put on a branch, and no more."""

from __future__ import annotations

import shlex

from release_channels.cli.context import Desk
from release_channels.model.observed import Commit, Relation
from release_channels.model.status import Ahead
from release_channels.project.pyproject import Project


def read_ahead(desk: Desk, tip: Commit, main: Project) -> Ahead | None:
    """Find a version on its way to main, and what brings it there; None where this clone holds none.

    Raises: RefusedError if the working tree's project cannot be read.
    """
    if not main.source.is_written or desk.git.relation(desk.commit.sha, tip.sha) not in _ON_TOP:
        return None
    config, head = desk.config, desk.project.version
    there = desk.working_tree()[0].version
    if there != head:
        return Ahead(f"the working tree holds {there}, uncommitted", "commit it, then `invoke status` again")
    if head == main.version:
        return None
    branch = desk.git.branch() or "HEAD"
    on = f" on the branch {branch}" if branch != config.main_branch else ""
    push = shlex.join(["git", "push", config.remote, config.main_branch])
    return Ahead(
        f"commit {desk.commit.short}{on} holds {head}, which is not on {config.remote}/{config.main_branch}",
        f"merge the branch {branch}" if on else push,
    )


_ON_TOP = (Relation.SAME, Relation.DESCENDANT)
