"""What act plays: checkout, artifacts, chains of workflows, and the end of everything that a run started."""

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
from tests.rehearsal.stages import NO_GATE, Stage, job, set_stage, stage_of, workflow
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
    """The lines that a job wrote, without git's own remarks."""
    return [line for line in text.splitlines() if line and not line.startswith("fatal:")]


def test_a_checkout_is_that_of_the_commit_as_github_makes_it(offline: None, tmp_path: Path) -> None:
    """One commit without tags, or all of them; the remote is called as on GitHub and leads to the bare one here."""
    full = "{uses: actions/checkout@v7, with: {fetch-depth: 0, persist-credentials: false}}"
    text = workflow(
        job("{uses: actions/checkout@v7}", *LOOK),
        job(full, *LOOK, "git rev-parse origin/main", "git ls-remote --tags origin v0.9", name="full"),
    )
    with set_stage(tmp_path, {"one.yml": text}) as stage:
        stage.environment.git("commit", "--quiet", "--allow-empty", "--message", "More")
        stage.environment.git("tag", "v0.9")
        stage.environment.git("push", "--quiet", "origin", "v0.9")
        (stage.environment.checkout / "uncommitted.txt").write_text("no")
        ran = stage.run()
        assert ran.is_green, ran.act_result.said()
        sha = stage.environment.git("rev-parse", "HEAD")
        address = f"https://github.com/{stage.environment.repository}"
        assert lines(ran.act_result.said("one")) == [sha, "1", "1", "main", address]
        told = lines(ran.act_result.said("full"))
        assert told == [sha, "2", "2", "v0.9", "main", address, sha, f"{sha}\trefs/tags/v0.9"]


NOXFILE = f"""\
import sys
import nox

@nox.session(python=["{sys.version_info.major}.{sys.version_info.minor}", "3.99"], venv_backend="uv")
def tests(session):
    session.run("python", "-c", "print('tested')")
"""


def test_a_session_without_its_python_is_named_and_fails_nothing(offline: None, tmp_path: Path) -> None:
    """nox itself says so on a runner's `CI`; here the others are run, and it is told what was left out."""
    text = workflow(job("{uses: actions/checkout@v7}", "uv run --no-project --with nox nox -s tests"))
    repo = Repo.create(
        tmp_path / "repo",
        Sample(files={".github/workflows/test.yml": text, "noxfile.py": NOXFILE}, tail=NO_GATE).tree(),
    )
    with stage_of(repo, tmp_path / "world") as stage:
        stage.dispatcher.with_tests = True
        ran = stage.run("test.yml")
        assert ran.is_green, ran.act_result.said()
        assert lines(ran.act_result.said()).count("tested") == 1
        assert ran.not_rehearsed == ("test.yml: Python 3.99 (not on this machine), for the session tests-3.99",)


def test_a_green_run_in_which_no_test_ran_is_warned_of(
    offline: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """nox ends well when it has left everything out."""
    noxfile = NOXFILE.replace(f'"{sys.version_info.major}.{sys.version_info.minor}", ', "")
    text = workflow(job("{uses: actions/checkout@v7}", "uv run --no-project --with nox nox -s tests"))
    repo = Repo.create(
        tmp_path / "repo",
        Sample(files={".github/workflows/test.yml": text, "noxfile.py": noxfile}, tail=NO_GATE).tree(),
    )
    with stage_of(repo, tmp_path / "world") as stage:
        stage.dispatcher.with_tests = True
        ran = stage.run("test.yml")
    assert ran.is_green, ran.act_result.said()
    assert "warning: test.yml ran nothing of the session tests" in capsys.readouterr().err


def test_artifacts_go_from_job_to_job_and_from_run_to_run(offline: None, tmp_path: Path) -> None:
    """Layout is kept, hidden files stay behind, another run's artifact takes a right, and GitHub's API lists it."""
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
    with set_stage(tmp_path, files) as stage:
        stage.push()
        one, two = stage.dispatcher.run_all(stage.dispatcher.pushed())
        assert one.is_green, one.act_result.said()
        assert lines(one.act_result.said("two")) == ["./dist/a.txt", "./dist/sub/b.txt", "./r.json"]
        assert (two.workflow.file, two.event.payload["workflow_run"]["id"]) == (PREVIEW, one.id)
        assert lines(two.act_result.said()) == ["./dist/a.txt", "./dist/sub/b.txt", "./r.json"]
        assert [(item.name, item.run_id) for item in stage.environment.state.artifacts.values()] == [("built", one.id)]
        ran = stage.dispatcher.dispatch("three.yml", "refs/heads/main", {})
        assert "No files were found" in ran.act_result.said()
        assert len(stage.environment.state.artifacts) == 1


def test_runs_count_by_workflow_and_keep_their_number(offline: None, tmp_path: Path) -> None:
    """Each file has a counter of its own; a run that is repeated keeps number and id, and becomes an attempt."""
    say = "echo $GITHUB_RUN_NUMBER $GITHUB_RUN_ATTEMPT $GITHUB_RUN_ID"
    head = "run-name: run for ${{ github.sha }}\n"
    with set_stage(tmp_path, {PREVIEW: workflow(job(say), head=head), PUBLIC: workflow(job(say))}) as stage:
        stage.push()
        first, other = stage.dispatcher.run_all(stage.dispatcher.pushed())
        again = stage.dispatcher.run_again(first)
        assert [lines(ran.act_result.said()) for ran in (first, other, again)] == [
            [f"1 1 {first.id}"], [f"1 1 {other.id}"], [f"1 2 {first.id}"],
        ]  # fmt: skip
        stored = stage.environment.state.runs[first.id]
        assert (stored.number, len(stored.attempts), stored.now.conclusion) == (1, 2, "success")
        assert stored.title == f"run for {stage.dispatcher.main}"
        assert [item.conclusion for item in stored.now.jobs] == ["success"]


def test_jobs_that_do_not_run_are_told_from_those_that_fail(offline: None, tmp_path: Path) -> None:
    """act says nothing of a job that is skipped, and names one that failed alone."""
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
    with set_stage(tmp_path, {"one.yml": text}) as stage:
        ran = stage.run()
    assert ran.jobs == {"one": "failure", "after": "skipped", "never": "skipped", "last": "success"}
    assert ran.conclusion == "failure"
    assert {key: need["result"] for key, need in json.loads(ran.act_result.said("last")).items()} == {
        "one": "failure", "after": "skipped",
    }  # fmt: skip


def test_a_file_that_act_does_not_take_is_refused_with_its_words(offline: None, tmp_path: Path) -> None:
    """A key that nobody knows is not a failure of a job: no job has begun."""
    with (
        set_stage(tmp_path, {"one.yml": workflow(job("true", nonsense="5"))}) as stage,
        pytest.raises(FailedError, match=r"act could not run \.github/workflows/one\.yml") as stop,
    ):
        stage.run()
    assert "nonsense" in stop.value.hint


STUBBORN = (
    "setsid python3 -c 'import os, signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    "print(os.getpid(), flush=True); time.sleep(600)' > pid & disown; until [ -s pid ]; do sleep 0.1; done; "
    "cp pid $KEPT; sleep {rest}"
)


@pytest.mark.parametrize(("rest", "seconds"), [("0", 60), ("600", 4)], ids=["it ended", "it took too long"])
def test_nothing_outlives_a_run(offline: None, tmp_path: Path, rest: str, seconds: int) -> None:
    """A child in a session of its own, which ignores that its terminal is gone, is ended all the same."""
    step = json.dumps(f"echo begun; {STUBBORN.format(rest=rest)}")
    with set_stage(tmp_path, {"one.yml": workflow(job(step, env=f"{{KEPT: {tmp_path / 'pid'}}}"))}) as stage:
        ran = stage.run(changes=RunOverrides(seconds=seconds))
        assert ran.act_result.broke_off is (rest != "0")
        assert ran.conclusion == ("success" if rest == "0" else "failure")
        assert survivors([int((tmp_path / "pid").read_text())]) == []
        log = log_of(stage.environment, ran).read_text()
    assert "[one/0] begun" in log
    assert ("took longer than 4 s" in log) is ran.act_result.broke_off


def context_of(stage: Stage) -> FaultContext:
    """A context at the start of the one workflow."""
    stage.push()
    event = stage.dispatcher.pushed()[0]
    workflow = stage.dispatcher.workflow("one.yml")
    # No maintainer takes part in these faults.
    return FaultContext(stage.environment, stage.dispatcher, None, Channel.PREVIEW, workflow, event, None)  # type: ignore[arg-type]


def test_a_runner_is_killed_between_two_steps(offline: None, tmp_path: Path) -> None:
    """What was before has happened, what comes after has not, and the run is not a success."""
    text = workflow(job("echo before", "{id: here, run: echo after}"))
    with set_stage(tmp_path, {"one.yml": text}) as stage:
        context = context_of(stage)
        with held_at(context, "one", "here", kill) as injection:
            ran = context.release(injection)
        assert (injection.fired, ran.act_result.broke_off, ran.conclusion) == (1, True, "failure")
        assert lines(ran.act_result.said()) == ["before"]
        again = stage.dispatcher.run_again(ran)
        assert lines(again.act_result.said()) == ["before", "after"]


def test_a_fault_that_did_not_fire_fails_the_rehearsal(offline: None, tmp_path: Path) -> None:
    """A kill before a step that is not there: the run is green and the world as it has to be, and nothing was shown."""

    def fault(step: str) -> Fault:
        inject = partial(held_at, job="one", step=step, action=lambda injection: None)
        return Fault(step, "a step is late", Channel.PREVIEW, inject, "echoed", End.UNCHANGED)

    with set_stage(tmp_path, {"one.yml": workflow(job("echo echoed"))}) as stage:
        context = context_of(stage)
        fired, missed = (run_fault(fault(step), context, {}) for step in ("0", "gone"))
    assert (fired.wrong, fired.world, fired.fired) == ((), "unchanged", "before one/0, 1 x")
    assert (missed.wrong, missed.world) == (("the fault did not fire",), "unchanged")
    require_expected_ends([fired])
    with pytest.raises(FailedError, match="1 of 2 faults did not end as expected") as stop:
        require_expected_ends([fired, missed])
    assert stop.value.hint == "gone: the fault did not fire"


def test_act_is_found_or_what_to_install_is_said(tmp_path: Path) -> None:
    """The one that was installed with this tool comes first, then one on the PATH."""
    program = tmp_path / "bin" / "act"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_act() == Path(sys.executable).with_name("act")
    assert find_act(tmp_path / "python", str(program.parent)) == program
    with pytest.raises(RefusedError, match="act, which runs the workflow files, is not installed") as stop:
        find_act(tmp_path / "python", str(tmp_path))
    assert "release-channels[rehearsal]" in stop.value.hint
