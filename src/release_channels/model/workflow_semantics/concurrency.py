"""The concurrency groups of runs: which of them wait, and which are cancelled. Pure.

Source: GitHub's documentation of `concurrency`: one run of a group is in progress, and by default one is pending.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from release_channels.model.workflow_semantics.file import Value

_LONGEST_QUEUE = 100
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_OF_ONE_COMMIT = ("github.sha", "github.run_id", "github.run_number", "github.event.after", "github.event.head_commit")


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The group of a workflow's runs, and what a new run of it does to the others."""

    group: str
    """The group as it is written, with its expressions; empty where there is none."""
    cancels: bool
    """True if a new run cancels the one in progress."""
    queue: int
    """The number of runs that may be pending."""

    @property
    def keeps_all(self) -> bool:
        """True if a run is cancelled only where the longest queue is full."""
        return not self.cancels and self.queue == _LONGEST_QUEUE

    @property
    def cancels_commits(self) -> bool:
        """True if runs for two commits of one branch may be of one group, and one of them is cancelled."""
        return bool(self.group) and not self.keeps_all and not self._is_of_one_commit

    @property
    def _is_of_one_commit(self) -> bool:
        """True if an expression of the group has something of a commit or a run; outside of one it is mere text."""
        expressions = _EXPRESSION.findall(self.group)
        return any(own in expression for expression in expressions for own in _OF_ONE_COMMIT)


def concurrency_of(workflow: Value) -> Concurrency:
    """Read the concurrency of a workflow, or of one of its jobs."""
    declared = workflow["concurrency"]
    return Concurrency(
        group=declared.text or declared["group"].text,
        cancels=declared["cancel-in-progress"].text == "true",
        queue=_LONGEST_QUEUE if declared["queue"].text == "max" else 1,
    )


def cancelled_runs(arriving: Iterable[Concurrency]) -> frozenset[int]:
    """Return which runs are cancelled, by position, where all arrive in this order before the first has ended.

    Groups are compared without regard to case. A full queue of one gives its place to the new run, a longer one none.
    """
    groups: dict[str, list[int]] = {}
    cancelled: set[int] = set()
    for position, run in enumerate(arriving):
        if not run.group:
            continue
        unfinished = groups.setdefault(run.group.casefold(), [])
        if run.cancels:
            cancelled.update(unfinished)
            unfinished.clear()
        elif len(unfinished) > run.queue:
            if run.queue > 1:
                cancelled.add(position)
                continue
            cancelled.add(unfinished.pop())
        unfinished.append(position)
    return frozenset(cancelled)
