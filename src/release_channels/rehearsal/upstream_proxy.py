"""Read-only proxy on loopback to the index of dependencies, a rehearsal's only outbound connection.

It takes the place of that index towards the programs of a rehearsal, who trust its certificate, so that nothing can
be written there whatever goes wrong: what is not a reading, or is for another host, is refused here. Nearly all pages,
and small files, are fetched once: all jobs of a scenario see one state of them, and wait for each answer once.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from urllib.parse import unquote, urlsplit

from requests.utils import get_environ_proxies, prepend_scheme_if_needed, select_proxy
from urllib3 import BaseHTTPResponse, HTTPHeaderDict, PoolManager, ProxyManager, make_headers
from urllib3.exceptions import HTTPError, ProxySchemeUnknown

from release_channels.adapters.http_server import Tls
from release_channels.errors import RefusedError

_IDLE = 900.0
_TIMEOUT = 14.0
"""Seconds; below those after which pip and uv give up, so that they hear why. Both try again themselves."""
_PIECE = 65536
_SMALL = 2**20
_SMALL_PAGE = 2**22
"""Bytes; some projects' pages are of a few MiB, and every job wants them. Nothing is told before it is read whole."""
_PAGES = ("text/html", "application/vnd.pypi.simple.")
_AT_ONCE = 4
_CONNECTIONS = 64
"""To one host that may wait for their next use; urllib3 warns on the screen of each that it gives up."""
_HOST = r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:]+\])(?P<port>:[0-9]{1,5})?"
# One reading of an address, and a strict one: what another parser could take for another host is refused.
_CONNECT = re.compile(_HOST, re.ASCII)
_PLAIN = re.compile(rf"http://{_HOST}/[!-~]*", re.ASCII)
# Source: RFC 9110, section 7.6.1: they are between two ends of a connection; `Host` is written again.
_HOP_BY_HOP = ("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")
# They are answered here.
_CONDITIONS = ("if-none-match", "if-modified-since", "if-range")
# What of a question decides about the answer.
_TELLING = ("Accept", "Accept-Encoding", "Authorization", "Range")


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of the index: status, headers, and the body as it came, or its beginning and where the rest is."""

    status: int
    headers: HTTPHeaderDict
    body: bytes
    rest: BaseHTTPResponse | None = None


@dataclass(slots=True)
class ReadOnlyProxy:
    """The proxy: its URL, its upstream, and the refused hosts."""

    ways: Mapping[str, PoolManager]
    """By which connections each host is reached."""
    url: str = ""
    refused: list[str] = field(default_factory=list)
    """Each refused request as `METHOD host`."""
    _kept: dict[tuple[str, ...], Future[_Answer | None]] = field(default_factory=dict)
    _passed: dict[tuple[str, ...], _Answer] = field(default_factory=dict)
    """What was too big to be kept, without its body: clients get 304, and the index is not asked."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_AT_ONCE))
    """A burst of new connections would be one of questions for an address, of which a name server may drop some."""

    @property
    def refusals(self) -> tuple[str, ...]:
        """Return the refused requests, in the format of the not-rehearsed list."""
        return tuple(f"{one}: a connection out of the rehearsal" for one in dict.fromkeys(self.refused))

    def read(self, host: str, method: str, url: str, headers: HTTPHeaderDict, has: str = "") -> _Answer:
        """Return a response; if `has` is its ETag, without its body.

        It is one for which the index is asked once if it is at most 1 MiB, or a page of at most 4 MiB.

        Raises: HTTPError if it does not answer.
        """
        key = (method, url, *(headers.get(name, "") for name in _TELLING))
        with self._lock:
            passed = self._passed.get(key)
            if passed is not None and has == passed.headers["ETag"]:
                return passed
            known = self._kept.get(key)
            mine: Future[_Answer | None] = Future()
            if known is None:
                self._kept[key] = mine
        if known is not None:  # who asks at the same time waits for the one answer, or for why there is none
            return known.result() or self._ask(host, method, url, headers)
        try:
            answer = self._ask(host, method, url, headers)
        except BaseException as err:
            self._forget(key)
            mine.set_exception(err)
            raise
        if answer.rest is not None or answer.status not in (200, 206, 404):
            self._forget(key)  # what the index could not answer is asked again
        if answer.rest is not None and answer.status == 200 and "ETag" in answer.headers:
            with self._lock:
                self._passed[key] = replace(answer, body=b"", rest=None)
        mine.set_result(None if answer.rest is not None else answer)
        return answer

    def _forget(self, key: tuple[str, ...]) -> None:
        with self._lock:
            del self._kept[key]

    def _ask(self, host: str, method: str, url: str, headers: HTTPHeaderDict) -> _Answer:
        with self._asking:
            response = self.ways[host].request(
                method, url, headers=headers, redirect=False, retries=False, timeout=_TIMEOUT,
                preload_content=False, decode_content=False,
            )  # fmt: skip
        is_page = response.headers.get("Content-Type", "").startswith(_PAGES)
        most = _SMALL_PAGE if is_page else _SMALL
        body = b"".join(_pieces(response, most))
        text = HTTPHeaderDict()
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                text.add(name, value)
        is_whole = len(body) <= most and method != "HEAD"
        if response.status == 200 and "ETag" not in text and (tag := _tag_of(url, text, body if is_whole else None)):
            text["ETag"] = tag
        if len(body) > most:
            return _Answer(response.status, text, body, response)
        response.release_conn()
        if method != "HEAD":
            text["Content-Length"] = str(len(body))
        return _Answer(response.status, text, body)


def _tag_of(url: str, headers: HTTPHeaderDict, body: bytes | None) -> str:
    """Return an ETag for an unchanged file if the index sends none, so that clients can use their caches.

    Without the bytes it can be said of distributions alone: no other file gets the name that one has had.
    Source: PyPI's help, "Why am I getting a 'Filename or contents already exists' error?".
    """
    if body is not None:
        return f'"{hashlib.sha256(body).hexdigest()}"'
    is_distribution = urlsplit(url).path.endswith((".whl", ".tar.gz", ".zip"))
    known = f"{url} {headers['Content-Length']}" if is_distribution and "Content-Length" in headers else ""
    return f'"{hashlib.sha256(known.encode()).hexdigest()}"' if known else ""


def _pieces(response: BaseHTTPResponse, most: int = -1) -> Iterator[bytes]:
    """Read on until more than `most` bytes are there, or to the end."""
    size = 0
    while (most < 0 or size <= most) and (piece := response.read(_PIECE, decode_content=False)):
        size += len(piece)
        yield piece


@contextmanager
def open_upstream_proxy(hosts: Iterable[str], tls: Tls, authorities: Path) -> Iterator[ReadOnlyProxy]:
    """Serve a read-only proxy to hosts until the block ends; the certificate must cover them.

    Upstream requests use the proxies of this process's environment.

    Raises: RefusedError if the configured proxy cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    trusted = ssl.create_default_context(cafile=str(authorities))  # read once, and not for each connection
    with _Server(("127.0.0.1", 0), _Reader) as server:
        server.way, server.tls = ReadOnlyProxy({host: _way_to(host, trusted) for host in hosts}), context
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
    """Choose how a host is reached: behind a proxy of the user's environment through that.

    Raises: RefusedError for a proxy of a kind that cannot be gone through.
    """
    address = f"https://{host}"
    proxy = select_proxy(address, get_environ_proxies(address))
    if not proxy:
        return PoolManager(maxsize=_CONNECTIONS, ssl_context=trusted)
    proxy = prepend_scheme_if_needed(proxy, "http")
    login = urlsplit(proxy).netloc.rpartition("@")[0]
    headers = make_headers(proxy_basic_auth=unquote(login)) if login else None
    try:
        return ProxyManager(proxy, maxsize=_CONNECTIONS, ssl_context=trusted, proxy_headers=headers)
    except ProxySchemeUnknown as err:
        raise RefusedError(
            f"unsupported kind of proxy: {urlsplit(proxy).scheme}",
            hint="set HTTPS_PROXY to an http or https proxy, or add the index to NO_PROXY",
        ) from err


class _Server(ThreadingHTTPServer):
    """A thread for each connection; one that is still open ends with its client, who is gone when the block ends."""

    request_queue_size = 128
    block_on_close = False
    way: ReadOnlyProxy
    tls: ssl.SSLContext

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: the client reports a broken connection."""


class _Reader(BaseHTTPRequestHandler):
    """One connection of a program, which takes this for the host that it wants to reach.

    Source: RFC 9110, section 9.3.6 (CONNECT), and RFC 9112, section 3.2.2 (a request of plain HTTP to a proxy).
    """

    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    server: _Server
    origin = ""
    """The address that is played, once a program has asked to be led there."""
    host = ""

    def do_CONNECT(self) -> None:
        """Be the host that is asked for."""
        if self.origin or not self._is_open(_CONNECT):
            self._refuse()
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.origin = f"https://{self.path.removesuffix(':443')}"
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def do_GET(self) -> None:
        """Return what was read already, or read it."""
        has_body = self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers
        is_open = self.path.startswith("/") if self.origin else self._is_open(_PLAIN)
        if has_body or not is_open:
            self._refuse()
            return
        headers = HTTPHeaderDict((name, value) for name, value in self.headers.items() if _is_for_the_host(name))
        try:
            has = self.headers.get("If-None-Match", "")
            answer = self.server.way.read(self.host, self.command, f"{self.origin}{self.path}", headers, has)
        except HTTPError as err:
            self._say(502, f"{self.host} cannot be reached: {err}")
        else:
            self._tell(answer)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Refuse to write."""
        if not self.origin:
            self._is_open(_PLAIN)
        self._refuse()

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

    def finish(self) -> None:
        """Close what took the place of the socket that the server closes."""
        try:
            super().finish()
        finally:
            self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def _is_open(self, address: re.Pattern[str]) -> bool:
        """Read which host is asked for, and tell whether it is one of those."""
        found = address.fullmatch(self.path)
        self.host = found["host"].strip("[]").lower() if found else ""
        return self.host in self.server.way.ways

    def _refuse(self) -> None:
        self.server.way.refused.append(f"{self.command} {self.host}".strip())
        self.close_connection = True
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (piece := self.rfile.read(min(left, _PIECE))):  # unread, it could cut the answer off
            left -= len(piece)
        self._say(403, "a rehearsal only reads, and only from the index that dependencies come from")

    def _say(self, status: int, said: str) -> None:
        body = said.encode()
        headers = HTTPHeaderDict({"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body))})
        self._tell(_Answer(status, headers, body))

    def _tell(self, answer: _Answer) -> None:
        """Return an answer, a big one piece by piece; one that breaks off breaks the connection, too."""
        headers, etag = answer.headers, answer.headers.get("ETag")
        try:
            if answer.status == 200 and etag and self.headers.get("If-None-Match") == etag:
                self._begin(304, [(name, value) for name, value in headers.items() if name.lower() != "content-length"])
                return
            is_chunked = answer.rest is not None and "Content-Length" not in headers
            self._begin(answer.status, [*headers.items(), *([("Transfer-Encoding", "chunked")] * is_chunked)])
            if self.command == "HEAD":
                return
            for piece in chain((answer.body,), () if answer.rest is None else _pieces(answer.rest)):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            self.wfile.write(b"0\r\n\r\n" if is_chunked else b"")
        finally:
            if answer.rest is not None:
                answer.rest.close()
                answer.rest.release_conn()

    def _begin(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()


def _is_for_the_host(name: str) -> bool:
    return name.lower() not in (*_HOP_BY_HOP, *_CONDITIONS, "content-length") and not name.lower().startswith("proxy-")
