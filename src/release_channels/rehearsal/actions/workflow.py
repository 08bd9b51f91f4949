"""A parsed workflow file: its triggers, and the permissions and needs of each job. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from release_channels.errors import RefusedError
from release_channels.model.workflow_semantics.concurrency import Concurrency, concurrency_of
from release_channels.model.workflow_semantics.file import Value, environment_of, read_workflow, title_of_workflow
from release_channels.model.workflow_semantics.permissions import permissions_of

STAND_IN_LABEL = "ubuntu-latest"
"""The runner of a job that stands in for one in a reusable workflow."""


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """One step: a shell command, or an action."""

    id: str
    name: str
    run: str


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """One job: its needs, permissions and steps."""

    id: str
    name: str
    needs: tuple[str, ...]
    permissions: frozenset[str]
    environment: str
    labels: tuple[str, ...]
    uses: str
    steps: tuple[WorkflowStep, ...]

    def may(self, right: str) -> bool:
        """Check whether the job has a permission, such as `id-token: write`."""
        return right in self.permissions


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow file as a commit contains it."""

    path: str
    name: str
    run_name: str
    on: Value
    jobs: tuple[WorkflowJob, ...]
    concurrency: Concurrency
    text: str

    @property
    def file(self) -> str:
        """The name of the file, by which publishers and runs identify it."""
        return PurePosixPath(self.path).name

    def job(self, id: str) -> WorkflowJob | None:
        """Find a job by its key."""
        return next((job for job in self.jobs if job.id == id), None)


def parse_workflow(path: str, text: str, *, is_tests: bool = False) -> Workflow:
    """Parse a workflow file.

    Raises: RefusedError for a file that is none, or with a job in a reusable workflow, which only tests may have:
        the rehearsal runs none, and a line stands in for the job there.
    """
    top = read_workflow(text, path)
    jobs = tuple(_job(path, key, top, job, is_tests=is_tests) for key, job in top["jobs"].table.items())
    if not (top["on"].texts or top["on"].table) or not jobs:
        raise RefusedError(f"{path} has no `on:` or no `jobs:`", hint="is it a workflow file?")
    return Workflow(
        path=path,
        name=title_of_workflow(top, path),
        run_name=top["run-name"].text,
        on=top["on"],
        jobs=jobs,
        concurrency=concurrency_of(top),
        text=text,
    )


def _job(path: str, key: str, top: Value, job: Value, *, is_tests: bool) -> WorkflowJob:
    uses = job["uses"].text
    if uses and not is_tests:
        raise RefusedError(
            f"{path}, job {key}: the reusable workflow {uses} cannot be rehearsed",
            hint="Trusted Publishing does not match in one either: write its steps into the job",
        )
    runs_on = job["runs-on"]
    return WorkflowJob(
        id=key,
        name=job["name"].text or key,
        needs=job["needs"].texts,
        permissions=permissions_of(top, job),
        environment=environment_of(job),
        labels=(STAND_IN_LABEL,) if uses else runs_on.texts or runs_on["labels"].texts,
        uses=uses,
        steps=tuple(_step(number, step) for number, step in enumerate(job["steps"].entries)),
    )


def _step(number: int, step: Value) -> WorkflowStep:
    return WorkflowStep(
        id=step["id"].text or str(number),
        name=step["name"].text or step["run"].text or step["uses"].text,
        run=step["run"].text,
    )
