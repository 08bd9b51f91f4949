"""The files of a rollout: `trajectory.jsonl`, with one event in each line, and `result.json`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TRAJECTORY, RESULT = "trajectory.jsonl", "result.json"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the agent and its exit code; None if a limit ended it."""

    text: str
    code: int | None


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """The result of a rollout; `reward` is 1.0 for a solved task, and None if it could not be decided."""

    provider: str
    model: str
    turns: int
    tool_calls: int
    tokens: int
    reward: float | None
    seconds: float
    ended: str
    """The reason why it ended."""
    submitted: Mapping[str, str] | None = None
    why: str = ""
    """The reason for the reward."""

    def to_json(self) -> str:
        """Return the result as JSON."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def problems(self) -> tuple[str, ...]:
        """List why this was not a real rollout; empty if it was."""
        checks = (
            ("it called no tool", self.tool_calls <= 0),
            ("it used no tokens", self.tokens <= 0),
            ("it has no reward", self.reward is None),
        )
        return tuple(problem for problem, holds in checks if holds)


@dataclass
class Recorder:
    """Writes a trajectory event by event, without secrets, so that it is there after a killed run."""

    path: Path
    redactor: Callable[[str], str]
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, kind: str, **values: Any) -> None:
        """Add one event."""
        event = _redacted({"kind": kind, **values}, self.redactor)
        line = json.dumps(event, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(line + "\n")
        self.events.append(event)


def _redacted(value: Any, redactor: Callable[[str], str]) -> Any:
    """Return a value with the secrets in all its strings redacted."""
    if isinstance(value, str):
        return redactor(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item, redactor) for key, item in value.items()}
    return [_redacted(item, redactor) for item in value] if isinstance(value, list | tuple) else value
