"""Serve the local index on a loopback port within a `with` block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from release_channels.adapters.http_server import Served, Tls, serve_wsgi
from release_channels.indexserver.app import IndexApp
from release_channels.indexserver.oidc import TrustedPublishing
from release_channels.indexserver.upload_rules import Limits

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["RunningIndex", "Tls", "serve"]


class RunningIndex:
    """A running local index: its URLs, requests and warnings."""

    def __init__(self, served: Served, app: IndexApp) -> None:
        self.url = served.url
        self.simple_url = f"{served.url}/simple/"
        self.own_url = f"{served.url}/own/"
        """The same without the way upstream: other names are not known here."""
        self.upload_url = f"{served.url}/legacy/"
        self._served = served
        self._app = app

    @property
    def requests(self) -> tuple[str, ...]:
        """List the requests so far as `METHOD path status`, without queries, headers and bodies."""
        return self._served.requests

    def warnings(self) -> tuple[str, ...]:
        """Return the problems: no response from upstream, an unreadable file, a failed request."""
        return (*self._app.warnings(), *self._served.errors)


@contextmanager
def serve(
    root: Path,
    *,
    project: str | None = None,
    upstream: str | None = None,
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    trusted: TrustedPublishing | None = None,
    tls: Tls | None = None,
    wrap: Callable[[WSGIApplication], WSGIApplication] | None = None,
    port: int = 0,
    front: Callable[[], str] | None = None,
) -> Iterator[RunningIndex]:
    """Serve the distributions of a directory on a loopback port (0: any free one) until the block ends.

    With `project` that project alone, merged with the upstream index's files of it; other names lead upstream.
    `front` gives the HTML page of the root address. `wrap` puts something between the clients and the index, a fault
    for instance.

    Raises: RefusedError if the port is taken.
    """
    app = IndexApp(root, project=project, upstream=upstream, limits=limits, trusted=trusted, front=front)
    with serve_wsgi(wrap(app) if wrap else app, "the local index", tls=tls, port=port) as served:
        yield RunningIndex(served, app)
