"""Version sources, and the edit that replaces a version. Pure.

Every edit is proven: the old and the new text differ in one literal, and the file, parsed again, differs only in the
version. TOML is edited by tomlkit and parsed again by tomllib, the parser that build frontends use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import reduce
from operator import getitem
from typing import TYPE_CHECKING, Any, Protocol

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.edit import Edit, prove_content, prove_literal, read_toml
from release_channels.project.typed_toml import version_at

if TYPE_CHECKING:
    from tomlkit import TOMLDocument


class TagTool(StrEnum):
    """A tool that reads the version from git tags in a build."""

    SETUPTOOLS_SCM = "setuptools-scm"
    HATCH_VCS = "hatch-vcs"
    UV_DYNAMIC_VERSIONING = "uv-dynamic-versioning"
    POETRY_DYNAMIC_VERSIONING = "poetry-dynamic-versioning"
    PDM_SCM = "pdm-backend"
    FLIT_SCM = "flit-scm"
    SCIKIT_BUILD = "scikit-build-core"
    VERSIONEER = "versioneer"


class VersionSource(Protocol):
    """The place that a project's version comes from."""

    @property
    def path(self) -> str:
        """Return the file with the version, relative to the project; empty if it is in no file."""

    @property
    def where(self) -> str:
        """Describe the place for people."""

    @property
    def version(self) -> Version:
        """Return the version of the project."""

    @property
    def is_written(self) -> bool:
        """Check whether the version is in a file, so that it can be written; false for git tags."""

    def plan(self, version: Version) -> tuple[Edit, ...]:
        """Plan the edits that write another version; none if the file already has it, in the same spelling."""

    def environment(self, version: Version) -> Mapping[str, str]:
        """Return the variables that make the build backend use a version; none if it reads a file or a tag alone."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A version in a text, between two offsets; `rest` is the parsed content without it.

    `spell` formats a version for that place.
    """

    start: int
    end: int
    text: str
    rest: object = field(default=None, repr=False)
    spell: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class LiteralVersion:
    """A version that is one literal in a file; `find` locates it in the text, or raises RefusedError."""

    path: str
    where: str
    version: Version
    text: str
    find: Callable[[str], Literal]
    is_written: bool = True

    @classmethod
    def of(cls, path: str, where: str, text: str, find: Callable[[str], Literal]) -> LiteralVersion:
        """Find the literal and parse it."""
        return cls(path, where, version_at(where, find(text).text), text, find)

    def plan(self, version: Version) -> tuple[Edit, ...]:
        """Plan the edit that writes another version, in its normal form, between the existing quotes.

        Raises: RefusedError if the new text does not parse as the old one with only that literal replaced.
        """
        new = replace_literal(self.text, self.find, str(version), self.where)
        return () if new == self.text else (Edit(self.path, self.text, new),)

    def environment(self, _version: Version) -> Mapping[str, str]:
        """Return no variable: the backend reads the file."""
        return {}


def replace_literal(text: str, find: Callable[[str], Literal], wanted: str, where: str) -> str:
    """Replace a literal, and parse the result again.

    Raises: RefusedError if it does not parse as the old text with only that literal replaced.
    """
    old = find(text)
    spelled = old.spell(wanted)
    new = text[: old.start] + spelled + text[old.end :]
    if find(new) != replace(old, end=old.start + len(spelled), text=wanted):
        raise RefusedError(
            f"writing {wanted} at {where} would also change something else", hint="make this edit by hand"
        )
    return new


@dataclass(frozen=True, slots=True)
class TomlVersion:
    """A version that is a string in a TOML file; `spell` formats it if the file does not use the normal form."""

    path: str
    where: str
    version: Version
    text: str
    keys: tuple[str, ...] = ("project", "version")
    spell: Callable[[Version], str] = str
    is_written: bool = True

    def plan(self, version: Version) -> tuple[Edit, ...]:
        """Plan the edit that writes another version, in its normal form and in the existing quotes.

        Raises: RefusedError if the edit cannot be proven to change only that literal.
        """
        with suppress(ValueError):  # the editor refuses what is not TOML, with its place
            content: Any = read_toml(self.text)
            if reduce(getitem, self.keys, content) == self.spell(version):
                return ()  # without the editor, whose import is a tenth of a task
        new = _replace(self.text, self.keys, self.spell(version), self.path)
        return () if new == self.text else (Edit(self.path, self.text, new),)

    def environment(self, _version: Version) -> Mapping[str, str]:
        """Return no variable: the backend reads the file."""
        return {}


def parse_document(text: str, path: str) -> TOMLDocument:
    """Parse TOML for an edit that keeps every other byte.

    Raises: RefusedError if the editor cannot parse it, although another parser can.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        return tomlkit.parse(text)
    except TOMLKitError as err:
        raise RefusedError(f"{path} cannot be edited: {err}", hint="write that place in a plainer form") from err


def table_of(parent: MutableMapping[str, Any], key: str) -> MutableMapping[str, Any]:
    """Return a table of a document in any notation: with a header, inline, or with dotted keys."""
    table: MutableMapping[str, Any] = parent[key]
    return table


def _replace(text: str, keys: tuple[str, ...], wanted: str, path: str) -> str:
    """Return the text with another version, proven to change nothing else."""
    import tomlkit

    document = parse_document(text, path)
    table, expected = _below(document, keys), read_toml(text)
    old = table[keys[-1]].as_string()
    new = _literal(old, str(table[keys[-1]]), wanted)
    table[keys[-1]] = tomlkit.value(new)
    edited = document.as_string()
    prove_literal(text, edited, old, new)
    _below(expected, keys)[keys[-1]] = wanted
    prove_content(edited, expected, path)
    return edited


def _below(document: MutableMapping[str, Any], keys: tuple[str, ...]) -> MutableMapping[str, Any]:
    """Return the table that contains the last of the keys."""
    table = document
    for key in keys[:-1]:
        table = table_of(table, key)
    return table


def _literal(old: str, value: str, wanted: str) -> str:
    """Return the wanted text in the notation of the old literal: its kind of quotes, and a line break after them."""
    if "\\" not in old:
        return old.replace(value, wanted)
    quotes = next(quotes for quotes in ('"""', "'''", '"', "'") if old.startswith(quotes))
    return quotes + wanted + quotes  # the escapes spelled the old text
