"""A finding of a check: its severity, its file, its message and its fix. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """The severity of a finding; an error stops the release."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding of a check; `file` is the distribution's file name, or empty for the release as a whole."""

    severity: Severity
    file: str
    message: str
    hint: str = ""
