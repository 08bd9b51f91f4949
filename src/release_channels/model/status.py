"""Where a project stands between main, tag, index and GitHub, and the one next command. Pure."""

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
    """A version on its way to main: where it stands, and what brings it there."""

    where: str
    then: str


@dataclass(frozen=True, slots=True)
class ReleaseStatus:
    """What was seen, as far as it could be seen: None is not known."""

    main: Version
    preview: Plan
    commits_since_preview: int | None
    """How many commits on main no preview has; where there is no preview at all, every commit."""
    tag: str | None
    """The tag of main's version, or of the newest final, where it is there."""
    unfinished: str = ""
    """What the tagged release still lacks, if it lacks something."""
    workflow: str = ""
    """What the workflow that has to act next is doing, as far as GitHub tells."""
    is_running: bool = False
    """Whether that workflow is at work right now."""
    is_written: bool = True
    """Whether a file holds the version; otherwise git tags do."""
    ahead: UnmergedBump | None = None
    """What this clone holds and main does not yet."""

    def invoke(self, *words: str) -> str:
        """Word a task's command, with the index wherever it is not the one that the tasks look at by themselves."""
        index = () if self.preview.index == "pypi" else ("--index", self.preview.index)
        return " ".join(("invoke", *words, *index))


@dataclass(frozen=True, slots=True)
class NextStep:
    """The one next command, and why; `converged` if nothing waits to be done."""

    converged: bool
    command: str
    why: str


def next_command(standing: ReleaseStatus) -> NextStep:
    """Choose the one thing to do next."""
    main, reason = standing.main, standing.preview.reason
    if standing.unfinished:
        return _finish(standing)
    if standing.ahead is not None:
        return NextStep(False, standing.ahead.then, standing.ahead.where)
    if reason in (Reason.CLOSED, Reason.RELEASED) and standing.is_written:
        return NextStep(False, standing.invoke("bump-dev"), f"{main} is out, and main still holds it")
    if reason in (Reason.BEHIND, Reason.SUPERSEDED):
        behind = f"the dev line {main} is behind what is out: nobody would get its previews"
        why = "; ".join(filter(None, (behind, standing.preview.hint)))
        return NextStep(False, standing.invoke("bump-dev") if standing.is_written else "git fetch --tags", why)
    if reason is Reason.STAGED:
        return NextStep(False, standing.invoke("tag"), f"main holds {main}, which is not tagged yet")
    if reason in (Reason.UNFIT, Reason.RESTARTED, Reason.TAKEN):
        return NextStep(False, "mend what main holds", f"{standing.preview.message}; {standing.preview.hint}")
    if standing.commits_since_preview and reason is not Reason.RELEASED:
        return _wait_for_preview(standing)
    return NextStep(True, _begin(standing), "nothing waits to be done; this begins the next public release")


def _finish(standing: ReleaseStatus) -> NextStep:
    if standing.is_running:
        watch = standing.invoke("tag", "--commit", str(standing.tag), "--watch")
        return NextStep(False, watch, f"{standing.tag}: {standing.unfinished}; {standing.workflow}")
    told = f"; {standing.workflow}" if standing.workflow else ""
    return NextStep(
        False,
        f"invoke resume {standing.tag} --index {standing.preview.index}",
        f"{standing.tag} is tagged, but {standing.unfinished}{told}",
    )  # fmt: skip


def _wait_for_preview(standing: ReleaseStatus) -> NextStep:
    count = standing.commits_since_preview
    why = f"{count} commit{'s' if count != 1 else ''} on main {'are' if count != 1 else 'is'} in no preview"
    if standing.preview.index == "local":
        return NextStep(False, "nox -s preview", why)
    if standing.is_running:
        return NextStep(False, f"wait, then `{standing.invoke('status')}` again", f"{why} yet: {standing.workflow}")
    return NextStep(False, "look at the workflow", f"{why}: {standing.workflow or 'see why it is not green'}")


def _begin(standing: ReleaseStatus) -> str:
    if standing.is_written:
        return standing.invoke("bump")
    at_tag = standing.preview.reason is Reason.RELEASED
    following = final_of(next_dev_line(standing.main) if at_tag else standing.main)
    return standing.invoke("tag", "--version", str(following))


def unfinished(files: tuple[IndexFile, ...], release: GitHubRelease | None, now: datetime, *, asked: bool) -> str:
    """Say what a tagged release lacks: files on the index, or its GitHub Release, if that was asked for.

    One that is yanked is done with, and so is one that the index takes no more files of.
    """
    kinds = {file.name.endswith(".whl") for file in files}
    closes = files_close_at(files)
    is_closed = closes is not None and now > closes
    if not files:
        return "no file of it is on the index"
    if all(file.yanked for file in files):
        return ""
    if kinds != {True, False}:
        return "" if is_closed else f"its {'sdist' if True in kinds else 'wheel'} is not on the index"
    if release is not None:
        return "its GitHub Release is a draft" if release.is_draft else ""
    return "it has no GitHub Release" if asked and closes is not None and not is_closed else ""


def files_close_at(files: tuple[IndexFile, ...]) -> datetime | None:
    """Give the time after which the index takes no more files of a release, if the index tells when it began."""
    times = [file.upload_time for file in files if file.upload_time is not None]
    return min(times) + FILES_CLOSE_AFTER if times else None


def unrecoverable(version: Version, why: str, taken: Iterable[Version] = ()) -> RefusedError:
    """Say that a version cannot be finished, and which one is next, where these are on the index or tagged."""
    return RefusedError(
        f"{version} is spent: {why}", hint=f"the next version is {next_free(version, taken)}; yank what is there"
    )


def humanize_age(then: datetime, now: datetime) -> str:
    """Say how long ago something was, in the largest unit that is not zero."""
    minutes = int((now - then) / timedelta(minutes=1))
    for size, unit in ((60 * 24, "day"), (60, "hour"), (1, "minute")):
        count = minutes // size
        if count > 0:
            return f"{count} {unit}{'s' if count != 1 else ''} ago"
    return "just now"


@dataclass(frozen=True, slots=True)
class QuotaUsage:
    """How much of the index's limit is used, in bytes, and for how long the rest will do at the present pace."""

    used: int
    limit: int
    previews: int
    days: float | None


def quota_usage(state: IndexState, limit: int, now: datetime) -> QuotaUsage:
    """Add up the files, yanked ones too, and see how long the rest lasts at the pace of the last 30 days.

    A project that is younger than that is measured since its first file.
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
