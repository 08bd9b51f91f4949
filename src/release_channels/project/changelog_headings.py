"""The titles of a changelog's sections: their version and date, and a title in the same style for a new one. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from functools import cached_property

from packaging.version import Version

from release_channels.model.version import try_version
from release_channels.project.markdown import Heading, Reference

_TITLE = re.compile(
    r"(?P<before>(?:(?!v[0-9])[A-Za-z]\S*[ ](?:[^\s\d\[]\S*[ ])*)?)(?P<open>\[?)(?P<v>v?)"
    r"(?P<name>unreleased|[0-9][0-9A-Za-z.!+_-]*)(?P<close>\]?)"
    r"(?P<link>\([^)\s]*\))?(?P<rest>.*)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"(?P<between>[ \t]*(?:[-–—:,][ \t]*)?)(?P<paren>\(?)(?P<date>[^()\[\]]*?)(?P<end>\)?)[ \t]*"
    r"(?:\[[^\]]*\])?[ \t]*"
)
_UNRELEASED = re.compile(r"unreleased|tbd|tba|yyyy-mm-dd|xxxx-xx-xx", re.IGNORECASE)
# The last ones spell the month, so day and month cannot be confused; `3/4/2026` is not accepted.
_STYLES = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y")
_PADDED_DAY = re.compile(r"%d")


@dataclass(frozen=True, slots=True)
class Title:
    """The title of a section; `version` is None for unreleased changes without a version."""

    found: re.Match[str]
    version: Version | None
    is_released: bool

    @property
    def date(self) -> str:
        """The date in the title, as text; empty if there is none."""
        rest = _REST.fullmatch(self.found["rest"])
        return rest["date"] if rest and style_of(rest["date"]) else ""


def parse_title(text: str) -> Title | None:
    """Parse the title of a section; `2 ways to install` and `How to use 3.9` are not section titles.

    Several words before a version are a project name only if a date follows, as in titles by towncrier.
    """
    found = _TITLE.fullmatch(text.strip())
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    rest = _REST.fullmatch(found["rest"])
    several = found["before"].count(" ") > 1
    if found["before"] and (rest is None or not (rest["date"] or not several) or not _is_dated(rest["date"])):
        return None
    if found["name"].lower() == "unreleased":
        return None if found["before"] else Title(found, None, is_released=False)
    version = try_version(found["name"])
    if version is None or ("." not in found["name"] and (found["rest"].strip() or found["before"])):
        return None
    return Title(found, version, is_released=not _UNRELEASED.search(found["rest"]))


def title_like(others: list[Title], own: Title, version: Version, date: Date) -> str:
    """Return the title of a version in the style of the newest one; without another, in that of Keep a Changelog."""
    if own.version is not None:
        return _dated(own, version, date)
    if not others:
        return f"{own.found['open']}{version}{own.found['close']} - {date.isoformat()}"
    model = next((other for other in others if other.date), None)
    newest = others[0].found
    name = f"{newest['before']}{newest['open']}{newest['v']}{version}{newest['close']}"
    return name + (_day(model, date) if model else "")


def style_of(text: str) -> str:
    """Return the `strftime` format of a date; empty if it is none of the known ones."""
    for style in _STYLES:
        try:
            day = datetime.strptime(text, style).date()
        except ValueError:
            continue
        return next((form for form in (style, _PADDED_DAY.sub("%-d", style)) if _write(form, day) == text), "")
    return ""


def _dated(own: Title, version: Version, date: Date) -> str:
    """Return the title that was marked as unreleased, with version and date."""
    found = own.found
    rest = _REST.fullmatch(found["rest"])
    day = f"{rest['between']}{rest['paren']}{date.isoformat()}{rest['end']}" if rest else f" - {date.isoformat()}"
    return f"{found['before']}{found['open']}{found['v']}{version}{found['close']}{day}"


def _day(model: Title, date: Date) -> str:
    rest = _REST.fullmatch(model.found["rest"])
    assert rest is not None  # its date was read out of it
    return f"{rest['between']}{rest['paren']}{_write(style_of(rest['date']), date)}{rest['end']}"


def _write(style: str, date: Date) -> str:
    """Format a date; `%-d` is the day without a zero, which not every platform's `strftime` supports."""
    return date.strftime(style.replace("%-d", str(date.day)))


def _is_dated(text: str) -> bool:
    return not text or bool(style_of(text)) or bool(_UNRELEASED.fullmatch(text))


_RST_TITLE = re.compile(
    r"(?:^(?P<over>(?P<sign>[^\w\s])(?P=sign){2,})[ \t]*\r?\n)?"
    r"^[ \t]*(?P<title>\S[^\r\n]*?)[ \t]*(?P<end>\r?\n)(?P<under>(?P<mark>[^\w\s])(?P=mark)*)[ \t]*(?:\r?\n|\Z)",
    re.MULTILINE,
)
_NOTHING = re.compile(r"[ \t]*|\.\.([ \t].*|)|[ \t]+:[\w-]+:.*")


class Underlined:
    """A changelog in reStructuredText; positions are offsets into its text."""

    references: tuple[Reference, ...] = ()

    def __init__(self, text: str) -> None:
        """Keep the text; headings are parsed on first use."""
        self.text = text
        self.references_start = len(text)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the text, in order; indented lines are quotes or code."""
        styles: list[tuple[bool, str]] = []
        found = []
        for match in _RST_TITLE.finditer(self.text):
            over, under, title = match["over"], match["under"], match["title"]
            begins_indented = self.text[match.start("title") - 1 : match.start("title")] in (" ", "\t")
            if len(under) < max(3, len(title)) or (over and over != under) or (begins_indented and not over):
                continue
            style = (bool(over), under[0])
            if style not in styles:
                styles.append(style)
            found.append(Heading(match.start(), match.end(), styles.index(style) + 1, title, under[0]))
        return tuple(found)

    def says_something(self, start: int, end: int) -> bool:
        """Check whether a part contains more than headings, comments and link targets."""
        titled = [range(heading.start, heading.end) for heading in self.headings]
        at = start
        for line in self.text[start:end].splitlines(keepends=True):
            if not any(at in span for span in titled) and not _NOTHING.fullmatch(line.rstrip("\r\n")):
                return True
            at += len(line)
        return False
