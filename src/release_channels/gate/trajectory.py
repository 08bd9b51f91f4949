"""What a rollout leaves: `trajectory.jsonl`, one event a line, and `result.json`, what it came to."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TRAJECTORY, RESULT = "trajectory.jsonl", "result.json"


@dataclass(frozen=True, slots=True)
class Command:
    """One command that the agent ran, and how it ended; the code is None where it was ended by us."""

    text: str
    code: int | None


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """What a rollout came to; `reward` is None where nobody could tell."""

    provider: str
    model: str
    turns: int
    tool_calls: int
    tokens: int
    reward: float | None
    seconds: float
    ended: str
    """Why it ended, in words."""
    submitted: Mapping[str, str] | None = None
    why: str = ""
    """Why the reward is what it is."""

    def to_json(self) -> str:
        """Write it for programs."""
        return json.dumps(asdict(self), indent=2) + "\n"

    def problems(self) -> tuple[str, ...]:
        """Report why this was no real rollout; empty if it was one."""
        text = (
            ("it called no tool", self.tool_calls <= 0),
            ("it took no tokens", self.tokens <= 0),
            ("nothing tells its reward", self.reward is None),
        )
        return tuple(what for what, holds in text if holds)


@dataclass
class Recorder:
    """Writes a trajectory as it happens, without secrets, so that a killed run leaves what it had."""

    path: Path
    redactor: Callable[[str], str]
    events: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, kind: str, **values: Any) -> None:
        """Add one event."""
        event = _veiled({"kind": kind, **values}, self.redactor)
        line = json.dumps(event, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(line + "\n")
        self.events.append(event)


def _veiled(value: Any, redactor: Callable[[str], str]) -> Any:
    """Take the secrets out of every text in a value."""
    if isinstance(value, str):
        return redactor(value)
    if isinstance(value, Mapping):
        return {key: _veiled(below, redactor) for key, below in value.items()}
    return [_veiled(below, redactor) for below in value] if isinstance(value, list | tuple) else value
