"""What a check found: how bad it is, in which file, and what to do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is; an error stops the release."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a check found; `file` is the distribution's file name, or empty for the release as a whole."""

    severity: Severity
    file: str
    message: str
    hint: str = ""
