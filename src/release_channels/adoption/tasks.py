"""The tasks of adoption, from their options to what they print."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from invoke.exceptions import Exit

from release_channels.adapters import console
from release_channels.adapters.actions_env import read_actions
from release_channels.adoption.doctor import examine
from release_channels.adoption.doctor.diagnosis import GUARANTEES, Diagnosis, Verdict, table, to_json
from release_channels.adoption.init import InitRequest
from release_channels.adoption.init import init as write_files
from release_channels.adoption.install_guide import README, keep_block, print_commands
from release_channels.adoption.setup_publishing import setup_publishing as set_up
from release_channels.cli.context import open_context
from release_channels.cli.report import report_outcome
from release_channels.cli.run import reporting, run_task
from release_channels.errors import UsageError


def init(root: Path, request: InitRequest, *, dry_run: bool) -> None:
    """Write the files of an adoption, or check them."""
    with reporting(root if root.is_dir() else Path.cwd()):
        if not root.is_dir():
            raise UsageError(f"{root} is not a directory", hint="--path names the top of the project")
        outcome = write_files(root, request, os.environ, dry_run=dry_run)
        report_outcome(outcome, read_actions(os.environ))


def install_commands(root: Path, channel: str, form: str, write: str, *, check: bool) -> None:
    """Print the install commands, or keep a document's block of them."""
    with reporting(root):
        if write or check:
            keep_block(root, write or README, channel=channel, check=check)
        else:
            print_commands(root, channel=channel, form=form)


def setup_publishing(root: Path, index: str, *, apply: bool, dry_run: bool) -> None:
    """Show the one-time set-up, or do what an API allows of it."""
    opening = open_context(root, os.environ, index=index)
    run_task(root, opening, lambda context: set_up(context, apply=apply, dry_run=dry_run))


def doctor(root: Path, index: str, names: tuple[str, ...], *, as_json: bool) -> None:
    """Search for what would make a release fail; leave with 1 where something would."""
    with reporting(root), open_context(root, os.environ, index=index) as context:
        with console.progress("looking at files, git, GitHub and the index"):
            findings = examine(context, names)
        if as_json:
            console.result(to_json(context.project.name, findings))
        else:
            _show(findings)
    if any(one.verdict is Verdict.BAD for one in findings):
        raise Exit(code=1)


def _show(findings: Sequence[Diagnosis]) -> None:
    order = list(Verdict)
    console.show(table(sorted(findings, key=lambda one: order.index(one.verdict))))
    for held, what in GUARANTEES:
        console.result(f"{held}: {what}")
    counts = {verdict: sum(one.verdict is verdict for one in findings) for verdict in Verdict}
    style = "bold red" if counts[Verdict.BAD] else "bold green"
    console.result(
        f"{_count(counts[Verdict.BAD], 'error')}, {_count(counts[Verdict.LOOK], 'warning')}, "
        f"{counts[Verdict.GOOD]} passed",
        style=style,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
