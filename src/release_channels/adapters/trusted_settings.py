"""The settings that count only on the default branch: its own name, and the format of tags."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from release_channels.adapters.git import Git, RemoteRefs
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.observed import Relation
from release_channels.project.pyproject import PYPROJECT
from release_channels.project.typed_toml import MAX_SETTINGS, decode, parse_toml

# What decides whether a commit may be released; a commit of any branch could set them so that it may.
_KEYS = ("main-branch", "remote", "tag-format")
_USUAL = "origin"


def require_default_branch_settings(git: Git, config: Config, listed: RemoteRefs | None = None) -> None:
    """Require that a commit's settings equal those of the default branch, of its own remote and of `origin`.

    Raises: RefusedError if they differ, or if a remote does not tell its default branch.
    """
    for remote in dict.fromkeys((_USUAL, config.remote)):
        if git.remote_url(remote) is not None:
            branch, tip = git.default_tip(remote, listed if remote == config.remote else None)
            push = partial(_push, git, config, remote, branch, tip)
            require_same(config, git.read_file(tip, PYPROJECT), f"{remote}/{branch}", push=push)


def _push(git: Git, config: Config, remote: str, branch: str, tip: str) -> str:
    """Return the command that brings these settings to a default branch by HEAD; empty if HEAD does not."""
    head = git.head()
    is_ahead = git.branch() == branch and git.relation(head, tip) is Relation.DESCENDANT
    brings = is_ahead and not _differences(config, git.read_file(head, PYPROJECT), "HEAD")
    return shlex.join(["git", "push", remote, branch]) if brings else ""


def require_same(config: Config, content: bytes | None, where: str, *, push: Callable[[], str] = str) -> None:
    """Require that a default branch's pyproject.toml has the same values for these settings.

    `push` returns the command that brings the commit there, if one does.

    Raises: RefusedError that names every key that differs.
    """
    if wrong := _differences(config, content, where):
        own = f"a commit cannot choose its own; release one that has the settings of {where}"
        hint = f"`{command}` brings these settings there" if (command := push()) else own
        raise RefusedError("; ".join(wrong), hint=f"the default branch's settings count: {hint}")


def _differences(config: Config, content: bytes | None, where: str) -> list[str]:
    there, wrong = _table(content, where), []
    for key in _KEYS:
        field = key.replace("-", "_")
        says, expected = getattr(config, field), there.get(key, getattr(Config(), field))
        if says != expected:
            wrong.append(f"{key} is {says!r} in the commit and {expected!r} in {where}")
    return wrong


def _table(content: bytes | None, where: str) -> Mapping[str, Any]:
    """Read the table as far as it can be read: a branch without one has the defaults."""
    table: Any = {}
    if content is not None:
        path = f"{PYPROJECT} of {where}"
        table = parse_toml(decode(content, path, most=MAX_SETTINGS), path)
    for key in ("tool", "release-channels"):
        table = table.get(key, {}) if isinstance(table, Mapping) else {}
    return table if isinstance(table, Mapping) else {}
