"""Package indexes: which one is meant, and what it holds."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters.actions_env import Rehearsal
from release_channels.adapters.distributions import parse_file_name
from release_channels.errors import RefusedError, UnansweredError, UsageError
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.redact import redact_urls
from release_channels.project.pyproject import UvIndex

if TYPE_CHECKING:
    from pypi_simple import DistributionPackage, ProjectPage, PyPISimple

LOCAL = "local"
DEFAULT = "pypi"
FOR_PRACTICE = (LOCAL, "testpypi")
_SECONDS = 30.0
_REASON = 300


class Credentials(StrEnum):
    """The credentials that an upload sends."""

    NONE = "none"
    TRUSTED_PUBLISHING = "Trusted Publishing"
    USER = "the user's own"


@dataclass(frozen=True, slots=True)
class Index:
    """A package index as a value: its name, where it is read, where it takes uploads, and with which credentials."""

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

    @property
    def title(self) -> str:
        """Its name in messages."""
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
    """Find an index by name: `pypi`, `testpypi`, or one of the project's `[[tool.uv.index]]` tables.

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
            return Index(name, index.url, index.publish_url, credentials, patience=patience)
    known = ", ".join([LOCAL, "pypi", "testpypi", *(index.name for index in named)])
    raise UsageError(f"there is no index called {name!r}", hint=f"known here: {known}")


def upstream_url(env: Mapping[str, str] = os.environ) -> str:
    """Find the index that dependencies come from: the user's uv or pip setting, else the default one."""
    configured = env.get("UV_DEFAULT_INDEX") or env.get("UV_INDEX_URL") or env.get("PIP_INDEX_URL")
    # uv allows NAME=URL
    name, equals, url = (configured or "").partition("=")
    return (url if equals and "/" not in name else configured) or _default_simple_url()


def answer_seconds(env: Mapping[str, str] = os.environ) -> float:
    """Report how long to wait for an answer: as long as the user lets uv wait.

    Source: uv's environment variables, `UV_HTTP_TIMEOUT`, in seconds.
    """
    try:
        return float(env.get("UV_HTTP_TIMEOUT") or _SECONDS)
    except ValueError:  # uv itself says what is wrong with it
        return _SECONDS


def read_index(index: Index, project: str) -> IndexState:
    """Read every release of a project; a project that the index does not know has none.

    Raises: UnansweredError if the index does not answer.
    """
    from pypi_simple import NoSuchProjectError, UnsupportedContentTypeError, UnsupportedRepoVersionError
    from requests import RequestException

    try:
        with _client(index) as client:
            # Caches in front of an index may be minutes old; what is decided on must be what it holds now.
            page = client.get_project_page(project, timeout=index.patience, headers={"Cache-Control": "no-cache"})
            require_listing(page)
    except NoSuchProjectError:
        return IndexState(index.name, warnings=index.warnings())
    except (RequestException, UnsupportedContentTypeError, UnsupportedRepoVersionError, ValueError) as err:
        raise UnansweredError(
            f"{index.title} did not answer: {reason_of(err)}",
            hint="nothing is published that could not be compared with the index first; try again when it answers",
        ) from err
    releases: dict[Version, list[IndexFile]] = defaultdict(list)
    for package in page.packages:
        version = _version(package)
        if version is not None:
            releases[version].append(_index_file(package))
    return IndexState(
        index.name, {version: tuple(files) for version, files in releases.items()}, warnings=index.warnings()
    )


def require_listing(page: ProjectPage) -> None:
    """Make sure that a page is an index's: a login portal answers 200, too, and says nothing of what is published.

    Raises: ValueError for a page that neither lists a file nor names the version of an index's interface.
    Source: simple repository API, versioning (once PEP 629), which JSON needs and HTML should have.
    """
    if page.repository_version is None and not any(package.package_type for package in page.packages):
        raise ValueError("the response is not a Simple API page (captive portal?)")


def fetch_metadata(index: Index, file: IndexFile) -> bytes | None:
    """Fetch a file's core metadata, where the index serves it next to the file; None if it is not available."""
    from pypi_simple import NoMetadataError
    from requests import RequestException

    with _client(index) as client:
        try:
            return client.get_package_metadata_bytes(_package(file), verify=False, timeout=index.patience)
        except (NoMetadataError, RequestException):
            return None


def fetch_file(index: Index, file: IndexFile, directory: Path) -> Path | None:
    """Download a file, checked against the digest that the index gives, if any; None if it is not available.

    Raises: RefusedError for a name that is none of a distribution.
    """
    from pypi_simple import DigestMismatchError
    from requests import RequestException

    parse_file_name(file.name)  # a name with a slash in it would lead out of the directory
    target = directory / file.name
    with _client(index) as client:
        try:
            client.download_package(_package(file), target, verify=bool(file.sha256), timeout=index.patience)
        except (DigestMismatchError, RequestException):
            return None
    return target


def fetch_provenance(index: Index, file: IndexFile) -> str | None:
    """Fetch what the index knows of a file's publisher, as it is; None if there is nothing, or it is not available."""
    from pypi_simple import NoProvenanceError
    from requests import RequestException

    with _client(index) as client:
        try:
            return json.dumps(client.get_provenance(_package(file), timeout=index.patience))
        except (NoProvenanceError, RequestException, ValueError):
            return None


def _client(index: Index) -> PyPISimple:
    """Make a client that tries again, with growing pauses, when an index is overloaded."""
    import requests
    from pypi_simple import ACCEPT_JSON_PREFERRED, PyPISimple
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    session = requests.Session()
    # An index that hangs is asked twice and not four times, and a Retry-After of an hour is not obeyed.
    retry = Retry(
        total=3, read=1, backoff_factor=0.5, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False,
        respect_retry_after_header=False,
    )  # fmt: skip
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    # HTML knows neither sizes nor upload times.
    return PyPISimple(index.simple_url, session=session, accept=ACCEPT_JSON_PREFERRED)


def _index_file(package: DistributionPackage) -> IndexFile:
    return IndexFile(
        name=package.filename,
        url=package.url,
        sha256=package.digests.get("sha256"),
        size=package.size,
        requires_python=package.requires_python,
        upload_time=package.upload_time,
        yanked=package.is_yanked,
        provenance_url=package.provenance_url,
    )


def _package(file: IndexFile) -> DistributionPackage:
    from pypi_simple import DistributionPackage

    digests = {"sha256": file.sha256} if file.sha256 else {}
    return DistributionPackage(
        filename=file.name, url=file.url, project=None, version=None, package_type=None, digests=digests,
        requires_python=None, has_sig=None, provenance_url=file.provenance_url,
    )  # fmt: skip


def _version(package: DistributionPackage) -> Version | None:
    """Read the version out of a file name; None where there is none in it.

    A version is taken by old kinds of files, too: an egg, a `.zip` or an installer.
    """
    try:
        return parse_file_name(package.filename)[1]
    except RefusedError:
        pass
    try:
        is_old = not package.filename.endswith((".whl", ".tar.gz"))
        return Version(package.version) if is_old and package.version else None
    except ValueError:  # InvalidVersion is one, and so is a number of 5,000 digits
        return None


def _default_simple_url() -> str:
    from pypi_simple import PYPI_SIMPLE_ENDPOINT

    return PYPI_SIMPLE_ENDPOINT


def _twine(constant: str) -> str:
    import twine.utils

    return str(getattr(twine.utils, constant))


def reason_of(err: Exception) -> str:
    """Return in one line why a request failed, without object addresses and passwords."""
    cause = next(iter(err.args), None)
    reason = getattr(cause, "reason", None) or err
    behind_proxy = getattr(reason, "original_error", None)  # urllib3's ProxyError prints as a pair of objects
    text = redact_urls(" ".join(str(behind_proxy or reason).split()))
    text = text.rpartition(">: ")[2] or text
    if behind_proxy is not None:
        text = f"cannot connect to the proxy: {text.rpartition('] ')[2]}"
    return (text or type(err).__name__)[:_REASON]
