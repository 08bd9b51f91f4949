"""A project's changelog: which file it is, and what it says of a version. Pure."""

from __future__ import annotations

import re

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.project.changelog_sections import Document, find_released, find_sections, parse_changelog
from release_channels.project.files import Read, follow_links
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
# The path of a page or a file with the changes; the host of a link is not looked at.
_ELSEWHERE = re.compile(
    r"[^/:\s]/[\w./-]*(?:releases|changelog|changes|history|news|whats-?new|release-?notes)", re.IGNORECASE
)
_FEW_WORDS = 60


def find_changelog(config: Config, read: Read, news_file: str = "") -> str | None:
    """Return the path of the changelog, links followed; None if there is none.

    It is the configured one, else the one that towncrier writes, else the first of the usual names; there a file that
    only points elsewhere does not count.

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
        return None
    where = "tool.towncrier.filename" if config.changelog == AUTO else "tool.release-channels.changelog"
    made = "`invoke bump` lets towncrier make it" if named == news_file else "add the file and commit it"
    raise RefusedError(f"there is no {named}", hint=f"{made}, or correct {where}")


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


def _points_elsewhere(content: bytes, path: str) -> bool:
    """Check for a few words with a link to the changes, and no section."""
    text = content.decode("utf-8", "replace")
    if len(text.split()) > _FEW_WORDS or not _ELSEWHERE.search(text):
        return False
    return not find_sections(parse_changelog(text, path))
