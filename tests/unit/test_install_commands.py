"""The install commands for users."""

from __future__ import annotations

import pytest

from release_channels.model.install_commands import pip_command, uv_command
from release_channels.model.version import Channel


@pytest.mark.parametrize(
    ("channel", "only_this_project", "pip", "uv"),
    [
        pytest.param(Channel.PUBLIC, False, "--upgrade demo", "--upgrade demo", id="public"),
        pytest.param(Channel.PUBLIC, True, "--upgrade demo", "--upgrade demo", id="public, nothing to narrow"),
        pytest.param(Channel.PREVIEW, False, "--pre --upgrade demo", "--prerelease allow --upgrade demo", id="preview"),
        pytest.param(
            Channel.PREVIEW, True,
            "--all-releases demo --upgrade demo", "--prerelease-package demo=allow --upgrade demo", id="narrow",
        ),
    ],
)  # fmt: skip
def test_install_commands_match_the_reference_document(
    channel: Channel, only_this_project: bool, pip: str, uv: str
) -> None:
    """In every word, and for a library the same with `uv pip`."""
    assert " ".join(pip_command("demo", channel, only_this_project=only_this_project)) == f"python -m pip install {pip}"
    assert " ".join(uv_command("demo", channel, only_this_project=only_this_project)) == f"uv tool install {uv}"
    assert (
        " ".join(uv_command("demo", channel, only_this_project=only_this_project, is_tool=False))
        == f"uv pip install {uv}"
    )
