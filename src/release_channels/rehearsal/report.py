"""Print a rehearsal's report: the table of stages, and what was not rehearsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from release_channels.adapters import console
from release_channels.model.outcome import Result

if TYPE_CHECKING:
    from release_channels.rehearsal.faults.run import FaultResult
    from release_channels.rehearsal.stages import Stage

_BAD = (f"{Result.FAILED}:", f"{Result.REFUSED}:")


def show_stages(stages: Sequence[Stage]) -> None:
    """Print the table of stages."""
    table = Table(title="release stages (rehearsal)", title_justify="left")
    for heading in ("stage", "what ran", "outcome", "pip and uv install"):
        table.add_column(heading, overflow="fold")
    table.add_column("s", justify="right")
    for one in stages:
        style = "bold red" if one.outcome.startswith(_BAD) else ""
        outcome = one.outcome.removesuffix(" (rehearsal)")
        table.add_row(one.name, one.ran, Text(outcome, style=style), one.brings, f"{one.seconds:.1f}")
    console.show(table, wide=True)


def end_of(stages: Sequence[Stage]) -> str:
    """Return what users finally get from each channel; a staged preview publishes nothing."""
    brings = [stage.brings for stage in stages if stage.brings]
    return f"in the end users get {brings[-1]}" if brings else "nothing was published (see the table)"


def show_faults(results: Sequence[FaultResult]) -> None:
    """Print the table of faults."""
    table = Table(title="faults (rehearsal)", title_justify="left")
    for heading in ("fault", "where it fired", "what a user sees", "then", "published state"):
        table.add_column(heading, overflow="fold")
    table.add_column("s", justify="right")
    for one in results:
        world = Text("; ".join(one.wrong) or one.world, style="bold red" if one.wrong else "green")
        table.add_row(one.fault.name, one.fired, one.seen, one.then or "-", world, f"{one.seconds:.1f}")
    console.show(table, wide=True)


def show_not_rehearsed(text: Iterable[str]) -> None:
    """List the parts of the workflows that a rehearsal cannot run, grouped by kind."""
    by_what: dict[str, list[str]] = {}
    for one in text:
        file, _, what = one.partition(": ")
        by_what.setdefault(what, []).append(file)
    if by_what:
        console.say("not rehearsed:", style="bold")
    for what, files in by_what.items():
        console.say(f"  {what}: {', '.join(dict.fromkeys(files))}")
