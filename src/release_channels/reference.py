"""The reference page of the settings, written from the settings themselves. Pure."""

from __future__ import annotations

import json
from dataclasses import Field, fields
from enum import StrEnum
from typing import Any

from release_channels.config import TABLE, Config

_INTRODUCTION = f"""# Configuration

Settings stand in the table `[{TABLE}]` of `pyproject.toml`, and each has a default. They are read from the commit
that is released, not from the working tree. An unknown key or a value of the wrong type is refused before anything
moves; the message names the key and the nearest known one.

This page is generated from `release_channels.config.Config`: change the help there (CONTRIBUTING.md says how).

| key | default | is |
| --- | --- | --- |
"""


def configuration_page() -> str:
    """Write the page, one row for each setting."""
    return _INTRODUCTION + "".join(_row(item) for item in fields(Config))


def _row(item: Field[Any]) -> str:
    key = item.name.replace("_", "-")
    return f"| `{key}` | `{_literal(item.default)}` | {item.metadata['help']} |\n"


def _literal(value: object) -> str:
    """Write a default as TOML does."""
    return json.dumps(value.value if isinstance(value, StrEnum) else value)
