"""The input of the checks, and the format of findings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packaging.version import Version

from release_channels.model.findings import Finding, Severity, apply_allowed
from release_channels.model.version import Channel


@dataclass(frozen=True, slots=True)
class CheckContext:
    """The files of one release, and their expected properties.

    Sizes are in bytes; `project_bytes` is what the project has on the index already. `previous` is the wheel of the
    release that users upgrade from, if it could be had. `scratch` is an empty directory to work in, `env` the
    environment of the programs that are run.
    """

    project: str
    version: Version
    channel: Channel
    files: tuple[Path, ...]
    requires_python: str | None
    scratch: Path
    env: Mapping[str, str]
    uv: str | Path
    file_limit: int
    project_limit: int
    project_bytes: int
    practice: bool = False
    """True if the local index is meant, which takes wheels that no other does."""
    previous: Path | None = None
    previous_version: Version | None = None
    sdist_before: Callable[[], Path | None] = lambda: None
    """Fetches the sdist of that release, if there is one; asked for secrets alone."""
    allow: frozenset[str] = frozenset()


# Findings that stop the release, that should be read before it, and that are good to know.
error = partial(Finding, Severity.ERROR)
warning = partial(Finding, Severity.WARNING)
note = partial(Finding, Severity.NOTE)


def sort_findings(findings: Iterable[Finding], allow: Collection[str] = ()) -> tuple[Finding, ...]:
    """Sort findings, worst first, then by file, without duplicates.

    What `allow` names has become a note.
    """
    worst_first = list(Severity)
    unique = dict.fromkeys(apply_allowed(finding, allow) for finding in findings)
    return tuple(sorted(unique, key=lambda each: (worst_first.index(each.severity), each.file)))


def summarize(names: Iterable[str], most: int = 3) -> str:
    """Join names in one line: all of them, or the first few and the number of the others."""
    listed = list(names)
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return ", ".join(listed[:most]) + more


Listed = tuple[Iterable[str], str, str]
"""Names of an archive's members, what is wrong with them, and a hint."""


def list_errors(file: str, rows: Iterable[Listed]) -> Iterator[Finding]:
    """Build an error for each row that has names."""
    for names, message, hint in rows:
        if listed := summarize(names):
            yield error(file, f"{message}: {listed}", hint)
