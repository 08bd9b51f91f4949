"""One candidate for all tests that only read it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from release_channels.model.gate_config import GateConfig
from tests.support.backends import own_backend
from tests.support.gating import Ready, RunRollout, make_ready
from tests.support.releasing import environment
from tests.support.repo import Repo


@pytest.fixture(scope="session")
def ready(offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Ready:
    """A repository whose candidate is built and installed."""
    directory = tmp_path_factory.mktemp("ready")
    with environment(offline_environment):
        return make_ready(Repo.create(directory / "repo", own_backend().tree()), directory / "workplace")


@pytest.fixture
def run_rollout(ready: Ready, offline: None, tmp_path: Path) -> RunRollout:
    """Run one rollout and its judgement."""
    kept = tmp_path / "kept"
    kept.mkdir()
    return RunRollout(ready, kept, GateConfig(max_turns=8, command_seconds=20, max_seconds=60))
