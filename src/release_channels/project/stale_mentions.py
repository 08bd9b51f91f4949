"""Other versions of the project that its own documentation mentions: reported, never edited. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import Version

from release_channels.model.version import try_version

_NUMBER = r"(?P<version>(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)+(?:\.?(?:a|b|rc|post|dev)[0-9]+)*)(?![0-9A-Za-z]|\.[0-9*])"
# History and lower bounds mention old versions on purpose, which is why `>=` is not matched.
_HISTORY = re.compile(
    r"\b(since|added|changed|deprecated|removed|fixed|before|until|from|prior|older|introduced|new) (in )?\b|"
    r"version(added|changed|removed)::|deprecated::",
    re.IGNORECASE,
)
# In prose, `starting with Demo 2.0` is history, too; after these words `demo==2.0` is not.
_PROSE = re.compile(r"\b(in|with|of|than|as|like|on|to|by|between|and)[\s*_`(]*$", re.IGNORECASE)
# Pages about former versions.
_CHANGELOG = re.compile(
    r"(^|/)(changelog|changes|history|news|releases?|release[-_]notes)\b"
    r"|(^|/)((v?\d[\w.]*|guide)[-_])?(migrat\w+|upgrad\w+|porting)([-_.][^/]*)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """A line that mentions another version of the project."""

    path: str
    line: int
    text: str
    version: Version
    is_exact: bool = False
    """True if a command or an address in it gets this version and no other, as `name==1.1.0` does."""


def find_mentions(name: NormalizedName, version: Version, texts: Mapping[str, str]) -> tuple[Mention, ...]:
    """Find the lines of README and documentation texts, by path, that mention an older version of the project.

    Only unambiguous mentions are found: `name==1.1.0`, `name 1.1.0`, `name-1.1.0`, a badge, and the URL of a tag or
    a download below this name. Changelogs, guides to an upgrade and lines about history are excluded. Beside a final,
    exact mentions of newer versions are found, too.
    """
    patterns = _patterns(name)
    found = []
    for path, text in texts.items():
        if _CHANGELOG.search(path):
            continue
        above = ""
        for number, line in enumerate(text.splitlines(), 1):
            others = {} if _HISTORY.search(line) else _others(version, _versions(patterns, line, above))
            if others:
                mentioned = min(others)
                found.append(Mention(path, number, line.strip(), mentioned, is_exact=others[mentioned]))
            above = line
    return tuple(found)


def _patterns(name: NormalizedName) -> tuple[re.Pattern[str], ...]:
    """Compile the patterns for a name in any of its spellings."""
    spelled = re.escape(name).replace(r"\-", "[-_.]{1,2}")
    extras = r"(?:\[[a-z0-9, _.-]*\])?"
    between = r"(?:\s*(?:(?P<exact>===?|@)|~=)\s*|(?P<prose>\s+(?:version\s+)?)|-)"
    near = rf"(?<![0-9A-Za-z_.-]){spelled}{extras}`?{between}v?{_NUMBER}"
    # What is below a name that owns repositories is not this project's: only a repository's own parts are in between.
    address = rf"/{spelled}(?:/(?:releases|src|-))*/(?:download|tag|tree|blob|archive)/(?:[\w-]*[^\w.])?v?{_NUMBER}"
    return re.compile(near, re.IGNORECASE), re.compile(address, re.IGNORECASE)


def _others(version: Version, mentioned: Mapping[Version, bool]) -> dict[Version, bool]:
    """Return what is mentioned and older, or newer and exact: a dev line's pages may name the final that comes."""
    newer = {other for other, exact in mentioned.items() if exact and other > version and not version.is_prerelease}
    return {other: exact for other, exact in mentioned.items() if other < version or other in newer}


def _versions(patterns: tuple[re.Pattern[str], ...], line: str, above: str) -> dict[Version, bool]:
    """Return the versions that a line mentions beside the name, and whether it gets them and no other.

    `above` is the line before it, where it may begin.
    """
    found: dict[Version, bool] = {}
    matches = (match for pattern in patterns for match in pattern.finditer(line))
    for match in (match for match in matches if not _is_history(match, above)):
        version = try_version(match["version"])
        if version is not None:
            exact = "exact" not in match.groupdict() or match["exact"] is not None
            found[version] = exact or found.get(version, False)
    return found


def _is_history(match: re.Match[str], above: str) -> bool:
    in_prose = match.groupdict().get("prose") is not None
    return in_prose and _PROSE.search(f"{above} {match.string[: match.start()]}") is not None
