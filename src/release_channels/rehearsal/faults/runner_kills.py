"""Faults of runs: killed, duplicated or out of order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from release_channels.adapters.process import run_pair
from release_channels.errors import RefusedError
from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.actions.workflow import Workflow
from release_channels.rehearsal.faults.fault import AGAIN, End, Fault, FaultContext, Injection, again, held_at, kill


@contextmanager
def _nothing(context: FaultContext) -> Iterator[Injection]:
    yield Injection(f"two runs of {context.workflow.file}")


def _twice(context: FaultContext, injection: Injection) -> WorkflowRunResult:
    """Run the workflow twice in parallel, as if GitHub's concurrency group were missing."""
    one, other = run_pair(partial(context.release, injection), partial(context.release, injection))
    injection.fired = int(one.number != other.number)
    for ran in (one, other):
        if not ran.is_green:
            return ran
    return other


def _out_of_order(context: FaultContext, injection: Injection) -> WorkflowRunResult:
    """Publish the preview of a later commit before that of an earlier one."""
    environment, dispatcher = context.environment, context.dispatcher
    environment.git("commit", "--quiet", "--allow-empty", "--message", "Later")
    environment.git("push", "--quiet", environment.config.remote, environment.config.main_branch)
    later = dispatcher.run_all(dispatcher.pushed())
    injection.fired = int(bool(later) and later[-1].workflow.file == context.workflow.file)
    return context.release(injection) if all(ran.is_green for ran in later) else later[-1]


def kills(workflow: Workflow, channel: Channel) -> tuple[Fault, ...]:
    """Build a fault that kills the runner, for each `run:` step of a release workflow."""
    places = [(job.id, step.id) for job in workflow.jobs for step in job.steps if step.run and job.id != "preflight"]
    return tuple(_killed(f"killed-{channel}-{job}-{step}", channel, job, step) for job, step in places)


def _killed(name: str, channel: Channel, job: str, step: str) -> Fault:
    return Fault(
        name, f"the runner is killed in {job}, before step {step}", channel,
        partial(held_at, job=job, step=step, action=kill), "", End.CONVERGED, AGAIN, again,
    )  # fmt: skip


def _publishing_step(context: FaultContext) -> tuple[str, str]:
    """Find the step that uploads.

    Raises: RefusedError if there is none.
    """
    for job in context.workflow.jobs:
        for step in job.steps:
            if f"{context.channel}-publish" in step.run:
                return job.id, step.id
    raise RefusedError(
        f"{context.workflow.file} has no step that publishes", hint="`release-channels doctor` compares the files"
    )


@contextmanager
def _at_publishing(context: FaultContext) -> Iterator[Injection]:
    job, step = _publishing_step(context)
    with held_at(context, job, step, kill) as injection:
        yield injection


FAULTS = (
    Fault(
        "killed", "the runner is killed right before the upload", Channel.PREVIEW, _at_publishing, "", End.CONVERGED,
        AGAIN, again,
    ),
    Fault(
        "twice", "the same run is started twice at once", Channel.PREVIEW, _nothing, "published", End.CONVERGED,
        action=_twice,
    ),
    Fault(
        "out-of-order", "the preview of a later commit is published first", Channel.PREVIEW, _nothing, "late", End.MORE,
        action=_out_of_order,
    ),
)  # fmt: skip
