"""The event of a `workflow_run` workflow: the values that are read, and the refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters.actions_event import EventRun, parse_event_run, read_event_run, read_own_run
from release_channels.errors import RefusedError

_SHA = "0123456789abcdef0123456789abcdef01234567"


def payload(**changes: Any) -> dict[str, Any]:
    """Build the event that GitHub sends after a test run, with the keys that are read."""
    run = {
        "id": 7001, "run_number": 42, "run_attempt": 2, "path": ".github/workflows/test.yml", "event": "push",
        "status": "completed", "conclusion": "success", "head_sha": _SHA, "head_branch": "main",
        "head_repository": {"full_name": "acme/demo-tool"},
    }  # fmt: skip
    return {"action": "completed", "workflow_run": run | changes, "repository": {"full_name": "acme/demo-tool"}}


def environment(directory: Path, content: object, name: str = "workflow_run") -> dict[str, str]:
    """Build the environment of a job that an event started."""
    file = directory / "event.json"
    file.write_text(json.dumps(content))
    return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}


def test_the_triggering_run_is_read_from_the_event(tmp_path: Path) -> None:
    """Commit, number, id, attempt and path are those of the run that ended, not of this job."""
    run = read_event_run(environment(tmp_path, payload()))
    assert run == EventRun(
        id=7001, number=42, attempt=2, path=".github/workflows/test.yml", event="push", conclusion="success",
        sha=_SHA, branch="main", repository="acme/demo-tool", head_repository="acme/demo-tool",
    )  # fmt: skip
    assert run.workflow == "test.yml"


@pytest.mark.parametrize("name", ["push", "schedule", "workflow_dispatch", ""])
def test_other_events_contain_no_triggering_run(tmp_path: Path, name: str) -> None:
    """Whatever the file of another event contains."""
    assert read_event_run(environment(tmp_path, payload(), name)) is None
    assert read_event_run({}) is None


def test_a_deleted_fork_and_a_path_with_a_ref_are_read() -> None:
    """GitHub sends null for a deleted fork or branch, and may add a ref to the path."""
    changed = payload(head_repository=None, head_branch=None, path=".github/workflows/test.yml@refs/heads/main")
    run = parse_event_run(json.dumps(changed))
    assert (run.head_repository, run.branch, run.path) == (None, None, ".github/workflows/test.yml")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("id", "7001"), ("id", True), ("id", 0), ("run_number", None), ("run_number", -1), ("run_attempt", 1.5),
        ("path", ""), ("event", None), ("conclusion", None), ("head_sha", "main"), ("head_sha", _SHA.upper()),
        ("head_branch", 5), ("head_repository", "acme/demo-tool"), ("head_repository", {}),
    ],
)  # fmt: skip
def test_a_malformed_event_value_is_refused(key: str, value: object) -> None:
    """The message contains the key and the value."""
    with pytest.raises(RefusedError, match=r"head_repository|full_name" if key == "head_repository" else key) as stop:
        parse_event_run(json.dumps(payload(**{key: value})))
    assert "GITHUB_EVENT_PATH" in stop.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"workflow_run": []}', "[" * 100_000])
def test_a_malformed_event_file_is_refused(text: str) -> None:
    with pytest.raises(RefusedError):
        parse_event_run(text)


def test_a_missing_or_huge_event_is_refused(tmp_path: Path) -> None:
    """An unreadable event does not count as a missing one."""
    with pytest.raises(RefusedError, match="cannot be read"):
        read_event_run({"GITHUB_EVENT_NAME": "workflow_run", "GITHUB_EVENT_PATH": str(tmp_path / "none.json")})
    with pytest.raises(RefusedError, match="cannot be read"):
        read_event_run({"GITHUB_EVENT_NAME": "workflow_run"})
    huge = environment(tmp_path, payload())
    Path(huge["GITHUB_EVENT_PATH"]).write_bytes(b" " * (32 * 2**20 + 1))
    with pytest.raises(RefusedError, match="larger than"):
        read_event_run(huge)


@pytest.mark.parametrize(
    ("env", "own"),
    [
        ({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "3"}, (9001, 3)),
        ({"GITHUB_RUN_ID": "9001", "GITHUB_RUN_ATTEMPT": "3"}, None),
        ({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "9001"}, None),
        ({"GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "x", "GITHUB_RUN_ATTEMPT": "1"}, None),
        ({}, None),
    ],
)
def test_the_run_of_this_job_is_read(env: dict[str, str], own: tuple[int, int] | None) -> None:
    """Outside a runner there is none."""
    assert read_own_run(env) == own
