"""Format the status: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.model.config import Config
from release_channels.model.github import Deployment, GitHubRelease
from release_channels.model.next_step import NextStep, UnmergedBump
from release_channels.model.observed import IndexFile, Observed
from release_channels.model.plan import Plan, Reason
from release_channels.model.redact import printable
from release_channels.model.status import files_close_at, humanize_age, quota_usage

if TYPE_CHECKING:
    from rich.table import Table

_UNITS = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_LONG = 3650  # days
_STATES = {
    "success": "succeeded",
    "inactive": "succeeded, then followed by another",
    "failure": "failed",
    "error": "failed",
}


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The observed state, the next command, and what could not be read; `behind` counts commits since the preview."""

    seen: Observed
    plan: Plan
    behind: int | None
    public_commit: str | None
    subject: Version | None
    """The release that is looked at: main's own, or the newest that was tagged."""
    tag: str | None
    release: GitHubRelease | None
    release_asked: bool
    unfinished: str
    deployments: tuple[Deployment, ...]
    config: Config
    now: datetime
    ahead: UnmergedBump | None
    next: NextStep
    index: str
    """The index that is looked at, and why, where nobody named it."""
    practised: tuple[Version, ...]
    """The versions on the local index, where another one is looked at."""
    unseen: tuple[str, ...]

    @property
    def files(self) -> tuple[IndexFile, ...]:
        """The index's files of the release that the report is about."""
        return self.seen.index.releases.get(self.subject, ()) if self.subject else ()

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yield the topic and text of each row."""
        index = self.seen.index
        yield "index", self.index
        yield "main", f"{self.seen.version}, {self._state()} (commit {self.seen.commit.short})"
        if self.ahead is not None:
            yield "here", self.ahead.where
        yield "public", self._newest(index.newest_final(), self.public_commit)
        yield "preview", self._newest(index.newest_preview(), self._preview_commit())
        yield "since then", self._since()
        if self.tag:
            yield "tag", self.tag
        if self.tag and self.release_asked:
            yield "github", _release(self.release)
        if self.unfinished:
            yield "in flight", f"{self.subject}: {self.unfinished}{self._until()}"
            for file in self.files:
                yield "", f"{file.name}, sha256 {file.sha256 or 'unknown'}"
        elif self._is_spent():
            yield "spent", f"{self.subject} is incomplete, and the index accepts no more files for it: release the next"
        for one in self.deployments:
            yield "deployed", f"{one.environment}: {self._deployment(one)}"
        yield "room", self._room()
        if self.practised:
            yield "practice", f"the local index has {self.practised[-1]}, which --index local shows"
        for what in self.unseen:
            yield "not seen", what

    def table(self) -> Table:
        """Return the rows as a table; their text is never interpreted as markup."""
        from rich.table import Table
        from rich.text import Text

        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold", no_wrap=False)
        for name, value in self.rows():
            style = "yellow" if name in ("not seen", "in flight") else ""
            table.add_row(Text(name, style="bold"), Text(printable(value), style=style))
        return table

    def to_json(self) -> str:
        """Return the status as JSON; unknown values are null."""
        index, seen = self.seen.index, quota_usage(self.seen.index, self.config.project_limit, self.now)
        closes = files_close_at(self.files)
        content = {
            "converged": self.next.converged,
            "next": self.next.command,
            "why": self.next.why,
            "project": self.seen.project,
            "index": index.index,
            "main": {
                "version": str(self.seen.version), "state": self.plan.reason.value, "commit": self.seen.commit.sha,
            },
            "ahead": self.ahead.where if self.ahead else None,
            "public": self._on_channel(index.newest_final(), self.public_commit),
            "preview": self._on_channel(index.newest_preview(), self._preview_commit()),
            "commits_since_preview": self.behind,
            "tag": self.tag,
            "github_release": None if self.release is None else {
                "state": "draft" if self.release.is_draft else "published",
                "files": [asset.name for asset in self.release.assets],
                "url": self.release.url,
            },
            "in_flight": None if not self.unfinished else {
                "version": str(self.subject),
                "lacks": self.unfinished,
                "files": [{"name": file.name, "sha256": file.sha256} for file in self.files],
                "closes": closes.isoformat() if closes else None,
            },
            "deployments": [
                {"environment": one.environment, "workflow": one.workflow, "state": one.state, "commit": one.sha}
                for one in self.deployments
            ],
            "room": {"used": seen.used, "limit": seen.limit, "previews": seen.previews, "days": seen.days},
            "unseen": list(self.unseen),
        }  # fmt: skip
        return json.dumps(content, indent=2)

    def _state(self) -> str:
        return {
            Reason.STAGED: "final: its tag releases it",
            Reason.RELEASED: "final, and released",
            Reason.CLOSED: "final, released, and main has moved on: the line is closed",
            Reason.BEHIND: "a dev line behind the index",
            Reason.SUPERSEDED: "a dev line behind the index",
            Reason.UNFIT: "which no channel publishes",
        }.get(self.plan.reason, "an open dev line")

    def _newest(self, version: Version | None, commit: str | None) -> str:
        if version is None:
            return "none yet"
        files = self.seen.index.releases[version]
        when = uploaded(files)
        text = [str(version), humanize_age(when, self.now) if when else "age unknown"]
        text += [f"commit {commit[:12]}"] if commit else []
        text += ["yanked"] if all(file.yanked for file in files) else []
        return ", ".join(text)

    def _preview_commit(self) -> str | None:
        return self.seen.newest_preview.commit if self.seen.newest_preview else None

    def _since(self) -> str:
        if self.behind is None:
            return "the number of commits on main without a preview is unknown"
        if not self.behind:
            has_preview = self.seen.index.newest_preview() is not None
            return "every commit on main is in that preview" if has_preview else "nothing new on main"
        return f"{self.behind} commit{'s' if self.behind != 1 else ''} on main in no preview"

    def _is_spent(self) -> bool:
        """Return whether the release will stay as it is, with one kind of file alone."""
        kinds = {file.name.endswith(".whl") for file in self.files if not file.yanked}
        return self.tag is not None and len(kinds) == 1

    def _until(self) -> str:
        """List the end of the 14 days, where files are missing."""
        closes, kinds = files_close_at(self.files), {file.name.endswith(".whl") for file in self.files}
        if closes is None or len(kinds) != 1:
            return ""
        return f"; the index accepts its files until {closes:%Y-%m-%d %H:%M} UTC"

    def _deployment(self, one: Deployment) -> str:
        workflow = one.workflow or "an unknown workflow"
        role = {
            "an unknown workflow": "so check that before you take it for a failed publish",
            self.config.gate_workflow: "the gate, which publishes nothing",
            self.config.preview_workflow: "the publisher",
            self.config.public_workflow: "the publisher",
        }.get(workflow, "which publishes nothing")
        state = _STATES.get(one.state or "", (one.state or "no state yet").replace("_", " "))
        return f"{workflow} ({role}) {state} for {one.sha[:12]}, {humanize_age(one.created_at, self.now)}"

    def _room(self) -> str:
        seen = quota_usage(self.seen.index, self.config.project_limit, self.now)
        if not seen.used:
            return f"none of {_size(seen.limit)} used"
        lasts = ""
        if seen.days is not None:
            many = f"{seen.days:.0f} days" if seen.days < _LONG else "more than ten years"
            lasts = f", enough for {many} at the current rate"
        previews = f", room for about {seen.previews:,} previews" if seen.previews else ""
        return f"{_size(seen.used)} of {_size(seen.limit)} used{previews}{lasts}"

    def _on_channel(self, version: Version | None, commit: str | None) -> dict[str, str | None] | None:
        if version is None:
            return None
        when = uploaded(self.seen.index.releases[version])
        return {"version": str(version), "uploaded": when.isoformat() if when else None, "commit": commit}


def uploaded(files: tuple[IndexFile, ...]) -> datetime | None:
    """Return when the first of some files was uploaded, if the index reports it."""
    return min((file.upload_time for file in files if file.upload_time is not None), default=None)


def _release(release: GitHubRelease | None) -> str:
    if release is None:
        return "no visible GitHub Release"
    kind = "a draft" if release.is_draft else "published"
    count = len(release.assets)
    return f"{kind} with {count} file{'s' if count != 1 else ''}: {release.url}"


def _size(count: int) -> str:
    for unit, size in _UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
