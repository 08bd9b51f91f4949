"""One run of a session, whatever it does: its options, its act, and its outcome, told however it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from release_channels.adapters import console
from release_channels.adapters.actions_env import Actions, is_rehearsal, read_actions
from release_channels.adapters.tool_lock import warn_of_another
from release_channels.errors import ReleaseError
from release_channels.mishaps import ended_like_ctrl_c, report_bug, report_stop
from release_channels.model.outcome import Outcome, Result
from release_channels.options import Options, parse_options
from release_channels.telling import tell

Act = Callable[[Options, Actions], Outcome]


class Wished(Protocol):
    """What the options of every session have."""

    @property
    def verbose(self) -> bool:
        """Whether every command is shown."""

    @property
    def dry_run(self) -> bool:
        """Whether it is only told what would be done."""


_Wished = TypeVar("_Wished", bound=Wished)


def run_told(
    name: str,
    words: Sequence[str],
    act: Act,
    *,
    root: Path,
    env: Mapping[str, str],
    dry_run: bool = False,
    goes_on: bool = False,
) -> Outcome:
    """Run an act of a release session with its options, as `run_session_told` does.

    Raises: KeyboardInterrupt, after the outcome was told.
    """

    def parse() -> Options:
        options = parse_options(name, words)
        return replace(options, dry_run=options.dry_run or dry_run)

    def warned(options: Options, actions: Actions) -> Outcome:
        warn_of_another(root)
        return act(options, actions)

    again = f"`nox -s {name}` with the same options carries on from what is there"
    return run_session_told(
        parse, warned, root=root, env=env, again=again, rehearses=is_rehearsal(env), dry_run=dry_run, goes_on=goes_on
    )


def run_session_told(
    parse: Callable[[], _Wished],
    act: Callable[[_Wished, Actions], Outcome],
    *,
    root: Path,
    env: Mapping[str, str],
    again: str,
    rehearses: bool,
    dry_run: bool = False,
    goes_on: bool = False,
    veil: Callable[[str], str] = str,
) -> Outcome:
    """Run a session from its options to its outcome; errors end in an outcome, never in a traceback.

    `again` is said after an interrupt; the veil takes out of the outcome what nobody may read. A run that only begins
    something greater (`goes_on`) tells its outcome where it is also the end.

    Raises: KeyboardInterrupt, after the outcome was told.
    """
    actions = read_actions(env)
    try:
        with ended_like_ctrl_c():
            options = parse()
            console.set_verbose(options.verbose)
            dry_run = dry_run or options.dry_run
            with console.libraries_quiet():
                outcome = act(options, actions)
    except ReleaseError as stop:
        outcome = report_stop(stop)
    except KeyboardInterrupt as stop:
        far = f", and {stop}" if str(stop) else ""
        told = Outcome(Result.FAILED, f"interrupted{far}; {again}", rehearsal=rehearses)
        tell(told, actions, None if dry_run else root)
        raise
    except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a sentence
        outcome = report_bug(root, bug, veil)
    outcome = replace(
        outcome,
        rehearsal=rehearses,
        message=veil(outcome.message),
        hint=veil(outcome.hint),
        warnings=tuple(veil(warning) for warning in outcome.warnings),
    )
    if not (goes_on and outcome.result.is_good):
        tell(outcome, actions, None if outcome.result is Result.PLANNED or dry_run else root)
    return outcome
