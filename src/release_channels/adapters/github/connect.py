"""The URL of GitHub's API, and the token for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from release_channels.adapters.actions_env import REHEARSAL, is_loopback
from release_channels.adapters.github.errors import RetryingClient, Token
from release_channels.adapters.process import run_unchecked
from release_channels.errors import CommandError, RefusedError, UsageError
from release_channels.model.github import is_repository_name

if TYPE_CHECKING:
    import github

    from release_channels.adapters.github.client import GitHub

SECONDS = 30
USER_AGENT = "release-channels"
_GH_SECONDS = 10
_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN")
_ADDRESS = "GITHUB_API_URL"
# What the answers are read as; without it GitHub picks one, which it may change. Source: GitHub's REST reference.
_API_VERSION = "2022-11-28"


@dataclass(frozen=True, slots=True)
class Pauses:
    """The waits in seconds before each repeated read and between two writes, and the functions that wait."""

    reads: tuple[float, ...] = (1.0, 4.0)
    writes: float = 1.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time


ON_A_SCREEN = Pauses(reads=(1.0,))
"""For a screen that shows what it could not see: a user can ask again."""


def connect(repository: str, env: Mapping[str, str], *, pauses: Pauses | None = None) -> GitHub:
    """Create the client for one repository, `owner/name`, without a request yet.

    Raises: UsageError for a name of another form; RefusedError for an address that no token may be sent to.
    """
    import github

    from release_channels.adapters.github.client import GitHub

    if not is_repository_name(repository):
        raise UsageError(f"{repository!r} is not the name of a repository", hint='write it as "owner/name"')
    base = env.get(_ADDRESS, "").rstrip("/") or github.Consts.DEFAULT_BASE_URL
    _check_address(base, env)
    pauses = pauses or Pauses()
    token = find_token(env, base)
    # It tells of redirects and waits, and in full of every answer, to the logger that nox sets up.
    logging.getLogger("github").setLevel(logging.WARNING)
    api = _client(base, token, pauses)
    answers = RetryingClient(
        host=urlsplit(base).hostname or base,
        repository=repository,
        token=token,
        pauses=pauses.reads,
        sleep=pauses.sleep,
        clock=pauses.clock,
    )
    return GitHub(api, repository, answers, base)


def find_token(env: Mapping[str, str], base: str) -> Token | None:
    """Find the token for a host: GH_TOKEN, GITHUB_TOKEN, then the one that `gh` stores for it."""
    for name in _TOKENS:
        if value := env.get(name, "").strip():
            return Token(value, name)
    if is_loopback(base):  # gh keeps nothing for this machine, and what it keeps is for nobody here
        return None
    host = (urlsplit(base).hostname or "").removeprefix("api.")
    try:
        asked = run_unchecked("gh", "auth", "token", "--hostname", host, cwd=Path.cwd(), env=env, timeout=_GH_SECONDS)
    except CommandError:  # no gh, or one that hangs: public repositories can be read without a token
        return None
    value = asked.text.strip()
    return Token(value, "`gh auth token`") if asked.code == 0 and value else None


def _client(base: str, token: Token | None, pauses: Pauses) -> github.Github:
    import github

    from release_channels.adapters.bounded_http import bounded_github

    with bounded_github():
        return github.Github(
            base_url=base,
            auth=github.Auth.Token(token.value) if token else None,
            timeout=SECONDS,
            user_agent=USER_AGENT,
            api_version=_API_VERSION,
            per_page=100,
            retry=None,  # what may be repeated is known here, not below
            seconds_between_requests=0,
            # GitHub asks for this pause; this machine has nobody who would be spared by it.
            seconds_between_writes=0 if is_loopback(base) else pauses.writes,
            lazy=True,
        )


def _check_address(base: str, env: Mapping[str, str]) -> None:
    """Refuse an address that a token must not be sent to.

    Raises: RefusedError.
    """
    shown = base.rpartition("@")[2].partition("?")[0]
    try:
        parts = urlsplit(base)
        more = (parts.username, parts.password, parts.query, parts.fragment)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname) and not any(more) and parts.port != 0
    except ValueError:  # brackets that do not close, a port that is no number
        plain = False
    if not plain:
        raise RefusedError(f"{_ADDRESS} is not the plain address of an API: {shown}", hint=f"fix or unset {_ADDRESS}")
    if parts.scheme == "http" and not is_loopback(base):
        raise RefusedError(
            f"{_ADDRESS} is {shown}, where a token would travel unencrypted", hint=f"use https, or unset {_ADDRESS}"
        )
    if env.get(REHEARSAL) and not is_loopback(base):
        raise RefusedError(
            f"a rehearsal asks GitHub at {shown}, which is not on this machine",
            hint=f"set {_ADDRESS} to the rehearsal's GitHub, or unset {REHEARSAL}",
        )
