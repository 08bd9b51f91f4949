"""A release on the local index and a GitHub double, for tests of what follows the upload."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.github.hubs import WRITER, GitHubDouble, open_github
from tests.support.releasing import CHANGELOG, release_once, sample
from tests.support.repo import Repo


@pytest.fixture(scope="module")
def released_once(tmp_path_factory: pytest.TempPathFactory, offline_environment: Mapping[str, str]) -> Repo:
    """A repository whose 1.2.0 is on the local index, made once."""
    return release_once(tmp_path_factory.mktemp("released"), sample(CHANGELOG_md=CHANGELOG), offline_environment)


@pytest.fixture
def released(released_once: Repo, tmp_path: Path, offline: None) -> Repo:
    """Its own checkout: 1.2.0 is on the index and has no GitHub Release."""
    return released_once.copy(tmp_path / "released")


@pytest.fixture
def github(released: Repo, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubDouble]:
    """GitHub over the release's remote, with a token that can write."""
    with open_github(released) as opened:
        monkeypatch.setenv("GITHUB_API_URL", opened.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        yield opened
