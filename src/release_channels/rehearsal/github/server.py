"""Serve the GitHub double on a loopback port within a `with` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from release_channels.adapters.http_server import Served, Tls, serve_wsgi
from release_channels.errors import FailedError
from release_channels.rehearsal.github.app import GitHubApp
from release_channels.rehearsal.github.state import GitHubState


class RunningGitHub:
    """A running GitHub double: its URLs, requests and internal errors."""

    def __init__(self, served: Served, app: GitHubApp) -> None:
        self.url = served.url
        self.api_url = f"{served.url}/api/v3"
        self._served = served
        self._app = app

    @property
    def requests(self) -> tuple[str, ...]:
        """List the requests so far as `METHOD path status`."""
        return self._served.requests

    def warnings(self) -> tuple[str, ...]:
        """Return the double's internal errors, and requests that GitHub's description does not have."""
        return (*self._app.failures, *self._app.breaches, *self._served.errors)

    def take_breaches(self) -> tuple[str, ...]:
        """Return the requests that break the contract, and clear the list, since a test sent them on purpose."""
        taken = tuple(self._app.breaches)
        self._app.breaches.clear()
        return taken

    def take_failures(self) -> tuple[str, ...]:
        """Return what went wrong in the stand-in itself so far, and forget it: it was meant to."""
        taken = tuple(self._app.failures)
        self._app.failures.clear()
        return taken

    def take_unchecked(self) -> tuple[str, ...]:
        """Return the requests of other programs than the client, which keep no contract, and clear the list."""
        taken = tuple(self._app.unchecked)
        self._app.unchecked.clear()
        return taken


@contextmanager
def serve_github(state: GitHubState, *, tls: Tls | None = None, port: int = 0) -> Iterator[RunningGitHub]:
    """Serve a repository on loopback until the block ends; `port` 0 is any free port.

    Raises: RefusedError if the port is taken; FailedError at the end for a breach of the contract that nobody took.
    """
    app = GitHubApp(state)
    with serve_wsgi(app, "the GitHub double", tls=tls, port=port) as served:
        running = RunningGitHub(served, app)
        yield running
    if wrong := running.warnings():
        raise FailedError("internal error of the GitHub double", hint="\n".join(wrong))
