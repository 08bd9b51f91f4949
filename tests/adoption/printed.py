"""Parsing install commands out of printed text."""

from __future__ import annotations

import re

_IN_A_LINE = re.compile(r"`((?:uv|python) [^`]+ [^`]+)`")


def commands_in(text: str) -> tuple[str, ...]:
    """Return every command in printed order: those on their own lines, and those inside a paragraph."""
    found: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("uv ", "python ")):
            found.append(bare)
        found += _IN_A_LINE.findall(bare)
    return tuple(found)


def passages(text: str) -> tuple[str, ...]:
    """Return the paragraphs between the commands."""
    lines = (line for line in text.splitlines() if line.strip() and line.strip() != "```")
    return tuple(line for line in lines if not line.strip().startswith(("uv ", "python ")))
