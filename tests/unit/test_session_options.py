"""The options of a session: what is unknown is refused, with what was meant."""

from __future__ import annotations

import pytest

from release_channels.cli.options import CommonOptions, GateOptions, Options, RehearsalOptions, parse_options
from release_channels.errors import UsageError

UNKNOWN: dict[str, tuple[type[CommonOptions], str, tuple[str, ...], str]] = {
    "a switch": (Options, "preview", ("--dryrun",), "nox -s preview -- --dry-run"),
    "with others": (Options, "verify", ("--indx", "pypi", "--offline"), "nox -s verify -- --index pypi --offline"),
    "a value after =": (Options, "build", ("--run-numer=7",), "nox -s build -- --run-number=7"),
    "two": (RehearsalOptions, "rehearse", ("--quik", "--kep"), "nox -s rehearse -- --quick --keep"),
    "of another session": (GateOptions, "gate", ("--index", "pypi"), ""),
    "like none": (Options, "preview", ("--nonsense",), ""),
    "a word": (Options, "preview", ("dry-run",), ""),
}


@pytest.mark.parametrize(("kind", "session", "words", "meant"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_option_gets_the_command_that_was_meant(
    kind: type[CommonOptions], session: str, words: tuple[str, ...], meant: str
) -> None:
    """Only with options that the session has; the usage follows."""
    with pytest.raises(UsageError, match="unrecognized arguments: ") as stop:
        parse_options(kind, session, words)
    first, *rest = stop.value.hint.splitlines()
    if meant:
        assert first == f"did you mean `{meant}`?"
        first = rest[0]
    assert first.startswith(f"usage: nox -s {session} -- [")
    assert ("did you mean" in stop.value.hint) is bool(meant)
