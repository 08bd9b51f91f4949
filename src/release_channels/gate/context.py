"""The context of the gate's checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from release_channels.model.gate_config import GateConfig


@dataclass(frozen=True, slots=True)
class GateContext:
    """The settings, directories, environments and redactor of the checks, and their results; `pause` in seconds.

    `env` contains no provider's key; `whole` is the complete environment of the gate.
    """

    gate: GateConfig
    kept: Path
    workplace: Path
    env: Mapping[str, str]
    whole: Mapping[str, str]
    redactor: Callable[[str], str]
    pause: float = 2.0
    results: dict[str, str] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The clone of the commit that the candidate was built from."""
        return self.workplace / "source"
