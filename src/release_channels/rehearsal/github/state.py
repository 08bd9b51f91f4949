"""State of the GitHub double, with methods for tests to change it."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from release_channels.rehearsal.github.git_history import History

PLANS = ("free", "team", "enterprise")
_MINUTE = timedelta(minutes=1)


class GitHubState:
    """One repository of the double, in memory; `lock` is held while a request is handled.

    `tokens` maps each token to its rights, `contents: write` for example. `git` is the bare repository that commits,
    tags and branches are read from. `faults` are asked before a request is carried out, `lost` afterwards: what they
    answer is sent although the work was done.
    """

    def __init__(
        self,
        repository: str = "acme/demo-tool",
        *,
        git: Path | None = None,
        tokens: Mapping[str, Sequence[str]] | None = None,
        private: bool = False,
        plan: str = "enterprise",
        default_branch: str = "main",
        immutable_releases: bool = False,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.repository = repository
        self.former_names: set[str] = set()
        self.history = History(git)
        self.tokens = {token: frozenset(rights) for token, rights in (tokens or {}).items()}
        self.login_tokens: set[str] = set()
        """The tokens of `gh auth login` and classic ones: what lacks a scope is answered with 404 instead of 403."""
        self.private = private
        self.plan = plan
        """The plan of the owner; one below the highest lacks rules where the repository is private."""
        self.default_branch = default_branch
        self.immutable_releases = immutable_releases
        self.clock = clock
        self.hourly_limit = 5000
        self.minute_limit = 900
        """The points of a token in a minute: reading costs one, writing five."""
        self.shows_pause = True
        """True if the refusal of a fast client contains the seconds to wait."""
        self.lock = threading.RLock()
        self.faults: list[Fault] = []
        self.lost: list[Fault] = []
        self.broken_uploads = 0
        """The number of the next uploads that break off: they answer 502 and leave an empty asset behind."""
        self.workflows: set[str] = set()
        """The workflow files that GitHub knows; a run makes its own known."""
        self.runs: dict[int, StoredRun] = {}
        self.artifacts: dict[int, StoredArtifact] = {}
        self.releases: dict[int, StoredRelease] = {}
        self.burned_tags: set[str] = set()
        self.latest_id: int | None = None
        self.environments: dict[str, StoredEnvironment] = {}
        self.deployments: dict[int, StoredDeployment] = {}
        self.pulls: dict[int, StoredPull] = {}
        self.rulesets: dict[int, StoredRuleset] = {}
        self.secrets: dict[str, set[str]] = {}
        """The names of secrets by environment; those of the repository have an empty key."""
        self.annotations: dict[int, list[StoredAnnotation]] = {}
        self.on_dispatch: Callable[[int, Mapping[str, str]], None] = lambda *_: None
        """Called with the id of the new run and the inputs when a workflow was started by hand."""
        self.asked: dict[str, int] = {}
        self._spent: dict[str, deque[tuple[datetime, int]]] = {}
        self._lag = timedelta()
        self._refs: dict[str, datetime] = {}
        self._last_id = 1000

    def new_id(self) -> int:
        """Return an unused id."""
        with self.lock:
            self._last_id += 1
            return self._last_id

    def has_plan(self, lowest: str) -> bool:
        """Return whether the repository has what private ones have from this plan on."""
        return not self.private or PLANS.index(self.plan) >= PLANS.index(lowest)

    def is_too_fast(self, token: str, points: int) -> bool:
        """Count a request, and return whether its token has used up what it may spend in a minute.

        Source: GitHub's REST reference, rate limits: the points of the secondary limits.
        """
        now, spent = self.clock(), self._spent.setdefault(token, deque())
        while spent and spent[0][0] <= now - _MINUTE:
            spent.popleft()
        spent.append((now, points))
        return sum(cost for _, cost in spent) > self.minute_limit

    def lag_behind(self, seconds: float) -> None:
        """Make runs, releases and refs that come from now on seen only some seconds later.

        GitHub promises no time: it answers from copies.
        """
        with self.lock:
            self._lag = timedelta(seconds=seconds)
            self._refs = dict.fromkeys(self.history.refs(), self.clock() - self._lag)

    def is_seen(self, made_at: datetime) -> bool:
        """Return whether something is old enough to be seen."""
        return self.clock() - made_at >= self._lag

    def is_ref_seen(self, name: str) -> bool:
        """Return whether a ref is seen: nobody tells when it was pushed, so its time begins when it is asked for."""
        return not self._lag or self.is_seen(self._refs.setdefault(name, self.clock()))

    def add_run(
        self,
        workflow: str,
        sha: str,
        *,
        event: str = "push",
        status: str = "completed",
        conclusion: str | None = "success",
        branch: str | None = "main",
        number: int | None = None,
        title: str = "A change",
        head_repository: str | None = None,
    ) -> int:
        """Add a run of a workflow file and return its id; numbers are counted per workflow."""
        with self.lock:
            taken = [run.number for run in self.runs.values() if run.workflow == workflow]
            run = StoredRun(
                id=self.new_id(),
                workflow=workflow,
                number=number or max(taken, default=0) + 1,
                sha=sha,
                event=event,
                branch=branch,
                head_repository=head_repository or self.repository,
                title=title,
                created_at=self.clock(),
                attempts=[Attempt(status, conclusion if status == "completed" else None, self.clock())],
            )
            self.workflows.add(workflow)
            self.runs[run.id] = run
            return run.id

    def rerun(self, run_id: int, *, status: str = "completed", conclusion: str | None = "success") -> None:
        """Add an attempt to a run, by the run's id."""
        with self.lock:
            done = conclusion if status == "completed" else None
            self.runs[run_id].attempts.append(Attempt(status, done, self.clock()))

    def set_run(self, run_id: int, status: str, conclusion: str | None = None) -> None:
        """Set the state of a run's newest attempt, which then waits for nobody."""
        with self.lock:
            attempt = self.runs[run_id].now
            attempt.status, attempt.conclusion, attempt.waits_for = status, conclusion, None

    def add_job(self, run_id: int, name: str, *, status: str = "completed", conclusion: str | None = "success") -> int:
        """Add a job to the newest attempt of a run and return its id."""
        with self.lock:
            job = StoredJob(self.new_id(), name, status, conclusion if status == "completed" else None)
            self.runs[run_id].now.jobs.append(job)
            return job.id

    def add_artifact(self, run_id: int, name: str, files: Mapping[str, bytes], *, days: int = 14) -> int:
        """Add an artifact to a run and return its id."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        with self.lock:
            now = self.clock()
            made = StoredArtifact(self.new_id(), run_id, name, packed.getvalue(), now, now + timedelta(days=days))
            self.artifacts[made.id] = made
            return made.id

    def expire_artifact(self, artifact_id: int) -> None:
        """Expire an artifact."""
        with self.lock:
            self.artifacts[artifact_id].expires_at = self.clock() - timedelta(seconds=1)

    def environment(self, name: str) -> StoredEnvironment | None:
        """Find an environment.

        Source: GitHub's documentation of environments: their names are not case sensitive.
        """
        return next((one for key, one in self.environments.items() if key.casefold() == name.casefold()), None)

    def add_environment(
        self,
        name: str,
        *,
        reviewers: Sequence[str] = (),
        branch_policies: Sequence[str] = (),
        tag_policies: Sequence[str] = (),
        wait_minutes: int = 0,
        admins_bypass: bool = True,
    ) -> StoredEnvironment:
        """Add an environment; a reviewer is a login, or `team NAME`."""
        with self.lock:
            named = [("branch", pattern) for pattern in branch_policies] + [
                ("tag", pattern) for pattern in tag_policies
            ]
            made = StoredEnvironment(
                id=self.new_id(),
                name=name,
                reviewers=tuple(reviewers),
                policy="named" if named else "",
                policies=[StoredPolicy(self.new_id(), kind, pattern) for kind, pattern in named],
                wait_minutes=wait_minutes,
                admins_bypass=admins_bypass,
            )
            self.environments[name] = made
            return made

    def add_ruleset(self, name: str, *includes: str, rules: Sequence[str], enforcement: str = "active") -> None:
        """Add a ruleset for tags."""
        with self.lock:
            made = StoredRuleset(self.new_id(), name, includes, tuple(rules), enforcement=enforcement)
            self.rulesets[made.id] = made

    def annotate(self, job_id: int, message: str, *, level: str = "failure", title: str = "") -> None:
        """Add an annotation to a job."""
        with self.lock:
            self.annotations.setdefault(job_id, []).append(StoredAnnotation(level, title, message))

    def wait_for_approval(self, run_id: int, environment: str) -> None:
        """Make a run wait for the reviewers of an environment."""
        with self.lock:
            attempt = self.runs[run_id].now
            attempt.status, attempt.conclusion, attempt.waits_for = "waiting", None, environment

    def add_deployment(self, environment: str, sha: str, *states: str, run_id: int | None = None) -> int:
        """Add a deployment with its statuses, oldest first, and return its id.

        Source: GitHub's REST reference, deployment statuses: a success makes earlier ones of the environment inactive.
        """
        with self.lock:
            if environment not in self.environments:
                self.add_environment(environment)
            if states and states[-1] == "success":
                for earlier in self.deployments.values():
                    if earlier.environment == environment and earlier.states and earlier.states[-1][1] == "success":
                        earlier.states.append((self.new_id(), "inactive", self.clock()))
            statuses = [(self.new_id(), state, self.clock()) for state in states]
            made = StoredDeployment(self.new_id(), environment, sha, self.clock(), run_id, statuses)
            self.deployments[made.id] = made
            return made.id


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; content other than bytes is sent as JSON."""

    status: int
    content: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_githubs: bool = True
    """False for what something in front of GitHub says, which keeps no contract."""

    def body(self) -> bytes:
        """Return the response body as the bytes that are sent."""
        return self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()


# Receives the method and path of a request; an answer that it returns replaces the real answer.
Fault = Callable[[str, str], Answer | None]


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
        """The newest attempt, which determines the run's state."""
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
    """One file of a release; an interrupted upload has the state `starter`."""

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
    """One pattern that an environment allows; `kind` is branch or tag."""

    id: int
    kind: str
    name: str


@dataclass(slots=True)
class StoredEnvironment:
    """One environment; without `policy` every ref may deploy, otherwise protected branches or `policies`."""

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
    """One ruleset: patterns of full ref names, and the types of its rules."""

    id: int
    name: str
    includes: tuple[str, ...]
    rules: tuple[str, ...]
    excludes: tuple[str, ...] = ()
    target: str = "tag"
    enforcement: str = "active"


@dataclass(frozen=True, slots=True)
class StoredAnnotation:
    """An annotation of a job."""

    level: str
    title: str
    message: str


@dataclass(slots=True)
class StoredDeployment:
    """One deployment with its statuses, oldest first, and the id of its run."""

    id: int
    environment: str
    sha: str
    created_at: datetime
    run_id: int | None
    states: list[tuple[int, str, datetime]]


@dataclass(slots=True)
class StoredPull:
    """One pull request, with the last known commits of its branches."""

    number: int
    head: str
    base: str
    title: str
    body: str | None
    created_at: datetime
    is_open: bool = True
    head_sha: str = ""
    base_sha: str = ""
