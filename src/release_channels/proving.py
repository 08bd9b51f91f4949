"""When a run has to prove its commit, and the session that does nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_env import Actions
from release_channels.adapters.actions_event import read_event_run
from release_channels.adapters.git import Git
from release_channels.adapters.index import DEFAULT, FOR_PRACTICE
from release_channels.cli.context import open_project
from release_channels.cli.options import Options
from release_channels.cli.run import run_told
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.config import Proof as Demand
from release_channels.model.observed import Commit
from release_channels.model.outcome import Outcome, Result
from release_channels.model.plan import Plan
from release_channels.model.strict_json import ManifestFile
from release_channels.model.verification import Proof
from release_channels.model.version import Channel, Line, line_of, preview_of
from release_channels.project.pyproject import Project
from release_channels.steps.prove import open_inquiry, prove_commit, prove_event, require_place

# What comes before the upload, and the upload: each proves for itself, since each may be a job of its own.
_STEPS = frozenset({"build", "check", "preview-publish", "public-publish"})


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof brings into a run: the files that the gate tested, and what was left open."""

    files: tuple[ManifestFile, ...] = ()
    warnings: tuple[str, ...] = ()


def prove_preview(
    git: Git, config: Config, steps: Sequence[str], options: Options, actions: Actions, env: Mapping[str, str]
) -> Proof | None:
    """Prove, in the preview workflow, which commit it is about; elsewhere nothing claims to know.

    Raises: RefusedError if it cannot be proven, or another commit or run number was given by hand.
    """
    if actions.workflow != config.preview_workflow or not _STEPS.intersection(steps):
        return None
    proof = prove_trigger(git, config, actions, env)
    for option, value, proven in (("--commit", options.commit, proof.commit), ("--run-number", options.run, proof.run)):
        if value not in (None, "HEAD", proven):
            raise RefusedError(f"{option} {value} was given, and {proven} is proven", hint=f"leave {option} out")
    return proof


def prove_trigger(git: Git, config: Config, actions: Actions, env: Mapping[str, str]) -> Proof:
    """Prove what the run that started this workflow stands for.

    Raises: RefusedError if another event started it, or any of it does not hold.
    """
    event = read_event_run(env)
    before = config.gate_workflow if config.gate.enabled else config.test_workflow
    if event is None:
        raise RefusedError(
            f"{actions.workflow} was started by {actions.event or 'no event'}, and a preview follows a run of {before}",
            hint=f"previews are published by themselves after {before}; to practise, `nox -s preview` in a clone",
        )
    inquiry = open_inquiry(git, config, env)
    if inquiry is None:
        raise RefusedError("there is no GitHub repository to ask", hint="GITHUB_REPOSITORY names it in a workflow")
    with inquiry.hub:
        proof = prove_event(inquiry, event)
    require_place(git, proof, config, env)
    _show(proof)
    return proof


def prove_public(git: Git, project: Project, steps: Sequence[str], plan: Plan, env: Mapping[str, str]) -> Proven:
    """Ask whether tests and gate passed for the commit of a public release, unless that is practice.

    Raises: RefusedError if they did not, unless `public-proof` is to warn.
    """
    if plan.channel is not Channel.PUBLIC or plan.index in FOR_PRACTICE or not _STEPS.intersection(steps):
        return Proven()
    config = project.config
    try:
        inquiry = open_inquiry(git, config, env)
        if inquiry is None:
            return Proven(warnings=(f"tests and gate were not asked: the remote {config.remote} is not on GitHub",))
        with inquiry.hub:
            proof = prove_commit(inquiry, plan.commit)
    except RefusedError as stop:
        if config.public_proof is Demand.WARN:
            return Proven(warnings=(f"not proven: {stop}",))
        hint = f'{stop.hint}\nor set public-proof = "warn" in [tool.release-channels]'
        raise RefusedError(f"not proven: {stop}", hint=hint.strip()) from stop
    _show(proof)
    return gated(proof, plan, project)


def gated(proof: Proof | None, plan: Plan, project: Project) -> Proven:
    """Give the files that the gate tested, if it tested the version that is to be published.

    Raises: RefusedError if it tested another one, and the version is one that a file holds.
    """
    if proof is None or proof.version is None or plan.version in (None, proof.version):
        return Proven(proof.files if proof else ())
    message = f"the gate tested {proof.version}, and this is {plan.version}"
    if project.source.is_written or plan.channel is Channel.PREVIEW:
        raise RefusedError(message, hint="run the test workflow again for that commit: the gate follows it by itself")
    return Proven(warnings=(f"{message}: the tag made the version, so the bytes cannot be compared",))


def run_provenance(
    words: Sequence[str], *, root: Path, env: Mapping[str, str] = os.environ, dry_run: bool = False
) -> Outcome:
    """Prove which commit and run passed tests and gate: of the event that started this, else of a commit by hand."""
    return run_told(
        "provenance", words, lambda options, actions: _provenance(options, actions, root, env),
        root=root, env=env, dry_run=dry_run,
    )  # fmt: skip


def _provenance(options: Options, actions: Actions, root: Path, env: Mapping[str, str]) -> Outcome:
    git = Git.open(root)
    commit = git.commit(options.commit)
    config = open_project(git, commit).config
    is_event = actions.event == "workflow_run"
    proof = prove_trigger(git, config, actions, env) if is_event else _prove_by_hand(git, config, commit, env)
    project = open_project(git, git.commit(proof.commit), index=DEFAULT, env=env)
    version = _version(project, proof)
    gate = f"{config.test_workflow} and {config.gate_workflow}" if config.gate.enabled else config.test_workflow
    source = "the event" if is_event else "--commit" if options.commit != "HEAD" else "the checkout"
    console.say(f"  the commit comes from {source}")
    return Outcome(
        Result.DONE, f"{gate} passed for commit {proof.commit[:12]}, test run {proof.run}", project=project.name,
        version=version, commit=proof.commit, run_number=proof.run,
    )  # fmt: skip


def _version(project: Project, proof: Proof) -> str:
    if proof.version is not None:
        return str(proof.version)
    is_dev = line_of(project.version) is Line.DEV
    return str(preview_of(project.version, proof.run + project.config.run_offset) if is_dev else project.version)


def _prove_by_hand(git: Git, config: Config, commit: Commit, env: Mapping[str, str]) -> Proof:
    inquiry = open_inquiry(git, config, env)
    if inquiry is None:
        raise UsageError(
            f"the remote {config.remote} is not on GitHub: nobody can be asked",
            hint="`repository` in [tool.release-channels] names it",
        )
    with inquiry.hub:
        proof = prove_commit(inquiry, commit.sha)
    _show(proof)
    return proof


def _show(proof: Proof) -> None:
    console.say("proven:", style="bold")
    for line in proof.said:
        console.say(f"  {line}")
