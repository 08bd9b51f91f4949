"""Verify that tests and gate passed for a run's commit, and the session that does only this."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment, read_actions
from release_channels.adapters.actions_event import EventRun, read_event_run
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.git import Git
from release_channels.adapters.github import connect
from release_channels.adapters.github.errors import NotFoundError
from release_channels.adapters.index import DEFAULT, FOR_PRACTICE
from release_channels.adapters.observe import relation_to_main
from release_channels.cli.context import open_project
from release_channels.cli.options import Options
from release_channels.cli.run import session_run
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.config import ProofPolicy as Demand
from release_channels.model.github import WorkflowRun, repository_name
from release_channels.model.observed import Commit, Relation
from release_channels.model.outcome import Outcome, Result
from release_channels.model.plan import Plan
from release_channels.model.strict_json import ManifestFile
from release_channels.model.tested_commit import ARTIFACT, MAX_BYTES, PROVENANCE, Provenance, parse_provenance
from release_channels.model.verification import (
    AGAIN,
    VerifiedRun,
    check_gate_run,
    check_test_run,
    describe_test_run,
    gate_title,
    verify_provenance,
)
from release_channels.model.version import Channel, Line, line_of, preview_of
from release_channels.project.pyproject import Project

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub

# What comes before the upload, and the upload: each proves for itself, since each may be a job of its own.
_STEPS = frozenset({"build", "check", "preview-publish", "public-publish"})


@dataclass(frozen=True, slots=True)
class GatedFiles:
    """The result of a verification: the files that the gate tested, and warnings."""

    files: tuple[ManifestFile, ...] = ()
    warnings: tuple[str, ...] = ()


def verify_preview_ci(
    git: Git,
    config: Config,
    steps: Sequence[str],
    options: Options,
    actions: ActionsEnvironment,
    env: Mapping[str, str],
) -> VerifiedRun | None:
    """Verify the commit of the preview workflow's trigger; return None in other workflows.

    Raises: RefusedError if it cannot be proven, or another commit or run number was given by hand.
    """
    if actions.workflow != config.preview_workflow or not _STEPS.intersection(steps):
        return None
    proof = verify_trigger(git, config, actions, env)
    for option, value, proven in (("--commit", options.commit, proof.commit), ("--run-number", options.run, proof.run)):
        if value not in (None, "HEAD", proven):
            raise RefusedError(f"{option} {value} was given, and {proven} is proven", hint=f"leave {option} out")
    return proof


def verify_trigger(git: Git, config: Config, actions: ActionsEnvironment, env: Mapping[str, str]) -> VerifiedRun:
    """Verify the run that started this workflow.

    Raises: RefusedError if another event started it, or any of it does not hold.
    """
    event = read_event_run(env)
    before = config.gate_workflow if config.gate.enabled else config.test_workflow
    if event is None:
        raise RefusedError(
            f"{actions.workflow} was started by {actions.event or 'no event'}, and a preview follows a run of {before}",
            hint=f"previews are published by themselves after {before}; to practise, `nox -s preview` in a clone",
        )
    inquiry = open_provenance_query(git, config, env)
    if inquiry is None:
        raise RefusedError("the GitHub repository is unknown", hint="GITHUB_REPOSITORY names it in a workflow")
    with inquiry.github:
        proof = verify_event(inquiry, event)
    require_on_main(git, proof, config, env)
    _show(proof)
    return proof


def verify_public_ci(
    git: Git, project: Project, steps: Sequence[str], plan: Plan, env: Mapping[str, str]
) -> GatedFiles:
    """Check whether tests and gate passed for the commit of a public release; practice needs no check.

    Raises: RefusedError if they did not, unless `public-proof` is to warn.
    """
    if plan.channel is not Channel.PUBLIC or plan.index in FOR_PRACTICE or not _STEPS.intersection(steps):
        return GatedFiles()
    config = project.config
    try:
        inquiry = open_provenance_query(git, config, env)
        if inquiry is None:
            return GatedFiles(
                warnings=(f"tests and gate were not checked: the remote {config.remote} is not on GitHub",)
            )
        with inquiry.github:
            proof = verify_commit(inquiry, plan.commit)
    except RefusedError as stop:
        if config.public_proof is Demand.WARN:
            return GatedFiles(warnings=(f"not proven: {stop}",))
        hint = f'{stop.hint}\nor set public-proof = "warn" in [tool.release-channels]'
        raise RefusedError(f"not proven: {stop}", hint=hint.strip()) from stop
    _show(proof)
    return gated_files(proof, plan, project)


def gated_files(proof: VerifiedRun | None, plan: Plan, project: Project) -> GatedFiles:
    """Return the files that the gate tested, if it tested the version to publish.

    Raises: RefusedError if it tested another one, and the version is one that a file holds.
    """
    if proof is None or proof.version is None or plan.version in (None, proof.version):
        return GatedFiles(proof.files if proof else ())
    message = f"the gate tested {proof.version}, and this is {plan.version}"
    if project.source.is_written or plan.channel is Channel.PREVIEW:
        raise RefusedError(
            message, hint="run the test workflow again for that commit: the gate follows it automatically"
        )
    return GatedFiles(warnings=(f"{message}: the tag made the version, so the bytes cannot be compared",))


def run_ci_provenance(
    words: Sequence[str], *, root: Path, env: Mapping[str, str] = os.environ, dry_run: bool = False
) -> Outcome:
    """Verify that tests and gate passed for the commit of the triggering event, or of --commit."""
    with session_run("ci-provenance", root, env, dry_run=dry_run) as run:
        run.outcome = _provenance(run.parse(Options, words), run.actions, root, env)
    return run.outcome


def _provenance(options: Options, actions: ActionsEnvironment, root: Path, env: Mapping[str, str]) -> Outcome:
    git = Git.open(root)
    commit = git.commit(options.commit)
    config = open_project(git, commit).config
    is_event = actions.event == "workflow_run"
    proof = verify_trigger(git, config, actions, env) if is_event else _prove_by_hand(git, config, commit, env)
    project = open_project(git, git.commit(proof.commit), index=DEFAULT, env=env)
    version = _version(project, proof)
    gate = f"{config.test_workflow} and {config.gate_workflow}" if config.gate.enabled else config.test_workflow
    source = "the event" if is_event else "--commit" if options.commit != "HEAD" else "the checkout"
    console.say(f"  the commit comes from {source}")
    return Outcome(
        Result.DONE, f"{gate} passed for commit {proof.commit[:12]}, test run {proof.run}", project=project.name,
        version=version, commit=proof.commit, run_number=proof.run,
    )  # fmt: skip


def _version(project: Project, proof: VerifiedRun) -> str:
    if proof.version is not None:
        return str(proof.version)
    is_dev = line_of(project.version) is Line.DEV
    return str(preview_of(project.version, proof.run + project.config.run_offset) if is_dev else project.version)


def _prove_by_hand(git: Git, config: Config, commit: Commit, env: Mapping[str, str]) -> VerifiedRun:
    inquiry = open_provenance_query(git, config, env)
    if inquiry is None:
        raise UsageError(
            f"the remote {config.remote} is not a GitHub repository: CI cannot be verified",
            hint="`repository` in [tool.release-channels] names it",
        )
    with inquiry.github:
        proof = verify_commit(inquiry, commit.sha)
    _show(proof)
    return proof


def _show(proof: VerifiedRun) -> None:
    console.say("proven:", style="bold")
    for line in proof.origins:
        console.say(f"  {line}")


# Room for the archive around a provenance, which is packed.
_ARCHIVE_BYTES = 2 * MAX_BYTES


@dataclass(frozen=True, slots=True)
class ProvenanceQuery:
    """The connection to GitHub and the settings for a verification."""

    github: GitHub
    config: Config
    temp: Path | None = None
    """Where an artifact is kept while it is read; None is the system's own place for such things."""

    @property
    def repository(self) -> str:
        """The repository, `owner/name`."""
        return self.github.repository

    def provenance(self, run_id: int) -> Provenance:
        """Fetch the provenance of a gate run by its id.

        Raises: RefusedError if there is not exactly one that has not expired, or it is not readable as one.
        """
        all_of_them = [artifact for artifact in self.github.artifacts(run_id) if artifact.name == ARTIFACT]
        fresh = [artifact for artifact in all_of_them if not artifact.expired]
        if not all_of_them:
            raise RefusedError(f"the gate's run {run_id} left no artifact {ARTIFACT}", hint=AGAIN)
        if not fresh:
            raise RefusedError(f"the artifact {ARTIFACT} of the gate's run {run_id} has expired", hint=AGAIN)
        if len(fresh) > 1:
            raise RefusedError(f"the gate's run {run_id} left {len(fresh)} artifacts {ARTIFACT}, not one", hint=AGAIN)
        with temporary_directory("provenance", self.temp) as place:
            from release_channels.adapters.build_artifact import read_only_member

            archive = place / "artifact.zip"
            self.github.download_artifact(fresh[0].id, archive, _ARCHIVE_BYTES)
            return parse_provenance(read_only_member(archive, PROVENANCE, MAX_BYTES))

    def newest_test(self, commit: str) -> WorkflowRun:
        """Return the newest test run of a commit, which must have passed.

        Raises: RefusedError with every reason why it does not count.
        """
        workflow = self.config.test_workflow
        run = self.github.newest_run(workflow, commit)
        if run is None:
            raise RefusedError(f"{workflow} has not run for commit {commit[:12]}", hint="push it to main first")
        _require(check_test_run(run, commit, self.repository, self.config), f"see {run.url}")
        return run

    def find_gate(self, test: WorkflowRun) -> WorkflowRun | None:
        """Find the newest gate run whose title names a test run; the title is not verified."""
        title = gate_title(test.sha, test.id)
        try:
            return self.github.find_run(self.config.gate_workflow, title, event="workflow_run", since=test.created_at)
        except NotFoundError:  # a workflow that has never run is not known to GitHub
            return None

    def newest_gate(self, test: WorkflowRun) -> WorkflowRun:
        """Return the newest gate run after a test run, which must have passed.

        Raises: RefusedError with every reason why it does not count.
        """
        run = self.find_gate(test)
        if run is None:
            workflow = self.config.gate_workflow
            raise RefusedError(f"{workflow} has not run for commit {test.sha[:12]} (test run {test.id})", hint=AGAIN)
        _require(check_gate_run(run, self.repository, self.config), f"see {run.url}")
        return run


def verify_commit(inquiry: ProvenanceQuery, commit: str) -> VerifiedRun:
    """Verify that the newest attempts of tests and gate passed for exactly this commit.

    Raises: RefusedError if they did not, or GitHub does not answer.
    """
    test = inquiry.newest_test(commit)
    return (
        verify_gate(inquiry, test)
        if inquiry.config.gate.enabled
        else VerifiedRun(commit, test.number, describe_test_run(test))
    )


def verify_gate(inquiry: ProvenanceQuery, test: WorkflowRun) -> VerifiedRun:
    """Verify that the newest attempt of the gate passed after a test run.

    Raises: RefusedError if it did not, or GitHub does not answer.
    """
    gate = inquiry.newest_gate(test)
    return verify_provenance(inquiry.provenance(gate.id), test, gate, inquiry.repository, inquiry.config)


def verify_event(inquiry: ProvenanceQuery, event: EventRun) -> VerifiedRun:
    """Verify the run that started this workflow; the event and the run's artifact are only claims.

    Raises: RefusedError if any of it does not hold, or GitHub does not answer.
    """
    github, config, repository = inquiry.github, inquiry.config, inquiry.repository
    if event.repository.lower() != repository.lower():
        raise RefusedError(f"the event is of {event.repository}, not of {repository}", hint=AGAIN)
    run = github.run(event.id)
    if run.attempt != event.attempt:
        raise RefusedError(
            f"attempt {event.attempt} of run {event.id} started this, and its newest attempt is {run.attempt}",
            hint="a newer attempt that succeeds starts this workflow automatically",
        )
    if not config.gate.enabled:
        _require(check_test_run(run, run.sha, repository, config), f"see {run.url}")
        return VerifiedRun(run.sha, run.number, describe_test_run(run))
    # Before its artifact is opened: a run of something else must not get that far.
    _require(check_gate_run(run, repository, config), f"see {run.url}")
    claim = inquiry.provenance(run.id)
    return verify_provenance(claim, github.run(claim.test_run.id), run, repository, config)


def require_on_main(git: Git, proof: VerifiedRun, config: Config, env: Mapping[str, str]) -> None:
    """Require that a verified commit is in this clone, and contained in the current main.

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
    if relation_to_main(git, commit, config, env) not in (Relation.SAME, Relation.ANCESTOR):
        raise RefusedError(
            f"the proven commit {commit.short} is not contained in {main}", hint="previews come from main alone"
        )


def open_provenance_query(git: Git, config: Config, env: Mapping[str, str]) -> ProvenanceQuery | None:
    """Connect to the project's repository on GitHub; None if it is not there."""
    name = repository_name(config.repository, git.remote_url(config.remote), env)
    return ProvenanceQuery(connect(name, env), config, read_actions(env).temp) if name else None


def _require(wrong: Iterable[str], hint: str) -> None:
    found = list(wrong)
    if found:
        raise RefusedError("; ".join(found), hint=hint)
