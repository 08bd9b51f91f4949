"""HTTP with limits: every response is bounded in size and total time, whatever the server sends."""

from __future__ import annotations

import http.client
import io
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry

if TYPE_CHECKING:
    from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass

_NEVER = float("inf")
_MOST_REDIRECTS = 5
# When the current request must have ended, on the monotonic clock; requests run in the thread that asks.
_deadline: ContextVar[float] = ContextVar("_deadline", default=_NEVER)

Hear = Callable[[requests.PreparedRequest, requests.Response], None]
_listeners: list[Hear] = []


@contextmanager
def listening(hear: Hear) -> Iterator[None]:
    """Call a function with each request and its answer, for as long as the block takes."""
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a response: its decompressed body in bytes, and the seconds from the request to the last byte."""

    size: int
    seconds: float


class TooLargeError(requests.RequestException):
    """A response body exceeds its size limit."""


def bounded_session(limits: Limits, retry: Retry | int = 0) -> requests.Session:
    """Create a session in which every response keeps the limits; a redirect counts as a response."""
    quiet_headers()
    session = requests.Session()
    session.max_redirects = _MOST_REDIRECTS
    for scheme in ("https://", "http://"):
        session.mount(scheme, BoundedAdapter(limits, max_retries=retry))
    return session


def quiet_headers() -> None:
    """Keep urllib3 from printing a traceback for a header without a colon, although the response can be read."""
    logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


class BoundedAdapter(HTTPAdapter):
    """A requests adapter that limits the size and the time of every response, retries included."""

    def __init__(self, limits: Limits, **options: Any) -> None:
        self._limits = limits
        super().__init__(**options)

    def init_poolmanager(self, *words: Any, **options: Any) -> None:
        """Create connection pools whose reads end at the deadline."""
        super().init_poolmanager(*words, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Create connection pools for a proxy; those for a SOCKS proxy keep the library's class."""
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager

    def send(self, request: requests.PreparedRequest, *words: Any, **options: Any) -> requests.Response:
        """Send a request and limit its response."""
        before = _deadline.set(time.monotonic() + self._limits.seconds)
        try:
            answer = super().send(request, *words, **options)
        finally:
            _deadline.reset(before)
        answer.raw = _BoundedBody(answer.raw, self._limits.size)
        for hear in _listeners:
            hear(request, answer)
        return answer


class _BoundedBody:
    """A body of urllib3's that stops at a size; requests reads nothing but its stream."""

    def __init__(self, body: Any, size: int) -> None:
        self._body, self._size = body, size

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def stream(self, *words: Any, **options: Any) -> Iterator[bytes]:
        size = 0
        for piece in self._body.stream(*words, **options):
            size += len(piece)
            if size > self._size:
                self._body.close()
                raise TooLargeError(f"the answer is larger than {self._size} bytes")
            yield piece


class _TimedReader(io.RawIOBase):
    """The bytes of a socket up to a deadline; a socket's own timeout begins again with every byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw, self._socket, self._deadline = raw, sock, deadline
        self._patience = sock.gettimeout() or _NEVER

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        seconds = min(self._patience, left)
        self._socket.settimeout(None if seconds == _NEVER else seconds)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *words: Any, **options: Any) -> None:
        super().__init__(sock, *words, **options)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), sock, _deadline.get()))


class _Connection(HTTPConnection):
    response_class = _TimedResponse


class _SecureConnection(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


GITHUB = Limits(16 * 2**20, 120.0)
_lock = threading.Lock()


@contextmanager
def bounded_github(limits: Limits = GITHUB) -> Iterator[None]:
    """Apply the limits to all GitHub clients created in the block; PyGithub sets its classes globally."""
    from github.Requester import Requester

    quiet_headers()
    with _lock:
        Requester.injectConnectionClasses(*_github_classes(limits))
        try:
            yield
        finally:
            Requester.resetConnectionClasses()


def bounded_connection(
    scheme: str, host: str, port: int | None, timeout: int, limits: Limits = GITHUB
) -> HTTPRequestsConnectionClass | HTTPSRequestsConnectionClass:
    """Create one connection for PyGithub that keeps the limits; `timeout` is in seconds."""
    plain, secure = _github_classes(limits)
    return (secure if scheme == "https" else plain)(host, port, timeout=timeout)


def _github_classes(limits: Limits) -> tuple[type[HTTPRequestsConnectionClass], type[HTTPSRequestsConnectionClass]]:
    from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass

    class Plain(HTTPRequestsConnectionClass):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.session.mount("http://", BoundedAdapter(limits, max_retries=self.retry))

    class Secure(HTTPSRequestsConnectionClass):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            self.session.mount("https://", BoundedAdapter(limits, max_retries=self.retry))

    return Plain, Secure
