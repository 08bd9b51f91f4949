"""A project's page on an index: JSON is parsed here, HTML by a library, which takes half a second to import.

Source: simple repository API specification (once PEP 503, 629, 658, 691, 700, 714 and 740).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urljoin

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from release_channels.adapters.distributions import parse_file_name
from release_channels.errors import RefusedError

if TYPE_CHECKING:
    from requests import Response

ACCEPT = ", ".join((
    "application/vnd.pypi.simple.v1+json",
    "application/vnd.pypi.simple.v1+html;q=0.2",
    "text/html;q=0.1",
))  # fmt: skip
"""JSON before HTML, which knows neither sizes nor upload times."""
_HTML_BYTES = 8 * 2**20
"""An HTML page of 45,000 files, which takes ten seconds to parse; JSON takes a sixth."""
_PIECE, _TAG_CHARACTERS = 2**16, 2**14
# What a page of another form than the specification's raises while it is read.
_MALFORMED = (AssertionError, RecursionError, LookupError, TypeError, AttributeError)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One file of a page; None means unknown, `size` is in bytes, and `yanked` is the reason for the yank."""

    name: str
    url: str
    hashes: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    upload_time: datetime | None = None
    requires_python: str | None = None
    yanked: str | None = None
    metadata: Mapping[str, str] | None = None
    """The digests of the metadata that is served beside the file; None where it is not."""
    provenance_url: str | None = None


def version_in(name: str, project: NormalizedName) -> Version | None:
    """Return the version in the name of a project's file, also of old formats: an egg, a `.zip` or an installer.

    An old sdist may have a dash in its version: what stands before the last one is then not the project's name.
    """
    try:
        named, version, _ = parse_file_name(name)
    except RefusedError:
        return None if name.endswith((".whl", ".tar.gz")) else _old_version(name, project)
    return version if named == project else _old_version(name, project)


def parse_page(answer: Response, project: NormalizedName) -> tuple[ListedFile, ...]:
    """Parse a project's page.

    Raises: ValueError for what is not an index's page, such as a login portal's, which answers 200, too.
    """
    kind = answer.headers.get("content-type", "")
    try:
        if "json" in kind:
            return _parse_json(answer)
        if len(answer.content) > _HTML_BYTES:
            raise ValueError(f"its page is larger than {_HTML_BYTES} bytes")
        _refuse_endless_tags(answer.content.decode("latin-1"))
        return _parse_html(answer, project)
    except _MALFORMED as err:
        raise ValueError(f"its page is not an index's: {type(err).__name__}") from err


def _refuse_endless_tags(text: str) -> None:
    """Refuse what Python's parser of HTML takes hours for: many tags, none of which ends.

    Raises: ValueError
    """
    from html.parser import HTMLParser

    parser = HTMLParser(convert_charrefs=False)
    for start in range(0, len(text), _PIECE):
        parser.feed(text[start : start + _PIECE])
        if len(parser.rawdata) > _TAG_CHARACTERS:  # it waits for the end of a tag
            raise ValueError(f"its page has a tag of more than {_TAG_CHARACTERS} characters")


def _parse_json(answer: Response) -> tuple[ListedFile, ...]:
    page = json.loads(answer.content)
    version = page["meta"]["api-version"]
    if not isinstance(version, str) or version.partition(".")[0] != "1":
        raise ValueError(f"its page has the version {version!r} of the interface, which is not known")
    if not isinstance(page["files"], list):
        raise TypeError(f"files is {type(page['files']).__name__}")
    return tuple(_file_of(entry, answer.url) for entry in page["files"])


def _file_of(entry: Mapping[str, Any], base: str) -> ListedFile:
    name, url = entry["filename"], entry["url"]
    if not isinstance(name, str) or not isinstance(url, str):
        raise TypeError("a file without a name or an address")
    uploaded, yanked = _text(entry, "upload-time"), entry.get("yanked", False)
    size = entry.get("size")
    if not isinstance(size, int | None) or not isinstance(yanked, bool | str):
        raise TypeError(f"size or yanked of {name[:80]!r}")
    return ListedFile(
        name=name,
        url=urldefrag(urljoin(base, url)).url,
        hashes=_digests(entry.get("hashes", {})),
        size=size,
        upload_time=datetime.fromisoformat(uploaded) if uploaded else None,
        requires_python=_text(entry, "requires-python"),
        yanked=None if yanked is False else yanked if isinstance(yanked, str) else "",
        metadata=_metadata(entry.get("core-metadata")),
        provenance_url=_text(entry, "provenance"),
    )


def _text(entry: Mapping[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if not isinstance(value, str | None):
        raise TypeError(f"{key} is {type(value).__name__}")
    return value


def _digests(value: Mapping[str, Any]) -> Mapping[str, str]:
    return {name: digest for name, digest in value.items() if isinstance(digest, str)}


def _metadata(value: object) -> Mapping[str, str] | None:
    return _digests(value) if isinstance(value, Mapping) else {} if value is True else None


def _parse_html(answer: Response, project: NormalizedName) -> tuple[ListedFile, ...]:
    from pypi_simple import ProjectPage, UnsupportedContentTypeError, UnsupportedRepoVersionError

    try:
        page = ProjectPage.from_response(answer, project)
    except (UnsupportedContentTypeError, UnsupportedRepoVersionError) as err:
        raise ValueError(str(err)) from err
    # The version of the interface should be in it, and a page without one lists at least one file.
    if page.repository_version is None and not any(package.package_type for package in page.packages):
        raise ValueError("the response is not a Simple API page (captive portal?)")
    return tuple(
        ListedFile(
            name=package.filename,
            url=package.url,
            hashes=package.digests,
            size=package.size,
            upload_time=package.upload_time,
            requires_python=package.requires_python,
            yanked=(package.yanked_reason or "") if package.is_yanked else None,
            metadata=(package.metadata_digests or {}) if package.has_metadata else None,
            provenance_url=package.provenance_url,
        )
        for package in page.packages
    )


def _old_version(name: str, project: NormalizedName) -> Version | None:
    from pypi_simple import UnparsableFilenameError, parse_filename

    try:
        named, version, _ = parse_filename(name, project)
        return Version(version) if canonicalize_name(named) == project else None
    except (UnparsableFilenameError, ValueError):  # InvalidVersion is one, and so is a number of 5,000 digits
        return None
