"""The HTTP server of all local services: idle connections block no request."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from release_channels.adapters.http_server import serve_wsgi
from release_channels.rehearsal.child_environment import make_certificates

_IDLE = 40
_SECONDS = 5.0  # less than a connection may wait until it is closed


def _hello(_environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
    start_response("200 OK", [("Content-Length", "5")])
    yield b"hello"


def _answer(client: socket.socket) -> bytes:
    received = b""
    while not received.endswith(b"hello"):
        received += (piece := client.recv(1000))
        assert piece, received
    return received


def _request(client: socket.socket) -> bytes:
    client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return b"".join(iter(lambda: client.recv(1000), b""))


@pytest.mark.parametrize("is_encrypted", [False, True])
def test_idle_connections_do_not_block_requests(offline: None, tmp_path: Path, *, is_encrypted: bool) -> None:
    """Installers open more connections than they use; later requests on these are answered too."""
    tls, bundle = make_certificates(tmp_path, {})
    trusting = ssl.create_default_context(cafile=str(bundle))
    with serve_wsgi(_hello, "a service", tls=tls if is_encrypted else None) as served, ExitStack() as stack:
        port = urlsplit(served.url).port

        def connect() -> socket.socket:
            plain = stack.enter_context(socket.create_connection(("localhost", port), timeout=_SECONDS))
            return trusting.wrap_socket(plain, server_hostname="localhost") if is_encrypted else plain

        idle = [stack.enter_context(connect()) for _ in range(_IDLE)]
        kept = stack.enter_context(connect())
        for _ in range(2):
            kept.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"close" not in _answer(kept)
        assert all(_request(client).endswith(b"hello") for client in idle)
        assert served.errors == ()
