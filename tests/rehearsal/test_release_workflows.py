"""A rehearsal runs the release's own workflows, numbered above what users have, and names the others."""

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
from tests.rehearsal.stages import job, set_stage, stage_of, workflow
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
    """Write a workflow that follows another one."""
    on = f"{{workflow_run: {{workflows: [{followed}], types: [completed]}}}}"
    return workflow(job("true"), on=on).replace("name: one", f"name: {name}")


RELEASE = {
    "test.yml": workflow(job("true")).replace("name: one", "name: test"),
    "internal-preview-release.yml": following("previews", "test"),
    "public-release.yml": workflow(job("true"), on="{push: {tags: ['v*']}}").replace("name: one", "name: public"),
}


def test_other_workflows_of_a_push_are_named_and_not_run(offline: None, tmp_path: Path) -> None:
    """They may need another machine, or be no file that can be read here: none of that stops a rehearsal."""
    with set_stage(tmp_path, {**RELEASE, **OTHERS}) as stage:
        stage.push()
        (push,) = stage.dispatcher.pushed()
        assert [started.file for started in stage.dispatcher.started_by(push)] == ["test.yml"]
        named = {text.partition(":")[0] for text in stage.dispatcher.not_rehearsed}
        assert named == {"nightly.yml", "called.yml", "broken.yml"}


def test_a_workflow_that_a_release_follows_belongs_to_it() -> None:
    """Through several, if each follows the next."""
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
    """Users keep what they have until something newer comes, also in a rehearsal."""
    for version in versions:
        make_wheel(tmp_path, version=version)
    project = parse_project(Sample(settings=settings).pyproject().encode())
    with serve(tmp_path) as running:
        assert read_newest_run(project, {"UV_DEFAULT_INDEX": running.simple_url}) == number


def test_a_push_is_compared_with_filters_of_paths(offline: None, tmp_path: Path) -> None:
    """By the files between the tips, and those of a new branch from its first new commit on."""
    only = workflow(job("true"), on="{push: {paths: ['src/**']}}").replace("name: one", "name: test")
    with set_stage(tmp_path, {**RELEASE, "test.yml": only}) as stage:
        git = partial(stage.environment.git, "-C", stage.environment.checkout)
        stage.push()
        pushed = [*stage.dispatcher.pushed()]
        for path, branch in (("CHANGELOG.md", "main"), ("src/new.py", "main"), ("docs.md", "side"), ("x.md", "side")):
            (stage.environment.checkout / path).parent.mkdir(exist_ok=True)
            (stage.environment.checkout / path).write_text("new\n")
            git("add", path)
            git("commit", "--quiet", "--message", path)
            if path != "docs.md":  # it comes with the one after it
                git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
                pushed += stage.dispatcher.pushed()
        git("push", "--quiet", "origin", "HEAD:refs/heads/same")
        pushed += stage.dispatcher.pushed()
        assert [push.files for push in pushed[1:]] == [("CHANGELOG.md",), ("src/new.py",), ("docs.md", "x.md"), ()]
        assert "pyproject.toml" in (pushed[0].files or ())
        started = [[one.file for one in stage.dispatcher.started_by(push)] for push in pushed]
        assert started == [["test.yml"], [], ["test.yml"], [], []]


@pytest.mark.parametrize(
    ("group", "conclusions"),
    [
        pytest.param("a", ["success", "cancelled", "success"], id="pending"),
        pytest.param("a-${{ github.sha }}", ["success"] * 3, id="of the commit", marks=pytest.mark.full),
        pytest.param("a-${{ github.ref == 'x' }}", ["success"] * 3, id="unknown", marks=pytest.mark.full),
    ],
)
def test_runs_that_start_together_obey_their_group(
    offline: None, tmp_path: Path, group: str, conclusions: list[str]
) -> None:
    """The one that is pending gives way to the newest; an expression that cannot be worked out is named."""
    text = workflow(job("true"), head=f"concurrency: {group}\n").replace("name: one", "name: test")
    with set_stage(tmp_path, {"test.yml": text}) as stage:
        pushed: list[Event] = []
        for branch in ("main", "one", "two"):
            stage.dispatcher.look()
            stage.environment.git("commit", "--quiet", "--allow-empty", "--message", branch)
            stage.environment.git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
            pushed += stage.dispatcher.pushed()
        ran = stage.dispatcher.run_all(pushed)
        assert [one.conclusion for one in ran] == conclusions
        assert [run.now.conclusion for run in stage.environment.state.runs.values()] == conclusions
        named = [text for text in stage.dispatcher.not_rehearsed if "unsupported expression in concurrency" in text]
        assert bool(named) is ("==" in group)


def test_four_tags_of_one_push_start_nothing(offline: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As on GitHub, which a rehearsal says."""
    with set_stage(tmp_path, RELEASE) as stage:
        stage.push()
        for tags in (range(3), range(3, 7)):
            stage.dispatcher.look()
            for number in tags:
                stage.environment.git("tag", f"v{number}")
            stage.environment.git("push", "--quiet", "origin", "--tags")
            assert len(stage.dispatcher.pushed()) == (3 if 0 in tags else 0)
    assert "no workflow starts for 4 tags" in " ".join(capsys.readouterr().err.split())


@pytest.mark.full
def test_a_branch_that_is_gated_by_hand_is_followed_by_no_preview(
    adopted: Callable[[bool], Repo], directory: Path, tmp_path: Path
) -> None:
    """Neither its own condition nor, without that, what the tool asks for lets the preview workflow publish it."""
    with stage_of(adopted(True).copy(tmp_path / "adopter"), tmp_path / "world") as stage:
        stage.push()
        git, dispatcher = stage.environment.git, stage.dispatcher
        for branch in ("topic", "main"):
            git("commit", "--quiet", "--allow-empty", "--message", branch)
            git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
            git("reset", "--quiet", "--hard", "HEAD~1")
        topic = git("rev-parse", "refs/heads/topic", at=stage.environment.remote)
        ran = dispatcher.dispatch("integration-eval.yml", "refs/heads/main", {"branch": "topic"})
        assert ran.jobs == {"gate": "success"}
        assert topic[:12] in ran.act_result.said("gate")
        assert {artifact.name for artifact in stage.environment.state.artifacts.values()} == {"release-channels-gate"}
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
        assert not list(stage.environment.index_root.rglob("*.whl"))
        fork = dispatcher.dispatch("integration-eval.yml", "refs/heads/main", {"branch": "pull/7/head"})
        assert fork.jobs == {"gate": "failure"}
        assert "there is no branch 'pull/7/head' in this repository" in fork.act_result.said("gate")
