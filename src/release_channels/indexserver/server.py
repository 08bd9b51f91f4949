"""The local index on a loopback port, for as long as a `with` block lasts."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

from release_channels.errors import RefusedError
from release_channels.indexserver.app import IndexApp
from release_channels.indexserver.oidc import TrustedPublishing
from release_channels.indexserver.warehouse import Limits

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate for `localhost` and its key, as PEM files."""

    cert_file: Path
    key_file: Path


class RunningIndex:
    """An index that answers: its addresses, what was asked of it, and what it complained about."""

    def __init__(self, url: str, app: IndexApp, log: _Log, errors: list[str]) -> None:
        self.url = url
        self.simple_url = f"{url}/simple/"
        self.upload_url = f"{url}/legacy/"
        self._app = app
        self._log = log
        self._errors = errors

    @property
    def requests(self) -> tuple[str, ...]:
        """List the requests so far as `METHOD path status`, without queries, headers and bodies."""
        return tuple(self._log.lines)

    def warnings(self) -> tuple[str, ...]:
        """Tell what a release must know: upstream did not answer, a file is unreadable, a request failed."""
        return (*self._app.warnings(), *self._errors)


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
) -> Iterator[RunningIndex]:
    """Serve the distributions in a directory on loopback, and stop when the block ends, however it ends.

    With `project` that project alone, merged with the upstream index's files of it; other names lead upstream.
    `wrap` puts something between the clients and the index, a fault for instance.

    Raises: RefusedError if the port is taken.
    """
    app = IndexApp(root, project=project, upstream=upstream, limits=limits, trusted=trusted)
    log = _Log(wrap(app) if wrap else app)
    server = _Server(
        (_HOST, port), log, numthreads=8, request_queue_size=64, shutdown_timeout=1, server_name="localhost"
    )
    if tls:
        server.ssl_adapter = BuiltinSSLAdapter(str(tls.cert_file), str(tls.key_file))
    try:
        server.prepare()
    except OSError as err:
        raise RefusedError(f"the local index cannot listen on port {port}: {err}", hint="choose another port") from err
    thread = threading.Thread(target=server.serve, name="local-index", daemon=True)
    thread.start()
    try:
        address = f"https://localhost:{server.bind_addr[1]}" if tls else f"http://{_HOST}:{server.bind_addr[1]}"
        yield RunningIndex(address, app, log, server.errors)
    finally:
        server.stop()
        thread.join()


class _Server(wsgi.Server):
    """The server with its complaints kept for the owner instead of printed."""

    # How long a stop may take, since this is how often the loop looks up.
    expiration_interval = 0.05

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.errors: list[str] = []

    @staticmethod
    def bind_socket(socket_: socket.socket, bind_addr: tuple[str, int]) -> socket.socket:
        """Close a socket that finds no free port, which the library leaves open."""
        try:
            socket_.bind(bind_addr)
        except OSError:
            socket_.close()
            raise
        return socket_

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: ARG002
        """Keep what is really wrong; a client that hangs up is not."""
        if level >= logging.ERROR:
            self.errors.append(f"the local index's server: {msg}")


class _Log:
    """Notes each request with its answer's status, outside of everything else."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.lines: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as the application does."""

        def noting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            self.lines.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {status.partition(' ')[0]}")
            return start_response(status, headers, *rest)

        return self._app(environ, noting)
