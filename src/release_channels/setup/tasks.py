"""The tasks of adoption, from their options to what they print."""

from __future__ import annotations

from pathlib import Path

from release_channels.reporting import reporting
from release_channels.setup.install_commands import README, keep_block, print_commands


def install_commands(root: Path, channel: str, form: str, write: str, *, check: bool) -> None:
    """Print the install commands, or keep a document's block of them."""
    with reporting(root):
        if write or check:
            keep_block(root, write or README, channel=channel, check=check)
        else:
            print_commands(root, channel=channel, form=form)
