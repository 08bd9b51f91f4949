"""A parsed workflow file: its triggers, and the permissions and needs of each job. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from release_channels.errors import RefusedError
from release_channels.rehearsal.actions.yaml_nodes import Node, child, compose, entries, items, text_of, texts

DIRECTORY = ".github/workflows"
# Source: GitHub's workflow syntax reference, `permissions`.
_SCOPES = (
    *("actions", "artifact-metadata", "attestations", "checks", "contents", "deployments", "discussions", "id-token"),
    *("issues", "models", "packages", "pages", "pull-requests", "security-events", "statuses"),
)


@dataclass(frozen=True, slots=True)
class WorkflowStep:
    """One step: a shell command, or an action with its inputs."""

    id: str
    name: str
    run: str
    uses: str
    given: tuple[str, ...]
    """The keys below `with`."""


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """One job: what it needs, may, and does."""

    id: str
    name: str
    needs: tuple[str, ...]
    permissions: frozenset[str]
    environment: str
    labels: tuple[str, ...]
    uses: str
    steps: tuple[WorkflowStep, ...]

    def may(self, right: str) -> bool:
        """Return whether the job was given a right, as in `id-token: write`."""
        return right in self.permissions


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow file as a commit contains it."""

    path: str
    name: str
    run_name: str
    triggers: Mapping[str, Node]
    jobs: tuple[WorkflowJob, ...]
    text: str

    @property
    def file(self) -> str:
        """The name of the file, by which publishers and runs know it."""
        return PurePosixPath(self.path).name

    def job(self, id: str) -> WorkflowJob | None:
        """Find a job by its key."""
        return next((job for job in self.jobs if job.id == id), None)


def parse_workflow(path: str, text: str) -> Workflow:
    """Read a workflow file.

    Raises: RefusedError for a file that is none, or with a job in a reusable workflow, which is not rehearsed.
    """
    top = compose(text, path)
    # `on` reads as true in YAML 1.1; its text is what counts.
    triggers = child(top, "on")
    jobs = tuple(_job(path, key, node, child(top, "permissions")) for key, _, node in entries(child(top, "jobs")))
    if triggers is None or not jobs:
        raise RefusedError(f"{path} has no `on:` or no `jobs:`", hint="is it a workflow file?")
    return Workflow(
        path=path,
        name=text_of(child(top, "name")) or path,
        run_name=text_of(child(top, "run-name")),
        triggers=_triggers(triggers),
        jobs=jobs,
        text=text,
    )


def _triggers(node: Node) -> dict[str, Node]:
    return {key: value for key, _, value in entries(node)} or {text_of(item): item for item in items(node)}


def _job(path: str, key: str, node: Node, above: Node | None) -> WorkflowJob:
    uses = text_of(child(node, "uses"))
    if uses:
        raise RefusedError(
            f"{path}, job {key}: the reusable workflow {uses} cannot be rehearsed",
            hint="Trusted Publishing does not match in one either: write its steps into the job",
        )
    granted = child(node, "permissions")
    environment = child(node, "environment")
    labels = child(node, "runs-on")
    return WorkflowJob(
        id=key,
        name=text_of(child(node, "name")) or key,
        needs=texts(child(node, "needs")),
        permissions=_rights(above if granted is None else granted),
        environment=text_of(environment) or text_of(child(environment, "name")),
        labels=texts(child(labels, "labels") if child(labels, "labels") is not None else labels),
        uses=uses,
        steps=tuple(_step(number, item) for number, item in enumerate(items(child(node, "steps")))),
    )


def _rights(node: Node | None) -> frozenset[str]:
    """Read a job's permissions; by default its token reads contents and packages, and it gets no OIDC token.

    Source: GitHub's documentation of `permissions` and of the restricted default of GITHUB_TOKEN; an unnamed right is
    `none` as soon as one is named, and no token but an OIDC one has a right `id-token`, which cannot be read.
    """
    if node is None:
        return frozenset({"contents: read", "packages: read"})
    if text_of(node) in ("read-all", "write-all"):
        level = text_of(node).removesuffix("-all")
        return frozenset(f"{scope}: {level}" for scope in _SCOPES if (scope, level) != ("id-token", "read"))
    return frozenset(f"{key}: {text_of(value)}" for key, _, value in entries(node) if text_of(value) != "none")


def _step(number: int, node: Node) -> WorkflowStep:
    return WorkflowStep(
        id=text_of(child(node, "id")) or str(number),
        name=text_of(child(node, "name")) or text_of(child(node, "run")) or text_of(child(node, "uses")),
        run=text_of(child(node, "run")),
        uses=text_of(child(node, "uses")),
        given=tuple(key for key, _, _ in entries(child(node, "with"))),
    )
