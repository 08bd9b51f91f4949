"""Parse the options of a session: what is typed after `--`. Pure."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NoReturn, TypeVar

from release_channels.errors import UsageError
from release_channels.model.version import parse_run_number


@dataclass(frozen=True, slots=True)
class CommonOptions:
    """Options of every session."""

    dry_run: bool = False
    verbose: bool = False


@dataclass(frozen=True, slots=True)
class Options(CommonOptions):
    """Options of a release session."""

    index: str | None = None
    run: int | None = None
    commit: str = "HEAD"
    tag: str | None = None
    source: str | None = None
    """The directory with another job's `dist/` and `release.json`."""
    offline: bool = False


@dataclass(frozen=True, slots=True)
class GateOptions(CommonOptions):
    """Options of the gate; `commit` is None where the event or HEAD decides."""

    provider: str | None = None
    run: int | None = None
    commit: str | None = None


@dataclass(frozen=True, slots=True)
class RehearsalOptions(CommonOptions):
    """Options of a rehearsal."""

    keep: bool = False
    only: str = ""
    quick: bool = False
    with_tests: bool = False
    fault: str = ""


_SWITCH: Mapping[str, Any] = {"action": "store_true"}
_FLAGS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "index": ("--index", {"metavar": "NAME"}),
    "provider": ("--provider", {"metavar": "NAME"}),
    "run": ("--run-number", {"metavar": "N", "type": parse_run_number}),
    "commit": ("--commit", {"metavar": "REV"}),
    "tag": ("--tag", {"metavar": "NAME"}),
    "source": ("--from", {"metavar": "DIR"}),
    "only": ("--only", {"choices": ("preview", "public")}),
    "fault": ("--fault", {"metavar": "NAME|all"}),
    "keep": ("--keep", _SWITCH),
    "quick": ("--quick", _SWITCH),
    "with_tests": ("--with-tests", _SWITCH),
    "offline": ("--offline", _SWITCH),
    "dry_run": ("--dry-run", _SWITCH),
    "verbose": ("--verbose", _SWITCH),
}

OptionsT = TypeVar("OptionsT", bound=CommonOptions)


def parse_options(kind: type[OptionsT], session: str, words: Sequence[str]) -> OptionsT:
    """Parse the options of a session into its kind of options.

    Raises: UsageError for an unknown option or an unusable value.
    """
    parser = _Parser(prog=f"nox -s {session} --", add_help=False, allow_abbrev=False)
    options = {field.name: field.default for field in fields(kind)}
    for name, (flag, settings) in _FLAGS.items():
        if name in options:
            parser.add_argument(flag, dest=name, default=options[name], **settings)
    return kind(**vars(parser.parse_args(words)))


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self.format_usage().strip())
