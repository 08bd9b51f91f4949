"""Follow a workflow run to its end, and report what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from release_channels.adapters import console
from release_channels.errors import FailedError, UnansweredError
from release_channels.model.github import WorkflowRun

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub

_QUIET = 60.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """The longest wait and the pause between requests, in seconds, and the functions that sleep and tell the time."""

    longest: float = 3600.0
    pause: float = 10.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic


def wait_for_run(
    ask: Callable[[], WorkflowRun | None], workflow: str, waiting: Waiting, github: GitHub | None = None
) -> WorkflowRun:
    """Repeat a request until the run has ended or the time is over, that of slow answers included; report its state.

    A GitHub that does not answer is left alone for a minute. Source: GitHub's REST reference, rate limits.

    Raises: FailedError if it takes too long; UnansweredError if it did not answer in the end.
    """
    shown, end = "", waiting.clock() + waiting.longest
    while True:
        unanswered, pause = None, waiting.pause
        try:
            run = ask()
            if run is not None and run.is_done:
                return run
            text = _state(run, workflow, github)
        except UnansweredError as stop:
            unanswered, pause, text = stop, max(pause, _QUIET), str(stop)
        if _without_time(text) != shown:
            console.say(f"  {text}")
            shown = _without_time(text)
        left = end - waiting.clock()
        if left <= 0 or (unanswered and left < pause):
            raise unanswered or FailedError(
                f"{text} after {waiting.longest:g} s", hint="start the same again to continue waiting"
            )
        waiting.sleep(min(pause, left))


def _without_time(text: str) -> str:
    return "".join(sign for sign in text if not sign.isdecimal())


def _state(run: WorkflowRun | None, workflow: str, github: GitHub | None) -> str:
    if run is None:
        return f"{workflow} has not started"
    who = github.pending_reviewers(run.id) if github is not None and run.status == "waiting" else ()
    return f"{workflow} is waiting for approval by {', '.join(who)}" if who else f"{workflow} is {run.status}"
