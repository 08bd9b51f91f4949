"""The release status of a project across main, tag, index and GitHub, and the next command. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.github import GitHubRelease
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.plan import Plan, Reason
from release_channels.model.version import final_of, next_dev_line, next_free

# Source: the index refuses new files in releases that are older than this (rule of 2026-07-08).
FILES_CLOSE_AFTER = timedelta(days=14)
PACE = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class UnmergedBump:
    """A version that main does not have yet: where it is, and how to merge it."""

    where: str
    then: str


@dataclass(frozen=True, slots=True)
class ReleaseStatus:
    """The observed release status; None means unknown."""

    main: Version
    preview: Plan
    commits_since_preview: int | None
    """The number of commits on main since the newest preview; every commit if there is none."""
    tag: str | None
    """The tag of main's version, or of the newest final, if it exists."""
    unfinished: str = ""
    """Missing parts of the tagged release; empty if it is complete."""
    workflow: str = ""
    """The state of the workflow that comes next, as far as GitHub reports it."""
    is_running: bool = False
    """True if that workflow is running."""
    is_written: bool = True
    """True if the version is in a file; otherwise it comes from git tags."""
    ahead: UnmergedBump | None = None
    """The version that this clone has and main does not have yet."""

    def invoke(self, *words: str) -> str:
        """Format a task's command, with `--index` unless it is the default one."""
        index = () if self.preview.index == "pypi" else ("--index", self.preview.index)
        return " ".join(("invoke", *words, *index))


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next command and the reason for it; `converged` if nothing is pending."""

    converged: bool
    command: str
    why: str


def next_command(status: ReleaseStatus) -> NextStep:
    """Return the next command."""
    main, reason = status.main, status.preview.reason
    if status.unfinished:
        return _finish(status)
    if status.ahead is not None:
        return NextStep(False, status.ahead.then, status.ahead.where)
    if reason in (Reason.CLOSED, Reason.RELEASED) and status.is_written:
        return NextStep(False, status.invoke("bump-dev"), f"{main} is published, but main still declares it")
    if reason in (Reason.BEHIND, Reason.SUPERSEDED):
        behind = (
            f"main's dev version {main} is older than the latest release, so installers would never pick its previews"
        )
        why = "; ".join(filter(None, (behind, status.preview.hint)))
        return NextStep(False, status.invoke("bump-dev") if status.is_written else "git fetch --tags", why)
    if reason is Reason.STAGED:
        return NextStep(False, status.invoke("tag"), f"main declares {main}, which is not tagged yet")
    if reason in (Reason.UNFIT, Reason.RESTARTED, Reason.TAKEN):
        return NextStep(False, "fix the version on main", f"{status.preview.message}; {status.preview.hint}")
    if status.commits_since_preview and reason is not Reason.RELEASED:
        return _wait_for_preview(status)
    return NextStep(True, _next_release(status), "nothing is pending; this starts the next public release")


def _finish(status: ReleaseStatus) -> NextStep:
    if status.is_running:
        watch = status.invoke("tag", "--commit", str(status.tag), "--watch")
        return NextStep(False, watch, f"{status.tag}: {status.unfinished}; {status.workflow}")
    suffix = f"; {status.workflow}" if status.workflow else ""
    return NextStep(
        False,
        f"invoke resume {status.tag} --index {status.preview.index}",
        f"{status.tag} is tagged, but {status.unfinished}{suffix}",
    )  # fmt: skip


def _wait_for_preview(status: ReleaseStatus) -> NextStep:
    count = status.commits_since_preview
    why = f"{count} commit{'s' if count != 1 else ''} on main {'are' if count != 1 else 'is'} in no preview"
    if status.preview.index == "local":
        return NextStep(False, "nox -s preview", why)
    if status.is_running:
        return NextStep(False, f"wait, then `{status.invoke('status')}` again", f"{why} yet: {status.workflow}")
    return NextStep(False, "check the workflow", f"{why}: {status.workflow or 'see why it did not pass'}")


def _next_release(status: ReleaseStatus) -> str:
    if status.is_written:
        return status.invoke("bump")
    at_tag = status.preview.reason is Reason.RELEASED
    following = final_of(next_dev_line(status.main) if at_tag else status.main)
    return status.invoke("tag", "--version", str(following))


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
        hint=f"the next version is {next_free(version, taken)}; yank the published files",
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
