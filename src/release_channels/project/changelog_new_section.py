"""The section that a release makes of the unreleased changes in a changelog, in the style of the newest ones. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from functools import cached_property

from packaging.version import Version

from release_channels.project.changelog import Document, Section
from release_channels.project.changelog_headings import UNRELEASED, released_on, style_of, write_date
from release_channels.project.markdown import Definition, Heading

_COMPARE = re.compile(
    r"/(?:compare|log)(?:/|\?from=)(?P<left>[^\s.<>()][^\s<>()\"]*?)(?P<dots>\.{2,3}|%0D|&to=)"
    r"(?P<right>[^\s<>()\"`&]+)"
)
_URL = re.compile(r"\w+://[^\s<>()`]+")
_NEWEST = 3
_DATE, _BASE = "\0", "\1"


_Replacement = tuple[int, int, str]
"""The offsets of a part of the text, and what takes its place."""


@dataclass(frozen=True)
class NewSection:
    """A version's new section in a changelog: its heading, its date and its link."""

    document: Document
    sections: Sequence[Section]
    own: Section
    version: Version
    date: Date
    tag: str

    def apply(self) -> str:
        """Return the text with every edit."""
        text = self.document.text
        for start, end, new in sorted((*self._headings(), *self._definitions()), reverse=True):
            text = text[:start] + new + text[end:]
        return text

    @cached_property
    def title(self) -> str:
        """The title of the new section, with a link if its target is known."""
        if not self._template.heading.is_linked:
            return self._written
        return self._linked or self.document.plain(self._written)

    @property
    def is_linked(self) -> bool:
        """Check whether the title is meant to lead somewhere."""
        return bool(self._new_definition or (self._template.heading.is_linked and self._linked))

    @property
    def warning(self) -> str:
        """What the heading lacks."""
        if self._linked or not self._template.heading.is_linked:
            return ""
        return f"the heading of {self.version} has no link: nothing in the changelog tells where it would lead"

    @cached_property
    def _linked(self) -> str:
        """The title with its link; empty if that would lead where the template's does."""
        title, template = self._written, self._template
        urls = _URL.findall(title)
        if not urls:
            return title if self._new_definition or not self._new_key else ""
        if urls != _URL.findall(template.heading.source):
            return title
        if ended := _URL.findall(self._ended(self.own.heading.source)):
            return title.replace(urls[0], ended[0])
        return title if template is self.own and template.title.version else ""

    @cached_property
    def _newline(self) -> str:
        return "\r\n" if "\r\n" in self.document.text else "\n"

    @cached_property
    def _released(self) -> list[Section]:
        return [section for section in self.sections if section.is_released]

    @cached_property
    def _model(self) -> Section | None:
        """The section that the new one imitates: of the newest a dated one, if possible without a code name."""
        common = [section for section in self._released if not section.title.extras] or self._released
        return next((section for section in common[:_NEWEST] if section.is_dated), common[0] if common else None)

    @cached_property
    def _template(self) -> Section:
        """The model, or else the section of what is unreleased, whose version may have no date to imitate."""
        model = self._model
        return self.own if model is None or (self.own.title.version and not model.is_dated) else model

    @cached_property
    def _written(self) -> str:
        """The title like that of the template, with whatever link it has."""
        heading, template = self._template.heading, self._template.title
        parts = (template.name, template.date, *template.extras)
        source = heading.source if all(part in heading.source for part in parts) else heading.title
        if self._template is not self.own:
            undated = _DATE.join(source.rsplit(template.date, 1)) if template.date else source
            title = self._renamed(_without(undated, template.extras))
            return title.replace(_DATE, self._day(template.date))
        title = self._renamed(source)
        if template.version is not None:
            return UNRELEASED.sub(self.date.isoformat(), title, count=1)
        return f"{title.replace(template.rest.strip() or _DATE, '').strip()} - {self.date.isoformat()}"

    def _renamed(self, text: str) -> str:
        """Replace the template's version by the new one; a comparison then starts at the newest version."""
        template = self._template
        if template is self.own:
            return self._owned(text)
        base, sides = "", _sides(text, template.names)
        if sides:
            (start, end), tip = sides
            newest = dict.fromkeys(template.names, self._released[0].title.name)
            base = _replaced(text[slice(*tip)], newest)
            text = f"{text[:start]}{_BASE}{text[end:]}"
        return _replaced(text, dict.fromkeys(template.names, str(self.version))).replace(_BASE, base)

    def _owned(self, text: str) -> str:
        """Replace the words for what is unreleased, or the version it was announced under."""
        return re.sub(re.escape(self.own.title.name), str(self.version), text, count=1, flags=re.IGNORECASE)

    def _day(self, like: str) -> str:
        return write_date(self.date, style_of(like) or "%Y-%m-%d")

    def _headings(self) -> Iterator[_Replacement]:
        """Write the title: below `[Unreleased]` as a new heading, else in place of the one marked as unreleased."""
        heading, text = self.own.heading, self.document.text
        old, newline = text[heading.start : heading.end], self._newline
        status = self._status()
        below = f"{newline}{status}{newline}" if status and not self.own.status else ""
        if below and not text.startswith(newline, heading.end):
            below += newline
        if self.own.title.version is not None:
            yield heading.start, heading.end, _retitled(old, heading, self.title) + below
        else:
            new = f"{heading.marks} {self.title}{newline}" if heading.marks else _retitled(old, heading, self.title)
            yield heading.end, heading.end, newline + new + below
            if _URL.search(heading.source):
                yield heading.start, heading.end, _retitled(old, heading, self._moved(heading.source))
        if self.own.status and status:
            yield self.own.status.start, self.own.status.end, status

    def _status(self) -> str:
        """Return the line that dates the release, where there is one to fill in, or where the model has one."""
        model = self._model.status if self._model else None
        if model is not None:
            return model.text.replace(model.state, self._day(model.state), 1)
        like = self._model.title.date if self._model else ""
        return released_on(self.own.status, self._day(like)) if self.own.status else ""

    def _definitions(self) -> Iterator[_Replacement]:
        """Start the link of what is unreleased at the new tag, end the version's own there, and add a missing one."""
        floating = self._floating
        if floating is not None:
            old = self._text(floating)
            yield floating.start, floating.end, self._announced(old) if self._is_announced else self._moved(old)
        if self._new_definition:
            yield self._new_definition

    @cached_property
    def _floating(self) -> Definition | None:
        """The link definition of what is unreleased."""
        keys = self.document.keys(self.own.heading.source)
        defined = [
            item for item in self.document.definitions if item.key in keys or item.key.casefold() == "unreleased"
        ]
        return defined[0] if defined else None

    @property
    def _is_announced(self) -> bool:
        """Check whether the floating link definition is that of a version."""
        floating = self._floating
        return bool(floating and self.own.title.version and floating.key.casefold() != "unreleased")

    def _announced(self, link: str) -> str:
        return self._ended(self._owned(link)) or self._owned(link)

    @cached_property
    def _new_key(self) -> str:
        """The key of the link definition that the new title lacks."""
        if self._is_announced:
            return ""
        defined = [item.key for item in self.document.definitions]
        keys = [key for key in self.document.keys(self._written) if key not in defined]
        return next((key for key in keys if str(self.version) in key.casefold()), "")

    @cached_property
    def _new_definition(self) -> _Replacement | None:
        """The link definition for the new title, made of that of what is unreleased, or of the template's."""
        label = re.search(re.escape(self._new_key or _DATE), self._written, re.IGNORECASE)
        if label is None:
            return None
        floating = self._floating
        if floating is not None and (link := self._ended(self._text(floating))):
            new, at = link.replace(floating.label, label[0], 1), floating.end
            return (at, at, new if self._text(floating).endswith(("\n", "\r")) else f"{self._newline}{new}")
        keys = self.document.keys(self._template.heading.source)
        for item in self.document.definitions:
            old = self._text(item)
            new = self._renamed(old)
            if item.key in keys and new.replace(label[0], item.label, 1) != old:
                return item.start, item.start, new
        return None

    def _text(self, definition: Definition) -> str:
        return self.document.text[definition.start : definition.end]

    def _moved(self, link: str) -> str:
        """Start a link of what is unreleased at the new tag."""
        newest = self._released[0].names if self._released else ()
        return self._with_tag(link, 0) or _replaced(link, dict.fromkeys(newest, str(self.version)))

    def _ended(self, link: str) -> str:
        """End a link of what is unreleased at the new tag; empty if it compares nothing."""
        return self._with_tag(link, 1)

    def _with_tag(self, link: str, side: int) -> str:
        sides = _sides(link)
        if sides is None:
            return ""
        start, end = sides[side]
        return link[:start] + self.tag + link[end:]


def _sides(link: str, names: Sequence[str] = ()) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Find where a link to a comparison names the old tag and the tip, which is one of the names or a branch.

    Some forges have the tip first; a name with a dot is that of a tag.
    """
    found = _COMPARE.search(link)
    if found is None:
        return None
    is_tip = [any(name in side for name in names) or "." not in side for side in found.group("left", "right")]
    if not any(is_tip):
        return None
    sides = found.span("left"), found.span("right")
    return sides if is_tip[1] else sides[::-1]


def _replaced(text: str, names: Mapping[str, str]) -> str:
    """Replace whole version numbers, all at once."""
    if not names:
        return text
    numbers = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.sub(rf"(?<![0-9])(?<![0-9]\.)(?:{numbers})(?!\.?[A-Za-z0-9])", lambda found: names[found[0]], text)


def _without(title: str, extras: Sequence[str]) -> str:
    """Take a code name or a mark out of a title, with the punctuation around it."""
    for extra in extras:
        title = re.sub(rf"\s*[-–—:,|]?\s*[(\[*_]*{re.escape(extra)}[)\]*_]*", "", title, count=1)
    return title.strip()


def _retitled(old: str, heading: Heading, title: str) -> str:
    """Replace the title of a heading; the lengths of its underline and overline follow."""
    new = old.replace(heading.source, title, 1)
    if not heading.underline:
        return new
    more = len(title) - len(heading.source)
    line = re.compile(rf"^{re.escape(heading.underline)}+(?=[ \t]*\r?$)", re.MULTILINE)
    return line.sub(lambda found: heading.underline * (len(found[0]) + more), new)
