"""A reStructuredText changelog by its underlined titles, with the face of `Markdown`. Pure.

Source: reStructuredText specification, sections: a title is underlined by one repeated sign, at least as long as it
is; an overline is part of the style; styles are levels in the order in which they first appear.
"""

from __future__ import annotations

import re
from functools import cached_property

from release_channels.project.markdown import Heading, Reference

_TITLE = re.compile(
    r"(?:^(?P<over>(?P<sign>[^\w\s])(?P=sign){2,})[ \t]*\r?\n)?"
    r"^[ \t]*(?P<title>\S[^\r\n]*?)[ \t]*(?P<end>\r?\n)(?P<under>(?P<mark>[^\w\s])(?P=mark)*)[ \t]*(?:\r?\n|\Z)",
    re.MULTILINE,
)
_NOTHING = re.compile(r"[ \t]*|\.\.([ \t].*|)|[ \t]+:[\w-]+:.*")


class Underlined:
    """One text, read line by line; every place is an offset into it."""

    references: tuple[Reference, ...] = ()

    def __init__(self, text: str) -> None:
        """Take a text."""
        self.text = text
        self.references_start = len(text)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """The titles of the text, in order; what is indented is a quote or code."""
        styles: list[tuple[bool, str]] = []
        found = []
        for match in _TITLE.finditer(self.text):
            over, under, title = match["over"], match["under"], match["title"]
            begins_indented = self.text[match.start("title") - 1 : match.start("title")] in (" ", "\t")
            if len(under) < max(3, len(title)) or (over and over != under) or (begins_indented and not over):
                continue
            style = (bool(over), under[0])
            if style not in styles:
                styles.append(style)
            found.append(Heading(match.start(), match.end(), styles.index(style) + 1, title, under[0]))
        return tuple(found)

    def says_something(self, start: int, end: int) -> bool:
        """Tell whether a part holds more than titles, comments and link targets."""
        titled = [range(heading.start, heading.end) for heading in self.headings]
        at = start
        for line in self.text[start:end].splitlines(keepends=True):
            if not any(at in span for span in titled) and not _NOTHING.fullmatch(line.rstrip("\r\n")):
                return True
            at += len(line)
        return False
