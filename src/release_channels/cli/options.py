"""Parse the options of a session, the words after `--`. Pure."""

from __future__ import annotations

import argparse
import shlex
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
    """Options of the gate; without `commit`, the event or HEAD determines it."""

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
_FLAGS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "index": ("--index", "the index: local, pypi, testpypi, or a [[tool.uv.index]]", {"metavar": "NAME"}),
    "provider": ("--provider", "use this model provider alone", {"metavar": "NAME"}),
    "run": ("--run-number", "the number of the preview", {"metavar": "N", "type": parse_run_number}),
    "commit": ("--commit", "the commit, HEAD by default", {"metavar": "REV"}),
    "tag": ("--tag", "the release tag", {"metavar": "NAME"}),
    "source": ("--from", "use the build of another job in this directory", {"metavar": "DIR"}),
    "only": ("--only", "rehearse this part alone", {"choices": ("preview", "public")}),
    "fault": ("--fault", "inject a fault, and check how the release recovers", {"metavar": "NAME|all"}),
    "keep": ("--keep", "keep the files of the rehearsal", _SWITCH),
    "quick": ("--quick", "resolve with uv alone", _SWITCH),
    "with_tests": ("--with-tests", "run what the test workflow runs", _SWITCH),
    "offline": ("--offline", "read no index but the local one", _SWITCH),
    "dry_run": ("--dry-run", "show what would be done and do nothing", _SWITCH),
    "verbose": ("--verbose", "show every command", _SWITCH),
}

OptionsT = TypeVar("OptionsT", bound=CommonOptions)


def parse_options(kind: type[OptionsT], session: str, words: Sequence[str]) -> OptionsT:
    """Parse the options of a session into its kind of options.

    Raises: UsageError for an unknown option, with the command that was meant, or for an unusable value.
    """
    parser = _parser(kind, session)
    known, unknown = parser.parse_known_args(words)
    if unknown:
        message = f"unrecognized arguments: {' '.join(unknown)}"
        raise UsageError(message, hint=_meant(kind, session, words, unknown) + parser.format_usage().strip())
    return kind(**vars(known))


def _meant(kind: type[CommonOptions], session: str, words: Sequence[str], unknown: Sequence[str]) -> str:
    """Return a line with the command whose unknown options are those that they resemble; empty if none does."""
    from difflib import get_close_matches  # which a run that goes well does not need

    flags = [_FLAGS[option.name][0] for option in fields(kind)]
    meant = list(words)
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if word in unknown and name.startswith("-") and (close := get_close_matches(name, flags, n=1)):
            meant[at] = f"{close[0]}{equals}{value}"
    return f"did you mean `{shlex.join(['nox', '-s', session, '--', *meant])}`?\n" if meant != list(words) else ""


def describe_options(kind: type[CommonOptions], session: str) -> str:
    """Return the help text of a session's options."""
    return _parser(kind, session).format_help().rstrip()


def _parser(kind: type[CommonOptions], session: str) -> _Parser:
    parser = _Parser(prog=f"nox -s {session} --", add_help=False, allow_abbrev=False)
    options = {field.name: field.default for field in fields(kind)}
    for name, (flag, text, settings) in _FLAGS.items():
        if name in options:
            parser.add_argument(flag, dest=name, default=options[name], help=text, **settings)
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of ending the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=self.format_usage().strip())
