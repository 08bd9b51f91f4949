"""Parsing nox's output: which sessions it skipped, and whether any session ran."""

from __future__ import annotations

import pytest

from release_channels.rehearsal.actions.act_compat import left_out_whole, missing_pythons

_MISSING = "nox > Session {} skipped: Python interpreter 3.77 not found."
_GOOD = "nox > Session {} was successful in 3 seconds."


def test_a_session_name_with_parameters_is_parsed() -> None:
    """nox writes blanks between them."""
    said = _MISSING.format("tests-3.77(django='4', db='pg')")
    assert list(missing_pythons(said)) == [
        "Python 3.77 (not on this machine), for the session tests-3.77(django='4', db='pg')"
    ]


@pytest.mark.parametrize(
    ("left_out", "ran", "whole"),
    [
        pytest.param(["tests-3.77"], [], ["tests"], id="nothing"),
        pytest.param(["tests-3.77"], ["tests-3.11"], [], id="another Python"),
        pytest.param(["tests-3.77(a='1', b='2')"], ["tests-3.11(a='1', b='2')"], [], id="parameters"),
        pytest.param(["tests-3.77", "tests-pypy3.10"], ["lint"], ["tests"], id="only another session"),
        pytest.param(["unit-tests-3.77"], ["unit-docs"], ["unit-tests"], id="a name with a dash"),
        pytest.param([], ["tests"], [], id="all"),
    ],
)
def test_a_session_that_never_ran_is_found(left_out: list[str], ran: list[str], whole: list[str]) -> None:
    """nox ends successfully then."""
    said = "\n".join([*map(_MISSING.format, left_out), *map(_GOOD.format, ran)])
    assert list(left_out_whole(said)) == whole
