"""The one named outcome: on the screen, in a file, and for a workflow; foreign text stays text."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment
from release_channels.cli.report import report_outcome
from release_channels.errors import RefusedError
from release_channels.model.outcome import Outcome, Result, first_command
from tests.conftest import RunSession
from tests.support.repo import Repo
from tests.support.staging import build_sample, copy_repo

NASTY = "x\n::error title=a::pwned\n  ::warning::b\r\n##[error]c\x1b[31m"


@pytest.fixture(scope="module")
def built(offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One build for all tests here, which work on copies."""
    return build_sample(tmp_path_factory.mktemp("built"), (), offline_environment)


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A checkout with a fresh build in dist/."""
    return copy_repo(built, tmp_path)


@pytest.fixture
def runner(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the files that the runner of a workflow reads."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("OUTPUT", "STEP_SUMMARY"):
        (tmp_path / name).touch()
        monkeypatch.setenv(f"GITHUB_{name}", str(tmp_path / name))
    return tmp_path


def _commands(text: str) -> list[str]:
    """Find what the runner would take for a command."""
    lines = text.replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip().startswith("::") or "##[" in line]


def _outputs(runner: Path) -> dict[str, str]:
    lines = (runner / "OUTPUT").read_text().splitlines()
    return {line.partition("<<")[0]: lines[at + 1] for at, line in enumerate(lines) if "<<" in line}


def test_a_published_preview_is_told_everywhere(
    repo: Repo, run_session: RunSession, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Screen, file, summary and outputs all tell the same outcome."""
    outcome = run_session(repo, steps=("preview-publish",))
    told = json.loads((repo.root / ".release-channels" / "outcome.json").read_text())
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == outcome.line == "published: demo-tool 1.2.0.dev1 on the local index"
    assert _commands(out) == []
    assert (told["outcome"], told["version"], told["index"], told["publish"]) == (
        "published", "1.2.0.dev1", "local", True,
    )  # fmt: skip
    assert _outputs(runner) == {
        "outcome": "published", "version": "1.2.0.dev1", "publish": "true", "commit": outcome.commit, "run-number": "",
    }  # fmt: skip
    summary = (runner / "STEP_SUMMARY").read_text()
    for file in outcome.files:
        assert f"{file.sha256}  dist/{file.name}" in out
        assert file.sha256 in summary
        assert {"name": file.name, "size": file.size, "sha256": file.sha256} in told["files"]


@pytest.mark.parametrize(("is_tool", "command"), [(True, "uv tool install"), (False, "uv pip install")])
def test_the_install_command_fits_the_project(capsys: pytest.CaptureFixture[str], is_tool: bool, command: str) -> None:
    """A library has no script, and `uv tool install` would refuse it."""
    outcome = Outcome(Result.PUBLISHED, "demo", project="demo", index="pypi", is_tool=is_tool)
    report_outcome(outcome, ActionsEnvironment(runs=False))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith("uv ")] == [
        f"{command} --upgrade demo",
        f"{command} --prerelease allow --upgrade demo",
    ]


def test_a_refusal_is_told_everywhere(
    repo: Repo, run_session: RunSession, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refusal is an annotation too, with the hint, and its line is the last."""
    (repo.root / "release.json").unlink()
    outcome = run_session(repo, steps=("preview-publish",))
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == outcome.line
    assert _commands(captured.out) == [f"::error title=refused::{outcome.message}%0A{outcome.hint}"]
    assert _outputs(runner) == {
        "outcome": "refused", "version": "1.2.0.dev1", "publish": "false", "commit": outcome.commit, "run-number": "",
    }  # fmt: skip
    assert "### demo-tool: refused" in (runner / "STEP_SUMMARY").read_text()


def test_a_dry_run_leaves_no_file(repo: Repo, run_session: RunSession, offline: None) -> None:
    """Not even an outcome.json, and the plan is the last line."""
    before = {path: path.stat().st_mtime_ns for path in repo.root.rglob("*") if ".git" not in path.parts}
    assert run_session(repo, "--dry-run", steps=("preview-publish",)).result is Result.PLANNED
    assert {path: path.stat().st_mtime_ns for path in repo.root.rglob("*") if ".git" not in path.parts} == before


def test_an_old_outcome_never_stands_for_a_new_one(repo: Repo, run_session: RunSession) -> None:
    """A run that is refused before it knows a commit replaces the outcome before it."""
    assert run_session(repo, steps=("preview-publish",)).result is Result.PUBLISHED
    assert run_session(repo, "--index", "nowhere", steps=("preview-publish",)).result is Result.REFUSED
    assert json.loads((repo.root / ".release-channels" / "outcome.json").read_text())["outcome"] == "refused"


def test_outside_of_a_project_no_file_is_made(tmp_path: Path, run_session: RunSession) -> None:
    """A run in the wrong directory leaves nothing there."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    assert run_session(Repo(place, place), steps=("build",)).result is Result.REFUSED
    assert list(place.iterdir()) == []


def test_names_of_files_give_no_command(
    repo: Repo, run_session: RunSession, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An uncommitted file may be called anything."""
    (repo.root / "a\n::error title=x::pwned").touch()
    (repo.root / "b\n  ::stop-commands::x").touch()
    run_session(repo, "--dry-run", steps=("preview-publish",))
    captured = capsys.readouterr()
    assert "pwned" in captured.err
    assert _commands(captured.out + captured.err) == []


@pytest.mark.parametrize("field", ["message", "hint", "project", "version", "commit", "index", "warnings"])
def test_no_field_gives_a_command(
    tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    """Whatever text gets into an outcome, the runner sees our own annotations alone, and one last line."""
    values = {"message": "m", field: (NASTY,) if field == "warnings" else NASTY}
    outcome = Outcome(Result.FAILED, **values)  # type: ignore[arg-type]
    summary = tmp_path / "summary.md"
    report_outcome(outcome, ActionsEnvironment(runs=True, summary=summary))
    captured = capsys.readouterr()
    commands = _commands(captured.out + captured.err)
    assert [command.partition(" title=")[0] for command in commands] == (
        ["::warning", "::error"] if field == "warnings" else ["::error"]
    )
    assert captured.out.splitlines()[-1].startswith("failed: ")
    assert "\x1b" not in captured.out.splitlines()[-1]


NEXT = {
    "a command": ("write it: `release-channels bump` does", "release-channels bump"),
    "what deletes is passed over": ("`git push --delete origin v1` and `release-channels tag`", "release-channels tag"),
    "a local deletion": ("`git tag --delete v1`, then look", ""),
    "what removes files": ("`git rm --cached x`", ""),
    "a place to fill in": ("`release-channels tag --version X.Y.Z`", ""),
    "a placeholder": ("`release-channels init --tool release-channels==VERSION --update`", ""),
    "a file name": ("see `pyproject.toml`", ""),
}


@pytest.mark.parametrize(("hint", "command"), NEXT.values(), ids=NEXT)
def test_what_takes_something_away_is_never_the_next_step(hint: str, command: str) -> None:
    """The first command of a hint that can be typed as it is, and that deletes nothing."""
    assert first_command(hint) == command


FACES = {
    "the console script": ("release-channels", {}, "release-channels tag"),
    "invoke": ("invoke", {}, "invoke tag"),
    "its short name": ("inv", {}, "invoke tag"),
    "uv run": ("nox", {"UV_RUN_RECURSION_DEPTH": "1", "VIRTUAL_ENV": sys.prefix}, "uv run release-channels tag"),
    "a script's environment": (
        "nox", {"UV_RUN_RECURSION_DEPTH": "1", "VIRTUAL_ENV": "/elsewhere"}, "release-channels tag",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("program", "env", "shown"), FACES.values(), ids=FACES)
def test_a_command_is_shown_as_the_user_types_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, env: dict[str, str], shown: str
) -> None:
    """In messages between backticks, and as the next step; the name of the project alone stays."""
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [f"/bin/{program}"])
    console.say("`release-channels tag` of release-channels")
    console.next_step("release-channels tag")
    assert capsys.readouterr().err == f"`{shown}` of release-channels\nnext: {shown}\n"


def test_what_libraries_log_is_not_on_the_screen_and_what_nox_says_is(caplog: pytest.LogCaptureFixture) -> None:
    """nox lets everything through; of that a user sees nox's own lines, and the rest with --verbose."""
    caplog.set_level(logging.DEBUG)
    # A test that ran nox in this process may have given its logger a level.
    caplog.set_level(logging.NOTSET, logger="nox")
    for verbose, told in ((False, ["from nox"]), (True, ["from markdown_it.rules_block", "from nox"])):
        console.set_verbose(verbose)
        try:
            with console.libraries_quiet():
                for name in ("markdown_it.rules_block", "nox"):
                    logging.getLogger(name).debug("from %s", name)
        finally:
            console.set_verbose(False)
        assert caplog.messages == told
        caplog.clear()
    logging.getLogger("adopter").debug("from another session")
    assert caplog.messages == ["from another session"]


def test_no_password_gets_to_where_others_read(
    tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Screen, annotation, summary, outputs and the file are public or kept: none has a login of an index."""
    (tmp_path / ".release-channels").mkdir()
    text = "`uv pip install --index http://ci:s3cretpw@127.0.0.1/ --extra-index https://t0ken@127.0.0.1/` exited 1"
    outcome = Outcome(Result.FAILED, text, hint=text, warnings=(text,))
    report_outcome(
        outcome, ActionsEnvironment(runs=True, output=tmp_path / "out", summary=tmp_path / "summary.md"), tmp_path
    )
    console.set_verbose(True)
    try:
        console.command(text.split())
        console.output(text)
    finally:
        console.set_verbose(False)
    captured = capsys.readouterr()
    kept = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) >= 3  # outputs, summary and outcome.json
    told = "".join([captured.out, captured.err, *kept])
    assert "https://***@127.0.0.1/" in told
    assert not [word for word in ("s3cretpw", "t0ken") if word in told]


UNPRINTABLE = {
    "escape": "a\x1b[31mb", "bell": "a\x07b", "C1": "a\x9b31mb", "carriage return": "a\rb", "NUL": "a\0b",
    "right to left": "a\u202eb", "isolate": "a\u2066b", "half a pair": "a\ud800b", "byte of a file name": "a\udcffb",
}  # fmt: skip


@pytest.mark.parametrize("text", UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_foreign_text_steers_nothing_and_is_always_carried(
    tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """An event, an index or a file name may hold anything: it comes out of every way out as harmless text."""
    outcome = Outcome(Result.FAILED, text, hint=text, project=text, warnings=(text,), version=text)
    actions = ActionsEnvironment(runs=True, output=tmp_path / "out", summary=tmp_path / "summary.md")
    (tmp_path / ".release-channels").mkdir()
    report_outcome(outcome, actions, tmp_path)
    for tell_it in (console.say, console.warn, console.result, console.output):
        tell_it(text)
    console.error(RefusedError(text, hint=text))
    captured = capsys.readouterr()
    kept = "".join(path.read_bytes().decode() for path in tmp_path.rglob("*") if path.is_file())
    assert "could not be written" not in captured.err
    assert not set(captured.out + captured.err + kept) & set("\x1b\x07\x9b\r\0\u202e\u2066\ud800\udcff")
    assert len(list(tmp_path.rglob("*.*"))) >= 2


def test_the_story_gives_no_command(offline: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither stream lets foreign text through as a command: the runner reads both."""
    for tell_it in (console.say, console.warn, console.result, console.output):
        tell_it(NASTY)
    captured = capsys.readouterr()
    assert "pwned" in captured.out
    assert "pwned" in captured.err
    assert _commands(captured.out + captured.err) == []


FOREIGN = [
    "# heading", "- item", "+ item", "1. item", "1) item", "===", "> quote", "*a* _b_ ~~c~~ `d`", "a | b | c",
    "[a](http://b.example)", "![a](http://b.example)", "<script>alert(1)</script>", "<!-- ", "&lt;b&gt;", "\\<b>",
    "$x$", "```\ncode", "| a |\n| --- |", "</details>", "a\n\n# b", "a\\",
]  # fmt: skip


@pytest.mark.parametrize("text", FOREIGN)
def test_the_summary_shows_foreign_text_as_text(text: str) -> None:
    """Rendered, every field reads as it was, and nothing of it became a tag."""
    plain = " ".join(text.split())
    outcome = Outcome(
        Result.FAILED, text, hint=text, channel=text, project=text, version=text, commit=text, index=text,
        warnings=(text,),
    )  # fmt: skip
    render = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render
    harmless = Outcome(
        Result.FAILED, "T", hint="T\nT" if text.count("\n") == 1 else "T\n\nT" if "\n" in text else "T", channel="T",
        project="T", version="T", commit="T", index="T", warnings=("T",),
    )  # fmt: skip
    import re
    from html import unescape

    tags = re.compile(r"<[^>]+>")
    shown, expected = render(outcome.to_markdown()), render(harmless.to_markdown())
    assert tags.findall(shown) == tags.findall(expected)
    assert unescape(tags.sub("", shown)).count(plain) >= 6
