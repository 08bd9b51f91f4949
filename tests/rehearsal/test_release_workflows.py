"""A rehearsal runs the release's own workflows, numbered above published previews, and lists the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from release_channels.indexserver.server import serve
from release_channels.model.config import Config
from release_channels.model.workflow_semantics.triggers import Event
from release_channels.project.pyproject import parse_project
from release_channels.rehearsal.actions.dispatcher import release_files
from release_channels.rehearsal.actions.workflow import parse_workflow
from release_channels.rehearsal.session import read_newest_run
from tests.rehearsal.stages import job, make_runner, runner_of, workflow
from tests.support.distributions import make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo

OTHERS = {
    "nightly.yml": workflow(job("exit 1", "{uses: actions/setup-java@v5}")).replace("name: one", "name: nightly"),
    "called.yml": "name: called\non: push\njobs:\n  one:\n    uses: ./.github/workflows/nightly.yml\n",
    "broken.yml": "on: [push\n",
    "comment.yml": workflow(job("true"), on="issue_comment").replace("name: one", "name: comment"),
}


def following(name: str, followed: str) -> str:
    """Build a workflow that follows another one."""
    on = f"{{workflow_run: {{workflows: [{followed}], types: [completed]}}}}"
    return workflow(job("true"), on=on).replace("name: one", f"name: {name}")


RELEASE = {
    "test.yml": workflow(job("true")).replace("name: one", "name: test"),
    "internal-preview-release.yml": following("previews", "test"),
    "public-release.yml": workflow(job("true"), on="{push: {tags: ['v*']}}").replace("name: one", "name: public"),
}


def test_other_workflows_of_a_push_are_listed_and_not_run(offline: None, tmp_path: Path) -> None:
    """Also unreadable ones, and those for other machines."""
    with make_runner(tmp_path, {**RELEASE, **OTHERS}) as runner:
        runner.push()
        (push,) = runner.dispatcher.pushed()
        assert [started.file for started in runner.dispatcher.started_by(push)] == ["test.yml"]
        named = {text.partition(":")[0] for text in runner.dispatcher.not_rehearsed}
        assert named == {"nightly.yml", "called.yml", "broken.yml"}


def test_workflows_that_a_release_follows_are_run() -> None:
    """Through several of them."""
    texts = {
        "internal-preview-release.yml": following("previews", "live"),
        "live.yml": following("live", "unit tests"),
        "unit.yml": workflow(job("true")).replace("name: one", "name: unit tests"),
        "after.yml": following("after", "previews"),
    }
    workflows = [parse_workflow(f".github/workflows/{file}", text) for file, text in texts.items()]
    assert release_files(workflows, Config()) & texts.keys() == texts.keys() - {"after.yml"}


@pytest.mark.parametrize(
    ("versions", "settings", "number"),
    [
        pytest.param((), "", 0, id="none"),
        pytest.param(("1.1.0", "1.2.0.dev41", "1.3.0.dev7"), "", 41, id="previews"),
        pytest.param(("1.2.0.dev141",), "run-offset = 100\n", 41, id="offset"),
        pytest.param(("1.2.0.dev41",), "run-offset = 100\n", 0, id="offset above"),
    ],
)
def test_test_runs_are_numbered_above_the_newest_preview(
    offline: None, tmp_path: Path, versions: tuple[str, ...], settings: str, number: int
) -> None:
    """So that the rehearsed preview is newer for users."""
    for version in versions:
        make_wheel(tmp_path, version=version)
    project = parse_project(Sample(settings=settings).pyproject().encode())
    with serve(tmp_path) as running:
        assert read_newest_run(project, {"UV_DEFAULT_INDEX": running.simple_url}) == number


@pytest.mark.full
def test_path_filters_use_the_files_of_a_push(offline: None, tmp_path: Path) -> None:
    """Between its tips, or from a new branch's first new commit."""
    only = workflow(job("true"), on="{push: {paths: ['src/**']}}").replace("name: one", "name: test")
    with make_runner(tmp_path, {**RELEASE, "test.yml": only}) as runner:
        git = partial(runner.environment.git, "-C", runner.environment.checkout)
        runner.push()
        pushed = [*runner.dispatcher.pushed()]
        for path, branch in (("CHANGELOG.md", "main"), ("src/new.py", "main"), ("docs.md", "side"), ("x.md", "side")):
            (runner.environment.checkout / path).parent.mkdir(exist_ok=True)
            (runner.environment.checkout / path).write_text("new\n")
            git("add", path)
            git("commit", "--quiet", "--message", path)
            if path != "docs.md":  # it comes with the one after it
                git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
                pushed += runner.dispatcher.pushed()
        git("push", "--quiet", "origin", "HEAD:refs/heads/same")
        pushed += runner.dispatcher.pushed()
        assert [push.files for push in pushed[1:]] == [("CHANGELOG.md",), ("src/new.py",), ("docs.md", "x.md"), ()]
        assert "pyproject.toml" in (pushed[0].files or ())
        started = [[one.file for one in runner.dispatcher.started_by(push)] for push in pushed]
        assert started == [["test.yml"], [], ["test.yml"], [], []]


@pytest.mark.full
@pytest.mark.parametrize(
    ("group", "conclusions"),
    [
        pytest.param("a", ["success", "cancelled", "success"], id="pending"),
        pytest.param("a-${{ github.sha }}", ["success"] * 3, id="of the commit", marks=pytest.mark.full),
        pytest.param("a-${{ github.ref == 'x' }}", ["success"] * 3, id="unknown", marks=pytest.mark.full),
    ],
)
def test_runs_that_start_together_follow_their_group(
    offline: None, tmp_path: Path, group: str, conclusions: list[str]
) -> None:
    """A newer run replaces the pending one; an unsupported expression is reported."""
    text = workflow(job("true"), head=f"concurrency: {group}\n").replace("name: one", "name: test")
    with make_runner(tmp_path, {"test.yml": text}) as runner:
        pushed: list[Event] = []
        for branch in ("main", "one", "two"):
            runner.dispatcher.look()
            runner.environment.git("commit", "--quiet", "--allow-empty", "--message", branch)
            runner.environment.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
            pushed += runner.dispatcher.pushed()
        ran = runner.dispatcher.run_all(pushed)
        assert [one.conclusion for one in ran] == conclusions
        assert [run.now.conclusion for run in runner.environment.state.runs.values()] == conclusions
        named = [text for text in runner.dispatcher.not_rehearsed if "unsupported expression in concurrency" in text]
        assert bool(named) is ("==" in group)


def test_four_tags_of_one_push_start_nothing(offline: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As on GitHub, with a note."""
    with make_runner(tmp_path, RELEASE) as runner:
        runner.push()
        for tags in (range(3), range(3, 7)):
            runner.dispatcher.look()
            for number in tags:
                runner.environment.git("tag", f"v{number}")
            runner.environment.git("push", "--quiet", "origin", "--tags")
            assert len(runner.dispatcher.pushed()) == (3 if 0 in tags else 0)
    assert "no workflow starts for 4 tags" in " ".join(capsys.readouterr().err.split())


@pytest.mark.full
def test_a_branch_that_is_gated_by_hand_is_followed_by_no_preview(
    adopted: Callable[[bool], Repo], directory: Path, tmp_path: Path
) -> None:
    """Neither its own condition nor, without that, what the tool asks for lets the preview workflow publish it."""
    with runner_of(adopted(True).copy(tmp_path / "adopter"), tmp_path / "world") as runner:
        runner.push()
        git, dispatcher = runner.environment.git, runner.dispatcher
        for branch in ("topic", "main"):
            git("commit", "--quiet", "--allow-empty", "--message", branch)
            git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
            git("reset", "--quiet", "--hard", "HEAD~1")
        topic = git("rev-parse", "refs/heads/topic", at=runner.environment.remote)
        ran = dispatcher.dispatch("integration-eval.yml", "refs/heads/main", {"branch": "topic"})
        assert ran.jobs == {"gate": "success"}
        assert topic[:12] in ran.act_result.said("gate")
        assert {artifact.name for artifact in runner.environment.state.artifacts.values()} == {"release-channels-gate"}
        completed = dispatcher.completed(ran)
        (preview,) = dispatcher.started_by(completed)
        followed = dispatcher.run(preview, completed)
        skipped = dict.fromkeys(("preflight", "build", "publish", "verify"), "skipped")
        assert {**followed.jobs} == {**skipped, "ci-result": "success"}
        condition = "github.event.workflow_run.event == 'workflow_run'"
        assert condition in preview.text
        unguarded = dispatcher.run(replace(preview, text=preview.text.replace(condition, "true")), completed)
        assert unguarded.jobs["build"] == "failure"
        assert "was started by workflow_dispatch, not by workflow_run" in unguarded.act_result.said("build")
        assert not list(runner.environment.index_root.rglob("*.whl"))
        fork = dispatcher.dispatch("integration-eval.yml", "refs/heads/main", {"branch": "pull/7/head"})
        assert fork.jobs == {"gate": "failure"}
        assert "there is no branch 'pull/7/head' in this repository" in fork.act_result.said("gate")
