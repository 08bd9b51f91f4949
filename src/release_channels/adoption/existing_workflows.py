"""Existing workflow files: what `init` does with each, duplicated runs, and tests that read them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from release_channels.adoption.plan import AdoptionPlan, Kind, PlannedFile
from release_channels.adoption.test_runs import runs_tests
from release_channels.errors import RefusedError
from release_channels.model.tags import tag_of
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.chain import SOME_VERSION
from release_channels.model.workflow_semantics.file import Value, read_workflow, steps_of
from release_channels.model.workflow_semantics.patterns import matches, unescape_pattern
from release_channels.model.workflow_semantics.triggers import is_started, push_of_tag, push_to

_SECRET = re.compile(r"\bsecrets\.([A-Za-z_]\w*)")
_SHOWN = 4
_TEST_FILE = re.compile(r"(.*/)?(tests?/.*|test_[^/]*|[^/]*_test)\.py")


@dataclass(frozen=True, slots=True)
class ExistingWorkflow:
    """One of the project's own workflow files."""

    path: str
    fate: str
    conflicts: tuple[str, ...]
    """What runs twice, is not started any more, or is lost where the file is replaced."""
    tests: tuple[str, ...]
    """The project's test files that name it."""

    @property
    def name(self) -> str:
        """Return the file's name."""
        return PurePosixPath(self.path).name


def is_test_file(path: str) -> bool:
    """Check whether a file is one of the project's tests."""
    return _TEST_FILE.fullmatch(path) is not None


def existing_workflows(
    workflows: Mapping[str, str], plan: AdoptionPlan, tests: Mapping[str, str], *, update: bool = False
) -> tuple[ExistingWorkflow, ...]:
    """Describe each workflow file that is not as `init` wrote it; `tests` are the texts of the project's tests."""
    planned = {file.path: file for file in plan.files if file.path.startswith(WORKFLOWS)}
    uploading = {violation.path for violation in plan.others_broken if violation.rule == "one-way-out"}
    unused = {orphan.path for orphan in plan.orphans}  # an adoption wrote them
    rows = []
    for path, text in workflows.items():
        file = planned.get(path)
        if path in unused or (file is not None and file.kind in (Kind.SAME, Kind.RENEWED)):
            continue
        conflicts = list(_lost(path, text, file.new) if file else _conflicts(path, text, plan, planned.values()))
        if path in uploading:
            conflicts.append(f"uploads beside {plan.config.public_workflow}")
        rows.append(
            ExistingWorkflow(path, _fate(path, file, plan, update=update), tuple(conflicts), _readers(path, tests))
        )
    return tuple(rows)


def readers_of_every_workflow(tests: Mapping[str, str]) -> tuple[str, ...]:
    """Return the tests that read the whole workflow directory, and so also the files that `init` adds."""
    return tuple(path for path, text in tests.items() if ".github" in text and "workflows" in text)


def _fate(path: str, file: PlannedFile | None, plan: AdoptionPlan, *, update: bool) -> str:
    if file is not None:
        return "replaced" if update else "kept; `--update` replaces it"
    if path == f"{WORKFLOWS}/{plan.config.test_workflow}":
        return "kept: its runs are the tests that previews follow"
    return "kept"


def _lost(path: str, text: str, new: str) -> Iterator[str]:
    """Yield what a file has and the one that replaces it has not: events, jobs, named steps, actions and secrets."""
    try:
        theirs, ours = read_workflow(text, path), read_workflow(new, path)
    except RefusedError as stop:
        yield f"not known: {stop}"
        return
    for what, names in _parts(theirs, text).items():
        lost = [name for name in names if name not in _parts(ours, new)[what]]
        if lost:
            more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
            yield f"loses the {what}{'s' if len(lost) > 1 else ''} {', '.join(lost[:_SHOWN])}{more}"


def _parts(workflow: Value, text: str) -> dict[str, dict[str, None]]:
    """Return what a workflow has, by kind, each once and in order."""
    steps = [step for _, _, step in steps_of(workflow)]
    parts = {
        "event": (*workflow["on"].table, *workflow["on"].texts),
        "job": tuple(workflow["jobs"].table),
        "step": tuple(step["name"].text for step in steps),
        "action": tuple(step["uses"].text.partition("@")[0] for step in steps),
        "secret": tuple(_SECRET.findall(text)),
    }
    return {what: dict.fromkeys(filter(None, names)) for what, names in parts.items()}


def _readers(path: str, tests: Mapping[str, str]) -> tuple[str, ...]:
    name = PurePosixPath(path).name
    return tuple(test for test, text in tests.items() if name in text)


def _conflicts(path: str, text: str, plan: AdoptionPlan, planned: Iterable[PlannedFile]) -> Iterator[str]:
    """Yield the events that start the workflow beside one of those that `init` writes."""
    config = plan.config
    try:
        workflow = read_workflow(text, path)
    except RefusedError as stop:
        yield f"not known: {stop}"
        return
    on = workflow["on"]
    for file in planned:
        name, ours = PurePosixPath(file.path).name, read_workflow(file.new, file.path)["on"]
        names = map(unescape_pattern, ours["workflow_run"]["workflows"].texts)
        if followed := sorted(one for one in names if matches(one, on["workflow_run"]["workflows"].texts)):
            yield f"runs after {', '.join(followed)}, as {name} does"
        if name == config.test_workflow and is_started(on, push_to(config.main_branch)) and runs_tests(workflow):
            yield f"runs tests for each push, as {name} does"
    if "tags" in on["push"] and is_started(on, push_of_tag(tag_of(config.tag_format, SOME_VERSION))):
        yield f"runs for a tag, as {config.public_workflow} does"
    if "release" in on or "release" in on.texts:
        # Source: GitHub's documentation of events: what a workflow does with its own token starts no other workflow.
        yield f"is not started by the GitHub Release that {config.public_workflow} makes"
