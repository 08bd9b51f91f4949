"""`bump` and `bump-dev`: main's version, and every copy of it, to the next one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from packaging.version import Version

from release_channels import console
from release_channels.bumping import dev_target, final_target, is_open
from release_channels.errors import RefusedError
from release_channels.maintain.desk import Desk
from release_channels.outcome import Outcome, Result
from release_channels.project.changelog import find_changelog, plan_release, read_changelog
from release_channels.project.edit import Edit
from release_channels.project.everywhere import plan_version
from release_channels.project.pyproject import PYPROJECT, Project, parse_project
from release_channels.project.source import Read
from release_channels.world.edits import apply_edits, reader, show_edits
from release_channels.world.git_write import commit_files, push_branch, switch_to_new_branch


@dataclass(frozen=True, slots=True)
class BumpRequest:
    """What somebody asked for: a version or a part, and how far to carry it."""

    to: str = ""
    part: str = ""
    commit: bool = False
    pull_request: bool = False


@dataclass(frozen=True, slots=True)
class BumpPlan:
    """Every edit that takes main from one version to another; none has happened yet."""

    current: Version
    target: Version
    edits: tuple[Edit, ...]
    subject: str
    branch: str
    then: str


def bump(desk: Desk, request: BumpRequest, *, today: date, dry_run: bool) -> Outcome:
    """Make main's dev version final, everywhere it is written.

    Raises: RefusedError for a version that may not be written; nothing is changed then.
    """
    project, read = _working_tree(desk)
    current = project.version
    if not project.source.is_written:
        return _nothing(project, f"its version lives in {project.source.where}", "`invoke tag --version X.Y.Z`")
    if not is_open(current) and not (request.to or request.part):
        return _nothing(project, f"main holds {current}, which is final already", "`invoke tag` releases it")
    target = final_target(current, _taken(desk), to=request.to, part=request.part)
    edits = (*plan_version(project, read, target, today), *_changelog(project, read, target, today))
    plan = BumpPlan(
        current, target, _each_file_once(edits), f"Release {target}", f"release-{target}", "merge it, then `invoke tag`"
    )
    return _carry_out(desk, plan, request, dry_run=dry_run)


def bump_dev(desk: Desk, request: BumpRequest, *, today: date, dry_run: bool) -> Outcome:
    """Open the next dev line on main after a release.

    Raises: RefusedError for a line that may not be opened; nothing is changed then.
    """
    project, read = _working_tree(desk)
    current = project.version
    if not project.source.is_written:
        return _nothing(project, f"its version lives in {project.source.where}", "previews follow the newest tag")
    taken = _taken(desk)
    newest = max((version for version in taken if not version.is_prerelease), default=None)
    if is_open(current) and not (request.to or request.part) and (newest is None or newest < current):
        return _nothing(project, f"main is on the dev line {current} already", "`invoke bump` makes it final")
    target = dev_target(current, taken, to=request.to, part=request.part)
    edits = plan_version(project, read, target, today)
    plan = BumpPlan(
        current,
        target,
        edits,
        f"Open the dev line {target}",
        f"open-{target}",
        "merge it, and previews go on",
    )
    return _carry_out(desk, plan, request, dry_run=dry_run)


def _working_tree(desk: Desk) -> tuple[Project, Read]:
    """Read the project as it stands in the working tree: an edit goes on from what is there."""
    read = reader(desk.git)
    return parse_project(read(PYPROJECT), PYPROJECT, read=read), read


def _changelog(project: Project, read: Read, target: Version, today: date) -> tuple[Edit, ...]:
    path = find_changelog(project.config, read)
    if path is None or project.uses_towncrier:
        return ()
    edit = plan_release(read_changelog(path, read), target, today, path, project.config.tag_format)
    return (edit,) if edit else ()


def _each_file_once(edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Refuse two edits of one file: the later one would not know of the earlier."""
    paths = [edit.path for edit in edits]
    twice = sorted({path for path in paths if paths.count(path) > 1})
    if twice:
        raise RefusedError(
            f"{', '.join(twice)} is both a copy of the version and the changelog",
            hint="take it out of version-files: the changelog is kept by itself",
        )
    return edits


def _carry_out(desk: Desk, plan: BumpPlan, request: BumpRequest, *, dry_run: bool) -> Outcome:
    console.say(f"{desk.project.name}: {plan.current} -> {plan.target}", style="bold")
    show_edits(plan.edits)
    paths = [edit.path for edit in plan.edits]
    commits = request.commit or request.pull_request
    if commits:
        _refuse_mixed(desk, paths)
    what = f"{plan.current} becomes {plan.target} in {', '.join(paths)}"
    if dry_run:
        return _outcome(desk, plan, Result.PLANNED, what)
    if request.pull_request:
        return _outcome(desk, plan, Result.DONE, f"{what}; {_pull_request(desk, plan, paths)}: {plan.then}")
    apply_edits(desk.root, plan.edits)
    if not commits:
        return _outcome(desk, plan, Result.DONE, f"{what}; commit that, {plan.then}")
    commit = commit_files(desk.root, paths, plan.subject)
    return _outcome(desk, plan, Result.DONE, f"{what}, commit {commit[:12]}; {plan.then}")


def _refuse_mixed(desk: Desk, paths: list[str]) -> None:
    """Refuse to commit what somebody else has begun in the same files."""
    mixed = sorted(set(desk.git.uncommitted()) & set(paths))
    if mixed:
        raise RefusedError(
            f"{', '.join(mixed)} has uncommitted changes, which would come along", hint="commit or stash them first"
        )


def _pull_request(desk: Desk, plan: BumpPlan, paths: list[str]) -> str:
    """Commit on a branch of its own, push it and open the pull request; what cannot be undone comes last."""
    hub = desk.github()
    if hub is None or not hub.has_token:
        raise RefusedError(
            "a pull request needs a repository on GitHub and a token",
            hint="set GH_TOKEN, or run `gh auth login`; or use --commit and push by hand",
        )
    switch_to_new_branch(desk.root, plan.branch)
    apply_edits(desk.root, plan.edits)
    commit_files(desk.root, paths, plan.subject)
    push_branch(desk.root, desk.config.remote, plan.branch)
    return hub.open_pull_request(plan.branch, desk.config.main_branch, plan.subject, f"{plan.subject}.\n").url


def _taken(desk: Desk) -> set[Version]:
    """Give every version that is on the index or tagged."""
    return set(desk.read_index().releases) | set(desk.tags())


def _nothing(project: Project, why: str, instead: str) -> Outcome:
    return Outcome(Result.SKIPPED, f"nothing to write: {why}; {instead}", project=project.name)


def _outcome(desk: Desk, plan: BumpPlan, result: Result, message: str) -> Outcome:
    return Outcome(
        result, message, project=desk.project.name, version=str(plan.target),
        commit=desk.commit.sha, index=desk.index.name,
    )  # fmt: skip
