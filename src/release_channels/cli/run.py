"""One run of a session or task: parse its options, catch every error, and report one outcome."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment, is_rehearsal, read_actions
from release_channels.adapters.files import state_directory
from release_channels.adapters.interrupts import terminate_gracefully
from release_channels.adapters.tool_lock import warn_on_version_mismatch
from release_channels.cli.report import report_outcome
from release_channels.errors import CommandError, RefusedError, ReleaseError, UnansweredError, UsageError
from release_channels.model.outcome import DEFAULT_INDEX, PROGRAM, Outcome, Result, name_index
from release_channels.model.redact import printable

if TYPE_CHECKING:
    from release_channels.cli.context import TaskContext
    from release_channels.cli.options import OptionsT
    from release_channels.model.next_step import NextStep

INTERRUPTED = 130
"""The exit code after Ctrl-C. Source: POSIX shells, 128 + SIGINT."""

_TASK_RETRY = "run the same command again; it continues from the current state"


class ReportedInterrupt(KeyboardInterrupt):
    """Ctrl-C in a run that has reported its outcome already."""


@dataclass(slots=True)
class Run:
    """One run, whose block sets `outcome`; an error in the block replaces it."""

    name: str
    root: Path
    actions: ActionsEnvironment
    retry_hint: str
    dry_run: bool = False
    rehearsal: bool = False
    redact: Callable[[str], str] = str
    about: Outcome = Outcome(Result.FAILED, "")
    """What the run is about, as far as it is known: the outcome of an error carries it, too."""
    outcome: Outcome = Outcome(Result.FAILED, "the run ended without an outcome")
    is_reported: bool = False
    reports_itself: bool = False
    """True if the run has no outcome, and an error is printed alone."""
    index: str = DEFAULT_INDEX
    """The index in use, which the commands of hints name."""
    next: NextStep | None = None
    """The next step, from the observed state; None while that is unknown."""
    typed: str = ""
    """The command that was typed."""
    usage: str = ""
    """The command that shows what may be typed."""
    is_part: bool = False
    """True if a task runs the session, and the task is what is typed again."""
    exit_code: int = 0
    interrupt: KeyboardInterrupt | None = None

    def parse(self, kind: type[OptionsT], words: Sequence[str]) -> OptionsT:
        """Parse the session's options, and apply those of every session.

        Raises: UsageError
        """
        from release_channels.cli.options import parse_options

        options = parse_options(kind, self.name, words)
        console.set_verbose(options.verbose)
        self.index = getattr(options, "index", None) or "local"
        if not self.is_part:
            self.typed = shlex.join(["nox", "-s", self.name, *(["--", *words] if words else [])])
        self.dry_run = self.dry_run or options.dry_run
        return replace(options, dry_run=self.dry_run)

    def next_after_outcome(self) -> str:
        """Return what the outcome names, or for a plan the same command without `--dry-run`; empty: the state tells."""
        from release_channels.model.refusal import next_after_plan

        return self.outcome.next or (next_after_plan(self.typed) if self.outcome.result is Result.PLANNED else "")

    def stopped(self, outcome: Outcome, stop: ReleaseError | None = None) -> Outcome:
        """Return the outcome of an error, or of a decision not to go on, with what comes after it, and why."""
        from release_channels.model.refusal import next_after_error, why_before  # no good run needs them

        following = next_after_error(
            self.typed,
            outcome.hint,
            index=self.index,
            state=self.next.command if self.next else "",
            usage=self.usage if isinstance(stop, UsageError) else "",
            is_unanswered=isinstance(stop, UnansweredError),
            is_foreign=isinstance(stop, CommandError),
        )
        return replace(outcome, next=following, why=why_before(outcome.hint, following, self.next))


@contextmanager
def session_run(
    name: str,
    root: Path,
    env: Mapping[str, str],
    *,
    dry_run: bool = False,
    rehearsal: bool = False,
    intermediate: bool = False,
    redact: Callable[[str], str] = str,
    retry_hint: str = "",
    within: str = "",
) -> Iterator[Run]:
    """Run a session and report its outcome, also in `outcome.json`; an error becomes its outcome.

    With `intermediate`, only a failure is reported; `within` is the command that runs the session as a part of itself.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """
    again = within or f"nox -s {name}"
    hint = retry_hint or f"`{again}`{'' if within else ' with the same options'} continues from the current state"
    run = Run(name, root, read_actions(env), hint, dry_run, rehearsal or is_rehearsal(env), redact)
    run.usage, run.is_part = f"nox -s {name} -- --help" if not within else "", bool(within)
    run.typed = again
    with terminate_gracefully():
        with _catch_errors(run):
            warn_on_version_mismatch(root)
            yield run
        if not (intermediate and run.outcome.result.is_good):
            unwritten = run.dry_run or run.outcome.result is Result.PLANNED
            report_outcome(run.outcome, run.actions, None if unwritten else root)
    if run.interrupt is not None:
        raise ReportedInterrupt from run.interrupt


@contextmanager
def task_run(name: str, root: Path, *, reports_itself: bool = False) -> Iterator[Run]:
    """Run a task and report its outcome; with `reports_itself` only errors are printed.

    Raises: Exit with the code for the shell, unless that is 0.
    """
    from invoke.exceptions import Exit

    run = Run("", root, read_actions(os.environ), _TASK_RETRY, rehearsal=is_rehearsal(), reports_itself=reports_itself)
    run.typed, run.usage = _typed(name), f"{PROGRAM} --help {name}"
    with terminate_gracefully():
        with _catch_errors(run):
            yield run
        if not run.is_reported and (run.interrupt is not None or not reports_itself):
            report_outcome(run.outcome, run.actions)
    code = run.exit_code or int(not reports_itself and not run.outcome.result.is_good)
    if code:
        raise Exit(code=code)


@dataclass(slots=True)
class TaskRun:
    """A task's run and its context."""

    run: Run
    context: TaskContext


FindNext = Callable[["TaskContext"], "NextStep | None"]
"""Return the next step, from the state as it is now; None if it cannot be told. It never raises."""


@contextmanager
def open_task(
    name: str,
    root: Path,
    index: str,
    find_next: FindNext,
    *,
    revision: str = "HEAD",
    reports_itself: bool = False,
    offline: bool = False,
) -> Iterator[TaskRun]:
    """Run a task with the context of a commit and an index, and find the next command afterwards.

    Raises: Exit with the code for the shell, unless that is 0.
    """
    with task_run(name, root, reports_itself=reports_itself) as run:
        run.index = index or DEFAULT_INDEX
        with ExitStack() as stack:
            with console.progress("looking at the project and its index"):
                from release_channels.cli.context import open_context  # which takes a while

                context = stack.enter_context(
                    open_context(root, os.environ, index=index, revision=revision, offline=offline)
                )
            run.index = context.index.name
            try:
                yield TaskRun(run, context)
            except ReleaseError as stop:
                # What did not answer would be waited for once more; a wrong request or a report is about no state.
                if not (reports_itself or isinstance(stop, UnansweredError | CommandError | UsageError)):
                    run.next = find_next(context)
                raise
            if not (reports_itself or run.is_reported):
                following = run.next_after_outcome()
                step = None if following else find_next(context)
                run.outcome = replace(run.outcome, next=step.command if step else following)


def _typed(task: str) -> str:
    """Return a task as it was typed; its name alone where it was not started from a command line."""
    words = sys.argv[1:]
    return shlex.join([PROGRAM, *(words[words.index(task) :] if task in words else [task])])


@contextmanager
def _catch_errors(run: Run) -> Iterator[None]:
    """Turn whatever stops the block into the run's outcome and exit code: the one place that catches everything."""
    try:
        with console.libraries_quiet():
            yield
    except ReleaseError as stop:
        run.outcome, run.exit_code = _report_error(run, stop), stop.exit_code
    except KeyboardInterrupt as stop:
        so_far = f", and {stop}" if str(stop) else ""
        run.outcome = replace(run.about, result=Result.FAILED, message=f"interrupted{so_far}; {run.retry_hint}")
        run.exit_code, run.interrupt = INTERRUPTED, stop
        run.is_reported = run.is_reported or isinstance(stop, ReportedInterrupt)
    except Exception as bug:  # noqa: BLE001 - a bug becomes a sentence here, and nowhere else
        run.outcome, run.exit_code = _report_internal_error(run, bug), 1
    run.outcome = replace(
        run.outcome,
        rehearsal=run.rehearsal,
        message=name_index(run.redact(run.outcome.message), run.index),
        hint=name_index(run.redact(run.outcome.hint), run.index),
        next=run.redact(run.outcome.next),
        why=run.redact(run.outcome.why),
        warnings=tuple(run.redact(warning) for warning in run.outcome.warnings),
    )


def _report_error(run: Run, stop: ReleaseError) -> Outcome:
    """Turn an error into an outcome; one that nothing else would report is printed."""
    result = Result.REFUSED if isinstance(stop, RefusedError | UsageError) else Result.FAILED
    hint = name_index(stop.hint, run.index)
    outcome = run.stopped(replace(run.about, result=result, message=str(stop), hint=hint), stop)
    if run.reports_itself:
        console.error(type(stop)(str(stop), hint=hint))
        console.next_step(outcome.next)
    return outcome


def _report_internal_error(run: Run, bug: Exception) -> Outcome:
    """Turn a bug into a sentence and an outcome, and write its traceback to a file."""
    text = run.redact("".join(traceback.format_exception(bug)))
    try:
        log = state_directory(run.root) / "debug.log"
        log.write_text(printable(text), encoding="utf-8")
        kept = f" with the file {log.relative_to(run.root)}"
    except (OSError, ReleaseError):  # where nothing can be written the sentence has to do
        kept = ""
    message = run.redact(f"a bug in release-channels: {type(bug).__name__}: {bug}")
    hint = f"please report it{kept}; in a session `-- --verbose` shows the commands that led to it"
    return _report_error(run, ReleaseError(message, hint=hint))
