"""What GitHub shows of a repository: runs, artifacts, releases, deployments, pull requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

# Source: GitHub's REST reference refuses a longer body with 422.
MAX_BODY = 125_000

_NAME = re.compile(r"(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)/(?P<name>[A-Za-z0-9._-]+)")
_RENAMED = re.compile(r"[^A-Za-z0-9_+@-]+")
_SCHEME = r"(?:https?|ssh|git|git\+ssh|git\+https|ssh\+git)://(?:[^/\s]*@)?"
_HOST = r"(?:www\.|ssh\.)?github\.com"
_REMOTE = re.compile(
    rf"(?:{_SCHEME}{_HOST}(?::\d+)?/+|(?:[^/\s@:]+@)?{_HOST}:/*)(?P<path>[^/\s]+/[^/\s?#]+?)(?:\.git)?/*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One run of a workflow, by its newest attempt.

    `path` is the workflow's file from the top of the repository that the run belongs to; `head_repository` is the one
    that its commit came from, a fork perhaps, and None where that is gone.
    """

    id: int
    number: int
    attempt: int
    path: str
    repository: str
    event: str
    status: str
    conclusion: str | None
    sha: str
    branch: str | None
    head_repository: str | None
    url: str
    title: str
    created_at: datetime

    @property
    def workflow(self) -> str:
        """The name of the workflow's file."""
        return self.path.rpartition("/")[2]

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end, good or bad."""
        return self.status == "completed"

    @property
    def is_green(self) -> bool:
        """Whether it has ended well; a run that was skipped or cancelled has not."""
        return self.is_done and self.conclusion == "success"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a run; by its id GitHub knows its annotations, too."""

    id: int
    name: str
    status: str
    conclusion: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact of a run; `digest` is the sha256 of its archive in hex, where GitHub tells it."""

    id: int
    name: str
    size: int
    expired: bool
    digest: str | None


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of a release; one whose upload broke off stands there without content, and holds its name."""

    id: int
    name: str
    size: int
    sha256: str | None
    is_complete: bool = True


def asset_name(file_name: str) -> str:
    """Write the name of a file as GitHub does when it becomes an asset: an epoch's `!` is a dot there.

    Source: GitHub's REST reference, upload a release asset.
    """
    return _RENAMED.sub(".", file_name).strip(".")


@dataclass(frozen=True, slots=True)
class GitHubRelease:
    """A GitHub Release, draft or published."""

    id: int
    tag: str
    name: str
    is_draft: bool
    is_prerelease: bool
    is_immutable: bool
    body: str
    url: str
    assets: tuple[Asset, ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment to an environment and how it stands; `workflow` is the file of the run that made it, if known.

    The state `inactive` is that of a deployment that succeeded and has been followed by another.
    """

    environment: str
    sha: str
    state: str | None
    workflow: str | None
    created_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request that was opened."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class RemoteTag:
    """The commit that a tag leads to, and whether it has an object of its own."""

    sha: str
    annotated: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a head stands to a base: `ahead`, `behind`, `identical` or `diverged`, and by how many commits."""

    status: str
    ahead_by: int
    behind_by: int

    @property
    def contains_head(self) -> bool:
        """Whether the base's history contains the head."""
        return self.status in ("behind", "identical")


def repository_name(configured: str, remote_url: str | None, env: Mapping[str, str]) -> str | None:
    """Give `owner/name`: from the configuration, the job's environment, or the address of a remote on github.com.

    What else stands in the address, a password above all, is left there.
    Source: GitHub's variables reference, for `GITHUB_REPOSITORY`.
    """
    candidates = (configured, env.get("GITHUB_REPOSITORY", ""), _from_remote(remote_url or ""))
    return next((name for name in candidates if is_repository_name(name)), None)


def is_repository_name(text: str) -> bool:
    """Tell whether a text is written as GitHub writes the name of a repository."""
    found = _NAME.fullmatch(text)
    return found is not None and found["name"] not in (".", "..")


def is_on_github(url: str) -> bool:
    """Tell whether the address of a remote is one on github.com."""
    return bool(_from_remote(url))


def is_beyond(url: str) -> bool:
    """Tell whether the address of a remote leads away from this machine: it is neither a path nor a file's address.

    Source: git's manual, GIT URLS: `host:path` is ssh where no slash stands before the colon.
    """
    scheme, there, _ = url.partition("://")
    return scheme != "file" if there else ":" in url.partition("/")[0]


def _from_remote(url: str) -> str:
    found = _REMOTE.fullmatch(url.strip())
    return found["path"] if found else ""
