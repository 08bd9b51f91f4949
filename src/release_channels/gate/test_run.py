"""Find the successful test run of the commit to gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from release_channels.adapters.actions_event import EventRun
from release_channels.adapters.github import connect
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.github import repository_name
from release_channels.model.tested_commit import TestRun

_WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True, slots=True)
class TestedCommit:
    """The test run of a commit and its repository; without a run, `missing` is the reason."""

    __test__ = False  # not a test class, in spite of its name

    test_run: TestRun | None = None
    repository: str | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class NotGateable:
    """A finished run without a gate: it did not succeed, or was not a push to the main branch."""

    why: str


def tested_commit_of_event(run: EventRun, config: Config) -> TestedCommit | NotGateable:
    """Return the test run that started this job, or why it is not gated.

    Raises: RefusedError if another workflow than the tests started it.
    """
    if run.path != f"{_WORKFLOWS}{config.test_workflow}":
        raise RefusedError(
            f"this gate was started by a run of {run.path}, not of {config.test_workflow}",
            hint="the gate's workflow follows the test workflow: fix its `workflow_run`, or set test-workflow",
        )
    where = f"run {run.number} of {run.workflow}"
    if run.head_repository != run.repository:  # foreign code must not run where keys are
        return NotGateable(f"{where} tested code of another repository")
    if (run.event, run.branch) != ("push", config.main_branch):
        return NotGateable(f"{where} was not a push to {config.main_branch}")
    if run.conclusion != "success":
        return NotGateable(f"{where} ended with {run.conclusion}")
    return TestedCommit(TestRun(run.id, run.number, run.attempt, run.path), run.repository)


def fetch_tested_commit(sha: str, config: Config, remote_url: str | None, env: Mapping[str, str]) -> TestedCommit:
    """Query GitHub for the newest successful test run of a push of a commit to the main branch."""
    name = repository_name(config.repository, remote_url, env)
    if name is None:
        return TestedCommit(missing="the GitHub repository of this project is unknown")
    try:
        with connect(name, env) as github:
            run = github.newest_run(config.test_workflow, sha, green_on=config.main_branch)
    except RefusedError as stop:
        return TestedCommit(None, name, f"GitHub did not answer: {stop}")
    if run is None:
        missing = f"no run of {config.test_workflow} has succeeded for a push of {sha[:12]} to {config.main_branch}"
        return TestedCommit(None, name, missing)
    return TestedCommit(TestRun(run.id, run.number, run.attempt, f"{_WORKFLOWS}{run.workflow}"), name)
