"""Detect a project's conventions, so that an adoption needs few settings: tag format, test workflow, Pythons. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from release_channels.adoption.inspect import ProjectSnapshot
from release_channels.adoption.noxfile import TestSession, parse_noxfile
from release_channels.adoption.settings_table import missing_settings
from release_channels.adoption.test_runs import runs_tests
from release_channels.adoption.workflows.render import PYTHON, Tests
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.session_names import NOXFILE
from release_channels.model.tags import guess_format
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.concurrency import concurrency_of
from release_channels.model.workflow_semantics.file import Value, read_workflow
from release_channels.model.workflow_semantics.triggers import Event, filters_of, is_started, push_to

_MODEL_CLIENTS = frozenset(
    {
        "anthropic", "cohere", "google-genai", "google-generativeai", "groq", "huggingface-hub", "langchain",
        "litellm", "llama-index", "mistralai", "ollama", "openai", "pydantic-ai", "transformers",
    }
)  # fmt: skip
_TEST_NAMES = ("test", "tests", "ci", "pytest", "python-package", "check", "checks", "build", "main")
# Events that only a workflow for commits listens to, unlike one for tags or at night.
_OF_COMMITS = (push_to("any-other-branch"), Event("pull_request", "", ""))
_PYTHONS = tuple(f"3.{minor}" for minor in range(9, 15))
_CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")
_TEST_GROUPS = ("test", "tests", "testing", "dev")
_OURS = re.compile(r"run: (?P<start>uv run --frozen --script \S+( -f \S+)?|uvx nox) -s (?P<sessions>[^\n]+)")
_MATRIX = re.compile(r"^ *python: \[(?P<pythons>[^\]]*)\]", re.MULTILINE)


def foreign_settings(found: ProjectSnapshot, gate: bool | None) -> dict[str, object]:
    """Return the settings to add, where the project does not follow a default and has not set it itself."""
    default = Config()
    config = found.project.config
    wanted: dict[str, object] = {}
    if found.branch != default.main_branch:
        wanted["main-branch"] = found.branch
    if found.remote not in ("", default.remote):
        wanted["remote"] = found.remote
    if (tag_format := guess_format(found.project.name, found.tags, found.directory)) not in (None, default.tag_format):
        wanted["tag-format"] = tag_format
    if found.directory:
        wanted["directory"] = found.directory
    if (workflow := _test_workflow(found, config)) not in ("", default.test_workflow):
        wanted["test-workflow"] = workflow
    if gate is None and not gate_fits(found):
        gate = False
    if gate is not None and gate is not default.gate.enabled:
        wanted["gate.enabled"] = gate
    return missing_settings(found.project.text, wanted)


def gate_fits(found: ProjectSnapshot) -> bool:
    """Check whether to propose a live gate: the project has one, runs evaluations, or depends on a model's client."""
    config = found.project.config
    adopted = (config.gate_workflow, config.preview_workflow)
    if any(f"{WORKFLOWS}/{name}" in found.workflows for name in adopted):
        return True
    if any("eval" in re.split(r"[^a-z]+", PurePosixPath(path).stem.lower()) for path in found.workflows):
        return True
    return not _MODEL_CLIENTS.isdisjoint(_dependencies(found.pyproject.get("project", {})))


def _dependencies(project: Mapping[str, Any]) -> Iterator[str]:
    """List the names of the project's dependencies, those of its extras included."""
    extras = project.get("optional-dependencies", {})
    for line in (*project.get("dependencies", []), *(line for lines in extras.values() for line in lines)):
        with suppress(InvalidRequirement):
            yield canonicalize_name(Requirement(str(line)).name)


def own_tests(found: ProjectSnapshot, config: Config, noxfile: str = "", path: str = NOXFILE) -> Tests | None:
    """Return how the test workflow starts the tests; None if the project keeps its own test workflow.

    One that an adoption wrote says itself what it starts, so that edits of that stay.
    """
    text = found.workflows.get(f"{WORKFLOWS}/{config.test_workflow}")
    start = f"uv run --frozen --script {path}" + ("" if path == NOXFILE else f" -f {path}")
    if text is not None:
        ours, matrix = _OURS.search(text), _MATRIX.search(text)
        if ours is None or matrix is None:
            return None
        pythons = tuple(word.strip().strip("\"'") for word in matrix["pythons"].split(","))
        return Tests(ours["start"], tuple(ours["sessions"].split()), pythons)
    if not noxfile:
        return None
    theirs = found.files[NOXFILE]
    if path != NOXFILE and theirs is not None:  # the tests are in a noxfile that is not locked
        return Tests("uvx nox", _sessions_of(theirs, NOXFILE), (PYTHON,))
    return Tests(start, _sessions_of(noxfile, path), (PYTHON,))


def test_session(found: ProjectSnapshot) -> TestSession:
    """Return the test session of a new noxfile, for the project's Pythons."""
    pythons = supported_pythons(found)
    if not found.has_tests:
        text = (
            f'"python", "-c", "import importlib.metadata; print(importlib.metadata.version(\'{found.project.name}\'))"'
        )
        return TestSession(pythons, '"."', text, "Install the project: there are no tests yet.")
    return TestSession(pythons, _installs(found.pyproject), '"pytest", *session.posargs', "Run the tests.")


def supported_pythons(found: ProjectSnapshot) -> tuple[str, ...]:
    """Return the Pythons that a project supports, by its classifiers, otherwise by requires-python."""
    project = found.pyproject.get("project", {})
    classified = tuple(
        named[1] for line in project.get("classifiers", []) if (named := _CLASSIFIER.fullmatch(str(line)))
    )
    if classified:
        return classified
    try:
        supported = SpecifierSet(found.project.requires_python or "")
    except InvalidSpecifier:
        return (PYTHON,)
    return tuple(python for python in _PYTHONS if supported.contains(f"{python}.99")) or (PYTHON,)


def _installs(pyproject: Mapping[str, Any]) -> str:
    """Write what the test session installs: the project, with the group or extra that has its test tools."""
    groups = pyproject.get("dependency-groups", {})
    extras = pyproject.get("project", {}).get("optional-dependencies", {})
    if group := next((name for name in _TEST_GROUPS if name in groups), ""):
        return f'".", *nox.project.dependency_groups(nox.project.load_toml(), "{group}")'
    if extra := next((name for name in _TEST_GROUPS if name in extras), ""):
        return f'".[{extra}]"'
    return '".", "pytest"'


def _sessions_of(noxfile: str, path: str) -> tuple[str, ...]:
    sessions = parse_noxfile(noxfile, path).sessions
    return tuple(name for name in sessions if name.startswith("test")) or sessions or ("tests",)


def _test_workflow(found: ProjectSnapshot, config: Config) -> str:
    """Find the workflow that runs the project's tests, best on a push to main; nothing where there is none."""
    if f"{WORKFLOWS}/{config.test_workflow}" in found.workflows:
        return config.test_workflow
    candidates = {PurePosixPath(path).name: text for path, text in found.workflows.items()}
    return min(_likely(candidates, found.branch), default=(False, 0, ""))[-1]


def _likely(files: Mapping[str, str], branch: str) -> Iterator[tuple[bool, int, str]]:
    """Yield the workflows that test commits, by name or by what they run, with their rank; the lowest is the likeliest.

    One that leaves main out counts by what it runs alone: its filter is reported, instead of a second one beside it.
    """
    for name, text in files.items():
        try:
            workflow = read_workflow(text, name)
        except RefusedError:
            continue
        on, stem = workflow["on"], PurePosixPath(name).stem.lower()
        is_named, runs = stem in _TEST_NAMES, runs_tests(workflow)
        on_main = is_started(on, push_to(branch))
        if (is_named or runs) if on_main else (runs and any(is_started(on, event) for event in _OF_COMMITS)):
            yield not on_main, _TEST_NAMES.index(stem) if is_named else len(_TEST_NAMES), name


@dataclass(frozen=True, slots=True)
class PushGap:
    """The pushes to main that no finished test run follows: the reason, the fix, and whether it affects every push."""

    message: str
    fix: str
    is_total: bool = False


def find_gap(tests: Value, path: str, main: str, bumped: Callable[[], Collection[str]]) -> PushGap | None:
    """Find pushes to main for which the test workflow does not run or may be cancelled; None if there are none.

    `bumped` returns the files that the commit of a `bump` changes; without a filter of paths it is not called.
    """
    on = tests["on"]
    without = "a commit without a run gets no preview and no tag"
    if not is_started(on, push_to(main)):
        filters = filters_of(on["push"], "branches", "tags")
        message = f"{path} does not run for a push to {main}, so no preview follows one"
        fix = f"put `push: branches: [{main}]` under its `on:`"
        return PushGap(f"{message}: it has {filters}" if filters else message, fix, is_total=True)
    if paths := filters_of(on["push"], "paths"):
        if (files := bumped()) and not is_started(on, push_to(main, files)):
            without = (
                f"the commit of `release-channels bump` ({', '.join(files)}) gets no run, "
                "so `release-channels tag` refuses it"
            )
        message = f"{path} runs only for some pushes to {main}, by {paths}: {without}"
        return PushGap(message, "remove the filter; steps that some changes do not need can have an `if:`")
    if any(concurrency_of(place).cancels_commits for place in (tests, *tests["jobs"].table.values())):
        message = f"a later push to {main} may cancel {path}, by its `concurrency`: {without}"
        return PushGap(message, "let the group have `github.sha` for a push")
    return None
