"""The sections of a changelog: one for each version, and one for what is unreleased. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import Version

from release_channels.project.changelog_headings import Status, Title, parse_status, parse_title
from release_channels.project.changelog_rst import ReStructuredText
from release_channels.project.markdown import EMPHASIZED, Heading, Markdown

Document = Markdown | ReStructuredText
"""A changelog, parsed: its text, headings, links and link definitions."""

_FIRST_LINE = re.compile(r"\s*^([^\r\n]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its heading and title, the line that dates it, and the offset where the section ends."""

    heading: Heading
    title: Title
    status: Status | None
    end: int

    @property
    def is_released(self) -> bool:
        """Check whether neither the title nor the line below it marks the section as unreleased."""
        return self.title.is_released and (self.status is None or self.status.is_released)

    @property
    def is_dated(self) -> bool:
        """Check whether the title or the line below it has a date."""
        return bool(self.title.date) or (self.status is not None and self.status.is_released)

    @property
    def names(self) -> tuple[str, ...]:
        """The version as the title and as other texts may write it."""
        return (self.title.name, str(self.title.version or self.title.name))

    @property
    def start(self) -> int:
        """The offset where the text begins, below the heading and the line that dates it."""
        return self.status.end if self.status else self.heading.end

    def content(self, document: Document) -> str:
        """Return the text of the section, which is empty if there are only headings, comments and the like."""
        return document.text[self.start : document.content_end(self.heading.end, self.end)].strip()


def parse_changelog(text: str, path: str) -> Document:
    """Parse a changelog in the markup that its suffix implies; in other files, the one that has sections."""
    name = path.lower()
    if name.endswith((".md", ".markdown")):
        return Markdown(text)
    if name.endswith(".rst"):
        return ReStructuredText(text)
    kinds = (ReStructuredText, Markdown) if name.endswith(".txt") else (Markdown, ReStructuredText)
    documents = [kind(text) for kind in kinds]
    return next((document for document in documents if find_sections(document)), documents[0])


def find_sections(document: Document) -> list[Section]:
    """Find the sections of versions and of unreleased changes, in order.

    Paragraphs in emphasis are headings only where no other ones name a version.
    """
    proper = [heading for heading in document.headings if heading.level < EMPHASIZED]
    return _sections(document, proper) or _sections(document, document.headings)


def find_released(sections: Sequence[Section], version: Version) -> Section | None:
    """Find the section of a version that is not marked as unreleased."""
    return next((entry for entry in sections if entry.is_released and entry.title.version == version), None)


def find_unreleased(sections: Sequence[Section]) -> list[Section]:
    """Find the sections that are to be released.

    Below one that is released, a lower version has been passed over, and a word such as `main` is a title of its own.
    """
    found: list[Section] = []
    newest: Version | None = None
    for entry in sections:
        title = entry.title
        if entry.is_released and title.version is not None:
            newest = max(newest or title.version, title.version)
        elif newest is None or (title.version > newest if title.version else title.is_sure):
            found.append(entry)
    return found


def _sections(document: Document, headings: Sequence[Heading]) -> list[Section]:
    """Return the sections among some headings, which have one level: that of the first heading that is one for sure.

    A section ends at the next heading of its level or above.
    """
    text = document.text
    found: list[tuple[Heading, Title | None, Status | None]] = []
    for heading, end in zip(headings, [*(later.start for later in headings[1:]), len(text)], strict=False):
        line = _FIRST_LINE.match(text, heading.end, end)
        status = parse_status(line[1], line.start(1)) if line else None
        title = parse_title(heading.title, has_status=status is not None)
        if title is not None and heading.level == EMPHASIZED and title.extras:
            title = None
        found.append((heading, title, status))
    levels = [heading.level for heading, title, _ in found if title and title.is_sure]
    levels += [heading.level for heading, title, _ in found[1:] if title]
    level = levels[0] if levels else 0
    bounds = [
        heading.start
        for heading, title, _ in found
        if heading.level < level or (heading.level == level and (title or level < EMPHASIZED))
    ]
    return [
        Section(heading, title, status, min((start for start in bounds if start > heading.start), default=len(text)))
        for heading, title, status in found
        if title is not None and heading.level == level
    ]
