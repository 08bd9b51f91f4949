"""Whatever happens while the next step is read, the run has ended as it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from release_channels.cli.run import read_safely

if TYPE_CHECKING:
    from release_channels.cli.context import TaskContext


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UnicodeDecodeError("utf-8", b"", 0, 1, "x"), RuntimeError("x")])
def test_nothing_that_happens_then_reaches_the_outcome(error: BaseException) -> None:
    """Ctrl-C and bugs leave the line out; what was published or pushed by then is reported as that."""

    def find_next(_context: TaskContext) -> str:
        raise error

    assert read_safely(find_next, cast("TaskContext", None)) == ""


def test_the_command_is_passed_on() -> None:
    """Where all goes well it is the line."""
    assert read_safely(lambda _context: "nox -s preview", cast("TaskContext", None)) == "nox -s preview"
