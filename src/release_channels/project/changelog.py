"""A changelog in the form of Keep a Changelog: its sections, and the release of what is unreleased. Pure.

Source: Keep a Changelog 1.1.0; CommonMark, for what is a heading and what is code or a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date as Date
from itertools import zip_longest

from packaging.version import InvalidVersion, Version

from release_channels.config import Config
from release_channels.errors import RefusedError
from release_channels.project.edit import Edit
from release_channels.project.source import Read
from release_channels.project.values import decode, inside

AUTO = "auto"
BODY_LIMIT = 125_000
"""GitHub's limit for the text of a release, in characters."""

_STEMS = ("CHANGELOG", "CHANGES", "HISTORY", "NEWS")
_NAMES = (
    *(f"{stem}{end}" for stem in _STEMS for end in (".md", ".MD", ".markdown")),
    *(f"{stem.capitalize()}.md" for stem in _STEMS),
    *(f"{folder}{stem.lower()}.md" for folder in ("", "docs/", "doc/") for stem in _STEMS),
    *(f"docs/{stem}.md" for stem in _STEMS),
)
_PLAIN_NAMES = tuple(f"{stem}{end}" for stem in _STEMS for end in (".rst", ".txt", ""))
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|$)")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}|~{3,})")
_HEADING = re.compile(
    r" {0,3}(?P<marks>#{1,6})[ \t]+(?P<title>[^\r\n]*?)[ \t]*(?:[ \t]#+)?[ \t]*(?P<newline>\r?\n|\r|$)"
)
_TITLE = re.compile(
    r"(?P<name_before>(?:[A-Za-z][\w.-]*[ ])?)(?P<open>\[?)(?P<v>v?)"
    r"(?P<name>unreleased|[0-9][0-9A-Za-z.!+_-]*)(?P<close>\]?)"
    r"(?P<link>\([^)\s]*\))?(?P<between>[ \t]*(?:[-–—:,][ \t]*)?)(?P<paren>\(?)(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})?"
    r"(?P<rest>.*)",
    re.IGNORECASE,
)
_UNRELEASED_LINK = re.compile(
    r"^(?P<head>[ ]{0,3}\[unreleased\]:[ \t]*)(?P<base>\S+/compare/)"
    r"(?P<old>[^\s.]\S*?)(?P<dots>\.{2,3})(?P<tip>[^\s.]+)(?P<end>[ \t]*\r?)$",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a section: where it stands, what its title says; `version` is None for the unreleased one."""

    start: int
    end: int
    level: int
    title: re.Match[str]
    version: Version | None


def find_changelog(config: Config, read: Read) -> str | None:
    """Give the path of the changelog: the configured one, else one of the usual names; None if there is none.

    Raises: RefusedError if the configured file is missing, or the only one is not Markdown.
    """
    if not config.changelog:
        return None
    if config.changelog != AUTO:
        path = inside(config.changelog, "tool.release-channels.changelog")
        if path.endswith((".rst", ".txt")):
            raise _not_markdown(path)
        if read(path) is None:
            raise RefusedError(f"there is no {path}", hint="correct tool.release-channels.changelog, or add the file")
        return path
    found = next((name for name in _NAMES if read(name) is not None), None)
    plain = next((name for name in _PLAIN_NAMES if read(name) is not None), None)
    if found is None and plain is not None:
        raise _not_markdown(plain)
    return found


def _not_markdown(path: str) -> RefusedError:
    return RefusedError(
        f"{path} is not Markdown: the underlined headings of reStructuredText are not read here",
        hint="write the changelog in Markdown, and name it in tool.release-channels.changelog (empty for none)",
    )


def read_changelog(path: str, read: Read) -> str:
    """Read a changelog as text.

    Raises: RefusedError if it is not there, or not UTF-8.
    """
    return decode(read(path), path)


def has_section(text: str, version: Version) -> bool:
    """Tell whether a version has a section with something in it."""
    return bool(section(text, version))


def section(text: str, version: Version) -> str | None:
    """Give what stands below a version's heading, up to the next one; None if there is no such heading."""
    headings = list(_headings(text))
    for heading, after in zip_longest(headings, headings[1:]):
        if heading.version == version:
            end = _end(text, heading, after)
            return text[heading.end : end].strip()
    return None


def plan_release(text: str, version: Version, date: Date, path: str, tag_format: str = "v{version}") -> Edit | None:
    """Plan the edit that turns what is unreleased into a version's section, with a fresh unreleased one on top.

    None if the version has its section already, and nothing is unreleased.

    Raises: RefusedError if nothing is unreleased, or both are there.
    """
    headings = list(_headings(text))
    unreleased = [heading for heading in headings if heading.version is None]
    there = any(heading.version == version for heading in headings)
    if not unreleased and there:
        return None
    if len(unreleased) != 1:
        times = f"{len(unreleased)} headings" if unreleased else "no heading"
        raise RefusedError(
            f"{path} has {times} for what is unreleased", hint="write one `## [Unreleased]` above the newest version"
        )
    heading = unreleased[0]
    after = next((other for other in headings if other.start > heading.start), None)
    body = text[heading.end : _end(text, heading, after)]
    if there:
        if not body.strip():
            return None
        raise RefusedError(
            f"{path} has a section for {version}, and more that is unreleased",
            hint=f"move what belongs to {version} below its heading",
        )
    if not body.strip():
        raise RefusedError(
            f"{path} has nothing below its heading for what is unreleased",
            hint=f"write what is new in {version} there: it becomes the text of the release",
        )
    newline = "\r\n" if "\r\n" in text[: heading.end] else "\n"
    title = _title_line(heading, [other for other in headings if other.version is not None], version, date)
    new = text[: heading.end] + newline + title + newline + text[heading.end :]
    return Edit(path, text, _with_links(new, version, tag_format, newline))


def release_body(section: str, link: str, limit: int = BODY_LIMIT) -> str:
    """Cut a section to what a release's text may hold, at the end of a line, with a link to all of it."""
    if len(section) <= limit:
        return section
    more = f"\n\n… [the whole text]({link})"
    kept = section[: limit - len(more)]
    return kept[: kept.rfind("\n")].rstrip() + more if "\n" in kept else kept + more


def _headings(text: str) -> Iterator[Heading]:
    """Give the headings of versions and of what is unreleased, outside code and comments.

    The sections of one changelog have one level: that of the first such heading.
    """
    level = 0
    for line in _visible_lines(text):
        found = _HEADING.match(text, line.start(), line.end())
        title = _TITLE.fullmatch(found["title"]) if found else None
        if found is None or title is None or not _is_section(title) or level not in (0, len(found["marks"])):
            continue
        version = _version(title["name"])
        level = len(found["marks"])
        yield Heading(line.start(), line.end(), level, title, version)


def _is_section(title: re.Match[str]) -> bool:
    """Tell whether a title names a version or what is unreleased; `2 ways to install` and `Python 3.9` do neither."""
    if bool(title["open"]) != bool(title["close"]) or (title["name_before"] and title["rest"].strip(" )")):
        return False
    if title["name"].lower() == "unreleased":
        return not title["name_before"]
    plain = not title["rest"] and not title["name_before"]
    return _version(title["name"]) is not None and (plain or "." in title["name"])


def _visible_lines(text: str) -> Iterator[re.Match[str]]:
    """Give the lines that are neither in a code fence nor in a comment."""
    fence, comment = "", False
    for line in _LINE.finditer(text):
        content = line[0]
        mark = _FENCE.match(content)
        if fence:
            closes = mark is not None and mark["fence"].startswith(fence) and not content[mark.end() :].strip()
            fence = "" if closes else fence
        elif comment:
            comment = "-->" not in content
        elif mark is not None:
            fence = mark["fence"]
        else:
            opened = content.rfind("<!--")
            comment = opened >= 0 and "-->" not in content[opened:]
            if not content.lstrip().startswith("<!--"):
                yield line


def _version(name: str) -> Version | None:
    try:
        return Version(name)
    except (InvalidVersion, ValueError):
        return None


def _end(text: str, heading: Heading, after: Heading | None) -> int:
    """Find where a section ends: at the next heading of its level or above, or at the link references at the end."""
    end = after.start if after is not None else _links_start(text)
    for line in _visible_lines(text):
        found = _HEADING.match(text, line.start(), line.end())
        if found and heading.end <= line.start() < end and len(found["marks"]) <= heading.level:
            return line.start()
    return max(end, heading.end)


def _links_start(text: str) -> int:
    """Find where the link references begin that close the file."""
    found = re.search(r"(?:^[ ]{0,3}\[[^\]\r\n]+\]:[^\r\n]*(?:\r?\n|\Z)|^[ \t]*\r?\n)+\Z", text, re.MULTILINE)
    return found.start() if found and "]:" in found[0] else len(text)


def _title_line(unreleased: Heading, others: list[Heading], version: Version, date: Date) -> str:
    """Write the heading of a version as the file's newest one is written, else as Keep a Changelog has it."""
    marks = "#" * unreleased.level
    if not others:
        own = unreleased.title
        return f"{marks} {own['open']}{version}{own['close']} - {date.isoformat()}"
    like = others[0].title
    dated = any(other.title["date"] for other in others)
    model = next((other.title for other in others if other.title["date"]), like)
    day = f"{model['between']}{model['paren']}{date.isoformat()}{')' if model['paren'] else ''}" if dated else ""
    return f"{marks} {like['name_before']}{like['open']}{like['v']}{version}{like['close']}{day}"


def _with_links(text: str, version: Version, tag_format: str, newline: str) -> str:
    """Let the reference `[Unreleased]: …compare/v1.1.0...HEAD` begin at the new tag, and add the version's own."""
    found = _UNRELEASED_LINK.search(text)
    if found is None:
        return text
    tag, label = (
        tag_format.replace("{version}", str(version)),
        found["head"].lower().replace("unreleased", str(version)),
    )
    indent = found["head"][: len(found["head"]) - len(found["head"].lstrip())]
    fresh = f"{found['head']}{found['base']}{tag}{found['dots']}{found['tip']}"
    own = f"{indent}{label.lstrip()}{found['base']}{found['old']}{found['dots']}{tag}"
    return text[: found.start()] + fresh + newline + own + text[found.end("tip") :]
