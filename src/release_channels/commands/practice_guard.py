"""Keep practice local: with a practice index, refuse to push to GitHub."""

from __future__ import annotations

from release_channels.adapters.index import FOR_PRACTICE
from release_channels.cli.context import TaskContext
from release_channels.cli.practice import has_github_double, is_remote_on_github
from release_channels.errors import RefusedError


def refuse_practice(context: TaskContext, what: str, instead: str) -> None:
    """Refuse to push to GitHub with a practice index, since the real release workflow would start.

    Raises: RefusedError where the index is for practice and the remote is on GitHub; a rehearsal may do it.
    """
    if context.index.name in FOR_PRACTICE and pushes_for_real(context):
        raise RefusedError(
            f"{context.index.title} is for practice, and {what} would be real: {context.config.remote} is on GitHub",
            hint=f"`nox -s rehearse` practises the whole release and pushes nothing; {instead}",
        )


def pushes_for_real(context: TaskContext) -> bool:
    """Return whether a push would start workflows on GitHub; in a rehearsal none is real."""
    return not has_github_double(context.env) and is_remote_on_github(context.git, context.config)
