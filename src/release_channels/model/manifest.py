"""The manifest `release.json`: the files of a build, passed from step to step. Pure.

It is untrusted, since a foreign build backend ran next to it: `verification.py` compares it with derived values.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from release_channels.model.strict_json import SHA1_OR_SHA256, ManifestFile, StrictJsonReader
from release_channels.model.version import Channel

__all__ = ["MAX_BYTES", "SCHEMA", "Manifest", "ManifestFile", "parse_manifest"]

SCHEMA = 1
MAX_BYTES = 1 << 20
_KEYS = {"schema", "channel", "project", "version", "commit", "run", "tools", "files"}
_READER = StrictJsonReader("the manifest", "build again: `nox -s build` rewrites release.json")


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one build, its commit and its channel; `tools` is informational and never compared."""

    channel: Channel
    project: str
    version: Version
    commit: str
    run: int | None
    tools: Mapping[str, str]
    files: tuple[ManifestFile, ...]

    def to_json(self) -> str:
        """Return the manifest as JSON; equal manifests give equal text."""
        content = {
            "schema": SCHEMA,
            "channel": self.channel.value,
            "project": self.project,
            "version": str(self.version),
            "commit": self.commit,
            "run": self.run,
            "tools": dict(sorted(self.tools.items())),
            "files": [file.to_table() for file in self.files],
        }
        return json.dumps(content, indent=2) + "\n"


def parse_manifest(text: str) -> Manifest:
    """Parse a manifest strictly: no missing key, no extra key, every value of the right type and format.

    Raises: RefusedError for the first problem found.
    """
    content = _READER.load(text, _KEYS, schema=SCHEMA, max_bytes=MAX_BYTES)
    channels = [channel.value for channel in Channel]
    _READER.require(content["channel"] in channels, f"`channel` {content['channel']!r} is neither preview nor public")
    run = content["run"]
    return Manifest(
        channel=Channel(content["channel"]),
        project=_READER.string(content, "project"),
        version=_READER.version(content, "version"),
        commit=_READER.string(content, "commit", SHA1_OR_SHA256),
        run=None if run is None else _READER.number(content, "run"),
        tools=_READER.string_map(content, "tools"),
        files=_READER.files(content, "files"),
    )
