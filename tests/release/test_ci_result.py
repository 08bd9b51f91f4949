"""`ci-result`, the last job of a release workflow: it evaluates the other jobs and reports why."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from release_channels.model.outcome import Outcome, Result
from release_channels.rehearsal.github import GitHubState
from release_channels.release.ci_result import run_ci_result
from tests.conftest import MakeRepo
from tests.support.proofs import add_chain, event_of
from tests.support.repo import Repo

SKIPPED = {name: {"result": "skipped", "outputs": {}} for name in ("preflight", "build", "publish", "verify")}
DONE = {**SKIPPED, **{name: {"result": "success", "outputs": {}} for name in ("build", "publish", "verify")}}


def conclude(repo: Repo, needs: object, env: dict[str, str]) -> Outcome:
    """Run the session."""
    return run_ci_result((), root=repo.root, env={**os.environ, **env, "NEEDS": json.dumps(needs)})


@pytest.fixture
def state() -> GitHubState:
    """A GitHub without runs."""
    return GitHubState()


def test_a_published_preview_succeeds(repo: Repo, state: GitHubState, tmp_path: Path) -> None:
    """Every job succeeded."""
    env = event_of(state, add_chain(state, "a" * 40).gate, tmp_path / "event.json")
    assert conclude(repo, DONE, env).line == "done: build, publish, verify succeeded"


EVENTS: dict[str, tuple[dict[str, object], str]] = {
    "failed": ({"conclusion": "failure"}, "skipped: integration-eval.yml ended failure"),
    "skipped itself": ({"conclusion": "skipped"}, "skipped: integration-eval.yml ended skipped"),
    "nightly": (
        {"event": "schedule"},
        "skipped: integration-eval.yml was started by schedule: only what follows a push to main is published",
    ),
    "a fork's": (
        {"head_repository": {"full_name": "mallory/demo-tool"}},
        "skipped: integration-eval.yml ran for main of mallory/demo-tool, not for main",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "line"), EVENTS.values(), ids=EVENTS)
def test_an_unpublished_run_succeeds_with_its_reason(
    repo: Repo, state: GitHubState, tmp_path: Path, changes: dict[str, object], line: str
) -> None:
    """So that it is not taken for a published one."""
    env = event_of(state, add_chain(state, "a" * 40).gate, tmp_path / "event.json", **changes)
    assert conclude(repo, SKIPPED, env).line == line


def test_a_skipped_preview_after_a_passed_gate_fails(repo: Repo, state: GitHubState, tmp_path: Path) -> None:
    """The condition of the job is wrong then."""
    env = event_of(state, add_chain(state, "a" * 40).gate, tmp_path / "event.json")
    outcome = conclude(repo, SKIPPED, env)
    assert outcome.result is Result.FAILED
    assert "build was skipped unexpectedly" in outcome.message


def test_a_manual_preflight_succeeds(repo: Repo, tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text(json.dumps({"inputs": {"do": "preflight"}}))
    env = {"GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_EVENT_PATH": str(tmp_path / "event.json")}
    needs = {**SKIPPED, "preflight": {"result": "success"}}
    assert conclude(repo, needs, env).line == "done: a preflight uploads nothing; preflight succeeded"


def test_without_a_gate_the_preview_follows_the_tests(make_repo: MakeRepo, state: GitHubState, tmp_path: Path) -> None:
    """A push started the test run then."""
    from tests.support.projects import Sample

    repo = make_repo(Sample(settings="gate = { enabled = false }\n"))
    env = event_of(state, state.add_run("test.yml", "a" * 40), tmp_path / "event.json")
    assert conclude(repo, SKIPPED, env).result is Result.FAILED
    pull = event_of(state, state.add_run("test.yml", "a" * 40, event="pull_request"), tmp_path / "event.json")
    assert conclude(repo, SKIPPED, pull).line.startswith("skipped: test.yml was started by pull_request")


def test_missing_needs_are_refused(repo: Repo) -> None:
    outcome = run_ci_result((), root=repo.root, env=dict(os.environ))
    assert outcome.line == "refused: NEEDS is not set"
