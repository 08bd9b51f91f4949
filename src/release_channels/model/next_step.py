"""The next step of a release: one command, from the observed state. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import Version

from release_channels.model.outcome import DEFAULT_INDEX, PROGRAM
from release_channels.model.plan import Plan, Reason
from release_channels.model.version import final_of, next_dev_line


@dataclass(frozen=True, slots=True)
class UnmergedBump:
    """A version that main does not have yet: where it is, and how to merge it."""

    where: str
    then: str
    is_uncommitted: bool = False
    """True if it is in the working tree alone."""


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
    is_old_tag: bool = False
    """True if the tag's commit has no release workflow: it was made before them."""
    has_workflows: bool = True
    """True if the remote is on GitHub, where workflows publish."""
    lacks_text: bool = False
    """True if the changelog or a copy is not ready for the release that comes next."""
    following: Version | None = None
    """The release that comes next where the version comes from git tags; None for the one after the newest tag."""
    above: Version | None = None
    """The next release above the index, where no tag that this clone lacks could bring the version above it."""
    remote: str = "origin"
    """The remote that a release tag is pushed to."""
    has_remote: bool = True
    is_remote_silent: bool = False
    """True if there is a remote, and it cannot be read."""
    adoption: str = ""
    """The command that brings the sessions into the project, where its commits have none."""

    def task(self, *words: str) -> str:
        """Format a task's command, with `--index` unless it is the default one."""
        return task_command(*words, index=self.preview.index)


@dataclass(frozen=True, slots=True)
class NextStep:
    """The next command and the reason for it; `converged` if nothing is pending."""

    converged: bool
    command: str
    why: str


_COMMIT = "commit and push the next change"
_TAGGED_NEXT = (Reason.STAGED, Reason.BEHIND, Reason.SUPERSEDED, Reason.RELEASED)
"""The reasons after which nothing comes of main's own commit where git tags give the version, before it has more."""


def next_step(status: ReleaseStatus) -> NextStep:
    """Return the next command."""
    if status.is_remote_silent and status.preview.index != "local":
        return NextStep(False, f"git fetch {status.remote}", f"{status.remote} cannot be read, and tells what is next")
    step = _next_step(status)
    if status.adoption and step.command.startswith("nox "):
        return NextStep(False, status.adoption, f"no commit has the sessions yet; then, {step.why}")
    return step


def _next_step(status: ReleaseStatus) -> NextStep:
    main, reason = status.main, status.preview.reason
    if status.unfinished:
        return _finish(status)
    if status.ahead is not None and (status.is_written or status.ahead.is_uncommitted or reason in _TAGGED_NEXT):
        return NextStep(False, status.ahead.then, status.ahead.where)
    if reason in (Reason.CLOSED, Reason.RELEASED) and status.is_written:
        return NextStep(False, status.task("bump-dev"), f"{main} is published, but main still declares it")
    if reason in (Reason.BEHIND, Reason.SUPERSEDED):
        behind = (
            f"main's dev version {main} is older than the latest release, so installers would never pick its previews"
        )
        why = "; ".join(filter(None, (behind, status.preview.hint)))
        by_tag = _release_by_tag(status, status.following or status.above) if status.above else "git fetch --tags"
        return NextStep(False, status.task("bump-dev") if status.is_written else by_tag, why)
    if reason is Reason.STAGED and status.is_old_tag and status.is_written:
        why = f"{status.tag} is older than the release workflows, and main still declares {main}"
        return NextStep(False, status.task("bump-dev"), why)
    if not status.is_written and reason in (Reason.STAGED, Reason.RELEASED):
        return NextStep(True, _COMMIT, f"main is {status.tag}: the next preview and release are of a later commit")
    if reason is Reason.STAGED and status.is_written:
        return _tag(status)
    if reason in (Reason.UNFIT, Reason.RESTARTED, Reason.TAKEN):
        is_pre = reason is Reason.UNFIT and main.pre is not None and status.is_written
        fix = status.task("bump-dev") if is_pre else "fix the version on main"
        return NextStep(False, fix, f"{status.preview.message}; {status.preview.hint}")
    if status.commits_since_preview and reason is not Reason.RELEASED:
        return _wait_for_preview(status)
    if status.ahead is not None:
        return NextStep(False, status.ahead.then, status.ahead.where)
    return NextStep(True, _next_release(status), "nothing is pending; this starts the next public release")


def _tag(status: ReleaseStatus) -> NextStep:
    """Return what a final that main declares needs before its tag, or the tag."""
    main = status.main
    if status.lacks_text:
        return NextStep(False, status.task("bump"), f"main declares {main}, and its changelog or a copy does not")
    if not status.has_remote:
        add = f"add the remote that the tag is pushed to: `git remote add {status.remote} URL`"
        return NextStep(False, add, f"main declares {main}, and a release tag is pushed to a remote")
    if status.preview.index == "local" and status.has_workflows:
        return NextStep(False, "nox -s rehearse", f"main declares {main}; its tag would be real, and this practises it")
    return NextStep(False, status.task("tag"), f"main declares {main}, which is not tagged yet")


def _finish(status: ReleaseStatus) -> NextStep:
    if not status.has_workflows and status.preview.index == DEFAULT_INDEX:
        why = f"{status.tag}: {status.unfinished}; the remote is not on GitHub, so releases are practised alone"
        return NextStep(False, f"{PROGRAM} status --index local", why)
    if status.is_running:
        watch = status.task("tag", "--commit", str(status.tag), "--watch")
        return NextStep(False, watch, f"{status.tag}: {status.unfinished}; {status.workflow}")
    suffix = f"; {status.workflow}" if status.workflow else ""
    return NextStep(
        False,
        f"{PROGRAM} resume {status.tag} --index {status.preview.index}",
        f"{status.tag} is tagged, but {status.unfinished}{suffix}",
    )  # fmt: skip


def _wait_for_preview(status: ReleaseStatus) -> NextStep:
    count = status.commits_since_preview
    why = f"{count} commit{'s' if count != 1 else ''} on main {'are' if count != 1 else 'is'} in no preview"
    if status.preview.index == "local":
        return NextStep(False, "nox -s preview", why)
    if not status.has_workflows:
        return NextStep(False, "nox -s preview", f"{why}; the remote is not on GitHub, so this practises one here")
    if status.is_running:
        return NextStep(False, status.task("status"), f"{why} yet: {status.workflow}")
    return NextStep(False, status.task("doctor"), f"{why}: {status.workflow or 'see why its workflows did not pass'}")


def _next_release(status: ReleaseStatus) -> str:
    if not status.is_written and status.has_workflows and status.preview.index != DEFAULT_INDEX:
        return "nox -s rehearse"  # the tag would be real
    if status.is_written:
        return status.task("bump")
    return _release_by_tag(status, status.following or following_release(status.main, status.preview.reason))


def _release_by_tag(status: ReleaseStatus, version: Version) -> str:
    """Return the command that releases a version which no file declares, or first writes what names it."""
    words = ("bump", "--to") if status.lacks_text else ("tag", "--version")
    return status.task(*words, str(version))


def following_release(main: Version, reason: Reason) -> Version:
    """Return the release that comes next where the version comes from git tags."""
    is_tagged = reason is Reason.RELEASED or (reason is Reason.STAGED and not main.is_prerelease)
    return final_of(next_dev_line(main) if is_tagged else main)


def commit_command(version: Version, paths: Sequence[str], new: Sequence[str] = ()) -> str:
    """Return the command that commits a version which the working tree declares, and no other edit.

    Those of its paths that git does not track yet are `new`.
    """
    add = f"{shlex.join(['git', 'add', '--', *new])} && " if new else ""
    return add + shlex.join(["git", "commit", "--message", bump_subject(version), "--", *paths])


def bump_subject(version: Version) -> str:
    """Return the subject of the commit that sets a version."""
    return f"Open the dev line {version}" if version.is_prerelease else f"Release {version}"


def task_command(*words: str, index: str) -> str:
    """Format a task's command, with `--index` unless it is the default one."""
    option = () if index == DEFAULT_INDEX else ("--index", index)
    return shlex.join((PROGRAM, *words, *option))
