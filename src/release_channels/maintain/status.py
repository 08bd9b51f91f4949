"""`status`: what is on each channel, what main holds, what is half done, and the one next command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.version import Version

from release_channels import console
from release_channels.decide import Request, decide
from release_channels.errors import ReleaseError
from release_channels.hub import Deployment, HubRelease
from release_channels.maintain.desk import Desk
from release_channels.observed import Commit, IndexFile, IndexState, Observed
from release_channels.opening import open_project
from release_channels.project.pyproject import Project
from release_channels.standing import Next, Standing, files_close_at, next_command, room
from release_channels.version import Channel
from release_channels.world.github import GitHub
from release_channels.world.observe import observe

_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Status:
    """The table, the next command, and what could not be seen."""

    rows: tuple[tuple[str, str], ...]
    next: Next
    unseen: tuple[str, ...]

    def to_json(self) -> str:
        """Write the status for programs."""
        content = {
            "converged": self.next.converged,
            "next": self.next.command,
            "why": self.next.why,
            "rows": dict(self.rows),
            "unseen": list(self.unseen),
        }
        return json.dumps(content, indent=2)


def read_status(desk: Desk, now: datetime | None = None) -> Status:
    """Look at main, tags, index and GitHub, and say what there is to do."""
    now = now or datetime.now(UTC)
    tip, project = _main(desk)
    request = Request(Channel.PREVIEW, index=desk.index.name, may_count=True)
    seen = observe(desk.git, project, tip, desk.index, request, asks_main=False)
    plan = decide(seen, request, project.config)
    tags, unseen = desk.tags(), list[str]()
    behind = _behind(desk, seen, tip)
    subject = _in_question(project, tags)
    tag = tags.get(subject) if subject else None
    hub = _hub(desk, unseen)
    release = _github_release(hub, tag, unseen)
    in_flight = _in_flight(seen.index, subject if tag else None, release)
    standing = Standing(project.version, plan, behind, tag, in_flight)
    rows = [
        ("main", f"{project.version}, {plan.reason} ({tip.short})"),
        ("public", _release_row(seen.index, seen.index.newest_final(), now)),
        ("preview", _preview_row(seen, now)),
        ("since then", "not known" if behind is None else f"{behind} commits on main"),
        ("tag", tag or "none for the version on main"),
        *((("github", _describe(release)),) if release else ()),
        *((("in flight", _files(seen.index.releases.get(in_flight, ()), in_flight)),) if in_flight else ()),
        *_deployments(desk, hub, unseen),
        ("room", _room(seen.index, project.config.project_limit, now)),
    ]
    return Status(tuple(rows), next_command(standing), tuple(unseen))


def show_status(status: Status) -> None:
    """Show the table and the next command on stdout."""
    for name, value in status.rows:
        console.result(f"  {name:<11}{value}")
    for what in status.unseen:
        console.result(f"  not seen   {what}", style="yellow")
    style = "bold green" if status.next.converged else "bold yellow"
    console.result(f"next: {status.next.command} ({status.next.why})", style=style)


def _main(desk: Desk) -> tuple[Commit, Project]:
    """Find main's tip on the remote, as fetched now; without a remote, HEAD stands for it."""
    config = desk.config
    if desk.git.remote_url(config.remote) is None:
        return desk.commit, desk.project
    tip = desk.git.commit(desk.git.remote_tip(config.remote, config.main_branch))
    return tip, open_project(desk.git, tip)


def _behind(desk: Desk, seen: Observed, tip: Commit) -> int | None:
    """Count the commits that the newest preview does not have; None where its commit is not known."""
    newest = seen.newest_preview
    if newest is None or newest.commit is None:
        return None
    return len(desk.git.subjects(newest.commit, tip.sha))


def _in_question(project: Project, tags: Mapping[Version, str]) -> Version | None:
    """Choose the release to look at: main's own if it is final, else the newest that was tagged."""
    if project.version.dev is None and project.source.is_written:
        return project.version
    return max(tags, default=None)


def _in_flight(state: IndexState, version: Version | None, release: HubRelease | None) -> Version | None:
    """Find the release that was tagged and is not wholly out: files are missing, or its GitHub Release is a draft."""
    if version is None:
        return None
    kinds = {file.name.endswith(".whl") for file in state.releases.get(version, ())}
    return version if kinds != {True, False} or (release is not None and release.is_draft) else None


def _hub(desk: Desk, unseen: list[str]) -> GitHub | None:
    """Connect to GitHub; what cannot be seen there is said."""
    try:
        hub = desk.github()
    except ReleaseError as stop:
        unseen.append(f"GitHub: {stop}")
        return None
    if hub is None:
        unseen.append(f"GitHub: the remote {desk.config.remote} is not there")
    elif not hub.has_token:
        unseen.append("drafts on GitHub: they need a token (GH_TOKEN, or `gh auth login`)")
    return hub


def _github_release(hub: GitHub | None, tag: str | None, unseen: list[str]) -> HubRelease | None:
    """Find the GitHub Release of a tag, the published one before a draft."""
    if hub is None or tag is None:
        return None
    try:
        found = hub.find_releases(tag)
    except ReleaseError as stop:
        unseen.append(f"the GitHub Release {tag}: {stop}")
        return None
    return next((one for one in found if not one.is_draft), next(iter(found), None))


def _deployments(desk: Desk, hub: GitHub | None, unseen: list[str]) -> list[tuple[str, str]]:
    """List the newest deployment of each environment with the workflow behind it: a red gate is no failed publish."""
    rows: list[tuple[str, str]] = []
    if hub is None:
        return rows
    for environment in (desk.config.preview_environment, desk.config.public_environment):
        try:
            newest = next(iter(hub.deployments(environment, 1)), None)
        except ReleaseError as stop:
            unseen.append(f"deployments to {environment}: {stop}")
            continue
        rows.append(("deployed", f"{environment}: {_deployment(newest)}"))
    return rows


def _deployment(newest: Deployment | None) -> str:
    if newest is None:
        return "never"
    state = {"inactive": "succeeded, and was followed by another", None: "no state yet"}.get(newest.state, newest.state)
    return f"{state}, by {newest.workflow or 'an unknown workflow'} for {newest.sha[:12]}"


def _release_row(state: IndexState, version: Version | None, now: datetime) -> str:
    if version is None:
        return "none yet"
    return f"{version}, {_age(state.releases[version], now)}"


def _preview_row(seen: Observed, now: datetime) -> str:
    row = _release_row(seen.index, seen.index.newest_preview(), now)
    commit = seen.newest_preview.commit if seen.newest_preview else None
    return f"{row}, commit {commit[:12]}" if commit else row


def _age(files: tuple[IndexFile, ...], now: datetime) -> str:
    times = [file.upload_time for file in files if file.upload_time is not None]
    if not times:
        return "age not known"
    days = (now - min(times)).days
    return f"{days} days old" if days != 1 else "1 day old"


def _describe(release: HubRelease) -> str:
    kind = "draft" if release.is_draft else "published"
    return f"{kind} {release.tag}, {len(release.assets)} files: {release.url}"


def _files(files: tuple[IndexFile, ...], version: Version) -> str:
    names = "; ".join(f"{file.name} sha256 {file.sha256}" for file in files) or "no file on the index"
    closes = files_close_at(files)
    until = f"; the index takes more files until {closes:%Y-%m-%d %H:%M} UTC" if closes else ""
    return f"{version}: {names}{until}"


def _room(state: IndexState, limit: int, now: datetime) -> str:
    seen = room(state, limit, now)
    if not seen.used:
        return "nothing used yet"
    lasts = f", for {seen.days:.0f} days at the present pace" if seen.days is not None else ""
    return f"{seen.used / _GIB:.3f} of {limit / _GIB:.0f} GiB used, room for {seen.previews} previews{lasts}"
