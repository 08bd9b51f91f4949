"""Faults that forge inputs: the provenance, the manifest, or the run itself."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from release_channels.model.tested_commit import ARTIFACT, PROVENANCE
from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.faults.fault import AGAIN, End, Fault, FaultContext, Injection, again
from release_channels.release.dist_dir import MANIFEST

_OTHER = "0" * 40


@contextmanager
def _provenance(context: FaultContext) -> Iterator[Injection]:
    """Change the gate's artifact so that it names untested files."""
    injection = Injection(f"the artifact {ARTIFACT}")
    with context.environment.state.lock:
        for artifact in context.environment.state.artifacts.values():
            if artifact.name == ARTIFACT and context.gate and artifact.run_id == context.gate.id:
                artifact.archive = _changed(artifact.archive, PROVENANCE, _other_digests)
                injection.fired += 1
    yield injection


@contextmanager
def _manifest(context: FaultContext) -> Iterator[Injection]:
    """Make the build hand on a manifest of another commit."""
    injection = Injection("the artifact of the build")

    def alter(_name: str, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        if MANIFEST not in files:
            return files
        injection.fired += 1
        content = json.loads(files[MANIFEST])
        return {**files, MANIFEST: json.dumps({**content, "commit": _OTHER}).encode()}

    context.environment.runner.artifact_hooks.append(alter)
    try:
        yield injection
    finally:
        context.environment.runner.artifact_hooks.clear()


def _changed(archive: bytes, member: str, change: Callable[[dict[str, object]], dict[str, object]]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as before, zipfile.ZipFile(packed, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, json.dumps(change(json.loads(content))).encode() if name == member else content)
    return packed.getvalue()


def _other_digests(content: dict[str, object]) -> dict[str, object]:
    files = content["files"]
    assert isinstance(files, list)
    return {**content, "files": [{**file, "sha256": "0" * 64} for file in files]}


def _gate_again(context: FaultContext, _ran: WorkflowRunResult) -> WorkflowRunResult:
    """Re-run the gate, which rebuilds the artifact, and the workflow that follows it."""
    assert context.gate is not None
    gate = context.dispatcher.run_again(context.gate)
    return context.dispatcher.run(context.workflow, context.dispatcher.completed(gate))


@contextmanager
def _nothing(context: FaultContext) -> Iterator[Injection]:
    yield Injection(f"the event of {context.workflow.file}")


def _from_fork(context: FaultContext, injection: Injection) -> WorkflowRunResult:
    """Make a run of a fork, whose branch is called like main, come to its end."""
    assert context.gate is not None
    run_id = context.environment.state.add_run(
        context.gate.workflow.file, context.gate.event.sha, event=context.gate.event.name, title=_title(context),
        branch=context.environment.config.main_branch, head_repository="someone/fork",
    )  # fmt: skip
    event = context.dispatcher.completed_run(run_id, context.gate.workflow)
    injection.fired = 1
    ran = context.dispatcher.run(context.workflow, event)
    # Whoever takes the condition out of the job must still be stopped: the tool asks for itself.
    unguarded = replace(context.workflow, text=context.workflow.text.replace(_CONDITION, "true"))
    return context.dispatcher.run(unguarded, event) if _CONDITION in context.workflow.text else ran


_CONDITION = "github.event.workflow_run.head_repository.full_name == github.repository"


def _title(context: FaultContext) -> str:
    assert context.gate is not None
    return context.environment.state.runs[context.gate.id].title


FAULTS = (
    Fault(
        "forged-provenance", "the gate's artifact names other files", Channel.PREVIEW, _provenance,
        "refused", End.CONVERGED, "re-run the gate, which the preview follows", _gate_again,
        needs_gate=True,
    ),
    Fault(
        "forged-manifest", "the build's artifact is from another commit", Channel.PREVIEW, _manifest,
        "release.json does not describe this release", End.CONVERGED, AGAIN, again,
    ),
    Fault(
        "fork-run", "a run of a fork ends on a branch called like main", Channel.PREVIEW, _nothing,
        "someone/fork", End.UNCHANGED, action=_from_fork,
    ),
)  # fmt: skip
