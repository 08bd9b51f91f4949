"""The workflow files of the tool's own repository: the same templates, started from its sources."""

from __future__ import annotations

from collections.abc import Mapping

from release_channels.model.config import Config
from release_channels.setup.render import Adoption, Tests, render

_TESTS = Tests("uv run nox", ("lint", "typecheck", "tests"), ("3.11", "3.12", "3.13"))


def own_workflows(config: Config) -> Mapping[str, str]:
    """Give the text of each workflow file of this repository by its path."""
    return render(Adoption(config, _TESTS, is_tool=True))
