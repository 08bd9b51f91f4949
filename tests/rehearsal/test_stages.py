"""What a rehearsal shows while it runs, and its table at the end."""

from __future__ import annotations

import threading

import pytest
from packaging.version import Version

from release_channels.errors import FailedError
from release_channels.model.version import Channel
from release_channels.rehearsal.end_users import Resolved
from release_channels.rehearsal.report import show_stages
from release_channels.rehearsal.stages import FinishedStage, Stage, StageLog, tried
from tests.cli.screen import table


def test_every_stage_has_a_line_when_it_begins_and_one_when_it_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Also in the background, and where it fails."""
    log, goes_on = StageLog(), threading.Event()

    def compare() -> tuple[str, str]:
        goes_on.wait(10)
        return "build", "identical"

    def fail() -> tuple[str, str]:
        raise FailedError("not today")

    def run() -> None:
        with log.running():
            number = log.start_in_background("compare", lambda: tried("compare", compare))
            log.visit("push", lambda: tried("push", lambda: ("git push", "pushed")))
            goes_on.set()
            log.wait_for(number)
            log.visit("test", lambda: tried("test", fail))

    with pytest.raises(FailedError, match="not today"):
        run()
    lines = capsys.readouterr().err.splitlines()
    assert sorted(lines) == sorted(
        line for name in ("compare", "push", "test") for line in (f"{name} …", f"{name}: ended after 0 s")
    )
    assert all(lines.index(f"{name} …") < lines.index(f"{name}: ended after 0 s") for name in ("compare", "push"))
    assert str(log.__rich__()) == ""


def test_a_terminal_is_shown_all_that_is_under_way(offline: None) -> None:
    """With the seconds of each stage, until it ends."""
    log, goes_on = StageLog(), threading.Event()
    drawn: list[str] = []

    def push() -> FinishedStage:
        drawn.append(str(log.__rich__()))
        goes_on.set()
        return tried("push", lambda: ("git push", "pushed"))

    def compare() -> FinishedStage:
        goes_on.wait(10)
        return tried("compare", lambda: ("build", "identical"))

    begun = threading.Event()

    def compare_once_begun() -> FinishedStage:
        begun.set()
        return compare()

    with log.running():
        log.start_in_background("compare", compare_once_begun)
        assert begun.wait(10)
        log.visit("push", push)
    assert drawn == ["compare … 0 s, push … 0 s"]
    assert str(log.__rich__()) == ""


STAGED = (
    "skipped: staged: main declares 1.2.0, which is not on the index yet: its release tag will publish it (rehearsal)"
)
ROWS = [
    Stage("push to main", "git push origin main", "pushed", (), 0.2),
    Stage("preview", "internal-preview-release.yml #2", STAGED, (), 104.4),
    Stage(
        "public", "public-release.yml #1", "published: demo-tool 1.2.0 on the index pypi",
        (
            Resolved("uv", Channel.PUBLIC, Version("1.2.0")),
            Resolved("uv", Channel.PREVIEW, Version("1.3.0.dev12")),
        ),
        64.0,
    ),
]  # fmt: skip


def test_the_table_fits_into_80_columns_with_whole_words(capsys: pytest.CaptureFixture[str]) -> None:
    """Every cell has all its words, also without a terminal."""
    show_stages(ROWS)
    shown = capsys.readouterr().out
    assert {len(line) for line in shown.splitlines()[1:]} == {80}
    outcomes = ["pushed", "skipped: staged: main declares 1.2.0", "published: demo-tool 1.2.0 on the index pypi"]
    assert table(shown) == {
        one.name: [one.ran, outcome, one.brings, f"{one.seconds:.1f}"]
        for one, outcome in zip(ROWS, outcomes, strict=True)
    }
