"""One run of a session or task: parse its options, run it, catch every error, and report one outcome."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from invoke.exceptions import Exit

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment, is_rehearsal, read_actions
from release_channels.adapters.files import state_directory
from release_channels.adapters.tool_lock import warn_on_version_mismatch
from release_channels.cli.options import Options, parse_options
from release_channels.cli.report import report_outcome
from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.model.outcome import Outcome, Result

Act = Callable[[Options, ActionsEnvironment], Outcome]


class CommonOptions(Protocol):
    """What the options of every session have."""

    @property
    def verbose(self) -> bool:
        """True if every command is shown."""

    @property
    def dry_run(self) -> bool:
        """True for a dry run."""


_Options = TypeVar("_Options", bound=CommonOptions)


def run_session(
    name: str,
    words: Sequence[str],
    act: Act,
    *,
    root: Path,
    env: Mapping[str, str],
    dry_run: bool = False,
    intermediate: bool = False,
) -> Outcome:
    """Run an act of a release session with its options, as `run` does.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """

    def parse() -> Options:
        options = parse_options(name, words)
        return replace(options, dry_run=options.dry_run or dry_run)

    def warned(options: Options, actions: ActionsEnvironment) -> Outcome:
        warn_on_version_mismatch(root)
        return act(options, actions)

    retry_hint = f"`nox -s {name}` with the same options continues from the current state"
    return run(
        parse,
        warned,
        root=root,
        env=env,
        retry_hint=retry_hint,
        rehearses=is_rehearsal(env),
        dry_run=dry_run,
        intermediate=intermediate,
    )


def run(
    parse: Callable[[], _Options],
    act: Callable[[_Options, ActionsEnvironment], Outcome],
    *,
    root: Path,
    env: Mapping[str, str],
    retry_hint: str,
    rehearses: bool,
    dry_run: bool = False,
    intermediate: bool = False,
    redact: Callable[[str], str] = str,
) -> Outcome:
    """Run a session from its options to its outcome; errors end in an outcome, never in a traceback.

    `retry_hint` is printed after an interrupt; `redact` removes secrets from the outcome. With `intermediate`, only a
    failure is reported.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """
    actions = read_actions(env)
    try:
        with terminate_gracefully():
            options = parse()
            console.set_verbose(options.verbose)
            dry_run = dry_run or options.dry_run
            with console.libraries_quiet():
                outcome = act(options, actions)
    except ReleaseError as stop:
        outcome = report_error(stop)
    except KeyboardInterrupt as stop:
        far = f", and {stop}" if str(stop) else ""
        interrupted = Outcome(Result.FAILED, f"interrupted{far}; {retry_hint}", rehearsal=rehearses)
        report_outcome(interrupted, actions, None if dry_run else root)
        raise
    except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a sentence
        outcome = report_internal_error(root, bug, redact)
    outcome = replace(
        outcome,
        rehearsal=rehearses,
        message=redact(outcome.message),
        hint=redact(outcome.hint),
        warnings=tuple(redact(warning) for warning in outcome.warnings),
    )
    if not (intermediate and outcome.result.is_good):
        report_outcome(outcome, actions, None if outcome.result is Result.PLANNED or dry_run else root)
    return outcome


_Context = TypeVar("_Context")


def run_task(root: Path, opening: AbstractContextManager[_Context], act: Callable[[_Context], Outcome]) -> None:
    """Do one task and tell its outcome; an error is one, too, and so are a bug and Ctrl-C."""
    outcome, code = _outcome(root, opening, act)
    report_outcome(replace(outcome, rehearsal=is_rehearsal()), read_actions(os.environ))
    if code:
        raise Exit(code=code)


def _outcome(
    root: Path, opening: AbstractContextManager[_Context], act: Callable[[_Context], Outcome]
) -> tuple[Outcome, int]:
    try:
        with terminate_gracefully(), opening as context:
            return act(context), 0
    except ReleaseError as stop:
        return report_error(stop), stop.exit_code
    except KeyboardInterrupt as stop:
        far = f", and {stop}" if str(stop) else ""  # what had happened by then, where somebody looked
        text = f"interrupted{far}; run the same command again; it continues from the current state"
        return Outcome(Result.FAILED, text), INTERRUPTED
    except Exception as bug:  # noqa: BLE001 - as in a session: a bug becomes a sentence
        return report_internal_error(root, bug), 1


@contextmanager
def reporting(root: Path) -> Iterator[None]:
    """Report whatever stops a task once, in plain words, and leave with its exit code."""
    try:
        with terminate_gracefully():
            yield
    except Exit:
        raise
    except ReleaseError as stop:
        report_error(stop)
        raise Exit(code=stop.exit_code) from stop
    except KeyboardInterrupt as stop:
        console.say(AGAIN, style="bold red")
        raise Exit(code=INTERRUPTED) from stop
    except Exception as bug:
        report_internal_error(root, bug)
        raise Exit(code=1) from bug


INTERRUPTED = 130
AGAIN = "interrupted; run the same command again; it continues from the current state"


def report_error(stop: ReleaseError) -> Outcome:
    """Print an error and turn it into an outcome."""
    console.error(stop)
    refused = isinstance(stop, RefusedError | UsageError)
    return Outcome(Result.REFUSED if refused else Result.FAILED, str(stop), hint=stop.hint)


def report_internal_error(root: Path, bug: Exception, redact: Callable[[str], str] = str) -> Outcome:
    """Turn a bug into a sentence and an outcome, and keep its traceback, through a redactor, in a file."""
    text = redact("".join(traceback.format_exception(bug)))
    try:
        log = state_directory(root) / "debug.log"
        log.write_text(text, encoding="utf-8")
        kept = f" with the file {log.relative_to(root)}"
    except (OSError, ReleaseError):  # where nothing can be written the sentence has to do
        kept = ""
    return report_error(
        ReleaseError(
            redact(f"a bug in release-channels: {type(bug).__name__}: {bug}"),
            hint=f"please report it{kept}; in a session `-- --verbose` shows the commands that led to it",
        )
    )


@contextmanager
def terminate_gracefully() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C, so that servers and directories are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    endings = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # Who ignores the hang-up, as nohup does, keeps ignoring it.
    before = {ending: signal.getsignal(ending) for ending in endings if signal.getsignal(ending) != signal.SIG_IGN}
    for ending in before:
        signal.signal(ending, signal.default_int_handler)
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
