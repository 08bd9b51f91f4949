"""One set of templates gives the workflow files of this repository and of every adopter."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import yaml

from release_channels.adoption.tool_source import own_workflows
from release_channels.adoption.workflows.parse import parse_line
from release_channels.adoption.workflows.render import PREPARE_GATE, Adoption, fill, render, tag_pattern
from release_channels.errors import RefusedError
from release_channels.gate.providers import in_order
from release_channels.model.config import Config
from release_channels.model.gate_config import ExtraProvider, GateConfig
from release_channels.model.verification import gate_title
from release_channels.model.workflow_semantics.file import quoted
from tests.workflows.adopters import ADOPTERS, HERE, own_config

RELEASE = ("internal-preview-release", "public-release")


def load(text: str) -> dict[str, Any]:
    """Read a workflow as plain data, every scalar as text."""
    content: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    return content


def rendered(name: str) -> dict[str, dict[str, Any]]:
    """Render an adopter's workflows, by file name."""
    return {path.rpartition("/")[2]: load(text) for path, text in render(ADOPTERS[name]).items()}


def test_own_workflow_files_are_rendered() -> None:
    """CONTRIBUTING.md contains the command that writes them."""
    wanted = own_workflows(own_config())
    there = {f".github/workflows/{path.name}" for path in (HERE / ".github/workflows").iterdir()}
    assert there == set(wanted)
    for path, text in wanted.items():
        assert (HERE / path).read_text(encoding="utf-8") == text, path


@pytest.mark.parametrize("name", ADOPTERS)
def test_no_placeholder_is_left_and_files_are_valid_yaml(name: str) -> None:
    """No line ends in blanks, and each file has triggers and jobs."""
    for path, text in render(ADOPTERS[name]).items():
        assert "%%" not in text, path
        assert not re.search(r"[ \t]$|\n\n\n", text, re.MULTILINE), path
        assert {"name", "on", "permissions", "concurrency", "jobs"} <= set(load(text)), path


def test_an_adopter_gets_four_files_and_the_tool_one_more() -> None:
    """With the names of the reference document."""
    four = {"test.yml", "integration-eval.yml", "internal-preview-release.yml", "public-release.yml"}
    assert set(rendered("plain")) == four
    own = own_workflows(Config())
    assert {path.rpartition("/")[2] for path in own} == four | {"test-all.yml"}


def test_a_project_keeps_its_own_test_workflow() -> None:
    """It is not written, and the gate follows it by its name."""
    files = rendered("own-tests")
    assert "ci.yaml" not in files
    assert files["integration-eval.yml"]["on"]["workflow_run"]["workflows"] == ["CI: tests, all of them"]


def test_without_a_gate_previews_follow_the_tests() -> None:
    """There is no gate workflow, and a push must have started the test run."""
    files = rendered("no-gate")
    assert "integration-eval.yml" not in files
    preview = files["internal-preview-release.yml"]
    assert preview["on"]["workflow_run"]["workflows"] == ["test"]
    assert "github.event.workflow_run.event == 'push'" in preview["jobs"]["build"]["if"]


def test_settings_are_rendered_where_github_reads_them() -> None:
    """Branch, tag pattern, environments, workflow names and the secret's name."""
    files = rendered("renamed")
    assert set(files) == {"checks.yml", "live.yml", "previews.yml", "finals.yml"}
    assert files["checks.yml"]["on"]["push"]["branches"] == ["trunk"]
    assert files["live.yml"]["on"]["workflow_run"]["workflows"] == ["checks"]
    assert files["live.yml"]["jobs"]["gate"]["environment"] == "preview"
    assert "secrets.MODELS" in str(files["live.yml"]["jobs"]["gate"])
    assert files["previews.yml"]["on"]["workflow_run"] == {
        "workflows": ["live"], "types": ["completed"], "branches": ["trunk"],
    }  # fmt: skip
    assert files["previews.yml"]["jobs"]["publish"]["environment"] == "preview"
    assert files["finals.yml"]["on"]["push"]["tags"] == ["release/[0-9]*"]
    assert files["finals.yml"]["jobs"]["publish"]["environment"] == "production"
    assert rendered("private")["integration-eval.yml"]["jobs"]["gate"]["environment"] == "live-models"


PROVIDERS = {
    "the default ones": (
        GateConfig(),
        {
            **{
                f"{name}_API_KEY": f"secrets.{name}_API_KEY"
                for name in ("DEEPSEEK", "GLM", "QWEN", "LITELLM", "OPENAI")
            },
            **{
                f"{name}_{what}": f"vars.{name}_{what} || secrets.{name}_{what}"
                for name in ("DEEPSEEK", "GLM", "QWEN", "LITELLM", "OPENAI")
                for what in ("BASE_URL", "MODEL")
            },
            "BF_TOKEN": "secrets.BF_TOKEN",
            "GITHUB_MODELS_TOKEN": "secrets.GH_MODELS_TOKEN || github.token",
            "GITHUB_MODELS_BASE_URL": "vars.MODELS_BASE_URL || secrets.MODELS_BASE_URL",
            "GITHUB_MODELS_MODEL": "vars.MODELS_MODEL || secrets.MODELS_MODEL",
        },
    ),
    "one alone": (
        GateConfig(providers=("litellm",)),
        {
            "LITELLM_API_KEY": "secrets.LITELLM_API_KEY",
            "BF_TOKEN": "secrets.BF_TOKEN",
            "LITELLM_BASE_URL": "vars.LITELLM_BASE_URL || secrets.LITELLM_BASE_URL",
            "LITELLM_MODEL": "vars.LITELLM_MODEL || secrets.LITELLM_MODEL",
        },
    ),
    "one of the project's own": (
        GateConfig(
            providers=("own-one",), extra_providers=(ExtraProvider("own-one", "OWN_KEY", "https://x.test", "m"),)
        ),
        {
            "OWN_KEY": "secrets.OWN_KEY",
            "OWN_ONE_BASE_URL": "vars.OWN_ONE_BASE_URL || secrets.OWN_ONE_BASE_URL",
            "OWN_ONE_MODEL": "vars.OWN_ONE_MODEL || secrets.OWN_ONE_MODEL",
        },
    ),
}


@pytest.mark.parametrize(("gate", "expected"), PROVIDERS.values(), ids=PROVIDERS)
def test_the_gate_gets_key_address_and_model_of_each_provider(gate: GateConfig, expected: dict[str, str]) -> None:
    """By names that GitHub can store: none begins with GITHUB_."""
    files = render(replace(ADOPTERS["plain"], config=Config(gate=gate)))
    steps = load(files[".github/workflows/integration-eval.yml"])["jobs"]["gate"]["steps"]
    variables = next(step["env"] for step in steps if "-s gate" in step.get("run", ""))
    assert variables.pop("GH_TOKEN") == "${{ github.token }}"
    assert variables.pop("DAYTONA_API_KEY") == "${{ secrets.DAYTONA_API_KEY }}"
    assert variables == {name: f"${{{{ {value} }}}}" for name, value in expected.items()}
    wanted = {f"{provider.prefix}_{what}" for provider in in_order(gate) for what in ("BASE_URL", "MODEL")}
    assert wanted | {key for provider in in_order(gate) for key in provider.keys} == variables.keys()


def test_gate_results_are_uploaded_also_after_a_failure() -> None:
    """The tested commit's file is not, and only a gate that followed a test run writes one."""
    steps = rendered("plain")["integration-eval.yml"]["jobs"]["gate"]["steps"]
    uploads = [step for step in steps if "upload-artifact" in step.get("uses", "")]
    assert [(step["with"]["path"], step.get("if")) for step in uploads] == [
        ("provenance.json", "github.event_name == 'workflow_run'"), (".release-channels/gate", "always()"),
    ]  # fmt: skip


def test_the_gates_run_name_contains_commit_and_test_run() -> None:
    """It is searched for by them."""
    title = rendered("plain")["integration-eval.yml"]["run-name"]
    title = title.replace("${{ github.event.workflow_run.head_sha || inputs.branch || github.sha }}", "a" * 40)
    assert title.replace("${{ github.event.workflow_run.id || 'none' }}", "7") == gate_title("a" * 40, 7)


def test_nox_runs_from_the_lock_or_from_our_own_sources() -> None:
    """Only the line that installs the tool beside a token differs."""
    adopter = render(replace(ADOPTERS["plain"], tests=None, test_name="test"))
    own = {path: text for path, text in own_workflows(Config()).items() if path in adopter}
    adopted_start, own_start = "uv run --frozen --script noxfile.py", r"uv run (--no-(project|dev) )?nox"
    locked = "env:\n  NOX_SCRIPT_MODE: none # uv has made the locked environment already\n\n"
    for path, text in own.items():
        plain = re.sub(own_start, adopted_start, text)
        plain = re.sub(r" *- run: uv venv && .*\n| *PYTHONPATH: src\n", "", plain)
        plain = re.sub(r"( *)env:\n(?=\n)", "", plain)
        adopted = adopter[path].replace(locked, "")
        assert plain == re.sub(r" *- run: uv sync --frozen --script noxfile\.py\n", "", adopted), path


@pytest.mark.parametrize("name", ["this repository", *ADOPTERS])
def test_the_gate_installs_by_hash_before_its_secrets(name: str) -> None:
    """One step without any variable installs it; the step with the secrets resolves and builds nothing."""
    files = own_workflows(own_config()) if name == "this repository" else render(ADOPTERS[name])
    for path, text in files.items():
        for job in load(text)["jobs"].values():
            for before, step in pairwise(job["steps"]):
                if "secrets." not in str(step.get("env")):
                    continue
                assert before.keys() == {"run"}, path
                resolved = re.fullmatch(r"uv sync --frozen --script (\S+)", before["run"])
                if resolved:
                    assert step["run"].startswith(f"uv run --frozen --script {resolved[1]} "), path
                else:
                    assert before["run"] == PREPARE_GATE
                    assert "--require-hashes --no-build" in before["run"]
                    assert step["run"] == "uv run --no-project nox -s gate"


def test_a_separate_release_noxfile_is_passed_with_f() -> None:
    """Otherwise nox would read noxfile.py, with its unlocked imports."""
    for name in RELEASE:
        for job in rendered("own-file")[f"{name}.yml"]["jobs"].values():
            for step in job["steps"]:
                if "run" in step:
                    assert step["run"].startswith(
                        "uv run --frozen --script release_noxfile.py -f release_noxfile.py -s "
                    )


def test_only_private_repositories_grant_rights_to_the_last_jobs() -> None:
    """A public one can be checked out without any."""
    for name, rights in (("plain", {}), ("private", {"contents": "read"})):
        for file in RELEASE:
            jobs = rendered(name)[f"{file}.yml"]["jobs"]
            assert (jobs["verify"]["permissions"] or {}) == rights
            assert (jobs["ci-result"]["permissions"] or {}) == rights


def test_every_checkout_fetches_existing_submodules() -> None:
    """None does in a project without submodules."""
    for name, expected in (("plain", {None}), ("submodules", {"recursive"})):
        jobs = [job for workflow in rendered(name).values() for job in workflow["jobs"].values()]
        steps = [step for job in jobs for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]
        assert {step["with"].get("submodules") for step in steps} == expected


def test_job_permissions_are_minimal() -> None:
    """`id-token` in publishing jobs only, writing in `github-release` only, and the gate has neither."""
    holders: dict[str, set[str]] = {"id-token": set(), "contents": set()}
    for file, workflow in rendered("plain").items():
        for name, job in workflow["jobs"].items():
            for right, value in dict(job["permissions"] or {}).items():
                if value == "write":
                    holders[right].add(f"{file.removesuffix('.yml')}/{name}")
    assert holders == {
        "id-token": {f"{file}/{job}" for file in RELEASE for job in ("preflight", "publish")},
        "contents": {"public-release/github-release"},
    }


def test_which_jobs_run_which_sessions() -> None:
    """In every file; the two uploading sessions are in one job each."""
    started: dict[str, list[str]] = {}
    for path, text in own_workflows(own_config()).items():
        for job, content in load(text)["jobs"].items():
            for step in content["steps"]:
                line = parse_line(step.get("run", ""))
                for session in line.sessions if line else ():
                    started.setdefault(session, []).append(f"{path.rpartition('/')[2].removesuffix('.yml')}/{job}")
    preview, public = RELEASE
    assert started == {
        "lint": ["test/test"],
        "typecheck": ["test/test"],
        "tests": ["test-all/test-all", "test/test"],
        "mutations": ["test-all/search"],
        "fuzz": ["test-all/search"],
        "gate": ["integration-eval/gate"],
        "ci-preflight": [f"{preview}/preflight", f"{public}/preflight"],
        "ci-provenance": [f"{preview}/build"],
        "build-and-check": [f"{preview}/build", f"{public}/build"],
        "preview-publish": [f"{preview}/publish"],
        "public-publish": [f"{public}/publish"],
        "github-release": [f"{public}/github-release"],
        "verify": [f"{preview}/verify", f"{public}/verify"],
        "ci-result": [f"{preview}/ci-result", f"{public}/ci-result"],
    }


UNSUITABLE = {
    "main-branch": Config(main_branch="main]\n    tags: [x"),
    "tag-format": Config(tag_format='v{version}"'),
    "preview-environment": Config(preview_environment="${{ inputs.x }}"),
    "public-environment": Config(public_environment="true"),
    "gate-environment": Config(gate_environment="a: b"),
    "github-models-secret": Config(github_models_secret="A }} ${{ secrets.B"),
    "test-workflow": Config(test_workflow="../test.yml"),
    "gate-workflow": Config(gate_workflow="gate.txt"),
    "preview-workflow": Config(preview_workflow="a b.yml"),
    "public-workflow": Config(public_workflow="x/y.yml"),
}


@pytest.mark.parametrize(("key", "config"), UNSUITABLE.items(), ids=UNSUITABLE)
def test_a_setting_that_would_change_the_workflow_is_refused(key: str, config: Config) -> None:
    """No value becomes YAML, an expression, or a path out of the directory."""
    with pytest.raises(RefusedError, match=rf"release-channels\.{key} is"):
        render(Adoption(config))


@pytest.mark.parametrize("text", ["test", "CI: tests", "#1", "on", "1.0", 'a "b"', "ä", "[x]", "- a", "yes", "a/b"])
def test_any_workflow_name_is_read_back_unchanged(text: str) -> None:
    assert yaml.safe_load(f"x: [{quoted(text)}]") == {"x": [text]}


@pytest.mark.parametrize(
    ("tag_format", "pattern"), [("v{version}", "v[0-9]*"), ("{version}", "[0-9]*"), ("a/{version}-x", "a/[0-9]*-x")]
)
def test_a_tag_format_becomes_a_tag_filter(tag_format: str, pattern: str) -> None:
    """A version begins with a digit, so that other tags start nothing."""
    assert tag_pattern(tag_format) == pattern


def test_a_placeholder_on_its_own_line_accepts_several_lines() -> None:
    """With its indentation, nested ones too; an empty one removes the line."""
    values = {"a": "one\n%%{b}\nthree", "b": "two", "none": ""}
    assert fill("x:\n  %%{a}\n  %%{none}\ny: <%%{b}>\n", values) == "x:\n  one\n  two\n  three\ny: <two>\n"
    with pytest.raises(KeyError):
        fill("%%{unknown}", values)
