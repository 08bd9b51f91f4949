"""Keep the local index open for somebody who wants to install from it by hand."""

from __future__ import annotations

import shlex
import threading
from pathlib import Path

from release_channels import console
from release_channels.indexserver.server import serve
from release_channels.installing import pip_command, uv_command
from release_channels.observed import IndexState
from release_channels.project.pyproject import parse_project
from release_channels.version import Channel
from release_channels.world.git import Git
from release_channels.world.index import LOCAL, Credentials, Index, read_index, upstream_url
from release_channels.world.kept import local_files


def keep_open(root: Path, port: int = 0, *, stop: threading.Event | None = None) -> None:
    """Serve the local index of a project until Ctrl-C, or until `stop` is set.

    Raises: RefusedError where there is no project, and if the port is taken.
    """
    git = Git.open(root)
    project = parse_project(git.read_file(git.commit("HEAD").sha, "pyproject.toml"))
    try:
        with serve(local_files(root), project=project.name, upstream=upstream_url(), port=port) as running:
            index = Index(LOCAL, running.simple_url, running.upload_url, Credentials.NONE, warnings=running.warnings)
            _tell(project.name, index, read_index(index, project.name))
            (stop or threading.Event()).wait()
    except KeyboardInterrupt:
        console.result("the local index is closed; its files stay, and the next run finds them")


def _tell(project: str, index: Index, state: IndexState) -> None:
    """Say what is on the index and how to install from it: commands that work while it is open."""
    for warning in state.warnings:
        console.warn(warning)
    console.result(f"the local index of {project} is open at {index.simple_url} until Ctrl-C")
    versions = ", ".join(str(version) for version in sorted(state.releases, reverse=True))
    console.result(f"on it: {versions or 'nothing yet; `nox -s preview` puts a preview there'}")
    for channel in Channel:
        console.result(f"install from the {channel} channel:")
        for variable, words in (
            ("PIP_INDEX_URL", pip_command(project, channel)),
            ("UV_DEFAULT_INDEX", uv_command(project, channel)),
        ):
            console.result(f"  {variable}={index.simple_url} {shlex.join(words)}")
