"""The smoke test, walked against the doubles: what it records keeps the contract and holds no secret."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.github.follow_run import Waiting
from release_channels.errors import RefusedError
from release_channels.model.redact import SecretRedactor
from release_channels.rehearsal.environment import MAINTAINER
from release_channels.rehearsal.maintainer import TaskRunner, on_index
from tests.rehearsal.stages import WorkflowRunner, runner_of
from tests.smoke import PROGRAM, RECORDING, REPOSITORY, Smoke, make_project
from tests.support.recording import Recorder, operation_of, replay
from tests.support.repo import Repo

_RIGHTS = {"administration: write", "checks: read", "environments: read", "secrets: read"}
# What a release asks of GitHub, and what the settings and the trial of the publishers do.
ASKED = {
    "GET ", "GET /actions/runs/{}", "GET /actions/workflows/{}/runs", "GET /environments/{}",
    "GET /environments/{}/deployment-branch-policies", "GET /git/ref/{}", "GET /releases", "GET /rulesets",
    "POST /actions/workflows/{}/dispatches", "POST /environments/{}/deployment-branch-policies", "POST /pulls",
    "PUT /environments/{}",
}  # fmt: skip


@contextmanager
def walking(directory: Path) -> Iterator[tuple[Smoke, WorkflowRunner]]:
    """Make the project that is thrown away, and its GitHub; what only a person can do at the index is done."""
    make_project(directory / "project", "demo-tool", os.environ)
    with runner_of(Repo(directory / "project", directory), directory / "world") as runner:
        environment, recording = runner.environment, directory / "recording.jsonl"
        state, repository = environment.state, environment.repository
        state.tokens[MAINTAINER] |= _RIGHTS
        state.environments.clear()

        def end(run_id: int, _: Mapping[str, str]) -> None:
            state.add_job(run_id, "preflight")
            state.set_run(run_id, "completed", "success")

        def by_hand(what: str) -> None:
            if what.startswith("yank "):
                for name in on_index(environment, Version(what.split()[1])):
                    (environment.index_root / f"{name}.yanked").write_text("a smoke test")

        state.on_dispatch = end
        env = {**environment.maintainer(), RECORDING: str(recording), REPOSITORY: repository}
        recorder = Recorder(recording, repository, SecretRedactor(env))
        waiting = Waiting(longest=300, pause=0.5)
        tasks = TaskRunner(environment.checkout, env, PROGRAM)
        yield Smoke(repository, "pypi", tasks, recorder, by_hand, waiting), runner


@contextmanager
def playing(runner: WorkflowRunner) -> Iterator[None]:
    """Run what each push starts, for as long as the block takes."""
    runner.dispatcher.look()
    over = threading.Event()

    def run_rollout() -> None:
        while not over.wait(0.2):
            runner.dispatcher.run_all(runner.dispatcher.pushed())

    with ThreadPoolExecutor(1) as pool:
        played = pool.submit(run_rollout)
        try:
            yield
        finally:
            over.set()
            played.result()


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_throw_away_project_is_released_and_recorded(
    offline: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the set-up to the yank, with the project's own workflow files; each part of it is in the recording."""
    with walking(tmp_path) as (smoke, runner), playing(runner):
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", smoke.tasks.env["REQUESTS_CA_BUNDLE"])  # this process asks too
        smoke.walk()
        state, files = runner.environment.state, on_index(runner.environment)
    assert {name.split("-")[1].removesuffix(".tar.gz") for name in files} == {"0.1.0.dev1", "0.1.0"}
    assert [(one.tag, one.is_draft) for one in state.releases.values()] == [("v0.1.0", False)]
    assert {*state.environments} == {"pypi-internal-preview", "pypi-public"}
    assert list(replay(smoke.recorder.path)) == []
    text = smoke.recorder.path.read_text()
    assert MAINTAINER not in text
    assert {operation_of(json.loads(line))[0] for line in text.splitlines()} >= ASKED


def test_a_repository_that_is_not_empty_is_left_alone(repo: Repo, tmp_path: Path) -> None:
    """A project with files is refused: nothing is changed locally or on GitHub, and nothing is asked."""
    recorder = Recorder(tmp_path / "recording.jsonl", "acme/demo-tool", SecretRedactor({}))
    smoke = Smoke(
        "acme/demo-tool", "local", TaskRunner(repo.root, os.environ, PROGRAM), recorder, pytest.fail, Waiting()
    )
    before = repo.fingerprint()
    with pytest.raises(RefusedError, match="is not empty"):
        smoke.walk()
    assert repo.fingerprint() == before
    assert not recorder.path.exists()
