"""What the tests of GitHub share: a stand-in over a real bare repository, its tokens, and clients without patience."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from release_channels.adapters.github import GitHub, Pauses, connect
from release_channels.adapters.github.connect import USER_AGENT
from release_channels.rehearsal.github import GitHubState, RunningGitHub, serve_github
from release_channels.rehearsal.github.contract import load_contract
from tests.support.repo import Repo

NAME = "acme/demo-tool"
# Marked, so that a message that holds one is found.
WRITER, READER, NOBODY = "SECRET-writer-token", "SECRET-reader-token", "SECRET-rightless-token"
WRITES = ("contents: write", "pull-requests: write", "actions: read", "deployments: read")
READS = ("contents: read", "actions: read", "deployments: read", "pull-requests: read")
TOKENS = {WRITER: WRITES, READER: READS, NOBODY: ()}
NOW = 1_800_000_000.0


@dataclass
class Naps:
    """Counts the waits instead of waiting."""

    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


@dataclass
class Hub:
    """A stand-in, and the ways to ask it."""

    state: GitHubState
    running: RunningGitHub
    repo: Repo
    naps: Naps = field(default_factory=Naps)

    def client(
        self, token: str | None = WRITER, *, repository: str = NAME, env: Mapping[str, str] | None = None
    ) -> GitHub:
        """Connect with one of the tokens, or with none."""
        words = {"GITHUB_API_URL": self.running.api_url, **({"GH_TOKEN": token} if token else {}), **(env or {})}
        return connect(repository, words, pauses=self.pauses())

    def pauses(self) -> Pauses:
        """Give pauses that are counted and not taken, and a clock that stands still."""
        return Pauses(reads=(0.1, 0.2), writes=0, sleep=self.naps, clock=lambda: NOW)

    def fingerprint(self) -> object:
        """Picture all that GitHub holds, and the repository behind it."""
        state = self.state
        things = (state.runs, state.artifacts, state.releases, state.deployments, state.pulls, state.environments)
        return repr(things), state.latest_id, sorted(state.burned_tags), self.repo.fingerprint()


@contextmanager
def open_hub(repo: Repo, **options: object) -> Iterator[Hub]:
    """Serve GitHub over the remote of a repository; whatever breaks in the stand-in itself breaks the test."""
    state = GitHubState(NAME, git=repo.remote, tokens=TOKENS, **options)  # type: ignore[arg-type]
    with serve_github(state) as running:
        yield Hub(state, running, repo)
        wrong = running.warnings()
        assert not wrong, wrong


def api(hub: Hub, method: str, path: str, *, token: str | None = WRITER, **options: Any) -> requests.Response:
    """Send a request to the double, below its repository or at a whole address, under the product's name."""
    url = path if path.startswith("http") else f"{hub.running.api_url}/repos/{NAME}{path}"
    headers = {"User-Agent": USER_AGENT, "X-GitHub-Api-Version": load_contract().api_version}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    headers |= options.pop("headers", {})
    return requests.request(method, url, headers=headers, timeout=20, allow_redirects=False, **options)


def write(path: Path, content: bytes = b"content\n") -> Path:
    """Write a small file and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
