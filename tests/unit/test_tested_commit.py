"""The file of the tested commit: deterministic to write, strict to read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.strict_json import ManifestFile
from release_channels.model.tested_commit import (
    ARTIFACT,
    MAX_BYTES,
    PROVENANCE,
    GateRun,
    Provenance,
    TestRun,
    parse_provenance,
)

SHA = "0123456789abcdef0123456789abcdef01234567"
FILE = ManifestFile("x-1.0.dev42-py3-none-any.whl", 7, "ab" * 32)
GOOD = Provenance(
    repository="example/x",
    commit=SHA,
    test_run=TestRun(id=11, number=42, attempt=1, path=".github/workflows/test.yml"),
    gate_run=GateRun(id=12, attempt=2),
    results={"judge": "passed", "daytona": "skipped"},
    tool="1.0",
    version=Version("1.0.dev42"),
    files=(FILE,),
)
VALID: dict[str, Any] = json.loads(GOOD.to_json())


@pytest.mark.parametrize("gate_run", [GOOD.gate_run, None])
def test_a_tested_commit_is_read_back_equal(gate_run: GateRun | None) -> None:
    """With a gate's run and without one."""
    provenance = replace(GOOD, gate_run=gate_run)
    assert parse_provenance(provenance.to_json()) == provenance
    assert provenance.to_json().startswith('{\n  "schema": 1,\n')


def test_the_gates_workflow_uses_its_names() -> None:
    text = (Path(__file__).parents[2] / ".github/workflows/integration-eval.yml").read_text()
    assert f"name: {ARTIFACT}\n" in text
    assert f"path: {PROVENANCE}\n" in text


def test_the_largest_file_is_read() -> None:
    text = GOOD.to_json()
    assert parse_provenance(text + " " * (2**18 - len(text))) == GOOD
    with pytest.raises(RefusedError, match="is larger than 262144 bytes"):
        parse_provenance(text + " " * (2**18 + 1 - len(text)))


def _test_run(**values: object) -> dict[str, object]:
    return {"test_run": {**VALID["test_run"], **values}}


MALFORMED: dict[str, tuple[dict[str, object], str]] = {
    "another schema": ({"schema": 2}, "schema 2 is not 1"),
    "schema true": ({"schema": True}, "schema True is not 1"),
    "a repository elsewhere": ({"repository": "../x"}, "`repository` '../x' is malformed"),
    "a short commit": ({"commit": SHA[:12]}, "`commit` '0123456789ab' is malformed"),
    "a commit with a line end": ({"commit": SHA + "\n"}, "is malformed"),
    "a run that is text": (_test_run(id="11"), "`id` must be a positive integer"),
    "a run that is true": (_test_run(number=True), "`number` must be a positive integer"),
    "number zero": (_test_run(number=0), "`number` must be a positive integer"),
    "a workflow elsewhere": (_test_run(path="../../test.yml"), "`path` '../../test.yml' is malformed"),
    "more in the run": (_test_run(more=1), "`test_run` must have the keys attempt, id, number, path"),
    "no test run": ({"test_run": None}, "`test_run` must have the keys"),
    "half a gate run": ({"gate_run": {"id": 12}}, "`gate_run` must have the keys attempt, id"),
    "results that are a list": ({"results": []}, "`results` must be an object of strings"),
    "a version not in normal form": ({"version": "1.0dev42"}, "is not in normal form"),
    "no version": ({"version": "one"}, "is not a version"),
    "no files": ({"files": []}, "`files` must be a list of at least one file"),
    "a file twice": ({"files": [FILE.to_table()] * 2}, "duplicate file name"),
    "a file elsewhere": ({"files": [FILE.to_table() | {"name": "../x.whl"}]}, "`name` '../x.whl' is malformed"),
    "a short digest": ({"files": [FILE.to_table() | {"sha256": "ab"}]}, "`sha256` 'ab' is malformed"),
    "a key more": ({"more": 1}, "it must have the keys commit, files"),
}


@pytest.mark.parametrize(("values", "message"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_value_is_refused(values: dict[str, object], message: str) -> None:
    """The message contains the value, and the hint how to get a valid file."""
    with pytest.raises(RefusedError) as stop:
        parse_provenance(json.dumps({**VALID, **values}))
    assert message in str(stop.value)
    assert "gate" in stop.value.hint


@pytest.mark.parametrize("key", sorted(VALID))
def test_a_missing_key_is_refused(key: str) -> None:
    with pytest.raises(RefusedError, match="it must have the keys"):
        parse_provenance(json.dumps({name: value for name, value in VALID.items() if name != key}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "is not JSON", id="empty"),
        pytest.param(" " * (MAX_BYTES + 1), "is larger than", id="large"),
        pytest.param('{"schema": 1, "schema": 1}', "duplicate key", id="a key twice"),
        pytest.param("[]", "it must have the keys", id="a list"),
    ],
)
def test_an_oversized_or_malformed_file_is_refused(text: str, message: str) -> None:
    """Before any value is read."""
    with pytest.raises(RefusedError, match=message):
        parse_provenance(text)
