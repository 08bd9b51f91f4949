"""Transfer files: upload an asset, download an artifact's archive."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from release_channels.adapters.actions_env import is_loopback
from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.github import Artifact

if TYPE_CHECKING:
    from github.GitReleaseAsset import GitReleaseAsset
    from github.Requester import Requester
    from requests import PreparedRequest

_SECONDS = 60
_TRANSFER_SECONDS = 1800.0
_ANSWER_BYTES = 2**20
_PIECE = 1 << 20  # bytes


def upload_file(requester: Requester, base: str, address: str, path: Path) -> GitReleaseAsset:
    """Upload a file to a release's upload URL, under the file's name.

    The library's own upload waits without end on a host of its own, so the connection is made here.

    Raises: ValueError for an address that the token must not be sent to.
    """
    from github.GitReleaseAsset import GitReleaseAsset

    from release_channels.adapters.bounded_http import Limits, bounded_connection

    url = address.partition("{")[0]
    parts = urlsplit(url)
    if not _may_have_token(parts, urlsplit(base)):
        raise ValueError("an upload address of another site")
    connection = bounded_connection(
        parts.scheme, parts.hostname or "", parts.port, _SECONDS, Limits(_ANSWER_BYTES, _TRANSFER_SECONDS)
    )
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
    try:
        with path.open("rb") as file:
            answer, data = requester.requestMemoryBlobAndCheck(
                "POST", url, {"name": path.name}, headers, file, cnx=connection
            )
    finally:
        connection.close()
    return GitReleaseAsset(requester, answer, data, completed=True)


def check_archive(artifact: Artifact, limit: int) -> None:
    """Check that an artifact has not expired and has at most `limit` bytes, before its download.

    Raises: RefusedError if it has expired or is too large.
    """
    if artifact.expired:
        raise RefusedError(f"the artifact {artifact.name} has expired on GitHub", hint="the files must be built again")
    if artifact.size > limit:
        raise _too_large(artifact, limit)


def fetch_archive(
    address: str, artifact: Artifact, target: Path, limit: int, seconds: float = _TRANSFER_SECONDS
) -> None:
    """Download an artifact's archive from the storage that GitHub redirects to, without sending it the token.

    It takes `seconds` at most. Whatever goes wrong, no file is left behind.

    Raises: RefusedError if it is too large; UnansweredError if what came is not what was announced.
    Source: GitHub's REST reference, download an artifact: the address holds for a minute.
    """
    if urlsplit(address).scheme != "https" and not is_loopback(address):
        raise ValueError("a download address without encryption")
    try:
        digest = _fetch(address, artifact, target, limit, seconds)
        if artifact.digest not in (None, digest):
            raise UnansweredError(
                f"the download of the artifact {artifact.name} does not have its sha256",
                hint="try again; if that does not help, run its workflow again",
            )
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _fetch(address: str, artifact: Artifact, target: Path, limit: int, seconds: float) -> str:
    import requests

    from release_channels.adapters.bounded_http import Limits, bounded_session

    digest, size = hashlib.sha256(), 0
    with (
        bounded_session(Limits(limit + _PIECE, seconds)) as session,
        session.get(address, stream=True, timeout=_SECONDS, auth=_nobody, allow_redirects=False) as answer,
        target.open("wb") as file,
    ):
        if answer.status_code != 200:
            raise requests.ConnectionError(f"the store answered {answer.status_code}")
        for piece in answer.iter_content(_PIECE):
            size += len(piece)
            if size > limit:
                raise _too_large(artifact, limit)
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _nobody(request: PreparedRequest) -> PreparedRequest:
    """Keep requests from looking for a password in the user's files."""
    return request


def _too_large(artifact: Artifact, limit: int) -> RefusedError:
    return RefusedError(
        f"the artifact {artifact.name} is larger than {limit} bytes",
        hint="look at what its workflow puts into it; nothing of it was kept",
    )


def _may_have_token(address: SplitResult, base: SplitResult) -> bool:
    """Return whether an address belongs to the API's site: the same server, or another name below its domain.

    Source: GitHub's REST reference, upload a release asset: `uploads.github.com` next to `api.github.com`.
    """
    if address.scheme != base.scheme:
        return False
    if address.hostname == base.hostname:
        return address.port == base.port
    domain = (base.hostname or "").removeprefix("api.")
    named_api = (base.hostname or "").startswith("api.")
    return named_api and address.port is None and (address.hostname or "").endswith(f".{domain}")
