"""A version that a build backend's regular expression reads out of a file. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from release_channels.errors import RefusedError
from release_channels.project.sources.base import Literal, LiteralVersion, VersionSource
from release_channels.project.sources.layout import SourceContext
from release_channels.project.sources.python_file import find_span
from release_channels.project.typed_toml import decode, resolve_inside_project

_NEWLINES = re.compile(r"\r\n|[\s\S]")


def by_pattern(
    context: SourceContext, settings: Mapping[str, Any], place: str, default: str, group: str | int
) -> VersionSource:
    """Find the literal that a backend's pattern reads: an assigned string in Python, the only match in other files.

    Raises: RefusedError if the pattern reads anything else.
    """
    path, given = settings.get("path"), settings.get("pattern")
    if not isinstance(path, str) or not path:
        raise RefusedError(f"{place} has no path", hint='write `path = "src/package/__init__.py"`')
    path = resolve_inside_project(path, place)
    pattern = _compile(given if isinstance(given, str) and given else default, group, place)
    text = decode(context.read(path), path)

    def span_in(text: str) -> tuple[int, int]:
        return _matches(pattern, group, text, path)[0]

    if path.endswith((".py", ".pyi")):
        name = pattern.search(_plain(text))
        where = f"{path} {'version' if given or name is None else name[0].partition('=')[0].strip()}"
        return LiteralVersion.of(path, where, text, find_span(path, span_in))
    return LiteralVersion.of(path, path, text, _only_match(pattern, group, path))


def _only_match(pattern: re.Pattern[str], group: str | int, path: str) -> Callable[[str], Literal]:
    def find(text: str) -> Literal:
        places = _matches(pattern, group, text, path)
        if len(places) > 1:
            raise RefusedError(
                f"{path}: the pattern {pattern.pattern!r} matches {len(places)} times",
                hint="write a pattern that matches once",
            )
        return Literal(*places[0], text[slice(*places[0])])

    return find


def _compile(pattern: str, group: str | int, place: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern, re.MULTILINE)
    except re.error as err:
        raise RefusedError(
            f"{place}: the pattern {pattern!r} is not a regular expression: {err}", hint="correct it"
        ) from err
    if group not in compiled.groupindex and not (isinstance(group, int) and compiled.groups >= group):
        raise RefusedError(
            f"{place}: the pattern {pattern!r} has no group for the version",
            hint=f"write (?P<{group}>…)" if isinstance(group, str) else "put parentheses around the version",
        )
    return compiled


def _matches(pattern: re.Pattern[str], group: str | int, text: str, path: str) -> list[tuple[int, int]]:
    """Return every span that a pattern matches, in a text whose newlines the backend reads as `\\n`.

    Raises: RefusedError if there is none.
    """
    at = [found.start() for found in _NEWLINES.finditer(text)] + [len(text)]
    spans = [found.span(group) for found in pattern.finditer(_plain(text))]
    if not spans or spans[0] == (-1, -1):
        raise RefusedError(
            f"{path}: the build backend's pattern {pattern.pattern!r} finds no version there",
            hint='write `__version__ = "1.2.3.dev0"` on its own line, or a pattern that fits',
        )
    return [(at[start], at[end]) for start, end in spans]


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
