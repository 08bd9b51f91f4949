"""The project's own entry in uv.lock, edited in place: a tool would rewrite it all. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.edit import Edit, prove_content, read_toml
from release_channels.project.source import Literal, Read
from release_channels.project.values import decode, parse_toml, version_at

LOCK = "uv.lock"
_ENTRY = re.compile(r"^\[\[package\]\][^\S\n]*$", re.MULTILINE)
_LINE = re.compile(r"^version[ \t]*=[ \t]*(?P<quotes>['\"])(?P<version>[^'\"\\\r\n]*)(?P=quotes)", re.MULTILINE)
_HERE = ("editable", "virtual", "directory")


def read_lock(name: NormalizedName, read: Read) -> Version | None:
    """Read the version that uv.lock has for the project itself; None without a lock, or with a dynamic version.

    Raises: RefusedError if the file is no lock file.
    """
    content = read(LOCK)
    entry = _own(parse_toml(decode(content, LOCK), LOCK), name) if content is not None else None
    return version_at(f"{LOCK} [[package]] {name}", entry["version"]) if entry and "version" in entry else None


def plan_lock(name: NormalizedName, read: Read, version: Version) -> tuple[Edit, ...]:
    """Plan the edit of the project's own entry; none without a lock, or if the entry has no version or this one.

    Raises: RefusedError if the edit cannot be proven to change that version alone.
    """
    if read_lock(name, read) is None:
        return ()
    text = decode(read(LOCK), LOCK)
    found = _find(text, name)
    new = text[: found.start] + str(version) + text[found.end :]
    expected = read_toml(text)
    entry = _own(expected, name)
    assert entry is not None
    entry["version"] = str(version)
    prove_content(new, expected, LOCK)
    return () if new == text else (Edit(LOCK, text, new),)


def _own(document: Mapping[str, Any], name: NormalizedName) -> dict[str, Any] | None:
    """Give the entry of the project: its name, from this directory and not from an index.

    Source: uv's documentation of the project lock file; the sources `editable`, `virtual` and `directory`.
    """
    packages = document.get("package", [])
    if not isinstance(packages, list):
        raise RefusedError(f"{LOCK} has no list of packages", hint="write it anew: `uv lock`")
    for entry in packages:
        source = entry.get("source") if isinstance(entry, dict) else None
        here = isinstance(source, dict) and any(source.get(kind) == "." for kind in _HERE)
        if here and canonicalize_name(str(entry.get("name"))) == name:
            own: dict[str, Any] = entry
            return own
    return None


def _find(text: str, name: NormalizedName) -> Literal:
    """Find the version's place: in the one `[[package]]` block that, read by itself, is the project's entry."""
    for entry, place in lock_entries(text):
        if _own({"package": [entry]}, name) is not None:
            return place
    raise RefusedError(f"the entry of {name} in {LOCK} is not written as uv writes it", hint="run `uv lock` once")


def lock_entries(text: str) -> Iterator[tuple[Mapping[str, Any], Literal]]:
    """Give each `[[package]]` block that has a version, read by itself, and the version's place in the whole text."""
    starts = [found.start() for found in _ENTRY.finditer(text)] + [len(text)]
    for start, end in pairwise(starts):
        block = text[start:end]
        line = _LINE.search(block)
        packages = _parse(block).get("package") if line is not None else None
        if line is not None and packages:
            yield packages[0], Literal(start + line.start("version"), start + line.end("version"), line["version"])


def _parse(block: str) -> Mapping[str, Any]:
    try:
        return read_toml(block)
    except ValueError:  # a header inside a multi-line text cuts a block short: it is no entry
        return {}
