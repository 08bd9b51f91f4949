"""Serve a WSGI application on a loopback port within a `with` block."""

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
from cheroot.server import HTTPConnection
from cheroot.ssl.builtin import BuiltinSSLAdapter

from release_channels.errors import RefusedError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate for `localhost` and its key, as PEM files."""

    cert_file: Path
    key_file: Path


class Served:
    """A running application: its URL, its requests so far, and its server's errors."""

    def __init__(self, url: str, log: _Log, errors: list[str]) -> None:
        self.url = url
        self._log = log
        self._errors = errors

    @property
    def requests(self) -> tuple[str, ...]:
        """List the requests so far as `METHOD path status`, without queries, headers and bodies."""
        return tuple(self._log.lines)

    @property
    def errors(self) -> tuple[str, ...]:
        """Return the server's own errors."""
        return tuple(self._errors)


@contextmanager
def serve_wsgi(app: WSGIApplication, title: str, *, tls: Tls | None = None, port: int = 0) -> Iterator[Served]:
    """Serve an application on a loopback port (0: any free one) until the block ends; `title` names it in messages.

    Raises: RefusedError if the port is taken.
    """
    log = _Log(app)
    server = _Server(
        (_HOST, port), log, numthreads=8, request_queue_size=64, shutdown_timeout=1, server_name="localhost"
    )
    server.title = title
    if tls:
        server.ssl_adapter = BuiltinSSLAdapter(str(tls.cert_file), str(tls.key_file))
    try:
        server.prepare()
    except OSError as err:
        raise RefusedError(f"{title} cannot listen on port {port}: {err}", hint="choose another port") from err
    thread = threading.Thread(target=server.serve, name=title.replace(" ", "-"), daemon=True)
    thread.start()
    try:
        address = f"https://localhost:{server.bind_addr[1]}" if tls else f"http://{_HOST}:{server.bind_addr[1]}"
        yield Served(address, log, server.errors)
    finally:
        server.stop()
        thread.join()


class _Server(wsgi.Server):
    """The server with its complaints kept for the owner instead of printed."""

    # How long a stop may take, since this is how often the loop looks up.
    expiration_interval = 0.05
    # uv opens more connections than it uses, and beyond the library's ten each answer would close its own.
    keep_alive_conn_limit = 1000
    title = ""

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

    def process_conn(self, conn: HTTPConnection) -> None:
        """Return a connection a thread only when it says something.

        The library gives each new one a thread at once, in which it may wait ten seconds for its first request: a few
        that a client opened in store held all threads. Source: cheroot 11.1, `ConnectionManager._run`.
        """
        if conn.last_used is None:
            self.put_conn(conn)
        else:
            super().process_conn(conn)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:  # noqa: ARG002
        """Keep what is really wrong; a client that hangs up is not."""
        if level >= logging.ERROR:
            self.errors.append(f"{self.title}'s server: {msg}")


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
