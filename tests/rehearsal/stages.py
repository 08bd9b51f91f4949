"""A rehearsal environment with a test's own workflow files, and their runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from release_channels.adapters.git import Git
from release_channels.cli.context import open_project
from release_channels.rehearsal.actions.dispatcher import WorkflowDispatcher
from release_channels.rehearsal.actions.run import RunOverrides, WorkflowRunResult
from release_channels.rehearsal.environment import RehearsalEnvironment, create_environment
from tests.support.projects import Sample
from tests.support.repo import Repo

CHECKOUT = "actions/checkout@v7"
NO_GATE = "[tool.release-channels.gate]\nenabled = false\n"


@dataclass(frozen=True)
class WorkflowRunner:
    """A rehearsal environment that runs workflows as GitHub does."""

    environment: RehearsalEnvironment
    dispatcher: WorkflowDispatcher

    def push(self) -> None:
        """Push main without starting a run."""
        self.dispatcher.look()
        self.environment.git("push", "--quiet", "origin", "main")

    def run(self, file: str = "one.yml", changes: RunOverrides | None = None) -> WorkflowRunResult:
        """Push main and run one workflow file for it."""
        self.push()
        return self.dispatcher.run(self.dispatcher.workflow(file), self.dispatcher.pushed()[0], changes)


def job(*steps: str, name: str = "one", **keys: str) -> str:
    """Build a job; each step is a line to run, or a step as YAML."""
    more = "".join(f"    {key.replace('_', '-')}: {value}\n" for key, value in keys.items())
    written = "".join(f"      - {step if ': ' in step.partition(' ')[0] + ' ' else 'run: ' + step}\n" for step in steps)
    return f"  {name}:\n    runs-on: ubuntu-24.04\n{more}    steps:\n{written}"


def workflow(*jobs: str, on: str = "push", head: str = "") -> str:
    """Build a workflow file."""
    return f"name: one\non: {on}\npermissions: {{}}\n{head}jobs:\n{''.join(jobs)}"


@contextmanager
def make_runner(directory: Path, files: Mapping[str, str | bytes], **settings: str) -> Iterator[WorkflowRunner]:
    """Create an environment of a sample project with these workflow files."""
    written = {f".github/workflows/{name}": text for name, text in files.items()}
    sample = Sample(files=written, tail=NO_GATE, **settings)  # type: ignore[arg-type]
    repo = Repo.create(directory / "repo", sample.tree())
    with runner_of(repo, directory / "world") as runner:
        yield runner


@contextmanager
def runner_of(repo: Repo, directory: Path) -> Iterator[WorkflowRunner]:
    """Create an environment of a repository."""
    directory.mkdir()
    git = Git.open(repo.root)
    commit = git.commit("HEAD")
    project = open_project(git, commit)
    with create_environment(
        directory, git, project, commit, dict(os.environ), is_quick=True, keep=False
    ) as environment:
        yield WorkflowRunner(environment, WorkflowDispatcher(environment))
        assert environment.warnings() == ()
