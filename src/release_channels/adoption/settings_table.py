"""Add missing settings to `[tool.release-channels]` without changing anything else in the file. Pure."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Mapping
from typing import Any

from release_channels.errors import RefusedError
from release_channels.model.config import TABLE
from release_channels.project.edit import prove_content


def missing_settings(text: str, wanted: Mapping[str, object]) -> dict[str, object]:
    """Return the settings that a pyproject.toml lacks; keys of nested tables are dotted."""
    table = _table(tomllib.loads(text))
    return {key: value for key, value in wanted.items() if _get(table, key) is None}


def with_settings(text: str, settings: Mapping[str, object], path: str) -> str:
    """Return a pyproject.toml with additional settings, none of which it has yet.

    Raises: RefusedError where the file is written in a way that an edit would change more of.
    """
    if not settings:
        return text
    import tomlkit  # a tenth of a second, and settings that are complete need none

    expected = tomllib.loads(text)
    has_table = bool(_table(expected))
    _put_all(expected, settings)
    if has_table:
        document = tomlkit.parse(text)
        _put_all(document, settings)
        new = tomlkit.dumps(document)
    else:
        newline = "\r\n" if "\r\n" in text else "\n"
        above = f"{text.rstrip()}{newline * 2}" if text.strip() else ""
        new = above + _section(settings).replace("\n", newline)
    try:
        prove_content(new, expected, path)
    except RefusedError as err:
        raise RefusedError(
            f"the settings cannot be added to {path} without changing more of it",
            hint=f"add them by hand:\n{_section(settings)}",
        ) from err
    return new


def _section(settings: Mapping[str, object]) -> str:
    """Write the table for the end of a file."""
    import tomlkit

    document: dict[str, Any] = {}
    _put_all(document, settings)
    return tomlkit.dumps(document)


def _table(document: Mapping[str, Any]) -> Mapping[str, Any]:
    tool, name = TABLE.split(".")
    found = document.get(tool, {}).get(name, {})
    return found if isinstance(found, Mapping) else {}


def _get(table: Mapping[str, Any], key: str) -> object:
    found: Any = table
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _put_all(document: Any, settings: Mapping[str, object]) -> None:
    for key, value in settings.items():
        place = document
        *tables, last = f"{TABLE}.{key}".split(".")
        for part in tables:
            place = place.setdefault(part, {})
        place[last] = copy.copy(value)
