"""Headings and link references of a Markdown text. Pure.

Source: CommonMark, parsed by markdown-it, so that code, comments and quotes are not headings, as on GitHub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it.token import Token

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading outside lists and quotes: its offsets, level, title and markup."""

    start: int
    end: int
    level: int
    title: str
    markup: str
    """`#` marks before the title, or one `=` or `-` for a line of them below it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """The definition of a link reference, such as `[1.0]: URL`, with its offsets in the text."""

    label: str
    start: int
    end: int


class Markdown:
    """A Markdown text, parsed once; positions are offsets into the original text, with any line endings."""

    def __init__(self, text: str) -> None:
        """Parse a text; a byte order mark is not part of its first line."""
        from markdown_it import MarkdownIt

        self.text = text
        lines = _NEWLINE.split(text)
        ends = [found.end() for found in _NEWLINE.finditer(text)]
        self._starts = [0, *ends, len(text)]
        self._blank = [not line.strip() for line in lines]
        self._env: dict[str, Any] = {}
        plain = "\n".join(lines)
        self._tokens: list[Token] = MarkdownIt("commonmark").parse(
            " " + plain[1:] if plain.startswith("\ufeff") else plain, self._env
        )

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the text, in order."""
        found = []
        for token, title in zip(self._tokens, self._tokens[1:], strict=False):
            if token.type == "heading_open" and token.level == 0:
                start, end = self._span(token.map)
                found.append(Heading(start, end, int(token.tag[1:]), title.content, token.markup))
        return tuple(found)

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """The link references of the text, in order; of two with the same label the first counts."""
        defined = self._env.get("references", {}).items()
        found = (Reference(label, *self._span(value["map"])) for label, value in defined)
        return tuple(sorted(found, key=lambda reference: reference.start))

    @cached_property
    def references_start(self) -> int:
        """The offset of the link references at the end of the text; its length if there are none."""
        spans = [value["map"] for value in self._env.get("references", {}).values()]
        spans += [value["map"] for value in self._env.get("duplicate_refs", ())]
        covered = {line for first, last in spans for line in range(first, last)}
        number = len(self._blank)
        while number and (self._blank[number - 1] or number - 1 in covered):
            number -= 1
        return self._starts[number] if any(line >= number for line in covered) else len(self.text)

    def says_something(self, start: int, end: int) -> bool:
        """Check whether a part contains more than headings and comments."""
        within = (
            token
            for token in self._tokens
            if token.level == 0 and token.map and start <= self._starts[token.map[0]] < end
        )
        return any(token.type != "heading_open" and not _is_comment(token) for token in within)

    def _span(self, lines: list[int] | None) -> tuple[int, int]:
        first, last = lines or (0, 0)
        return self._starts[first], self._starts[last]


def _is_comment(token: Token) -> bool:
    return token.type == "html_block" and not _COMMENT.sub("", token.content).strip()
