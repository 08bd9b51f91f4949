"""The proxy of a rehearsal: it reads from allowed hosts, each page once, and forwards no write."""

from __future__ import annotations

import os
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from release_channels.adapters.http_server import Served, Tls, serve_wsgi
from release_channels.errors import RefusedError
from release_channels.indexserver.server import serve
from release_channels.rehearsal.child_environment import make_certificates
from release_channels.rehearsal.upstream_proxy import ReadOnlyProxy, open_upstream_proxy
from tests.cli.screen import BIN
from tests.support.distributions import make_wheel

_BIG = os.urandom(3 * 2**20)
_SMALL = ("/a", "/file", "/small", "/simple/", "/simple/demo/")


@dataclass
class RecordingHost:
    """An index without cache headers that records its requests."""

    status: str = "200 OK"
    headers: list[str] = field(default_factory=list)
    reply_headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
        """Answer the request."""
        self.headers.append(environ.get("HTTP_USER_AGENT", ""))
        path = environ["PATH_INFO"]
        body = f"{path} {environ.get('HTTP_RANGE', '')}".encode() if path in _SMALL else _BIG
        length = [] if path == "/stream" else [("Content-Length", str(len(body)))]
        kind = "text/html" if path in (*_SMALL, "/simple/big/") else "application/octet-stream"
        start_response(self.status, [("Content-Type", kind), *length, *self.reply_headers.items()])
        yield body


@dataclass(frozen=True)
class ProxiedHost:
    """A host, a proxy for it, and a client of the proxy."""

    host: RecordingHost
    served: Served
    way: ReadOnlyProxy
    client: requests.Session

    def get(self, path: str, **headers: str) -> requests.Response:
        """Read through the proxy."""
        return self.client.get(f"{self.served.url}{path}", headers=headers, timeout=10)


@pytest.fixture
def trust(tmp_path: Path) -> tuple[Tls, Path]:
    """A certificate for this machine and its CA."""
    return make_certificates(tmp_path, {})


@pytest.fixture
def world(offline: None, trust: tuple[Tls, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[ProxiedHost]:
    """A TLS host behind the proxy, without another proxy in the environment."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    tls, bundle = trust
    host = RecordingHost()
    with (
        serve_wsgi(host, "a host", tls=tls) as served,
        open_upstream_proxy({"localhost"}, tls, bundle) as way,
        _client(way, bundle) as client,
    ):
        yield ProxiedHost(host, served, way, client)


@contextmanager
def _client(way: ReadOnlyProxy, bundle: Path) -> Iterator[requests.Session]:
    with requests.Session() as client:
        client.trust_env, client.verify = False, str(bundle)
        client.proxies = {"https": way.url, "http": way.url}
        yield client


def test_parallel_requests_reach_the_host_once(world: ProxiedHost) -> None:
    """All get the same answer, and a conditional request is answered from the cache."""
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: world.get("/simple/demo/", **{"User-Agent": "me"}).text, range(8)))
    assert {text.strip() for text in texts} == {"/simple/demo/"}
    assert world.served.requests == ("GET /simple/demo/ 200",)
    assert world.host.headers == ["me"]  # and not something of ours
    again = world.get("/simple/demo/", **{"User-Agent": "me"})
    known = world.get("/simple/demo/", **{"User-Agent": "me", "If-None-Match": again.headers["ETag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert len(world.served.requests) == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_cached_big_wheel_is_not_sent_again(world: ProxiedHost, trust: tuple[Tls, Path], method: str) -> None:
    """Also in a later rehearsal; otherwise each job would unpack it again."""
    url = f"{world.served.url}/demo-1.0-py3-none-any.whl"
    first = world.client.request(method, url, timeout=10)
    has = {"If-None-Match": first.headers["ETag"]}
    known = world.client.request(method, url, headers=has, timeout=10)
    assert (first.status_code, known.status_code, known.content) == (200, 304, b"")
    assert len(world.served.requests) == 1
    with open_upstream_proxy({"localhost"}, *trust) as way, _client(way, trust[1]) as client:
        assert client.request(method, url, headers=has, timeout=10).status_code == 304
        assert client.request(method, url, headers={"If-None-Match": '"another"'}, timeout=10).status_code == 200
        assert client.get(f"{world.served.url}/small", timeout=10).text == "/small "


def test_a_changeable_answer_has_no_etag(world: ProxiedHost) -> None:
    """A page, a file that is too big to store, and an answer of unknown length."""
    assert "ETag" not in world.client.head(f"{world.served.url}/simple/demo/", timeout=10).headers
    assert "ETag" not in world.get("/big").headers
    assert "ETag" not in world.get("/stream").headers


def test_ranges_and_formats_are_cached_separately(world: ProxiedHost) -> None:
    assert world.get("/file", Range="bytes=0-1").text == "/file bytes=0-1"
    assert world.get("/file", range="bytes=5-9").text == "/file bytes=5-9"  # how a name is written says nothing
    assert world.get("/file").text == "/file "
    assert world.get("/file", Accept="application/json").status_code == 200
    assert len(world.served.requests) == 4


def test_big_files_are_forwarded_and_not_cached(world: ProxiedHost) -> None:
    """The connection stays usable."""
    assert world.get("/big").content == _BIG
    assert world.get("/big").content == _BIG
    assert world.get("/small").text == "/small "
    assert world.client.head(f"{world.served.url}/big", timeout=10).headers["Content-Length"] == str(len(_BIG))


def test_a_big_page_is_cached(world: ProxiedHost) -> None:
    """Some projects have very many files."""
    assert [world.get("/simple/big/").content for _ in range(2)] == [_BIG, _BIG]
    assert world.served.requests == ("GET /simple/big/ 200",)


def test_cache_lifetimes_are_the_indexs_own(world: ProxiedHost) -> None:
    """The caches of uv and pip are the user's."""
    assert "Cache-Control" not in world.get("/simple/demo/").headers
    world.host.reply_headers = {"Cache-Control": "max-age=600"}
    assert world.get("/small").headers["Cache-Control"] == "max-age=600"


def test_an_answer_without_a_length_is_forwarded(world: ProxiedHost) -> None:
    """The connection stays usable."""
    assert world.get("/stream").content == _BIG
    assert world.get("/small").text == "/small "
    assert world.served.requests == ("GET /stream 200", "GET /small 200")


def test_a_client_that_disconnects_affects_no_other(world: ProxiedHost) -> None:
    """As a failing installer does."""
    for _ in range(20):
        with world.client.get(f"{world.served.url}/big", stream=True, timeout=10) as response:
            assert response.raw.read(10) == _BIG[:10]
    assert world.get("/small").text == "/small "
    assert world.get("/big").content == _BIG


class _Truncated(socketserver.StreamRequestHandler):
    """Announces three megabytes, sends two, and disconnects."""

    def handle(self) -> None:
        """Answer one request."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BIG) + _BIG[: 2 * 2**20])


class _Paused(socketserver.StreamRequestHandler):
    """Sends two of three megabytes, and the third when it is released."""

    intermediate = threading.Event()

    def handle(self) -> None:
        """Answer one request."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BIG) + _BIG[: 2 * 2**20])
        self.intermediate.wait(20)
        self.wfile.write(_BIG[2 * 2**20 :])


def test_a_big_file_is_forwarded_while_it_arrives(world: ProxiedHost) -> None:
    """A client on a slow line would time out otherwise."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Paused) as there:
        thread = threading.Thread(target=there.handle_request)
        thread.start()
        address = f"http://localhost:{there.server_address[1]}/big"
        with world.client.get(address, stream=True, timeout=5) as response:
            assert response.raw.read(2**20) == _BIG[: 2**20]
            _Paused.intermediate.set()
            assert response.raw.read() == _BIG[2**20 :]
        thread.join()


def test_a_truncated_answer_is_forwarded_truncated(world: ProxiedHost) -> None:
    """Missing bytes are not replaced."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Truncated) as there:
        thread = threading.Thread(target=there.handle_request)
        thread.start()
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
            world.client.get(f"http://localhost:{there.server_address[1]}/big", timeout=10)
        thread.join()
    assert world.get("/small").text == "/small "


def test_a_failed_answer_is_not_cached(world: ProxiedHost) -> None:
    """A 404 is."""
    world.host.status = "503 Service Unavailable"
    assert [world.get("/a").status_code for _ in range(2)] == [503, 503]
    assert world.served.requests == ("GET /a 503", "GET /a 503")
    world.host.status = "404 Not Found"
    assert [world.get("/a").status_code for _ in range(2)] == [404, 404]
    assert len(world.served.requests) == 3


def test_writes_and_other_hosts_are_refused(world: ProxiedHost) -> None:
    """With TLS and without."""
    with pytest.raises(requests.exceptions.ProxyError, match="403"):
        world.client.get("https://elsewhere.invalid/", timeout=10)
    assert world.client.get("http://elsewhere.invalid/", timeout=10).status_code == 403
    for method in ("POST", "PUT", "PATCH", "DELETE", "CONNECT"):
        answer = world.client.request(method, f"{world.served.url}/legacy/", data=b"x" * 5000, timeout=10)
        assert (answer.status_code, "only reads" in answer.text) == (403, True)
    assert world.served.requests == ()
    assert world.way.refused[:3] == ["CONNECT elsewhere.invalid", "GET elsewhere.invalid", "POST localhost"]
    assert world.way.refusals[0] == "CONNECT elsewhere.invalid: a connection out of the rehearsal"


@pytest.mark.parametrize(
    "line",
    [
        r"GET http://127.0.0.1:{port}\@localhost/ HTTP/1.1", "GET http://127.0.0.1:{port}@localhost/ HTTP/1.1",
        r"CONNECT 127.0.0.1:{port}\@localhost:443 HTTP/1.1", "CONNECT localhost/127.0.0.1:{port} HTTP/1.1",
        "GET ftp://localhost:{port}/ HTTP/1.1", "GET /simple/ HTTP/1.1",
    ],
)  # fmt: skip
def test_an_ambiguous_url_is_refused(world: ProxiedHost, line: str) -> None:
    """Its login for one parser is the host for another."""
    with serve_wsgi(world.host, "elsewhere") as elsewhere:
        proxy, port = urlsplit(world.way.url), urlsplit(elsewhere.url).port
        with socket.create_connection((proxy.hostname or "", proxy.port or 0), timeout=10) as client:
            client.sendall(f"{line.format(port=port)}\r\n\r\n".encode())
            assert b" 403 " in client.recv(1000).splitlines()[0]
        assert elsewhere.requests == world.served.requests == ()


def test_an_unreachable_host_is_reported(world: ProxiedHost) -> None:
    """As the cause, not the proxy."""
    assert world.client.get("https://localhost:9/a", timeout=10).status_code == 502
    assert world.client.head("https://localhost:9/a", timeout=10).status_code == 502
    assert "localhost cannot be reached" in world.client.get("https://localhost:9/a", timeout=10).text


def test_plain_http_is_forwarded(world: ProxiedHost) -> None:
    """An own index may have no TLS."""
    with serve_wsgi(world.host, "a plain host") as plain:
        address = plain.url.replace("127.0.0.1", "localhost")
        assert world.client.get(f"{address}/simple/", timeout=10).text == "/simple/ "
        assert plain.requests == ("GET /simple/ 200",)


def test_the_users_own_proxy_is_used(
    world: ProxiedHost, trust: tuple[Tls, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a company; its refusal is reported as such."""
    tls, bundle = trust
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("NO_PROXY", "")
    cases = (("https_proxy", "http://me:secret@", {"localhost"}, 200), ("all_proxy", "", {"localhost"}, 200),
             ("https_proxy", "", set[str](), 502))  # fmt: skip
    for name, login, hosts, status in cases:
        with open_upstream_proxy(hosts, tls, bundle) as outer:
            monkeypatch.setenv(name, outer.url.replace("http://", login))
            with open_upstream_proxy({"localhost"}, tls, bundle) as inner, _client(inner, bundle) as client:
                assert client.get(f"{world.served.url}/a", timeout=20).status_code == status
            monkeypatch.delenv(name)
    assert world.served.requests == ("GET /a 200",) * 2
    assert set(outer.refused) == {"CONNECT localhost"}


def test_an_unsupported_proxy_is_refused_first(
    offline: None, trust: tuple[Tls, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its password is not shown."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "socks5://me:secret@127.0.0.1:9")
    with (
        pytest.raises(RefusedError, match="unsupported kind of proxy: socks5") as stop,
        open_upstream_proxy({"localhost"}, *trust),
    ):
        pass
    assert "secret" not in f"{stop.value} {stop.value.hint}"


def test_uv_and_pip_install_through_the_proxy_but_cannot_upload(
    offline: None, tmp_path: Path, trust: tuple[Tls, Path]
) -> None:
    """The real clients trust only the proxy; nothing changes on the index."""
    tls, bundle = trust
    (tmp_path / "index").mkdir()
    own, vouches = make_certificates(tmp_path / "index", {})
    wheel = make_wheel(tmp_path / "index")
    name = wheel.name.partition("-")[0]
    with serve(tmp_path / "index", tls=own) as index, open_upstream_proxy({"localhost"}, tls, vouches) as way:
        env = dict(os.environ) | dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"), way.url)
        env |= dict.fromkeys(("NO_PROXY", "no_proxy"), "") | {"SSL_CERT_FILE": str(bundle), "PIP_CERT": str(bundle)}
        env |= {"UV_DEFAULT_INDEX": index.simple_url, "PIP_INDEX_URL": index.simple_url}
        (tmp_path / "wanted.in").write_text(name)
        words = ("pip", "compile", "--quiet", "--no-config", "--no-header", "wanted.in")
        compiled = subprocess.run(
            [BIN / "uv", *words], check=True, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True
        )
        assert compiled.stdout.startswith(f"{name.replace('_', '-')}==")
        download = ("-m", "pip", "download", "--quiet", "--no-deps", "--dest", "got", name)
        subprocess.run([BIN / "python", *download], check=True, cwd=tmp_path, env=env)
        assert (tmp_path / "got" / wheel.name).read_bytes() == wheel.read_bytes()
        assert way.refused == []
        before = sorted(path.name for path in (tmp_path / "index").iterdir())
        upload = ("publish", "--no-config", "--quiet", "--publish-url", index.upload_url, "--username", "a")
        sent = subprocess.run(
            [BIN / "uv", *upload, "--password", "b", wheel], cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True
        )
        assert sent.returncode != 0
        assert "403" in sent.stderr
        assert set(way.refused) == {"POST localhost"}
        assert sorted(path.name for path in (tmp_path / "index").iterdir()) == before
