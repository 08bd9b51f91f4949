"""A workflow file as values, each with its line. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from release_channels.errors import RefusedError
from release_channels.model.verification import WORKFLOWS

if TYPE_CHECKING:
    import yaml

PLAIN = re.compile(r"(?!(?:true|false|yes|no|on|off|null|y|n)$)[A-Za-z][A-Za-z0-9._/-]*", re.IGNORECASE)
"""A text that YAML reads as it is."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a YAML file and the line on which it begins, from 1 on: a text, a table or a list."""

    line: int
    text: str = ""
    table: Mapping[str, Value] = field(default_factory=dict)
    entries: tuple[Value, ...] = ()
    start: int = 0
    """The position of its first character in the file."""
    end: int = 0
    """The position behind its last character."""
    key_start: int = 0
    """The position of the key that it has in a table."""

    def __getitem__(self, key: str) -> Value:
        """Return the value of a key, or an empty one on this line."""
        return self.table.get(key, Value(self.line))

    def __contains__(self, key: str) -> bool:
        """Return whether there is such a key."""
        return key in self.table

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of a list, or of a single text in its place."""
        return tuple(entry.text for entry in self.entries) or ((self.text,) if self.text else ())


@lru_cache(maxsize=64)  # the same few files are asked for at every event
def read_workflow(text: str, path: str) -> Value:
    """Read a workflow file.

    Raises: RefusedError with the line if it is not a YAML table, or has a duplicate key.
    """
    import yaml

    if _nesting(text) > _MAX_NESTING:
        raise RefusedError(f"{path} is nested too deep", hint="fix it")
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)  # every scalar stays the text that it is
    except yaml.YAMLError as err:
        raise RefusedError(f"{path} is not YAML: {' '.join(str(err).split())}", hint="fix it") from err
    except RecursionError as err:
        raise RefusedError(f"{path} is nested too deep", hint="fix it") from err
    if not isinstance(node, yaml.MappingNode):
        raise RefusedError(f"{path} is not a workflow", hint="a workflow file is a table with `on` and `jobs`")
    return _value(node, path, {})


_MAX_NESTING = 500
"""Open brackets; the time that PyYAML needs for one more grows with their number."""


def _nesting(text: str) -> int:
    """Return the largest number of open brackets in a text, those in its strings included."""
    steps = (1 if bracket[0] in "[{" else -1 for bracket in re.finditer(r"[\[\]{}]", text))
    return max(accumulate(steps), default=0)


def is_workflow(path: str) -> bool:
    """Check whether GitHub reads a file as a workflow."""
    return path.startswith(f"{WORKFLOWS}/") and path.endswith((".yml", ".yaml")) and path.count("/") == 2


def read_all(files: Mapping[str, bytes]) -> dict[str, Value]:
    """Read the workflow files among some by path; one that cannot be read is left out, as GitHub runs none of it."""
    workflows = {}
    for path, content in files.items():
        with suppress(RefusedError, UnicodeDecodeError):
            workflows[path] = read_workflow(content.decode("utf-8"), path)
    return workflows


def steps_of(workflow: Value) -> Iterator[tuple[str, Value, Value]]:
    """Return every step with its job and the job's name."""
    for name, job in workflow["jobs"].table.items():
        for step in job["steps"].entries:
            yield name, job, step


def title_of_workflow(workflow: Value, path: str) -> str:
    """Return the name that GitHub gives a workflow: its path where it has no `name:`."""
    return workflow["name"].text or path


def environment_of(job: Value) -> str:
    """Return the name of the environment that a job names, empty where it names none."""
    return job["environment"].text or job["environment"]["name"].text


def quoted(text: str) -> str:
    """Format a text as a YAML scalar: plain if that is safe, otherwise quoted as JSON.

    Source: YAML 1.2, which takes every JSON string as it is.
    """
    return text if PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _value(node: yaml.Node, path: str, known: dict[int, Value | None], key_start: int = 0) -> Value:
    """Read a node once, however many aliases it has; `known` has None for those that are not read to their end.

    Raises: RefusedError for a duplicate key, or a node that contains itself.
    """
    if id(node) in known:
        value = known[id(node)]
        if value is None:
            raise RefusedError(f"{path}, line {node.start_mark.line + 1}: contains itself, by an alias", hint="fix it")
        return replace(value, key_start=key_start)
    known[id(node)] = None
    table, entries, text = _parts(node, path, known)
    known[id(node)] = value = Value(
        node.start_mark.line + 1, text, table, entries, node.start_mark.index, node.end_mark.index, key_start
    )
    return value


def _parts(
    node: yaml.Node, path: str, known: dict[int, Value | None]
) -> tuple[Mapping[str, Value], tuple[Value, ...], str]:
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return {}, tuple(_value(entry, path, known) for entry in node.value), ""
    if not isinstance(node, yaml.MappingNode):
        return {}, (), str(node.value)
    table: dict[str, Value] = {}
    for key, below in node.value:
        if key.value in table:
            where = f"{path}, line {key.start_mark.line + 1}"
            raise RefusedError(f"{where}: duplicate key '{key.value}'", hint="fix it")
        table[str(key.value)] = _value(below, path, known, key.start_mark.index)
    return table, (), ""
