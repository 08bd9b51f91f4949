"""Fill the workflow templates with a project's values. Pure but for reading the templates."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import PurePosixPath

from release_channels.errors import RefusedError
from release_channels.model.config import TABLE, Config
from release_channels.model.gate_config import MODELS_TOKEN, provider_keys, stored_name, variable_prefix
from release_channels.model.tested_commit import ARTIFACT, PROVENANCE
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.file import PLAIN, quoted
from release_channels.model.workflow_semantics.patterns import escape_pattern

BUILD_ARTIFACT = "release-channels-build"
GATE_ARTIFACT = "release-channels-gate"
GATE_DIRECTORY = ".release-channels/gate"
"""What a gate keeps of its run: result, trajectory and log."""
# Source: the pins that uv's own guide for GitHub Actions names, August 2026.
ACTIONS = {
    "checkout": "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "setup_uv": "astral-sh/setup-uv@c771a70e6277c0a99b617c7a806ffedaca235ff9 # v9.0.0",
    "upload": "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "download": "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
}
# One uv, one Python and one kind of runner everywhere: the gate's bytes are compared with the published ones.
UV, PYTHON, RUNNER = "0.13.9", "3.12", "ubuntu-24.04"
# Where the tool is its own project: the one line more, without which a build backend would run beside a token.
PREPARE = "uv venv && uv pip install --require-hashes --no-build -r requirements/release.txt"
# Beside no secret of the gate: what is installed is known by its hash, and nothing is built that could read one.
PREPARE_GATE = PREPARE.replace("release.txt", "gate.txt")

_PLACEHOLDER = re.compile(r"%%\{(\w+)\}")
_BLOCK = re.compile(r"( *)%%\{(\w+)\}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.ya?ml")
_SECRET = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = re.compile(r"[A-Za-z0-9._/{}@=,-]+")


@dataclass(frozen=True, slots=True)
class Tests:
    """How the test workflow runs the project's tests: the command before `-s`, the sessions, and the Pythons."""

    __test__ = False  # not one of pytest's, whatever its name

    start: str
    sessions: tuple[str, ...]
    pythons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adoption:
    """The values that a project's workflow files depend on."""

    config: Config
    tests: Tests | None = None
    """How its tests are started; None where it keeps a test workflow of its own."""
    test_name: str = ""
    """The `name:` of the test workflow that it keeps; other workflows follow it by that name, else by its path."""
    noxfile: str = "noxfile.py"
    """The file that registers the release sessions: one of its own where the noxfile imports what is not locked."""
    is_private: bool = False
    """True if the repository is private, so that even a checkout needs a right."""
    has_submodules: bool = False
    directory: str = ""
    """The project's directory below the top of the repository, where every command is started."""
    is_tool: bool = False
    """True if this is the tool's own repository, which runs from its sources."""


def render(adoption: Adoption) -> Mapping[str, str]:
    """Return the text of each workflow file by its path.

    Raises: RefusedError for a setting that cannot be used in a workflow file.
    """
    config = adoption.config
    values = _values(adoption)
    wanted = {config.preview_workflow: "internal-preview-release", config.public_workflow: "public-release"}
    if config.gate.enabled:
        wanted[config.gate_workflow] = "integration-eval"
    if adoption.tests is not None:
        wanted[config.test_workflow] = "test"
    if adoption.is_tool:
        wanted["test-all.yml"] = "test-all"
    return {f"{WORKFLOWS}/{file}": fill(template(f"{name}.yml"), values) for file, name in sorted(wanted.items())}


def template(name: str) -> str:
    """Read a template file."""
    return (files("release_channels.adoption") / "templates" / name).read_text(encoding="utf-8")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Fill the placeholders of a template, also those inside of the values.

    A place with a line of its own takes any number of lines, indented as it is; without any the line goes away.

    Raises: KeyError for a place without a value.
    """
    lines: list[str] = []
    for line in text.splitlines():
        block = _BLOCK.fullmatch(line)
        if block is None:
            lines.append(_PLACEHOLDER.sub(lambda placeholder: values[placeholder[1]], line))
        else:
            inner = fill(values[block[2]], values).splitlines()
            lines += [f"{block[1]}{line}" if line else "" for line in inner]
    return "".join(f"{line}\n" for line in lines)


def tag_pattern(tag_format: str) -> str:
    """Return a tag format as a pattern of a workflow's `tags:` filter; a version begins with a digit.

    Source: GitHub's workflow syntax reference, filter pattern cheat sheet.
    """
    before, _, after = tag_format.partition("{version}")
    return f"{before}[0-9]*{after}"


def _values(adoption: Adoption) -> dict[str, str]:
    config = adoption.config
    _check(config)
    own_name = f"{WORKFLOWS}/{config.test_workflow}" if adoption.tests is None else _stem(config.test_workflow)
    test_name = adoption.test_name or own_name
    followed_tests = quoted(escape_pattern(test_name))
    gate_name = quoted(_stem(config.gate_workflow))
    gated = config.gate.enabled
    return {
        **ACTIONS,
        **_starts(adoption),
        "uv": UV,
        "python": PYTHON,
        "runner": RUNNER,
        "main": config.main_branch,
        "test_name": quoted(test_name),
        "followed_tests": followed_tests,
        "gate_name": gate_name,
        "preview_name": quoted(_stem(config.preview_workflow)),
        "public_name": quoted(_stem(config.public_workflow)),
        "public_file": config.public_workflow,
        "before": gate_name if gated else followed_tests,
        "before_file": config.gate_workflow if gated else config.test_workflow,
        "before_event": "workflow_run" if gated else "push",
        "gate_environment": config.gate_environment or config.preview_environment,
        "preview_environment": config.preview_environment,
        "public_environment": config.public_environment,
        "gate_variables": "\n".join(_gate_variables(config)),
        "tag_pattern": tag_pattern(config.tag_format),
        "build_artifact": BUILD_ARTIFACT,
        "provenance_artifact": ARTIFACT,
        "gate_artifact": GATE_ARTIFACT,
        "gate_directory": GATE_DIRECTORY,
        "provenance_file": PROVENANCE,
        "at": f"{adoption.directory}/" if adoption.directory else "",
        "start": template("start.txt"),
        "take_build": template("take_build.txt"),
    }


def _starts(adoption: Adoption) -> dict[str, str]:
    """Describe how nox is started: where a token can be had, the release tool runs and nothing else."""
    tests, private = adoption.tests, adoption.is_private
    token = "GH_TOKEN: ${{ github.token }}"
    common = {
        "no_rights": _PRIVATE_RIGHTS if private else "permissions: {}",
        "submodules": "submodules: recursive" if adoption.has_submodules else "",
        "private_token": token if private else "",
        "private_env": f"env:\n  {token}" if private else "",
        "test": tests.start if tests else "",
        "test_sessions": " ".join(tests.sessions) if tests else "",
        "pythons": ", ".join(f'"{python}"' for python in tests.pythons) if tests else "",
    }
    if adoption.is_tool:
        return common | {
            "env": "",
            # Without what only tests and linters need; uv resolves that all the same, so the versions are a laptop's.
            "nox": "uv run --no-dev nox",
            "prepare": f"- run: {PREPARE}",
            "prepare_gate": PREPARE_GATE,
            "release": "uv run --no-project nox",
            "release_env": "env:\n  PYTHONPATH: src",
            "release_variables": "PYTHONPATH: src",
        }
    named = "" if adoption.noxfile == "noxfile.py" else f" -f {adoption.noxfile}"
    start = f"uv run --frozen --script {adoption.noxfile}{named}"
    locked = "env:\n  NOX_SCRIPT_MODE: none # uv has made the locked environment already\n\n"
    if adoption.directory:
        locked += f"defaults:\n  run:\n    working-directory: {quoted(adoption.directory)}\n\n"
    return common | {
        "env": locked, "nox": start, "prepare": "", "prepare_gate": f"uv sync --frozen --script {adoption.noxfile}",
        "release": start,
        "release_env": "", "release_variables": "",
    }  # fmt: skip


def _gate_variables(config: Config) -> Iterator[str]:
    """Yield the variables of the gate's step: for each provider its key, its address and its model.

    A secret or variable that is not stored is empty, and an empty one configures nothing.
    """
    for provider, keys in provider_keys(config.gate).items():
        for key in keys:
            fallback = f"{config.github_models_secret} || github.token" if key == MODELS_TOKEN else key
            yield f"{key}: ${{{{ secrets.{fallback} }}}}"
        for setting in ("BASE_URL", "MODEL"):
            name = f"{variable_prefix(provider)}_{setting}"
            stored = stored_name(name)
            yield f"{name}: ${{{{ vars.{stored} || secrets.{stored} }}}}"


_PRIVATE_RIGHTS = "permissions:\n  contents: read # to check a private repository out"


def _stem(file: str) -> str:
    return PurePosixPath(file).stem


def _check(config: Config) -> None:
    """Refuse a setting that would mean something else inside a workflow file.

    Raises: RefusedError that names the key.
    """
    shapes = {
        "main-branch": (config.main_branch, PLAIN),
        "tag-format": (config.tag_format, _TAG),
        "preview-environment": (config.preview_environment, PLAIN),
        "public-environment": (config.public_environment, PLAIN),
        "gate-environment": (config.gate_environment or "none", PLAIN),
        "github-models-secret": (config.github_models_secret, _SECRET),
        "test-workflow": (config.test_workflow, _FILE),
        "gate-workflow": (config.gate_workflow, _FILE),
        "preview-workflow": (config.preview_workflow, _FILE),
        "public-workflow": (config.public_workflow, _FILE),
    }
    for key, (value, shape) in shapes.items():
        if not shape.fullmatch(value):
            raise RefusedError(
                f"{TABLE}.{key} is {value!r}, which cannot be used in a workflow file",
                hint="use letters, digits, dots, dashes and underscores",
            )
