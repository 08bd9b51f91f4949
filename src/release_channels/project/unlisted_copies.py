"""Copies of the version that no setting lists: searched for in the files that usually have one. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from packaging.version import Version

from release_channels.model.config import TABLE, Follows, VersionFile
from release_channels.model.version import final_of, try_version
from release_channels.project.files import Read
from release_channels.project.version_files import find_line

CITATION = "CITATION.cff"
_NUMBER = r"v?(?P<version>[0-9][0-9A-Za-z.!+_-]*)"
_STRING = rf"[\"']{_NUMBER}[\"']"
_SCALAR = rf"[\"']?{_NUMBER}[\"']?"
_DATE = r"[\"']?(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})[\"']?"
_ASSIGNED = r"[ \t]*(?::[ \t]*[\w.\[\]]+[ \t]*)?=[ \t]*(?:\w+[ \t]*=[ \t]*)*"
_MODULE = r"(__init__|_?version|__version__|_?_?about_?_?|_meta|__meta__|__pkg_info__)\.py"
_FOREIGN = re.compile(r"(^|/)(tests?|testing|examples?|_?vendor(ed)?|third_party|node_modules)/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of file and its lines with the version, both as regular expressions."""

    path: str
    line: str
    is_certain: bool = False
    """True if such a line can only mean the project, so that another version in it is an old one."""
    follows: Follows = Follows.MAIN
    """What an entry follows: a file for users or for other tools, which do not know dev releases, has finals."""

    def matches(self, path: str) -> bool:
        """Check whether a file is of this kind."""
        return re.fullmatch(self.path, path, re.IGNORECASE) is not None


_KINDS = (
    _Kind(CITATION, rf"^version:[ \t]*{_SCALAR}", is_certain=True, follows=Follows.FINALS),
    _Kind(CITATION, rf"^date-released:[ \t]*{_DATE}", is_certain=True, follows=Follows.FINALS),
    _Kind(rf"((src|lib|python)/)?[^/]+/{_MODULE}", rf"^__version__{_ASSIGNED}{_STRING}", is_certain=True),
    _Kind(rf"((src|lib|python)/)?[^/]+\.py|(.+/)?{_MODULE}", rf"^(?:__version__|version|VERSION){_ASSIGNED}{_STRING}"),
    _Kind(r"(.+/)?package\.json", rf"\"version\"[ \t]*:[ \t]*\"{_NUMBER}\"", follows=Follows.FINALS),
    _Kind(r"(.+/)?(meta|recipe)\.ya?ml", rf"\bset version[ \t]*=[ \t]*{_STRING}", follows=Follows.FINALS),
    _Kind(r"(.+/)?(meta|recipe)\.ya?ml", rf"\bversion:[ \t]*{_SCALAR}", follows=Follows.FINALS),
    _Kind(
        r"(.+/)?((Docker|Container)file(\.[\w-]+)?|[\w.-]+\.dockerfile)", rf"[\w.-]*\bversion[\"']?[= ][ \t]*{_SCALAR}"
    ),
    _Kind(r"(.+/)?Cargo\.toml", rf"^version[ \t]*=[ \t]*{_STRING}", follows=Follows.FINALS),
    _Kind(r"(.+/)?meson\.build", rf"(?<!\w)version[ \t]*:[ \t]*{_STRING}"),
    _Kind(r"(((src|lib|python)/)?[^/]+/)?VERSION(\.txt)?", rf"\A{_NUMBER}[ \t]*(?![^\r\n])"),
    _Kind(r"docs?/(.+/)?conf\.py", rf"^(?:release|version){_ASSIGNED}{_STRING}"),
)


@dataclass(frozen=True, slots=True)
class UnlistedCopy:
    """A copy of the version, or of the release date, that no entry of version-files lists."""

    path: str
    line: int
    text: str
    version: Version | None
    """The version there; None for a date."""
    pattern: str
    """The pattern of an entry that would list it; empty if the same text is in the file twice."""
    follows: Follows

    def __str__(self) -> str:
        """Return the place and what it holds."""
        return f"{self.path}, line {self.line}, has {self.text}"


def stale_copies(unlisted: Iterable[UnlistedCopy], version: Version) -> tuple[UnlistedCopy, ...]:
    """Return the copies with another version, with which `bump` and `tag` refuse this one; `doctor` says so before."""
    return tuple(copy for copy in unlisted if copy.version not in (None, version))


def find_unlisted(
    files: Iterable[str], read: Read, versions: Collection[Version | None], listed: Sequence[VersionFile]
) -> tuple[UnlistedCopy, ...]:
    """Find literals that are one of the versions, or can only be a copy of it, in the usual files of a commit."""
    candidates = [path for path in files if not _FOREIGN.search(path)]
    kinds = {path: matching for path in candidates if (matching := [kind for kind in _KINDS if kind.matches(path)])}
    known = {(file.path.removeprefix("./"), find_line(file, read)) for file in listed}
    copies: dict[tuple[str, int], UnlistedCopy] = {}
    for path in sorted(kinds):
        text = (read(path) or b"").decode("utf-8", "replace")
        for kind in kinds[path]:
            for copy in _copies(path, text, kind, read):
                is_copy = kind.is_certain or _is_on_the_way(copy.version, versions)
                if is_copy and (path, copy.line) not in known:
                    copies.setdefault((path, copy.line), copy)
    return tuple(copies.values())


def _is_on_the_way(found: Version | None, versions: Collection[Version | None]) -> bool:
    """Check whether a version is one of these, or a pre-release of one: a copy that was left behind by `bump`."""
    return found is not None and not {found, final_of(found)}.isdisjoint(versions)


def _copies(path: str, text: str, kind: _Kind, read: Read) -> Iterator[UnlistedCopy]:
    for match in re.finditer(kind.line, text, re.MULTILINE):
        ((name, value),) = match.groupdict().items()
        version = try_version(value) if name == "version" else None
        if name == "version" and version is None:
            continue
        line = text.count("\n", 0, match.start(name)) + 1
        # A copy that is a pre-release now has followed main so far.
        follows = Follows.MAIN if version is not None and version.is_prerelease else kind.follows
        yield UnlistedCopy(path, line, value, version, _pattern(path, line, text, match, read), follows)


def _pattern(path: str, line: int, text: str, match: re.Match[str], read: Read) -> str:
    """Return the shortest pattern that is in the file only here: the text at hand, or all of the line before it."""
    name = next(iter(match.groupdict()))
    start, end = match.span(name)
    after = "{" + name + "}" + text[end : match.end()]
    for begin in (match.start(), text.rfind("\n", 0, start) + 1):
        pattern = text[begin:start].lstrip() + after
        if find_line(VersionFile(path, pattern), read) == line:
            return pattern
    return ""


def entries_for(copies: Iterable[UnlistedCopy]) -> str:
    """Return the TOML of the version-files entries that would list these copies."""
    return "\n".join(_entry(copy) for copy in copies if copy.pattern)


def hint_to_list(copies: Iterable[UnlistedCopy]) -> str:
    """Return the hint that shows the entries and the file they belong in; empty where no pattern is known."""
    entries = entries_for(copies)
    return entries and f"list it in pyproject.toml, as here:\n{entries}"


def _entry(copy: UnlistedCopy) -> str:
    follows = "" if copy.follows is Follows.MAIN else f'follows = "{copy.follows}"\n'
    return f"[[{TABLE}.version-files]]\npath = {json.dumps(copy.path)}\npattern = {json.dumps(copy.pattern)}\n{follows}"
