"""What a release lacks, until when it can be completed, and how much room the index has. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.github import GitHubRelease
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.version import next_free

# Source: the index refuses new files in releases that are older than this (rule of 2026-07-08).
FILES_CLOSE_AFTER = timedelta(days=14)
PACE = timedelta(days=30)


def unfinished(files: tuple[IndexFile, ...], release: GitHubRelease | None, now: datetime, *, asked: bool) -> str:
    """Return what a tagged release lacks: files on the index, or its GitHub Release if that was looked up.

    A yanked release lacks nothing, and neither does one that the index no longer accepts files for.
    """
    kinds = {file.name.endswith(".whl") for file in files}
    closes = files_close_at(files)
    is_closed = closes is not None and now > closes
    if not files:
        return "none of its files is on the index"
    if all(file.yanked for file in files):
        return ""
    if kinds != {True, False}:
        return "" if is_closed else f"its {'sdist' if True in kinds else 'wheel'} is not on the index"
    if release is not None:
        return "its GitHub Release is a draft" if release.is_draft else ""
    return "it has no GitHub Release" if asked and closes is not None and not is_closed else ""


def files_close_at(files: tuple[IndexFile, ...]) -> datetime | None:
    """Return the time after which the index rejects new files of a release, if the index reports upload times."""
    times = [file.upload_time for file in files if file.upload_time is not None]
    return min(times) + FILES_CLOSE_AFTER if times else None


def unrecoverable(version: Version, why: str, taken: Iterable[Version] = ()) -> RefusedError:
    """Build the error for a version that cannot be completed; `taken` are the versions on the index or tagged."""
    return RefusedError(
        f"{version} cannot be completed: {why}",
        hint=f"the next version is {next_free(version, taken)}; "
        f"`release-channels yank {version}` shows how to take the published files back",
    )


def humanize_age(then: datetime, now: datetime) -> str:
    """Format how long ago something was, in the largest unit that is not zero."""
    minutes = int((now - then) / timedelta(minutes=1))
    for size, unit in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count > 0:
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "just now"


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """The use of the index's size limit in bytes, and the previews and days that still fit at the current rate."""

    used: int
    limit: int
    previews: int
    days: float | None


def quota_usage(state: IndexState, limit: int, now: datetime) -> QuotaUsage:
    """Add up the files, yanked ones included, and project the rate of the last 30 days.

    The rate of a younger project is measured since its first file.
    """
    files = [file for release in state.releases.values() for file in release]
    used = sum(file.size or 0 for file in files)
    times = [file.upload_time for file in files if file.upload_time is not None]
    recent = [file for file in files if file.upload_time is not None and now - file.upload_time < PACE]
    span = min(PACE, max(now - min(times), timedelta(days=1))) if times else PACE
    per_day = sum(file.size or 0 for file in recent) / (span / timedelta(days=1))
    sizes = [
        sum(file.size or 0 for file in release)
        for version, release in state.releases.items()
        if version.dev is not None
    ]
    each, left = max(sizes, default=0), max(0, limit - used)
    return QuotaUsage(used, limit, left // each if each else 0, left / per_day if per_day else None)
