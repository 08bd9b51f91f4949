"""What is read from nox: which sessions it left out, and whether anything of them ran."""

from __future__ import annotations

import pytest

from release_channels.rehearsal.actions.act_compat import left_out_whole, missing_pythons

_MISSING = "nox > Session {} skipped: Python interpreter 3.77 not found."
_GOOD = "nox > Session {} was successful in 3 seconds."


def test_a_session_with_parameters_is_named_whole() -> None:
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
def test_a_session_of_which_nothing_ran_is_known(left_out: list[str], ran: list[str], whole: list[str]) -> None:
    """The run is green then, and has shown nothing."""
    said = "\n".join([*map(_MISSING.format, left_out), *map(_GOOD.format, ran)])
    assert list(left_out_whole(said)) == whole
