"""What `init` reports about a project's existing workflow files."""

from __future__ import annotations

import pytest

from release_channels.adoption.existing_workflows import (
    ExistingWorkflow,
    existing_workflows,
    is_test_file,
    readers_of_every_workflow,
)
from release_channels.adoption.plan import AdoptionPlan, Kind, PlannedFile
from release_channels.adoption.test_runs import runs_tests
from release_channels.adoption.workflows.rules import check_workflows
from release_channels.model.config import Config
from release_channels.model.workflow_semantics.file import read_workflow

HERE = ".github/workflows"
GATE = "on:\n  workflow_run:\n    workflows: [tests]\njobs: {}\n"
PUBLIC = "on:\n  push:\n    tags: ['v*']\njobs: {}\n"
STEP = "jobs:\n  go:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: {}\n"
TESTS = "on:\n  push:\n    branches: [main]\n" + STEP.format("pytest")
DRAFT = "on:\n  push:\n    branches: [main]\n" + STEP.format("echo draft")


def adoption_rows(
    workflows: dict[str, str], tests: dict[str, str] | None = None, *, has_own: bool = False, update: bool = False
) -> list[ExistingWorkflow]:
    """Plan an adoption with these workflows."""
    files = {"integration-eval.yml": GATE, "public-release.yml": PUBLIC}
    if not has_own:
        files["test.yml"] = TESTS
    planned = tuple(
        PlannedFile(f"{HERE}/{name}", workflows.get(name), text, _kind(workflows.get(name), text))
        for name, text in files.items()
    )
    theirs = {f"{HERE}/{name}": text for name, text in workflows.items()}
    broken = tuple(
        violation for violation in check_workflows(theirs, Config()) if violation.path.rpartition("/")[2] not in files
    )
    plan = AdoptionPlan(planned, Config(), "noxfile.py", "", broken, ())
    return list(existing_workflows(theirs, plan, tests or {}, update=update))


def _kind(old: str | None, new: str) -> Kind:
    return Kind.NEW if old is None else Kind.SAME if old == new else Kind.DRIFTED


TESTING = [
    "pytest", "python -m pytest -n auto", "uvx nox -s ${{ matrix.session }}", "nox -s tests-3.13", "tox run -e py313",
    "make test", "hatch test", "scripts/test", "bash ./ci/run-tests.sh", "uv run bash scripts/test-cov.sh",
    "pip install .\n  python test_all.py", "python -m unittest", "uvx nox -s lint tests", "nox -s tests build",
    "nox -s tests -- lint", "nox", "nox --session=tests", "bash -e ci/test.sh", "sudo ./scripts/test",
    "cd a && scripts/test", "bash run_tests.sh", "coverage run -m pytest", "CI=1 pytest",
]  # fmt: skip
NOT_TESTING = [
    "echo draft", "nox -s lint", "uvx nox -s docs", "cp -r src/tests /tmp", "test -f tests/a.py", "ruff check tests",
    "python setup.py sdist", "pip install nox\n  nox -s lint", "nox -s release", "nox -s format", "nox -s pre_commit",
    "nox --version", "nox -s \\\n  lint", "ruff check \\\n  src/demo/tests", "scripts/test_pypi.sh",
    "bash scripts/test-upload.sh", "python3 scripts/test_release_notes.py", "docs/tests.md", "uv tool install tox",
    "nox -s docs -- tests",
]  # fmt: skip


@pytest.mark.parametrize("command", [*TESTING, *NOT_TESTING])
def test_a_workflow_that_tests_is_known_by_what_it_runs(command: str) -> None:
    """By its steps, whatever starts the tests."""
    step = "jobs:\n  go:\n    steps:\n      - run: |\n          " + command.replace("\n  ", "\n          ")
    assert runs_tests(read_workflow(f"on: push\n{step}\n", "x.yml")) is (command in TESTING)


CALLED = ["reusable-tox.yml", "run-tests.yml", "unit_tests.yml", "_test.yml"]


@pytest.mark.parametrize("name", [*CALLED, "docs.yml", "publish-to-test-pypi.yml"])
def test_a_job_in_a_workflow_for_tests_tests(name: str) -> None:
    """By that workflow's name."""
    job = f"jobs:\n  go:\n    uses: acme/workflow/.github/workflows/{name}@v1\n"
    assert runs_tests(read_workflow(f"on: push\n{job}", "x.yml")) is (name in CALLED)


CONFLICTS: dict[str, tuple[str, list[str]]] = {
    "nothing": (DRAFT, []),
    "upload": (
        "on: workflow_dispatch\n" + STEP.format("twine upload dist/*"), ["uploads beside public-release.yml"],
    ),
    "tag": (PUBLIC, ["runs for a tag, as public-release.yml does"]),
    "tag and upload": (
        PUBLIC.replace("jobs: {}\n", STEP.format("uv publish")),
        ["runs for a tag, as public-release.yml does", "uploads beside public-release.yml"],
    ),
    "release": (
        "on:\n  release:\n    types: [published]\njobs: {}\n",
        ["is not started by the GitHub Release that public-release.yml makes"],
    ),
    "release, as a list": (
        "on: [release]\njobs: {}\n", ["is not started by the GitHub Release that public-release.yml makes"],
    ),
    "gate": (GATE, ["runs after tests, as integration-eval.yml does"]),
    "gate, by a pattern": (GATE.replace("[tests]", "['te*']"), ["runs after tests, as integration-eval.yml does"]),
    "chain without it": (GATE.replace("[tests]", "['*', '!tests']"), []),
    "chain of something else": (GATE.replace("[tests]", "[docs]"), []),
    "another tag": ("on: {push: {tags: ['nightly-*']}}\njobs: {}\n", []),
    "tests": (TESTS, ["runs tests for each push, as test.yml does"]),
    "tests of a pull request": ("on: pull_request\n" + STEP.format("pytest"), []),
    "not YAML": ("on: [", ["not known: "]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "conflicts"), CONFLICTS.values(), ids=CONFLICTS)
def test_workflows_that_would_run_twice_are_reported(text: str, conflicts: list[str]) -> None:
    """The file is kept; each event that also starts one of the tool's files is listed with that file."""
    (row,) = adoption_rows({"mine.yml": text})
    assert (row.name, row.fate) == ("mine.yml", "kept")
    assert len(row.conflicts) == len(conflicts)
    assert all(actual.startswith(conflict) for actual, conflict in zip(row.conflicts, conflicts, strict=True))


def test_each_changed_workflow_is_listed_with_its_fate() -> None:
    """A file of the same name is replaced only on request; an unchanged one is not listed."""
    files = {"integration-eval.yml": DRAFT, "public-release.yml": PUBLIC, "test.yml": DRAFT}
    replaced, kept = adoption_rows(files, has_own=True)
    assert (replaced.name, replaced.fate) == ("integration-eval.yml", "kept; `--update` replaces it")
    assert (kept.name, kept.fate) == ("test.yml", "kept: its runs are the tests that previews follow")
    assert [row.fate for row in adoption_rows(files, has_own=True, update=True)] == ["replaced", kept.fate]


def test_what_a_replaced_file_loses_is_named() -> None:
    """Each kind of its parts that the new one has not; a few by name, the others by their number."""
    steps = "".join(f"      - name: part {number}\n        run: 'true'\n" for number in range(6))
    text = (
        "on:\n  push:\n    tags: ['v*']\n  schedule:\n    - cron: '1 1 * * *'\n"
        "jobs:\n  images:\n    runs-on: ubuntu-24.04\n    steps:\n"
        f"      - uses: docker/login-action@v3\n        with: {{password: '${{{{ secrets.HUB_TOKEN }}}}'}}\n{steps}"
    )
    (row,) = adoption_rows({"public-release.yml": text})
    assert row.conflicts == (
        "loses the event schedule",
        "loses the job images",
        "loses the steps part 0, part 1, part 2, part 3 and 2 more",
        "loses the action docker/login-action",
        "loses the secret HUB_TOKEN",
    )
    (row,) = adoption_rows({"public-release.yml": "on: ["})
    assert [text.partition(":")[0] for text in row.conflicts] == ["not known"]


def test_the_projects_own_test_workflow_does_not_run_twice() -> None:
    """No other test workflow is written."""
    (row,) = adoption_rows({"test.yml": TESTS}, has_own=True)
    assert row.conflicts == ()


def test_tests_that_read_a_workflow_are_listed() -> None:
    """By the file's name; a test that reads the directory reads new files too."""
    tests = {"tests/test_gate.py": 'read("gate.yml")', "tests/test_all.py": 'Path(".github") / "workflows"'}
    gate, other = adoption_rows({"gate.yml": DRAFT, "other.yml": DRAFT}, tests)
    assert (gate.tests, other.tests) == (("tests/test_gate.py",), ())
    assert readers_of_every_workflow(tests) == ("tests/test_all.py",)


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/unit/helper.py", True), ("test/x.py", True), ("src/x/test_y.py", True), ("pkg/y_test.py", True),
        ("src/x/contest.py", False), ("tests/data/x.yml", False), ("latest.py", False),
    ],
)  # fmt: skip
def test_a_test_is_recognized_by_its_path(path: str, is_test: bool) -> None:
    """As pytest and unittest find them, with their helper files."""
    assert is_test_file(path) is is_test
