"""A changelog in the style of Keep a Changelog: its sections, and the edit that releases the unreleased one. Pure.

Source: Keep a Changelog 1.1.0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date as Date

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.project.changelog_headings import Title, Underlined, parse_title, title_like
from release_channels.project.edit import Edit
from release_channels.project.files import Read
from release_channels.project.markdown import Heading, Markdown
from release_channels.project.typed_toml import decode, resolve_inside_project

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
_UNRELEASED_LINK = re.compile(
    r"(?P<head>[ ]{0,3}\[unreleased\]:[ \t]*)(?P<base>\S+/compare/)"
    r"(?P<old>[^\s.]\S*?)(?P<dots>\.{2,3})(?P<tip>[^\s.]+)[ \t]*(?P<newline>\r\n|\r|\n|)",
    re.IGNORECASE,
)


Document = Markdown | Underlined
"""A changelog, parsed: its text, headings and link references."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section: the heading of a version or of unreleased changes, and the offset where the section ends."""

    heading: Heading
    title: Title
    end: int


def find_changelog(config: Config, read: Read, news_file: str = "") -> str | None:
    """Return the path of the changelog; None if there is none.

    It is the configured one, else the one that towncrier writes, else the first of the usual names.

    Raises: RefusedError if a configured file is missing.
    """
    if not config.changelog:
        return None
    path = named_changelog(config, news_file)
    if not path:
        return next((name for name in _NAMES if read(name) is not None), None)
    if read(path) is None:
        where = "tool.towncrier.filename" if config.changelog == AUTO else "tool.release-channels.changelog"
        made = "`release-channels bump` lets towncrier make it" if path == news_file else "add the file and commit it"
        raise RefusedError(f"there is no {path}", hint=f"{made}, or correct {where}")
    return path


def named_changelog(config: Config, news_file: str) -> str:
    """Return the path that the settings, or else towncrier's, configure; empty if neither does.

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


def parse_changelog(text: str, path: str) -> Document:
    """Parse a changelog in the markup that its suffix implies."""
    return Underlined(text) if path.lower().endswith((".rst", ".txt")) else Markdown(text)


def has_section(document: Document, version: Version) -> bool:
    """Check whether a version has a section with content that is not marked as unreleased."""
    found = _released(_sections(document), version)
    return found is not None and document.says_something(found.heading.end, found.end)


def section(document: Document, version: Version) -> str | None:
    """Return the text below a version's heading, up to the next one; None if there is no such heading."""
    found = _released(_sections(document), version)
    return document.text[found.heading.end : found.end].strip() if found else None


def plan_release(
    document: Document, version: Version, date: Date, path: str, tag_format: str = "v{version}"
) -> Edit | None:
    """Plan the edit that turns the unreleased changes into a version's section.

    Below `[Unreleased]` the section gets a heading of its own; a heading of a version marked as unreleased gets the
    version and its date. None if the version already has its section, and nothing is unreleased.

    Raises: RefusedError if nothing is unreleased, or both exist, or the result does not parse as a released section.
    """
    text = document.text
    sections = _sections(document)
    unreleased_sections = [section for section in sections if not section.title.is_released]
    has_version = _released(sections, version) is not None
    if not unreleased_sections and has_version:
        return None
    if len(unreleased_sections) != 1:
        times = f"{len(unreleased_sections)} headings" if unreleased_sections else "no heading"
        raise RefusedError(
            f"{path} has {times} for unreleased changes", hint="write one `## [Unreleased]` above the newest version"
        )
    unreleased = unreleased_sections[0]
    says_something = document.says_something(unreleased.heading.end, unreleased.end)
    if has_version:
        if not says_something:
            return None
        raise RefusedError(
            f"{path} has a section for {version}, but also unreleased changes",
            hint=f"move what belongs to {version} below its heading",
        )
    if not says_something:
        raise RefusedError(
            f"{path} has nothing below its heading for unreleased changes",
            hint=f"describe the changes in {version} there: they become the release notes",
        )
    others = [section.title for section in sections if section.title.is_released]
    title = title_like(others, unreleased.title, version, date)
    new = _with_links(_with_title(text, unreleased, title), version, tag_format, path)
    if not has_section(parse_changelog(new, path), version):
        raise RefusedError(
            f"{path} would not parse as having a section for {version}", hint=f"write its heading by hand: {title}"
        )
    return Edit(path, text, new)


def release_body(section: str, link: str, limit: int = BODY_LIMIT) -> str:
    """Truncate a section to the limit in characters, at the end of a line, with a link to the full text."""
    if len(section) <= limit:
        return section
    more = f"\n\n… [the whole text]({link})"
    kept = section[: limit - len(more)]
    return kept[: kept.rfind("\n")].rstrip() + more if "\n" in kept else kept + more


def _sections(document: Document) -> list[Section]:
    """Return the sections of versions and of unreleased changes.

    The sections of one changelog have one level: that of the first such heading. A section ends at the next heading
    of its level or above, or at the link references that close the file.
    """
    titled = [(heading, parse_title(heading.title)) for heading in document.headings]
    level = next((heading.level for heading, title in titled if title is not None), 0)
    bounds = [heading.start for heading in document.headings if heading.level <= level]
    sections = []
    for heading, title in titled:
        if title is not None and heading.level == level:
            after = [start for start in (*bounds, document.references_start) if start >= heading.end]
            sections.append(Section(heading, title, min(after, default=len(document.text))))
    return sections


def _released(sections: list[Section], version: Version) -> Section | None:
    return next((entry for entry in sections if entry.title.is_released and entry.title.version == version), None)


def _with_title(text: str, unreleased: Section, title: str) -> str:
    """Write a version's title: below `[Unreleased]` as a new heading, else in place of the one marked as unreleased."""
    heading = unreleased.heading
    before, old = text[: heading.end], text[heading.start : heading.end]
    newline = "\r\n" if "\r\n" in before else "\n"
    if unreleased.title.version is not None:
        return text[: heading.start] + _retitled(old, heading, title) + text[heading.end :]
    new = _retitled(old, heading, title) if _is_underlined(heading) else f"{heading.markup} {title}{newline}"
    return before + newline + new + text[heading.end :]


def _retitled(old: str, heading: Heading, title: str) -> str:
    """Replace the title of a heading; the lengths of its underline and overline follow."""
    new = old.replace(heading.title, title, 1)
    if not _is_underlined(heading):
        return new
    more = len(title) - len(heading.title)
    line = re.compile(rf"^{re.escape(heading.markup)}+(?=[ \t]*\r?$)", re.MULTILINE)
    return line.sub(lambda found: heading.markup * (len(found[0]) + more), new)


def _is_underlined(heading: Heading) -> bool:
    return set(heading.markup) != {"#"}


def _with_links(text: str, version: Version, tag_format: str, path: str) -> str:
    """Start the reference `[Unreleased]: …compare/v1.1.0...HEAD` at the new tag, and add the version's own."""
    places = [link for link in parse_changelog(text, path).references if link.label == "UNRELEASED"]
    found = _UNRELEASED_LINK.fullmatch(text, places[0].start, places[0].end) if places else None
    if found is None:
        return text
    newline = found["newline"] or ("\r\n" if "\r\n" in text else "\n")
    tag = tag_format.replace("{version}", str(version))
    fresh = f"{found['head']}{found['base']}{tag}{found['dots']}{found['tip']}"
    own_head = re.sub("unreleased", str(version), found["head"], flags=re.IGNORECASE)
    own = f"{own_head}{found['base']}{found['old']}{found['dots']}{tag}"
    return text[: found.start()] + fresh + newline + own + text[found.end("tip") :]
