"""A GitHub for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.github.hubs import GitHubDouble, open_github
from tests.support.repo import Repo


@pytest.fixture
def github(repo: Repo) -> Iterator[GitHubDouble]:
    """A GitHub with one empty repository."""
    with open_github(repo) as opened:
        yield opened
