"""Headings, links and link definitions of a text in reStructuredText. Pure.

Source: docutils, without what needs other files; roles and directives of Sphinx are content that it does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from release_channels.project.markdown import EMPHASIZED, NEWLINE, Definition, Heading

# What `str.splitlines`, which docutils uses, takes for the end of a line, too.
_ODD_NEWLINE = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
_BLANK_LINES = re.compile(r"(?>\r\n|\r|\n)(?:[ \t]*(?>\r\n|\r|\n))+(?=\S)")
_LABEL = re.compile(r"\.\. _(?:`([^`]+)`|((?:\\.|[^:\\])+)):")
_SETTINGS = {
    "report_level": 5, "halt_level": 6, "warning_stream": False,
    "file_insertion_enabled": False, "raw_enabled": False, "syntax_highlight": "none",
}  # fmt: skip
_SILENT = ("comment", "substitution_definition", "system_message", "target", "title", "transition")


class ReStructuredText:
    """A text in reStructuredText, parsed once; positions are offsets into the original text, with any line endings."""

    def __init__(self, text: str) -> None:
        """Parse a text."""
        self.text = text
        self._lines = [_ODD_NEWLINE.sub(" ", line) for line in NEWLINE.split(text.replace("\ufeff", " ", 1))]
        self._starts = [0, *(found.end() for found in NEWLINE.finditer(text)), len(text)]
        self._document = _parse("\n".join(self._lines))

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The headings of the text, in order."""
        return tuple(sorted((*self._titles(), *self._emphasized()), key=lambda heading: heading.start))

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """The link definitions of the text, in order."""
        found = []
        for node in _find(self._document, "target"):
            if "refuri" in node and node.line and node["names"]:
                last = node.line
                while last < len(self._lines) and self._lines[last].startswith((" ", "\t")):
                    last += 1
                start, end = self._starts[node.line - 1], self._starts[last]
                label = _LABEL.match(self.text, start, end)
                if label:
                    found.append(Definition(node["names"][0], label[1] or label[2], start, end))
        return tuple(found)

    @cached_property
    def links(self) -> tuple[str, ...]:
        """The texts of all links that lead somewhere, in order."""
        return self._links(self._document)

    def plain(self, title: str) -> str:
        """Return a title without links and emphasis."""
        return str(_parse(title).astext())

    def keys(self, source: str) -> tuple[str, ...]:
        """Return the keys of the definitions that a part uses, or would use if they were there."""
        return tuple(node["refname"] for node in _find(_parse(source), "reference") if "refname" in node)

    def content_end(self, start: int, end: int) -> int:
        """Return the offset at which the content of a part ends, or its start if it has no content.

        Headings, transitions, comments, and targets are not content.
        """
        bounds = [start, *(found.end() for found in _BLANK_LINES.finditer(self.text, start, end)), end]
        for first, last in zip(reversed(bounds[:-1]), reversed(bounds), strict=False):
            if any(_has_content(node) for node in _parse(self.text[first:last]).children):
                return last
        return start

    def _links(self, node: Any) -> tuple[str, ...]:
        names = self._document.nameids
        return tuple(
            found.astext() for found in _find(node, "reference") if "refname" not in found or found["refname"] in names
        )

    def _titles(self) -> Iterator[Heading]:
        end = 0
        for section in _find(self._document, "section"):
            title, under = self._lines[section.line - 2], self._lines[section.line - 1].rstrip()
            first = section.line - 2
            above = self._lines[first - 1].rstrip() if first else ""
            if above == under and self._starts[first - 1] >= end:
                first -= 1
            level, parent = 1, section.parent
            while parent.parent is not None:
                level, parent = level + 1, parent.parent
            end = self._starts[section.line]
            is_linked = bool(self._links(section[0]))
            yield Heading(
                self._starts[first], end, level, section[0].astext(), title.strip(), is_linked, underline=under[0]
            )

    def _emphasized(self) -> Iterator[Heading]:
        """Find paragraphs of one line that begin in emphasis."""
        for node in _find(self._document, "paragraph"):
            is_outside = node.parent.tagname in ("document", "section")
            if is_outside and node.children[0].tagname in ("strong", "emphasis") and "\n" not in node.rawsource:
                start, end = self._starts[node.line - 1], self._starts[node.line]
                source, is_linked = node.rawsource.strip(), bool(self._links(node))
                yield Heading(start, end, EMPHASIZED, node.astext(), source, is_linked)


def _parse(text: str) -> Any:
    """Parse a text to the document node of docutils; whatever it complains about is left out."""
    from docutils.frontend import get_default_settings
    from docutils.parsers.rst import Parser
    from docutils.utils import new_document

    settings = get_default_settings(Parser)
    vars(settings).update(_SETTINGS)
    document = new_document("changelog", settings)
    Parser().parse(text, document)
    return document


def _find(node: Any, tag: str) -> list[Any]:
    return [found for found in node.findall() if found.tagname == tag]


def _has_content(node: Any) -> bool:
    if node.tagname == "section":
        return any(_has_content(child) for child in node.children)
    if node.tagname == "system_message":
        return any(child.tagname == "literal_block" for child in node.children)
    return node.tagname not in _SILENT
