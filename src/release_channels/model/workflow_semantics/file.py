"""A workflow file as values, each with its line. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from release_channels.errors import RefusedError

if TYPE_CHECKING:
    import yaml


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


@lru_cache(maxsize=64)  # the same few files are asked for at every event
def read_workflow(text: str, path: str) -> Value:
    """Read a workflow file.

    Raises: RefusedError with the line if it is not a YAML table, or has a duplicate key.
    """
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)  # every scalar stays the text that it is
    except yaml.YAMLError as err:
        raise RefusedError(f"{path} is not YAML: {' '.join(str(err).split())}", hint="fix it") from err
    if not isinstance(node, yaml.MappingNode):
        raise RefusedError(f"{path} is not a workflow", hint="a workflow file is a table with `on` and `jobs`")
    return _value(node, path)


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
