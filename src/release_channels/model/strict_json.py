"""Strict reading of the JSON that one step hands to another: nothing missing, nothing more, nothing odd. Pure."""

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
    """One distribution: its file name, its size in bytes and its sha256 in hex."""

    name: str
    size: int
    sha256: str

    def to_table(self) -> dict[str, object]:
        """Return the file as a JSON object."""
        return {"name": self.name, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class StrictJsonReader:
    """Reads one kind of file: `what` it is called in a refusal, and the `hint` that says how to get a good one."""

    what: str
    hint: str

    def load(self, text: str, keys: Set[str], *, max_bytes: int) -> Mapping[str, Any]:
        """Read JSON that is one table with exactly these keys.

        Raises: RefusedError
        """
        if len(text.encode("utf-8", "replace")) > max_bytes:
            raise RefusedError(f"{self.what} is larger than {max_bytes} bytes", hint=self.hint)
        try:
            content = json.loads(text, object_pairs_hook=_no_duplicates)
        except (ValueError, RecursionError) as err:
            raise RefusedError(f"{self.what} is not JSON: {err}", hint=self.hint) from err
        return self.table(content, keys, "it")

    def schema(self, content: Mapping[str, Any], known: int) -> None:
        """Check the number of the schema.

        Raises: RefusedError
        """
        schema = content["schema"]
        self.require(type(schema) is int and schema == known, f"schema {schema!r} is not {known}")

    def table(self, value: Any, keys: Set[str], name: str) -> Mapping[str, Any]:
        """Read a table with exactly these keys.

        Raises: RefusedError
        """
        self.require(isinstance(value, dict) and set(value) == keys, f"{name} has the keys {', '.join(sorted(keys))}")
        return dict(value)

    def text(self, table: Mapping[str, Any], key: str, shape: re.Pattern[str] | None = None) -> str:
        """Read text that is not empty and has a shape.

        Raises: RefusedError
        """
        value = table[key]
        self.require(isinstance(value, str) and bool(value), f"`{key}` is text")
        self.require(shape is None or shape.fullmatch(value) is not None, f"`{key}` {value!r} has the wrong form")
        return str(value)

    def texts(self, table: Mapping[str, Any], key: str) -> Mapping[str, str]:
        """Read a table of texts.

        Raises: RefusedError
        """
        value = table[key]
        ok = isinstance(value, dict) and all(isinstance(text, str) for text in value.values())
        self.require(ok, f"`{key}` maps names to text")
        return dict(value)

    def number(self, table: Mapping[str, Any], key: str) -> int:
        """Read a positive integer.

        Raises: RefusedError
        """
        value = table[key]
        self.require(type(value) is int and value > 0, f"`{key}` is a positive integer")
        return int(value)

    def version(self, table: Mapping[str, Any], key: str) -> Version:
        """Read a version in normal form.

        Raises: RefusedError
        """
        text = self.text(table, key)
        try:
            version = Version(text)
        except ValueError as err:  # more digits than an int takes are no InvalidVersion
            why = f"{self.what} is not usable: `{key}` {text[:80]!r} is not a version"
            raise RefusedError(why, hint=self.hint) from err
        self.require(str(version) == text, f"`{key}` {text!r} is not in normal form")
        return version

    def files(self, table: Mapping[str, Any], key: str) -> tuple[ManifestFile, ...]:
        """Read a list of at least one file, none of them twice.

        Raises: RefusedError
        """
        value = table[key]
        self.require(isinstance(value, list) and bool(value), f"`{key}` is a list of at least one file")
        files = tuple(self._file(entry) for entry in value)
        self.require(len({file.name for file in files}) == len(files), "a file is named twice")
        return files

    def require(self, holds: bool, problem: str) -> None:
        """Refuse the file unless a condition holds.

        Raises: RefusedError
        """
        if not holds:
            raise RefusedError(f"{self.what} is not usable: {problem}", hint=self.hint)

    def _file(self, entry: Any) -> ManifestFile:
        table = self.table(entry, {"name", "size", "sha256"}, "a file")
        size = table["size"]
        self.require(type(size) is int and size >= 0, "a file's size is a number of bytes")
        return ManifestFile(self.text(table, "name", _FILE_NAME), size, self.text(table, "sha256", _SHA256))


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("duplicate key")
    return table
