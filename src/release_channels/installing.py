"""The install and upgrade commands of both channels, as the reference document words them. Pure."""

from __future__ import annotations

from release_channels.version import Channel

_PIP = ("python", "-m", "pip", "install")
_UV = ("uv", "tool", "install")
_FLAGS = {
    Channel.PUBLIC: ((), ()),
    Channel.PREVIEW: (("--pre",), ("--prerelease", "allow")),
}


def pip_command(project: str, channel: Channel) -> tuple[str, ...]:
    """Give the words that install or upgrade a Python package from a channel."""
    return (*_PIP, *_FLAGS[channel][0], "--upgrade", project)


def uv_command(project: str, channel: Channel) -> tuple[str, ...]:
    """Give the words that install or upgrade a command-line tool from a channel.

    There is no exact pin on purpose: uv takes the newest that the channel has.
    """
    return (*_UV, *_FLAGS[channel][1], "--upgrade", project)
