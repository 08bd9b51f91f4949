"""Older versions of the project that its own texts still name: reported, never edited. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.utils import NormalizedName
from packaging.version import InvalidVersion, Version

_NUMBER = r"(?P<version>(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)+(?:\.?(?:a|b|rc|post|dev)[0-9]+)*)(?![0-9A-Za-z]|\.[0-9*])"
# History is meant to name old versions; so is a lower bound, which is why `>=` is not looked for.
_HISTORY = re.compile(
    r"\b(since|added|changed|deprecated|removed|fixed|before|until|from|prior|older|introduced|new) (in )?\b|"
    r"version(added|changed|removed)::|deprecated::",
    re.IGNORECASE,
)
_CHANGELOG = re.compile(r"(^|/)(changelog|changes|history|news|releases?|release[-_]notes)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Mention:
    """A line that names an older version of the project."""

    path: str
    line: int
    text: str
    version: Version


def find_mentions(name: NormalizedName, version: Version, texts: Mapping[str, str]) -> tuple[Mention, ...]:
    """Find the lines of README and documentation texts, given by path, that name an older version of the project.

    Only what can hardly mean anything else is found: `name==1.1.0`, `name 1.1.0`, `name-1.1.0`, a badge, and the
    address of a tag or a download below this name. Changelogs and lines about history are left out.
    """
    patterns = _patterns(name)
    found = []
    for path, text in texts.items():
        if _CHANGELOG.search(path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            older = [one for one in _versions(patterns, line) if one < version]
            if older and not _HISTORY.search(line):
                found.append(Mention(path, number, line.strip(), min(older)))
    return tuple(found)


def _patterns(name: NormalizedName) -> tuple[re.Pattern[str], ...]:
    """Make the patterns for a name in any of its spellings."""
    spelled = re.escape(name).replace(r"\-", "[-_.]{1,2}")
    extras = r"(?:\[[a-z0-9, _.-]*\])?"
    near = rf"(?<![0-9A-Za-z_.-]){spelled}{extras}`?(?:\s*(?:===?|~=|@)\s*|\s+(?:version\s+)?|-)v?{_NUMBER}"
    address = rf"/{spelled}(?:/[\w.-]+)*?/(?:download|tag|tree|blob|archive)/(?:[\w-]*[^\w.])?v?{_NUMBER}"
    return re.compile(near, re.IGNORECASE), re.compile(address, re.IGNORECASE)


def _versions(patterns: tuple[re.Pattern[str], ...], line: str) -> list[Version]:
    found = []
    for pattern in patterns:
        for match in pattern.finditer(line):
            try:
                found.append(Version(match["version"]))
            except (InvalidVersion, ValueError):  # it only looked like one
                continue
    return found
