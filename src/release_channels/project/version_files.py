"""Copies of the version in the configured version-files: read, compared and written. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date as Date

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Follows, VersionFile
from release_channels.project.edit import Edit
from release_channels.project.files import Read
from release_channels.project.typed_toml import decode, resolve_inside_project

# Wide enough for every spelling; `Version` decides whether it is a version.
_VERSION = r"(?P<version>[0-9A-Za-z](?:[0-9A-Za-z.!+_-]*[0-9A-Za-z])?)"
_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy of the version in another file."""

    path: str
    line: int
    version: Version
    follows: Follows

    def compare(self, version: Version, where: str, finals: Iterable[Version]) -> str:
        """Return how the copy differs from a version, which `where` declares; empty if it agrees.

        A copy that follows finals has the newest final before a pre-release; without `finals`, any older final agrees.
        """
        text = f"{self.path}, line {self.line}, says {self.version}"
        if self.follows is Follows.MAIN or not version.is_prerelease:
            return "" if self.version == version else f"{text}, but {where} says {version}"
        newest = newest_before(version, finals)
        if newest is not None:
            return "" if self.version == newest else f"{text}, but the newest release before {version} is {newest}"
        is_older_final = self.version < version and not self.version.is_prerelease
        return "" if is_older_final else f"{text}, which is not a final before {version}"


def newest_before(version: Version, finals: Iterable[Version]) -> Version | None:
    """Return the newest final before a version; None if there is none."""
    return max((final for final in finals if final < version and not final.is_prerelease), default=None)


def read_copies(files: Sequence[VersionFile], read: Read) -> tuple[Copy, ...]:
    """Read the copies of the version that follow anything; a pattern with only a date is checked but yields none.

    Raises: RefusedError if a file is missing, or a pattern matches nothing, more than once, or no version.
    """
    followed = (file for file in files if file.follows is not Follows.NOTHING)
    copies = (_read_copy(file, _text(file, read)) for file in followed)
    return tuple(copy for copy in copies if copy is not None)


def plan_copies(files: Sequence[VersionFile], read: Read, version: Version, date: Date | None) -> tuple[Edit, ...]:
    """Plan the edits that write a version where it is followed, and the date if a pattern has one; one edit per file.

    Without a date, as for a dev line, the dates stay those of the newest release.

    Raises: RefusedError if a file is missing, or a pattern matches nothing or more than once.
    """
    texts: dict[str, tuple[str, str]] = {}
    for file in files:
        if file.follows is Follows.NOTHING:
            continue
        path = _path(file)
        old, text = texts.get(path) or (_text(file, read),) * 2
        texts[path] = (old, _write(file, text, version, date))
    return tuple(Edit(path, old, new) for path, (old, new) in texts.items() if old != new)


def find_line(file: VersionFile, read: Read) -> int | None:
    """Return the number of the line that an entry matches, from 1; None if it matches nothing, or more than once."""
    try:
        text = _text(file, read)
        return text.count("\n", 0, _match(file, text).start()) + 1
    except RefusedError:
        return None


def _read_copy(file: VersionFile, text: str) -> Copy | None:
    match = _match(file, text)
    if "version" not in match.groupdict():
        return None
    line = text.count("\n", 0, match.start("version")) + 1
    try:
        return Copy(_path(file), line, Version(match["version"]), file.follows)
    except ValueError as err:
        raise RefusedError(
            f"{file.path}, line {line}: {match['version']!r} is not a version",
            hint=f'correct it, or the pattern "{file.pattern}" in [[tool.release-channels.version-files]]',
        ) from err


def _write(file: VersionFile, text: str, version: Version, date: Date | None) -> str:
    """Replace version and date, from the last to the first, so that offsets stay valid."""
    _read_copy(file, text)
    if not file.is_written_for(version):
        return text
    match = _match(file, text)
    wanted = {"version": str(version), "date": date.isoformat() if date else match.groupdict().get("date")}
    for name in sorted(match.groupdict(), key=match.start, reverse=True):
        text = text[: match.start(name)] + str(wanted[name]) + text[match.end(name) :]
    return text


def _match(file: VersionFile, text: str) -> re.Match[str]:
    """Find the only match of a pattern: literal text around a complete version.

    Raises: RefusedError if there is none, or more than one.
    """
    parts = re.split(r"(\{version\}|\{date\})", file.pattern)
    kinds = {"{version}": _VERSION, "{date}": _DATE}
    pattern = "".join(kinds.get(part) or re.escape(part) for part in parts)
    # "version: {version}" must not match "cff-version: 1.2.0", which every CITATION.cff starts with.
    begins_in_word = r"(?<![\w-])" if re.match(r"\w", parts[0]) else ""
    before = r"(?<![0-9A-Za-z.!+_-])" if parts[0] == "" else begins_in_word
    after = r"(?![0-9A-Za-z])" if parts[-1] == "" else ""
    matches = list(re.finditer(before + pattern + after, text))
    if len(matches) != 1:
        times = f"{len(matches)} times" if matches else "nothing"
        raise RefusedError(
            f'the pattern "{file.pattern}" of [[tool.release-channels.version-files]] matches {times} in {file.path}',
            hint="it must match exactly once: correct the pattern or the file",
        )
    return matches[0]


def _path(file: VersionFile) -> str:
    return resolve_inside_project(file.path, "path in [[tool.release-channels.version-files]]")


def _text(file: VersionFile, read: Read) -> str:
    path = _path(file)
    return decode(read(path), path, missing="correct its path in [[tool.release-channels.version-files]]")
