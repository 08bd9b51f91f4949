"""What `doctor` finds: how it stands, how surely that is known, and what to do. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table


class Verdict(StrEnum):
    """How something stands; `bad` would make a release fail, or let one through that should not be."""

    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


class Certainty(StrEnum):
    """How surely it is known: seen where it holds, only said by the project itself, or not to be seen from here."""

    VERIFIED = "verified"
    DECLARED = "declared"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One finding; `fix` is what to do, `verify` what would let it be verified where it is not."""

    area: str
    topic: str
    verdict: Verdict
    certainty: Certainty
    message: str
    fix: str = ""
    verify: str = ""


def good(area: str, topic: str, message: str) -> Diagnosis:
    """Report that something was seen to be right."""
    return Diagnosis(area, topic, Verdict.GOOD, Certainty.VERIFIED, message)


def look(area: str, topic: str, message: str, fix: str) -> Diagnosis:
    """Report that something was seen that a person should look at."""
    return Diagnosis(area, topic, Verdict.LOOK, Certainty.VERIFIED, message, fix)


def bad(area: str, topic: str, message: str, fix: str) -> Diagnosis:
    """Report that something was seen to be wrong."""
    return Diagnosis(area, topic, Verdict.BAD, Certainty.VERIFIED, message, fix)


def declared(area: str, topic: str, message: str, verify: str) -> Diagnosis:
    """Describe what the project itself says, and what would verify it."""
    return Diagnosis(area, topic, Verdict.GOOD, Certainty.DECLARED, message, verify=verify)


def unknown(area: str, topic: str, message: str, verify: str) -> Diagnosis:
    """Describe what could not be seen, and what would let it be seen."""
    return Diagnosis(area, topic, Verdict.LOOK, Certainty.UNKNOWN, message, verify=verify)


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
_STYLES = {Verdict.GOOD: "green", Verdict.LOOK: "yellow", Verdict.BAD: "bold red"}


def table(findings: Sequence[Diagnosis]) -> Table:
    """Draw the findings, worst last, where a terminal ends; nothing in them is markup."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, show_edge=False)
    for heading in ("", "topic", "", "finding"):
        drawn.add_column(heading, overflow="fold")
    for one in findings:
        message = Text(one.message)
        for lead, text in (("fix", one.fix), ("to verify", one.verify)):
            if text:
                message.append(f"\n{lead}: {text}", style="dim")
        topic = Text(f"{one.area}: {one.topic}")
        drawn.add_row(Text(one.verdict, style=_STYLES[one.verdict]), topic, Text(one.certainty), message)
    return drawn


def to_json(project: str, findings: Sequence[Diagnosis]) -> str:
    """Write the findings for programs."""
    content = {
        "project": project,
        "bad": sum(one.verdict is Verdict.BAD for one in findings),
        "findings": [asdict(one) for one in findings],
        "guarantees": [{"held": held, "what": what} for held, what in GUARANTEES],
    }
    return json.dumps(content, indent=2)
