"""Every HTTP reader raises a specific error on a hostile answer, within small limits of time and size."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import github
import pytest
from packaging.utils import canonicalize_name
from requests import RequestException

from release_channels.adapters.bounded_http import Limits, bounded_github
from release_channels.adapters.github import Pauses, connect
from release_channels.adapters.github.client import GitHub
from release_channels.adapters.github.errors import RetryingClient
from release_channels.adapters.github.transfer import fetch_archive
from release_channels.adapters.index import (
    Credentials,
    Index,
    fetch_file,
    fetch_metadata,
    fetch_provenance,
    read_index,
)
from release_channels.adapters.oidc import PublisherRejected, TokenExchange, fetch_identity
from release_channels.errors import RefusedError, ReleaseError, UnansweredError
from release_channels.gate.llm_client import open_model
from release_channels.gate.providers import PROVIDERS, provider_statuses
from release_channels.indexserver.upstream import Upstream
from release_channels.model.github import Artifact
from release_channels.model.observed import IndexFile
from tests.indexserver.servers import make_tls
from tests.support.hostile import ENDLESS, HOSTILE, NONSENSE, SLOW, HostileServer, complete, serve_hostile

PATIENCE = 0.1
SECONDS = 60
PAGE = b'{"meta": {"api-version": "1.1"}, "name": "demo-tool", "files": [], "versions": []}'


@pytest.fixture(scope="module")
def secure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostileServer, Path]]:
    """The same server with TLS, which identities require, and its CA file."""
    tls, authority = make_tls(tmp_path_factory.mktemp("tls"))
    with serve_hostile(tls) as running:
        yield running, authority


@pytest.fixture(scope="module")
def server() -> Iterator[HostileServer]:
    """One server for all tests of this file."""
    with serve_hostile() as running:
        yield running


def _index(url: str) -> Index:
    return Index("hostile", f"{url}/simple/", f"{url}/legacy/", Credentials.NONE, patience=PATIENCE)


def _file(url: str) -> IndexFile:
    name = "demo_tool-1.0.tar.gz"
    return IndexFile(name, f"{url}/{name}", sha256="0" * 64, size=10_000, provenance_url=f"{url}/provenance")


def _read_index(url: str, _: Path) -> None:
    with pytest.raises(UnansweredError, match="the index hostile did not answer: "):
        read_index(_index(url), "demo-tool")


def _fetch_metadata(url: str, _: Path) -> None:
    fetched = fetch_metadata(_index(url), _file(url))
    assert fetched is None or len(fetched) < 2**23  # whatever it says is parsed elsewhere


def _fetch_file(url: str, directory: Path) -> None:
    assert fetch_file(_index(url), _file(url), directory, seconds=4 * PATIENCE) is None
    assert not any(directory.iterdir())


def _fetch_provenance(url: str, _: Path) -> None:
    fetched = fetch_provenance(_index(url), _file(url))
    assert fetched is None or len(fetched) < 1000


def _upstream(url: str, _: Path) -> None:
    upstream = Upstream(f"{url}/simple/", canonicalize_name("demo-tool"), patience=PATIENCE)
    assert upstream.files() == ()
    assert "the upstream index did not answer" in upstream.warnings()[0]


def _identity(url: str, _: Path) -> None:
    env = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "SECRET"}
    with pytest.raises(UnansweredError, match="GitHub ") as stop:
        fetch_identity(env, "testpypi", rehearsal=True, patience=PATIENCE)
    assert "SECRET" not in str(stop.value)


def _github(url: str, _: Path) -> None:
    client = connect("acme/demo", {"GITHUB_API_URL": url, "GH_TOKEN": "SECRET"}, pauses=Pauses(reads=(), writes=0))
    with client, pytest.raises(RefusedError, match="GitHub") as stop:
        client.run(1)
    assert "SECRET" not in str(stop.value)


def _github_soon(url: str, _: Path) -> None:
    with bounded_github(Limits(2**20, 4 * PATIENCE)):
        api = github.Github(base_url=url, timeout=5, retry=None, lazy=True)
    answers = RetryingClient("127.0.0.1", "acme/demo", None, (), time.sleep, time.time)
    with (
        GitHub(api, "acme/demo", answers, url) as client,
        pytest.raises(UnansweredError, match=r"did not answer|failed"),
    ):
        client.run(1)


def _archive(url: str, directory: Path) -> None:
    artifact = Artifact(1, "dist", 10, False, "0" * 64)
    with pytest.raises((RequestException, ReleaseError)):
        fetch_archive(url, artifact, directory / "x.zip", 2**20, seconds=4 * PATIENCE)
    assert not any(directory.iterdir())


def _model(url: str, _: Path) -> None:
    env = {"OPENAI_API_KEY": "SECRET-key", "OPENAI_BASE_URL": url}
    configured = next(one.configured for one in provider_statuses(PROVIDERS, env) if one.configured)
    with open_model(configured, env, pause=0) as model, pytest.raises(ReleaseError) as stop:
        model.complete([], seconds=1, tokens=1)
    assert "SECRET" not in str(stop.value)


def _audience(url: str, _: Path) -> None:
    with pytest.raises((UnansweredError, PublisherRejected)):  # a 403 says that it is switched off
        TokenExchange(_index(url)).audience()


def _mint(url: str, _: Path) -> None:
    with pytest.raises(ReleaseError) as stop:  # a 403 is a refusal, in the index's own words
        TokenExchange(_index(url)).mint("SECRET")
    assert "SECRET" not in str(stop.value)


Reader = Callable[[str, Path], None]
READERS: dict[str, Reader] = {
    "index": _read_index, "metadata": _fetch_metadata, "file": _fetch_file, "provenance": _fetch_provenance,
    "upstream": _upstream, "identity": _identity, "GitHub": _github, "artifact": _archive, "model": _model,
}  # fmt: skip
_ERRORS = ("endless error", "slow error")
# These wait as long as the client's own settings say, which is a minute: the class below is given less.
_PATIENT = {("GitHub", name) for name in SLOW}
# One function makes the clients of all four, and it waits between tries.
_BUSY = {(reader, name) for reader in ("metadata", "file", "provenance") for name in ("late, says 1e400", *_ERRORS)}
CASES = [
    *((reader, name) for reader in READERS for name in HOSTILE if (reader, name) not in _PATIENT | _BUSY),
    *(("GitHub, soon", name) for name in SLOW),
]
# Each answer comes to one reader with every push, each reader gets several; `--all` brings each to every reader.
_READERS_OF = {name: [reader for reader, other in CASES if other == name] for name in HOSTILE}
_FIRST = {(those[number % len(those)], name) for number, (name, those) in enumerate(_READERS_OF.items())}
READERS["GitHub, soon"] = _github_soon
SECURE: dict[str, Reader] = {"audience": _audience, "mint": _mint}


@pytest.mark.parametrize(
    ("reader", "name"),
    [
        pytest.param(*case, id=f"{case[0]}, {case[1]}", marks=() if case in _FIRST else pytest.mark.full)
        for case in CASES
    ],
)
def test_a_hostile_answer_is_refused(
    server: HostileServer, offline: None, tmp_path: Path, reader: str, name: str
) -> None:
    """Endless, slow, deeply nested, too long or malformed: no reader waits or reads it all."""
    server.answer = HOSTILE[name]
    began = time.monotonic()
    READERS[reader](server.url, tmp_path)
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("name", [*ENDLESS, "slow body", "slow headers", *NONSENSE])
@pytest.mark.parametrize("reader", SECURE)
def test_a_hostile_answer_over_tls_is_refused(
    secure_server: tuple[HostileServer, Path],
    offline: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reader: str,
    name: str,
) -> None:
    """The token exchange of Trusted Publishing."""
    server, authority = secure_server
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
    server.answer = HOSTILE[name]
    began = time.monotonic()
    SECURE[reader](server.url, tmp_path)
    assert time.monotonic() - began < SECONDS


def test_a_header_without_a_colon_is_ignored(
    server: HostileServer, offline: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The page is valid, and no traceback is logged."""
    server.answer = complete(PAGE, "application/vnd.pypi.simple.v1+json", "no colon here")
    with caplog.at_level(logging.WARNING):
        assert read_index(_index(server.url), "demo-tool").releases == {}
    assert caplog.records == []
