"""`status`: both channels, main's version, an unfinished release, and the next command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.actions_env import is_loopback
from release_channels.adapters.files import atomic_write
from release_channels.adapters.index import FOR_PRACTICE, LOCAL
from release_channels.adapters.local_index_history import practised_versions
from release_channels.adapters.observe import observe
from release_channels.cli.context import TaskContext, open_context, open_project
from release_channels.commands.practice_guard import pushes_for_real
from release_channels.commands.status_view import StatusReport
from release_channels.errors import RefusedError, ReleaseError, UnansweredError
from release_channels.model.config import Config
from release_channels.model.decide import Plan, Reason, Request, decide
from release_channels.model.github import Deployment, GitHubRelease, WorkflowRun, repository_name
from release_channels.model.next_step import (
    NextStep,
    ReleaseStatus,
    UnmergedBump,
    commit_command,
    following_release,
    next_step,
)
from release_channels.model.observed import Commit, Observed, Relation
from release_channels.model.outcome import PROGRAM
from release_channels.model.preview_rules import line_above
from release_channels.model.session_names import NOXFILE, OWN_NOXFILE
from release_channels.model.status import unfinished
from release_channels.model.tags import release_tags
from release_channels.model.verification import WORKFLOWS
from release_channels.model.version import Channel, final_of
from release_channels.project.changelog import find_changelog, find_sections, has_section, read_changelog
from release_channels.project.files import Read
from release_channels.project.plan_edits import bumped_files, compare_copies
from release_channels.project.pyproject import Project

if TYPE_CHECKING:
    from release_channels.adapters.git import RemoteRefs
    from release_channels.adapters.github.client import GitHub

_DEPLOYMENTS = 10
"""How many deployments of an environment are looked at for the newest of each workflow."""
_FOLLOWS = "workflow_run"
"""The event of a workflow that follows another one."""


@dataclass(slots=True)
class TolerantGitHub:
    """GitHub, if available: records what could not be read, and makes no more requests after a timeout."""

    github: GitHub | None
    unseen: list[str] = field(default_factory=list)

    def miss(self, what: str, stop: ReleaseError) -> None:
        """Record something that could not be read, and why."""
        self.unseen.append(f"{what}: {stop}")
        if isinstance(stop, UnansweredError):
            self.github = None


def read_status(context: TaskContext, now: datetime | None = None) -> StatusReport:
    """Read main, tags, index and GitHub, and determine the next command."""
    now = now or datetime.now(UTC)
    github = TolerantGitHub(None)
    has_remote = context.git.remote_url(context.config.remote) is not None
    listed = context.git.find_refs(context.config.remote) if has_remote else None
    tip, project = _main(context, listed, github.unseen)
    request = Request(Channel.PREVIEW, index=context.index.name, may_count=True)
    seen = observe(context.git, project, tip, context.index, request, asks_main=False)
    plan = decide(seen, request, project.config)
    tags = _tags(context, listed, seen.index.releases, github.unseen)
    _connect(context, github)
    try:
        return _read(context, github, tip, project, seen, plan, tags, now, listed)
    finally:
        if github.github is not None:
            github.github.close()


def print_status(context: TaskContext, *, as_json: bool, html: str = "") -> bool:
    """Print where the project stands, and return whether nothing waits to be done; `html` is a file for its page.

    Raises: RefusedError if the file cannot be written.
    """
    last = "GitHub" if _asks_github(context) else "the index"
    with console.progress(f"looking at main, its tags and {last}", is_short=True):
        report = read_status(context)
    if html:
        from release_channels.commands.status_page import render_page

        atomic_write(Path(html), render_page(report, is_tool=bool(context.project.scripts)))
        console.say(f"the page of both channels is in {html}")
    if as_json:
        console.result(report.to_json())
    else:
        show_status(report)
    return report.next.converged


def read_next(context: TaskContext) -> NextStep | None:
    """Return the next step from the current state; None if it cannot be read. It never raises."""

    def read() -> NextStep:
        commit = context.git.commit("HEAD")
        project = open_project(context.git, commit, index=context.index.name, env=context.env)
        return read_status(replace(context, commit=commit, project=project)).next

    return _read_without_effect(read)


def read_next_here(root: Path) -> NextStep | None:
    """Read the next step of the project in a directory, as `status` names it; None if it cannot be read."""

    def read() -> NextStep | None:
        with open_context(root, os.environ) as context:
            return read_next(context)

    return _read_without_effect(read)


def _read_without_effect(read: Callable[[], NextStep | None]) -> NextStep | None:
    """Call a reader; the run is over by then, and neither an error nor Ctrl-C may change how it ended."""
    try:
        return read()
    except (Exception, KeyboardInterrupt) as err:  # noqa: BLE001 - what was published or pushed has to be reported
        console.output(f"the next step could not be read: {err!r}")
        return None


def show_status(picture: StatusReport) -> None:
    """Print the status table and the next command on stdout."""
    console.show(picture.table())
    style = "bold green" if picture.next.converged else "bold yellow"
    console.result(f"next: {picture.next.command}", style=style)
    console.prose(f"      {picture.next.why}")


def _read(
    context: TaskContext,
    github: TolerantGitHub,
    tip: Commit,
    project: Project,
    seen: Observed,
    plan: Plan,
    tags: Mapping[Version, str],
    now: datetime,
    listed: RemoteRefs | None,
) -> StatusReport:
    subject = _in_question(project, tags)
    tag = tags.get(subject) if subject else None
    release, asked = _github_release(github, tag)
    files = seen.index.releases.get(subject, ()) if subject else ()
    tagged = _commit_of(context, tag, tip, listed)
    is_old = tagged is not None and not files and _is_old(context, tagged, tip)
    lacks = unfinished(files, release, now, asked=asked) if tag and not is_old else ""
    newest = seen.index.newest_final()
    public_commit = _commit_of(context, tags.get(newest), tip, listed) if newest else None
    behind = _behind(context, seen, tip, public_commit)
    workflow, is_running = _workflow(context, github, tip, (tagged or tip.sha) if lacks else None, plan, behind)
    above = _above(context, seen, plan, tags)
    following = max(filter(None, (_following(context, project, plan), above)), default=None)
    ahead = _ahead(context, github, tip, project, following)
    standing = ReleaseStatus(
        project.version, plan, behind, tag, lacks, workflow, is_running,
        is_written=project.source.is_written, following=following, ahead=ahead, is_old_tag=is_old,
        has_workflows=_has_workflows(context), adoption=_adoption(context),
        lacks_text=following is not None and _lacks_text(*_at_release(context, tip, project), following),
        remote=project.config.remote, has_remote=listed is not None,
        is_remote_silent=listed is not None and not listed.is_answered, above=above,
    )  # fmt: skip
    return StatusReport(
        seen=seen,
        plan=plan,
        behind=behind,
        public_commit=public_commit,
        subject=subject if tag else None,
        tag=tag,
        release=release,
        release_asked=asked,
        unfinished=lacks,
        deployments=_deployments(context, github),
        config=project.config,
        now=now,
        ahead=ahead,
        next=next_step(standing),
        index=_index(context),
        practised=() if context.index.name == LOCAL else practised_versions(context.root, project.name),
        unseen=tuple(github.unseen),
    )


def _following(context: TaskContext, project: Project, plan: Plan) -> Version | None:
    """Return the release that comes next where it is known: main's own final, or the one after the tags.

    A later one that `bump --to` has written into the changelog counts before that.
    """
    if project.source.is_written:
        return project.version if plan.reason is Reason.STAGED else None
    following = following_release(project.version, plan.reason)
    with suppress(RefusedError):  # what cannot be read is told by `tag`
        here, read = context.working_tree()
        path = find_changelog(here.config, read, here.news_file(following))
        sections = find_sections(read_changelog(path, read)) if path else []
        written = (section.title.version for section in sections if section.is_released)
        following = max((following, *filter(None, written)))
    return following


def _above(context: TaskContext, seen: Observed, plan: Plan, tags: Mapping[Version, str]) -> Version | None:
    """Return the release above an index that main's tags are below; None where a tag of the remote is not here yet."""
    if seen.is_written or plan.reason not in (Reason.BEHIND, Reason.SUPERSEDED):
        return None
    is_fetched = context.git.tag_names_here().issuperset(tags.values())
    return final_of(line_above(seen.index.releases)) if is_fetched else None


def _at_release(context: TaskContext, tip: Commit, project: Project) -> tuple[Project, Read]:
    """Return the project that the next tag is on, and the reader of its files: main's, or HEAD's with tag versions."""
    if project.source.is_written:
        return project, context.git.files(tip.sha)
    return context.project, context.read


def _adoption(context: TaskContext) -> str:
    """Return the command that brings the sessions into the project's commits; empty if they have a noxfile."""
    names = {NOXFILE, OWN_NOXFILE}
    if names.intersection(context.git.files_at(context.commit.sha)):
        return ""
    is_here = any((context.root / name).is_file() for name in names)
    return f"{PROGRAM} init --commit" if is_here else f"{PROGRAM} init"


def _index(context: TaskContext) -> str:
    return (
        f"{context.index.title}: practice, since {context.why_practice}"
        if context.why_practice
        else context.index.title
    )


def _is_old(context: TaskContext, tagged: str, tip: Commit) -> bool:
    """Return whether a tag's commit is older than the release workflows and so lacks nothing.

    Practice needs no workflows: there a tag is old if they came after it, or the project has no session yet.
    """
    path = f"{WORKFLOWS}/{context.config.public_workflow}"
    if context.git.read_file(tagged, path) is not None:
        return False
    here = context.git.files_at(tip.sha)
    return context.index.name not in FOR_PRACTICE or path in here or not {NOXFILE, OWN_NOXFILE}.intersection(here)


def _has_workflows(context: TaskContext) -> bool:
    """Return whether a push starts workflows that publish; in practice, whether it would in earnest."""
    if context.index.name in FOR_PRACTICE:
        return pushes_for_real(context)
    remote_url = context.git.remote_url(context.config.remote)
    return repository_name(context.config.repository, remote_url, context.env) is not None


def _main(context: TaskContext, listed: RemoteRefs | None, unseen: list[str]) -> tuple[Commit, Project]:
    """Find main's tip on the remote, as fetched now; HEAD where it cannot be read, which is said."""
    config = context.config
    main = f"{config.remote}/{config.main_branch}"
    if listed is None:
        unseen.append(f"{main}: there is no remote {config.remote}, so HEAD is used instead")
        return context.commit, context.project
    try:
        tip = context.git.commit(context.git.remote_tip(config.remote, config.main_branch, listed))
    except ReleaseError as stop:
        unseen.append(f"{main}: {stop}, so HEAD is used instead")
        return context.commit, context.project
    project = open_project(context.git, tip, index=context.index.name, env=context.env)
    is_ahead = context.git.relation(context.commit.sha, tip.sha) is Relation.DESCENDANT
    if is_ahead and project.config == Config() != config:  # an adoption that is not pushed yet
        project = open_project(context.git, tip, index=context.index.name, env=context.env, config=config)
    return tip, project


def _ahead(
    context: TaskContext, github: TolerantGitHub, tip: Commit, project: Project, following: Version | None
) -> UnmergedBump | None:
    try:
        ahead = read_ahead(context, tip, project)
        return ahead or (_ahead_of_release(context, tip, project, following) if following else None)
    except ReleaseError as stop:
        github.unseen.append(f"the working tree: {stop}")
        return None


def _tags(
    context: TaskContext, listed: RemoteRefs | None, released: Collection[Version], unseen: list[str]
) -> Mapping[Version, str]:
    """Return the release tags.

    Beside a real index those of this clone alone do not count: they are practice.
    """
    config, git = context.config, context.git
    practises = context.index.name in FOR_PRACTICE or listed is None
    try:
        names = (git.tag_names if practises else git.remote_tag_names)(config.remote, listed)
    except ReleaseError as stop:
        instead = "the tags of this clone are used instead" if practises else "none is known"
        unseen.append(f"tags: {stop}, so {instead}")
        here = git.tags_before(context.commit.sha) if practises else ()
        return release_tags(config.tag_format, here, released)
    return release_tags(config.tag_format, names, released)


def _behind(context: TaskContext, seen: Observed, tip: Commit, public: str | None) -> int | None:
    """Count the commits that no preview has, if that can be known: at most those since the newest public release.

    A preview of another line that names no commit was built by something else; there is none of main's line then.
    """
    preview, final = seen.index.newest_preview(), seen.index.newest_final()
    kept = [version for version in seen.local_commits if version.is_devrelease and version in seen.index.releases]
    practised = seen.local_commits[max(kept)] if kept else None
    commit = (seen.newest_preview.commit if seen.newest_preview else None) or practised
    if commit is not None:
        is_known = context.git.relation(tip.sha, commit) is not Relation.UNKNOWN
        return len(context.git.subjects(commit, tip.sha)) if is_known else None
    is_other = preview is None or final_of(preview) != final_of(seen.version)
    if is_other and (context.index.name == LOCAL or preview is None or (final is not None and preview < final)):
        return len(context.git.subjects(public or "", tip.sha))
    return None


def _in_question(project: Project, tags: Mapping[Version, str]) -> Version | None:
    """Choose the release to look at: main's own if it is final, else the newest that was tagged."""
    if not project.version.is_prerelease and project.source.is_written:
        return project.version
    return max(tags, default=None)


def _commit_of(context: TaskContext, tag: str | None, tip: Commit, listed: RemoteRefs | None) -> str | None:
    found = context.git.tag(tag, tip.sha, context.config.remote, listed) if tag else None
    return found.commit if found else None


def _practises(context: TaskContext) -> bool:
    """Return whether releases are not announced on GitHub: they are on the local index, and GitHub is the real one."""
    return context.index.name == LOCAL and not is_loopback(context.env.get("GITHUB_API_URL"))


def _asks_github(context: TaskContext) -> bool:
    return not _practises(context) and context.repository is not None


def _connect(context: TaskContext, github: TolerantGitHub) -> None:
    """Connect to GitHub, and note what cannot be seen there."""
    if _practises(context):
        github.unseen.append("GitHub: releases on the local index are practice and not announced there")
        return
    try:
        github.github = context.github(is_screen=True)
    except ReleaseError as stop:
        github.miss("GitHub", stop)
        return
    if github.github is None:
        github.unseen.append(f"GitHub: the remote {context.config.remote} is not a repository on it")
    elif not github.github.has_token:
        github.unseen.append("GitHub's drafts: they need a token (GH_TOKEN, or `gh auth login`)")


def _github_release(github: TolerantGitHub, tag: str | None) -> tuple[GitHubRelease | None, bool]:
    """Find the GitHub Release of a tag, the published one before a draft, and tell whether GitHub answered at all."""
    if github.github is None or tag is None:
        return None, False
    try:
        found = github.github.find_releases(tag)
    except ReleaseError as stop:
        github.miss(f"the GitHub Release {tag}", stop)
        return None, False
    return next((one for one in found if not one.is_draft), next(iter(found), None)), True


def _workflow(
    context: TaskContext, github: TolerantGitHub, tip: Commit, tagged: str | None, plan: Plan, behind: int | None
) -> tuple[str, bool]:
    """Describe how the next workflow stands: the public one for a tag's commit, else the first that has not passed."""
    config = context.config
    if tagged is not None:
        return _run(github, config.public_workflow, tagged)
    if not behind or plan.reason not in (Reason.OPEN, Reason.ALREADY, Reason.LATE):
        return "", False
    # What somebody started by hand, for a branch or to try it out, is listed under main's commit and tells nothing.
    chain = ((config.test_workflow, None), (config.gate_workflow, _FOLLOWS), (config.preview_workflow, _FOLLOWS))
    for workflow, event in chain:
        text, is_running = _run(github, workflow, tip.sha, event)
        if text:
            return text, is_running
    return "", False


def _run(github: TolerantGitHub, workflow: str, sha: str, event: str | None = None) -> tuple[str, bool]:
    """Describe how a workflow stands for a commit; nothing where it is green or cannot be asked."""
    if github.github is None:
        return "", False
    from release_channels.adapters.github.errors import NotFoundError

    try:
        run: WorkflowRun | None = github.github.newest_run(workflow, sha, event)
    except NotFoundError:  # GitHub does not know a workflow before its first run
        return f"{workflow} has not run, or is not visible", False
    except ReleaseError as stop:
        github.miss(f"the runs of {workflow}", stop)
        return "", False
    if run is None:
        return f"{workflow} has not run for {sha[:12]}", False
    if not run.is_done:
        return f"{workflow} is {run.status.replace('_', ' ')}: {run.url}", True
    return ("", False) if run.is_green else (f"{workflow} ended with {run.conclusion}: {run.url}", False)


def _deployments(context: TaskContext, github: TolerantGitHub) -> tuple[Deployment, ...]:
    """List the newest deployment of each workflow to each environment: the gate and the publisher share one."""
    text: dict[tuple[str, str | None], Deployment] = {}
    for environment in (context.config.preview_environment, context.config.public_environment):
        if github.github is None:
            break
        try:
            for one in github.github.deployments(environment, _DEPLOYMENTS):
                text.setdefault((environment, one.workflow), one)
        except ReleaseError as stop:
            github.miss(f"deployments to {environment}", stop)
    return tuple(text.values())


def read_ahead(context: TaskContext, tip: Commit, main: Project) -> UnmergedBump | None:
    """Find a version that is not on main yet, and how it gets there; None if this clone has none.

    Raises: RefusedError if the working tree's project cannot be read.
    """
    if not main.source.is_written or context.git.relation(context.commit.sha, tip.sha) not in _ON_TOP:
        return None
    head = context.project.version
    project, read = context.working_tree()
    there = project.version
    if there != head:
        return _uncommitted(context, project, read, there, "declares")
    return None if head == main.version else _unmerged(context, f"contains {head}, which")


def _ahead_of_release(context: TaskContext, tip: Commit, main: Project, following: Version) -> UnmergedBump | None:
    """Find what the next tag needs and main does not have yet: text in the working tree, or commits of this clone.

    Raises: RefusedError if the working tree's project cannot be read.
    """
    if context.git.relation(context.commit.sha, tip.sha) not in _ON_TOP:
        return None
    if _lacks_text(context.project, context.read, following):
        project, read = context.working_tree()
        if not _lacks_text(project, read, following):
            return _uncommitted(context, project, read, following, "is ready for")
        if main.source.is_written:
            return None  # `bump` writes it first
    if context.commit.sha == tip.sha or (main.source.is_written and context.git.branch() != context.config.main_branch):
        return None  # a branch beside main has more than the final that main declares
    return _unmerged(context, "")


def _lacks_text(project: Project, read: Read, version: Version) -> bool:
    """Return whether the changelog or a copy is not ready for a version; what cannot be read is told by `tag`."""
    try:
        path = find_changelog(project.config, read, project.news_file(version))
        has_text = path is None or has_section(read_changelog(path, read), version)
        return not has_text or bool(compare_copies(project, read, version).differing)
    except RefusedError:
        return False


def _uncommitted(context: TaskContext, project: Project, read: Read, version: Version, what: str) -> UnmergedBump:
    paths = _written(context, project, read, version)
    command = commit_command(version, paths, [path for path in paths if not context.git.tracks(path)])
    return UnmergedBump(f"the working tree {what} {version}, uncommitted", command, is_uncommitted=True)


def _unmerged(context: TaskContext, what: str) -> UnmergedBump:
    config, branch = context.config, context.git.branch() or "HEAD"
    on = f" on the branch {branch}" if branch != config.main_branch else ""
    push = shlex.join(["git", "push", config.remote, config.main_branch])
    where = " ".join(filter(None, (f"commit {context.commit.short}{on}", what, "is not on")))
    return UnmergedBump(f"{where} {config.remote}/{config.main_branch}", f"merge the branch {branch}" if on else push)


def _written(context: TaskContext, project: Project, read: Read, version: Version) -> list[str]:
    """List what a bump has written and nobody committed: the version, its copies, the changelog and its fragments."""
    files = {project.source.path, *bumped_files(project, read), *bumped_files(context.project, context.read)}
    if not project.source.is_written:
        changelog = find_changelog(project.config, read, project.news_file(version))
        files |= {*filter(None, (changelog,)), *(file.path for file in project.config.version_files)}
    fragments = f"{project.news.directory.rstrip('/')}/" if project.news else None
    found = context.git.uncommitted()
    return sorted(path for path in found if path in files or (fragments and path.startswith(fragments)))


_ON_TOP = (Relation.SAME, Relation.DESCENDANT)
