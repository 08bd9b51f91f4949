"""The titles of a changelog's sections, and the lines below them that date a release. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from functools import cache

from packaging.version import Version

from release_channels.model.version import try_version

_TITLE = re.compile(
    r"(?P<before>(?:(?!v[0-9])[A-Za-z]\S*[ ](?:[^\s\d\[]\S*[ ])*)?)v?"
    r"(?P<name>[0-9](?:[0-9A-Za-z.!+_-]*[0-9A-Za-z])?)(?P<rest>.*)",
    re.IGNORECASE,
)
_REST = re.compile(
    r"\s*(?:[-–—:,|/]\s*)*[(\[]?(?:(?:released?|date|on)\b:?\s*)*(?P<date>[^()\[\]]*?)[)\]]?"
    r"\s*[\[(]?(?:yanked)?[\])]?\s*(?:#*\s*\{[^}]*\})?[\s.:?]*",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"\s*(?P<lead>[*_:>(\[]*(?:(?:released?|date|status)(?:\s+(?:on|date))?\b[*_]*:?[*_]*\s*)?)"
    r"(?P<state>.*?)[*_.)\]:]*\s*",
    re.IGNORECASE,
)
_YANKED = re.compile("yanked", re.IGNORECASE)
_PIECES = re.compile(r"\s+[-–—|]\s+|[()\[\]]|[,:]\s")
_KNOWN_WORDS = frozenset({"version", "release", "changes", "in", "for", "notes", "what's", "new", "series"})
_PHRASE = (
    r"unreleased|not (?:yet )?released(?: yet)?|coming soon|(?:in|under) (?:active )?development"
    r"|(?:work )?in progress|wip|tb[ad]"
    r"|to be (?:announced|determined|released)"
    r"|(?:\d{4}|\d\d[x?]{2}|[xy?]{4})[-/.](?:[\dxm?]{2})[-/.][xd?]{2}"
)
UNRELEASED = re.compile(rf"(?<!\w)(?:{_PHRASE})(?!\w)", re.IGNORECASE)
"""What marks a version as unreleased: words, or a date that is left open."""
_NEXT = re.compile(
    rf"(?:(?:version|release)\s+)?(?P<name>(?:{_PHRASE}|next|upcoming|forthcoming|latest(?=\s+changes)|future|pending|development|dev|main|master|trunk|head)"
    rf"(?:\s+(?:version|release|changes))?)(?P<rest>(?:\W+(?:{_PHRASE}))?\W*)",
    re.IGNORECASE,
)
_SIGN = re.compile(r"^[^\w\s(]+\s+")
_YEAR = re.compile(r"\d{4}")
_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
# The ones with words spell the month, so day and month cannot be confused; `3/4/2026` is not accepted.
_STYLES = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y-%m", "%d-%b-%Y", "%d-%B-%Y",
    *(f"{day}{end} %Y" for day in ("%B %d", "%b %d", "%b. %d", "%d %B", "%d %b", "%B", "%b") for end in (",", "")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Title:
    """The title of a section; `version` is None for unreleased changes without a version."""

    name: str
    """The version as it is written, or the words for what is unreleased."""
    version: Version | None
    rest: str
    """What follows the name."""
    is_released: bool
    is_sure: bool = True
    """False for a word such as `main`, which is a title only among titles of versions."""

    @property
    def date(self) -> str:
        """The date in the title, as text; empty if there is none."""
        return next(filter(style_of, self._pieces), "")

    @property
    def extras(self) -> tuple[str, ...]:
        """The words that belong to this version alone: a code name, or the mark of a yanked one."""
        extras = [piece for piece in self._pieces if not style_of(piece)]
        return tuple(filter(None, [*extras, *_YANKED.findall(self.rest)]))

    @property
    def _pieces(self) -> list[str]:
        rest = _REST.fullmatch(self.rest)
        is_usual = rest is not None and (not rest["date"] or style_of(rest["date"]))
        return [rest["date"]] if rest and is_usual else [piece.strip() for piece in _PIECES.split(self.rest)]


@dataclass(frozen=True, slots=True)
class Status:
    """The line below a title that dates the release, or marks it as unreleased, with its offsets in the text."""

    start: int
    end: int
    text: str
    state: str

    @property
    def is_released(self) -> bool:
        """Check whether it has a date."""
        return bool(style_of(self.state))


def parse_title(text: str, *, has_status: bool = False) -> Title | None:
    """Parse the title of a section; `2 ways to install` and `How to use 3.9` are not section titles.

    Several words before a version are a project name only if a date follows, as in titles by towncrier, or a line
    below it that dates the release.
    """
    text = _SIGN.sub("", text.strip())
    following = _NEXT.fullmatch(text)
    if following or re.match(r"unreleased\b", text, re.IGNORECASE):
        name = following["name"] if following else text[: len("unreleased")]
        rest = following["rest"] if following else text[len(name) :]
        return Title(name, None, rest, is_released=False, is_sure=name.lower().startswith("unreleased"))
    found = _TITLE.fullmatch(text)
    version = try_version(found["name"]) if found else None
    if found is None or version is None:
        return None
    is_marked = bool(UNRELEASED.search(found["rest"]))
    title = Title(found["name"], version, found["rest"], is_released=not is_marked)
    is_dated = is_marked or has_status or bool(title.date)
    if "." not in title.name and not is_dated and (title.rest.strip() or found["before"]):
        return None
    words = found["before"].lower().replace("’", "'").split()
    is_name = len(words) == 1 and all(map(_YANKED.fullmatch, title.extras))
    if not (is_dated or is_name or _KNOWN_WORDS.issuperset(words)):
        return None
    is_open = is_marked or (version.is_devrelease and not is_dated)
    return Title(title.name, version, title.rest, is_released=not is_open)


def parse_status(line: str, start: int) -> Status | None:
    """Parse the first line below a title, such as `Released 2026-01-02` or `*Unreleased*`."""
    found = _STATUS.fullmatch(line)
    if found is None or not (style_of(found["state"]) or UNRELEASED.fullmatch(found["state"])):
        return None
    return Status(start, start + len(line), line, found["state"])


def released_on(status: Status, date: str) -> str:
    """Return a status line with a date; `Unreleased` alone becomes `Released` with the date."""
    is_word = re.fullmatch(r"(?:un|not (?:yet )?)released", status.state, re.IGNORECASE)
    words = _STATUS.fullmatch(status.text)
    if is_word and words and not any(character.isalpha() for character in words["lead"]):
        date = f"{'released' if status.state.islower() else 'Released'} {date}"
    return status.text.replace(status.state, date, 1)


@cache
def style_of(text: str) -> str:
    """Return the `strftime` format of a date; empty if it is none of the known ones.

    `%-d` and `%-m` have no zero, `%o` is the day as an ordinal.
    """
    if not _YEAR.search(text):
        return ""
    plain = _ORDINAL.sub("", text)
    for style in _STYLES:
        try:
            day = datetime.strptime(plain, style).date()
        except ValueError:
            continue
        bare = style.replace("%d", "%-d")
        forms = (style, bare, bare.replace("%m", "%-m"), style.replace("%d", "%o"))
        return next((form for form in forms if write_date(day, form) == text), "")
    return ""


def write_date(date: Date, style: str) -> str:
    """Format a date; not every platform's `strftime` supports numbers without a zero, and none an ordinal."""
    day = date.day
    ending = "th" if day // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    style = style.replace("%-d", str(day)).replace("%-m", str(date.month)).replace("%o", f"{day}{ending}")
    return date.strftime(style)
