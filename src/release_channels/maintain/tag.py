"""`tag`: the preflight, then one annotated tag, pushed alone; the release workflow does the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from packaging.version import Version

from release_channels import console
from release_channels.errors import FailedError, RefusedError, UsageError
from release_channels.hub import WorkflowRun
from release_channels.maintain.desk import Desk
from release_channels.maintain.preflight import Answer, Row, preflight, show
from release_channels.observed import Relation
from release_channels.outcome import Outcome, Result
from release_channels.tags import tag_of
from release_channels.version import parse_project_version
from release_channels.world.git_write import create_tag, push_tag
from release_channels.world.github import GitHub


@dataclass(frozen=True, slots=True)
class TagRequest:
    """What somebody asked for; `version` names the release where versions live in git tags."""

    version: str = ""
    sign: bool = False
    wait: bool = False
    watch: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long to follow a workflow, in seconds, and how to sleep in between."""

    longest: float = 3600.0
    pause: float = 10.0
    sleep: Callable[[float], None] = time.sleep


def tag(desk: Desk, request: TagRequest, *, dry_run: bool, waiting: Waiting | None = None) -> Outcome:
    """Cut a public release: ask everything, then tag the commit and push the tag.

    Raises: RefusedError with the number of things that do not hold, or if the remote refuses; no tag is left here then.
    """
    waiting = waiting or Waiting()
    version = _version(desk, request)
    name = tag_of(desk.config.tag_format, version)
    there = desk.git.remote_tag(name, desk.commit.sha, desk.config.remote)
    if there is not None and there.relation is Relation.SAME:
        outcome = _outcome(desk, version, Result.ALREADY, f"{name} is on commit {desk.commit.short} already")
    else:
        if request.wait:
            _wait_for_tests(desk, waiting)
        outcome = _tag(desk, request, version, name, preflight(desk, version), dry_run=dry_run)
    if request.watch and not dry_run:
        return _watch(desk, outcome, name, waiting)
    return outcome


def _tag(
    desk: Desk, request: TagRequest, version: Version, name: str, rows: tuple[Row, ...], *, dry_run: bool
) -> Outcome:
    console.say(f"{desk.project.name} {version}: tag {name} on commit {desk.commit.short}", style="bold")
    show(rows)
    wrong = [row for row in rows if row.answer is Answer.NO]
    if wrong:
        raise RefusedError(
            f"{name} was not made: " + "; ".join(row.message for row in wrong),
            hint="\n".join(dict.fromkeys(row.hint for row in wrong if row.hint)),
        )
    if dry_run:
        return _outcome(desk, version, Result.PLANNED, f"{name} would be made on commit {desk.commit.short} and pushed")
    if name not in desk.git.tags_at(desk.commit.sha):  # one that was made and never pushed is as good
        create_tag(desk.root, name, desk.commit.sha, f"{desk.project.name} {version}", sign=request.sign)
    push_tag(desk.root, desk.config.remote, name)
    pushed = desk.git.remote_tag(name, desk.commit.sha, desk.config.remote)
    if pushed is None or pushed.commit != desk.commit.sha:
        raise FailedError(
            f"{desk.config.remote} does not show {name} on commit {desk.commit.short}", hint="look at the remote's tags"
        )
    return _outcome(
        desk,
        version,
        Result.PUBLISHED,
        f"the tag {name} is on {desk.config.remote}; {desk.config.public_workflow} takes over",
    )


def _version(desk: Desk, request: TagRequest) -> Version:
    if desk.project.source.is_written:
        if request.version and parse_project_version(request.version) != desk.project.version:
            raise UsageError(
                f"--version {request.version}, but the commit holds {desk.project.version}",
                hint="leave --version out: the commit says it; `invoke bump --to` changes it",
            )
        return desk.project.version
    if not request.version:
        raise UsageError("which version? it lives in git tags here", hint="`invoke tag --version X.Y.Z`")
    return parse_project_version(request.version)


def _wait_for_tests(desk: Desk, waiting: Waiting) -> None:
    hub = desk.github()
    if hub is None:
        return
    workflow = desk.config.test_workflow
    _follow(lambda: hub.newest_run(workflow, desk.commit.sha), workflow, waiting)


def _watch(desk: Desk, outcome: Outcome, name: str, waiting: Waiting) -> Outcome:
    """Follow the release workflow of the tag to its end."""
    hub = desk.github()
    if hub is None:
        raise RefusedError("there is no workflow to watch: the remote is not on GitHub")
    workflow = desk.config.public_workflow
    run = _follow(lambda: _run_of_tag(hub, workflow, desk.commit.sha, name), workflow, waiting, hub)
    if not run.is_green:
        raise FailedError(f"{workflow} ended {run.conclusion} for {name}", hint=f"`invoke resume {name}`; {run.url}")
    return Outcome(
        outcome.result, f"{workflow} released {name}: {run.url}", project=desk.project.name, version=outcome.version
    )


def _run_of_tag(hub: GitHub, workflow: str, sha: str, name: str) -> WorkflowRun | None:
    run = hub.newest_run(workflow, sha)
    return run if run is not None and run.branch == name else None


def _follow(
    ask: Callable[[], WorkflowRun | None], workflow: str, waiting: Waiting, hub: GitHub | None = None
) -> WorkflowRun:
    """Ask again until a run has ended, and say what it waits for.

    Raises: FailedError if it takes too long.
    """
    said, left = "", waiting.longest
    while True:
        run = ask()
        if run is not None and run.is_done:
            return run
        told = _state(run, workflow, hub)
        if told != said:
            console.say(f"  {told}")
            said = told
        if left <= 0:
            raise FailedError(f"{told} after {waiting.longest:g} s", hint="ask again later with `invoke status`")
        waiting.sleep(waiting.pause)
        left -= waiting.pause


def _state(run: WorkflowRun | None, workflow: str, hub: GitHub | None) -> str:
    if run is None:
        return f"{workflow} has not started"
    who = hub.pending_reviewers(run.id) if hub is not None and run.status == "waiting" else ()
    return f"{workflow} is waiting for approval by {', '.join(who)}" if who else f"{workflow} is {run.status}"


def _outcome(desk: Desk, version: Version, result: Result, message: str) -> Outcome:
    return Outcome(
        result, message, channel="public", project=desk.project.name, version=str(version),
        commit=desk.commit.sha, index=desk.index.name,
    )  # fmt: skip
