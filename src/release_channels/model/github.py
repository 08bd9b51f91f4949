"""Values of GitHub's API: workflow runs, artifacts, releases, deployments, pull requests. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

# Source: GitHub's REST reference refuses a longer body with 422.
MAX_BODY = 125_000  # characters

_NAME = re.compile(r"(?P<owner>[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)/(?P<name>[A-Za-z0-9._-]+)")
_RENAMED = re.compile(r"[^A-Za-z0-9_+@-]+")
_SCHEME = r"(?:https?|ssh|git|git\+ssh|git\+https|ssh\+git)://(?:[^/\s]*@)?"
_HOST = r"(?:www\.|ssh\.)?github\.com"
_REMOTE = re.compile(
    rf"(?:{_SCHEME}{_HOST}(?::\d+)?/+|(?:[^/\s@:]+@)?{_HOST}:/*)(?P<path>[^/\s]+/[^/\s?#]+?)(?:\.git)?/*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A workflow run, as of its newest attempt.

    `path` is the workflow's file, relative to the root of the repository that the run belongs to; `head_repository` is
    the repository of its commit, such as a fork, and None if that was deleted. `attempt` is 0 if GitHub reports none.
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
        """The file name of the workflow."""
        return self.path.rpartition("/")[2]

    @property
    def is_done(self) -> bool:
        """Check whether the run has completed, with any conclusion."""
        return self.status == "completed"

    @property
    def is_green(self) -> bool:
        """Check whether the run succeeded; a skipped or cancelled run did not."""
        return self.is_done and self.conclusion == "success"


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a workflow run; GitHub lists its annotations under the same id."""

    id: int
    name: str
    status: str
    conclusion: str | None
    url: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact of a workflow run: `size` in bytes, `digest` is its archive's sha256 in hex, if GitHub has one."""

    id: int
    name: str
    size: int
    expired: bool
    digest: str | None


@dataclass(frozen=True, slots=True)
class Asset:
    """A release asset, `size` in bytes; after an interrupted upload it is empty and still blocks its name."""

    id: int
    name: str
    size: int
    sha256: str | None
    is_complete: bool = True


def asset_name(file_name: str) -> str:
    """Return the name that GitHub gives a file when it becomes an asset: an epoch's `!` becomes a dot.

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
    """A deployment to an environment and its state; `workflow` is the file of the workflow that made it, if known.

    The state `inactive` means that the deployment succeeded and was superseded by another.
    """

    environment: str
    sha: str
    state: str | None
    workflow: str | None
    created_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class PullRequest:
    """An opened pull request."""

    number: int
    url: str


@dataclass(frozen=True, slots=True)
class RemoteTag:
    """A tag on the remote: the commit that it points to, and whether it is annotated."""

    sha: str
    annotated: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison of a head with a base: `ahead`, `behind`, `identical` or `diverged`, and by how many commits."""

    status: str
    ahead_by: int
    behind_by: int

    @property
    def contains_head(self) -> bool:
        """Check whether the base's history contains the head."""
        return self.status in ("behind", "identical")


def repository_name(configured: str, remote_url: str | None, env: Mapping[str, str]) -> str | None:
    """Return `owner/name` from the configuration, the job's environment, or the URL of a remote on github.com.

    Everything else in the URL, such as a password, is dropped.
    Source: GitHub's variables reference, for `GITHUB_REPOSITORY`.
    """
    candidates = (configured, env.get("GITHUB_REPOSITORY", ""), _from_remote(remote_url or ""))
    return next((name for name in candidates if is_repository_name(name)), None)


def is_repository_name(text: str) -> bool:
    """Check whether a string has the form of a GitHub repository's `owner/name`."""
    found = _NAME.fullmatch(text)
    return found is not None and found["name"] not in (".", "..")


def is_on_github(url: str) -> bool:
    """Check whether the URL of a remote is on github.com."""
    return bool(_from_remote(url))


def is_off_machine(url: str) -> bool:
    """Check whether the URL of a remote leads off this machine: it is neither a path nor a `file:` URL.

    Source: git's manual, GIT URLS: `host:path` is ssh if there is no slash before the colon.
    """
    scheme, there, _ = url.partition("://")
    return scheme != "file" if there else ":" in url.partition("/")[0]


def _from_remote(url: str) -> str:
    found = _REMOTE.fullmatch(url.strip())
    return found["path"] if found else ""
