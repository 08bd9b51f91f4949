"""The copy of a workflow file that act runs: what is removed, what is kept, and that each removal is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from release_channels.errors import RefusedError
from release_channels.model.workflow_semantics.secrets import secrets_of
from release_channels.rehearsal.actions.act_compat import STAND_IN, STAND_IN_USES, clean
from release_channels.rehearsal.actions.run_files import mapped_actions
from release_channels.rehearsal.actions.workflow import Workflow, parse_workflow

MAPPED = mapped_actions()
OWN = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))
OF_JOB = "fromJSON(secrets.REHEARSAL_SECRETS)[github.job]"
TEXT = """\
name: one
on: push
permissions:
  contents: read # kept
  artifact-metadata: write
concurrency:
  group: one # kept, too
  queue: max
jobs:
  a:
    runs-on: x
    environment: {deployment: false, name: live}
    timeout-minutes: 5
    concurrency: {group: b, queue: max}
    steps:
      - uses: actions/checkout@v7
        with:
          submodules: true
          fetch-depth: 0
      - run: |
          one
          two
        env:
          A: b
      - run: three
"""


def workflow(text: str = TEXT, file: str = "one.yml") -> Workflow:
    """Read a text as a workflow file."""
    return parse_workflow(f".github/workflows/{file}", text)


def load(text: str) -> Any:
    """Read YAML as plain data."""
    return yaml.safe_load(text)


def test_keys_unknown_to_act_are_removed_and_reported() -> None:
    """The other lines keep their meaning and their numbers."""
    cleaned = clean(workflow(), MAPPED)
    expected = load(TEXT)
    del expected["permissions"]["artifact-metadata"]
    del expected["concurrency"]["queue"]
    del expected["jobs"]["a"]["environment"]["deployment"]
    del expected["jobs"]["a"]["concurrency"]["queue"]
    assert load(cleaned.text) == expected
    before, after = TEXT.splitlines(), cleaned.text.splitlines()
    assert [after[number] for number, line in enumerate(before) if "kept" in line or "- run: three" in line] == [
        line for line in before if "kept" in line or "- run: three" in line
    ]
    assert set(cleaned.not_rehearsed) == {
        "one.yml: permissions.artifact-metadata", "one.yml: concurrency.queue", "one.yml: environment.deployment",
        "one.yml: concurrency", "one.yml: timeout-minutes", "one.yml: submodules of actions/checkout",
    }  # fmt: skip


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_own_workflows_lose_only_the_queue_key(path: Path) -> None:
    """Secrets are read from the job's own set; everything else is the committed file."""
    text = path.read_text(encoding="utf-8")
    cleaned = clean(workflow(text, path.name), MAPPED)
    expected = load(text.replace("secrets.", f"{OF_JOB}."))
    expected.get("concurrency", {}).pop("queue", None)
    assert load(cleaned.text) == expected
    assert text.count("--index pypi") == cleaned.text.count("--index pypi")


def test_the_test_command_is_replaced_by_a_notice() -> None:
    """The job, its checkout and its steps stay."""
    cleaned = clean(workflow(), MAPPED, is_tests=True)
    steps = load(cleaned.text)["jobs"]["a"]["steps"]
    assert [step.get("run", step.get("uses")) for step in steps] == [
        "actions/checkout@v7", 'echo "not rehearsed"', 'echo "not rehearsed"',
    ]  # fmt: skip
    assert steps[1]["env"] == {"A": "b"}
    assert "one.yml: what its jobs run (--with-tests runs it)" in cleaned.not_rehearsed


FOREIGN = (
    "codecov/codecov-action@v5", "somebody/checkout@v1", "github/codeql-action/init@v3", "./.github/actions/mine",
    "docker://alpine:3",
)  # fmt: skip


@pytest.mark.parametrize("uses", FOREIGN)
def test_release_workflows_refuse_actions_without_a_double(uses: str) -> None:
    """act would download it; in the project's own tests it is left out and reported."""
    other = workflow(TEXT.replace("actions/checkout@v7", uses))
    with pytest.raises(RefusedError, match="has no counterpart for"):
        clean(other, MAPPED)
    cleaned = clean(other, MAPPED, is_tests=True)
    assert cleaned.actions == {STAND_IN_USES: STAND_IN}
    assert load(cleaned.text)["jobs"]["a"]["steps"][0]["uses"] == STAND_IN_USES
    assert f"one.yml: {uses.partition('@')[0]}" in cleaned.not_rehearsed


EXPRESSIONS = {
    "a path": ("${{ secrets.KEY }}", f"${{{{ {OF_JOB}.KEY }}}}"),
    "an index": ("${{ secrets['KEY'] }}", f"${{{{ {OF_JOB}['KEY'] }}}}"),
    "all": ("${{ toJSON(Secrets) }}", f"${{{{ toJSON({OF_JOB}) }}}}"),
    "two": ("${{ vars.A || secrets.A || secrets.B }}", f"${{{{ vars.A || {OF_JOB}.A || {OF_JOB}.B }}}}"),
    "over lines": ("${{ secrets.A\n          || secrets.B }}", f"${{{{ {OF_JOB}.A\n          || {OF_JOB}.B }}}}"),
    "a string": ("${{ 'it''s secrets.KEY' }}", "${{ 'it''s secrets.KEY' }}"),
    "braces in a string": (
        "${{ format('{{{0}}}', secrets.KEY) }}",
        f"${{{{ format('{{{{{{0}}}}}}', {OF_JOB}.KEY) }}}}",
    ),
    "another context": ("${{ inputs.secrets || my-secrets.a }}", "${{ inputs.secrets || my-secrets.a }}"),
    "no expression": ("secrets.KEY", "secrets.KEY"),
}


@pytest.mark.parametrize(("written", "expected"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_secret_expressions_read_the_jobs_own_set(written: str, expected: str) -> None:
    """Also in the workflow's own `env`: act has one set of secrets for all jobs."""
    text = TEXT.replace("A: b", f'A: "{written}"').replace("on: push", f'on: push\nenv: {{B: "{written}"}}')
    cleaned = load(clean(workflow(text), MAPPED).text)
    joined = " ".join(expected.split())
    assert cleaned["env"]["B"] == cleaned["jobs"]["a"]["steps"][1]["env"]["A"] == joined


STORED = {"": {"A": "1", "B": "1"}, "Live": {"A": "2", "C": "2"}, "other": {"D": "3"}}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param("", {"A": "1", "B": "1"}, id="none"),
        pytest.param("live", {"A": "2", "B": "1", "C": "2"}, id="in another case"),
        pytest.param("other", {"A": "1", "B": "1", "D": "3"}, id="another"),
        pytest.param("new", {"A": "1", "B": "1"}, id="without secrets"),
    ],
)
def test_a_job_gets_the_secrets_of_its_environment(environment: str, expected: dict[str, str]) -> None:
    """An environment's secret overrides the repository's."""
    assert secrets_of(STORED, environment) == expected


@pytest.mark.parametrize(
    "job", ["{uses: X, needs: [a], if: always()}", "\n    needs: a\n    if: always()\n    uses: X\n"]
)
def test_a_job_of_the_tests_in_a_reusable_workflow_is_stood_in_for(job: str) -> None:
    """It keeps its place in the order; with its rights and inputs it is listed as not rehearsed."""
    calls = job.replace("X", "./.github/workflows/b.yml@main")
    text = f"{TEXT}  b: {calls}\n  c:\n    needs: b\n    runs-on: x\n    steps: [{{run: four}}]\n"
    path = ".github/workflows/one.yml"
    cleaned = clean(parse_workflow(path, text, is_tests=True), MAPPED, is_tests=True, runs_tests=True)
    jobs = load(cleaned.text)["jobs"]
    assert jobs["b"].pop("needs") in ("a", ["a"])
    assert jobs["b"] == {"if": "always()", "runs-on": "ubuntu-latest", "steps": [{"run": 'echo "not rehearsed"'}]}
    assert jobs["c"] == load(text)["jobs"]["c"]
    assert "one.yml: ./.github/workflows/b.yml@main" in cleaned.not_rehearsed
    with pytest.raises(RefusedError, match=r"job b: the reusable workflow .* cannot be rehearsed"):
        parse_workflow(path, text)


BROKEN = {
    "no YAML": ("on: [", "is not YAML"),
    "no mapping": ("- on", "is not a workflow"),
    "no jobs": ("on: push\n", "has no `on:` or no `jobs:`"),
    "no event": (TEXT.replace("on: push\n", ""), "has no `on:` or no `jobs:`"),
    "a reusable workflow": ("on: push\njobs:\n  a:\n    uses: ./.github/workflows/b.yml\n", "cannot be rehearsed"),
}


@pytest.mark.parametrize(("text", "message"), BROKEN.values(), ids=BROKEN)
def test_invalid_workflow_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        workflow(text)


def test_job_permissions_replace_the_files() -> None:
    """`none` grants nothing."""
    text = "on: push\npermissions: {contents: write}\njobs:\n  a: {runs-on: x, steps: []}\n"
    text += "  b: {runs-on: x, permissions: {id-token: write, contents: none}, steps: []}\n"
    text += "  c: {runs-on: x, permissions: {}, steps: []}\n"
    text += "  d: {runs-on: x, permissions: write-all, steps: []}\n"
    text += "  e: {runs-on: x, permissions: read-all, steps: []}\n"
    jobs = {job.id: job.permissions for job in workflow(text).jobs}
    every, reading = jobs.pop("d"), jobs.pop("e")
    assert {"contents: write", "id-token: write", "packages: write"} <= every
    assert {right.partition(":")[0] for right in every} - {right.partition(":")[0] for right in reading} == {"id-token"}
    assert all(right.endswith(": read") for right in reading)
    (unnamed,) = workflow("on: push\njobs:\n  a: {runs-on: x, steps: []}\n").jobs
    assert unnamed.permissions == {"contents: read", "packages: read"}
    assert jobs == {"a": {"contents: write"}, "b": {"id-token: write"}, "c": frozenset()}
