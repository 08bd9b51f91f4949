"""Where a version is written, and the edit that replaces it. Pure.

The text is edited by tomlkit and the result is not believed but proven: the old and the new text differ in one
literal, and to another parser (tomllib, the one that build frontends use) in `[project].version` alone.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.edit import Edit, prove_content, prove_literal, read_toml

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class VersionSource(Protocol):
    """A place where a project's version is written."""

    @property
    def path(self) -> str:
        """Give the file that holds the version, relative to the project, with `/` between its parts."""

    @property
    def version(self) -> Version:
        """Give the version that is written there."""

    def plan(self, version: Version) -> tuple[Edit, ...]:
        """Plan the edits that write another version; none if it stands there already, in the same spelling."""


@dataclass(frozen=True, slots=True)
class StaticVersion:
    """A version that is text in the `[project]` table of a pyproject.toml."""

    path: str
    version: Version
    text: str

    def plan(self, version: Version) -> tuple[Edit, ...]:
        """Plan the edit that writes another version, in its normal form and in the quotes that are there.

        Raises: RefusedError if the edit cannot be proven to change that one literal alone.
        """
        new = _replace(self.text, str(version), self.path)
        return () if new == self.text else (Edit(self.path, self.text, new),)


def parse_document(text: str, path: str) -> TOMLDocument:
    """Parse TOML for an edit that keeps every byte it does not touch.

    Raises: RefusedError if the editor cannot read it, though another parser can.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as err:
        raise RefusedError(f"{path} cannot be edited: {err}", hint="write that place in a plainer form") from err


def table_of(parent: MutableMapping[str, Any], key: str) -> MutableMapping[str, Any]:
    """Give a table of a document, whatever form it is written in: a header, inline, or dotted keys."""
    table: MutableMapping[str, Any] = parent[key]
    return table


def _replace(text: str, wanted: str, path: str) -> str:
    """Write a version into the text, proven to change nothing else."""
    import tomlkit

    document = parse_document(text, path)
    project = table_of(document, "project")
    old = project["version"].as_string()
    new = _literal(old, str(project["version"]), wanted)
    project["version"] = tomlkit.value(new)
    edited = document.as_string()
    prove_literal(text, edited, old, new)
    expected = read_toml(text)
    expected["project"]["version"] = wanted
    prove_content(edited, expected, path)
    return edited


def _literal(old: str, value: str, wanted: str) -> str:
    """Write the wanted text the way the old literal is written: its kind of quotes, and a line break after them."""
    if "\\" not in old:
        return old.replace(value, wanted)
    quotes = next(quotes for quotes in ('"""', "'''", '"', "'") if old.startswith(quotes))
    return quotes + wanted + quotes  # escapes stood for the old text, character by character
