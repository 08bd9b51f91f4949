"""Typed values from a parsed TOML file, or the reason why a value is invalid. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.version import parse_project_version

BOM = "\ufeff"
MAX_SETTINGS = 2 * 2**20
"""The size of the largest pyproject.toml, in bytes: a parser takes a second for one MiB."""
_MAX_TEXT = 16 * 2**20  # bytes


def decode(
    content: bytes | None,
    path: str,
    *,
    bom: str = "",
    missing: str = "add the file and commit it",
    most: int = _MAX_TEXT,
) -> str:
    """Decode a file of a commit; `bom` states why a byte order mark is refused, empty if it is harmless.

    Raises: RefusedError if it is missing, has more than `most` bytes, is not UTF-8, or starts with a refused byte
    order mark.
    """
    if content is None:
        raise RefusedError(f"there is no {path}", hint=missing)
    if len(content) > most:
        raise RefusedError(f"{path} has {len(content)} bytes, more than {most}", hint="was the right file committed?")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as err:
        raise RefusedError(f"{path} is not UTF-8: byte {err.start} cannot be read", hint="save it as UTF-8") from err
    if bom and text.startswith(BOM):
        raise RefusedError(
            f"{path} starts with a byte order mark, which {bom}",
            hint="save it as UTF-8 without a byte order mark (BOM)",
        )
    return text


def parse_toml(text: str, path: str) -> dict[str, Any]:
    """Parse TOML.

    Raises: RefusedError with the position of the error.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # a number of 5,000 digits is a plain ValueError
        message = str(err).replace("at end of document", f"at {_end_of(text)}, where the file ends")
        raise RefusedError(f"{path} is not valid TOML: {message}", hint="correct that place in the file") from err


def _end_of(text: str) -> str:
    """Format the position after the last character as the parser formats all others."""
    lines = text.split("\n")
    return f"line {len(lines)}, column {len(lines[-1]) + 1}"


def version_at(where: str, value: object) -> Version:
    """Parse the version at a place.

    Raises: RefusedError that names the place, if it is not a version or its spelling is ambiguous.
    """
    if not isinstance(value, str):
        raise RefusedError(f"{where} is {value!r}, not a string", hint="put it in quotes")
    try:
        return parse_project_version(value)
    except RefusedError as stop:
        raise RefusedError(f"{where}: {stop}", hint=stop.hint) from stop


def table(parent: Mapping[str, Any], key: str, path: str, prefix: str = "") -> Mapping[str, Any]:
    """Return a table below another one; empty if there is none.

    Raises: RefusedError if the key has another type.
    """
    found = parent.get(key, {})
    if not isinstance(found, Mapping):
        raise RefusedError(f"{path}: {prefix}{key} is {found!r}", hint=f"it is a table: [{prefix}{key}]")
    return found


def nested_table(document: Mapping[str, Any], keys: str, path: str) -> Mapping[str, Any]:
    """Return the table at a dotted path; empty if there is none.

    Raises: RefusedError if a key on the way has another type.
    """
    found, prefix = document, ""
    for key in keys.split("."):
        found, prefix = table(found, key, path, prefix), f"{prefix}{key}."
    return found


def optional_string(parent: Mapping[str, Any], key: str, path: str, prefix: str) -> str | None:
    """Return a string of a table; None if there is none.

    Raises: RefusedError if the key has another type.
    """
    value = parent.get(key)
    if value is not None and not isinstance(value, str):
        raise RefusedError(f"{path}: {prefix}{key} is {value!r}", hint="it must be a string in quotes")
    return value


def string_map(parent: Mapping[str, Any], key: str, path: str, prefix: str = "project.") -> Mapping[str, str]:
    """Return a table whose values are all strings.

    Raises: RefusedError if the key or a value has another type.
    """
    found = table(parent, key, path, prefix)
    return {name: optional_string(found, name, path, f"{prefix}{key}.") or "" for name in found}


def string_list(parent: Mapping[str, Any], key: str, path: str, prefix: str = "project.") -> list[str]:
    """Return a list of strings; empty if there is none.

    Raises: RefusedError if the key has another type.
    """
    values = parent.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise RefusedError(f"{path}: {prefix}{key} is {values!r}", hint="it must be a list of strings")
    return values


def resolve_inside_project(path: str, where: str) -> str:
    """Normalize a configured path: relative to the project, with `/` as separator.

    Raises: RefusedError if it leads out of the project.
    """
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part == ".." or "\\" in part:
            parts = []
            break
        elif part not in ("", "."):
            parts.append(part)
    if not parts or path.startswith("/"):
        raise RefusedError(
            f"{where} is {path!r}, which is not a file of this project",
            hint="write it relative to the project's top, with `/` between its parts",
        )
    return "/".join(parts)
