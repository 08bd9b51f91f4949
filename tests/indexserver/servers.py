"""Helpers for tests of the local index: raw uploads, real uploads, and fingerprints of its state."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import requests
from packaging.utils import canonicalize_name
from werkzeug.test import Client

from release_channels.adapters import process
from release_channels.adapters.distributions import parse_file_name
from release_channels.indexserver.app import IndexApp
from release_channels.indexserver.server import RunningIndex, Tls
from tests.support.distributions import Recipe

# What the tests of the index upload: the least that a release has to say.
PLAIN = Recipe(version="1.0.0", requires_python=None, scripts={}, classifiers=())
JSON = "application/vnd.pypi.simple.v1+json"
UV = shutil.which("uv") or "uv"


def form_of(path: Path, **changes: str) -> dict[str, str]:
    """Build a client's form for a file; a change to an empty text removes the field."""
    name, version, kind = parse_file_name(path.name)
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": name,
        "version": str(version),
        "filetype": "sdist" if kind == "sdist" else "bdist_wheel",
        "sha256_digest": hashlib.sha256(path.read_bytes()).hexdigest(),
    } | changes
    return {key: value for key, value in fields.items() if value}


def post(
    index: RunningIndex,
    path: Path,
    fields: Mapping[str, str] | None = None,
    *,
    file_name: str | None = None,
    accept: str = "application/json",
    token: str | None = None,
) -> requests.Response:
    """Upload a file with a form of the test."""
    with path.open("rb") as content:
        return requests.post(
            index.upload_url,
            data=form_of(path) if fields is None else fields,
            files={"content": (file_name or path.name, content)},
            headers={"Accept": accept},
            auth=("__token__", token) if token else None,
            timeout=20,
        )


def post_in_process(
    app: IndexApp, path: Path, fields: Mapping[str, str] | None = None, *, token: str | None = None
) -> tuple[int, str]:
    """Upload a file without a server, and return the status with the reason in the status line."""
    with path.open("rb") as content:
        answer = Client(app).post(
            "/legacy/",
            data={**(form_of(path) if fields is None else fields), "content": (content, path.name)},
            headers={"Accept": "application/json"},
            auth=("__token__", token) if token else None,
        )
    reason = answer.status.partition(" ")[2]
    if answer.status_code != 200:
        title = "Forbidden" if answer.status_code == 403 else "Bad Request"
        assert answer.json == {"message": reason, "code": answer.status, "title": title}
    return answer.status_code, reason


def stored(root: Path, app: IndexApp) -> object:
    """Return every file on disk, hidden ones included, and the listing."""
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return root.exists(), files, app.listing(canonicalize_name("demo-tool"))


def distributions_in(root: Path) -> list[Path]:
    """List the stored distributions, without the index's own records."""
    return sorted(path for path in root.iterdir() if not path.name.startswith("."))


def page(index: RunningIndex, project: str = "demo-tool") -> dict[str, object]:
    """Read a project's page as JSON; an unknown project is an empty page."""
    answer = requests.get(f"{index.simple_url}{project}/", headers={"Accept": JSON}, timeout=20)
    if answer.status_code == 404:
        return {}
    content: dict[str, object] = answer.json()
    return content


def fingerprint(root: Path, index: RunningIndex) -> object:
    """Return every file on disk, hidden ones included, and the page."""
    files = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    return root.exists(), files, page(index)


def publish(index: RunningIndex, *paths: Path, env: Mapping[str, str] | None = None) -> str:
    """Upload with uv and return its output; CommandError if it failed."""
    login = ["--trusted-publishing", "always"] if env else ["--trusted-publishing", "never", "-u", "u", "-p", "p"]
    words = [UV, "publish", "--publish-url", index.upload_url, *login]
    return (
        process.run_unchecked(*words, *paths, cwd=paths[0].parent, env=clean_env(env or {}), merged=True)
        .or_raise()
        .text
    )


def clean_env(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the settings of this machine."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
    return {**kept, "UV_HTTP_RETRIES": "0", "UV_NO_CONFIG": "1", "NO_PROXY": "localhost,127.0.0.1", **more}


def make_tls(directory: Path) -> tuple[Tls, Path]:
    """Write a certificate for localhost and the file of its CA, and return both."""
    import trustme

    ca = trustme.CA()
    certificate = ca.issue_cert("localhost")
    tls = Tls(directory / "cert.pem", directory / "key.pem")
    tls.cert_file.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(tls.key_file)
    ca.cert_pem.write_to_path(directory / "ca.pem")
    return tls, directory / "ca.pem"
