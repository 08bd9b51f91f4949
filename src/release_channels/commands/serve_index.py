"""Serve the local index for installs by hand."""

from __future__ import annotations

import os
import re
import shlex
import threading
from functools import partial
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.git import Git
from release_channels.adapters.index import Index, read_index, upstream_url
from release_channels.cli.context import TaskContext, open_local_index, open_project
from release_channels.commands.status import read_status
from release_channels.commands.status_page import render_page
from release_channels.errors import UsageError
from release_channels.model.install_commands import pip_command, uv_command
from release_channels.model.observed import IndexState
from release_channels.model.version import Channel
from release_channels.project.pyproject import Project

_PORT = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_LAST_PORT = 65535


def parse_port(text: str) -> int:
    """Parse a port number; 0, which lets the system choose, if the text is empty.

    Raises: UsageError for what is not a port. It is parsed here, since invoke shows a traceback for a wrong number.
    """
    if not text:
        return 0
    if not _PORT.fullmatch(text) or int(text) > _LAST_PORT:
        raise UsageError(
            f"{text[:20]!r} is not a port", hint=f"give a number from 1 to {_LAST_PORT}, or no --port at all"
        )
    return int(text)


def keep_open(root: Path, port: int = 0, *, dry_run: bool = False, stop: threading.Event | None = None) -> None:
    """Serve the project's local index until Ctrl-C or `stop` is set; a dry run only lists its files.

    Raises: RefusedError where there is no project, and if the port is taken.
    """
    git = Git.open(root)
    project = open_project(git, git.commit("HEAD"))
    try:
        page = partial(_page, git)
        with open_local_index(project, root, upstream_url(), port, page) as index:
            state = read_index(index, project.name)
            for warning in state.warnings:
                console.warn(warning)
            if dry_run:
                console.prose(f"planned: the local index of {project.name} would be opened; {_holds(state)}")
                return
            _tell(project, index, state)
            (stop or threading.Event()).wait()
    except KeyboardInterrupt:
        console.prose("the local index is closed; its files stay, and the next run finds them")


def _page(git: Git, index: Index) -> str:
    """Write the page of both channels, as they are on the index and in the checkout now."""
    commit = git.commit("HEAD")
    project = open_project(git, commit)
    report = read_status(TaskContext(git, commit, project, index, os.environ))
    return render_page(report, is_tool=bool(project.scripts))


def _holds(state: IndexState) -> str:
    versions = ", ".join(str(version) for version in sorted(state.releases, reverse=True))
    return f"on it: {versions or 'nothing yet, `nox -s preview` puts a preview there'}"


def _tell(project: Project, index: Index, state: IndexState) -> None:
    """Describe what is on the index and how to install from it: commands that work while it is open."""
    page = index.simple_url.removesuffix("simple/")
    console.prose(f"the local index of {project.name} is open at {index.simple_url} until Ctrl-C, its page at {page}")
    console.prose(_holds(state))
    for channel in Channel:
        console.result(f"install from the {channel} channel:")
        for variable, words in (
            ("PIP_INDEX_URL", pip_command(project.name, channel)),
            ("UV_DEFAULT_INDEX", uv_command(project.name, channel, is_tool=bool(project.scripts))),
        ):
            console.result(f"  {variable}={index.simple_url} {shlex.join(words)}")
