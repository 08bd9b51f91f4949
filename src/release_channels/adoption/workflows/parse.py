"""One `run:` of a workflow file, taken apart into words. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise

# Source: nox --help: `-s` and `-e` may close a group of flags without values, as in `-xs`, and carry the first session.
_SESSION_OPTION = re.compile(r"-[hlxrRvN]*[se](?P<first>.*)|--sessions?(=(?P<named>.+))?")
_STARTERS = {"nox", "invoke", "inv", "release-channels"}


@dataclass(frozen=True, slots=True)
class Line:
    """One `run:` in words: what it starts, and what stands behind `--`."""

    words: tuple[str, ...]

    @property
    def starts_us(self) -> bool:
        """True if it calls nox or invoke."""
        return bool(_STARTERS.intersection(self.words)) or self.script is not None

    @property
    def script(self) -> str | None:
        """The noxfile that is run as a script, if one is."""
        for option, file in pairwise(self.words):
            if option == "--script" and file.endswith(".py"):
                return file
        return None

    @property
    def sessions(self) -> tuple[str, ...]:
        """The nox sessions that it names; where it names some twice, nox takes the last."""
        names: list[str] = []
        takes = False
        for word in self.before:
            if option := _SESSION_OPTION.fullmatch(word):
                names = [name for name in option.group("first", "named") if name]
                takes = not names
            elif word.startswith("-"):
                takes = False
            elif takes:
                names.append(word)
        return tuple(names)

    @property
    def before(self) -> tuple[str, ...]:
        """The words before a lone `--`."""
        return self.words[: self.words.index("--")] if "--" in self.words else self.words

    @property
    def options(self) -> tuple[str, ...]:
        """The words behind a lone `--`, which a session reads."""
        return self.words[len(self.before) + 1 :]

    @property
    def index(self) -> str | None:
        """The index that it names."""
        return next((value for name, value in pairwise(self.options) if name == "--index"), None)


def parse_line(text: str) -> Line | None:
    """Take a `run:` apart into words; None if it is more than one line or more than one plain command."""
    stripped = text.strip()
    if "\n" in stripped:
        return None
    try:
        lexer = shlex.shlex(stripped, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words = tuple(lexer)
    except ValueError:
        return None
    is_plain = not any(set(word) <= set("();<>|&") for word in words) and "`" not in stripped and "$(" not in stripped
    return Line(words) if words and is_plain else None
