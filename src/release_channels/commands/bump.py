"""`bump` and `bump-dev`: set main's next version in every file that contains it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.edit_journal import has_record, on_record, take_back_unfinished
from release_channels.adapters.edits import apply_edits, show_edits
from release_channels.adapters.files import checkout_lock
from release_channels.adapters.git import commit_files, leave_new_branch, push_branch, switch_to_new_branch
from release_channels.adapters.index import LOCAL
from release_channels.adapters.interrupts import signals_held
from release_channels.cli.context import TaskContext, open_context
from release_channels.commands.practice_guard import refuse_practice
from release_channels.errors import CommandError, FailedError, RefusedError, ReleaseError
from release_channels.model.next_step import bump_subject
from release_channels.model.next_version import is_open, next_dev, next_final
from release_channels.model.outcome import Outcome, Result, name_index
from release_channels.model.refusal import first_command
from release_channels.model.version import binds
from release_channels.project.changelog import find_changelog, has_section, named_changelog, read_changelog
from release_channels.project.changelog_edit import plan_release
from release_channels.project.edit import Change, Removal
from release_channels.project.files import Read, follow_links
from release_channels.project.plan_edits import plan_version, unlisted_copies
from release_channels.project.pyproject import News, Project
from release_channels.project.unlisted_copies import hint_to_list, stale_copies

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub

_FEW = 5


@dataclass(frozen=True, slots=True)
class BumpRequest:
    """The options of `bump`: the version or the part to increment, and whether to commit or open a pull request."""

    to: str = ""
    part: str = ""
    commit: bool = False
    pull_request: bool = False


@dataclass(frozen=True, slots=True)
class BumpPlan:
    """Every edit that takes main from one version to another; none has happened yet."""

    current: Version
    target: Version
    edits: tuple[Change, ...]
    subject: str
    branch: str
    then: str


def bump(context: TaskContext, request: BumpRequest, *, today: date, dry_run: bool) -> Outcome:
    """Turn main's dev version or pre-release into a final, in every file that contains it.

    Where the version lives in git tags, a version that is named is written into the copies and the changelog.

    Raises: RefusedError for a version that may not be written; nothing is changed then.
    """
    _refuse_practice(context, request)
    with _alone(context, dry_run=dry_run):
        return _bump(context, request, today, dry_run=dry_run)


def _bump(context: TaskContext, request: BumpRequest, today: date, *, dry_run: bool) -> Outcome:
    project, read = context.working_tree()
    is_written = project.source.is_written
    current = project.version if is_written else context.project.version
    if not is_written and not (request.to or request.part):
        return _nothing(
            project, f"its version lives in {project.source.where}",
            "`release-channels tag --version X.Y.Z` names it; "
            "`release-channels bump --to X.Y.Z` writes changelog and copies before",
        )  # fmt: skip
    taken = _taken(context)
    is_final = current.pre is None and not is_open(current)
    if is_final and not (request.to or request.part):
        late: tuple[Change, ...] = ()
        if is_written and current not in taken:
            late = (*plan_version(project, read, current, today), *_changelog(context, project, read, current, today))
        if not late:
            return _nothing(project, *_after_final(context, current, taken))
        # The version was made final by hand, or a copy was listed after that.
        text, branch = f"Write {current} everywhere", f"copies-{current}"
        then = "`release-channels tag --commit HEAD`"
        return _carry_out(
            context, BumpPlan(current, current, _each_file_once(late), text, branch, then), request, dry_run=dry_run
        )
    target = next_final(current, taken, to=request.to, part=request.part, is_declared=is_written)
    edits = plan_final(context, project, read, target, today)
    then = "`release-channels tag`" if is_written else f"`release-channels tag --version {target}`"
    plan = BumpPlan(current, target, edits, bump_subject(target), f"release-{target}", then)
    return _carry_out(context, plan, request, dry_run=dry_run)


def plan_final(context: TaskContext, project: Project, read: Read, target: Version, today: date) -> tuple[Change, ...]:
    """Plan every edit that makes a version final: its copies and the changelog.

    Raises: RefusedError if a copy would stay behind, or the changelog has nothing to release.
    """
    _refuse_stale_copies(context, project, read, target)
    return _each_file_once(
        (*plan_version(project, read, target, today), *_changelog(context, project, read, target, today))
    )


def bump_dev(context: TaskContext, request: BumpRequest, *, dry_run: bool) -> Outcome:
    """Open the next dev line on main after a release, or in place of a pre-release.

    Raises: RefusedError for a line that may not be opened; nothing is changed then.
    """
    _refuse_practice(context, request)
    with _alone(context, dry_run=dry_run):
        return _bump_dev(context, request, dry_run=dry_run)


def _bump_dev(context: TaskContext, request: BumpRequest, *, dry_run: bool) -> Outcome:
    project, read = context.working_tree()
    current = project.version
    if not project.source.is_written:
        return _nothing(project, f"its version lives in {project.source.where}", "previews follow the newest tag")
    taken = _taken(context)
    newest = max(filter(binds, taken), default=None)
    is_line = current.pre is None and is_open(current)
    if is_line and not (request.to or request.part) and (newest is None or newest < current):
        return _nothing(project, f"main is on the dev line {current} already", "`release-channels bump` makes it final")
    is_final = current.pre is None and not is_line
    if is_final and current not in taken and not (request.to or request.part):
        raise RefusedError(
            f"main declares {current}, which is neither tagged nor on the index: it would be skipped",
            hint="`release-channels tag` releases it; `release-channels bump-dev --part patch` continues without it",
        )
    target = next_dev(current, taken, to=request.to, part=request.part)
    edits = plan_version(project, read, target, None)
    plan = BumpPlan(current, target, edits, bump_subject(target), f"open-{target}", "previews continue")
    return _carry_out(context, plan, request, dry_run=dry_run)


def open_dev_line(root: Path) -> str:
    """Open the next dev line of a newly adopted project in a commit, and return its description."""
    with open_context(root, os.environ, index=LOCAL) as context:
        return bump_dev(context, BumpRequest(commit=True), dry_run=False).message


@contextmanager
def _alone(context: TaskContext, *, dry_run: bool) -> Iterator[None]:
    """Keep other runs out of the checkout, and begin with the files as they were before a run that was killed.

    Raises: RefusedError if another run is at work, or such a file has changed since then.
    """
    # A record may be that of a run that is still at work, which a dry run would call killed.
    with checkout_lock(context.root) if not dry_run or has_record(context.git) else nullcontext():
        taken_back = take_back_unfinished(context.git, dry_run=dry_run)
        if taken_back:
            console.warn(f"took back what a killed run had begun in {', '.join(taken_back)}")
        yield


def _refuse_practice(context: TaskContext, request: BumpRequest) -> None:
    if request.pull_request:
        refuse_practice(context, "the pull request", "without --pull-request nothing leaves this machine")


def _after_final(context: TaskContext, current: Version, taken: set[Version]) -> tuple[str, str]:
    """Explain why there is nothing to make final, and what comes next instead."""
    if current != context.project.version and current not in taken:
        return (
            f"the working tree declares {current} already",
            f"{_to_main(context, is_made=False)} that, then `release-channels tag` releases it",
        )
    if current in taken:
        where = "main" if current == context.project.version else "the working tree"
        return f"{where} declares {current}, which is released", "`release-channels bump-dev` opens the next dev line"
    return f"main declares {current}, which is final already", "`release-channels tag` releases it"


def _refuse_stale_copies(context: TaskContext, project: Project, read: Read, target: Version) -> None:
    """Refuse to make a version final while a copy of it would stay behind: `tag` refuses that, after the push.

    Raises: RefusedError with the entries that let the copies follow.
    """
    unlisted = unlisted_copies(project, read, context.git.tracked_files(), target)
    if stale := stale_copies(unlisted, target):
        held = ", ".join(f"{copy.path} has {copy.text}" for copy in stale)
        raise RefusedError(f"{held}, and no setting lists it", hint=hint_to_list(stale))


def _changelog(context: TaskContext, project: Project, read: Read, target: Version, today: date) -> tuple[Change, ...]:
    """Plan the version's section in the changelog, by towncrier where the project uses it."""
    news = project.news_file(target)
    by_towncrier = project.news if named_changelog(project.config, news) == news else None
    if by_towncrier and follow_links(news, read)[1] is None:
        return _news(context, by_towncrier, target, today)
    path = find_changelog(project.config, read, news)
    if path is None:
        return ()
    document = read_changelog(path, read)
    if by_towncrier:
        return () if has_section(document, target) else _news(context, by_towncrier, target, today)
    edit = plan_release(document, target, today, path, project.config.tag_format)
    return (edit,) if edit else ()


def _news(context: TaskContext, settings: News, target: Version, today: date) -> tuple[Change, ...]:
    from release_channels.commands.towncrier import plan_news

    return plan_news(context, settings, target, today)


def _each_file_once(edits: tuple[Change, ...]) -> tuple[Change, ...]:
    """Refuse two edits of one file: the later one would not know of the earlier."""
    paths = [edit.path for edit in edits]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise RefusedError(
            f"{', '.join(twice)} is both a copy of the version and the changelog",
            hint="take it out of version-files: the changelog is kept automatically",
        )
    return edits


def _carry_out(context: TaskContext, plan: BumpPlan, request: BumpRequest, *, dry_run: bool) -> Outcome:
    if not plan.edits:
        already = f"the files declare {plan.target} already"
        if not context.project.source.is_written:
            already = f"no file has to change for {plan.target}, which lives in {context.project.source.where}"
        outcome = _nothing(context.project, already, plan.then)
        is_ready = not context.project.source.is_written and not context.git.uncommitted()
        return replace(outcome, next=first_command(name_index(plan.then, context.index.name)) if is_ready else "")
    console.say(f"{context.project.name}: {plan.current} -> {plan.target}", style="bold")
    show_edits(plan.edits)
    paths = [edit.path for edit in plan.edits]
    commits = request.commit or request.pull_request
    if commits:
        _refuse_mixed(context, paths)
    github = _github_for(context, plan) if request.pull_request else None
    what = _describe(plan, is_written=context.project.source.is_written)
    if dry_run:
        return _outcome(context, plan, Result.PLANNED, what)
    if github is not None:
        with github:
            opened = _pull_request(context, github, plan, paths)
            return _outcome(context, plan, Result.DONE, f"{what}; {opened}; merge it, then {plan.then}")
    with on_record(context.git, plan.edits):
        apply_edits(context.root, plan.edits)
        commit = _commit(context, plan, paths) if commits else ""
    made = f", commit {commit[:12]}" if commits else ""
    return _outcome(
        context, plan, Result.DONE, f"{what}{made}; {_to_main(context, is_made=commits)} that, then {plan.then}"
    )


def _describe(plan: BumpPlan, *, is_written: bool) -> str:
    """Return what a bump does, and where; of the news fragments that it removes only how many."""
    becomes = "is now" if plan.current == plan.target else f"becomes {plan.target}"
    begin = f"{plan.current} {becomes} in" if is_written else f"{plan.target} is written into"
    removed = [edit.path for edit in plan.edits if isinstance(edit, Removal)]
    kept = [edit.path for edit in plan.edits if not isinstance(edit, Removal)]
    end = f", and {len(removed)} news fragment{'s are' if len(removed) > 1 else ' is'} removed" if removed else ""
    return f"{begin} {', '.join(kept)}{end}"


def _to_main(context: TaskContext, *, is_made: bool) -> str:
    """Return what brings an edit, or the commit that was made of it, to the remote's main."""
    is_main = context.git.branch() == context.config.main_branch
    verbs = [*([] if is_made else ["commit"]), "push", *([] if is_main else ["merge"])]
    return " and ".join(filter(None, (", ".join(verbs[:-1]), verbs[-1])))


def _refuse_mixed(context: TaskContext, paths: list[str]) -> None:
    """Refuse to commit what somebody else has begun in the same files."""
    mixed = sorted(set(context.git.uncommitted()) & set(paths))
    if mixed:
        raise RefusedError(
            f"{', '.join(mixed)} has uncommitted changes, which the commit would include",
            hint="commit or stash them first",
        )


def _commit(context: TaskContext, plan: BumpPlan, paths: list[str], *, where: str = "") -> str:
    """Make the one commit; the edits stay where git refuses it, since a hook may have fixed something in them.

    Raises: FailedError that says what stands where.
    """
    try:
        return commit_files(
            context.root, paths, plan.subject, new=[path for path in paths if not context.git.tracks(path)]
        )
    except CommandError as stop:
        by_hand = shlex.join(["git", "commit", "--message", plan.subject, "--", *paths])
        back = shlex.join(["git", "restore", "--staged", "--worktree", "--", *paths])
        raise FailedError(
            f"git did not make the commit; {', '.join(paths)} contain {plan.target} now, uncommitted{where}",
            hint=f"{stop.hint}\nfix that, then `{by_hand}`; or take the edits back with `{back}`",
        ) from stop


def _github_for(context: TaskContext, plan: BumpPlan) -> GitHub:
    """Find out that a pull request can be opened before anything is changed.

    Raises: RefusedError where it cannot.
    """
    instead = "or use --commit and push by hand"
    github = context.github()
    if github is None:
        raise RefusedError(
            f"a pull request needs a repository on GitHub, and {context.config.remote} is not one",
            hint=f"set repository in [tool.release-channels], {instead}",
        )
    if not github.has_token:
        raise RefusedError(
            "a pull request needs a token for GitHub", hint=f"set GH_TOKEN, or run `gh auth login`; {instead}"
        )
    if context.git.has_branch(plan.branch, context.config.remote):
        raise RefusedError(
            f"there is a branch {plan.branch} already, here or on {context.config.remote}",
            hint="is its pull request open? then merge that; else delete the branch in both places",
        )
    _refuse_beside_main(context)
    return github


def _refuse_beside_main(context: TaskContext) -> None:
    """Refuse a pull request that would hold more than the bump, or be made of an old main.

    Raises: RefusedError that names what would come along.
    """
    config = context.config
    main, sync = f"{config.remote}/{config.main_branch}", f"`git pull {config.remote} {config.main_branch}`"
    tip = context.git.remote_tip(config.remote, config.main_branch)
    if tip == context.commit.sha:
        return
    more = context.git.subjects(tip, context.commit.sha)
    if more:
        shown = ", ".join(more[:_FEW]) + (", …" if len(more) > _FEW else "")
        raise RefusedError(
            f"HEAD is not the tip of {main}: {len(more)} more would come along into the pull request: {shown}",
            hint=f"merge those first, or start from {main}; --commit alone stays on top of whatever HEAD is",
        )
    raise RefusedError(f"HEAD is behind {main}, which has moved on to commit {tip[:12]}", hint=f"{sync} first")


def _pull_request(context: TaskContext, github: GitHub, plan: BumpPlan, paths: list[str]) -> str:
    """Commit on a branch of its own, push it and open the pull request; what cannot be undone comes last.

    Raises: FailedError that says how far it came.
    """
    branch, remote = plan.branch, context.config.remote
    try:
        switch_to_new_branch(context.root, branch)
        with on_record(context.git, plan.edits):
            apply_edits(context.root, plan.edits)
            _commit(context, plan, paths, where=f" on the new branch {branch}")
    except (RefusedError, KeyboardInterrupt):  # the same command again would be refused for the branch
        with signals_held():
            if (context.git.branch(), context.git.head()) == (branch, context.commit.sha):
                leave_new_branch(context.root, branch)
        raise
    here = f"the commit is on the branch {branch}, where you are"
    try:
        push_branch(context.root, remote, branch)
    except ReleaseError as stop:
        again = f"`git push {remote} {branch}` and open the pull request by hand"
        raise FailedError(f"{stop}; {here}", hint=f"{stop.hint}\nfix that, then {again}; {_undo(branch)}") from stop
    try:
        github.await_branch(branch)
        made = github.open_pull_request(branch, context.config.main_branch, plan.subject, f"{plan.subject}.\n")
    except ReleaseError as stop:
        raise FailedError(
            f"the branch {branch} is on {remote}, without a pull request: {stop}",
            hint=f"{stop.hint}\nopen it by hand; {here}",
        ) from stop
    return f"{made.url} is open, and you are on its branch {branch}"


def _undo(branch: str) -> str:
    return f"or go back with `git switch -` and `git branch --delete --force {branch}`"


def _taken(context: TaskContext) -> set[Version]:
    """Return every version that is on the index or tagged."""
    with console.progress("looking at the tags and the index", is_short=True):
        released = set(context.read_index().releases)
        return released | set(context.tags(released))


def _nothing(project: Project, why: str, instead: str) -> Outcome:
    return Outcome(Result.SKIPPED, f"nothing to write: {why}; {instead}", project=project.name)


def _outcome(context: TaskContext, plan: BumpPlan, result: Result, message: str) -> Outcome:
    return Outcome(
        result, message, project=context.project.name, version=str(plan.target),
        commit=context.commit.sha, index=context.index.name,
    )  # fmt: skip
