"""Practice: as long as nothing can be released for real, tasks use the local index, as the sessions do."""

from __future__ import annotations

from collections.abc import Mapping

from release_channels.adapters.actions_env import is_loopback, is_rehearsal, read_actions
from release_channels.adapters.git import Git
from release_channels.errors import UsageError
from release_channels.model.config import Config
from release_channels.model.github import is_off_machine, is_on_github
from release_channels.model.verification import WORKFLOWS


def why_practice(git: Git, config: Config, env: Mapping[str, str]) -> str:
    """Return why no workflow can publish yet, as far as this clone shows; empty where one can, and in workflows."""
    if read_actions(env).runs or has_github_double(env):
        return ""
    if not is_remote_on_github(git, config):
        return f"the remote {config.remote} is not on GitHub" if git.remote_url(config.remote) else "there is no remote"
    main = f"{config.remote}/{config.main_branch}"
    try:
        tip = git.commit(f"refs/remotes/{main}").sha
    except UsageError:  # nobody pushed or fetched it
        return f"{main} is not there yet"
    path = f"{WORKFLOWS}/{config.preview_workflow}"
    return "" if git.read_file(tip, path) is not None else f"{main} has no {config.preview_workflow} yet"


def is_remote_on_github(git: Git, config: Config) -> bool:
    """Return whether a push goes to GitHub, under any of the remote's addresses."""
    addresses = (git.remote_url(config.remote) or "", *git.push_addresses(config.remote))
    # An address that only an ssh configuration understands may lead there, where the settings name a repository.
    return any(is_on_github(url) or (config.repository and is_off_machine(url)) for url in addresses)


def has_github_double(env: Mapping[str, str]) -> bool:
    """Return whether GitHub and the index are stood in for on this machine, so that nothing is real."""
    return is_rehearsal(env) or is_loopback(env.get("GITHUB_API_URL"))
