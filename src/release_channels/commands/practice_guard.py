"""Keep practice local: with a practice index, refuse to push to GitHub."""

from __future__ import annotations

from release_channels.adapters.actions_env import is_loopback, is_rehearsal
from release_channels.adapters.index import FOR_PRACTICE
from release_channels.cli.context import TaskContext
from release_channels.errors import RefusedError
from release_channels.model.github import is_off_machine, is_on_github


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
    """Check whether a push would start workflows on GitHub; in a rehearsal it does not."""
    if _is_rehearsed(context):
        return False
    remote = context.config.remote
    addresses = (context.git.remote_url(remote) or "", *context.git.push_addresses(remote))
    # An address that only an ssh configuration understands may lead there, where the settings name a repository.
    return any(is_on_github(url) or (context.config.repository and is_off_machine(url)) for url in addresses)


def _is_rehearsed(context: TaskContext) -> bool:
    return is_rehearsal(context.env) or is_loopback(context.env.get("GITHUB_API_URL"))
