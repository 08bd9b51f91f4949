"""Reading the install commands back from what is printed, as a user's eye does."""

from __future__ import annotations

import re

_IN_A_SENTENCE = re.compile(r"`((?:uv|python) [^`]+ [^`]+)`")


def commands_in(text: str) -> tuple[str, ...]:
    """Give every command in the order of print: the lines of their own, and those inside a sentence."""
    found: list[str] = []
    for line in text.splitlines():
        bare = line.strip()
        if bare.startswith(("uv ", "python ")):
            found.append(bare)
        found += _IN_A_SENTENCE.findall(bare)
    return tuple(found)


def passages(text: str) -> tuple[str, ...]:
    """Give the sentences between the commands."""
    lines = (line for line in text.splitlines() if line.strip() and line.strip() != "```")
    return tuple(line for line in lines if not line.strip().startswith(("uv ", "python ")))
