"""The things that the stand-in remembers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(slots=True)
class StoredJob:
    """One job of an attempt."""

    id: int
    name: str
    status: str
    conclusion: str | None


@dataclass(slots=True)
class Attempt:
    """One attempt of a run; a re-run adds one and keeps number and id of the run."""

    status: str
    conclusion: str | None
    started_at: datetime
    jobs: list[StoredJob] = field(default_factory=list)
    waits_for: str | None = None
    """The environment whose reviewers it waits for."""


@dataclass(slots=True)
class StoredRun:
    """One run of a workflow."""

    id: int
    workflow: str
    number: int
    sha: str
    event: str
    branch: str | None
    head_repository: str
    title: str
    created_at: datetime
    attempts: list[Attempt]

    @property
    def now(self) -> Attempt:
        """The newest attempt, which the run shows."""
        return self.attempts[-1]


@dataclass(slots=True)
class StoredArtifact:
    """One artifact, as the ZIP archive that GitHub keeps."""

    id: int
    run_id: int
    name: str
    archive: bytes
    created_at: datetime
    expires_at: datetime

    @property
    def digest(self) -> str:
        """Its digest as the API writes it."""
        return f"sha256:{hashlib.sha256(self.archive).hexdigest()}"


@dataclass(slots=True)
class StoredAsset:
    """One file of a release; `starter` is what an upload that broke off leaves."""

    id: int
    name: str
    label: str
    content: bytes
    content_type: str
    created_at: datetime
    state: str = "uploaded"


@dataclass(slots=True)
class StoredRelease:
    """One release, draft or published."""

    id: int
    tag: str
    name: str | None
    body: str | None
    target: str
    is_draft: bool
    is_prerelease: bool
    created_at: datetime
    published_at: datetime | None = None
    is_immutable: bool = False
    never_latest: bool = False
    assets: list[StoredAsset] = field(default_factory=list)


@dataclass(slots=True)
class StoredPolicy:
    """One pattern that an environment lets in; `kind` is branch or tag."""

    id: int
    kind: str
    name: str


@dataclass(slots=True)
class StoredEnvironment:
    """One environment and its rules; without `policy` every ref is let in, else protected branches or `policies`."""

    id: int
    name: str
    reviewers: tuple[str, ...] = ()
    policy: str = ""
    policies: list[StoredPolicy] = field(default_factory=list)
    wait_minutes: int = 0
    prevents_self_review: bool = False
    admins_bypass: bool = True


@dataclass(slots=True)
class StoredRuleset:
    """One ruleset; patterns are whole ref names, rules their types."""

    id: int
    name: str
    includes: tuple[str, ...]
    rules: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    target: str = "tag"
    enforcement: str = "active"


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """What a job left on the page of its run."""

    level: str
    title: str
    message: str


@dataclass(slots=True)
class StoredDeployment:
    """One deployment with its statuses, oldest first, and the run that made it."""

    id: int
    environment: str
    sha: str
    created_at: datetime
    run_id: int | None
    states: list[tuple[int, str, datetime]]


@dataclass(slots=True)
class StoredPull:
    """One pull request."""

    number: int
    head: str
    base: str
    title: str
    body: str | None
    created_at: datetime
    is_open: bool = True
