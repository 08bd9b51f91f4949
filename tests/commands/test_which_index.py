"""The default index of a task: a project that practises reads one index on every screen."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from invoke.tasks import Task

from release_channels import tasks
from release_channels.cli.context import open_context
from release_channels.cli.practice import why_practice
from release_channels.commands.status import read_status
from release_channels.model.version import Channel
from release_channels.release import pipeline
from tests.commands.doing import on_index, run_task, some_of
from tests.commands.test_next_step import NEXT, session
from tests.commands.test_practice import redirect
from tests.conftest import MakeRepo
from tests.support.projects import Sample
from tests.support.releasing import CHANGELOG, IGNORED, index_of, sample
from tests.support.repo import Repo

PREVIEWS = Channel.PREVIEW
PREVIEW = ".github/workflows/internal-preview-release.yml"


def adopted(make_repo: MakeRepo) -> Repo:
    """A project whose workflows are on main, on GitHub."""
    repo = make_repo(sample("1.2.0.dev0", **{PREVIEW: "on: push\n"}))
    redirect(repo)
    return repo


def forget_main(repo: Repo) -> None:
    repo.git("update-ref", "-d", "refs/remotes/origin/main")


def take_workflow_back(repo: Repo) -> None:
    repo.git("rm", "--quiet", PREVIEW)
    repo.commit("none yet")
    repo.git("push", "--quiet", "origin", "main")


PRACTICES: dict[str, tuple[Callable[[Repo], object], str]] = {
    "another host": (lambda repo: repo.git("remote", "set-url", "origin", str(repo.remote)), "is not on GitHub"),
    "no remote": (lambda repo: repo.git("remote", "remove", "origin"), "there is no remote"),
    "nothing pushed": (forget_main, "origin/main is not there yet"),
    "no workflow pushed": (take_workflow_back, "origin/main has no internal-preview-release.yml yet"),
}  # fmt: skip


@pytest.mark.parametrize(("act", "why"), PRACTICES.values(), ids=PRACTICES)
def test_a_project_practises_until_its_workflows_are_on_github(
    make_repo: MakeRepo, act: Callable[[Repo], object], why: str
) -> None:
    """Until then nothing can be released for real, and the local index is the one that tasks look at."""
    repo = adopted(make_repo)
    act(repo)
    with open_context(repo.root, os.environ) as context:
        assert context.index.name == "local"
        assert why in context.why_practice
        assert read_status(context).index == f"the local index: practice, since {context.why_practice}"


@pytest.mark.parametrize(
    "env", [{}, {"GITHUB_ACTIONS": "true"}, {"RELEASE_CHANNELS_REHEARSAL": "x"}], ids=["here", "workflow", "rehearsal"]
)
def test_with_its_workflows_on_github_a_project_is_in_earnest(make_repo: MakeRepo, env: dict[str, str]) -> None:
    """There, in a workflow and in a rehearsal of one, tasks look at the real index; a named one always wins."""
    repo = adopted(make_repo)
    if env:
        take_workflow_back(repo)
    with open_context(repo.root, os.environ, index="local") as context:
        assert why_practice(context.git, context.config, env) == ""
        assert (context.index.name, context.why_practice) == ("local", "")


def with_own_index(make_repo: MakeRepo, version: str = "1.2.0.dev0") -> Repo:
    """A project with an index of its own, `mine`, which has none of its releases."""
    made, url = sample(version), os.environ["UV_DEFAULT_INDEX"]
    named = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{url}"\npublish-url = "{url}"\n'
    return make_repo(replace(made, files={**made.files, "pyproject.toml": str(made.files["pyproject.toml"]) + named}))


def test_a_tag_that_was_practised_is_no_release_of_a_real_index(make_repo: MakeRepo) -> None:
    """It is in this clone alone; where the remote cannot be read, that comes first."""
    repo = with_own_index(make_repo, "1.2.0")
    repo.tag("v1.2.0")
    with open_context(repo.root, os.environ, index="local") as context:
        assert read_status(context).next.command == "release-channels resume v1.2.0 --index local"
    with open_context(repo.root, os.environ, index="mine") as context:
        assert read_status(context).next.command == "release-channels tag --index mine"
    repo.git("remote", "set-url", "origin", f"{repo.remote}-gone")
    with open_context(repo.root, os.environ, index="mine") as context:
        seen = read_status(context)
    assert seen.next.command == "git fetch origin"
    assert any(line.startswith("tags: the tags of origin cannot be read, so none is known") for line in seen.unseen)


def test_practice_is_shown_with_a_real_index(make_repo: MakeRepo) -> None:
    """What the sessions published here is not taken for published, and not hidden either."""
    repo = with_own_index(make_repo)
    on_index(repo, "1.2.0.dev1", "1.2.0.dev2")
    with open_context(repo.root, os.environ, index="local") as context:
        assert "practice" not in dict(read_status(context).rows())
    with open_context(repo.root, os.environ, index="mine") as context:
        row = dict(read_status(context).rows())["practice"]
    assert row == "the local index has 1.2.0.dev2, which --index local shows"


COMMANDS: dict[str, Callable[[Repo], object]] = {
    "status": lambda repo: run_task(repo.root, tasks.status),
    "doctor": lambda repo: run_task(repo.root, tasks.doctor),
    "bump": lambda repo: run_task(repo.root, tasks.bump, dry_run=True),
    "bump-dev": lambda repo: run_task(repo.root, tasks.bump_dev, dry_run=True),
    "tag": lambda repo: run_task(repo.root, tasks.tag, dry_run=True),
    "preview": lambda repo: session(repo, Channel.PREVIEW, ("build", "preview-publish")),
}


@pytest.mark.parametrize("published", some_of({"before the first preview": False, "after it": True}, "after it"))
def test_every_screen_of_practice_names_one_next_step(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], published: bool
) -> None:
    """No task needs --index for it, whether it reads the index or the sessions wrote to it."""
    changelog = CHANGELOG.replace("## [1.2.0] - 2026-01-02", "## [Unreleased]")
    repo = make_repo(sample("1.2.0.dev0", CHANGELOG_md=changelog))
    if published:
        pipeline.run_pipeline("preview", ("build", "preview-publish"), ("--offline",), root=repo.root, channel=PREVIEWS)
    before, printed = repo.fingerprint(), {}
    for name, command in COMMANDS.items():
        capsys.readouterr()
        command(repo)
        said = capsys.readouterr()
        printed[name] = NEXT.findall(said.out + said.err)
    expected = "release-channels bump --index local" if published else "nox -s preview"
    assert printed == {name: [expected] for name in COMMANDS}
    assert repo.fingerprint() == before


def test_a_tag_that_is_older_than_the_adoption_is_not_resumed_in_practice(make_repo: MakeRepo) -> None:
    """A released project is led to the next dev line, before and after `init`."""
    repo = make_repo(Sample(version="1.2.0"))
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "v1.2.0")
    assert _next(repo) == "release-channels bump-dev --index local"
    repo.commit("adopt", {".github/workflows/public-release.yml": "on: push\n", **IGNORED})
    repo.git("push", "--quiet", "origin", "main")
    assert _next(repo) == "release-channels bump-dev --index local"


def test_the_commit_of_a_bump_takes_no_other_edit_along(make_repo: MakeRepo) -> None:
    """What the next step commits is the version and the changelog; other edits stay uncommitted."""
    repo = make_repo(sample("1.2.0.dev0"))
    repo.write({"CHANGELOG.md": CHANGELOG.replace("## [1.2.0] - 2026-01-02", "## [Unreleased]")})
    repo.commit("changelog")
    repo.git("push", "--quiet", "origin", "main")
    repo.write({"README.md": "# unfinished\n"})
    assert run_task(repo.root, tasks.bump) == 0
    command = _next(repo)
    assert command == "git commit --message 'Release 1.2.0' -- CHANGELOG.md pyproject.toml"
    repo.git(*shlex.split(command)[1:])
    assert repo.git("status", "--porcelain") == "M README.md"
    assert repo.git("show", "--name-only", "--format=", "HEAD").splitlines() == ["CHANGELOG.md", "pyproject.toml"]


def test_sessions_in_a_file_of_their_own_are_named_with_it(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the project's own noxfile cannot have them, a plain `nox -s preview` would find nothing."""
    repo = make_repo(sample("1.2.0.dev0", **{"release_noxfile.py": str(IGNORED["noxfile.py"])}))
    run_task(repo.root, tasks.status)
    assert NEXT.findall(capsys.readouterr().out) == ["nox -f release_noxfile.py -s preview"]


def _next(repo: Repo) -> str:
    with open_context(repo.root, os.environ) as context:
        return read_status(context).next.command


OFFLINE = {
    "bump": tasks.bump,
    "bump-dev": tasks.bump_dev,
    "tag": tasks.tag,
    "status": tasks.status,
    "doctor": tasks.doctor,
}


@pytest.mark.parametrize("task", OFFLINE.values(), ids=OFFLINE)
def test_offline_with_another_index_is_refused(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], task: Task[Any]
) -> None:
    """Nothing moves."""
    repo = adopted(make_repo)
    before = repo.fingerprint()
    assert run_task(repo.root, task, index="pypi", offline=True) == 2
    assert "--offline reads no index but the local one, not pypi" in capsys.readouterr().err
    assert repo.fingerprint() == before


@pytest.mark.parametrize("task", OFFLINE.values(), ids=OFFLINE)
def test_an_unreadable_local_index_is_refused(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], task: Task[Any]
) -> None:
    """A file lies where its directory should be; nothing moves."""
    repo = adopted(make_repo)
    index_of(repo).parent.mkdir()
    index_of(repo).write_text("a file")
    before = repo.fingerprint()
    assert run_task(repo.root, task, offline=True) == 1
    said = capsys.readouterr()
    assert "index" in said.err
    assert "Traceback" not in said.out + said.err
    assert "bug" not in said.out + said.err
    assert repo.fingerprint() == before
