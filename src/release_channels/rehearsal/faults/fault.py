"""A fault, and the context it is injected into."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from release_channels.model.version import Channel
from release_channels.model.workflow_semantics.triggers import Event
from release_channels.rehearsal.actions.dispatcher import WorkflowDispatcher
from release_channels.rehearsal.actions.permissions import Breakpoint
from release_channels.rehearsal.actions.processes import end_marked
from release_channels.rehearsal.actions.run import RunOverrides, WorkflowRunResult
from release_channels.rehearsal.actions.workflow import Workflow
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.rehearsal.maintainer import Maintainer

_PAUSE = 0.05  # seconds


class End(StrEnum):
    """Expected published state after a fault."""

    CONVERGED = "converged"
    """As after a release without any fault."""
    UNCHANGED = "unchanged"
    """As before."""
    MORE = "converged, and more"
    """As after a release without any fault, and what the fault itself brought."""


@dataclass(slots=True)
class Injection:
    """An injected fault: its position, the run's overrides, and how many times it fired."""

    where: str
    changes: RunOverrides = field(default_factory=RunOverrides)
    fired: int = 0


@dataclass(frozen=True, slots=True)
class FaultContext:
    """Environment right before a release workflow starts, with all earlier runs successful."""

    environment: RehearsalEnvironment
    dispatcher: WorkflowDispatcher
    maintainer: Maintainer
    channel: Channel
    workflow: Workflow
    event: Event
    gate: WorkflowRunResult | None
    """The run that the preview follows."""
    tag: str = ""

    def release(self, injection: Injection) -> WorkflowRunResult:
        """Run the release workflow."""
        return self.dispatcher.run(self.workflow, self.event, injection.changes)


Inject = Callable[[FaultContext], AbstractContextManager[Injection]]
FaultAction = Callable[[FaultContext, Injection], WorkflowRunResult]
Recover = Callable[[FaultContext, WorkflowRunResult], WorkflowRunResult]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, how to inject it, and its expected end."""

    name: str
    what: str
    channel: Channel
    inject: Inject
    sees: str
    """The words of the run's log that a user reads."""
    end: End
    then: str = ""
    """The documented next command; nothing where the run gets over it automatically, or nothing is to be done."""
    recover: Recover | None = None
    action: FaultAction = FaultContext.release
    needs_gate: bool = False
    """True if there has to be a gate for it to fire; `all` leaves it out where there is none."""


AGAIN = "re-run the jobs of the run"
RESUME = "gh workflow run {file} --ref {tag} -f do=resume"


def again(context: FaultContext, ran: WorkflowRunResult) -> WorkflowRunResult:
    """Re-run all jobs, as GitHub's button does."""
    return context.dispatcher.run_again(ran)


def resume(context: FaultContext, _ran: WorkflowRunResult) -> WorkflowRunResult:
    """Complete the release: dispatch the public workflow on the tag."""
    return context.dispatcher.dispatch(context.workflow.file, f"refs/tags/{context.tag}", {"do": "resume"})


@contextmanager
def held_at(context: FaultContext, job: str, step: str, action: Callable[[Injection], None]) -> Iterator[Injection]:
    """Run an action while a run waits before a step; the step continues afterwards unless it was killed."""
    directory = context.environment.directory / f"stop-{secrets.token_hex(4)}"
    directory.mkdir()
    stop = Breakpoint(job, step, str(directory))
    injection = Injection(f"before {job}/{step}", RunOverrides(stops=(stop,), mark=secrets.token_hex(12)))
    over = threading.Event()

    def wait() -> None:
        while not over.wait(_PAUSE):
            if Path(stop.reached).exists():
                injection.fired += 1
                action(injection)
                Path(stop.go).touch()
                return

    watcher = threading.Thread(target=wait, name="fault", daemon=True)
    watcher.start()
    try:
        yield injection
    finally:
        over.set()
        watcher.join()


def kill(injection: Injection) -> None:
    """Kill all processes of the run at once."""
    end_marked(injection.changes.mark)
