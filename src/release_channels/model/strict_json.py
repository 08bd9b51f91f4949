"""Strict parsing of JSON from elsewhere: the files passed between steps, and GitHub's events. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from release_channels.errors import RefusedError

SHA1_OR_SHA256 = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}")


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A distribution: its file name, its size in bytes and its sha256 in hex."""

    name: str
    size: int
    sha256: str

    def to_table(self) -> dict[str, object]:
        """Return the file as a JSON object."""
        return {"name": self.name, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class StrictJsonReader:
    """Reads one kind of JSON; every problem is a RefusedError that begins with `what` and has `hint`."""

    what: str
    hint: str

    def parse(self, text: str) -> object:
        """Parse JSON in which no object has a duplicate key.

        Raises: RefusedError
        """
        try:
            content: object = json.loads(text, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError) as err:
            raise RefusedError(f"{self.what} is not JSON: {err}", hint=self.hint) from err
        return content

    def load(self, text: str, keys: Set[str], *, schema: int, max_bytes: int) -> Mapping[str, Any]:
        """Parse an object with exactly these keys, of this schema version, and of at most `max_bytes` bytes.

        Raises: RefusedError
        """
        if len(text.encode("utf-8", "replace")) > max_bytes:
            raise RefusedError(f"{self.what} is larger than {max_bytes} bytes", hint=self.hint)
        content = self.table(self.parse(text), keys, "it")
        found = content["schema"]
        self.require(type(found) is int and found == schema, f"schema {found!r} is not {schema}")
        return content

    def table(self, value: object, keys: Set[str], name: str) -> Mapping[str, Any]:
        """Return an object, checked to have exactly these keys.

        Raises: RefusedError
        """
        if not isinstance(value, dict) or set(value) != keys:
            raise self._problem(f"{name} must have the keys {', '.join(sorted(keys))}")
        return value

    def nested(self, parent: object, key: str) -> Mapping[str, Any]:
        """Return an object below another one; it may have any keys.

        Raises: RefusedError
        """
        value = parent.get(key) if isinstance(parent, dict) else None
        if not isinstance(value, dict):
            raise self._problem(f"`{key}` must be an object")
        return value

    def string(self, table: Mapping[str, Any], key: str, pattern: re.Pattern[str] | None = None) -> str:
        """Return a string that is not empty and matches the pattern.

        Raises: RefusedError
        """
        value = table.get(key)
        if not isinstance(value, str) or not value:
            raise self._problem(f"`{key}` must be a string that is not empty")
        self.require(pattern is None or pattern.fullmatch(value) is not None, f"`{key}` {value[:80]!r} is malformed")
        return value

    def string_map(self, table: Mapping[str, Any], key: str) -> Mapping[str, str]:
        """Return an object whose values are strings.

        Raises: RefusedError
        """
        value = table.get(key)
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise self._problem(f"`{key}` must be an object of strings")
        return value

    def number(self, table: Mapping[str, Any], key: str) -> int:
        """Return a positive integer.

        Raises: RefusedError
        """
        value = table.get(key)
        if type(value) is not int or value < 1:
            raise self._problem(f"`{key}` must be a positive integer")
        return value

    def version(self, table: Mapping[str, Any], key: str) -> Version:
        """Return a version in normal form.

        Raises: RefusedError
        """
        text = self.string(table, key)
        try:
            version = Version(text)
        except ValueError as err:  # more digits than an int takes are not an InvalidVersion
            raise self._problem(f"`{key}` {text[:80]!r} is not a version") from err
        self.require(str(version) == text, f"`{key}` {text!r} is not in normal form")
        return version

    def files(self, table: Mapping[str, Any], key: str) -> tuple[ManifestFile, ...]:
        """Return a list of at least one file without duplicate names.

        Raises: RefusedError
        """
        value = table.get(key)
        if not isinstance(value, list) or not value:
            raise self._problem(f"`{key}` must be a list of at least one file")
        files = tuple(map(self._file, value))
        self.require(len({file.name for file in files}) == len(files), "duplicate file name")
        return files

    def require(self, condition: bool, problem: str) -> None:
        """Refuse the JSON unless a condition holds.

        Raises: RefusedError
        """
        if not condition:
            raise self._problem(problem)

    def _file(self, entry: object) -> ManifestFile:
        table = self.table(entry, {"name", "size", "sha256"}, "a file")
        size = table["size"]
        self.require(type(size) is int and size >= 0, "a file's size must be a number of bytes")
        return ManifestFile(self.string(table, "name", _FILE_NAME), size, self.string(table, "sha256", _SHA256))

    def _problem(self, problem: str) -> RefusedError:
        return RefusedError(f"{self.what} is not usable: {problem}", hint=self.hint)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("duplicate key")
    return table
