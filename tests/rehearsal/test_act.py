"""Workflow runs by act: checkout, artifacts, run numbers, and the end of every process."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path

import pytest

from release_channels.errors import FailedError, RefusedError
from release_channels.model.version import Channel
from release_channels.rehearsal.actions.act import find_act
from release_channels.rehearsal.actions.run import RunOverrides
from release_channels.rehearsal.actions.run_files import log_of
from release_channels.rehearsal.faults.fault import End, Fault, FaultContext, held_at, kill
from release_channels.rehearsal.faults.run import require_expected_ends, run_fault
from tests.rehearsal.stages import NO_GATE, WorkflowRunner, job, make_runner, runner_of, workflow
from tests.support.processes import survivors
from tests.support.projects import Sample
from tests.support.repo import Repo

PREVIEW, PUBLIC = "internal-preview-release.yml", "public-release.yml"
LOOK = (
    "git rev-parse HEAD", "git rev-list --count HEAD",
    "git cat-file --batch-all-objects --batch-check | grep -c ' commit '", "git tag --list", "git status --porcelain",
    "git symbolic-ref --short HEAD || echo detached", "git config remote.origin.url",
)  # fmt: skip


def lines(text: str) -> list[str]:
    """Return the lines that a job printed, without git's own."""
    return [line for line in text.splitlines() if line and not line.startswith("fatal:")]


def test_a_checkout_is_made_as_on_github(offline: None, tmp_path: Path) -> None:
    """One commit without tags, or all of them; the remote's name is GitHub's and its target the local one."""
    full = "{uses: actions/checkout@v7, with: {fetch-depth: 0, persist-credentials: false}}"
    text = workflow(
        job("{uses: actions/checkout@v7}", *LOOK),
        job(full, *LOOK, "git rev-parse origin/main", "git ls-remote --tags origin v0.9", name="full"),
    )
    with make_runner(tmp_path, {"one.yml": text}) as runner:
        runner.environment.git("commit", "--quiet", "--allow-empty", "--message", "More")
        runner.environment.git("tag", "v0.9")
        runner.environment.git("push", "--quiet", "origin", "v0.9")
        (runner.environment.checkout / "uncommitted.txt").write_text("no")
        ran = runner.run()
        assert ran.is_green, ran.act_result.said()
        sha = runner.environment.git("rev-parse", "HEAD")
        address = f"https://github.com/{runner.environment.repository}"
        assert lines(ran.act_result.said("one")) == [sha, "1", "1", "main", address]
        printed = lines(ran.act_result.said("full"))
        assert printed == [sha, "2", "2", "v0.9", "main", address, sha, f"{sha}\trefs/tags/v0.9"]


NOXFILE = f"""\
import sys
import nox

@nox.session(python=["{sys.version_info.major}.{sys.version_info.minor}", "3.99"], venv_backend="uv")
def tests(session):
    session.run("python", "-c", "print('tested')")
"""


def test_a_session_without_its_python_is_skipped_with_a_note(offline: None, tmp_path: Path) -> None:
    """As nox does outside of `CI`."""
    text = workflow(job("{uses: actions/checkout@v7}", "uv run --no-project --with nox nox -s tests"))
    repo = Repo.create(
        tmp_path / "repo",
        Sample(files={".github/workflows/test.yml": text, "noxfile.py": NOXFILE}, tail=NO_GATE).tree(),
    )
    with runner_of(repo, tmp_path / "world") as runner:
        runner.dispatcher.with_tests = True
        ran = runner.run("test.yml")
        assert ran.is_green, ran.act_result.said()
        assert lines(ran.act_result.said()).count("tested") == 1
        assert ran.not_rehearsed == ("test.yml: Python 3.99 (not on this machine), for the session tests-3.99",)


def test_a_job_in_a_reusable_workflow_is_stood_in_for(offline: None, tmp_path: Path) -> None:
    """Jobs that wait for it run."""
    text = workflow(job("echo first")) + "  two:\n    needs: one\n    uses: ./.github/workflows/other.yml\n"
    text += "  three:\n    needs: two\n    runs-on: ubuntu-latest\n    steps: [{run: echo third}]\n"
    repo = Repo.create(tmp_path / "repo", Sample(files={".github/workflows/test.yml": text}, tail=NO_GATE).tree())
    with runner_of(repo, tmp_path / "world") as runner:
        runner.dispatcher.with_tests = True
        ran = runner.run("test.yml")
        assert ran.is_green, ran.act_result.said()
        assert [line for line in lines(ran.act_result.said()) if line in ("first", "not rehearsed", "third")] == [
            "first", "not rehearsed", "third",
        ]  # fmt: skip
        assert "test.yml: ./.github/workflows/other.yml" in ran.not_rehearsed


@pytest.mark.full
def test_a_passed_run_without_any_test_is_a_warning(
    offline: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """nox succeeds when it has skipped every session."""
    noxfile = NOXFILE.replace(f'"{sys.version_info.major}.{sys.version_info.minor}", ', "")
    text = workflow(job("{uses: actions/checkout@v7}", "uv run --no-project --with nox nox -s tests"))
    repo = Repo.create(
        tmp_path / "repo",
        Sample(files={".github/workflows/test.yml": text, "noxfile.py": noxfile}, tail=NO_GATE).tree(),
    )
    with runner_of(repo, tmp_path / "world") as runner:
        runner.dispatcher.with_tests = True
        ran = runner.run("test.yml")
    assert ran.is_green, ran.act_result.said()
    assert "warning: test.yml ran nothing of the session tests" in capsys.readouterr().err


def test_artifacts_are_passed_between_jobs_and_runs(offline: None, tmp_path: Path) -> None:
    """Without hidden files; another run's requires a permission, and the API lists it."""
    make = "mkdir -p dist/sub && touch dist/a.txt dist/sub/b.txt dist/.hidden r.json"
    upload = '{id: up, uses: actions/upload-artifact@v7, with: {name: built, path: "dist/\\nr.json"}}'
    where = "artifact-ids: '${{ needs.one.outputs.id }}', path: '${{ runner.temp }}/got'"
    get = f"{{uses: actions/download-artifact@v8, with: {{{where}}}}}"
    show = "cd $RUNNER_TEMP/got && find . -type f | sort"
    first = workflow(
        job(make, upload, outputs="{id: '${{ steps.up.outputs.artifact-id }}'}"),
        job(get, show, name="two", needs="one"),
    )
    where = "run-id: '${{ github.event.workflow_run.id }}', github-token: '${{ github.token }}'"
    other = f"{{uses: actions/download-artifact@v8, with: {{name: built, {where}}}}}"
    follow = "{workflow_run: {workflows: [one], types: [completed]}}"
    second = workflow(
        job(other, "find . -type f | sort", name="may", permissions="{actions: read}"), on=follow
    ).replace("name: one", "name: second")
    missing = workflow(job("{uses: actions/upload-artifact@v7, with: {name: x, path: gone, if-no-files-found: error}}"))
    files = {"one.yml": first, PREVIEW: second, "three.yml": missing.replace("on: push", "on: workflow_dispatch")}
    with make_runner(tmp_path, files) as runner:
        runner.push()
        one, two = runner.dispatcher.run_all(runner.dispatcher.pushed())
        assert one.is_green, one.act_result.said()
        assert lines(one.act_result.said("two")) == ["./dist/a.txt", "./dist/sub/b.txt", "./r.json"]
        assert (two.workflow.file, two.event.payload["workflow_run"]["id"]) == (PREVIEW, one.id)
        assert lines(two.act_result.said()) == ["./dist/a.txt", "./dist/sub/b.txt", "./r.json"]
        assert [(item.name, item.run_id) for item in runner.environment.state.artifacts.values()] == [("built", one.id)]
        ran = runner.dispatcher.dispatch("three.yml", "refs/heads/main", {})
        assert "No files were found" in ran.act_result.said()
        assert len(runner.environment.state.artifacts) == 1


@pytest.mark.full
def test_runs_are_numbered_by_workflow(offline: None, tmp_path: Path) -> None:
    """A repeated run keeps number and id, as a new attempt."""
    step = "echo $GITHUB_RUN_NUMBER $GITHUB_RUN_ATTEMPT $GITHUB_RUN_ID"
    head = "run-name: run for ${{ github.sha }}\n"
    with make_runner(tmp_path, {PREVIEW: workflow(job(step), head=head), PUBLIC: workflow(job(step))}) as runner:
        runner.push()
        first, other = runner.dispatcher.run_all(runner.dispatcher.pushed())
        again = runner.dispatcher.run_again(first)
        assert [lines(ran.act_result.said()) for ran in (first, other, again)] == [
            [f"1 1 {first.id}"], [f"1 1 {other.id}"], [f"1 2 {first.id}"],
        ]  # fmt: skip
        stored = runner.environment.state.runs[first.id]
        assert (stored.number, len(stored.attempts), stored.now.conclusion) == (1, 2, "success")
        assert stored.title == f"run for {runner.dispatcher.main}"
        assert [item.conclusion for item in stored.now.jobs] == ["success"]


def test_skipped_and_failed_jobs_differ(offline: None, tmp_path: Path) -> None:
    """act prints nothing about a skipped job."""
    text = workflow(
        job("exit 3"),
        job("true", name="after", needs="one"),
        job("true", name="never", **{"if": "github.ref == 'elsewhere'"}),
        job(
            "echo $NEEDS",
            name="last",
            needs="[one, after]",
            **{"if": "always()", "env": "{NEEDS: '${{ toJSON(needs) }}'}"},
        ),
    )
    with make_runner(tmp_path, {"one.yml": text}) as runner:
        ran = runner.run()
    assert ran.jobs == {"one": "failure", "after": "skipped", "never": "skipped", "last": "success"}
    assert ran.conclusion == "failure"
    assert {key: need["result"] for key, need in json.loads(ran.act_result.said("last")).items()} == {
        "one": "failure", "after": "skipped",
    }  # fmt: skip


@pytest.mark.full
def test_a_workflow_that_act_refuses_is_reported(offline: None, tmp_path: Path) -> None:
    """In act's words; no job failed."""
    with (
        make_runner(tmp_path, {"one.yml": workflow(job("true", nonsense="5"))}) as runner,
        pytest.raises(FailedError, match=r"act could not run \.github/workflows/one\.yml") as stop,
    ):
        runner.run()
    assert "nonsense" in stop.value.hint


STUBBORN = (
    "setsid python3 -c 'import os, signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    "print(os.getpid(), flush=True); time.sleep(600)' > pid & disown; until [ -s pid ]; do sleep 0.1; done; "
    "cp pid $KEPT; sleep {rest}"
)


@pytest.mark.parametrize(("rest", "seconds"), [("0", 60), ("600", 4)], ids=["it ended", "it took too long"])
def test_no_process_outlives_a_run(offline: None, tmp_path: Path, rest: str, seconds: int) -> None:
    """Not even a child in its own session that ignores SIGHUP."""
    step = json.dumps(f"echo begun; {STUBBORN.format(rest=rest)}")
    with make_runner(tmp_path, {"one.yml": workflow(job(step, env=f"{{KEPT: {tmp_path / 'pid'}}}"))}) as runner:
        ran = runner.run(changes=RunOverrides(seconds=seconds))
        assert ran.act_result.broke_off is (rest != "0")
        assert ran.conclusion == ("success" if rest == "0" else "failure")
        assert survivors([int((tmp_path / "pid").read_text())]) == []
        log = log_of(runner.environment, ran).read_text()
    assert "[one/0] begun" in log
    assert ("took longer than 4 s" in log) is ran.act_result.broke_off


def context_of(runner: WorkflowRunner) -> FaultContext:
    """Return a context at the start of the one workflow."""
    runner.push()
    event = runner.dispatcher.pushed()[0]
    workflow = runner.dispatcher.workflow("one.yml")
    # No maintainer takes part in these faults.
    return FaultContext(runner.environment, runner.dispatcher, None, Channel.PREVIEW, workflow, event, None)  # type: ignore[arg-type]


@pytest.mark.full
def test_a_runner_is_killed_between_two_steps(offline: None, tmp_path: Path) -> None:
    """Earlier steps are done, later ones are not, and the run has not passed."""
    text = workflow(job("echo before", "{id: here, run: echo after}"))
    with make_runner(tmp_path, {"one.yml": text}) as runner:
        context = context_of(runner)
        with held_at(context, "one", "here", kill) as injection:
            ran = context.release(injection)
        assert (injection.fired, ran.act_result.broke_off, ran.conclusion) == (1, True, "failure")
        assert lines(ran.act_result.said()) == ["before"]
        again = runner.dispatcher.run_again(ran)
        assert lines(again.act_result.said()) == ["before", "after"]


@pytest.mark.full
def test_a_fault_without_effect_fails_the_rehearsal(offline: None, tmp_path: Path) -> None:
    """A kill before a missing step: the run passes and shows nothing."""

    def fault(step: str) -> Fault:
        inject = partial(held_at, job="one", step=step, action=lambda injection: None)
        return Fault(step, "a step is late", Channel.PREVIEW, inject, "echoed", End.UNCHANGED)

    with make_runner(tmp_path, {"one.yml": workflow(job("echo echoed"))}) as runner:
        context = context_of(runner)
        fired, missed = (run_fault(fault(step), context, {}) for step in ("0", "gone"))
    assert (fired.wrong, fired.world, fired.fired) == ((), "unchanged", "before one/0, 1 x")
    assert (missed.wrong, missed.world) == (("the fault did not fire",), "unchanged")
    require_expected_ends([fired])
    with pytest.raises(FailedError, match="1 of 2 faults did not end as expected") as stop:
        require_expected_ends([fired, missed])
    assert stop.value.hint == "gone: the fault did not fire"


def test_act_is_found_or_its_installation_hinted(tmp_path: Path) -> None:
    """First the one installed with this tool, then one on the PATH."""
    program = tmp_path / "bin" / "act"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_act() == Path(sys.executable).with_name("act")
    assert find_act(tmp_path / "python", str(program.parent)) == program
    with pytest.raises(RefusedError, match="act, which runs the workflow files, is not installed") as stop:
        find_act(tmp_path / "python", str(tmp_path))
    assert "release-channels[rehearsal]" in stop.value.hint
