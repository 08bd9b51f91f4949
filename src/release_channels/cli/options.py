"""What stands behind `--` on a session's command line, parsed once. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from release_channels.errors import UsageError
from release_channels.model.version import parse_run_number


@dataclass(frozen=True, slots=True)
class Options:
    """What stands behind `--` on the command line."""

    index: str | None = None
    run: int | None = None
    commit: str = "HEAD"
    tag: str | None = None
    source: str | None = None
    """The directory in which another job's `dist/` and `release.json` lie."""
    dry_run: bool = False
    offline: bool = False
    verbose: bool = False


def parse_options(session: str, words: Sequence[str]) -> Options:
    """Read the options of a session.

    Raises: UsageError for an unknown option or an unusable value.
    """
    parser = OptionParser(prog=f"nox -s {session} --", add_help=False, allow_abbrev=False)
    parser.add_argument("--index", metavar="NAME")
    parser.add_argument("--run-number", metavar="N")
    parser.add_argument("--commit", metavar="REV", default="HEAD")
    parser.add_argument("--tag", metavar="NAME")
    parser.add_argument("--from", dest="source", metavar="DIR")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--offline", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(words)
    return Options(
        index=given.index,
        run=None if given.run_number is None else parse_run_number(given.run_number),
        commit=given.commit,
        tag=given.tag,
        source=given.source,
        dry_run=given.dry_run,
        offline=given.offline,
        verbose=given.verbose,
    )


class OptionParser(argparse.ArgumentParser):
    """A parser whose complaint is a sentence with the usage as its hint, and no exit of the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self.format_usage().strip())


@dataclass(frozen=True, slots=True)
class GateOptions:
    """What stands behind `--` on the command line; `commit` is None where the event or HEAD decides."""

    provider: str | None = None
    run: int | None = None
    commit: str | None = None
    dry_run: bool = False
    verbose: bool = False


def parse_gate_options(words: Sequence[str]) -> GateOptions:
    """Read the options of the gate.

    Raises: UsageError for an unknown option or an unusable value.
    """
    parser = OptionParser(prog="nox -s gate --", add_help=False, allow_abbrev=False)
    parser.add_argument("--provider", metavar="NAME")
    parser.add_argument("--run-number", metavar="N")
    parser.add_argument("--commit", metavar="REV")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args(words)
    return GateOptions(
        provider=given.provider,
        run=None if given.run_number is None else parse_run_number(given.run_number),
        commit=given.commit,
        dry_run=given.dry_run,
        verbose=given.verbose,
    )
