"""Small projects, each with one trait of a real one, through every command: tests/data/projects/README.md says how."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from release_channels import tasks
from release_channels.model.session_names import PREVIEW, PUBLIC
from release_channels.model.version import Channel
from release_channels.release import pipeline
from release_channels.release.step import Timeouts
from tests.adoption.adopting import TOOL
from tests.commands.doing import run_task
from tests.support.corpus import PROJECTS, create_repository, dependencies_index, names, path_with_python, read_case
from tests.support.releasing import index_of
from tests.support.repo import Repo

SOURCE = Path(__file__).parents[2] / "src" / "release_channels"
COMMANDS = ("init", "doctor", "preview", "bump", "tag", "public", "bump-dev")
# These build and install; with --all alone.
_LONG = ("preview", "public")
_VERSIONS = {"preview": "1.2.0.dev1", "bump": "1.2.0", "tag": "1.2.0", "public": "1.2.0-", "bump-dev": "1.2.1.dev0"}
_NEVER = ("Traceback", "a bug in release-channels")
_PATIENCE = Timeouts(tries=(0.1, 0.1), visible=1.0, first_pause=0.05)


@dataclass(frozen=True)
class Played:
    """What a command ended with, and all that it printed, in one line."""

    code: int
    screen: str
    next: str


def _cases() -> Iterator[Any]:
    for name in names():
        case = read_case(name)
        marks = () if case.get("plain") else (pytest.mark.full,)
        yield pytest.param(PROJECTS / name, case, id=name, marks=marks)


def test_words_that_a_command_must_not_print_can_be_printed() -> None:
    """They are in the source, or another project expects them: a check for words of the past could not fail."""
    source = "".join(path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py")))
    cases = [param.values[1] for param in _cases()]
    tables = [table for case in cases for table in case.values() if isinstance(table, dict)]
    possible = {words for table in tables for words in table.get("says", ())}
    never = {words for table in tables for words in table.get("never", ())}
    assert {words for words in never - possible if words not in source} == set()


@pytest.fixture
def index(
    case: Mapping[str, Any], tmp_path: Path, wheelhouse: Path, upstream: str, pytestconfig: pytest.Config
) -> Iterator[str]:
    """The index that the project's dependencies come from."""
    installs = pytestconfig.getoption("--all")
    with dependencies_index(tmp_path, case, wheelhouse, upstream, installs=installs) as address:
        yield address


@pytest.mark.parametrize(("directory", "case"), list(_cases()))
def test_a_project_is_released_or_hears_the_true_reason(
    directory: Path,
    case: Mapping[str, Any],
    tmp_path: Path,
    tools: str,
    index: str,
    offline: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    pytestconfig: pytest.Config,
) -> None:
    """Each command ends as expected; one that refuses moves nothing, and then the rest is left out unless named."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", index)
    monkeypatch.setenv("PATH", path_with_python(tmp_path, case))
    repo = create_repository(tmp_path, directory, case)
    project = Repo(repo.root / case.get("directory", ""), repo.remote)
    play_all = pytestconfig.getoption("--all")
    for number, command in enumerate(COMMANDS):
        expected = case.get(command, {})
        if command in _LONG and not play_all:
            continue
        monkeypatch.setenv("UV_DEFAULT_INDEX", tools if command == "init" else index)
        before = _moved(repo)
        played = _play(repo if command == "init" else project, command, expected.get("options", {}), capsys)
        wrong = _differences(repo, project, command, expected, played)
        if played.code and _moved(repo) != before:
            wrong.append("it refused, and something moved")
        assert not wrong, "\n".join([f"{directory.name}: {command}", *wrong, played.screen])
        if played.code and command != "doctor" and not any(later in case for later in COMMANDS[number + 1 :]):
            return
        if command == "init" and play_all:
            _play_again(repo, expected, capsys)
        if command in ("init", "bump"):
            repo.git("push", "--quiet", "origin", "HEAD")


def _moved(repo: Repo) -> dict[str, str]:
    """Describe what a refusal leaves alone: all but what a build left in its own place."""
    return {name: value for name, value in repo.fingerprint().items() if not name.startswith(("dist/", "release.json"))}


def _play(repo: Repo, command: str, options: Mapping[str, Any], capsys: pytest.CaptureFixture[str]) -> Played:
    capsys.readouterr()
    code = _RUN[command](repo, **options)
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    last = next((line.removeprefix("next: ") for line in reversed(lines) if line.startswith("next: ")), "")
    return Played(code, " ".join(f"{printed.out} {printed.err}".split()), last)


def _init(repo: Repo, **options: Any) -> int:
    return run_task(repo.root, tasks.init, tool=TOOL, commit=True, **options)


def _task(task: Any, repo: Repo, **options: Any) -> int:
    return run_task(repo.root, task, index="local", **options)


def _session(name: str, steps: tuple[str, ...], channel: Channel, repo: Repo) -> int:
    outcome = pipeline.run_pipeline(
        name, steps, (), root=repo.root, env=dict(os.environ), patience=_PATIENCE, channel=channel
    )
    return 0 if outcome.result.is_good else 1


_RUN: Mapping[str, Callable[..., int]] = {
    "init": _init,
    "doctor": partial(_task, tasks.doctor),
    "preview": partial(_session, "preview", PREVIEW, Channel.PREVIEW),
    "bump": partial(_task, tasks.bump, commit=True),
    "tag": partial(_task, tasks.tag),
    "public": partial(_session, "public", PUBLIC, Channel.PUBLIC),
    "bump-dev": partial(_task, tasks.bump_dev, commit=True),
}


def _play_again(repo: Repo, expected: Mapping[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """A second `init` changes nothing."""
    before = repo.fingerprint()
    again = _play(repo, "init", expected.get("options", {}), capsys)
    assert (again.code, repo.fingerprint()) == (0, before), again.screen


def _differences(repo: Repo, project: Repo, command: str, expected: Mapping[str, Any], played: Played) -> list[str]:
    """Return what is not as expected."""
    wrong = []
    if played.code != expected.get("exit", 0):
        wrong.append(f"exit {played.code}, not {expected.get('exit', 0)}")
    wrong += [f"not said: {words}" for words in expected.get("says", ()) if words not in played.screen]
    wrong += [f"said: {words}" for words in (*_NEVER, *expected.get("never", ())) if words in played.screen]
    if "next" in expected and played.next != expected["next"]:
        wrong.append(f"next: {played.next}")
    for path, text in expected.get("files", {}).items():
        found = (repo.root / path).read_bytes().decode() if (repo.root / path).exists() else "no such file"
        wrong += [f"{path} is: {found}"] if text not in found else []
    version = expected.get("version", _VERSIONS.get(command))
    if version and not played.code and version not in _made(project, command):
        wrong.append(f"no {version}: {_made(project, command)}")
    return wrong


def _made(repo: Repo, command: str) -> str:
    """What the command has left: the distributions on the index, the newest tag on the remote, the newest commit."""
    if command in _LONG:
        return " ".join(path.name for path in sorted(index_of(repo).iterdir()))
    if command == "tag":
        return repo.git("ls-remote", "--tags", "origin")
    return repo.git("log", "-1", "--format=%s")
