"""Overrides and result of one workflow run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from release_channels.model.outcome import Result
from release_channels.model.workflow_semantics.triggers import Event
from release_channels.rehearsal.actions.act import ActResult
from release_channels.rehearsal.actions.permissions import Breakpoint
from release_channels.rehearsal.actions.workflow import Workflow

_OUTCOME = re.compile(rf"^({'|'.join(re.escape(result) for result in Result)}): .*$")


@dataclass(frozen=True, slots=True)
class RunOverrides:
    """Differences from the workflow file, set by a fault or an option; `seconds` is the run's time limit."""

    stops: tuple[Breakpoint, ...] = ()
    without: tuple[str, ...] = ()
    """Jobs that lose a right, as in `publish/id-token: write`."""
    mark: str = ""
    """By what its processes are known to somebody who ends them."""
    env: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 900


@dataclass(frozen=True, slots=True)
class WorkflowRunResult:
    """One completed workflow run: its event, its result and its duration in seconds."""

    id: int
    number: int
    attempt: int
    workflow: Workflow
    event: Event
    act_result: ActResult
    jobs: Mapping[str, str]
    conclusion: str
    seconds: float
    not_rehearsed: tuple[str, ...]

    @property
    def is_green(self) -> bool:
        """True if it succeeded."""
        return self.conclusion == "success"

    @property
    def outcomes(self) -> tuple[str, ...]:
        """The outcome lines of its sessions, in order."""
        return tuple(line.text for line in self.act_result.lines if _OUTCOME.match(line.text))

    def outcome(self) -> str:
        """Return the most informative outcome: a failure, otherwise a publication, otherwise the last one."""
        text = [line for line in self.outcomes if not line.startswith(f"{Result.DONE}:")] or list(self.outcomes)
        for kinds in ((Result.REFUSED, Result.FAILED), (Result.PUBLISHED, Result.ALREADY), (Result.SKIPPED,)):
            for line in text:
                if line.startswith(tuple(f"{kind}:" for kind in kinds)):
                    return line
        return text[-1] if text else self.conclusion

    def __str__(self) -> str:
        """Format it for people."""
        again = f", attempt {self.attempt}" if self.attempt > 1 else ""
        return f"{self.workflow.file} #{self.number}{again}"
