"""`tag`: check everything, then create and push one annotated tag; the release workflow does the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.git import RemoteRefs, create_tag, delete_tag, push_tag
from release_channels.adapters.github.follow_run import Waiting, wait_for_run
from release_channels.adapters.index import FOR_PRACTICE, LOCAL
from release_channels.cli.context import TaskContext
from release_channels.commands.practice_guard import refuse_practice
from release_channels.commands.tag_checks import Answer, Row, check_tag_preconditions, show
from release_channels.errors import FailedError, RefusedError, ReleaseError, UsageError
from release_channels.model.github import WorkflowRun, repository_name
from release_channels.model.next_step import task_command
from release_channels.model.next_version import parse_final, parse_named
from release_channels.model.observed import Relation
from release_channels.model.outcome import Outcome, Result
from release_channels.model.tags import tag_of
from release_channels.model.verification import WORKFLOWS
from release_channels.model.version import final_of

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub


@dataclass(frozen=True, slots=True)
class TagRequest:
    """The options of `tag`; `version` is the release if versions come from git tags."""

    version: str = ""
    sign: bool = False
    wait: bool = False
    watch: bool = False
    names_commit: bool = False
    """True if the commit was named: then it may be any number of commits after the one that set the version."""


def tag(context: TaskContext, request: TagRequest, *, dry_run: bool, waiting: Waiting | None = None) -> Outcome:
    """Check everything, then tag the commit and push the tag.

    Raises: RefusedError with all failed checks, for a tag on GitHub in practice, or if the remote refuses;
    no new tag is left here then.
    """
    waiting = waiting or Waiting()
    version = _version(context, request)
    name = tag_of(context.config.tag_format, version)
    refuse_practice(context, f"the tag {name}", "`release-channels tag --index pypi` makes the real one")
    remote = context.config.remote
    listed = context.git.list_remote(remote)
    there = context.git.remote_tag(name, context.commit.sha, remote, listed)
    # A tag that should never have been made, such as one of a dev release, is asked about all the same.
    if there is not None and there.relation is Relation.SAME and not version.is_prerelease:
        already = f"{name} is on {remote} already, on commit {context.commit.short}: nothing to do"
        outcome = _outcome(context, version, Result.DONE, already)
    else:
        rows = _ask(context, request, version, name, listed)
        if request.wait and not dry_run and _only_tests(rows):
            _wait_for_tests(context, waiting)
            rows = _ask(context, request, version, name, context.git.list_remote(remote))
        outcome = _tag(context, request, version, name, rows, dry_run=dry_run)
    if request.watch and not dry_run:
        return _watch(context, outcome, name, waiting)
    return outcome


def _ask(context: TaskContext, request: TagRequest, version: Version, name: str, listed: RemoteRefs) -> tuple[Row, ...]:
    what = "" if version.is_prerelease else f"tag {name} on "
    console.say(f"{context.project.name} {version}: {what}commit {context.commit.short}", style="bold")
    others = ", the tags, the index and GitHub" if context.repository else ", the tags and the index"
    with console.progress(f"looking at main{others}", is_short=True):
        rows = check_tag_preconditions(context, version, listed, sign=request.sign, names_commit=request.names_commit)
    show(rows, context.index.name)
    return rows


def _only_tests(rows: tuple[Row, ...]) -> bool:
    """Return whether tests and gate alone are missing: nobody should wait an hour to be told of a dirty tree."""
    missing = {row.topic for row in rows if row.answer is Answer.NO}
    return bool(missing) and missing <= {"tests", "gate"}


def _tag(
    context: TaskContext, request: TagRequest, version: Version, name: str, rows: tuple[Row, ...], *, dry_run: bool
) -> Outcome:
    wrong = [row for row in rows if row.answer is Answer.NO]
    if wrong:
        raise RefusedError(
            f"{name} was not made: " + "; ".join(row.message for row in wrong),
            hint="\n".join(dict.fromkeys(row.hint for row in wrong if row.hint)),
        )
    if dry_run:
        return _outcome(
            context, version, Result.PLANNED, f"{name} would be made on commit {context.commit.short} and pushed"
        )
    _make_and_push(context, version, name, sign=request.sign)
    pushed = context.git.remote_tag(name, context.commit.sha, context.config.remote)
    if pushed is None or pushed.commit != context.commit.sha:
        raise FailedError(
            f"{context.config.remote} does not show {name} on commit {context.commit.short}",
            hint="look at the remote's tags",
        )
    text = f"the tag {name} is on {context.config.remote}, on commit {context.commit.short}"
    if context.index.name != LOCAL:
        text += f"; {context.config.public_workflow} takes over"
    return replace(_outcome(context, version, Result.DONE, text), next=_watch_command(context, name))


def _watch_command(context: TaskContext, name: str) -> str:
    """Return the command that follows the workflow of a new tag, if there is one: it may not be listed yet."""
    config, url = context.config, context.git.remote_url(context.config.remote)
    is_on_github = repository_name(config.repository, url, context.env) is not None
    has_workflow = context.read(f"{WORKFLOWS}/{config.public_workflow}") is not None
    if context.index.name in FOR_PRACTICE or not is_on_github or not has_workflow:
        return ""
    return task_command("tag", "--commit", name, "--watch", index=context.index.name)


def _make_and_push(context: TaskContext, version: Version, name: str, *, sign: bool) -> None:
    """Make the tag, unless one is here already, and push it; what was made for nothing is taken away again.

    Raises: RefusedError if the remote refuses; what broke the push, unless the tag arrived all the same.
    """
    remote = context.config.remote
    is_here = context.git.local_tag(name, context.commit.sha) is not None
    if not is_here:
        create_tag(context.root, name, context.commit.sha, f"{context.project.name} {version}", sign=sign)
    try:
        push_tag(context.root, remote, name)
    except (ReleaseError, KeyboardInterrupt) as stop:
        _look_after(context, name, stop, is_here=is_here)


def _look_after(context: TaskContext, name: str, stop: ReleaseError | KeyboardInterrupt, *, is_here: bool) -> None:
    """Inspect the remote after a push that broke, before anything is taken away: it may have taken the tag.

    Raises: what broke the push, with what became of the tag, unless the remote has it and nobody interrupted.
    """
    remote, sha = context.config.remote, context.commit.sha
    try:
        there = context.git.commit_of_remote_tag(name, remote)
    except ReleaseError as unseen:
        text = f"whether {name} has arrived on {remote} cannot be seen ({unseen}), so it is kept here"
        if isinstance(stop, KeyboardInterrupt):
            raise KeyboardInterrupt(text) from stop
        again = "run the same again when the remote answers: it looks first"
        raise FailedError(f"{stop}; {text}", hint=f"{stop.hint}\n{again}".strip()) from stop
    if there == sha:
        text = f"the tag {name} IS on {remote}, on commit {context.commit.short}"
        if isinstance(stop, KeyboardInterrupt):
            raise KeyboardInterrupt(text) from stop
        console.warn(f"{text}, though the push was interrupted: {stop}")
        return
    if not is_here:
        delete_tag(context.root, name)
    if not isinstance(stop, RefusedError):
        raise stop
    left = "the tag that was here before is unchanged" if is_here else "it was removed here, too"
    raise RefusedError(f"{stop}; {left}", hint=stop.hint) from stop


def _version(context: TaskContext, request: TagRequest) -> Version:
    if context.project.source.is_written:
        named = parse_named(request.version) if request.version else None
        if named is not None and named != context.project.version:
            raise UsageError(
                f"--version {named}, but the commit declares {context.project.version}",
                hint=f"leave out --version: the commit declares it; `release-channels bump --to {named}` changes it",
            )
        return context.project.version
    if not request.version and not context.project.version.is_prerelease:
        return context.project.version  # a release tag is on this very commit
    if not request.version:
        following = final_of(context.project.version)
        raise UsageError(
            "which version? it lives in git tags here", hint=f"`release-channels tag --version {following}` is the next"
        )
    return parse_final(request.version, "tag --version")


def _wait_for_tests(context: TaskContext, waiting: Waiting) -> None:
    github = context.github()
    if github is None:
        return
    config = context.config
    with github:
        test = wait_for_run(
            lambda: github.newest_run(config.test_workflow, context.commit.sha), config.test_workflow, waiting
        )
        if test.is_green and config.gate.enabled:
            from release_channels.release.ci_provenance import ProvenanceQuery

            gate = ProvenanceQuery(github, config)
            wait_for_run(lambda: gate.find_gate(test), config.gate_workflow, waiting)


def _watch(context: TaskContext, outcome: Outcome, name: str, waiting: Waiting) -> Outcome:
    """Follow the release workflow of the tag to its end."""
    github = context.github()
    if github is None:
        warning = "there is no workflow to watch: the remote is not on GitHub"
        console.warn(warning)
        return replace(outcome, warnings=(warning,))
    workflow = context.config.public_workflow
    with github:
        run = wait_for_run(lambda: _run_of_tag(github, workflow, context.commit.sha, name), workflow, waiting, github)
    if not run.is_green:
        raise FailedError(
            f"{name} is on {context.config.remote}, and {workflow} ended {run.conclusion} for it",
            hint=f"see {run.url}; `release-channels resume {name}` says what is missing",
        )
    return replace(outcome, result=Result.PUBLISHED, message=f"{workflow} released {name}: {run.url}", next="")


def _run_of_tag(github: GitHub, workflow: str, sha: str, name: str) -> WorkflowRun | None:
    run = github.newest_run(workflow, sha)
    return run if run is not None and run.branch == name else None


def _outcome(context: TaskContext, version: Version, result: Result, message: str) -> Outcome:
    return Outcome(
        result, message, channel="public", project=context.project.name, version=str(version),
        commit=context.commit.sha, index=context.index.name,
    )  # fmt: skip
