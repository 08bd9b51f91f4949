"""The command of a workflow's `run:` step, split into words. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from itertools import pairwise

# Source: nox --help: `-s` and `-e` may close a group of flags without values, as in `-xs`, and carry the first session.
_SESSION_OPTION = re.compile(r"-[hlxrRvN]*[se](?P<first>.*)|--sessions?(=(?P<named>.+))?")
_STARTERS = {"nox", "invoke", "inv", "release-channels"}


@dataclass(frozen=True, slots=True)
class RunCommand:
    """One `run:` command, split into words."""

    words: tuple[str, ...]

    @property
    def starts_us(self) -> bool:
        """True if it runs nox or invoke."""
        return bool(_STARTERS.intersection(self.words)) or self.script is not None

    @property
    def script(self) -> str | None:
        """The noxfile that it runs as a script, or None."""
        for option, file in pairwise(self.words):
            if option == "--script" and file.endswith(".py"):
                return file
        return None

    @property
    def sessions(self) -> tuple[str, ...]:
        """The nox sessions on the command line; of several session options nox takes the last."""
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
        """The words before `--`."""
        return self.words[: self.words.index("--")] if "--" in self.words else self.words

    @property
    def options(self) -> tuple[str, ...]:
        """The words after `--`, which the session parses."""
        return self.words[len(self.before) + 1 :]

    @property
    def index(self) -> str | None:
        """The value of its --index option."""
        return next((value for name, value in pairwise(self.options) if name == "--index"), None)


def parse_line(text: str) -> RunCommand | None:
    """Split a `run:` into words; None if it is more than one line or more than one plain command."""
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
    return RunCommand(words) if words and is_plain else None
