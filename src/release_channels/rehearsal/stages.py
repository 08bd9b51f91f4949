"""Stages of a rehearsal, run in sequence or in the background."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from release_channels.adapters import console
from release_channels.adapters.console import Running
from release_channels.adapters.process import background
from release_channels.errors import ReleaseError
from release_channels.model.outcome import Result
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.end_users import Resolved, describe

if TYPE_CHECKING:
    from rich.text import Text

GLANCE = 0.2
"""Seconds between two polls of background stages."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the table; its duration is in seconds."""

    name: str
    ran: str
    outcome: str
    got: tuple[Resolved, ...]
    seconds: float

    @property
    def brings(self) -> str:
        """The versions that the installers resolve after the stage."""
        return describe(self.got) if self.got else ""


FinishedStage = tuple[Stage, "ReleaseError | None", "WorkflowRunResult | None"]
"""A stage, its error, and its workflow run, each of the two if any."""


@dataclass(slots=True)
class StageLog:
    """Log of stages in the order of their start, including those in the background."""

    stages: list[Stage] = field(default_factory=list)
    _background: dict[int, Future[FinishedStage]] = field(default_factory=dict)
    _ends: ExitStack = field(default_factory=ExitStack)
    _stops: dict[int, ReleaseError] = field(default_factory=dict)
    """Errors by stage number; the first one is reported."""
    _running: dict[int, Running] = field(default_factory=dict)
    """What is under way, by stage number, for a spinner."""

    def __rich__(self) -> Text:
        """Format what is under way for a terminal."""
        from rich.text import Text

        return Text(", ".join(str(one) for one in tuple(self._running.values())))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Wait for all background stages when the block succeeds, and terminate them when it fails.

        Raises: the first error in stage order, since later ones may be consequences.
        """
        with console.spinner(self), self._ends:
            try:
                yield
                for number in sorted(self._background):
                    self.wait_for(number)
            except ReleaseError as stop:
                self.collect_finished()
                first = self._stops[min(self._stops)] if self._stops else stop
                raise first from first.__cause__

    def visit(self, name: str, action: Callable[[], FinishedStage]) -> WorkflowRunResult | None:
        """Run a stage, and return its workflow run, if any.

        Raises: ReleaseError of the stage.
        """
        number = self._begin(name)
        return self._end(number, self._timed(number, name, action))

    def start_in_background(self, name: str, action: Callable[[], FinishedStage]) -> int:
        """Start a stage in the background, and return its number."""
        number = self._begin(name)
        self._background[number] = self._ends.enter_context(background(lambda: self._timed(number, name, action)))
        return number

    def _timed(self, number: int, name: str, action: Callable[[], FinishedStage]) -> FinishedStage:
        """Run a stage with a line when it begins and one when it ends."""
        self._running[number] = one = console.running(name)
        console.say(f"{name} …", style="bold")
        try:
            return action()
        finally:
            del self._running[number]
            console.say(f"{name}: ended after {one.seconds} s")

    def future(self, number: int) -> Future[FinishedStage]:
        """Return the future of a background stage by its number."""
        return self._background[number]

    def wait_for(self, number: int) -> WorkflowRunResult | None:
        """Wait for a background stage by its number, and return its workflow run, if any.

        Raises: ReleaseError of the stage.
        """
        return self._end(number, self._background.pop(number).result())

    def _begin(self, name: str) -> int:
        self.stages.append(Stage(name, "", "cancelled: an earlier stage failed", (), 0))
        return len(self.stages) - 1

    def _end(self, number: int, visited: FinishedStage) -> WorkflowRunResult | None:
        self.stages[number], stop, ran = visited
        if stop:
            self._stops[number] = stop
            raise stop
        return ran

    def collect_finished(self) -> None:
        """Record the background stages that have finished."""
        wait(self._background.values(), timeout=GLANCE)  # what waits for one that has ended ends at once
        for number, future in self._background.items():
            if future.done() and not future.exception():
                self.stages[number], stop, _ = future.result()
                if stop:
                    self._stops[number] = stop


def tried(name: str, action: Callable[[], tuple[str, str]]) -> FinishedStage:
    """Run an action, and return its stage, with the error if it failed."""
    begun = time.monotonic()
    try:
        ran, outcome = action()
    except ReleaseError as stop:
        return Stage(name, "", f"{Result.FAILED}: {stop}", (), time.monotonic() - begun), stop, None
    return Stage(name, ran, outcome, (), time.monotonic() - begun), None, None
