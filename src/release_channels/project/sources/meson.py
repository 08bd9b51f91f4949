"""A version in meson.build, which meson-python uses for the project. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from release_channels.errors import RefusedError
from release_channels.project.sources.base import Literal, LiteralVersion, VersionSource
from release_channels.project.sources.layout import SourceContext, unreadable, whole_file
from release_channels.project.typed_toml import decode, resolve_inside_project

_PATH = "meson.build"
_CALL = re.compile(r"^project[ \t]*\(", re.MULTILINE)
# A comment, a string, a bracket, a name or another character; white space is between them.
_TOKEN = re.compile(r"#[^\n]*|'''[\s\S]*?'''|'(?:[^'\\\n]|\\.)*'|\w+|\S")
_OPEN, _CLOSE = "([{", ")]}"


def meson_version(context: SourceContext) -> VersionSource:
    """Find the version of the project() call: a plain string, or the one line of a file.

    Raises: RefusedError if there is none, or one that is computed.
    Source: Meson's reference of project(), `version`, whose value may be a string or a file.
    """
    text = decode(context.read(_PATH), _PATH)
    value = [token[0] for token in _value(text)]
    match value:
        case ["files", "(", named, ")"] if named.startswith("'"):
            return whole_file(context, resolve_inside_project(named.strip("'"), f"{_PATH} version"))
        case [literal] if literal.startswith("'") and "\\" not in literal:
            return LiteralVersion.of(_PATH, f"{_PATH} project() version", text, _find)
    raise unreadable(context, f"{_PATH} computes it")


def _find(text: str) -> Literal:
    (token,) = _value(text)
    quotes = 3 if token[0].startswith("'''") else 1
    start, end = token.start() + quotes, token.end() - quotes
    return Literal(start, end, text[start:end])


def _value(text: str) -> tuple[re.Match[str], ...]:
    """Return the tokens between `version:` and the end of that argument.

    Raises: RefusedError if the call has no such argument.
    """
    value: list[re.Match[str]] | None = None
    before = ""
    for depth, token in _arguments(text):
        if depth == 0 and value is not None and token[0] in ",)":
            return tuple(value)
        if value is not None:
            value.append(token)
        elif depth == 0 and token[0] == ":" and before == "version":
            value = []
        before = token[0]
    raise RefusedError(
        f"{_PATH} has no version in project()",
        hint="write `version: '1.2.3.dev0'` there, or the version in [project] of pyproject.toml",
    )


def _arguments(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield the tokens of the project() call, its closing bracket last, each with how many brackets are open there."""
    call = _CALL.search(text)
    depth = 0
    for token in _TOKEN.finditer(text, call.end()) if call else ():
        if token[0].startswith("#"):
            continue
        yield depth, token
        if token[0] in _CLOSE and depth == 0:
            return
        depth += (token[0] in _OPEN) - (token[0] in _CLOSE)
