"""`nox -s rehearse`: practise the release with the project's own workflow files, on this machine alone."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from release_channels import console
from release_channels.errors import FailedError, RefusedError, ReleaseError, UsageError
from release_channels.mishaps import ended_like_ctrl_c, report_bug, report_stop
from release_channels.opening import open_project
from release_channels.outcome import Outcome, Result
from release_channels.rehearsal.act import find_act
from release_channels.rehearsal.forge import Forge
from release_channels.rehearsal.ground import Ground, make_ground
from release_channels.rehearsal.hands import Hands
from release_channels.rehearsal.telling import show_not_rehearsed, show_stations
from release_channels.rehearsal.train import Train
from release_channels.rehearsal.users import make_users
from release_channels.telling import tell
from release_channels.world.actions import REHEARSAL, is_rehearsal, read_actions
from release_channels.world.files import scratch
from release_channels.world.git import Git

_PARTS = ("preview", "public")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What stands behind `--` on the command line."""

    keep: bool = False
    only: str = ""
    quick: bool = False
    with_tests: bool = False
    fault: str = ""
    verbose: bool = False


def parse_wishes(words: Sequence[str]) -> Wishes:
    """Read the options of the session.

    Raises: UsageError for an unknown one.
    """
    parser = _Parser(prog="nox -s rehearse --", add_help=False, allow_abbrev=False)
    for flag in ("--keep", "--quick", "--with-tests", "--verbose"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--only", choices=_PARTS, default="")
    parser.add_argument("--fault", metavar="NAME|all", default="")
    return Wishes(**vars(parser.parse_args(words)))


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self.format_usage().strip())


def rehearse(root: Path, words: Sequence[str], *, env: Mapping[str, str] = os.environ) -> Outcome:
    """Rehearse from options to outcome; errors end in an outcome, never in a traceback.

    Raises: KeyboardInterrupt, after the outcome was told.
    """
    actions = read_actions(env)
    try:
        with ended_like_ctrl_c():
            wishes = parse_wishes(words)
            console.set_verbose(wishes.verbose)
            outcome = _rehearse(root, wishes, env)
    except ReleaseError as stop:
        outcome = report_stop(stop)
    except KeyboardInterrupt:
        message = "interrupted; nothing is left of it, and the next one begins anew"
        tell(Outcome(Result.FAILED, message, rehearsal=True), actions, root)
        raise
    except Exception as bug:  # noqa: BLE001 - as in every session: a bug becomes a sentence
        outcome = report_bug(root, bug)
    outcome = replace(outcome, rehearsal=True)
    tell(outcome, actions, root)
    return outcome


def _rehearse(root: Path, wishes: Wishes, env: Mapping[str, str]) -> Outcome:
    if is_rehearsal(env):
        raise RefusedError(f"{REHEARSAL} is set: this is a rehearsal already", hint="one inside another shows nothing")
    if sys.platform == "win32":
        raise RefusedError("a rehearsal needs Linux or macOS", hint="act runs the jobs on this machine, with bash")
    find_act()
    git = Git.open(root)
    commit = git.commit("HEAD")
    project = open_project(git, commit)
    for path in git.uncommitted()[:3]:
        console.warn(f"{path} is not committed, so it is left out")
    begun = time.monotonic()
    with _place(wishes) as place:
        if wishes.fault:
            raise UsageError(f"there is no fault {wishes.fault!r}")
        with make_ground(place, git, project, commit, env, is_quick=wishes.quick, keep=wishes.keep) as ground:
            return _run_train(ground, wishes, begun)


def _run_train(ground: Ground, wishes: Wishes, begun: float) -> Outcome:
    train = make_train(ground, with_tests=wishes.with_tests)
    try:
        train.run(wishes.only)
    finally:
        show_stations(train.stations)
        show_not_rehearsed(train.forge.not_rehearsed)
    wrong = ground.warnings()
    if wrong:
        raise FailedError("something went wrong in the rehearsal itself", hint="\n".join(wrong))
    seconds = time.monotonic() - begun
    versions = [station.brings for station in train.stations if station.brings]
    what = f"the {wishes.only} part of the train" if wishes.only else "the whole train"
    message = f"{ground.project.name}: {what} ran in {seconds:.0f} s, and users get {versions[-1]} in the end"
    return Outcome(Result.DONE, message, project=ground.project.name, commit=ground.commit.sha, index="pypi")


def make_train(ground: Ground, *, with_tests: bool = False) -> Train:
    """Put a train on its rails."""
    return Train(ground, Forge(ground, with_tests=with_tests), Hands(ground), make_users(ground))


@contextmanager
def _place(wishes: Wishes) -> Iterator[Path]:
    """Lend the scratch directory; with --keep it stays, and where it is comes last."""
    if not wishes.keep:
        with scratch("rehearse") as place:
            yield place
        return
    place = Path(tempfile.mkdtemp(prefix="release-channels-rehearse-")).resolve()
    try:
        yield place
    finally:
        console.say(f"kept: {place} (checkout, remote.git, index, and each run's log.txt in runs)")
