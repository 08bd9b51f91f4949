"""Edit a workflow file at the positions of its values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from release_channels.model.workflow_semantics.file import Value


@dataclass(frozen=True, slots=True)
class Cut:
    """A range of characters in a text, and its replacement."""

    start: int
    end: int
    text: str = ""


def cut_entry(text: str, value: Value) -> Cut:
    """Remove an entry from its mapping; in a flow mapping also the comma after it."""
    rest = text[value.end :]
    blanks = len(rest) - len(rest.lstrip(" "))
    return Cut(value.key_start, value.end + blanks + 1 if rest[blanks : blanks + 1] == "," else value.end)


def replace_value(value: Value, new: str) -> Cut:
    """Replace a value by one line."""
    return Cut(value.start, value.end, new)


def apply_cuts(text: str, cuts: Iterable[Cut]) -> str:
    """Apply the cuts to a text without changing line numbers, which messages refer to."""
    for cut in sorted(cuts, key=lambda one: one.start, reverse=True):
        gone = text[cut.start : cut.end]
        # What ends in the indentation of the next line must leave that where it is.
        kept = gone[gone.rfind("\n") + 1 :] if "\n" in gone and not gone[gone.rfind("\n") + 1 :].strip() else ""
        text = text[: cut.start] + cut.text + "\n" * gone.count("\n") + kept + text[cut.end :]
    return text
