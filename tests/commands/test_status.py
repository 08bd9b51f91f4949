"""`status` end to end: each state has the command that leads to the next one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from release_channels import tasks
from release_channels.cli.context import open_context
from release_channels.commands.status import read_next, read_next_here, read_status
from release_channels.commands.status_view import StatusReport
from release_channels.errors import RefusedError
from release_channels.indexserver.server import serve
from release_channels.model.outcome import Result
from release_channels.model.version import Channel
from release_channels.rehearsal.github.http import broken
from release_channels.rehearsal.github.state import Answer, StoredRelease
from tests.commands.doing import bump, bump_dev, run_task, tag
from tests.conftest import MakeRepo, RunSession
from tests.github.hubs import READER, GitHubDouble
from tests.support.projects import Sample
from tests.support.releasing import CHANGELOG, TAG, index_of, public_steps, put_on_index, sample, tagged
from tests.support.repo import Repo

if TYPE_CHECKING:
    from release_channels.cli.context import TaskContext

WHEEL, SDIST = "demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz"


def look(repo: Repo, now: datetime | None = None, index: str = "local") -> StatusReport:
    """Read the status as the task does, and assert that nothing moves."""
    before = repo.fingerprint()
    with open_context(repo.root, {**os.environ, "UV_DEFAULT_INDEX": ""}, index=index) as context:
        seen = read_status(context, now)
    assert repo.fingerprint() == before
    return seen


def rows(seen: StatusReport) -> dict[str, str]:
    cells: dict[str, str] = {}
    for name, value in seen.rows():
        cells[name] = f"{cells[name]}\n{value}" if name in cells else value
    return cells


def push(repo: Repo) -> None:
    repo.git("push", "--quiet", "origin", "main")


def preview(repo: Repo) -> None:
    built = run_preview(repo)
    assert built is Result.PUBLISHED


def run_preview(repo: Repo) -> Result:
    from release_channels.release import pipeline

    words, steps = ("--offline",), ("build", "preview-publish")
    return pipeline.run_pipeline("preview", steps, words, root=repo.root, env=dict(os.environ)).result


def test_every_stage_of_a_release_has_its_next_command(make_repo: MakeRepo) -> None:
    """From an open dev line to the next one, by following status."""
    repo = make_repo(sample("1.2.0.dev0", CHANGELOG_md=CHANGELOG.replace("## [1.2.0] - 2026-01-02", "## [Unreleased]")))
    met: list[tuple[bool, str]] = []

    def next_command() -> str:
        following = look(repo).next
        met.append((following.converged, following.command))
        return following.command

    assert next_command() == "nox -s preview"
    preview(repo)
    assert next_command() == "release-channels bump --index local"
    bump(repo)
    assert next_command() == "git commit --message 'Release 1.2.0' -- CHANGELOG.md pyproject.toml"
    assert rows(look(repo))["here"] == "the working tree declares 1.2.0, uncommitted"
    repo.git("commit", "--quiet", "--all", "--message", "Release 1.2.0")
    assert next_command() == "git push origin main"
    assert rows(look(repo))["here"].endswith(" contains 1.2.0, which is not on origin/main")
    repo.git("switch", "--quiet", "--create", "release-1.2.0")
    assert next_command() == "merge the branch release-1.2.0"
    repo.git("switch", "--quiet", "main")
    push(repo)
    assert next_command() == "release-channels tag --index local"
    tag(repo)
    assert next_command() == f"release-channels resume {TAG} --index local"
    assert public_steps(repo, "build", "public-publish").result is Result.PUBLISHED
    (index_of(repo) / SDIST).unlink()
    assert next_command() == f"release-channels resume {TAG} --index local"
    assert public_steps(repo, "public-publish").result is Result.PUBLISHED
    assert next_command() == "release-channels bump-dev --index local"
    repo.commit("a later commit")
    push(repo)
    assert next_command() == "release-channels bump-dev --index local"
    bump_dev(repo, commit=True)
    push(repo)
    assert next_command() == "nox -s preview"
    preview(repo)
    assert next_command() == "release-channels bump --index local"
    assert [converged for converged, _ in met] == [
        command == "release-channels bump --index local" for _, command in met
    ]


@pytest.mark.parametrize(("there", "line"), [("1.3.0", "1.3.1"), ("2.0.0rc1", "2.0.1")])
def test_a_dev_line_below_the_index_is_reopened(make_repo: MakeRepo, there: str, line: str) -> None:
    """bump-dev goes above the index, also above a candidate."""
    repo = make_repo(sample("1.2.0.dev0"))
    put_on_index(repo, there)
    seen = look(repo)
    assert (seen.next.converged, seen.next.command) == (False, "release-channels bump-dev --index local")
    assert f"`release-channels bump-dev --to {line}` (writes {line}.dev0)" in seen.next.why
    assert rows(seen)["main"].startswith("1.2.0.dev0, a dev line behind the index (commit ")
    bump_dev(repo, commit=True)
    push(repo)
    assert look(repo).next.command == "nox -s preview"


def test_main_is_read_from_the_remote(make_repo: MakeRepo) -> None:
    """Whatever is checked out."""
    repo = make_repo(sample("1.2.0.dev0", CHANGELOG_md=CHANGELOG.replace("## [1.2.0] - 2026-01-02", "## [Unreleased]")))
    tip = repo.commit("Release", sample("1.2.0", CHANGELOG_md=CHANGELOG).tree())
    push(repo)
    repo.git("switch", "--quiet", "--detach", "HEAD~1")
    seen = look(repo)
    assert (str(seen.seen.version), seen.seen.commit.sha, seen.next.command) == (
        "1.2.0",
        tip,
        "release-channels tag --index local",
    )


def test_without_a_remote_head_is_used_as_main(make_repo: MakeRepo) -> None:
    """With a note, not an error."""
    repo = make_repo(sample("1.2.0.dev0"))
    repo.git("remote", "remove", "origin")
    seen = look(repo)
    assert seen.next.command == "nox -s preview"
    assert "origin/main: there is no remote origin, so HEAD is used instead" in seen.unseen


def test_an_unreachable_remote_is_reported(make_repo: MakeRepo) -> None:
    """The clone's own refs are used."""
    repo = tagged(make_repo(sample("1.2.0")))
    hidden = repo.remote.rename(repo.remote.with_name("away.git"))
    with open_context(repo.root, {**os.environ, "UV_DEFAULT_INDEX": ""}, index="local") as context:
        seen = read_status(context)
    hidden.rename(repo.remote)
    assert [what.partition(":")[0] for what in seen.unseen][:2] == ["origin/main", "tags"]
    assert seen.tag == TAG


def complete(released: Repo, run_session: RunSession) -> None:
    assert (
        run_session(released, "--offline", steps=("github-release",), channel=Channel.PUBLIC).result is Result.PUBLISHED
    )


def test_a_draft_is_an_unfinished_release(released: Repo, github: GitHubDouble) -> None:
    """And so is a missing GitHub Release; the next command is resume."""
    missing = look(released)
    assert (missing.unfinished, missing.next.command) == (
        "it has no GitHub Release", f"release-channels resume {TAG} --index local",
    )  # fmt: skip
    state = github.state
    made = StoredRelease(state.new_id(), TAG, TAG, "", "main", True, False, state.clock())
    state.releases[made.id] = made
    seen = look(released)
    assert (seen.unfinished, seen.next.command) == (
        "its GitHub Release is a draft", f"release-channels resume {TAG} --index local",
    )  # fmt: skip
    assert rows(seen)["github"].startswith("a draft with 0 files: ")


def test_a_complete_release_is_followed_by_bump_dev(
    released: Repo, github: GitHubDouble, run_session: RunSession
) -> None:
    complete(released, run_session)
    seen = look(released)
    assert (seen.unfinished, seen.next.command) == ("", "release-channels bump-dev --index local")
    assert rows(seen)["github"].startswith("published with 3 files: ")


def test_an_unfinished_release_shows_files_and_last_day(released: Repo, github: GitHubDouble) -> None:
    """With digests; the last day is that of the index."""
    (index_of(released) / SDIST).unlink()
    began = datetime(2026, 3, 1, 12, tzinfo=UTC)
    os.utime(index_of(released) / WHEEL, (began.timestamp(),) * 2)
    seen = look(released, began + timedelta(days=2))
    shown = rows(seen)
    assert shown["in flight"] == (
        "1.2.0: its sdist is not on the index; the index accepts its files until 2026-03-15 12:00 UTC"
    )
    assert shown[""].startswith(f"{WHEEL}, sha256 ")
    assert shown["public"].startswith("1.2.0, 2 days ago, commit ")

    late = look(released, began + timedelta(days=15))
    assert (late.unfinished, late.next.command) == ("", "release-channels bump-dev --index local")
    assert "1.2.0 is incomplete" in rows(late)["spent"]


def test_a_running_release_workflow_is_not_resumed(released: Repo, github: GitHubDouble) -> None:
    """The next command watches it."""
    (index_of(released) / SDIST).unlink()
    sha = released.git("rev-parse", "HEAD")
    run = github.state.add_run("public-release.yml", sha, status="in_progress", branch=TAG)
    seen = look(released)
    assert seen.next.command == f"release-channels tag --commit {TAG} --watch --index local"
    assert "public-release.yml is in progress" in seen.next.why
    github.state.set_run(run, "completed", "failure")
    seen = look(released)
    assert seen.next.command == f"release-channels resume {TAG} --index local"
    assert "public-release.yml ended with failure" in seen.next.why


def test_a_failed_gate_is_not_a_failed_publish(released: Repo, github: GitHubDouble) -> None:
    """They share an environment: each row contains its workflow."""
    sha, state = released.git("rev-parse", "HEAD"), github.state
    publisher = state.add_run("internal-preview-release.yml", sha)
    gate = state.add_run("integration-eval.yml", sha, conclusion="failure")
    state.add_deployment("pypi-internal-preview", sha, "in_progress", "success", run_id=publisher)
    state.add_deployment("pypi-internal-preview", sha, "in_progress", "failure", run_id=gate)
    shown = rows(look(released))["deployed"].splitlines()
    assert shown == [
        "pypi-internal-preview: integration-eval.yml (the gate, which publishes nothing) "
        f"failed for {sha[:12]}, just now",
        f"pypi-internal-preview: internal-preview-release.yml (the publisher) succeeded for {sha[:12]}, just now",
    ]


@pytest.mark.parametrize("token", [None, READER], ids=["none", "read only"])
def test_status_works_with_a_reading_token_or_none(
    released: Repo, github: GitHubDouble, monkeypatch: pytest.MonkeyPatch, token: str | None
) -> None:
    """Without a token it reports that drafts are invisible."""
    monkeypatch.setenv("GH_TOKEN", token or "")
    seen = look(released)
    assert rows(seen)["github"] == "no visible GitHub Release"
    assert any("drafts" in what for what in seen.unseen) is (token is None)


def test_a_failing_github_is_queried_once(released: Repo, github: GitHubDouble) -> None:
    """And once more after a second, as a screen should: the index alone decides then."""
    asked: list[str] = []

    def fail(_: str, path: str) -> Answer:
        asked.append(path)
        return broken()

    github.state.faults.append(fail)
    seen = look(released)
    assert len(asked) == 2
    assert [what for what in seen.unseen if "failed with 502" in what] == list(seen.unseen)
    assert len(seen.unseen) == 1
    assert seen.next.command == "release-channels bump-dev --index local"


def test_a_yanked_release_is_not_to_be_resumed(released: Repo, github: GitHubDouble) -> None:
    """Its row contains that."""
    for name in (WHEEL, SDIST):
        (index_of(released) / f"{name}.yanked").write_text("broken")
    seen = look(released)
    assert seen.next.command == "release-channels bump-dev --index local"
    assert rows(seen)["public"].endswith(", yanked")


def test_a_tag_without_the_workflow_is_not_unfinished(make_repo: MakeRepo, tmp_path: Path) -> None:
    """A tag with the release workflow is."""
    with serve(tmp_path / "index", project="demo-tool") as index:
        own = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n'
        repo = make_repo(Sample(version="1.2.0", tail=own))
        repo.tag(TAG)
        repo.git("push", "--quiet", "--tags", "origin")
        seen = look(repo, index="mine")
        assert (seen.unfinished, seen.next.command) == ("", "release-channels bump-dev --index mine")
        repo.commit("adopt", {".github/workflows/public-release.yml": "on: push\n"})
        repo.git("tag", "--force", "--annotate", "--message", TAG, TAG)
        repo.git("push", "--quiet", "--force", "--tags", "origin", "main")
        assert look(repo, index="mine").next.command == f"release-channels resume {TAG} --index mine"


def test_in_practice_a_tag_from_before_the_adoption_lacks_nothing(make_repo: MakeRepo) -> None:
    """Its release is on the real index; where there are no workflows at all, the practised tag is the one to finish."""
    repo = make_repo(Sample(version="1.3.0.dev0", files={"noxfile.py": "import nox\n"}))
    repo.tag(TAG)
    repo.git("push", "--quiet", "--tags", "origin")
    assert look(repo).next.command == f"release-channels resume {TAG} --index local"
    repo.commit("adopt", {".github/workflows/public-release.yml": "on: push\n"})
    repo.git("push", "--quiet", "origin", "main")
    assert look(repo).next.command == "nox -s preview"


@pytest.mark.parametrize("is_ahead", [False, True], ids=["on main's tip", "with settings that are not pushed"])
def test_a_tag_of_this_clone_alone_is_no_version_of_main(make_repo: MakeRepo, tmp_path: Path, is_ahead: bool) -> None:
    """Beside a real index, whatever settings this clone adds to main."""
    with serve(tmp_path / "index", project="demo-tool") as index:
        own = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n'
        made = Sample(tail=f'{own}[tool.hatch.version]\nsource = "vcs"\n', backend="hatchling")
        text = made.pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]', 1)
        repo = make_repo(replace(made, files={"pyproject.toml": text}))
        repo.tag(TAG)
        repo.git("push", "--quiet", "--tags", "origin")
        repo.commit("next")
        repo.git("push", "--quiet", "origin", "main")
        repo.tag("v9.9.9")
        if is_ahead:
            repo.commit("set", {"pyproject.toml": f'{text}[tool.release-channels]\nrepository = "acme/demo"\n'})
        assert str(look(repo, index="mine").seen.version) == "1.2.1.dev0"


ERRORS = [KeyboardInterrupt(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), RefusedError("x"), RecursionError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_while_reading_the_next_step_is_ignored(error: BaseException) -> None:
    """Also Ctrl-C and bugs: what was published or pushed is reported."""

    def fail(_revision: str) -> None:
        raise error

    try:
        step = read_next(cast("TaskContext", SimpleNamespace(git=SimpleNamespace(commit=fail))))
    except BaseException as escaped:  # noqa: BLE001 - pytest would end with Ctrl-C itself
        pytest.fail(f"{escaped!r} came out")
    assert step is None


def test_no_next_step_is_shown_without_a_project(tmp_path: Path) -> None:
    """As after an `init` whose project cannot be opened."""
    assert read_next_here(tmp_path) is None


def test_practice_reads_nothing_from_the_real_github(make_repo: MakeRepo) -> None:
    """With a note."""
    seen = look(make_repo(sample("1.2.0.dev0")))
    assert seen.unseen == ("GitHub: releases on the local index are practice and not announced there",)


def test_exit_code_reports_whether_a_step_is_pending(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 with --exit-code where one is, otherwise 0."""
    repo = make_repo(sample("1.2.0.dev0"))
    assert run_task(repo.root, tasks.status, index="local") == 0
    capsys.readouterr()
    code = run_task(repo.root, tasks.status, index="local", json=True, exit_code=True)
    content: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (code, content["converged"], content["next"]) == (1, False, "nox -s preview")
    assert content["main"] == {"version": "1.2.0.dev0", "state": "open", "commit": repo.git("rev-parse", "HEAD")}
    assert (content["public"], content["commits_since_preview"], content["in_flight"]) == (None, 1, None)

    preview(repo)
    capsys.readouterr()
    assert run_task(repo.root, tasks.status, index="local", exit_code=True) == 0
    shown = capsys.readouterr().out
    assert "next: release-channels bump --index local\n" in shown
    assert "1.2.0.dev1, just now, commit " in shown


def test_a_pending_preview_shows_its_failed_workflow(
    released: Repo, github: GitHubDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On the real index: the first workflow that has not passed."""
    from release_channels.indexserver.server import serve

    sha = released.commit("Open 1.2.1", sample("1.2.1.dev0").tree())
    push(released)
    store = tmp_path / "index"
    shutil.copytree(index_of(released), store)
    with serve(store) as index:
        file = tmp_path / "rehearsal.json"
        file.write_text(json.dumps({"simple": index.simple_url, "upload": index.upload_url}))
        monkeypatch.setenv("RELEASE_CHANNELS_REHEARSAL", str(file))
        github.state.releases[1] = StoredRelease(1, TAG, TAG, "", "main", False, False, github.state.clock())
        expected: list[tuple[str, Callable[[], object], str, str]] = [
            ("test.yml", lambda: None, "release-channels doctor", "test.yml has not run"),
            (
                "test.yml",
                lambda: github.state.add_run("test.yml", sha, status="in_progress"),
                "release-channels status",
                "test.yml is in p",
            ),
            (
                "test.yml",
                lambda: github.state.add_run("test.yml", sha),
                "release-channels doctor",
                "integration-eval.yml has",
            ),
            (
                "a branch, gated by hand",
                lambda: github.state.add_run("integration-eval.yml", sha, event="workflow_dispatch"),
                "release-channels doctor",
                "integration-eval.yml has",
            ),
            (
                "integration-eval.yml",
                lambda: github.state.add_run("integration-eval.yml", sha, event="workflow_run"),
                "release-channels doctor",
                "internal-preview-release.yml has",
            ),
        ]
        for _, act, command, why in expected:
            act()
            following = look(released, index="pypi").next
            assert following.command.startswith(command)
            assert why in following.why
