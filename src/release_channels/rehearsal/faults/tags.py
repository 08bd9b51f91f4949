"""Faults of tags: moved during the run, or on a side branch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.faults.fault import End, Fault, FaultContext, Injection, held_at


@contextmanager
def _moved(context: FaultContext) -> Iterator[Injection]:
    """Move the tag after the build, before the job that publishes begins."""
    job = next(job for job in context.workflow.jobs if job.id == "publish")
    step = next(step for step in job.steps if f"{context.channel}-publish" in step.run)

    def move(_injection: Injection) -> None:
        parent = context.environment.git("rev-parse", f"{context.event.sha}^", at=context.environment.remote)
        context.environment.git("update-ref", f"refs/tags/{context.tag}", parent, at=context.environment.remote)

    with held_at(context, job.id, step.id, move) as injection:
        yield injection


@contextmanager
def _nothing(context: FaultContext) -> Iterator[Injection]:
    yield Injection(f"the tag {context.tag}")


def _aside(context: FaultContext, injection: Injection) -> WorkflowRunResult:
    """Tag a commit that no merge has brought to main."""
    environment = context.environment
    tree = environment.git("rev-parse", f"{context.event.sha}^{{tree}}", at=environment.remote)
    words = ("commit-tree", tree, "-p", context.event.sha, "-m", "Aside")
    side = environment.git(*words, at=environment.remote)
    environment.git("update-ref", "refs/heads/aside", side, at=environment.remote)
    environment.git("update-ref", f"refs/tags/{context.tag}", side, at=environment.remote)
    injection.fired = 1
    event = replace(context.event, sha=side, payload={**context.event.payload, "after": side})
    return context.dispatcher.run(context.workflow, event)


FAULTS = (
    Fault(
        "tag-moved", "somebody moves the tag between build and publish", Channel.PUBLIC, _moved,
        "a release tag is never moved", End.UNCHANGED,
    ),
    Fault(
        "tag-aside", "the tag is on a commit that main does not contain", Channel.PUBLIC, _nothing,
        "is not contained in", End.UNCHANGED, action=_aside,
    ),
)  # fmt: skip
