"""The order of the tests: each worker begins with its part of the longest."""

from __future__ import annotations

import pytest

from tests.conftest import share_out


@pytest.mark.parametrize("workers", [1, 2, 4, 7])
def test_each_worker_begins_with_one_of_the_longest(workers: int) -> None:
    """The list is cut into equal shares, and every test is in one of them."""
    items = [*range(1, 40), 900, 600, 3600, 1800]
    shared = share_out(items, lambda item: float(item) if item >= 600 else 0.0, workers)
    assert sorted(shared) == sorted(items)
    heads = [shared[number * (len(items) // workers)] for number in range(workers)]
    assert heads[:4] == [3600, 1800, 900, 600][:workers]
