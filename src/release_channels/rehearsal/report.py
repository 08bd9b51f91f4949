"""Print a rehearsal's report: the table of stages, and what was not rehearsed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from release_channels.adapters import console
from release_channels.model.outcome import Result

if TYPE_CHECKING:
    from rich.console import JustifyMethod

    from release_channels.rehearsal.faults.run import FaultResult
    from release_channels.rehearsal.stages import Stage

_BAD = (f"{Result.FAILED}:", f"{Result.REFUSED}:")


_COLUMNS = 80
"""The columns of a table without a terminal, unless a word is too long for that."""


def show_stages(stages: Sequence[Stage]) -> None:
    """Print the table of stages."""
    rows = [(one.name, one.ran, _styled(one.outcome), one.brings, f"{one.seconds:.1f}") for one in stages]
    _show("release stages (rehearsal)", ("stage", "what ran", "outcome", "pip and uv install", "s"), rows, wide=2)


def _styled(outcome: str) -> Text:
    """Format a stage's outcome: of one that was skipped the reason alone; the title says that it is a rehearsal's."""
    text = outcome.removesuffix(" (rehearsal)")
    if text.startswith(f"{Result.SKIPPED}:"):
        text = text.partition(", ")[0]
    return Text(text, style="bold red" if outcome.startswith(_BAD) else "")


def _show(title: str, headings: Sequence[str], rows: Sequence[Sequence[str | Text]], *, wide: int) -> None:
    """Print a table whose last column has numbers; no word is cut where there is room, and `wide` grows first."""
    columns = [[str(cell) for cell in column] for column in zip(headings, *rows, strict=True)]
    widths = [max(len(word) for text in column for word in text.split() or [""]) for column in columns]
    widths[0] = max(map(len, columns[0]))  # a name stays in one line
    needed = sum(widths) + 2 * len(widths) + 1  # a border and a blank for each cell
    screen = console.results()
    room = screen.width if screen.is_terminal else max(_COLUMNS, needed)
    free = room - needed
    for number in (wide, *range(len(widths))):
        more = max(0, min(max(map(len, columns[number])) - widths[number], free))
        widths[number] += more
        free -= more
    table = Table(title=title, title_justify="left", padding=(0, 1, 0, 0))
    for number, (heading, width) in enumerate(zip(headings, widths, strict=True), 1):
        justify: JustifyMethod = "right" if number == len(headings) else "left"
        table.add_column(heading, overflow="fold", justify=justify, width=width if free >= 0 else None)
    for row in rows:
        table.add_row(*row)
    console.show(table, columns=room)


def end_of(stages: Sequence[Stage]) -> str:
    """Return what users finally get from each channel; a staged preview publishes nothing."""
    brings = [stage.brings for stage in stages if stage.brings]
    return f"in the end users get {brings[-1]}" if brings else "nothing was published (see the table)"


def show_faults(results: Sequence[FaultResult]) -> None:
    """Print the table of faults."""
    rows = [
        (
            one.fault.name, one.fired, one.seen, one.then or "-",
            Text("; ".join(one.wrong) or one.world, style="bold red" if one.wrong else "green"), f"{one.seconds:.1f}",
        )
        for one in results
    ]  # fmt: skip
    headings = ("fault", "where it fired", "what a user sees", "then", "published state", "s")
    _show("faults (rehearsal)", headings, rows, wide=2)


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
