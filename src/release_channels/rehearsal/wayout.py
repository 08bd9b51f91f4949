"""The one way out of a rehearsal: a proxy on loopback that reads from the index that dependencies come from.

It takes the place of that index towards the programs of a rehearsal, who trust its certificate, so that nothing can
be written there whatever goes wrong: what is no reading, or is for another host, is refused here. A page of the index
is fetched once. All jobs of a train see one state of it, and do not wait for the same answer dozens of times.
"""

from __future__ import annotations

import hashlib
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from requests.utils import get_environ_proxies
from urllib3 import BaseHTTPResponse, PoolManager, ProxyManager, make_headers
from urllib3.exceptions import HTTPError

from release_channels.serving import Tls

_IDLE = 900.0
_TIMEOUT = 60.0
_PIECE = 65536
_SMALL = 2**20
_CONNECTIONS = 8
# Source: RFC 9110, section 7.6.1: they are between two ends of a connection; `Host` is written anew.
_HOP_BY_HOP = ("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
# They are answered here.
_CONDITIONS = ("if-none-match", "if-modified-since", "if-range")
# What of a question decides about the answer.
_TELLING = ("Accept", "Accept-Encoding", "Authorization", "Range")


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the index: status, headers, and the body as it came; None is one that is not kept."""

    status: int
    headers: dict[str, str]
    body: bytes | None


@dataclass(slots=True)
class WayOut:
    """The proxy: where it listens, whom it reads from, and who was asked for in vain."""

    ways: Mapping[str, PoolManager]
    """By which connections each host is reached."""
    url: str = ""
    refused: list[str] = field(default_factory=list)
    """Each refused request as `METHOD host`."""
    _kept: dict[tuple[str, ...], _Answer] = field(default_factory=dict)
    _asking: dict[tuple[str, ...], threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def told(self) -> tuple[str, ...]:
        """Name what was refused, as other things that are not rehearsed are named."""
        return tuple(f"{one}: a way out of the rehearsal" for one in dict.fromkeys(self.refused))

    def small(self, method: str, url: str, headers: dict[str, str]) -> _Answer:
        """Give an answer that is at most 1 MiB, for which the index is asked once.

        Raises: HTTPError if it does not answer.
        """
        key = (method, url, *(headers.get(name, "") for name in _TELLING))
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # who asks at the same time waits for the one answer
            if key in self._kept:
                return self._kept[key]
            answer = _answer_of(self.ask(method, url, headers), method)
            if answer.status in (200, 206, 404):  # what the index could not answer is asked anew
                self._kept[key] = answer
            return answer

    def ask(self, method: str, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
        """Ask the index itself; the body is still to be read.

        Raises: HTTPError if it does not answer.
        """
        way = self.ways[urlsplit(url).hostname or ""]
        return way.request(
            method, url, headers=headers, redirect=False, timeout=_TIMEOUT, preload_content=False, decode_content=False
        )


def _answer_of(response: BaseHTTPResponse, method: str) -> _Answer:
    headers = _kept_headers(response)
    if method != "HEAD" and int(response.headers.get("Content-Length") or 0) > _SMALL:
        response.close()
        response.release_conn()
        return _Answer(response.status, headers, None)
    body = response.data
    if method == "HEAD":
        return _Answer(response.status, headers, body)
    if response.status == 200:
        # An index that does not say when a page has changed is helped out: who has it already need not read it again.
        headers.setdefault("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
    return _Answer(response.status, {**headers, "Content-Length": str(len(body))}, body)


def _kept_headers(response: BaseHTTPResponse) -> dict[str, str]:
    return {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}


@contextmanager
def open_way_out(hosts: Iterable[str], tls: Tls, authorities: Path) -> Iterator[WayOut]:
    """Let programs read from hosts while the block lasts; the certificate has to be for these.

    The way from here on is the user's own: through the proxies of this process's environment.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    trusted = ssl.create_default_context(cafile=str(authorities))  # read once, and not for each connection
    with _Server(("127.0.0.1", 0), _Reader) as server:
        server.way, server.tls = WayOut({host: _way_to(host, trusted) for host in hosts}), context
        server.way.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="way-out", daemon=True)
        thread.start()
        try:
            yield server.way
        finally:
            server.shutdown()
            thread.join()
            for pool in server.way.ways.values():
                pool.clear()


def _way_to(host: str, trusted: ssl.SSLContext) -> PoolManager:
    """Choose how a host is reached: behind a proxy of the user's environment through that."""
    proxy = get_environ_proxies(f"https://{host}").get("https")
    if not proxy:
        return PoolManager(maxsize=_CONNECTIONS, block=True, ssl_context=trusted)
    login = urlsplit(proxy).netloc.rpartition("@")[0]
    headers = make_headers(proxy_basic_auth=unquote(login)) if login else None
    return ProxyManager(proxy, maxsize=_CONNECTIONS, block=True, ssl_context=trusted, proxy_headers=headers)


class _Server(ThreadingHTTPServer):
    """A thread for each connection; one that is still open ends with its client, who is gone when the block ends."""

    request_queue_size = 128
    block_on_close = False
    way: WayOut
    tls: ssl.SSLContext

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a connection that breaks is told by the one who made it."""


class _Reader(BaseHTTPRequestHandler):
    """One connection of a program, which takes this for the host that it wants to reach.

    Source: RFC 9110, section 9.3.6 (CONNECT), and RFC 9112, section 3.2.2 (a request of plain HTTP to a proxy).
    """

    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    server: _Server
    origin = ""
    """The address that is played, once a program has asked to be led there."""

    def do_CONNECT(self) -> None:
        """Be the host that is asked for."""
        if self._is_open(urlsplit(f"//{self.path}").hostname):
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.origin = f"https://{self.path.removesuffix(':443')}"
            self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
            self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
            self.close_connection = False

    def do_GET(self) -> None:
        """Give what was read already, or read it."""
        url, way = f"{self.origin}{self.path}", self.server.way
        if not self._is_open(urlsplit(url).hostname):
            return
        headers = {name: value for name, value in self.headers.items() if _is_for_the_host(name)}
        try:
            answer = way.small(self.command, url, headers)
            if answer.body is None:
                self._pass_on(url, headers)
            else:
                self._tell(answer)
        except HTTPError as err:
            self._say(502, f"{urlsplit(url).hostname} cannot be reached: {err}")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Refuse to write."""
        self._refuse(urlsplit(f"{self.origin}{self.path}").hostname)

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

    def finish(self) -> None:
        """Close what took the place of the socket that the server closes."""
        super().finish()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def _is_open(self, host: str | None) -> bool:
        if host in self.server.way.ways:
            return True
        self._refuse(host)
        return False

    def _refuse(self, host: str | None) -> None:
        self.server.way.refused.append(f"{self.command} {host}")
        self.close_connection = True
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, _PIECE))):  # unread, it would cut the answer off
            left -= len(piece)
        self._say(403, "a rehearsal only reads, and only from the index that dependencies come from")

    def _say(self, status: int, said: str) -> None:
        self._tell(_Answer(status, {"Content-Type": "text/plain", "Content-Length": str(len(said))}, said.encode()))

    def _tell(self, answer: _Answer) -> None:
        etag = answer.headers.get("ETag")
        if answer.status == 200 and etag and self.headers.get("If-None-Match") == etag:
            self._begin(304, {name: value for name, value in answer.headers.items() if name != "Content-Length"})
            return
        self._begin(answer.status, answer.headers)
        self.wfile.write(answer.body or b"")

    def _pass_on(self, url: str, headers: dict[str, str]) -> None:
        """Pass an answer on piece by piece: it may be as big as a distribution is.

        Raises: HTTPError if there is none.
        """
        response = self.server.way.ask("GET", url, headers)
        self._begin(response.status, _kept_headers(response))
        for piece in response.stream(_PIECE, decode_content=False):
            self.wfile.write(piece)

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _is_for_the_host(name: str) -> bool:
    return name.lower() not in (*_HOP_BY_HOP, *_CONDITIONS) and not name.lower().startswith("proxy-")
