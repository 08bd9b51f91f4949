"""What the client exchanges with GitHub is recorded without a secret, and a recording is held against the contract."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters.bounded_http import listening
from release_channels.errors import RefusedError
from release_channels.model.redact import SecretRedactor
from tests.github.hubs import NAME, READER, WRITER, GitHubDouble, write
from tests.support.recording import RECORDINGS, Recorder, replay

PASSWORD = "SECRET-in-an-address"


@pytest.fixture
def recording(github: GitHubDouble, tmp_path: Path) -> Path:
    """Exchanges of each kind: reads, writes, an upload, a refusal, and a body with a token."""
    path = tmp_path / "recording.jsonl"
    with listening(Recorder(path, NAME, SecretRedactor({"GH_TOKEN": WRITER, "OTHER_TOKEN": READER}))):
        client, run_id = github.client(), github.state.add_run("test.yml", "a" * 40)
        client.newest_run("test.yml", "a" * 40)
        client.run(run_id)
        draft = client.create_draft("v1.2.0", f"{READER} at https://ada:{PASSWORD}@host.example", "")
        asset = client.upload_asset(draft, write(tmp_path / "a.whl", b"SECRET-file"))
        client.delete_asset(asset)
        client.settings.repository()
        with pytest.raises(RefusedError):
            github.client(READER).create_draft("v1.2.0", "", "")
        artifact = github.state.add_artifact(run_id, "build", {"a.txt": b"SECRET-file"})
        client.download_artifact(artifact, tmp_path / "build.zip", 10_000)
    return path


def test_a_recording_keeps_the_contract(recording: Path) -> None:
    """Requests, answers and refusals; so do those that were taken from GitHub itself and are kept here."""
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    assert [line["status"] for line in lines] == [200, 200, 201, 200, 201, 204, 200, 403, 200, 302]
    assert [problem for path in (recording, *RECORDINGS.glob("*.jsonl")) for problem in replay(path)] == []


def test_no_secret_is_in_a_recording(recording: Path) -> None:
    """No token, no login of an address, no header, no file, and no address at which a store gives one away."""
    text = recording.read_text()
    assert "SECRET" not in text
    assert "Authorization" not in text
    assert "/blobs/" not in text
    assert "CLONETOKEN" not in text
    repository = next(line for line in map(json.loads, text.splitlines()) if line["request"] == "GET ")
    assert repository["answer"]["temp_clone_token"] == "***"


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "field": (lambda line: line["answer"].pop("id"), "'id' is a required property"),
    "made-up field": (lambda line: line["answer"].update(new=1), "'new' was unexpected"),
    "key": (lambda line: line["sent"].update(latest=True), "'latest' was unexpected"),
    "version": (lambda line: line.update(version=""), "X-GitHub-Api-Version is not"),
    "status": (lambda line: line.update(status=202), "the status 202 is not described"),
    "operation": (lambda line: line.update(request="GET /branches"), "the contract has no such operation"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_recording_that_breaks_the_contract_is_reported(recording: Path, kind: str) -> None:
    """What GitHub sends or takes beyond its own description is named, with its line."""
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    change, message = BROKEN[kind]
    change(lines[2])
    recording.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    (problem,) = replay(recording)
    assert message in problem
    assert problem.startswith("recording.jsonl, line 3: ")


def test_nothing_is_heard_after_the_block(github: GitHubDouble, recording: Path) -> None:
    """The client is unchanged after a recording."""
    before = recording.read_text()
    github.client().releases()
    assert recording.read_text() == before
