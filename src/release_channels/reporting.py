"""The one place where a task's error becomes a sentence and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from invoke.exceptions import Exit

from release_channels.adapters import console
from release_channels.errors import ReleaseError
from release_channels.mishaps import AGAIN, INTERRUPTED, ended_like_ctrl_c, report_bug, report_stop


@contextmanager
def reporting(root: Path) -> Iterator[None]:
    """Report whatever stops a task once, in plain words, and leave with its exit code."""
    try:
        with ended_like_ctrl_c():
            yield
    except Exit:
        raise
    except ReleaseError as stop:
        report_stop(stop)
        raise Exit(code=stop.exit_code) from stop
    except KeyboardInterrupt as stop:
        console.say(AGAIN, style="bold red")
        raise Exit(code=INTERRUPTED) from stop
    except Exception as bug:
        report_bug(root, bug)
        raise Exit(code=1) from bug
