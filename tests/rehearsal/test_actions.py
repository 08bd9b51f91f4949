"""The counterparts of actions that test workflows use, under the real act."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release_channels.rehearsal.actions.run import WorkflowRunResult
from tests.rehearsal.stages import NO_GATE, WorkflowRunner, job, runner_of, workflow
from tests.support.projects import Sample
from tests.support.repo import Repo

HERE = ".".join(map(str, sys.version_info[:2]))
SHOW = "echo $HIT,$KEY,$MATCHED,"


@contextmanager
def job_of(tmp_path: Path, *steps: str, **files: str) -> Iterator[tuple[WorkflowRunner, WorkflowRunResult]]:
    """Run a test workflow of one job with what it runs."""
    written: dict[str, str | bytes] = {".github/workflows/test.yml": workflow(job(*steps)), **files}
    repo = Repo.create(tmp_path / "repo", Sample(files=written, tail=NO_GATE).tree())
    with runner_of(repo, tmp_path / "world") as runner:
        runner.dispatcher.with_tests = True
        yield runner, runner.run("test.yml")


def lines(ran: WorkflowRunResult) -> list[str]:
    """Return what the job printed."""
    return ran.act_result.said().splitlines()


def foreign_files() -> set[Path]:
    """List what is installed for the Pythons of this machine."""
    words = ("uv", "python", "find", "--system", "--no-project", "--no-python-downloads", HERE)
    base = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    show = (base, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    return {*Path(subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip()).iterdir()}


def test_setup_python_gives_an_environment_of_its_own(offline: None, tmp_path: Path) -> None:
    """`python` is the wanted one, pip installs into it and not into this machine's Python, and outputs are set."""
    before = foreign_files()
    setup = f"{{id: py, uses: actions/setup-python@v6, with: {{python-version: '{HERE}', cache: pip}}}}"
    echo = (
        "{run: 'echo $HIT $V && test $P = $(command -v python) && test $pythonLocation = $(dirname $(dirname $P))', "
        "env: {HIT: '${{ steps.py.outputs.cache-hit }}', V: '${{ steps.py.outputs.python-version }}', "
        "P: '${{ steps.py.outputs.python-path }}'}}"
    )
    show = "python -c 'import idna, sys; print(sys.prefix != sys.base_prefix, *sys.version_info[:2])'"
    with job_of(tmp_path, "{uses: actions/checkout@v7}", setup, echo, "python -m pip install --quiet idna", show) as (
        _,
        ran,
    ):
        assert ran.is_green, ran.act_result.said()
        assert "false " + ".".join(map(str, sys.version_info[:3])) in lines(ran)
        assert f"True {HERE.replace('.', ' ')}" in lines(ran)
        assert ran.not_rehearsed == ()
    assert foreign_files() == before


FORMS = ("3.x", f"~{HERE}", f">={HERE} <3.99", f"{HERE}.x", f"{HERE}-dev", f"3.99.1\\n{HERE}")


@pytest.mark.full
def test_the_forms_of_a_python_version_are_understood(offline: None, tmp_path: Path) -> None:
    """Ranges as the action takes them, several, of which the last counts, and the file `.python-version`."""
    setup = '{uses: actions/setup-python@v6, with: {python-version: "%s"}}'
    steps = [step for form in FORMS for step in (setup % form, "python --version")]
    last = ("{uses: actions/checkout@v7}", "{uses: actions/setup-python@v6}", "python --version")
    with job_of(tmp_path, *steps, *last, **{".python-version": f"# ours\n{HERE}\n"}) as (_, ran):
        assert ran.is_green, ran.act_result.said()
        printed = [line for line in lines(ran) if line.startswith("Python 3.") and " in " not in line]
        assert len(printed) == len(FORMS) + 1
        assert {line.rpartition(".")[0] for line in printed[1:]} == {f"Python {HERE}"}
        assert ran.not_rehearsed == (f"test.yml: Python 3.99.1 (not on this machine, so {HERE} is taken)",)


@pytest.mark.full
def test_a_python_that_is_not_here_is_named(offline: None, tmp_path: Path) -> None:
    """The job continues with this tool's own."""
    setup = "{uses: actions/setup-python@v6, with: {python-version: '3.99', architecture: x86}}"
    with job_of(tmp_path, setup, "python --version") as (_, ran):
        assert ran.is_green, ran.act_result.said()
        assert f"Python {'.'.join(map(str, sys.version_info[:3]))}" in lines(ran)
        assert ran.not_rehearsed == (
            "test.yml: architecture of actions/setup-python",
            f"test.yml: Python 3.99 (not on this machine, so {HERE} is taken)",
        )


@pytest.mark.full
def test_pip_touches_no_python_of_this_machine(offline: None, tmp_path: Path) -> None:
    """Without setup-python it refuses: on GitHub the runner is thrown away, and this machine is not."""
    before = foreign_files()
    with job_of(tmp_path, f"$(uv python find --system {HERE}) -m pip install idna") as (_, ran):
        assert ran.conclusion == "failure", ran.act_result.said()
        assert "virtualenv" in ran.act_result.said()
    assert foreign_files() == before


def test_a_cache_is_always_missed(offline: None, tmp_path: Path) -> None:
    """With the outputs of a miss; where that has to fail, it fails."""
    step = "{id: %s, uses: %s, with: {path: x, key: k-1%s}}"
    outputs = {"HIT": "cache-hit", "KEY": "cache-primary-key", "MATCHED": "cache-matched-key"}
    shows = []
    for id in ("one", "two"):
        env = ", ".join(f"{name}: '${{{{ steps.{id}.outputs.{output} }}}}'" for name, output in outputs.items())
        shows.append(f"{{run: '{SHOW}', env: {{{env}}}}}")
    steps = [
        step % ("one", "actions/cache@v5", ""), shows[0],
        step % ("two", "actions/cache/restore@v5", ", restore-keys: k-"), shows[1],
        "{uses: actions/cache/save@v5, with: {path: x, key: k-1}}",
        step % ("three", "actions/cache@v5", ", fail-on-cache-miss: true"), "echo never",
    ]  # fmt: skip
    with job_of(tmp_path, *steps) as (_, ran):
        assert ran.conclusion == "failure", ran.act_result.said()
        assert [line for line in lines(ran) if line.endswith(",,")] == ["false,,,", "false,k-1,,"]
        assert "there is no cache for the key k-1, and fail-on-cache-miss is true" in ran.act_result.said()
        assert "never" not in lines(ran)
        assert ran.not_rehearsed == (
            "test.yml: a cache that is found (here each one is a miss)", "test.yml: saving a cache",
        )  # fmt: skip


@pytest.mark.full
@pytest.mark.skipif(shutil.which("node") is None, reason="asks for the Node of this machine")
def test_setup_node_takes_the_node_of_this_machine(offline: None, tmp_path: Path) -> None:
    """Another version is named."""
    here = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout.strip()
    major = here.removeprefix("v").partition(".")[0]
    steps = [
        f"{{id: n, uses: actions/setup-node@v6, with: {{node-version: '{major}.x'}}}}",
        "{run: 'echo $V && node --version', env: {V: '${{ steps.n.outputs.node-version }}'}}",
        "{uses: actions/setup-node@v6, with: {node-version: lts/*}}",
    ]
    with job_of(tmp_path, *steps) as (_, ran):
        assert ran.is_green, ran.act_result.said()
        assert lines(ran).count(here) == 2
        assert ran.not_rehearsed == (f"test.yml: Node lts/* (this machine has {here})",)


def test_other_actions_are_left_out_by_name(offline: None, tmp_path: Path) -> None:
    """Also one in a directory of its repository, one of the project's own, and a container."""
    foreign = (
        "codecov/codecov-action@v5",
        "github/codeql-action/init@v3",
        "./.github/actions/mine",
        "docker://alpine:3",
    )
    steps = [f"{{uses: '{uses}', with: {{token: x}}}}" for uses in foreign]
    mine = {".github/actions/mine/action.yml": "runs: {using: composite, steps: [{run: exit 1, shell: bash}]}\n"}
    with job_of(tmp_path, *steps, "echo tested", **mine) as (_, ran):
        assert ran.is_green, ran.act_result.said()
        assert lines(ran).count("tested") == 1
        assert ran.not_rehearsed == tuple(f"test.yml: {uses.partition('@')[0]}" for uses in foreign)
