"""What goes wrong while a session or a task runs, turned into an outcome: never a traceback."""

from __future__ import annotations

import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.files import state_directory
from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.model.outcome import Outcome, Result

INTERRUPTED = 130
AGAIN = "interrupted; run the same again, which looks first at what is there"


def report_stop(stop: ReleaseError) -> Outcome:
    """Print an error and turn it into an outcome."""
    console.error(stop)
    refused = isinstance(stop, RefusedError | UsageError)
    return Outcome(Result.REFUSED if refused else Result.FAILED, str(stop), hint=stop.hint)


def report_bug(root: Path, bug: Exception, veil: Callable[[str], str] = str) -> Outcome:
    """Turn a bug into a sentence and an outcome, and keep its traceback, through a veil, in a file."""
    told = veil("".join(traceback.format_exception(bug)))
    try:
        log = state_directory(root) / "debug.log"
        log.write_text(told, encoding="utf-8")
        kept = f" with the file {log.relative_to(root)}"
    except (OSError, ReleaseError):  # where nothing can be written the sentence has to do
        kept = ""
    return report_stop(
        ReleaseError(
            veil(f"a bug in release-channels: {type(bug).__name__}: {bug}"),
            hint=f"please report it{kept}; in a session `-- --verbose` shows the commands that led to it",
        )
    )


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end a run like Ctrl-C does: servers and directories are taken away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    endings = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Who ignores the hang-up, as nohup does, goes on ignoring it.
    before = {ending: signal.getsignal(ending) for ending in endings if signal.getsignal(ending) != signal.SIG_IGN}
    for ending in before:
        signal.signal(ending, signal.default_int_handler)
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
