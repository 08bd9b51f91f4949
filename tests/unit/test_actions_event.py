"""The event of a `workflow_run` workflow: what is read out of it, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters.actions_event import EventRun, parse_event_run, read_event_run, read_own_run
from release_channels.errors import RefusedError

_SHA = "0123456789abcdef0123456789abcdef01234567"


def payload(**changes: Any) -> dict[str, Any]:
    """What GitHub sends when a test run has ended, as far as it is read."""
    run = {
        "id": 7001, "run_number": 42, "run_attempt": 2, "path": ".github/workflows/test.yml", "event": "push",
        "status": "completed", "conclusion": "success", "head_sha": _SHA, "head_branch": "main",
        "head_repository": {"full_name": "acme/demo-tool"},
    }  # fmt: skip
    return {"action": "completed", "workflow_run": run | changes, "repository": {"full_name": "acme/demo-tool"}}


def environment(directory: Path, content: object, name: str = "workflow_run") -> dict[str, str]:
    """The environment of a job that an event started."""
    file = directory / "event.json"
    file.write_text(json.dumps(content))
    return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}


def test_the_run_that_started_the_job_is_read(tmp_path: Path) -> None:
    """Commit, number, id, attempt and path are those of the run that ended, not of this job."""
    run = read_event_run(environment(tmp_path, payload()))
    assert run == EventRun(
        id=7001, number=42, attempt=2, path=".github/workflows/test.yml", event="push", conclusion="success",
        sha=_SHA, branch="main", repository="acme/demo-tool", head_repository="acme/demo-tool",
    )  # fmt: skip
    assert run.workflow == "test.yml"


@pytest.mark.parametrize("name", ["push", "schedule", "workflow_dispatch", ""])
def test_another_event_tells_of_no_run(tmp_path: Path, name: str) -> None:
    """Whatever the file of another event holds, no run started this job."""
    assert read_event_run(environment(tmp_path, payload(), name)) is None
    assert read_event_run({}) is None


def test_a_fork_that_is_gone_and_a_ref_behind_the_path_are_read() -> None:
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
def test_what_github_would_not_write_is_refused(key: str, value: object) -> None:
    """A value of another form is named and refused."""
    with pytest.raises(RefusedError, match=r"head_repository|full_name" if key == "head_repository" else key) as stop:
        parse_event_run(json.dumps(payload(**{key: value})))
    assert "GITHUB_EVENT_PATH" in stop.value.hint


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"workflow_run": []}', "[" * 100_000])
def test_a_file_that_is_no_event_is_refused(text: str) -> None:
    """Neither half a file nor another one passes."""
    with pytest.raises(RefusedError):
        parse_event_run(text)


def test_a_missing_or_huge_event_is_refused(tmp_path: Path) -> None:
    """An event that cannot be read is not a reason to go on as if there were none."""
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
    """On a runner the job knows its run; elsewhere there is none."""
    assert read_own_run(env) == own
