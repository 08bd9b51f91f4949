"""The install and upgrade commands of both channels, as the reference document words them. Pure."""

from __future__ import annotations

from release_channels.version import Channel

_PIP = ("python", "-m", "pip", "install")
_UV = ("uv", "tool", "install")
_UV_LIBRARY = ("uv", "pip", "install")


def pip_command(project: str, channel: Channel, *, narrow: bool = False) -> tuple[str, ...]:
    """Give the words that install or upgrade a Python package from a channel.

    With `narrow` the preview of this project alone is let in, and no dependency's pre-release.
    """
    flags = ("--all-releases", project) if narrow else ("--pre",)
    return (*_PIP, *(flags if channel is Channel.PREVIEW else ()), "--upgrade", project)


def uv_command(project: str, channel: Channel, *, narrow: bool = False, is_tool: bool = True) -> tuple[str, ...]:
    """Give the words that install or upgrade a command-line tool from a channel, or a library where it is no tool.

    There is no exact pin on purpose: uv takes the newest that the channel has. `narrow` is as with pip.
    """
    flags = ("--prerelease-package", f"{project}=allow") if narrow else ("--prerelease", "allow")
    start = _UV if is_tool else _UV_LIBRARY
    return (*start, *(flags if channel is Channel.PREVIEW else ()), "--upgrade", project)
