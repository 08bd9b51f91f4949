"""The outcome of a run, and its formats: JSON, workflow outputs, Markdown and one line. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from release_channels.model.redact import redact_urls

if TYPE_CHECKING:
    from release_channels.model.strict_json import ManifestFile

PROGRAM = "release-channels"
DEFAULT_INDEX = "pypi"
_TASK_COMMAND = re.compile(rf"`{PROGRAM} (?:bump-dev|bump|tag|status|resume|yank|doctor)\b(?![^`]*--index)[^`]*")


class Result(StrEnum):
    """The result of a run."""

    PUBLISHED = "published"
    ALREADY = "already published"
    PLANNED = "planned"
    SKIPPED = "skipped"
    DONE = "done"
    """A single step completed that does not publish."""
    REFUSED = "refused"
    FAILED = "failed"

    @property
    def is_good(self) -> bool:
        """Check whether the run counts as successful."""
        return self not in (Result.REFUSED, Result.FAILED)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a run, for people and programs; its texts are redacted, since others read them."""

    result: Result
    message: str
    hint: str = ""
    next: str = ""
    """The next command, from the state after the run."""
    why: str = ""
    """Why that comes before what the hint says; empty where the hint says the same."""
    channel: str = ""
    project: str = ""
    version: str = ""
    commit: str = ""
    run_number: int | None = None
    """The number of the test run, verified or given: a later session needs it to name the same preview."""
    index: str = ""
    publish: bool = False
    """True if there is something to publish: later jobs depend on it."""
    rehearsal: bool = False
    warnings: tuple[str, ...] = ()
    files: tuple[ManifestFile, ...] = ()
    is_tool: bool = True
    """True if the project has a program, which `uv tool install` needs."""

    def __post_init__(self) -> None:
        """Redact URLs with logins in all texts."""
        object.__setattr__(self, "message", redact_urls(self.message))
        object.__setattr__(self, "hint", redact_urls(self.hint))
        object.__setattr__(self, "next", redact_urls(self.next))
        object.__setattr__(self, "why", redact_urls(self.why))
        object.__setattr__(self, "warnings", tuple(redact_urls(warning) for warning in self.warnings))

    @property
    def line(self) -> str:
        """The last line on stdout: a single line, whatever the message contains."""
        line = " ".join(f"{self.result}: {self.message}".split())
        return f"{line} (rehearsal)" if self.rehearsal and "(rehearsal)" not in line else line

    def to_json(self) -> str:
        """Return the outcome as JSON."""
        content = {
            "outcome": self.result.value,
            "message": self.message,
            "hint": self.hint,
            "next": self.next,
            "channel": self.channel,
            "project": self.project,
            "version": self.version,
            "commit": self.commit,
            "run-number": self.run_number,
            "index": self.index,
            "publish": self.publish,
            "rehearsal": self.rehearsal,
            "warnings": list(self.warnings),
            "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in self.files],
        }
        return json.dumps(content, indent=2) + "\n"

    def to_outputs(self) -> dict[str, str]:
        """Return the workflow outputs for later steps."""
        return {
            "outcome": self.result.value,
            "version": self.version,
            "publish": "true" if self.publish else "false",
            "commit": self.commit,
            "run-number": str(self.run_number or ""),
        }

    def to_markdown(self) -> str:
        """Return the outcome as Markdown for a job's summary page."""
        rows = [("channel", self.channel), ("version", self.version), ("commit", self.commit), ("index", self.index)]
        result = f"{self.result} (rehearsal)" if self.rehearsal else self.result
        lines = [f"### {_plain(self.project or 'release-channels')}: {result}", "", _plain(self.message), ""]
        lines += [f"> {_plain(line)}" for line in self.hint.splitlines()]
        if any(value for _, value in rows):
            lines += ["", "| | |", "| --- | --- |", *(f"| {name} | {_plain(value)} |" for name, value in rows if value)]
        if self.files:
            lines += ["", "| file | bytes | sha256 |", "| --- | --- | --- |"]
            lines += [f"| {_plain(f.name)} | {f.size} | `{f.sha256}` |" for f in self.files]
        lines += ["", *(f"- warning: {_plain(warning)}" for warning in self.warnings)]
        return "\n".join(lines).rstrip() + "\n\n"


def markdown_table(rows: Mapping[str, str]) -> str:
    """Return foreign texts by their names as a Markdown table, for a job's summary page; empty without any."""
    lines = [f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items()]
    return "\n".join(("| | |", "| --- | --- |", *lines)) + "\n\n" if lines else ""


def name_index(text: str, index: str) -> str:
    """Add `--index` with the index in use to the tasks' commands in a text that have none."""
    if index == DEFAULT_INDEX:
        return text
    return _TASK_COMMAND.sub(lambda found: f"{found[0]} --index {index}", text)


def _plain(text: str) -> str:
    """Escape foreign text so that it is not rendered as Markdown, HTML or math.

    Source: CommonMark, backslash escapes and entity references; what begins a list or a heading does so only at the
    beginning of a line.
    """
    escaped = _ENTITIES.sub(lambda found: f"&#{ord(found[0])};", _MARKS.sub(r"\\\g<0>", " ".join(text.split())))
    return _BEGINNING.sub(r"\1\\\2", escaped)


_MARKS = re.compile(r"[\\`*_|\[\]#~$]")
_ENTITIES = re.compile(r"[<>&]")
_BEGINNING = re.compile(r"^(\d*)([-+=.)])")
