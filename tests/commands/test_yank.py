"""A bad release is published: the manual steps, their effects on users, and the check afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from release_channels import tasks
from release_channels.cli.context import open_context, open_index
from release_channels.commands.yank import yank
from release_channels.errors import UsageError
from release_channels.model.outcome import Outcome, Result
from tests.commands.doing import run_task
from tests.conftest import MakeRepo
from tests.indexserver.servers import UV
from tests.support.releasing import index_of, put_on_index, sample
from tests.support.repo import Repo


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    """A project with two finals and three previews on the local index."""
    made = make_repo(sample("1.3.0.dev0"))
    put_on_index(made, "1.1.0", "1.2.0.dev4", "1.2.0", "1.3.0.dev5")
    return made


def run_yank(repo: Repo, version: str = "1.2.0", reason: str = "", index: str = "local") -> Outcome:
    """Run `yank`, and assert that nothing moves: yanking is done by hand."""
    before = repo.fingerprint()
    with open_context(repo.root, {**os.environ, "UV_DEFAULT_INDEX": ""}, index=index) as context:
        outcome = yank(context, version, reason=reason)
    assert repo.fingerprint() == before
    return outcome


def mark_yanked(repo: Repo, *versions: str) -> None:
    for version in versions:
        for path in index_of(repo).glob(f"*-{version}-*.whl"):
            path.with_name(f"{path.name}.yanked").write_text("broken")


def test_yank_shows_steps_and_effects(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Both channels' next versions, previews of the line, reason and replacement."""
    outcome = run_yank(repo)
    shown = capsys.readouterr().out
    assert (outcome.result, outcome.version, outcome.hint) == (
        Result.PLANNED, "1.2.0", "the next version to cut is 1.3.0",
    )  # fmt: skip
    assert "run `release-channels yank 1.2.0 --index local` again to check" in outcome.message
    for line in (
        "once 1.2.0 is yanked:",
        "  public channel users get   1.1.0",
        "  preview channel users get  1.3.0.dev5",
        "  previews of the same line are still there, and may have the same fault: 1.2.0.dev4",
        "  write   demo_tool-1.2.0-py3-none-any.whl.yanked",
        "  reason  broken; use 1.1.0 instead",
        "a yanked version is never used again: the next one to cut is 1.3.0",
        "the tag v1.2.0 stays; if there is a GitHub Release v1.2.0, say in its text that it is withdrawn",
    ):
        assert line in shown.splitlines()


def test_yank_shows_a_given_reason(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    run_yank(repo, reason="eats files")
    assert "  reason  eats files" in capsys.readouterr().out.splitlines()


def test_yank_on_a_real_index_shows_page_and_button(
    repo: Repo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from release_channels.indexserver.server import serve

    with serve(index_of(repo)) as index:
        file = tmp_path / "rehearsal.json"
        file.write_text(f'{{"simple": "{index.simple_url}", "upload": "{index.upload_url}"}}')
        monkeypatch.setenv("RELEASE_CHANNELS_REHEARSAL", str(file))
        outcome = run_yank(repo, index="pypi")
        host = index.simple_url.removesuffix("/simple/")
    shown = capsys.readouterr().out.splitlines()
    assert f"  open    {host}/manage/project/demo-tool/release/1.2.0/" in shown
    assert "  press   Options, then Yank, and type the version to confirm" in shown
    assert "run `release-channels yank 1.2.0` again" in outcome.message


def test_yank_confirms_a_yanked_release(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Once every file is yanked."""
    mark_yanked(repo, "1.2.0")
    outcome = run_yank(repo)
    assert (outcome.result, outcome.message) == (
        Result.DONE, "1.2.0 is yanked on the local index: installers no longer pick it",
    )  # fmt: skip
    shown = capsys.readouterr().out
    assert "now that 1.2.0 is yanked:" in shown
    assert "to yank it" not in shown


def test_pip_and_uv_install_what_yank_predicts(repo: Repo) -> None:
    """On each channel."""
    mark_yanked(repo, "1.2.0")
    env = {**os.environ, "UV_DEFAULT_INDEX": ""}
    with open_context(repo.root, env, index="local") as read:
        project = read.project
    with open_index("local", project, repo.root, env) as index:
        context = replace(read, index=index)
        url = context.index.simple_url
        pip = (sys.executable, "-m", "pip", "download", "--no-deps", "--index-url", url, "-d", str(repo.root / "dist"))
        uv = (
            UV,
            "pip",
            "compile",
            "--no-config",
            "--no-header",
            "--no-annotate",
            "--no-deps",
            "--default-index",
            url,
            "-",
        )
        for more, prerelease, version in (((), "disallow", "1.1.0"), (("--pre",), "allow", "1.3.0.dev5")):
            subprocess.run([*pip, *more, "demo-tool"], check=True, capture_output=True)
            assert (repo.root / "dist" / f"demo_tool-{version}-py3-none-any.whl").exists()
            done = subprocess.run(
                [*uv, "--prerelease", prerelease], input="demo-tool", check=True, capture_output=True, text=True
            )
            assert done.stdout.strip() == f"demo-tool=={version}"


def test_a_partly_yanked_release_is_reported(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Installers still find the other file."""
    second = index_of(repo) / "demo_tool-1.2.0-py3-none-any.whl"
    other = second.with_name("demo_tool-1.2.0-cp311-none-any.whl")
    other.write_bytes(second.read_bytes())
    other.with_name(f"{other.name}.yanked").touch()
    outcome = run_yank(repo)
    assert outcome.result is Result.PLANNED
    assert outcome.message.startswith(f"1.2.0 is yanked on the local index but for {second.name}; yank it")


def test_a_deleted_file_needs_no_yank(repo: Repo) -> None:
    """The index does not list it, although its name is taken for ever: the release counts as yanked without it."""
    wheel = index_of(repo) / "demo_tool-1.2.0-py3-none-any.whl"
    other = wheel.with_name("demo_tool-1.2.0-cp311-none-any.whl")
    other.write_bytes(wheel.read_bytes())
    mark_yanked(repo, "1.2.0")
    other.with_name(f"{other.name}.yanked").unlink()
    assert run_yank(repo).result is Result.PLANNED
    other.rename(other.with_name(f"{other.name}.deleted"))
    assert run_yank(repo).result is Result.DONE
    wheel.rename(wheel.with_name(f"{wheel.name}.deleted"))
    with pytest.raises(UsageError, match=r"1\.2\.0 is not on the local index"):
        run_yank(repo)


def test_a_yanked_preview_is_replaced_by_a_preview(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = run_yank(repo, "1.3.0.dev5")
    assert outcome.hint == ""
    shown = capsys.readouterr().out.splitlines()
    assert "  preview channel users get  1.2.0" in shown
    assert "a yanked version is never used again: merge a fix; the next preview will include it" in shown


def test_yank_accepts_another_spelling_of_the_version(repo: Repo) -> None:
    assert run_yank(repo, "1.2").version == run_yank(repo, "v1.2.0").version == "1.2.0"


WRONG = {
    "unknown": ("3.0", 2, "3.0 is not on the local index"),
    "no version": ("latest", 2, "'latest' is not a version"),
}


@pytest.mark.parametrize(("text", "code", "message"), WRONG.values(), ids=WRONG)
def test_yank_refuses_an_unpublished_version(
    repo: Repo, capsys: pytest.CaptureFixture[str], text: str, code: int, message: str
) -> None:
    """Nothing moves."""
    before = repo.fingerprint()
    assert run_task(repo.root, tasks.yank, version=text, index="local") == code
    assert message in capsys.readouterr().out.splitlines()[-1]
    assert repo.fingerprint() == before


def test_the_replacement_version_is_above_tagged_ones(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The local tags if the remote is unreachable, with a note."""
    repo.tag("v1.3.0")
    assert run_yank(repo).hint == "the next version to cut is 1.3.1"
    assert "chosen by the tags of this clone" not in capsys.readouterr().err
    repo.git("remote", "set-url", "origin", str(repo.remote.with_name("gone.git")))
    assert run_yank(repo).hint == "the next version to cut is 1.3.1"
    assert "the next version is chosen by the tags of this clone" in capsys.readouterr().err
