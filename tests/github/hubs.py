"""Helpers for tests of GitHub: a double over a real bare repository, its tokens, and clients that never wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from release_channels.adapters.github import Pauses, connect
from release_channels.adapters.github.client import GitHub
from release_channels.adapters.github.connect import USER_AGENT
from release_channels.rehearsal.github import GitHubState, RunningGitHub, serve_github
from release_channels.rehearsal.github.contract import load_contract
from tests.support.repo import Repo

NAME = "acme/demo-tool"
# Marked, so that a message that holds one is found.
WRITER, READER, RIGHTLESS = "SECRET-writer-token", "SECRET-reader-token", "SECRET-rightless-token"
WRITES = ("contents: write", "pull-requests: write", "actions: read", "deployments: read")
READS = ("contents: read", "actions: read", "deployments: read", "pull-requests: read")
TOKENS = {WRITER: WRITES, READER: READS, RIGHTLESS: ()}
NOW = 1_800_000_000.0


@dataclass
class CountedSleep:
    """A sleep that is counted instead of waited for, and a clock that moves with it."""

    taken: list[float] = field(default_factory=list)
    awake: float = 0.0
    """The seconds that passed otherwise."""

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)

    def clock(self) -> float:
        """Return the seconds that have passed."""
        return sum(self.taken) + self.awake


@dataclass
class GitHubDouble:
    """A GitHub double and its clients."""

    state: GitHubState
    running: RunningGitHub
    repo: Repo
    sleeps: CountedSleep = field(default_factory=CountedSleep)

    def client(
        self, token: str | None = WRITER, *, repository: str = NAME, env: Mapping[str, str] | None = None
    ) -> GitHub:
        """Connect with one of the tokens, or without."""
        words = {"GITHUB_API_URL": self.running.api_url, **({"GH_TOKEN": token} if token else {}), **(env or {})}
        return connect(repository, words, pauses=self.pauses())

    def pauses(self) -> Pauses:
        """Return counted pauses and a stopped clock."""
        return Pauses(reads=(0.1, 0.2), writes=0, sleep=self.sleeps, clock=lambda: NOW)

    def fingerprint(self) -> object:
        """Return the whole state of GitHub and the repository."""
        state = self.state
        things = (state.runs, state.artifacts, state.releases, state.deployments, state.pulls, state.environments)
        return repr(things), state.latest_id, sorted(state.burned_tags), self.repo.fingerprint()


@contextmanager
def open_github(repo: Repo, **options: object) -> Iterator[GitHubDouble]:
    """Serve GitHub over the remote of a repository, to the client alone: no other request escapes the contract."""
    state = GitHubState(NAME, git=repo.remote, tokens=TOKENS, **options)  # type: ignore[arg-type]
    with serve_github(state) as running:
        yield GitHubDouble(state, running, repo)
        unchecked = running.take_unchecked()
        assert not unchecked, unchecked


def api(
    github: GitHubDouble, method: str, path: str, *, token: str | None = WRITER, **options: Any
) -> requests.Response:
    """Send a request to the double, by a path below its repository or a whole URL."""
    url = path if path.startswith("http") else f"{github.running.api_url}/repos/{NAME}{path}"
    headers = {"User-Agent": USER_AGENT, "X-GitHub-Api-Version": load_contract().api_version}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("headers", {})
    return requests.request(method, url, headers=headers, timeout=20, allow_redirects=False, **options)


def write(path: Path, content: bytes = b"content\n") -> Path:
    """Write a small file and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
