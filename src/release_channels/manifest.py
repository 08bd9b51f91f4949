"""The manifest: what was built, handed from step to step as `release.json`. Pure.

It is a claim: a foreign build backend ran beside it. `claims.py` compares it with what is derived anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.version import Channel

SCHEMA = 1
MAX_BYTES = 1 << 20
_HEX = {"commit": re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?"), "sha256": re.compile(r"[0-9a-f]{64}")}
_KEYS = {"schema", "channel", "project", "version", "commit", "run", "tools", "files"}


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One distribution: its file name, its size in bytes and its sha256 in hex."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one build made, from which commit, for which channel; `tools` is information and never compared."""

    channel: Channel
    project: str
    version: Version
    commit: str
    run: int | None
    tools: Mapping[str, str]
    files: tuple[ManifestFile, ...]

    def to_json(self) -> str:
        """Write the manifest as JSON, the same text for the same content."""
        content = {
            "schema": SCHEMA,
            "channel": self.channel.value,
            "project": self.project,
            "version": str(self.version),
            "commit": self.commit,
            "run": self.run,
            "tools": dict(sorted(self.tools.items())),
            "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in self.files],
        }
        return json.dumps(content, indent=2) + "\n"


def parse_manifest(text: str) -> Manifest:
    """Read a manifest strictly: nothing missing, nothing more, every value of its own shape.

    Raises: RefusedError with the first thing that is wrong.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise RefusedError(f"the manifest is larger than {MAX_BYTES} bytes", hint=_REBUILD)
    try:
        content = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as err:
        raise RefusedError(f"the manifest is not JSON: {err}", hint=_REBUILD) from err
    _require(isinstance(content, dict) and set(content) == _KEYS, f"its keys must be {', '.join(sorted(_KEYS))}")
    _require(
        type(content["schema"]) is int and content["schema"] == SCHEMA, f"schema {content['schema']!r} is not {SCHEMA}"
    )
    tools, files, run = content["tools"], content["files"], content["run"]
    _require(isinstance(tools, dict) and all(isinstance(t, str) for t in tools.values()), "`tools` maps names to text")
    _require(isinstance(files, list) and bool(files), "`files` is a list of at least one file")
    _require(run is None or (type(run) is int and run > 0), "`run` is a positive integer or null")
    parsed = tuple(_parse_file(entry) for entry in files)
    _require(len({f.name for f in parsed}) == len(parsed), "a file is named twice")
    return Manifest(
        channel=_parse_channel(content["channel"]),
        project=_text(content, "project"),
        version=_parse_version(_text(content, "version")),
        commit=_text(content, "commit", _HEX["commit"]),
        run=run,
        tools=tools,
        files=parsed,
    )


_REBUILD = "build again: `nox -s build` writes release.json anew"


def _parse_file(entry: Any) -> ManifestFile:
    _require(isinstance(entry, dict) and set(entry) == {"name", "size", "sha256"}, "a file has name, size and sha256")
    size = entry["size"]
    _require(type(size) is int and size >= 0, "a file's size is a number of bytes")
    name = _text(entry, "name", re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}"))
    return ManifestFile(name=name, size=size, sha256=_text(entry, "sha256", _HEX["sha256"]))


def _parse_channel(value: Any) -> Channel:
    _require(value in [channel.value for channel in Channel], f"`channel` {value!r} is neither preview nor public")
    return Channel(value)


def _parse_version(text: str) -> Version:
    try:
        version = Version(text)
    except ValueError as err:  # more digits than an int takes are no InvalidVersion
        raise RefusedError(f"the manifest is not usable: `version` {text[:80]!r} is no version", hint=_REBUILD) from err
    _require(str(version) == text, f"`version` {text!r} is not in normal form")
    return version


def _text(table: Mapping[str, Any], key: str, shape: re.Pattern[str] | None = None) -> str:
    value = table[key]
    _require(isinstance(value, str) and bool(value), f"`{key}` is text")
    _require(shape is None or shape.fullmatch(value) is not None, f"`{key}` {value!r} has the wrong form")
    return str(value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice")
    return table


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise RefusedError(f"the manifest is not usable: {what}", hint=_REBUILD)
