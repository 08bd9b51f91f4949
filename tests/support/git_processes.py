"""Counting the git processes of a piece of code, by git's own trace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class GitProcesses:
    """The git processes that were started directly, without those that git starts."""

    def __init__(self, traces: Path) -> None:
        self._traces = traces

    def commands(self) -> list[list[str]]:
        """Return the arguments of each process, in the order of their start."""
        starts = (json.loads(line) for path in self._traces.iterdir() for line in path.read_text().splitlines())
        direct = [event for event in starts if event["event"] == "start" and "/" not in event["sid"]]
        return [event["argv"][1:] for event in sorted(direct, key=lambda event: event["time"])]


@contextmanager
def counted_git(monkeypatch: pytest.MonkeyPatch, traces: Path) -> Iterator[GitProcesses]:
    """Record every git process that is started in the block.

    Source: git's own manual, the trace2 API, event format target.
    """
    traces.mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setenv("GIT_TRACE2_EVENT", str(traces))
        yield GitProcesses(traces)
