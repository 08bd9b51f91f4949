"""The attested publisher of a file: read from the index by the real client, and never guessed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.version import Version

from release_channels.adapters.attestations import AttestedPublisher, fetch_attested
from release_channels.adapters.index import Credentials, Index, read_index
from release_channels.indexserver.server import serve
from tests.support.distributions import make_wheel

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FILE = "demo_tool-1.2.0-py3-none-any.whl"
PUBLISHER = {
    "kind": "GitHub",
    "repository": "Acme/Demo",
    "workflow": "public-release.yml",
    "environment": "pypi-public",
}
GOOD = {"version": 1, "attestation_bundles": [{"publisher": PUBLISHER, "attestations": []}]}


def attesting(provenance: bytes | None) -> Callable[[WSGIApplication], WSGIApplication]:
    """Serve an index with this provenance for each file; None is a missing file."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/provenance":
                start_response("200 OK" if provenance is not None else "404 Not Found", [])
                return [provenance or b""]
            caught: dict[str, Any] = {}

            def started(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
                caught.update(status=status, headers=headers)
                return lambda _: None

            text = b"".join(app(environ, started))
            if environ["PATH_INFO"].startswith("/simple/") and text.startswith(b"{"):
                page = json.loads(text)
                for file in page["files"]:
                    file["provenance"] = f"http://{environ['HTTP_HOST']}/provenance"
                text = json.dumps(page).encode()
            kept = [(name, value) for name, value in caught["headers"] if name.lower() != "content-length"]
            start_response(caught["status"], kept)
            return [text]

        return answer

    return wrap


@pytest.mark.parametrize(
    ("provenance", "found"),
    [
        pytest.param(
            json.dumps(GOOD).encode(),
            AttestedPublisher(FILE, "Acme/Demo", "public-release.yml", "pypi-public"),
            id="GitHub",
        ),
        pytest.param(
            json.dumps({"attestation_bundles": [{"publisher": {**PUBLISHER, "environment": None}}]}).encode(),
            AttestedPublisher(FILE, "Acme/Demo", "public-release.yml", ""),
            id="no environment",
        ),
        pytest.param(
            json.dumps({"attestation_bundles": [{"publisher": {**PUBLISHER, "kind": "GitLab"}}]}).encode(),
            None,
            id="published elsewhere",
        ),
        pytest.param(b"{", None, id="no JSON"),
        pytest.param(b'{"attestation_bundles": 7}', None, id="another form"),
        pytest.param(None, None, id="not found"),
    ],
)
def test_the_attested_publisher_is_read_from_the_index(
    tmp_path: Path, offline: None, provenance: bytes | None, found: AttestedPublisher | None
) -> None:
    """A malformed one proves nothing."""
    make_wheel(tmp_path)
    with serve(tmp_path, wrap=attesting(provenance)) as running:
        index = Index("pypi", running.simple_url, running.upload_url, Credentials.NONE)
        (file,) = read_index(index, "demo-tool").releases[Version("1.2.0")]
        assert fetch_attested(index, file) == found
        assert found is None or found.values[0] == "acme/demo"


def test_a_file_without_an_attestation_has_no_publisher(tmp_path: Path, offline: None) -> None:
    """No request is sent."""
    make_wheel(tmp_path)
    with serve(tmp_path) as running:
        index = Index("pypi", running.simple_url, running.upload_url, Credentials.NONE)
        (file,) = read_index(index, "demo-tool").releases[Version("1.2.0")]
        assert fetch_attested(index, file) is None
