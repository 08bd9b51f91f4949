"""Older versions of the project that its own documentation still mentions: reported, never edited. Pure."""

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
_CHANGELOG = re.compile(r"(^|/)(changelog|changes|history|news|releases?|release[-_]notes)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A line that mentions an older version of the project."""

    path: str
    line: int
    text: str
    version: Version


def find_mentions(name: NormalizedName, version: Version, texts: Mapping[str, str]) -> tuple[Mention, ...]:
    """Find the lines of README and documentation texts, by path, that mention an older version of the project.

    Only unambiguous mentions are found: `name==1.1.0`, `name 1.1.0`, `name-1.1.0`, a badge, and the URL of a tag or
    a download below this name. Changelogs and lines about history are excluded.
    """
    patterns = _patterns(name)
    found = []
    for path, text in texts.items():
        if _CHANGELOG.search(path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            older = [mentioned for mentioned in _versions(patterns, line) if mentioned < version]
            if older and not _HISTORY.search(line):
                found.append(Mention(path, number, line.strip(), min(older)))
    return tuple(found)


def _patterns(name: NormalizedName) -> tuple[re.Pattern[str], ...]:
    """Compile the patterns for a name in any of its spellings."""
    spelled = re.escape(name).replace(r"\-", "[-_.]{1,2}")
    extras = r"(?:\[[a-z0-9, _.-]*\])?"
    near = rf"(?<![0-9A-Za-z_.-]){spelled}{extras}`?(?:\s*(?:===?|~=|@)\s*|\s+(?:version\s+)?|-)v?{_NUMBER}"
    address = rf"/{spelled}(?:/[\w.-]+)*?/(?:download|tag|tree|blob|archive)/(?:[\w-]*[^\w.])?v?{_NUMBER}"
    return re.compile(near, re.IGNORECASE), re.compile(address, re.IGNORECASE)


def _versions(patterns: tuple[re.Pattern[str], ...], line: str) -> list[Version]:
    found = (try_version(match["version"]) for pattern in patterns for match in pattern.finditer(line))
    return [version for version in found if version is not None]
