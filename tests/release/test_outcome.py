"""The one named outcome: on the screen, in a file, and for a workflow; foreign text stays text."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment
from release_channels.adapters.index import Credentials, Index
from release_channels.cli.report import report_outcome, show_plan
from release_channels.errors import RefusedError
from release_channels.model.observed import Commit, IndexState, Observed
from release_channels.model.outcome import Outcome, Result
from release_channels.model.plan import Plan, Reason, Verdict
from release_channels.model.version import Channel
from tests.conftest import RunSession
from tests.support.repo import Repo
from tests.support.staging import build_sample, copy_repo

NASTY = "x\n::error title=a::pwned\n  ::warning::b\r\n##[error]c\x1b[31m"


@pytest.fixture(scope="module")
def built(offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One build for all tests here; they work on copies."""
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
    """Return the lines that the runner would execute as commands."""
    lines = text.replace("\r", "\n").split("\n")
    return [line for line in lines if line.strip().startswith("::") or "##[" in line]


def _outputs(runner: Path) -> dict[str, str]:
    lines = (runner / "OUTPUT").read_text().splitlines()
    return {line.partition("<<")[0]: lines[at + 1] for at, line in enumerate(lines) if "<<" in line}


def test_a_published_preview_is_reported_everywhere(
    repo: Repo, run_session: RunSession, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the same outcome on screen, in file, summary and outputs."""
    outcome = run_session(repo, steps=("preview-publish",))
    content = json.loads((repo.root / ".release-channels" / "outcome.json").read_text())
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == outcome.line == "published: demo-tool 1.2.0.dev1 on the local index"
    assert _commands(out) == []
    assert (content["outcome"], content["version"], content["index"], content["publish"]) == (
        "published", "1.2.0.dev1", "local", True,
    )  # fmt: skip
    assert _outputs(runner) == {
        "outcome": "published", "version": "1.2.0.dev1", "publish": "true", "commit": outcome.commit, "run-number": "",
    }  # fmt: skip
    summary = (runner / "STEP_SUMMARY").read_text()
    for file in outcome.files:
        assert f"{file.sha256}  dist/{file.name}" in out
        assert file.sha256 in summary
        assert {"name": file.name, "size": file.size, "sha256": file.sha256} in content["files"]


@pytest.mark.parametrize(("is_tool", "command"), [(True, "uv tool install"), (False, "uv pip install")])
def test_the_install_command_matches_the_project(
    capsys: pytest.CaptureFixture[str], is_tool: bool, command: str
) -> None:
    """`uv tool install` would refuse a library."""
    outcome = Outcome(Result.PUBLISHED, "demo", project="demo", index="pypi", is_tool=is_tool)
    report_outcome(outcome, ActionsEnvironment(runs=False))
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.startswith("uv ")] == [
        f"{command} --upgrade demo",
        f"{command} --prerelease allow --upgrade demo",
    ]


NOTES = {
    "local": [
        "the commands below read the local index only while it is kept open: `release-channels serve-index` prints how"
    ],
    "testpypi": [
        "the commands below read the default index: name testpypi with pip's --index-url or uv's --default-index"
    ],
    "pypi": [],
}


@pytest.mark.parametrize(("index", "notes"), NOTES.items(), ids=NOTES)
def test_what_install_commands_need_is_said_before_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], index: str, notes: list[str]
) -> None:
    """A user who copies the first one would get another release, or none."""
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    monkeypatch.setattr(sys, "argv", ["/bin/release-channels"])
    report_outcome(Outcome(Result.PUBLISHED, "demo", project="demo", index=index), ActionsEnvironment(runs=False))
    lines = capsys.readouterr().out.splitlines()
    assert lines[: len(notes) + 1] == [*notes, "install from the public channel:"]
    assert not any(line.startswith("the commands") for line in lines[len(notes) :])


@pytest.mark.parametrize(
    ("environment", "is_on_path", "has_path"),
    [("_nox_script_mode", False, True), ("_nox_script_mode", True, False), (".venv", False, False)],
)
def test_the_index_is_kept_open_by_the_name_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    environment: str, is_on_path: bool, has_path: bool,
) -> None:  # fmt: skip
    """Only what nox alone has installed is named with its path."""
    own, users = tmp_path / environment / "bin", tmp_path / "bin"
    for directory in (own, users):
        directory.mkdir(parents=True)
        program = directory / "release-channels"
        program.touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(own / "python"))
    monkeypatch.setattr(sys, "argv", ["nox"])
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    monkeypatch.setenv("PATH", f"{own}:{users}" if is_on_path else str(own))
    report_outcome(Outcome(Result.PUBLISHED, "demo", project="demo", index="local"), ActionsEnvironment(runs=False))
    named = f"{own}/release-channels" if has_path else "release-channels"
    assert f": `{named} serve-index` prints how" in capsys.readouterr().out


def test_a_refusal_is_reported_everywhere(
    repo: Repo, run_session: RunSession, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also as an annotation with the hint; its line is the last."""
    (repo.root / "release.json").unlink()
    outcome = run_session(repo, steps=("preview-publish",))
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == outcome.line
    assert _commands(captured.out) == [f"::error title=refused::{outcome.message}%0A{outcome.hint}"]
    assert outcome.message not in captured.err
    assert _outputs(runner) == {
        "outcome": "refused", "version": "1.2.0.dev1", "publish": "false", "commit": outcome.commit, "run-number": "",
    }  # fmt: skip
    assert "### demo-tool: refused" in (runner / "STEP_SUMMARY").read_text()


def test_every_line_of_a_plan_begins_below_its_first(offline: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where two rules are broken, and each says what to do."""
    plan = Plan(Channel.PUBLIC, "demo", "local", "a" * 40, Verdict.REFUSE, Reason.UNFIT, "a; b", hint="do a\ndo b")
    seen = Observed("demo", Version("1.0"), Commit("a" * 40, 0), IndexState("local"))
    index = Index("local", "http://127.0.0.1:9/", "http://127.0.0.1:9/", Credentials.NONE)
    show_plan(plan, seen, index, ("build",))
    assert [line for line in capsys.readouterr().err.splitlines() if " do " in line] == [
        "  to do        do a",
        "               do b",
    ]


def test_the_next_step_is_about_the_same_build(repo: Repo, run_session: RunSession) -> None:
    """With the commit and the number that were named it checks what was built, and not another preview."""
    commit = repo.git("rev-parse", "HEAD")
    repo.commit("a later commit")
    built = run_session(repo, "--offline", "--run-number", "7", "--commit", commit, steps=("build",))
    assert built.next == f"nox -s check -- --run-number 7 --commit {commit} --offline"
    words = built.next.partition(" -- ")[2].split()
    checked = run_session(repo, *words, steps=("check",))
    assert (checked.result, checked.version) == (Result.DONE, built.version), checked.hint


def test_a_dry_run_writes_no_file(repo: Repo, run_session: RunSession, offline: None) -> None:
    """Not even outcome.json; the plan is the last line."""
    before = {path: path.stat().st_mtime_ns for path in repo.root.rglob("*") if ".git" not in path.parts}
    assert run_session(repo, "--dry-run", steps=("preview-publish",)).result is Result.PLANNED
    assert {path: path.stat().st_mtime_ns for path in repo.root.rglob("*") if ".git" not in path.parts} == before


def test_a_refused_run_replaces_the_last_outcome(repo: Repo, run_session: RunSession) -> None:
    """Also when it is refused before it has a commit."""
    assert run_session(repo, steps=("preview-publish",)).result is Result.PUBLISHED
    assert run_session(repo, "--index", "nowhere", steps=("preview-publish",)).result is Result.REFUSED
    assert json.loads((repo.root / ".release-channels" / "outcome.json").read_text())["outcome"] == "refused"


def test_no_file_is_written_outside_a_project(tmp_path: Path, run_session: RunSession) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    assert run_session(Repo(place, place), steps=("build",)).result is Result.REFUSED
    assert list(place.iterdir()) == []


def test_a_file_name_is_never_a_runner_command(
    repo: Repo, run_session: RunSession, runner: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An uncommitted file can have any name."""
    (repo.root / "a\n::error title=x::pwned").touch()
    (repo.root / "b\n  ::stop-commands::x").touch()
    run_session(repo, "--dry-run", steps=("preview-publish",))
    captured = capsys.readouterr()
    assert "pwned" in captured.err
    assert _commands(captured.out + captured.err) == []


@pytest.mark.parametrize("field", ["message", "hint", "project", "version", "commit", "index", "warnings"])
def test_no_outcome_field_is_a_runner_command(
    tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    """The runner gets only our own annotations, and one last line."""
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


COMMANDS = {
    "the console script": ("release-channels", {}, "release-channels tag"),
    "invoke": ("invoke", {}, "invoke tag"),
    "its short name": ("inv", {}, "invoke tag"),
    "uv run": ("nox", {"UV_RUN_RECURSION_DEPTH": "1", "VIRTUAL_ENV": sys.prefix}, "uv run release-channels tag"),
    "a script's environment": (
        "nox", {"UV_RUN_RECURSION_DEPTH": "1", "VIRTUAL_ENV": "/elsewhere"}, "release-channels tag",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("program", "env", "shown"), COMMANDS.values(), ids=COMMANDS)
def test_a_command_is_shown_as_the_user_types_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, env: dict[str, str], shown: str
) -> None:
    """In messages between backquotes, and as the next step; the project's name alone stays."""
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", [f"/bin/{program}"])
    console.say("`release-channels tag` of release-channels")
    console.next_step("release-channels tag")
    console.next_step("release-channels --help tag")
    help_of_it = shown.replace(" tag", " --help tag")
    assert capsys.readouterr().err == f"`{shown}` of release-channels\nnext: {shown}\nnext: {help_of_it}\n"


def test_only_noxs_own_log_lines_are_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Those of libraries only with --verbose, as urllib3's of each retry."""
    caplog.set_level(logging.DEBUG)
    # A test that ran nox in this process may have given its logger a level.
    caplog.set_level(logging.NOTSET, logger="nox")
    for verbose, messages in ((False, ["from nox"]), (True, ["from urllib3.connectionpool", "from nox"])):
        console.set_verbose(verbose)
        try:
            with console.libraries_quiet():
                for name in ("urllib3.connectionpool", "nox"):
                    logging.getLogger(name).warning("from %s", name)
        finally:
            console.set_verbose(False)
        assert caplog.messages == messages
        caplog.clear()
    logging.getLogger("adopter").debug("from another session")
    assert caplog.messages == ["from another session"]


def test_no_index_login_is_in_any_output(tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Screen, annotation, summary, outputs and file are public or stored."""
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
    output = "".join([captured.out, captured.err, *kept])
    assert "https://***@127.0.0.1/" in output
    assert not [word for word in ("s3cretpw", "t0ken") if word in output]


UNPRINTABLE = {
    "escape": "a\x1b[31mb", "bell": "a\x07b", "C1": "a\x9b31mb", "carriage return": "a\rb", "NUL": "a\0b",
    "right to left": "a\u202eb", "isolate": "a\u2066b", "half a pair": "a\ud800b", "byte of a file name": "a\udcffb",
}  # fmt: skip


@pytest.mark.parametrize("text", UNPRINTABLE.values(), ids=UNPRINTABLE)
def test_foreign_text_is_escaped_in_every_output(
    tmp_path: Path, offline: None, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """It can come from an event, an index or a file name."""
    outcome = Outcome(Result.FAILED, text, hint=text, project=text, warnings=(text,), version=text)
    actions = ActionsEnvironment(runs=True, output=tmp_path / "out", summary=tmp_path / "summary.md")
    (tmp_path / ".release-channels").mkdir()
    report_outcome(outcome, actions, tmp_path)
    for print_text in (console.say, console.warn, console.result, console.output):
        print_text(text)
    console.error(RefusedError(text, hint=text))
    captured = capsys.readouterr()
    kept = "".join(path.read_bytes().decode() for path in tmp_path.rglob("*") if path.is_file())
    assert "could not be written" not in captured.err
    assert not set(captured.out + captured.err + kept) & set("\x1b\x07\x9b\r\0\u202e\u2066\ud800\udcff")
    assert len(list(tmp_path.rglob("*.*"))) >= 2


def test_progress_output_gives_no_runner_command(offline: None, capsys: pytest.CaptureFixture[str]) -> None:
    """On neither stream: the runner reads both."""
    for print_text in (console.say, console.warn, console.result, console.output):
        print_text(NASTY)
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
    """No part of a field is rendered as a tag."""
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
