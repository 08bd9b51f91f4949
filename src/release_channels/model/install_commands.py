"""The install and upgrade commands of both channels, as in the reference document. Pure."""

from __future__ import annotations

from release_channels.model.version import Channel

_PIP = ("python", "-m", "pip", "install")
_UV = ("uv", "tool", "install")
_UV_LIBRARY = ("uv", "pip", "install")


def pip_command(project: str, channel: Channel, *, only_this_project: bool = False) -> tuple[str, ...]:
    """Return the pip command that installs or upgrades a package from a channel.

    With `only_this_project` pre-releases are allowed for this project but not for its dependencies.
    """
    flags = ("--all-releases", project) if only_this_project else ("--pre",)
    return (*_PIP, *(flags if channel is Channel.PREVIEW else ()), "--upgrade", project)


def uv_command(
    project: str,
    channel: Channel,
    *,
    only_this_project: bool = False,
    is_tool: bool = True,
    force: bool = False,
    python: str = "",
) -> tuple[str, ...]:
    """Return the uv command that installs or upgrades a tool, or a library, from a channel.

    There is no exact pin on purpose: uv takes the newest version of the channel. `only_this_project` is as for pip;
    `force` replaces executables of other origin; `python` selects the interpreter.
    """
    start = _UV if is_tool else _UV_LIBRARY
    chosen = ("--python", python) if python else ()
    return (
        *start,
        *chosen,
        *_uv_flags(project, channel, only_this_project),
        "--upgrade",
        *(("--force",) if force else ()),
        project,
    )


def downstream_commands(
    project: str, channel: Channel, *, only_this_project: bool = False
) -> tuple[tuple[str, ...], ...]:
    """Return the commands that add a dependency on a channel to a uv project, and that upgrade it later."""
    flags = _uv_flags(project, channel, only_this_project)
    return ("uv", "add", *flags, project), ("uv", "lock", "--upgrade-package", project, *flags)


def return_commands(project: str, *, is_tool: bool = True) -> tuple[tuple[str, ...], ...]:
    """Return the commands that reinstall the public release over a preview, which an upgrade does not do."""
    back = (*_UV, "--force", project) if is_tool else (*_UV_LIBRARY, "--reinstall", project)
    return (*_PIP, "--force-reinstall", project), back


def _uv_flags(project: str, channel: Channel, only_this_project: bool) -> tuple[str, ...]:
    if channel is not Channel.PREVIEW:
        return ()
    return ("--prerelease-package", f"{project}=allow") if only_this_project else ("--prerelease", "allow")
