"""The reference page of the settings, written from the settings themselves. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import Field, fields, is_dataclass
from enum import StrEnum
from typing import Any

from release_channels.model.config import TABLE, Config

_INTRODUCTION = f"""# Configuration

Settings stand in the table `[{TABLE}]` of `pyproject.toml`, and each has a default. They are read from the commit
that is released, not from the working tree. An unknown key or a value of the wrong type is refused before anything
moves; the message names the key and the nearest known one. `main-branch`, `remote` and `tag-format` say what may be
released, so a commit whose values are not those of the remote's default branch is refused.

This page is generated from `release_channels.model.config.Config`: change the help there (CONTRIBUTING.md says how).

| key | default | is |
| --- | --- | --- |
"""


def configuration_page() -> str:
    """Write the page, one row for each setting."""
    return _INTRODUCTION + "".join(_rows(Config, ""))


def _rows(shape: Any, path: str) -> Iterator[str]:
    """Write a row for each key; those of a table below follow with its name before them."""
    for item in fields(shape):
        below: object = item.default_factory
        if is_dataclass(below):
            yield from _rows(below, f"{item.name}.")
        else:
            yield _row(item, path)


def _row(item: Field[Any], path: str) -> str:
    key = path + item.name.replace("_", "-")
    return f"| `{key}` | `{_literal(item.default)}` | {item.metadata['help']} |\n"


def _literal(value: object) -> str:
    """Write a default as TOML does."""
    return json.dumps(value.value if isinstance(value, StrEnum) else value)
