"""A scratch world with workflow files that a test writes, and the run of one of them."""

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
class Stage:
    """A world, and what GitHub does in it."""

    environment: RehearsalEnvironment
    dispatcher: WorkflowDispatcher

    def push(self) -> None:
        """Push main, without running anything."""
        self.dispatcher.look()
        self.environment.git("push", "--quiet", "origin", "main")

    def run(self, file: str = "one.yml", changes: RunOverrides | None = None) -> WorkflowRunResult:
        """Push main and run one workflow file for it."""
        self.push()
        return self.dispatcher.run(self.dispatcher.workflow(file), self.dispatcher.pushed()[0], changes)


def job(*steps: str, name: str = "one", **keys: str) -> str:
    """Write a job; each step is a line that is run, or a step as YAML."""
    more = "".join(f"    {key.replace('_', '-')}: {value}\n" for key, value in keys.items())
    written = "".join(f"      - {step if ': ' in step.partition(' ')[0] + ' ' else 'run: ' + step}\n" for step in steps)
    return f"  {name}:\n    runs-on: ubuntu-24.04\n{more}    steps:\n{written}"


def workflow(*jobs: str, on: str = "push", head: str = "") -> str:
    """Write a workflow file."""
    return f"name: one\non: {on}\npermissions: {{}}\n{head}jobs:\n{''.join(jobs)}"


@contextmanager
def set_stage(directory: Path, files: Mapping[str, str | bytes], **settings: str) -> Iterator[Stage]:
    """Make a world around a sample project with these workflow files."""
    written = {f".github/workflows/{name}": text for name, text in files.items()}
    sample = Sample(files=written, tail=NO_GATE, **settings)  # type: ignore[arg-type]
    repo = Repo.create(directory / "repo", sample.tree())
    with stage_of(repo, directory / "world") as stage:
        yield stage


@contextmanager
def stage_of(repo: Repo, directory: Path) -> Iterator[Stage]:
    """Make a world around a repository."""
    directory.mkdir()
    git = Git.open(repo.root)
    commit = git.commit("HEAD")
    project = open_project(git, commit)
    with create_environment(
        directory, git, project, commit, dict(os.environ), is_quick=True, keep=False
    ) as environment:
        yield Stage(environment, WorkflowDispatcher(environment))
        assert environment.warnings() == ()
