"""A bad release is out: what to do by hand, what everybody then gets, and the look afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from release_channels import tasks
from release_channels.cli.context import open_context
from release_channels.commands.yank import yank
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


def take_back(repo: Repo, version: str = "1.2.0", reason: str = "", index: str = "local") -> Outcome:
    """Withdraw a version, and prove that nothing moves: yanking is done by hand."""
    before = repo.fingerprint()
    with open_context(repo.root, {**os.environ, "UV_DEFAULT_INDEX": ""}, index=index) as context:
        outcome = yank(context, version, reason=reason)
    assert repo.fingerprint() == before
    return outcome


def mark_yanked(repo: Repo, *versions: str) -> None:
    for version in versions:
        for path in index_of(repo).glob(f"*-{version}-*.whl"):
            path.with_name(f"{path.name}.yanked").write_text("broken")


def test_it_says_what_to_do_and_what_everybody_gets(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Both channels' next versions, the line's previews, the reason and the next version are on the screen."""
    outcome = take_back(repo)
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


def test_a_reason_of_ones_own_is_shown(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The text that users will read can be given."""
    take_back(repo, reason="eats files")
    assert "  reason  eats files" in capsys.readouterr().out.splitlines()


def test_on_a_real_index_the_page_and_the_button_are_named(
    repo: Repo, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Elsewhere than here yanking is done on the index's own page of the release."""
    from release_channels.indexserver.server import serve

    with serve(index_of(repo)) as index:
        file = tmp_path / "rehearsal.json"
        file.write_text(f'{{"simple": "{index.simple_url}", "upload": "{index.upload_url}"}}')
        monkeypatch.setenv("RELEASE_CHANNELS_REHEARSAL", str(file))
        outcome = take_back(repo, index="pypi")
        host = index.simple_url.removesuffix("/simple/")
    shown = capsys.readouterr().out.splitlines()
    assert f"  open    {host}/manage/project/demo-tool/release/1.2.0/" in shown
    assert "  press   Options, then Yank, and type the version to confirm" in shown
    assert "run `release-channels yank 1.2.0` again" in outcome.message


def test_run_again_it_sees_the_yank(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Once every file is yanked it says so, and has nothing more to ask for."""
    mark_yanked(repo, "1.2.0")
    outcome = take_back(repo)
    assert (outcome.result, outcome.message) == (
        Result.DONE, "1.2.0 is yanked on the local index: installers no longer pick it",
    )  # fmt: skip
    shown = capsys.readouterr().out
    assert "now that 1.2.0 is yanked:" in shown
    assert "to yank it" not in shown


def test_what_it_foretells_is_what_pip_and_uv_do(repo: Repo) -> None:
    """After the yank each channel's users get exactly the version that was named, from pip and from uv."""
    mark_yanked(repo, "1.2.0")
    with open_context(repo.root, {**os.environ, "UV_DEFAULT_INDEX": ""}, index="local") as context:
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


def test_a_release_that_is_yanked_in_part_is_told(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that was forgotten is named: installers still take it."""
    second = index_of(repo) / "demo_tool-1.2.0-py3-none-any.whl"
    other = second.with_name("demo_tool-1.2.0-cp311-none-any.whl")
    other.write_bytes(second.read_bytes())
    other.with_name(f"{other.name}.yanked").touch()
    outcome = take_back(repo)
    assert outcome.result is Result.PLANNED
    assert outcome.message.startswith(f"1.2.0 is yanked on the local index but for {second.name}; yank it")


def test_a_preview_is_followed_by_a_preview(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """For a bad preview no version has to be cut."""
    outcome = take_back(repo, "1.3.0.dev5")
    assert outcome.hint == ""
    shown = capsys.readouterr().out.splitlines()
    assert "  preview channel users get  1.2.0" in shown
    assert "a yanked version is never used again: merge a fix; the next preview will include it" in shown


def test_a_version_in_another_spelling_is_found(repo: Repo) -> None:
    """1.2 means 1.2.0, and is called so."""
    assert take_back(repo, "1.2").version == "1.2.0"


WRONG = {
    "unknown": ("3.0", 2, "3.0 is not on the index local"),
    "no version": ("latest", 1, "'latest' is not a version"),
    "a tag": ("v1.2.0", 1, "the version 'v1.2.0' reads as 1.2.0"),
}


@pytest.mark.parametrize(("text", "code", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_version_is_refused(
    repo: Repo, capsys: pytest.CaptureFixture[str], text: str, code: int, message: str
) -> None:
    """What is not a version of the index ends with a sentence, and nothing moves."""
    before = repo.fingerprint()
    assert run_task(repo.root, tasks.yank, version=text, index="local") == code
    assert message in capsys.readouterr().out.splitlines()[-1]
    assert repo.fingerprint() == before


def test_the_next_version_is_not_a_tagged_one(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Tags count as they do for `bump`; where the remote is out of reach, those of the clone do, which is said."""
    repo.tag("v1.3.0")
    assert take_back(repo).hint == "the next version to cut is 1.3.1"
    assert "chosen by the tags of this clone" not in capsys.readouterr().err
    repo.git("remote", "set-url", "origin", str(repo.remote.with_name("gone.git")))
    assert take_back(repo).hint == "the next version to cut is 1.3.1"
    assert "the next version is chosen by the tags of this clone" in capsys.readouterr().err
