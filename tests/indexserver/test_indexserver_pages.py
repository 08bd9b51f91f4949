"""The local index as clients see it: both page formats, files, the merged page, and a clean shutdown."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from packaging.utils import canonicalize_name
from pypi_simple import PyPISimple

from release_channels.adapters import process
from release_channels.adapters.distributions import sha256_of
from release_channels.errors import RefusedError
from release_channels.indexserver.pages import PageFile, best_match, project_page
from release_channels.indexserver.server import RunningIndex, serve
from release_channels.indexserver.upstream import Upstream
from tests.indexserver.servers import JSON, PLAIN, clean_env, make_tls, page, post
from tests.support.distributions import make_sdist, make_wheel

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

V1_HTML = "application/vnd.pypi.simple.v1+html"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[RunningIndex]:
    """A plain index with one release of demo-tool and one of other."""
    root = tmp_path / "root"
    make_wheel(root, PLAIN, requires_python=">=3.8,<4", scripts={"demo": "demo_tool:main"})
    make_sdist(root, PLAIN)
    make_wheel(root, PLAIN, name="other")
    with serve(root) as running:
        yield running


@pytest.mark.parametrize("accept", [JSON, V1_HTML, "text/html"])
def test_every_page_format_contains_the_same_data(index: RunningIndex, tmp_path: Path, accept: str) -> None:
    """Names, URLs, digests, Python versions and metadata."""
    with PyPISimple(index.simple_url, accept=accept) as client:
        packages = client.get_project_page("demo-tool").packages
        wheel, sdist = packages
        client.download_package(wheel, tmp_path / "copy", progress=_quiet)
        assert b"Name: demo-tool" in client.get_package_metadata_bytes(wheel)
        assert list(client.get_index_page().projects) == ["demo-tool", "other"]
    assert (wheel.filename, sdist.filename) == ("demo_tool-1.0.0-py3-none-any.whl", "demo_tool-1.0.0.tar.gz")
    assert wheel.digests == {"sha256": sha256_of(tmp_path / "root" / wheel.filename)}
    assert (wheel.requires_python, wheel.has_metadata, sdist.requires_python) == (">=3.8,<4", True, None)
    if accept == JSON:
        stat = (tmp_path / "root" / wheel.filename).stat()
        assert wheel.upload_time is not None
        assert wheel.upload_time.timestamp() == pytest.approx(stat.st_mtime, abs=1e-3)
        assert wheel.size == stat.st_size


def _quiet(_size: int | None) -> _Progress:
    return _Progress()


class _Progress:
    """A progress bar that shows nothing."""

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        return None

    def update(self, _increment: int) -> None:
        """Ignore progress."""


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/html"),
        ("*/*", "text/html"),
        ("image/png", "text/html"),
        (f"{JSON}, {V1_HTML}; q=0.1, text/html; q=0.01", JSON),
        (f"{JSON};q=0.2, {V1_HTML};q=0.9", V1_HTML),
        ("application/vnd.pypi.simple.latest+json", JSON),
    ],
)
def test_the_accept_header_selects_the_page_format(index: RunningIndex, accept: str, content_type: str) -> None:
    """By weight; HTML without a header; no page is cached without revalidation."""
    answer = requests.get(f"{index.simple_url}demo-tool/", headers={"Accept": accept}, timeout=20)
    assert answer.headers["Content-Type"].partition(";")[0] == content_type
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-cache", "Accept")


def test_unknown_paths_are_404(index: RunningIndex) -> None:
    """Projects, files, metadata, and the upload path for reading."""
    for path in ("simple/nothing/", "files/nothing.whl", "files/..%2Fx.whl", "files/demo_tool-1.0.0.tar.gz.metadata"):
        assert requests.get(f"{index.url}/{path}", timeout=20).status_code == 404
    assert requests.post(index.simple_url, timeout=20).status_code == 405


def test_project_names_are_normalized(index: RunningIndex) -> None:
    answer = requests.get(f"{index.simple_url}Demo_Tool", timeout=20)
    assert (answer.status_code, answer.url) == (200, f"{index.simple_url}demo-tool/")


def test_foreign_text_is_escaped_in_html() -> None:
    file = PageFile('x">.whl', "u?a=1&b", hashes={"sha256": "0"}, requires_python="<4", yanked='bad "one" <b>')
    html = project_page(canonicalize_name("demo-tool"), [file], "text/html")
    assert (
        '<a href="u?a=1&amp;b#sha256=0" data-requires-python="&lt;4" data-yanked="bad &quot;one&quot; &lt;b&gt;">'
        "x&quot;&gt;.whl</a>"
    ) in html
    assert 'content="1.0"' in html


def test_range_and_conditional_requests_of_files_work(index: RunningIndex, tmp_path: Path) -> None:
    """And HEAD."""
    path = tmp_path / "root" / "demo_tool-1.0.0-py3-none-any.whl"
    url = f"{index.url}/files/{path.name}"
    part = requests.get(url, headers={"Range": "bytes=2-9"}, timeout=20)
    assert (part.status_code, part.content) == (206, path.read_bytes()[2:10])
    assert requests.get(url, headers={"Range": "bytes=999999-"}, timeout=20).status_code == 416
    assert requests.get(url, headers={"If-None-Match": part.headers["ETag"]}, timeout=20).status_code == 304
    head = requests.head(url, timeout=20)
    assert (head.status_code, int(head.headers["Content-Length"])) == (200, path.stat().st_size)


def test_pip_and_uv_install_from_the_merged_index(index: RunningIndex, tmp_path: Path) -> None:
    """The project from here and its dependencies from upstream, also with a cut-off date."""
    make_wheel(tmp_path / "local", PLAIN, version="1.1.0", requires=["other"])
    tomorrow = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 86400))
    env = clean_env({"PIP_CONFIG_FILE": os.devnull, "UV_CACHE_DIR": str(tmp_path / "cache")})
    with serve(tmp_path / "local", project="demo-tool", upstream=index.simple_url) as merged:
        pip = [sys.executable, "-m", "pip", "install", "--no-cache-dir", "--disable-pip-version-check"]
        uv = ["uv", "pip", "install", "--exclude-newer", tomorrow, "--python", sys.executable]
        for words, target in ((pip, tmp_path / "by-pip"), (uv, tmp_path / "by-uv")):
            process.run(
                *words, "--index-url", merged.simple_url, "--target", target, "demo-tool", cwd=tmp_path, env=env
            )
            assert {"demo_tool-1.1.0.dist-info", "other-1.0.0.dist-info"} <= {path.name for path in target.iterdir()}


def test_a_local_file_replaces_upstreams_of_the_same_name(index: RunningIndex, tmp_path: Path) -> None:
    """Upstream's other files stay, with absolute URLs."""
    local = make_wheel(tmp_path / "local", PLAIN, extra=["Keywords: local"])
    make_wheel(tmp_path / "local", PLAIN, version="1.1.0.dev1")
    with serve(tmp_path / "local", project="Demo.Tool", upstream=index.simple_url) as merged:
        shown = page(merged)
        files = {file["filename"]: file for file in shown["files"]}  # type: ignore[attr-defined]
        assert shown["versions"] == ["1.0.0", "1.1.0.dev1"]
        assert files[local.name]["hashes"]["sha256"] == sha256_of(local)
        sdist = files["demo_tool-1.0.0.tar.gz"]
        assert sdist["url"] == f"{index.url}/files/demo_tool-1.0.0.tar.gz"
        assert {"size", "upload-time", "hashes"} <= sdist.keys()
        elsewhere = requests.get(f"{merged.simple_url}Other/", allow_redirects=False, timeout=20)
        assert (elsewhere.status_code, elsewhere.headers["Location"]) == (302, f"{index.simple_url}other/")
        assert requests.get(f"{merged.own_url}other/", timeout=20).status_code == 404
        own = requests.get(f"{merged.own_url}demo-tool/", headers={"Accept": JSON}, timeout=20).json()
        assert own == page(merged)
        assert merged.warnings() == ()


def test_an_upstream_file_name_counts_as_taken(index: RunningIndex, tmp_path: Path) -> None:
    """Same bytes are accepted, other bytes refused, and nothing is stored."""
    same = tmp_path / "root" / "demo_tool-1.0.0-py3-none-any.whl"
    with serve(tmp_path / "local", project="demo-tool", upstream=index.simple_url) as merged:
        assert post(merged, same).status_code == 200
        assert post(merged, make_wheel(tmp_path, PLAIN)).reason.startswith("File already exists")
        assert not (tmp_path / "local").exists()


def test_without_upstream_other_projects_are_404(tmp_path: Path) -> None:
    make_wheel(tmp_path, PLAIN)
    make_wheel(tmp_path, PLAIN, name="other")
    with serve(tmp_path, project="demo-tool") as index:
        assert page(index)["versions"] == ["1.0.0"]
        assert page(index, "other") == {}


def test_a_failing_upstream_is_a_warning(tmp_path: Path) -> None:
    """Local files are still listed, and upstream is not queried for each page."""
    make_wheel(tmp_path, PLAIN)
    with serve(tmp_path / "none", wrap=_broken) as dead:
        with serve(tmp_path, project="demo-tool", upstream=dead.simple_url) as index:
            assert [page(index)["versions"] for _ in range(3)] == [["1.0.0"]] * 3
            assert len(index.warnings()) == 1
            assert "the upstream index did not answer (" in index.warnings()[0]
            assert "): only local files are considered" in index.warnings()[0]
        assert dead.requests == ("GET /simple/demo-tool/ 503",)


@pytest.mark.parametrize("accept", [JSON, V1_HTML])
def test_upstream_file_data_is_kept_in_the_merged_page(tmp_path: Path, accept: str) -> None:
    """Yanked reasons, digests, Python versions and metadata."""
    known = {"url": "https://files.example/x", "hashes": {"sha256": "a" * 64}, "version": "0.9", "size": 7}
    files = [
        PageFile("demo_tool-0.9.tar.gz", yanked="bad & old", requires_python="<4", **known),  # type: ignore[arg-type]
        PageFile("demo_tool-0.9-py3-none-any.whl", yanked="", metadata={"sha256": "b" * 64}, **known),  # type: ignore[arg-type]
    ]
    upstream = _canned(project_page(canonicalize_name("demo-tool"), files, JSON))
    with (
        serve(tmp_path / "none", wrap=upstream) as above,
        serve(tmp_path, project="demo-tool", upstream=above.simple_url) as index,
        PyPISimple(index.simple_url, accept=accept) as client,
    ):
        wheel, sdist = client.get_project_page("demo-tool").packages
    assert (wheel.is_yanked, sdist.is_yanked, sdist.yanked_reason) == (True, True, "bad & old")
    assert (wheel.metadata_digests, sdist.requires_python) == ({"sha256": "b" * 64}, "<4")
    assert (wheel.url, wheel.digests) == ("https://files.example/x", {"sha256": "a" * 64})


def test_upstream_pages_are_cached_for_a_minute(index: RunningIndex) -> None:
    times = iter([0.0, 59.0, 60.0])
    upstream = Upstream(index.simple_url, canonicalize_name("demo-tool"), clock=lambda: next(times))
    assert [len(upstream.files()) for _ in range(3)] == [2, 2, 2]
    assert index.requests.count("GET /simple/demo-tool/ 200") == 2


def _canned(body: str) -> Callable[[WSGIApplication], WSGIApplication]:
    def answer(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", JSON), ("Content-Length", str(len(body)))])
        return [body.encode()]

    return lambda _app: answer


def _broken(_app: WSGIApplication) -> WSGIApplication:
    def answer(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("503 Service Unavailable", [("Content-Length", "0")])
        return []

    return answer


def test_an_unexpected_error_is_a_plain_500(tmp_path: Path) -> None:
    """The client gets no traceback; the owner gets the reason."""
    (tmp_path / "root").write_text("")
    with serve(tmp_path / "root") as index:
        answer = requests.get(f"{index.simple_url}x/", timeout=20)
        assert (answer.status_code, "Traceback" in answer.text) == (500, False)
        assert "NotADirectoryError" in index.warnings()[0]


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "TLS"])
def test_repeated_starts_leave_no_thread_or_descriptor(tmp_path: Path, secure: bool) -> None:
    """Each ends by an error with a connection still open."""
    tls, ca = make_tls(tmp_path)

    def fail_inside() -> None:
        with serve(tmp_path, tls=tls if secure else None) as index, requests.Session() as client:
            addresses.append(index.simple_url)
            client.get(index.simple_url, timeout=20, verify=str(ca))
            raise KeyError

    addresses: list[str] = []
    before = _descriptors(), threading.active_count()
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(KeyError):
            fail_inside()
    assert time.monotonic() - began < 20  # a server that waited for its clients would take 5 x 5 seconds
    ends = time.monotonic() + 2
    while threading.active_count() > before[1] and time.monotonic() < ends:
        time.sleep(0.01)
    assert (_descriptors(), threading.active_count()) == before
    with pytest.raises(requests.ConnectionError):
        requests.get(addresses[-1], timeout=5)


def _descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with serve(tmp_path) as index:
        second = serve(tmp_path, port=int(index.url.rpartition(":")[2]))
        with pytest.raises(RefusedError, match="cannot listen on port"):
            second.__enter__()


SLOW = """
import sys
from pathlib import Path
from release_channels.indexserver.app import IndexApp
import release_channels.indexserver.server

environ = {"PATH_INFO": "/simple/demo-tool/", "REQUEST_METHOD": "GET"}
answer = IndexApp(Path(sys.argv[1]), project="demo-tool")(environ, lambda status, headers: print(status))
print(sorted({"pypi_simple", "werkzeug", "requests"} & sys.modules.keys()), len(b"".join(answer)) > 100)
"""


def test_a_page_is_served_without_slow_imports(tmp_path: Path) -> None:
    """The upstream client and werkzeug are imported only where they are used."""
    make_wheel(tmp_path, PLAIN)
    text = process.run(sys.executable, "-c", SLOW, tmp_path, cwd=tmp_path)
    assert text.splitlines() == ["200 OK", "[] True"]


KINDS = ("text/html", JSON, V1_HTML)
WANTS: dict[str, tuple[str, str]] = {
    "nothing": ("", "the default"),
    "anything": ("*/*", "text/html"),
    "anything of a kind": ("application/*", JSON),
    "something else": ("image/png", "the default"),
    "one": (V1_HTML, V1_HTML),
    "one, in capitals": (V1_HTML.upper(), V1_HTML),
    "one before anything": (f"*/*, {V1_HTML}", V1_HTML),
    "one before its range": (f"application/*, {V1_HTML}", V1_HTML),
    "the better one": (f"text/html;q=0.1, {V1_HTML};q=0.2, {JSON}", JSON),
    "the first of equals": (f"{V1_HTML}, {JSON}", JSON),
    "none of one": (f"text/html;q=0, {JSON};q=0.001", JSON),
    "none at all": ("*/*;q=0", "the default"),
    "another parameter": (f"text/html;level=1;q=0.5, {JSON};q=0.4", "text/html"),
    "no number": (f"text/html;q=much, {JSON};q=0.1", JSON),
    "a browser's": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
}


@pytest.mark.parametrize(("accept", "kind"), WANTS.values(), ids=WANTS)
def test_content_negotiation_follows_weight_then_specificity(accept: str, kind: str) -> None:
    """Then our own order."""
    assert best_match(accept, KINDS, "the default") == kind


def test_head_has_no_body_and_405_lists_the_allowed_methods(index: RunningIndex) -> None:
    """For pages and files."""
    head = requests.head(f"{index.simple_url}demo-tool/", timeout=20)
    assert (head.status_code, head.content, int(head.headers["Content-Length"]) > 100) == (200, b"", True)
    wrong = requests.post(index.simple_url, timeout=20)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET")
    assert requests.get(index.upload_url, timeout=20).status_code == 405
