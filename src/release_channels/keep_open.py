"""Keep the local index open for somebody who wants to install from it by hand."""

from __future__ import annotations

import threading
from pathlib import Path

from release_channels import console
from release_channels.indexserver.server import serve
from release_channels.installing import pip_command, uv_command
from release_channels.project.pyproject import parse_project
from release_channels.version import Channel
from release_channels.world.git import Git
from release_channels.world.index import upstream_url
from release_channels.world.kept import local_files


def keep_open(root: Path, port: int = 0, *, stop: threading.Event | None = None) -> None:
    """Serve the local index of a project until Ctrl-C, or until `stop` is set.

    Raises: RefusedError where there is no project; UsageError if the port is taken.
    """
    git = Git.open(root)
    project = parse_project(git.read_file(git.commit("HEAD").sha, "pyproject.toml"))
    with serve(local_files(root), project=project.name, upstream=upstream_url(), port=port) as running:
        console.result(f"the local index of {project.name} is open at {running.simple_url} until Ctrl-C")
        for channel in Channel:
            console.result(f"{channel} channel:")
            console.result(
                "  " + " ".join((f"PIP_INDEX_URL={running.simple_url}", *pip_command(project.name, channel)))
            )
            console.result(
                "  " + " ".join((f"UV_DEFAULT_INDEX={running.simple_url}", *uv_command(project.name, channel)))
            )
        try:
            (stop or threading.Event()).wait()
        except KeyboardInterrupt:
            console.result("the local index is closed; its files stay")
