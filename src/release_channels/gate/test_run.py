"""Which commit is gated, and which run of the tests it has passed."""

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
    """The run of the tests behind a commit and its repository; without a run, `missing` says why there is none."""

    __test__ = False  # not one of pytest's, whatever its name

    test_run: TestRun | None = None
    repository: str | None = None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class NotGateable:
    """A finished run that calls for no gate: it did not succeed, or was no push to the main branch."""

    why: str


def tested_commit_of_event(run: EventRun, config: Config) -> TestedCommit | NotGateable:
    """Read the origin from the run that started the job.

    Raises: RefusedError if another workflow started it than the tests.
    """
    if run.path != f"{_WORKFLOWS}{config.test_workflow}":
        raise RefusedError(
            f"this gate was started by a run of {run.path}, not of {config.test_workflow}",
            hint="the gate's workflow follows the test workflow: fix its `workflow_run`, or set test-workflow",
        )
    where = f"run {run.number} of {run.workflow}"
    if run.head_repository != run.repository:  # code from elsewhere must not meet the keys
        return NotGateable(f"{where} was of another repository's code")
    if (run.event, run.branch) != ("push", config.main_branch):
        return NotGateable(f"{where} was no push to {config.main_branch}")
    if run.conclusion != "success":
        return NotGateable(f"{where} ended with {run.conclusion}")
    return TestedCommit(TestRun(run.id, run.number, run.attempt, run.path), run.repository)


def ask_for_tested_commit(sha: str, config: Config, remote_url: str | None, env: Mapping[str, str]) -> TestedCommit:
    """Query GitHub for the newest successful test run of a push of a commit to the main branch."""
    name = repository_name(config.repository, remote_url, env)
    if name is None:
        return TestedCommit(missing="no repository on GitHub is known for this project")
    try:
        with connect(name, env) as github:
            run = github.newest_run(config.test_workflow, sha, green_on=config.main_branch)
    except RefusedError as stop:
        return TestedCommit(None, name, f"GitHub does not tell: {stop}")
    if run is None:
        what = f"no run of {config.test_workflow} has succeeded for a push of {sha[:12]} to {config.main_branch}"
        return TestedCommit(None, name, what)
    return TestedCommit(TestRun(run.id, run.number, run.attempt, f"{_WORKFLOWS}{run.workflow}"), name)
