"""The provenance file: which commit and run passed tests and gate, and the sha256 of the gated files. Pure.

It is untrusted, like the manifest: the next workflow verifies it with GitHub's API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import Version

from release_channels.model.strict_json import SHA1_OR_SHA256, ManifestFile, StrictJsonReader

PROVENANCE = "provenance.json"
ARTIFACT = "release-channels-provenance"
SCHEMA = 1
MAX_BYTES = 1 << 18
_KEYS = {"schema", "repository", "commit", "test_run", "gate_run", "results", "tool", "version", "files"}
_WORKFLOW_PATH = re.compile(r"\.github/workflows/[A-Za-z0-9._-]+\.ya?ml")
_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
_READER = StrictJsonReader("the provenance", "run the integration gate for this commit again: it rewrites the file")


@dataclass(frozen=True, slots=True)
class TestRun:
    """The run of the test workflow that triggered the gate; its number is in the preview's version."""

    __test__ = False  # not one of pytest's, whatever its name

    id: int
    number: int
    attempt: int
    path: str
    """The workflow's file, relative to the root of the repository."""


@dataclass(frozen=True, slots=True)
class GateRun:
    """The run of the gate workflow."""

    id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """The result of a passed gate for one commit; `results` and `tool` are informational and never compared."""

    repository: str
    commit: str
    test_run: TestRun
    gate_run: GateRun | None
    """None if the gate did not run on GitHub Actions."""
    results: Mapping[str, str]
    tool: str
    version: Version
    """The version that the candidate was built with."""
    files: tuple[ManifestFile, ...]
    """The candidate's distributions: what is published must be these bytes."""

    def to_json(self) -> str:
        """Return the provenance as JSON; equal values give equal text."""
        test, gate = self.test_run, self.gate_run
        content = {
            "schema": SCHEMA,
            "repository": self.repository,
            "commit": self.commit,
            "test_run": {"id": test.id, "number": test.number, "attempt": test.attempt, "path": test.path},
            "gate_run": {"id": gate.id, "attempt": gate.attempt} if gate else None,
            "results": dict(sorted(self.results.items())),
            "tool": self.tool,
            "version": str(self.version),
            "files": [file.to_table() for file in self.files],
        }
        return json.dumps(content, indent=2) + "\n"


def parse_provenance(text: str) -> Provenance:
    """Parse a provenance strictly: no missing key, no extra key, every value of the right type and format.

    Raises: RefusedError for the first problem found.
    """
    content = _READER.load(text, _KEYS, schema=SCHEMA, max_bytes=MAX_BYTES)
    test = _READER.table(content["test_run"], {"id", "number", "attempt", "path"}, "`test_run`")
    gate = content["gate_run"]
    if gate is not None:
        gate = _READER.table(gate, {"id", "attempt"}, "`gate_run`")
    return Provenance(
        repository=_READER.string(content, "repository", _REPOSITORY),
        commit=_READER.string(content, "commit", SHA1_OR_SHA256),
        test_run=TestRun(
            id=_READER.number(test, "id"),
            number=_READER.number(test, "number"),
            attempt=_READER.number(test, "attempt"),
            path=_READER.string(test, "path", _WORKFLOW_PATH),
        ),
        gate_run=GateRun(_READER.number(gate, "id"), _READER.number(gate, "attempt")) if gate else None,
        results=_READER.string_map(content, "results"),
        tool=_READER.string(content, "tool"),
        version=_READER.version(content, "version"),
        files=_READER.files(content, "files"),
    )
