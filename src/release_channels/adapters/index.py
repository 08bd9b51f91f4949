"""Find package indexes, and read their projects and files."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from release_channels.adapters.actions_env import Rehearsal
from release_channels.adapters.distributions import MAX_METADATA, parse_file_name, read_distribution, sha256_of
from release_channels.adapters.index_page import ACCEPT, ListedFile, parse_page, version_in
from release_channels.errors import RefusedError, UnansweredError, UsageError
from release_channels.model.grammar import WEB_ADDRESS
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.redact import redact_urls
from release_channels.project.pyproject import UvIndex

if TYPE_CHECKING:
    from requests import Session

LOCAL = "local"
DEFAULT = "pypi"
FOR_PRACTICE = (LOCAL, "testpypi")
_SECONDS = 30.0
_MOST_SECONDS = 3600.0
_REASON = 300  # characters
PAGE_BYTES = 32 * 2**20
_PIECE = 2**20  # bytes
_FILE_BYTES, _FILE_SECONDS = 4 * 2**30, 1800.0
"""The limits of a download whose size the index does not list."""


def _no_path(_name: str) -> None:
    """Return no path: the files of an index are elsewhere."""


class Credentials(StrEnum):
    """The kind of credentials for an upload."""

    NONE = "none"
    TRUSTED_PUBLISHING = "Trusted Publishing"
    USER = "the user's own"


@dataclass(frozen=True, slots=True)
class Index:
    """A package index: its name, the URLs for reading and uploading, and the kind of credentials."""

    name: str
    simple_url: str
    upload_url: str
    credentials: Credentials
    rehearsal: bool = False
    own_url: str = ""
    """Where it is read without leading upstream for other names, if it has such an address."""
    patience: float = _SECONDS
    """The time to wait for each answer, in seconds."""
    warnings: Callable[[], tuple[str, ...]] = tuple
    """Return what the index could not take into account; call it after reading the index."""
    list_files: Callable[[NormalizedName], Sequence[ListedFile]] | None = None
    """List a project's files where that needs no HTTP: the local index, as long as nobody installs from it."""
    path_of: Callable[[str], Path | None] = _no_path
    """Return where one of those files is on this machine; None where only an address is known."""

    @property
    def title(self) -> str:
        """The index's name in messages."""
        title = "the local index" if self.name == LOCAL else f"the index {self.name}"
        return f"{title} (rehearsal)" if self.rehearsal else title


def remote_index(
    name: str,
    named: tuple[UvIndex, ...],
    *,
    in_actions: bool,
    rehearsal: Rehearsal | None = None,
    patience: float = _SECONDS,
) -> Index:
    """Find an index by name: `pypi`, `testpypi` or one of `[[tool.uv.index]]`; `patience` is in seconds.

    Raises: UsageError for an unknown name or an index that says nowhere to publish to.
    """
    credentials = Credentials.TRUSTED_PUBLISHING if in_actions else Credentials.USER
    if rehearsal is not None:
        if name != "pypi":
            raise RefusedError(f"a rehearsal cannot publish to {name}", hint="a rehearsal only stands in for pypi")
        return Index(
            name, rehearsal.simple, rehearsal.upload, credentials, rehearsal=True, own_url=rehearsal.own,
            patience=patience,
        )  # fmt: skip
    if name == "pypi":
        return Index(name, _default_simple_url(), _twine("DEFAULT_REPOSITORY"), credentials, patience=patience)
    if name == "testpypi":
        upload = _twine("TEST_REPOSITORY")
        return Index(name, upload.removesuffix("legacy/") + "simple/", upload, credentials, patience=patience)
    for index in named:
        if index.name == name:
            if not index.publish_url:
                raise UsageError(f"the index {name} has no publish-url", hint="add it to its [[tool.uv.index]] table")
            for key, url in (("url", index.url), ("publish-url", index.publish_url)):
                if not WEB_ADDRESS.takes(url):
                    raise UsageError(f"the {key} of the index {name} is {url!r}", hint=WEB_ADDRESS.form)
            return Index(name, index.url, index.publish_url, credentials, patience=patience)
    known = ", ".join([LOCAL, "pypi", "testpypi", *(index.name for index in named)])
    raise UsageError(f"there is no index called {name!r}", hint=f"known here: {known}")


def upstream_url(env: Mapping[str, str] = os.environ) -> str:
    """Return the index that dependencies come from: uv's or pip's setting, otherwise the default index."""
    configured = env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or env.get("PIP_INDEX_URL")
    # uv allows NAME=URL
    name, equals, url = (configured or "").partition("=")
    return (url if equals and "/" not in name else configured) or _default_simple_url()


def answer_seconds(env: Mapping[str, str] = os.environ) -> float:
    """Return how many seconds to wait for a response: uv's own setting, or 30.

    Source: uv's environment variables, `UV_HTTP_TIMEOUT`, in seconds.
    """
    try:
        seconds = float(env.get("UV_HTTP_TIMEOUT") or _SECONDS)
    except ValueError:  # uv itself says what is wrong with it
        return _SECONDS
    return seconds if 0 < seconds <= _MOST_SECONDS else _SECONDS


def read_index(index: Index, project: str) -> IndexState:
    """Read every release of a project; a project that is not on the index has none.

    Raises: UnansweredError if the index does not answer, or not within the limits of an answer.
    """
    page = _read_page(index, project) if index.list_files is None else _list_files(index, index.list_files, project)
    if not page:
        return IndexState(index.name, warnings=index.warnings())
    releases: dict[Version, list[IndexFile]] = defaultdict(list)
    for listed in page:
        version = version_in(listed.name, canonicalize_name(project))
        if version is not None:
            releases[version].append(_index_file(listed))
    return IndexState(
        index.name, {version: tuple(files) for version, files in releases.items()}, warnings=index.warnings()
    )


def _read_page(index: Index, project: str) -> Sequence[ListedFile] | None:
    from requests import RequestException

    try:
        with _session(index) as session:
            # Caches in front of an index may be minutes old; what is decided on must be what it holds now.
            headers = {"Cache-Control": "no-cache"}
            return fetch_page(session, index.simple_url, project, index.patience, headers)
    except (RequestException, ValueError) as err:
        raise _unanswered(index, reason_of(err)) from err


def _list_files(
    index: Index, list_files: Callable[[NormalizedName], Sequence[ListedFile]], project: str
) -> Sequence[ListedFile]:
    try:
        return list_files(canonicalize_name(project))
    except OSError as err:
        raise _unanswered(index, str(err)) from err


def _unanswered(index: Index, reason: str) -> UnansweredError:
    hint = "nothing is published without a comparison with the index; try again when it answers"
    return UnansweredError(f"{index.title} did not answer: {reason}", hint=hint)


def fetch_page(
    session: Session, simple_url: str, project: str, patience: float, headers: Mapping[str, str] | None = None
) -> tuple[ListedFile, ...] | None:
    """Fetch and parse a project's page, with a timeout in seconds; None if the project is not on the index.

    Raises: RequestException if there is no answer; ValueError for one that is not an index's page.
    """
    name = canonicalize_name(project)
    headers = {"Accept": ACCEPT, **(headers or {})}
    answer = session.get(f"{simple_url.rstrip('/')}/{name}/", timeout=patience, headers=headers)
    if answer.status_code == 404:
        return None
    answer.raise_for_status()
    return parse_page(answer, name)


def fetch_metadata(index: Index, file: IndexFile) -> bytes | None:
    """Fetch a file's core metadata, if the index serves it separately; None if not available."""
    if path := index.path_of(file.name):
        return _read_metadata(path) if path.suffix == ".whl" else None
    url = urlsplit(file.url)  # a signed address has a query behind the file's name
    return _fetch(index, url._replace(path=f"{url.path}.metadata").geturl(), MAX_METADATA)


def _read_metadata(path: Path) -> bytes | None:
    try:
        return read_distribution(path).metadata
    except RefusedError:  # as from an index that does not answer
        return None


def fetch_provenance(index: Index, file: IndexFile) -> str | None:
    """Fetch the provenance of a file, not verified here; None if there is none, or it is not available."""
    content = _fetch(index, file.provenance_url, PAGE_BYTES) if file.provenance_url else None
    try:
        return json.dumps(json.loads(content)) if content is not None else None
    except (ValueError, RecursionError):
        return None


def _fetch(index: Index, url: str, size: int) -> bytes | None:
    from requests import RequestException

    with _session(index, size=size) as session:
        try:
            answer = session.get(url, timeout=index.patience)
            answer.raise_for_status()
            return answer.content
        except RequestException:
            return None


def fetch_file(index: Index, file: IndexFile, directory: Path, seconds: float = _FILE_SECONDS) -> Path | None:
    """Download a file within `seconds`, and verify it by the index's digest and size, if any.

    Return None if it is not available, or not within so many seconds.

    Raises: RefusedError for a name that is none of a distribution.
    """
    parse_file_name(file.name)  # a name with a slash in it would lead out of the directory
    target = directory / file.name
    if not _download(index, file, target, seconds):
        target.unlink(missing_ok=True)
        return None
    if file.sha256 and sha256_of(target) != file.sha256:
        target.unlink()
        return None
    return target


def _download(index: Index, file: IndexFile, target: Path, seconds: float) -> bool:
    """Copy a file or fetch it over HTTP, and return whether all of it came."""
    if path := index.path_of(file.name):
        shutil.copyfile(path, target)
        return True
    from requests import RequestException

    with _session(index, size=file.size or _FILE_BYTES, seconds=seconds) as session:
        try:
            answer = session.get(file.url, timeout=index.patience, stream=True)
            answer.raise_for_status()
            with target.open("wb") as out:
                for piece in answer.iter_content(_PIECE):
                    out.write(piece)
        except RequestException:
            return False
    return True


def _session(index: Index, *, size: int = PAGE_BYTES, seconds: float = 0.0) -> Session:
    """Make a session that tries again, with growing pauses, when an index is overloaded.

    Each answer ends within `size` bytes and `seconds`, or else four times the index's patience.
    """
    from urllib3.util import Retry

    from release_channels.adapters.bounded_http import Limits, bounded_session

    # An index that hangs is asked twice and not four times, and a Retry-After of an hour is not obeyed.
    retry = Retry(
        total=3, read=1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False,
        respect_retry_after_header=False,
    )  # fmt: skip
    return bounded_session(Limits(size, seconds or 4 * index.patience), retry)


def _index_file(listed: ListedFile) -> IndexFile:
    return IndexFile(
        name=listed.name,
        url=listed.url,
        sha256=listed.hashes.get("sha256"),
        size=listed.size,
        requires_python=listed.requires_python,
        upload_time=listed.upload_time,
        yanked=listed.yanked is not None,
        provenance_url=listed.provenance_url,
    )


def _default_simple_url() -> str:
    """Return where the default index is read.

    Source: twine's constant for its uploads, and the index's documentation of both addresses.
    """
    return _twine("DEFAULT_REPOSITORY").replace("//upload.", "//").removesuffix("legacy/") + "simple/"


def _twine(constant: str) -> str:
    """Return a constant of twine's, from its source where it is a literal: importing that is a quarter of a task."""
    found = find_spec("twine")
    source = Path(found.origin).with_name("utils.py") if found is not None and found.origin else None
    text = source.read_text(encoding="utf-8") if source is not None and source.is_file() else ""
    if literal := re.search(rf'^{constant} = "(?P<url>[^"]+)"$', text, re.MULTILINE):
        return literal["url"]
    import twine.utils

    return str(getattr(twine.utils, constant))


def reason_of(err: Exception) -> str:
    """Return why a request failed, in one line without object addresses and passwords."""
    cause = next(iter(err.args), None)
    reason = getattr(cause, "reason", None) or err
    behind_proxy = getattr(reason, "original_error", None)  # urllib3's ProxyError prints as a pair of objects
    text = redact_urls(" ".join(str(behind_proxy or reason).split()))
    text = text.rpartition(">: ")[2] or text
    if behind_proxy is not None:
        text = f"cannot connect to the proxy: {text.rpartition('] ')[2]}"
    return (text or type(err).__name__)[:_REASON]
