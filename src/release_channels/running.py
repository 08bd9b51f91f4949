"""One run of a session, whatever it does: its options, its act, and its outcome, told however it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from release_channels import console
from release_channels.errors import ReleaseError
from release_channels.mishaps import ended_like_ctrl_c, report_bug, report_stop
from release_channels.options import Options, parse_options
from release_channels.outcome import Outcome, Result
from release_channels.telling import tell
from release_channels.world.actions import Actions, is_rehearsal, read_actions
from release_channels.world.locked_tool import warn_of_another

Act = Callable[[Options, Actions], Outcome]


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
    """Run an act with the options of its session; errors end in an outcome, never in a traceback.

    A run that only begins something greater (`goes_on`) tells its outcome where it is also the end.

    Raises: KeyboardInterrupt, after the outcome was told.
    """
    actions = read_actions(env)
    try:
        with ended_like_ctrl_c():
            options = parse_options(name, words)
            options = replace(options, dry_run=options.dry_run or dry_run)
            console.set_verbose(options.verbose)
            dry_run = options.dry_run
            warn_of_another(root)
            outcome = act(options, actions)
    except ReleaseError as stop:
        outcome = report_stop(stop)
    except KeyboardInterrupt as stop:
        far = f", and {stop}" if str(stop) else ""
        message = f"interrupted{far}; `nox -s {name}` with the same options carries on from what is there"
        tell(Outcome(Result.FAILED, message, rehearsal=is_rehearsal(env)), actions, None if dry_run else root)
        raise
    except Exception as bug:  # noqa: BLE001 - the one place where a bug becomes a sentence
        outcome = report_bug(root, bug)
    outcome = replace(outcome, rehearsal=is_rehearsal(env))
    if not (goes_on and outcome.result.is_good):
        tell(outcome, actions, None if outcome.result is Result.PLANNED or dry_run else root)
    return outcome
