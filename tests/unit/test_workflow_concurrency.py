"""Which runs of a concurrency group are cancelled, by GitHub's documentation."""

from __future__ import annotations

import pytest

from release_channels.model.workflow_semantics.concurrency import Concurrency, cancelled_runs, concurrency_of
from release_channels.model.workflow_semantics.file import read_workflow

ONE, ALL, NEWEST = Concurrency("a", False, 1), Concurrency("a", False, 100), Concurrency("a", True, 1)
NONE, OTHER, CAPITAL = Concurrency("", False, 1), Concurrency("b", False, 1), Concurrency("A", False, 1)
DECLARED = {
    "none": ("{}", NONE),
    "a text": ("{concurrency: a}", ONE),
    "a group": ("{concurrency: {group: a, cancel-in-progress: false}}", ONE),
    "single": ("{concurrency: {group: a, queue: single}}", ONE),
    "max": ("{concurrency: {group: a, cancel-in-progress: false, queue: max}}", ALL),
    "cancels": ("{concurrency: {group: a, cancel-in-progress: true}}", NEWEST),
}
ARRIVING: dict[str, tuple[list[Concurrency], set[int]]] = {
    "no group": ([NONE] * 4, set()),
    "one runs, one waits": ([ONE] * 2, set()),
    "the pending one gives way": ([ONE] * 4, {1, 2}),
    "all wait": ([ALL] * 101, set()),
    "a full queue": ([ALL] * 103, {101, 102}),
    "the newest alone": ([NEWEST] * 3, {0, 1}),
    "the newest ends those that wait": ([ONE, ONE, NEWEST], {0, 1}),
    "two groups": ([ONE, OTHER, ONE, OTHER, ONE], {2}),
    "in another case": ([ONE, CAPITAL, ONE], {1}),
}


@pytest.mark.parametrize(("text", "expected"), DECLARED.values(), ids=DECLARED)
def test_every_form_of_a_concurrency_group_is_parsed(text: str, expected: Concurrency) -> None:
    """A text is the group, and its queue holds one run unless it is `max`."""
    assert concurrency_of(read_workflow(text, "one.yml")) == expected
    assert expected.keeps_all is (expected is ALL)


OF_ONE = {
    "${{ github.sha }}": False,
    "tests-${{ github.workflow }}-${{ github.run_id }}": False,
    "${{ github.ref }}": True,
    "github.sha": True,
    "a": True,
}


@pytest.mark.parametrize(("group", "cancels"), OF_ONE.items(), ids=OF_ONE)
def test_a_group_of_one_commit_cancels_no_other(group: str, cancels: bool) -> None:
    """The name of a context outside of an expression is mere text, and the same for all runs."""
    assert Concurrency(group, True, 1).cancels_commits is cancels


@pytest.mark.parametrize(("arriving", "cancelled"), ARRIVING.values(), ids=ARRIVING)
def test_a_group_cancels_the_runs_that_github_would(arriving: list[Concurrency], cancelled: set[int]) -> None:
    """One runs, one is pending by default, and a new run replaces the pending one."""
    assert cancelled_runs(arriving) == cancelled
