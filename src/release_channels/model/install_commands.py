"""The install and upgrade commands of both channels, as the reference document words them. Pure."""

from __future__ import annotations

from release_channels.model.version import Channel

_PIP = ("python", "-m", "pip", "install")
_UV = ("uv", "tool", "install")
_UV_LIBRARY = ("uv", "pip", "install")


def pip_command(project: str, channel: Channel, *, narrow: bool = False) -> tuple[str, ...]:
    """Give the words that install or upgrade a Python package from a channel.

    With `narrow` the preview of this project alone is let in, and no dependency's pre-release.
    """
    flags = ("--all-releases", project) if narrow else ("--pre",)
    return (*_PIP, *(flags if channel is Channel.PREVIEW else ()), "--upgrade", project)


def uv_command(
    project: str,
    channel: Channel,
    *,
    narrow: bool = False,
    is_tool: bool = True,
    force: bool = False,
    python: str = "",
) -> tuple[str, ...]:
    """Give the words that install or upgrade a command-line tool from a channel, or a library where it is no tool.

    There is no exact pin on purpose: uv takes the newest that the channel has. `narrow` is as with pip; `force`
    replaces executables that something else left behind; `python` names the interpreter.
    """
    start = _UV if is_tool else _UV_LIBRARY
    chosen = ("--python", python) if python else ()
    return (
        *start,
        *chosen,
        *_uv_flags(project, channel, narrow),
        "--upgrade",
        *(("--force",) if force else ()),
        project,
    )


def downstream_commands(project: str, channel: Channel, *, narrow: bool = False) -> tuple[tuple[str, ...], ...]:
    """Give the words with which a project that uses uv comes to depend on a channel, and then follows it."""
    flags = _uv_flags(project, channel, narrow)
    return ("uv", "add", *flags, project), ("uv", "lock", "--upgrade-package", project, *flags)


def return_commands(project: str, *, is_tool: bool = True) -> tuple[tuple[str, ...], ...]:
    """Give the words that lead from a preview back to the public release, which an upgrade does not do."""
    back = (*_UV, "--force", project) if is_tool else (*_UV_LIBRARY, "--reinstall", project)
    return (*_PIP, "--force-reinstall", project), back


def _uv_flags(project: str, channel: Channel, narrow: bool) -> tuple[str, ...]:
    if channel is not Channel.PREVIEW:
        return ()
    return ("--prerelease-package", f"{project}=allow") if narrow else ("--prerelease", "allow")
