"""Prove a commit: which runs of tests and gate passed for it. A provenance only points the way, GitHub's API says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from release_channels.adapters.actions_env import read_actions
from release_channels.adapters.actions_event import EventRun
from release_channels.adapters.build_artifact import read_only_member
from release_channels.adapters.files import scratch
from release_channels.adapters.git import Git
from release_channels.adapters.github import GitHub, connect
from release_channels.adapters.github.errors import NotFoundError
from release_channels.adapters.observe import read_place
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.github import WorkflowRun, repository_name
from release_channels.model.observed import Relation
from release_channels.model.tested_commit import ARTIFACT, MAX_BYTES, PROVENANCE, Provenance, parse_provenance
from release_channels.model.verification import (
    AGAIN,
    Proof,
    check_gate_run,
    check_test_run,
    gate_title,
    test_said,
    verify_provenance,
)

# Room for the archive around a provenance, which is packed.
_ARCHIVE_BYTES = 2 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Whom to ask: GitHub about one repository, for a project with these settings."""

    hub: GitHub
    config: Config
    temp: Path | None = None
    """Where an artifact is kept while it is read; None is the system's own place for such things."""

    @property
    def repository(self) -> str:
        """The repository, `owner/name`."""
        return self.hub.repository

    def provenance(self, run_id: int) -> Provenance:
        """Fetch the provenance that a run of the gate left.

        Raises: RefusedError if there is not exactly one that has not expired, or it is not readable as one.
        """
        all_of_them = [artifact for artifact in self.hub.artifacts(run_id) if artifact.name == ARTIFACT]
        fresh = [artifact for artifact in all_of_them if not artifact.expired]
        if not all_of_them:
            raise RefusedError(f"the gate's run {run_id} left no artifact {ARTIFACT}", hint=AGAIN)
        if not fresh:
            raise RefusedError(f"the artifact {ARTIFACT} of the gate's run {run_id} has expired", hint=AGAIN)
        if len(fresh) > 1:
            raise RefusedError(
                f"the gate's run {run_id} left {len(fresh)} artifacts {ARTIFACT}, and only one can be meant", hint=AGAIN
            )
        with scratch("provenance", self.temp) as place:
            archive = place / "artifact.zip"
            self.hub.download_artifact(fresh[0].id, archive, _ARCHIVE_BYTES)
            return parse_provenance(read_only_member(archive, PROVENANCE, MAX_BYTES))

    def newest_test(self, commit: str) -> WorkflowRun:
        """Give the newest run of the tests for a commit, if it passed.

        Raises: RefusedError with every reason why it does not count.
        """
        workflow = self.config.test_workflow
        run = self.hub.newest_run(workflow, commit)
        if run is None:
            raise RefusedError(f"{workflow} has not run for commit {commit[:12]}", hint="push it to main first")
        _require(check_test_run(run, commit, self.repository, self.config), f"see {run.url}")
        return run

    def find_gate(self, test: WorkflowRun) -> WorkflowRun | None:
        """Find the newest run of the gate that followed a test run; its title points to it, and proves nothing."""
        title = gate_title(test.sha, test.id)
        try:
            return self.hub.find_run(self.config.gate_workflow, title, event="workflow_run", since=test.created_at)
        except NotFoundError:  # a workflow that has never run is not known to GitHub
            return None

    def newest_gate(self, test: WorkflowRun) -> WorkflowRun:
        """Give the newest run of the gate that followed a test run, if it passed.

        Raises: RefusedError with every reason why it does not count.
        """
        run = self.find_gate(test)
        if run is None:
            workflow = self.config.gate_workflow
            raise RefusedError(f"{workflow} has not run for commit {test.sha[:12]} (test run {test.id})", hint=AGAIN)
        _require(check_gate_run(run, self.repository, self.config), f"see {run.url}")
        return run


def prove_commit(inquiry: Inquiry, commit: str) -> Proof:
    """Prove that the newest attempts of tests and gate passed for exactly this commit.

    Raises: RefusedError if they did not, or GitHub does not answer.
    """
    test = inquiry.newest_test(commit)
    return prove_gate(inquiry, test) if inquiry.config.gate.enabled else Proof(commit, test.number, test_said(test))


def prove_gate(inquiry: Inquiry, test: WorkflowRun) -> Proof:
    """Prove that the newest attempt of the gate passed after a test run.

    Raises: RefusedError if it did not, or GitHub does not answer.
    """
    gate = inquiry.newest_gate(test)
    return verify_provenance(inquiry.provenance(gate.id), test, gate, inquiry.repository, inquiry.config)


def prove_event(inquiry: Inquiry, event: EventRun) -> Proof:
    """Prove what the run that started this workflow stands for: the event and its artifact are claims alone.

    Raises: RefusedError if any of it does not hold, or GitHub does not answer.
    """
    hub, config, repository = inquiry.hub, inquiry.config, inquiry.repository
    if event.repository.lower() != repository.lower():
        raise RefusedError(f"the event is of {event.repository}, not of {repository}", hint=AGAIN)
    run = hub.run(event.id)
    if run.attempt != event.attempt:
        raise RefusedError(
            f"attempt {event.attempt} of run {event.id} started this, and its newest attempt is {run.attempt}",
            hint="a newer attempt that ends well starts this workflow by itself",
        )
    if not config.gate.enabled:
        _require(check_test_run(run, run.sha, repository, config), f"see {run.url}")
        return Proof(run.sha, run.number, test_said(run))
    # Before its artifact is opened: a run of something else must not get that far.
    _require(check_gate_run(run, repository, config), f"see {run.url}")
    claim = inquiry.provenance(run.id)
    return verify_provenance(claim, hub.run(claim.test_run.id), run, repository, config)


def require_place(git: Git, proof: Proof, config: Config, env: Mapping[str, str]) -> None:
    """Require that a proven commit is here, and contained in main as it is now.

    Raises: RefusedError
    """
    main = f"{config.remote}/{config.main_branch}"
    try:
        commit = git.commit(proof.commit)
    except UsageError as stop:
        raise RefusedError(
            f"the proven commit {proof.commit[:12]} is not in this clone",
            hint=f"check out with `fetch-depth: 0`; if it is not there then, it is not contained in {main} any more",
        ) from stop
    if read_place(git, commit, config, env) not in (Relation.SAME, Relation.ANCESTOR):
        raise RefusedError(
            f"the proven commit {commit.short} is not contained in {main}", hint="previews come from main alone"
        )


def open_inquiry(git: Git, config: Config, env: Mapping[str, str]) -> Inquiry | None:
    """Connect to the project's repository on GitHub, if it is there."""
    name = repository_name(config.repository, git.remote_url(config.remote), env)
    return Inquiry(connect(name, env), config, read_actions(env).temp) if name else None


def _require(wrong: Iterable[str], hint: str) -> None:
    found = list(wrong)
    if found:
        raise RefusedError("; ".join(found), hint=hint)
