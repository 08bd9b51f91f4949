"""The tag is not what it should be: moved in the middle, or on a side branch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from release_channels.model.version import Channel
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.faults.fault import End, Fault, FaultContext, Injection, held_at


@contextmanager
def _moved(scene: FaultContext) -> Iterator[Injection]:
    """Move the tag after the build, before the job that publishes begins."""
    job = next(job for job in scene.workflow.jobs if job.id == "publish")
    step = next(step for step in job.steps if f"{scene.channel}-publish" in step.run)

    def move(_injection: Injection) -> None:
        parent = scene.environment.git("rev-parse", f"{scene.event.sha}^", at=scene.environment.remote)
        scene.environment.git("update-ref", f"refs/tags/{scene.tag}", parent, at=scene.environment.remote)

    with held_at(scene, job.id, step.id, move) as injection:
        yield injection


@contextmanager
def _nothing(scene: FaultContext) -> Iterator[Injection]:
    yield Injection(f"the tag {scene.tag}")


def _aside(scene: FaultContext, injection: Injection) -> WorkflowRunResult:
    """Tag a commit that no merge has brought to main."""
    environment = scene.environment
    tree = environment.git("rev-parse", f"{scene.event.sha}^{{tree}}", at=environment.remote)
    words = ("commit-tree", tree, "-p", scene.event.sha, "-m", "Aside")
    side = environment.git(*words, at=environment.remote)
    environment.git("update-ref", "refs/heads/aside", side, at=environment.remote)
    environment.git("update-ref", f"refs/tags/{scene.tag}", side, at=environment.remote)
    injection.fired = 1
    event = replace(scene.event, sha=side, payload={**scene.event.payload, "after": side})
    return scene.dispatcher.run(scene.workflow, event)


FAULTS = (
    Fault(
        "tag-moved", "somebody moves the tag between build and publish", Channel.PUBLIC, _moved,
        "a release tag is never moved", End.UNCHANGED,
    ),
    Fault(
        "tag-aside", "the tag is on a commit that main does not contain", Channel.PUBLIC, _nothing,
        "is not contained in", End.UNCHANGED, act=_aside,
    ),
)  # fmt: skip
