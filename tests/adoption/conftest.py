"""An index for locking noxfiles."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from release_channels.indexserver.server import serve
from tests.adoption.adopting import tool_index


@pytest.fixture(scope="session")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the tool and the other requirements of a noxfile's block."""
    with serve(tool_index(tmp_path_factory.mktemp("tools"))) as running:
        yield running.simple_url


@pytest.fixture
def locking(tools: str, offline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make uv lock against that index."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", tools)
