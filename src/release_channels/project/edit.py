"""Edits of files, and proofs that an edit changes nothing else. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release_channels.errors import RefusedError


@dataclass(frozen=True, slots=True)
class Edit:
    """One file before and after, as full texts; the path is relative, with `/` as separator."""

    path: str
    old: str
    new: str
    warning: str = ""
    """What it could not do."""


@dataclass(frozen=True, slots=True)
class Creation:
    """A new file, as full text."""

    path: str
    new: str


@dataclass(frozen=True, slots=True)
class Removal:
    """A file to delete, with its previous content."""

    path: str
    old: bytes


Change = Edit | Creation | Removal


def prove_literal(old_text: str, new_text: str, old_literal: str, new_literal: str) -> None:
    """Prove that the new text is the old one with one literal replaced, once.

    Raises: RefusedError if anything else differs.
    """
    places = (found.start() for found in re.finditer(f"(?={re.escape(old_literal)})", old_text))
    if not any(old_text[:at] + new_literal + old_text[at + len(old_literal) :] == new_text for at in places):
        raise RefusedError(
            f"replacing {old_literal} by {new_literal} would change more of the file than that",
            hint="make this edit by hand; the file is written in a way that the editor does not keep",
        )


def prove_content(new_text: str, expected: Mapping[str, Any], path: str) -> None:
    """Prove that a TOML text parses to exactly the expected content.

    Raises: RefusedError if it parses to anything else, or is not TOML.
    """
    try:
        holds = read_toml(new_text) == expected
    except ValueError as err:
        raise RefusedError(f"the edit of {path} would not be TOML: {err}", hint=_BY_HAND) from err
    if not holds:
        raise RefusedError(f"the edit of {path} would change something else in it", hint=_BY_HAND)


def read_toml(text: str) -> dict[str, Any]:
    """Parse a TOML text for a comparison: floats stay text, since `nan` equals nothing and 1.0 equals 1."""
    return tomllib.loads(text, parse_float=lambda digits: ("float", digits))


_BY_HAND = 'write it as a plain [project] table with `version = "…"` on its own line'
