"""The patterns of branches, tags, paths and workflow names in workflow files. Pure.

Source: GitHub's workflow syntax reference, filter pattern cheat sheet.
"""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"[\\*?+\[\]]|^!")


def escape_pattern(text: str) -> str:
    """Return the pattern that matches a text and nothing else."""
    return _SPECIAL.sub(r"\\\g<0>", text)


def unescape_pattern(pattern: str) -> str:
    """Return the text of a pattern that matches nothing else."""
    return re.sub(r"\\(.)", r"\1", pattern)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Check whether a name matches; a later pattern overrules an earlier one, and `!` excludes."""
    result = False
    for pattern in patterns:
        if _is_match(pattern.removeprefix("!"), name):
            result = not pattern.startswith("!")
    return result


def _is_match(pattern: str, name: str) -> bool:
    """Match one pattern: `*` stops at a slash, `**` does not, `?` and `+` repeat the character before them.

    Directories before `**/` may also be none, as in `**/README.md`.
    """
    parts = re.findall(r"(?:(?<=/)|^)\*\*/|\*\*|\*|\[[^\]]*\]|\\.|[?+]|.", pattern)
    words = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "?", "+": "+"}
    expression = "".join(
        words.get(part) or (part if part[0] == "[" else re.escape(part.removeprefix("\\"))) for part in parts
    )
    try:
        return re.fullmatch(expression, name) is not None
    except re.error:  # GitHub rejects such a pattern, so it matches nothing
        return False
