"""A finding of `doctor`: its severity, its certainty and its fix. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class DiagnosisSeverity(StrEnum):
    """The severity of a finding; an error makes a release fail or admits one that it should not."""

    PASSED = "passed"
    WARNING = "warning"
    ERROR = "error"


class Certainty(StrEnum):
    """The certainty of a finding: verified, declared by the project alone, or not visible from here."""

    VERIFIED = "verified"
    DECLARED = "declared"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding; `fix` is the remedy, and `verify` is how to verify a finding that is not verified."""

    area: str
    topic: str
    severity: DiagnosisSeverity
    certainty: Certainty
    message: str
    fix: str = ""
    verify: str = ""


def passed(area: str, topic: str, message: str) -> Diagnosis:
    """Report a setting that was checked and is right."""
    return Diagnosis(area, topic, DiagnosisSeverity.PASSED, Certainty.VERIFIED, message)


def warning(area: str, topic: str, message: str, fix: str) -> Diagnosis:
    """Report a setting that a maintainer should review."""
    return Diagnosis(area, topic, DiagnosisSeverity.WARNING, Certainty.VERIFIED, message, fix)


def error(area: str, topic: str, message: str, fix: str) -> Diagnosis:
    """Report a wrong setting."""
    return Diagnosis(area, topic, DiagnosisSeverity.ERROR, Certainty.VERIFIED, message, fix)


def declared(area: str, topic: str, message: str, verify: str) -> Diagnosis:
    """Report a setting that only the project declares, and how to verify it."""
    return Diagnosis(area, topic, DiagnosisSeverity.PASSED, Certainty.DECLARED, message, verify=verify)


def unknown(area: str, topic: str, message: str, verify: str) -> Diagnosis:
    """Report a setting that could not be read, and how to make it readable."""
    return Diagnosis(area, topic, DiagnosisSeverity.WARNING, Certainty.UNKNOWN, message, verify=verify)


GUARANTEES = (
    (
        "set by the tagged commit itself, in its own workflow files",
        "which jobs get an OIDC token and what runs there, the order of the steps, the upload guard, the "
        "verification of tests and gate",
    ),
    (
        "set outside the repository, whatever a commit contains",
        "which branches and tags an environment allows, who approves, tag rulesets, immutable releases, and the "
        "publishers on the index",
    ),
)


def count_severities(findings: Sequence[Diagnosis]) -> dict[str, int]:
    """Return the number of errors, warnings and passed findings."""
    counts = Counter(finding.severity for finding in findings)
    return {
        "errors": counts[DiagnosisSeverity.ERROR],
        "warnings": counts[DiagnosisSeverity.WARNING],
        "passed": counts[DiagnosisSeverity.PASSED],
    }


def to_json(project: str, findings: Sequence[Diagnosis]) -> str:
    """Return the findings as JSON, for programs."""
    content = {
        "project": project,
        **count_severities(findings),
        "findings": [asdict(finding) for finding in findings],
        "guarantees": [{"held": held, "what": what} for held, what in GUARANTEES],
    }
    return json.dumps(content, indent=2)
