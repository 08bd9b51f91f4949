"""Read and cut YAML text by the position of its nodes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import yaml

from release_channels.errors import RefusedError

Node = yaml.Node


@dataclass(frozen=True, slots=True)
class Cut:
    """A range of characters in a text, and its replacement."""

    start: int
    end: int
    text: str = ""


@lru_cache(maxsize=64)  # the same few files are asked for at every event
def compose(text: str, name: str) -> yaml.MappingNode:
    """Read a text into nodes that know their places.

    Raises: RefusedError if it is not valid YAML, or not a mapping.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as err:
        raise RefusedError(f"{name} is not valid YAML: {' '.join(str(err).split())}", hint="fix the file") from err
    if not isinstance(node, yaml.MappingNode):
        raise RefusedError(f"{name} contains no mapping", hint="a workflow file begins with keys such as `on:`")
    return node


def entries(node: Node | None) -> Iterator[tuple[str, Node, Node]]:
    """Return the entries of a mapping as key, key's node and value; nothing for what is not a mapping."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield str(key.value), key, value


def child(node: Node | None, *path: str) -> Node | None:
    """Follow keys down into a mapping."""
    for name in path:
        node = next((value for key, _, value in entries(node) if key == name), None)
    return node


def items(node: Node | None) -> list[Node]:
    """Return the items of a sequence; a scalar counts as a sequence of itself, and nothing as an empty one."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    return [node] if isinstance(node, yaml.ScalarNode) and node.value else []


def text_of(node: Node | None) -> str:
    """Return a scalar as it is written; an empty text for anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""


def texts(node: Node | None) -> tuple[str, ...]:
    """Return the scalars of a sequence, or the one scalar."""
    return tuple(text_of(item) for item in items(node))


def cut_entry(text: str, key: Node, value: Node) -> Cut:
    """Take an entry out of its mapping; in a flow mapping the comma behind it goes, too."""
    end = value.end_mark.index
    rest = text[end:]
    blanks = len(rest) - len(rest.lstrip(" "))
    return Cut(key.start_mark.index, end + blanks + 1 if rest[blanks : blanks + 1] == "," else end)


def replace_value(value: Node, new: str) -> Cut:
    """Replace a value by one line."""
    return Cut(value.start_mark.index, value.end_mark.index, new)


def apply_cuts(text: str, cuts: Iterable[Cut]) -> str:
    """Make the cuts in a copy; every line keeps its number, so that later messages name the right one."""
    for cut in sorted(cuts, key=lambda one: one.start, reverse=True):
        gone = text[cut.start : cut.end]
        # What ends in the indentation of the next line must leave that where it is.
        kept = gone[gone.rfind("\n") + 1 :] if "\n" in gone and not gone[gone.rfind("\n") + 1 :].strip() else ""
        text = text[: cut.start] + cut.text + "\n" * gone.count("\n") + kept + text[cut.end :]
    return text
