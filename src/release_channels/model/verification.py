"""Verify untrusted manifests, provenance and runs against values that were read again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.errors import RefusedError

if TYPE_CHECKING:
    from release_channels.model.config import Config
    from release_channels.model.decide import Plan
    from release_channels.model.github import WorkflowRun
    from release_channels.model.manifest import Manifest
    from release_channels.model.strict_json import ManifestFile
    from release_channels.model.tested_commit import Provenance

WORKFLOWS = ".github/workflows"
AGAIN = "run the test workflow again for that commit (`gh run rerun`): the gate follows automatically"


@dataclass(frozen=True, slots=True)
class VerifiedRun:
    """A commit's verified test run, and the files that the gate tested."""

    commit: str
    run: int
    """The number of the test run, which is in the preview's version."""
    origins: tuple[str, ...]
    """The origin of each value, one sentence each."""
    version: Version | None = None
    """The version that was gated; None without a gate."""
    files: tuple[ManifestFile, ...] = ()
    """The gated files: nothing else may be published."""


def verify_manifest(manifest: Manifest, plan: Plan) -> Manifest:
    """Verify that a manifest agrees with the plan in channel, project, version, run and commit, and return it.

    Raises: RefusedError that lists every disagreement.
    """
    wrong = list(_disagreements(manifest, plan))
    if wrong:
        raise RefusedError(
            "release.json does not describe this release: " + "; ".join(wrong),
            hint="build again with the same options: `nox -s build`, or all steps at once: `nox -s preview`",
        )
    return manifest


def verify_gated(manifest: Manifest, gated: Sequence[ManifestFile]) -> Manifest:
    """Verify that a manifest's files are byte for byte the gated ones, if any were gated, and return it.

    Raises: RefusedError that lists each file with both digests.
    """
    built, tested = ({file.name: file.sha256 for file in files} for files in (manifest.files, gated))
    wrong = [
        f"{name} has sha256 {built.get(name, 'none')} here, and {tested.get(name, 'none')} in the gate"
        for name in sorted(built | tested)
        if built.get(name) != tested.get(name)
    ]
    if gated and wrong:
        raise RefusedError(
            "the files differ from those that the gate tested: " + "; ".join(wrong),
            hint="the build backend was probably updated: pin it with build-constraints.\n" + AGAIN,
        )
    return manifest


def gate_title(commit: str, test_run: int) -> str:
    """Return the title of the gate's run, which identifies it: the workflow's `run-name` is the same.

    Source: GitHub lists a run that follows another one under the newest commit of the default branch.
    """
    return f"gate of {commit}, test run {test_run}"


def check_test_run(run: WorkflowRun, commit: str, repository: str, config: Config) -> Iterator[str]:
    """Check that a run is the passed test run of a commit that was pushed to main; yield every problem."""
    yield from _check_run("the test run", run, config.test_workflow, "push", repository, config)
    if run.sha != commit:
        yield f"the test run {run.id} tested commit {run.sha[:12]}, not {commit[:12]}"


def check_gate_run(run: WorkflowRun, repository: str, config: Config) -> Iterator[str]:
    """Check that a run is a passed gate that a test run of this repository triggered; yield every problem."""
    yield from _check_run("the gate's run", run, config.gate_workflow, "workflow_run", repository, config)


def verify_provenance(
    claim: Provenance, test: WorkflowRun, gate: WorkflowRun, repository: str, config: Config
) -> VerifiedRun:
    """Verify a provenance against GitHub's data of both runs, which were read by their ids.

    Raises: RefusedError that lists every disagreement.
    """
    wrong = [
        *check_gate_run(gate, repository, config),
        *_compare_gate(claim, gate),
        *check_test_run(test, claim.commit, repository, config),
        *_compare_test(claim, test, repository),
    ]
    if wrong:
        raise RefusedError(f"the provenance of run {gate.id} is not proven: " + "; ".join(wrong), hint=AGAIN)
    return VerifiedRun(
        claim.commit,
        test.number,
        (*describe_test_run(test), f"{gate.workflow} passed for it: run {gate.id}, attempt {gate.attempt}"),
        claim.version,
        claim.files,
    )


def describe_test_run(test: WorkflowRun) -> tuple[str, ...]:
    """Return the sentence about the test run that was verified."""
    return (f"{test.workflow} passed for commit {test.sha[:12]}: run {test.number}, attempt {test.attempt}",)


def _check_run(
    what: str, run: WorkflowRun, workflow: str, event: str, repository: str, config: Config
) -> Iterator[str]:
    what = f"{what} {run.id}"
    path = f"{WORKFLOWS}/{workflow}"
    if run.path != path:
        yield f"{what} is of {run.path}, not of {path}"
    if run.repository.lower() != repository.lower():
        yield f"{what} belongs to {run.repository}, not to {repository}"
    if run.event != event:
        yield f"{what} was started by {run.event}, not by {event}"
    if (run.head_repository or "").lower() != repository.lower():
        yield f"{what} is of a commit of {run.head_repository or 'a deleted repository'}, not of {repository}"
    if run.branch != config.main_branch:
        yield f"{what} is of the branch {run.branch}, not of {config.main_branch}"
    if not run.is_done:
        yield f"{what} is {run.status} again, in attempt {run.attempt}"
    elif not run.is_green:
        yield f"{what} ended {run.conclusion} in attempt {run.attempt}"


def _compare_gate(claim: Provenance, gate: WorkflowRun) -> Iterator[str]:
    ran = claim.gate_run
    if ran is None:
        yield "it states that no GitHub Actions run created it"
    elif ran.id != gate.id:
        yield f"it states run {ran.id} as its origin, but it was found in run {gate.id}"
    elif ran.attempt != gate.attempt:
        yield f"it is from attempt {ran.attempt} of the gate's run, whose newest attempt is {gate.attempt}"


def _compare_test(claim: Provenance, test: WorkflowRun, repository: str) -> Iterator[str]:
    ran = claim.test_run
    if claim.repository.lower() != repository.lower():
        yield f"it is of the repository {claim.repository}, not of {repository}"
    if ran.id != test.id:
        yield f"it names the test run {ran.id}, not {test.id}"
    if ran.path != test.path:
        yield f"it names {ran.path}, but the test run is of {test.path}"
    if ran.number != test.number:
        yield f"it gives the test run the number {ran.number}, but GitHub has {test.number}"
    if ran.attempt != test.attempt:
        yield f"it is about attempt {ran.attempt} of the test run, whose newest attempt is {test.attempt}"


def _disagreements(manifest: Manifest, plan: Plan) -> Iterable[str]:
    pairs = (
        ("channel", manifest.channel, plan.channel),
        ("project", manifest.project, plan.project),
        ("version", manifest.version, plan.version),
        ("run", manifest.run, plan.run),
        ("commit", manifest.commit, plan.commit),
    )
    for what, claimed, derived in pairs:
        if claimed != derived:
            yield f"{what} is {claimed}, and should be {derived}"
