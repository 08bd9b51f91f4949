"""A project's changelog: its file, its sections, and the text of a version. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.project.changelog_headings import Status, Title, parse_status, parse_title
from release_channels.project.files import Read, SymbolicLinkError, follow_links
from release_channels.project.markdown import EMPHASIZED, Heading, Markdown
from release_channels.project.typed_toml import decode, resolve_inside_project

if TYPE_CHECKING:
    from release_channels.project.changelog_rst import ReStructuredText

AUTO = "auto"
BODY_LIMIT = 125_000
"""GitHub's limit for the body of a release, in characters."""

_STEMS = ("CHANGELOG", "CHANGES", "HISTORY", "NEWS")
_NAMES = (
    *(f"{stem}{end}" for stem in _STEMS for end in (".md", ".MD", ".markdown")),
    *(f"{stem.capitalize()}.md" for stem in _STEMS),
    *(f"{folder}{stem.lower()}.md" for folder in ("", "docs/", "doc/") for stem in _STEMS),
    *(f"docs/{stem}.md" for stem in _STEMS),
    *(f"{folder}{stem}{end}" for folder in ("", "docs/") for stem in _STEMS for end in (".rst", ".txt", "")),
)
# Such a page is the changelog only if it has sections of several releases: it may also say how to release.
_PAGES = (
    *("RELEASE_NOTES.md", "RELEASE_NOTES.rst", "ChangeLog"),
    *(
        f"{folder}{stem}{end}"
        for folder in ("", "docs/", "doc/", "docs/source/", "doc/source/")
        for stem in (*map(str.lower, _STEMS), "release-notes", "release_notes", "versionhistory")
        for end in (".md", ".rst")
    ),
)
_FEWEST_RELEASES = 2
_FIRST_LINE = re.compile(r"\s*^([^\r\n]+)", re.MULTILINE)
# The path of a page or a file with the changes; the host of a link is not looked at.
_ELSEWHERE = re.compile(
    r"[^/:\s]/[\w./-]*(?:releases|changelog|changes|history|news|whats-?new|release-?notes)", re.IGNORECASE
)
_FEW_WORDS = 60

Document: TypeAlias = "Markdown | ReStructuredText"
"""A changelog, parsed: its text, headings, links and link definitions."""


def find_changelog(config: Config, read: Read, news_file: str = "") -> str | None:
    """Return the path of the changelog, links followed; None if there is none.

    It is the configured one, else the one that towncrier writes, else the first of the usual names; there a file that
    only points elsewhere does not count, and neither does a page of the documents with fewer than two releases.

    Raises: RefusedError if a configured file is missing.
    """
    if not config.changelog:
        return None
    named = named_changelog(config, news_file)
    for name in [named] if named else _NAMES:
        path, content = follow_links(name, read)
        if content is not None and (named or not _points_elsewhere(content, path)):
            return path
    if not named:
        return next(filter(None, (_page(name, read) for name in _PAGES)), None)
    where = "tool.towncrier.filename" if config.changelog == AUTO else "tool.release-channels.changelog"
    made = "`release-channels bump` creates it with towncrier" if named == news_file else "add the file and commit it"
    raise RefusedError(f"there is no {named}", hint=f"{made}, or correct {where}")


def named_changelog(config: Config, news_file: str) -> str:
    """Return the path in the settings, otherwise in towncrier's settings; empty if neither has one.

    Raises: RefusedError for a path that leads out of the project.
    """
    if config.changelog == AUTO:
        return resolve_inside_project(news_file, "tool.towncrier.filename") if news_file else ""
    return resolve_inside_project(config.changelog, "tool.release-channels.changelog") if config.changelog else ""


def read_changelog(path: str, read: Read) -> Document:
    """Read a changelog, as Markdown unless its suffix is that of reStructuredText.

    Raises: RefusedError if it is missing, or not UTF-8.
    """
    return parse_changelog(decode(read(path), path), path)


def has_section(document: Document, version: Version) -> bool:
    """Check whether a version has a section with content that is not marked as unreleased."""
    found = find_released(find_sections(document), version)
    return found is not None and bool(found.content(document))


def section(document: Document, version: Version) -> str | None:
    """Return the text below a version's heading, with the link definitions that it uses; None if there is no heading.

    The line that dates the release is left out; anchors and comments before the next heading belong to that one.
    """
    found = find_released(find_sections(document), version)
    if found is None:
        return None
    body, keys = found.content(document), document.keys(found.content(document))
    used = [document.text[item.start : item.end].strip() for item in document.definitions if item.key in keys]
    links = "\n".join(link for link in used if link not in body)
    return f"{body}\n\n{links}" if links else body


def release_body(section: str, link: str, limit: int = BODY_LIMIT) -> str:
    """Truncate a section to the limit in characters, at the end of a line, with a link to the full text."""
    if len(section) <= limit:
        return section
    more = f"\n\n… [the whole text]({link})"
    kept = section[: limit - len(more)]
    return kept[: kept.rfind("\n")].rstrip() + more if "\n" in kept else kept + more


def _page(name: str, read: Read) -> str | None:
    """Return the path of a page with the sections of releases, links followed; None if it is none, or unreadable."""
    try:
        path, content = follow_links(name, read)
        text = content.decode("utf-8") if content else ""
    except (SymbolicLinkError, UnicodeDecodeError):
        return None
    if not text:  # a parser takes longer to import than most files to parse
        return None
    versions = {section.title.version for section in find_sections(parse_changelog(text, path)) if section.is_released}
    return path if len(versions - {None}) >= _FEWEST_RELEASES else None


def _points_elsewhere(content: bytes, path: str) -> bool:
    """Check for a few words with a link to the changes, and no section."""
    text = content.decode("utf-8", "replace")
    if len(text.split()) > _FEW_WORDS or not _ELSEWHERE.search(text):
        return False
    return not find_sections(parse_changelog(text, path))


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
    from release_channels.project.changelog_rst import ReStructuredText

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
