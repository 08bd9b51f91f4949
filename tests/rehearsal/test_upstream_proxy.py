"""The proxy of a rehearsal: it reads from the hosts that it was told of, asks once, and lets nobody write."""

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
class Host:
    """An index that says neither when its pages change nor how long they hold, and notes what it is asked."""

    status: str = "200 OK"
    headers: list[str] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterator[bytes]:
        """Answer with what was asked for."""
        self.headers.append(environ.get("HTTP_USER_AGENT", ""))
        path = environ["PATH_INFO"]
        body = f"{path} {environ.get('HTTP_RANGE', '')}".encode() if path in _SMALL else _BIG
        length = [] if path == "/stream" else [("Content-Length", str(len(body)))]
        kind = "text/html" if path in (*_SMALL, "/simple/big/") else "application/octet-stream"
        start_response(self.status, [("Content-Type", kind), *length, *self.says.items()])
        yield body


@dataclass(frozen=True)
class World:
    """A host, a proxy that leads there, and a client who knows no other way."""

    host: Host
    served: Served
    way: ReadOnlyProxy
    client: requests.Session

    def get(self, path: str, **headers: str) -> requests.Response:
        """Read through the proxy."""
        return self.client.get(f"{self.served.url}{path}", headers=headers, timeout=10)


@pytest.fixture
def trust(tmp_path: Path) -> tuple[Tls, Path]:
    """A certificate for this machine, and who vouches for it."""
    return make_certificates(tmp_path, {})


@pytest.fixture
def world(offline: None, trust: tuple[Tls, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A host over TLS behind the proxy; nobody's environment names another."""
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    tls, bundle = trust
    host = Host()
    with (
        serve_wsgi(host, "a host", tls=tls) as served,
        open_upstream_proxy({"localhost"}, tls, bundle) as way,
        _client(way, bundle) as client,
    ):
        yield World(host, served, way, client)


@contextmanager
def _client(way: ReadOnlyProxy, bundle: Path) -> Iterator[requests.Session]:
    with requests.Session() as client:
        client.trust_env, client.verify = False, str(bundle)
        client.proxies = {"https": way.url, "http": way.url}
        yield client


def test_the_host_is_asked_once_also_by_many_at_once(world: World) -> None:
    """All get what it said, and who has it already is unknown again."""
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
def test_who_has_a_big_wheel_does_not_get_it_again(world: World, trust: tuple[Tls, Path], method: str) -> None:
    """Each job would unpack it again, and uv keep it each time; also another rehearsal says that it is the same."""
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


def test_of_what_may_change_nothing_is_said_without_its_bytes(world: World) -> None:
    """A page that is too big to be kept is read again, and so is what says nothing of its length."""
    assert "ETag" not in world.client.head(f"{world.served.url}/simple/demo/", timeout=10).headers
    assert "ETag" not in world.get("/big").headers
    assert "ETag" not in world.get("/stream").headers


def test_what_is_asked_differently_is_another_question(world: World) -> None:
    """A part is not the whole, and one form of a page not the other."""
    assert world.get("/file", Range="bytes=0-1").text == "/file bytes=0-1"
    assert world.get("/file", range="bytes=5-9").text == "/file bytes=5-9"  # how a name is written says nothing
    assert world.get("/file").text == "/file "
    assert world.get("/file", Accept="application/json").status_code == 200
    assert len(world.served.requests) == 4


def test_big_files_pass_whole_and_are_not_kept(world: World) -> None:
    """A distribution may be larger than anybody wants to hold; the next one on the connection comes, too."""
    assert world.get("/big").content == _BIG
    assert world.get("/big").content == _BIG
    assert world.get("/small").text == "/small "
    assert world.client.head(f"{world.served.url}/big", timeout=10).headers["Content-Length"] == str(len(_BIG))


def test_a_big_page_is_asked_for_once_too(world: World) -> None:
    """Each job reads the pages of the same projects, and some of these have very many files."""
    assert [world.get("/simple/big/").content for _ in range(2)] == [_BIG, _BIG]
    assert world.served.requests == ("GET /simple/big/ 200",)


def test_how_long_an_answer_holds_is_said_by_the_index_alone(world: World) -> None:
    """The caches of uv and pip are the user's, and go on after a rehearsal."""
    assert "Cache-Control" not in world.get("/simple/demo/").headers
    world.host.says = {"Cache-Control": "max-age=600"}
    assert world.get("/small").headers["Cache-Control"] == "max-age=600"


def test_a_stream_without_an_end_in_sight_passes_whole_too(world: World) -> None:
    """Some indexes do not say how long an answer is; the connection goes on after it."""
    assert world.get("/stream").content == _BIG
    assert world.get("/small").text == "/small "
    assert world.served.requests == ("GET /stream 200", "GET /small 200")


def test_who_hangs_up_takes_nothing_along(world: World) -> None:
    """An installer that fails breaks off all that it is downloading, and the next one is served."""
    for _ in range(20):
        with world.client.get(f"{world.served.url}/big", stream=True, timeout=10) as response:
            assert response.raw.read(10) == _BIG[:10]
    assert world.get("/small").text == "/small "
    assert world.get("/big").content == _BIG


class _BreaksOff(socketserver.StreamRequestHandler):
    """Promises three megabytes, sends two, and is gone."""

    def handle(self) -> None:
        """Answer one request."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BIG) + _BIG[: 2 * 2**20])


class _Hesitates(socketserver.StreamRequestHandler):
    """Sends two of three megabytes, and the third when it is told to."""

    intermediate = threading.Event()

    def handle(self) -> None:
        """Answer one request."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_BIG) + _BIG[: 2 * 2**20])
        self.intermediate.wait(20)
        self.wfile.write(_BIG[2 * 2**20 :])


def test_a_big_file_is_passed_on_as_it_comes(world: World) -> None:
    """Who waits for a large wheel on a slow line would give up if nothing came until all of it is there."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Hesitates) as there:
        thread = threading.Thread(target=there.handle_request)
        thread.start()
        address = f"http://localhost:{there.server_address[1]}/big"
        with world.client.get(address, stream=True, timeout=5) as response:
            assert response.raw.read(2**20) == _BIG[: 2**20]
            _Hesitates.intermediate.set()
            assert response.raw.read() == _BIG[2**20 :]
        thread.join()


def test_what_breaks_off_there_breaks_off_here(world: World) -> None:
    """Nothing is said in the place of bytes that are missing."""
    with socketserver.TCPServer(("127.0.0.1", 0), _BreaksOff) as there:
        thread = threading.Thread(target=there.handle_request)
        thread.start()
        with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
            world.client.get(f"http://localhost:{there.server_address[1]}/big", timeout=10)
        thread.join()
    assert world.get("/small").text == "/small "


def test_what_the_host_could_not_answer_is_asked_anew(world: World) -> None:
    """An outage is not remembered; that something is not there is."""
    world.host.status = "503 Service Unavailable"
    assert [world.get("/a").status_code for _ in range(2)] == [503, 503]
    assert world.served.requests == ("GET /a 503", "GET /a 503")
    world.host.status = "404 Not Found"
    assert [world.get("/a").status_code for _ in range(2)] == [404, 404]
    assert len(world.served.requests) == 3


def test_nobody_writes_and_nobody_gets_elsewhere(world: World) -> None:
    """Another host is not asked at all, over TLS or without; what is not a reading does not get through."""
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
def test_an_address_that_can_be_read_in_two_ways_is_refused(world: World, line: str) -> None:
    """What one parser takes for a login another takes for the host."""
    with serve_wsgi(world.host, "elsewhere") as elsewhere:
        proxy, port = urlsplit(world.way.url), urlsplit(elsewhere.url).port
        with socket.create_connection((proxy.hostname or "", proxy.port or 0), timeout=10) as client:
            client.sendall(f"{line.format(port=port)}\r\n\r\n".encode())
            assert b" 403 " in client.recv(1000).splitlines()[0]
        assert elsewhere.requests == world.served.requests == ()


def test_a_host_that_is_gone_is_named(world: World) -> None:
    """The client learns that it was not the proxy."""
    assert world.client.get("https://localhost:9/a", timeout=10).status_code == 502
    assert world.client.head("https://localhost:9/a", timeout=10).status_code == 502
    assert "localhost cannot be reached" in world.client.get("https://localhost:9/a", timeout=10).text


def test_plain_http_is_read_too(world: World) -> None:
    """An index of one's own may have no TLS."""
    with serve_wsgi(world.host, "a plain host") as plain:
        address = plain.url.replace("127.0.0.1", "localhost")
        assert world.client.get(f"{address}/simple/", timeout=10).text == "/simple/ "
        assert plain.requests == ("GET /simple/ 200",)


def test_the_way_goes_on_through_the_users_own_proxy(
    world: World, trust: tuple[Tls, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a company's proxy there is no other way; one that does not let through is told as such."""
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


def test_a_proxy_of_another_kind_is_refused_before_anything_begins(
    offline: None, trust: tuple[Tls, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password in its address is not shown."""
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


def test_uv_and_pip_install_through_it_and_cannot_upload(
    offline: None, tmp_path: Path, trust: tuple[Tls, Path]
) -> None:
    """The real clients trust the proxy alone, and take it for the index; an upload is refused, and nothing moved."""
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
