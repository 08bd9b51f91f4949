"""A request and the plan that answers it: shown by a dry run, carried out by a real one. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from packaging.version import Version

from release_channels.model.observed import Observed
from release_channels.model.version import Channel


class Verdict(StrEnum):
    """What a plan amounts to."""

    PUBLISH = "publish"
    SKIP = "skip"
    REFUSE = "refuse"


class Reason(StrEnum):
    """Why, in one word or two: the rows of the version model."""

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
    """What somebody asked for: by hand, or through an event."""

    channel: Channel
    index: str = "local"
    commit: str = "HEAD"
    tag: str | None = None
    """The release tag, as an event or somebody's hand gives it."""
    run: int | None = None
    run_from: str = "as given"
    """Where the run number comes from, in words."""
    may_count: bool = True
    """Whether a missing run number may be counted up from the index: true for local practice alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will happen, and why; nothing has happened yet. `version` is None where nothing would be built."""

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
    """The number in the version's dev segment: the run number, and the run-offset with it."""
    numbered: str = ""
    """Where the number comes from, in words."""
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
    """Make a plan that carries what was observed; `hint` says what to do where nothing is published."""
    return Plan(
        channel=request.channel, project=observed.project, index=request.index, commit=observed.commit.sha,
        verdict=verdict, reason=reason, message=message, hint=hint, version=version, run=run,
        warnings=observed.index.warnings + warnings,
    )  # fmt: skip
