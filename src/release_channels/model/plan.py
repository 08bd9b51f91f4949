"""A request and its plan, which a dry run shows and a real run carries out. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version

from release_channels.model.observed import Observed
from release_channels.model.version import Channel


class Verdict(StrEnum):
    """The verdict of a plan."""

    PUBLISH = "publish"
    SKIP = "skip"
    REFUSE = "refuse"


class Reason(StrEnum):
    """The reason for a verdict, in a few words: the rows of the version model."""

    OPEN = "open"
    ALREADY = "already published"
    LATE = "late"
    STAGED = "staged"
    SUPERSEDED = "superseded"
    RELEASED = "released by tag"
    CLOSED = "line closed"
    BEHIND = "behind the index"
    RESTARTED = "counter restarted"
    CUT_OFF = "history cut off"
    TAKEN = "taken"
    UNFIT = "not a version to release"
    ASIDE = "not on main"


@dataclass(frozen=True, slots=True)
class Request:
    """A release request, made by hand or by an event."""

    channel: Channel
    index: str = "local"
    commit: str = "HEAD"
    tag: str | None = None
    """The release tag, from an event or the command line."""
    run: int | None = None
    run_from: str = "as given"
    """The origin of the run number, for people."""
    may_count: bool = True
    """True if a missing run number may be derived from the index: only for local practice."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision about a request, made before anything is done; `version` is None if nothing would be built."""

    channel: Channel
    project: str
    index: str
    commit: str
    verdict: Verdict
    reason: Reason
    message: str
    hint: str = ""
    version: Version | None = None
    run: int | None = None
    """The number in the version's dev segment: run number plus run-offset."""
    numbered: str = ""
    """The origin of that number, for people."""
    warnings: tuple[str, ...] = ()


def make_plan(
    observed: Observed,
    request: Request,
    verdict: Verdict,
    reason: Reason,
    message: str,
    *,
    hint: str = "",
    version: Version | None = None,
    run: int | None = None,
    warnings: tuple[str, ...] = (),
) -> Plan:
    """Build a plan from the observed state; `hint` states what to do if nothing is published."""
    return Plan(
        channel=request.channel, project=observed.project, index=request.index, commit=observed.commit.sha,
        verdict=verdict, reason=reason, message=message, hint=hint, version=version, run=run,
        warnings=observed.index.warnings + warnings,
    )  # fmt: skip
