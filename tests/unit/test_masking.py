"""Addresses are told without who logs in there."""

from __future__ import annotations

import pytest

from release_channels.model.outcome import Outcome, Result
from release_channels.model.redact import redact_urls


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("http://ci:s3cret@127.0.0.1:8/simple/", "http://***@127.0.0.1:8/simple/"),
        ("https://s3cret@index.example/simple", "https://***@index.example/simple"),
        ("HTTPS://CI:s3cret@index.example", "HTTPS://***@index.example"),
        ("postgres+ssl://ci:s3cret@db/x", "postgres+ssl://***@db/x"),
        ("http://ci:s3@cret@index.example/", "http://***@index.example/"),
        ("(http://ci:s3cret@a/) 'http://ci:s3cret@b/'", "(http://***@a/) 'http://***@b/'"),
        ("ssh://git@host.example/a.git", "ssh://git@host.example/a.git"),
        ("https://index.example/@scope/x, me@host.example", "https://index.example/@scope/x, me@host.example"),
        ("demo @ https://host.example/x", "demo @ https://host.example/x"),
    ],
)
def test_nobody_reads_who_logs_in(text: str, masked: str) -> None:
    """A user, a password and a token go; what is no login, or everybody's, stays as it is."""
    assert redact_urls(text) == masked


def test_no_outcome_holds_a_password() -> None:
    """Message, hint and warnings are masked for every reader: the file, the summary page and the last line."""
    text = "`uv --default-index http://ci:s3cret@127.0.0.1/simple/` exited 1"
    outcome = Outcome(Result.FAILED, text, hint=f"a\n{text}", warnings=(text, text))
    assert "s3cret" not in outcome.to_json() + outcome.to_markdown() + outcome.line
    assert outcome.hint.splitlines()[0] == "a"
