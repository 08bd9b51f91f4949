"""Where a project stands between main, tag, index and GitHub, and the one next command. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.observed import IndexFile, IndexState
from release_channels.plan import Plan, Reason
from release_channels.version import final_of, next_dev_line

# Source: the index refuses new files in releases that are older than this (rule of 2026-07-08).
FILES_CLOSE_AFTER = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Standing:
    """What was seen, as far as it could be seen: None is not known."""

    main: Version
    preview: Plan
    commits_since_preview: int | None
    tag: str | None
    """The tag of main's version, or of the newest final, where it is there."""
    in_flight: Version | None
    """The release that was tagged and is not wholly out, if there is one."""


@dataclass(frozen=True, slots=True)
class Next:
    """The one next command, and why; `converged` if nothing waits to be done."""

    converged: bool
    command: str
    why: str


def next_command(standing: Standing) -> Next:
    """Choose the one thing to do next."""
    main, reason = standing.main, standing.preview.reason
    if standing.in_flight is not None:
        return Next(False, f"invoke resume {standing.tag}", f"{standing.in_flight} is tagged and not wholly out")
    if reason in (Reason.CLOSED, Reason.RELEASED):
        return Next(False, "invoke bump-dev", f"{main} is out, and main still holds it")
    if reason in (Reason.BEHIND, Reason.SUPERSEDED):
        return Next(False, "invoke bump-dev", f"the dev line {main} is behind the index")
    if reason is Reason.STAGED:
        return Next(False, "invoke tag", f"main holds {main}, which is not tagged yet")
    if reason in (Reason.UNFIT, Reason.RESTARTED, Reason.TAKEN):
        return Next(False, "mend it as the line above says", standing.preview.message)
    if standing.commits_since_preview:
        behind = standing.commits_since_preview
        return Next(
            False, "wait for the workflows, or look why they are red", f"the newest preview is {behind} commits behind"
        )
    return Next(True, "invoke bump", f"all is out; this begins the release of {main.base_version}")


def files_close_at(files: tuple[IndexFile, ...]) -> datetime | None:
    """Give the time after which the index takes no more files of a release, if the index tells when it began."""
    times = [file.upload_time for file in files if file.upload_time is not None]
    return min(times) + FILES_CLOSE_AFTER if times else None


def spent(version: Version, why: str) -> RefusedError:
    """Say that a version cannot be finished, and which one is next."""
    return RefusedError(
        f"{version} is spent: {why}", hint=f"the next version is {final_of(next_dev_line(version))}; yank what is there"
    )


@dataclass(frozen=True, slots=True)
class Room:
    """How much of the index's limit is used, in bytes, and for how long the rest will do at the present pace."""

    used: int
    limit: int
    previews: int
    days: float | None


def room(state: IndexState, limit: int, now: datetime) -> Room:
    """Add up the files, yanked ones too, and see how long the rest lasts at the pace of the last 30 days."""
    files = [file for release in state.releases.values() for file in release]
    used = sum(file.size or 0 for file in files)
    recent = [file for file in files if file.upload_time is not None and now - file.upload_time < timedelta(days=30)]
    per_day = sum(file.size or 0 for file in recent) / 30
    sizes = [
        sum(file.size or 0 for file in release)
        for version, release in state.releases.items()
        if version.dev is not None
    ]
    each = max(sizes, default=0)
    return Room(used, limit, (limit - used) // each if each else 0, (limit - used) / per_day if per_day else None)
