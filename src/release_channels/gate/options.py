"""What stands behind `--` on the gate's command line, parsed once. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from release_channels.model.version import parse_run_number
from release_channels.options import OptionParser


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
