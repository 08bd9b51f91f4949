"""A hostile server on loopback: its answers are endless, slow, deeply nested or malformed."""

from __future__ import annotations

import gzip
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache

from release_channels.adapters.http_server import Tls

Answer = Callable[[socket.socket], None]
_JSON = "application/vnd.pypi.simple.v1+json"
_PAUSE = 0.03


def _head(kind: str = _JSON, *more: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *more, "", "")).encode()


def complete(body: bytes, kind: str = _JSON, *more: str, status: str = "200 OK") -> Answer:
    """Answer with one body."""
    return lambda client: client.sendall(_head(kind, f"Content-Length: {len(body)}", *more, status=status) + body)


def _endless(head: bytes, piece: bytes) -> Answer:
    def answer(client: socket.socket) -> None:
        client.sendall(head)
        while True:
            client.sendall(piece)

    return answer


def _slowly(head: bytes, text: bytes) -> Answer:
    def answer(client: socket.socket) -> None:
        client.sendall(head)
        while True:
            for number in range(len(text)):
                client.sendall(text[number : number + 1])
                time.sleep(_PAUSE)

    return answer


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(40 * 2**20), 1)


@cache
def _listing(count: int) -> bytes:
    file = {"filename": "demo_tool-1.0.tar.gz", "url": "https://index.example/" + "x" * 400, "hashes": {}}
    text = json.dumps(file)
    return f'{{"meta": {{"api-version": "1.1"}}, "name": "d", "files": [{", ".join([text] * count)}]}}'.encode()


_LINK = "<a href='https://index.example/demo_tool-1.0.tar.gz'>demo_tool-1.0.tar.gz</a>\n"
_ROOT = {"meta": {"api-version": "1.1"}, "name": "demo-tool"}
WRONG_TYPES: dict[str, object] = {
    "number": 5, "null": None, "text": "x", "list": [1], "files a number": {**_ROOT, "files": 5},
    "a file a list": {**_ROOT, "files": [[1]]}, "a name a table": {**_ROOT, "files": [{"filename": {}, "url": 1}]},
    "meta a list": {"meta": [], "name": {}, "files": []}, "huge number": {**_ROOT, "files": [{"size": 10**400}]},
    "answer a list": {"value": [1], "audience": {}, "errors": {"code": 1}, "message": [[]]},
}  # fmt: skip
ENDLESS: dict[str, Answer] = {
    "endless body": _endless(_head(), b" " * 2**16),
    "endless HTML": _endless(_head("text/html"), _LINK.encode() * 1000),
    "endless chunks": _endless(_head(_JSON, "Transfer-Encoding: chunked"), b"10000\r\n" + b" " * 2**16 + b"\r\n"),
    "endless headers": _endless(b"HTTP/1.1 200 OK\r\n", b"X-Header: " + b"x" * 1000 + b"\r\n"),
    "endless header": _endless(b"HTTP/1.1 200 OK\r\nX-Header: ", b"x" * 2**16),
    "endless error": _endless(_head(status="503 Busy"), b" " * 2**16),
}
SLOW: dict[str, Answer] = {
    "slow body": _slowly(_head(_JSON, "Content-Length: 100000"), b" "),
    "slow chunks": _slowly(_head(_JSON, "Transfer-Encoding: chunked"), b"1\r\n \r\n"),
    "slow headers": _slowly(b"HTTP/1.1 200 OK\r\n", b"X-Header: x\r\n"),
    "slow error": _slowly(_head("text/html", "Content-Length: 100000", status="500 Broken"), b" "),
    "silence": lambda _client: time.sleep(1),
}
NONSENSE: dict[str, Answer] = {
    "gzip bomb": lambda client: complete(_bomb(), _JSON, "Content-Encoding: gzip")(client),
    "no gzip": complete(b"x" * 100, _JSON, "Content-Encoding: gzip"),
    "deep JSON": complete(b"[" * 200_000),
    "deep JSON of tables": complete(b'{"files":' * 100_000),
    "deep HTML": complete(b"<!DOCTYPE html>" + b"<div>" * 20_000, "text/html"),
    "tags without an end": complete(b"<!DOCTYPE html>" + b"<a href='" * 100_000, "text/html"),
    "comments without an end": complete(b"<!DOCTYPE html>" + b"<!-- > " * 100_000, "text/html"),
    "a section of no kind": complete(b"<!DOCTYPE html><![x[ y ]]>", "text/html"),
    "many files": lambda client: complete(_listing(80_000))(client),
    "many links": lambda client: complete(_LINK.encode() * 120_000, "text/html")(client),
    "not UTF-8": complete(b'{"name": "\xff\xfe"}'),
    "a NUL": complete(b"\0"),
    "unknown encoding": complete(b"{}", "application/json; charset=klingon"),
    "no type": complete(b"{}", "\x01"),
    "cut off": lambda client: client.sendall(_head(_JSON, "Content-Length: 1000") + b"{"),
    "negative length": lambda client: client.sendall(_head(_JSON, "Content-Length: -1") + b"{}"),
    "no HTTP": lambda client: client.sendall(b"\x16\x03\x01 hello\r\n\r\n"),
    "nothing": lambda _client: None,
    "redirect to itself": complete(b"", _JSON, "Location: ?", status="302 Found"),
    "redirect to a file": complete(b"", _JSON, "Location: file:///etc/passwd", status="302 Found"),
    "late, says 1e400": complete(b"{}", _JSON, "Retry-After: 1e400", "X-RateLimit-Remaining: 0", status="429 Slow"),
    "reset at 1e30": complete(b"{}", _JSON, "X-RateLimit-Remaining: 0", "X-RateLimit-Reset: 1e30", status="403 No"),
    "retry after nan": complete(b"{}", _JSON, "Retry-After: nan", status="403 No"),
    **{f"wrong type: {name}": complete(json.dumps(value).encode()) for name, value in WRONG_TYPES.items()},
}  # fmt: skip
HOSTILE = {**ENDLESS, **SLOW, **NONSENSE}


class HostileServer(socketserver.ThreadingTCPServer):
    """The server; `answer` handles every client."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    answer: Answer = staticmethod(lambda client: None)
    context: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        """The server's address."""
        host = "https://localhost" if self.context else "http://127.0.0.1"
        return f"{host}:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, HostileServer)
        with suppress(OSError), ExitStack() as stack:  # the client has seen enough
            client: socket.socket = self.request
            client.settimeout(5)
            if self.server.context:
                client = stack.enter_context(self.server.context.wrap_socket(client, server_side=True))
            request = b""
            while b"\r\n\r\n" not in request and (piece := client.recv(2**16)):
                request += piece
            self.server.answer(client)


@contextmanager
def serve_hostile(tls: Tls | None = None) -> Iterator[HostileServer]:
    """Serve until the block ends."""
    with HostileServer(("127.0.0.1", 0), _Handler) as server:
        if tls:
            server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.context.load_cert_chain(tls.cert_file, tls.key_file)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
