"""A GitHub for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.github.hubs import Hub, open_hub
from tests.support.repo import Repo


@pytest.fixture
def hub(repo: Repo) -> Iterator[Hub]:
    """A GitHub with one repository and nothing in it."""
    with open_hub(repo) as opened:
        yield opened
