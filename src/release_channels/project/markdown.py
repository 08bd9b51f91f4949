"""Headings, links and link definitions of a Markdown text. Pure.

Source: CommonMark, parsed by markdown-it, so that code, comments and quotes are not headings, as on GitHub.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markdown_it.token import Token

EMPHASIZED = 7
"""The level of a paragraph in emphasis, such as `**1.2.0**`, which some changelogs use as their headings."""
NEWLINE = re.compile(r"\r\n|\r|\n")

_UNSEEN = re.compile(r"<!--.*?(?:-->|\Z)|</?(?:a|div|p|span)\b[^>]*>", re.DOTALL | re.IGNORECASE)
_BRACKETS = re.compile(r"\[([^\[\]]*)\](?:\[[^\[\]]*\])?")
_LABEL = re.compile(r"\[((?:\\.|[^\]\\])+)\]:")
_RAW = frozenset({"html_block", "html_inline", "text"})


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading outside lists and quotes: its offsets, level, title and markup; a paragraph in emphasis has none."""

    start: int
    end: int
    level: int
    title: str
    """The title as a reader sees it, without links, emphasis and brackets."""
    source: str
    """The title as it is written."""
    is_linked: bool
    """True if the title is, or has in it, a link that leads somewhere."""
    marks: str = ""
    """`#` marks before the title."""
    underline: str = ""
    """The sign of the line below the title."""


@dataclass(frozen=True, slots=True)
class Definition:
    """The definition of a link, such as `[1.0]: URL`: its name in the parser's form and as written, and its offsets."""

    key: str
    label: str
    start: int
    end: int


class Markdown:
    """A Markdown text, parsed once; positions are offsets into the original text, with any line endings."""

    def __init__(self, text: str) -> None:
        """Parse a text; a byte order mark is not part of its first line."""
        from markdown_it import MarkdownIt

        self.text = text
        self._starts = [0, *(found.end() for found in NEWLINE.finditer(text)), len(text)]
        self._parser = MarkdownIt("commonmark")
        self._env: dict[str, Any] = {}
        plain = NEWLINE.sub("\n", text)
        self._tokens: list[Token] = self._parser.parse(
            " " + plain[1:] if plain.startswith("\ufeff") else plain, self._env
        )

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the text, in order."""
        found = []
        for token, inline in zip(self._tokens, self._tokens[1:], strict=False):
            if token.level or token.type not in ("heading_open", "paragraph_open"):
                continue
            if token.type == "paragraph_open" and not _is_emphasized(inline):
                continue
            level = int(token.tag[1:]) if token.type == "heading_open" else EMPHASIZED
            children = inline.children or []
            title, is_linked = _BRACKETS.sub(r"\1", _plain(children)).strip(), any(_links(children))
            markup = (token.markup, "") if token.markup.startswith("#") else ("", token.markup)
            found.append(Heading(*self._span(token.map), level, title, inline.content, is_linked, *markup))
        return tuple(found)

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """The link definitions of the text, in order; of two with the same label the first counts."""
        found = []
        for key, value in self._env.get("references", {}).items():
            start, end = self._span(value["map"])
            label = _LABEL.search(self.text, start, end)
            found.append(Definition(key, label[1] if label else key, start, end))
        return tuple(sorted(found, key=lambda definition: definition.start))

    @cached_property
    def links(self) -> tuple[str, ...]:
        """The texts of all links and images that lead somewhere, in order."""
        return tuple(text for token in self._tokens for text in _links(token.children or ()))

    def plain(self, title: str) -> str:
        """Return a title without links, emphasis and brackets."""
        return _BRACKETS.sub(r"\1", _plain(self._parser.parseInline(title, self._env)[0].children or ()))

    def keys(self, source: str) -> tuple[str, ...]:
        """Return the keys of the definitions that a part uses, or would use if they were there."""
        used = _AnyKey()
        self._parser.parse(NEWLINE.sub("\n", source), {"references": used})
        return tuple(used.asked)

    def content_end(self, start: int, end: int) -> int:
        """Return the offset at which the content of a part ends, or its start if it has no content.

        Headings, rules, comments, anchors and link definitions are not content.
        """
        within = (
            (token, inline)
            for token, inline in zip(self._tokens, [*self._tokens[1:], None], strict=True)
            if token.level == 0 and token.map and start <= self._starts[token.map[0]] < end
        )
        ends = [self._span(token.map)[1] for token, inline in within if _is_content(token, inline)]
        return max(ends, default=start)

    def _span(self, lines: list[int] | None) -> tuple[int, int]:
        first, last = lines or (0, 0)
        return self._starts[first], self._starts[last]


class _AnyKey(dict[str, Any]):
    """Link definitions for whatever key is asked for; the keys are kept, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, None] = {}

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = None
        return super().get(key, default) or {"href": "", "title": ""}


def _plain(tokens: Iterable[Token]) -> str:
    return "".join(
        " " if token.type == "softbreak" else token.content for token in tokens if token.type != "html_inline"
    )


def _links(tokens: Sequence[Token]) -> Iterator[str]:
    for at, token in enumerate(tokens):
        if token.type == "image":
            yield token.content
        elif token.type == "link_open":
            closes = next(end for end in range(at, len(tokens)) if tokens[end].type == "link_close")
            yield _plain(tokens[at:closes])


def _is_emphasized(inline: Token) -> bool:
    """Check whether a paragraph is one line that begins in emphasis."""
    children = inline.children or []
    shown = [token for token in children if token.content or token.nesting]
    return bool(shown) and "\n" not in inline.content and shown[0].type in ("strong_open", "em_open")


def _is_content(token: Token, inline: Token | None) -> bool:
    if token.type == "paragraph_open" and inline is not None:
        return not _is_unseen(inline.children or ())
    return token.type not in ("heading_open", "hr") and not _is_unseen([token])


def _is_unseen(tokens: Iterable[Token]) -> bool:
    """Check whether nothing of it is seen: a comment, or an anchor such as `<a id="v1"></a>`."""
    return all(
        token.type == "softbreak" or (token.type in _RAW and not _UNSEEN.sub("", token.content).strip())
        for token in tokens
    )
