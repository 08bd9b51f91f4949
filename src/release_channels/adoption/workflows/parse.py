"""A workflow file as the rules read it: every value with its line, and every `run:` taken apart into words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from release_channels.errors import RefusedError

if TYPE_CHECKING:
    import yaml

# Source: nox --help: `-s` and `-e` may close a group of flags without values, as in `-xs`, and carry the first session.
_SESSION_OPTION = re.compile(r"-[hlxrRvN]*[se](?P<first>.*)|--sessions?(=(?P<named>.+))?")
_STARTERS = {"nox", "invoke", "inv", "release-channels"}


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a YAML file and the line on which it begins, from 1 on: a text, a table or a list."""

    line: int
    text: str = ""
    table: Mapping[str, Value] = field(default_factory=dict)
    entries: tuple[Value, ...] = ()
    is_table: bool = False

    def __getitem__(self, key: str) -> Value:
        """Return the value of a key, or an empty one on this line."""
        return self.table.get(key, Value(self.line))

    def __contains__(self, key: str) -> bool:
        """Return whether there is such a key."""
        return key in self.table

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of a list, or the one text that may stand in its place."""
        return tuple(entry.text for entry in self.entries) or ((self.text,) if self.text else ())


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


def read_workflow(text: str, path: str) -> Value:
    """Read a workflow file.

    Raises: RefusedError with the line if it is not a YAML table, or has a duplicate key.
    """
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)  # every scalar stays the text that it is
    except yaml.YAMLError as err:
        raise RefusedError(f"{path} is not YAML: {' '.join(str(err).split())}", hint="fix it") from err
    except RecursionError as err:
        raise RefusedError(f"{path} is nested too deep", hint="fix it") from err
    if not isinstance(node, yaml.MappingNode):
        raise RefusedError(f"{path} is not a workflow", hint="a workflow file is a table with `on` and `jobs`")
    return _value(node, path)


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


def steps_of(workflow: Value) -> Iterator[tuple[str, Value, Value]]:
    """Return every step with its job and the job's name."""
    for name, job in workflow["jobs"].table.items():
        for step in job["steps"].entries:
            yield name, job, step


def write_permissions(workflow: Value, job: Value) -> frozenset[str]:
    """Return the permissions that a job may write with: its own, or those of the workflow where it declares none.

    Source: GitHub's workflow syntax reference, `permissions`; `write-all` is returned as the two that publish.
    """
    permissions = job["permissions"] if "permissions" in job else workflow["permissions"]
    if permissions.text == "write-all":
        return frozenset({"contents", "id-token"})
    return frozenset(name for name, access in permissions.table.items() if access.text == "write")


def _value(node: yaml.Node, path: str) -> Value:
    import yaml

    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        table: dict[str, Value] = {}
        for key, value in node.value:
            if key.value in table:
                raise RefusedError(
                    f"{path}, line {key.start_mark.line + 1}: duplicate key '{key.value}'", hint="fix it"
                )
            table[str(key.value)] = _value(value, path)
        return Value(line, table=table, is_table=True)
    if isinstance(node, yaml.SequenceNode):
        return Value(line, entries=tuple(_value(entry, path) for entry in node.value))
    return Value(line, text=str(node.value))
