"""What is said while something runs: a line at once, the seconds beside it, and no noise without a terminal."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from rich.spinner import Spinner

from release_channels.adapters import console
from release_channels.indexserver.server import serve
from tests.cli.screen import BIN, start
from tests.commands.doing import some_of
from tests.conftest import MakeRepo
from tests.support.projects import Sample

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.mark.parametrize(
    ("seconds", "is_short", "expected"),
    [
        (9.9, False, ["building …"]),
        (10.2, False, ["building …", "building: 10 s"]),
        (9.9, True, []),
        (75.0, True, ["building: 75 s"]),
    ],
)
def test_without_a_terminal_only_what_is_long_is_timed(
    capsys: pytest.CaptureFixture[str], seconds: float, is_short: bool, expected: list[str]
) -> None:
    """A log gets a line when something begins, and a second one where it took its time."""
    clock = Clock()
    with console.progress("building", is_short=is_short, clock=clock):
        clock.now += seconds
    assert capsys.readouterr().err.splitlines() == expected


def test_on_a_terminal_the_seconds_count_up() -> None:
    """The spinner redraws the line with the time of the clock."""
    clock = Clock()
    spinner = Spinner("line", text=console.Running("building", clock, clock()))
    drawn = []
    for _ in range(2):
        screen = Console(file=io.StringIO(), force_terminal=True, width=60)
        screen.print(spinner)
        drawn.append(screen.file.getvalue())  # type: ignore[attr-defined]
        clock.now += 42
    assert ["building … 0 s" in drawn[0], "building … 42 s" in drawn[1]] == [True, True]


TASKS = {"status": ("status",), "bump": ("bump", "--dry-run"), "tag": ("tag", "--dry-run"), "doctor": ("doctor",)}


@pytest.mark.parametrize("words", some_of({name: (words,) for name, words in TASKS.items()}, "bump"))
def test_a_task_says_something_before_the_index_answers(
    make_repo: MakeRepo, tmp_path: Path, words: tuple[str, ...]
) -> None:
    """However long an index takes: the first line does not wait for it."""
    silent = tmp_path / "silent"
    silent.touch()
    with serve(tmp_path / "index", wrap=lambda app: _waiting(app, silent)) as index:
        named = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n'
        repo = make_repo(Sample(tail=named))
        before = repo.fingerprint()
        with start(BIN / "release-channels", *words, "--index", "mine", cwd=repo.root) as child:
            assert child.stderr is not None
            first = child.stderr.readline()
            silent.unlink()
            child.communicate(timeout=60)
        assert first == "looking at the project and its index …\n"
    assert repo.fingerprint() == before


def _waiting(app: WSGIApplication, silent: Path) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes] | Iterable[bytes]:
        while silent.exists():
            time.sleep(0.02)
        return app(environ, start_response)

    return answer


def test_a_picture_breaks_lines_as_a_terminal_does() -> None:
    """Between words, below the text of the line."""
    with console.pictured(30) as recorder:
        console.say("  ok  tests      it passed for this commit")
    assert recorder.export_text().rstrip().splitlines() == ["  ok  tests      it passed for", "      this commit"]
