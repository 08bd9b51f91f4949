"""A JSON page is parsed as pypi-simple parses it; malformed pages are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
from packaging.utils import canonicalize_name
from pypi_simple import PYPI_SIMPLE_ENDPOINT, ProjectPage

from release_channels.adapters.index import remote_index
from release_channels.adapters.index_page import ListedFile, parse_page, version_in

NAME = canonicalize_name("demo")
FILES: dict[str, dict[str, Any]] = {
    "plain": {"filename": "demo-1.0.tar.gz", "url": "https://files.example/demo-1.0.tar.gz", "hashes": {}},
    "relative, with all": {
        "filename": "demo-1.0-py3-none-any.whl", "url": "../../files/demo-1.0-py3-none-any.whl", "size": 12,
        "hashes": {"sha256": "ab" * 32}, "upload-time": "2026-01-05T12:00:00.123456Z", "requires-python": ">=3.9",
        "yanked": False, "core-metadata": {"sha256": "cd" * 32}, "provenance": "https://index.example/provenance",
    },
    "an address with a query": {
        "filename": "demo-1.0.tar.gz", "url": "https://files.example/demo-1.0.tar.gz?sig=1", "hashes": {},
    },
    "yanked with a reason": {"filename": "demo-1.1.zip", "url": "a", "hashes": {}, "yanked": "broken"},
    "yanked without one": {"filename": "demo-1.2-py3.9.egg", "url": "a", "hashes": {}, "yanked": True},
    "old metadata key": {"filename": "demo-1.3.tar.gz", "url": "a", "hashes": {}, "dist-info-metadata": True},
    "no version": {"filename": "readme.txt", "url": "a", "hashes": {}},
}  # fmt: skip


def answer(content: object, kind: str = "application/vnd.pypi.simple.v1+json") -> requests.Response:
    made = requests.Response()
    made.status_code, made.url = 200, "https://index.example/simple/demo/"
    made.headers["Content-Type"] = kind
    made._content = content if isinstance(content, bytes) else json.dumps(content).encode()
    return made


def page(*files: object, version: object = "1.3") -> dict[str, Any]:
    return {"meta": {"api-version": version}, "name": "demo", "files": list(files)}


@pytest.mark.parametrize("entry", FILES.values(), ids=FILES)
def test_a_file_is_parsed_as_the_library_parses_it(entry: dict[str, Any]) -> None:
    """Version, address, digests, size, time, yanked, metadata and provenance."""
    (read,) = parse_page(answer(page(entry)), NAME)
    (theirs,) = ProjectPage.from_response(answer(page(entry)), NAME).packages
    assert read == ListedFile(
        theirs.filename, theirs.url, theirs.digests, theirs.size, theirs.upload_time, theirs.requires_python,
        (theirs.yanked_reason or "") if theirs.is_yanked else None,
        (theirs.metadata_digests or {}) if theirs.has_metadata else None, theirs.provenance_url,
    )  # fmt: skip
    version = version_in(read.name, NAME)
    assert (str(version) if version else None) == theirs.version


VERSIONS = {
    "demo-1.0.tar.gz": "1.0",
    "Demo-1.0-py3-none-any.whl": "1.0",
    "demo-1.0.zip": "1.0",
    "demo-0.1.0.dev-120828c.tar.gz": None,
    "demo-0.1.0.dev-8144a45.tar.gz": None,
    "demo-1.0-2.tar.gz": "1.0.post2",
    "other-1.0.tar.gz": None,
    "other-1.0-py3-none-any.whl": None,
    "demo-extra-1.0.tar.gz": None,
    "demo-extra-1.0.zip": None,
}


@pytest.mark.parametrize(("name", "version"), VERSIONS.items())
def test_the_version_of_a_file_is_what_follows_the_projects_name(name: str, version: str | None) -> None:
    """As pip reads it; a file of another name has none."""
    found = version_in(name, NAME)
    assert (str(found) if found else None) == version


MALFORMED = {
    "no object": [],
    "no meta": {"files": []},
    "another version": page(version="2.0"),
    "a version that is a number": page(version=1),
    "no files": {"meta": {"api-version": "1.0"}},
    "files are an object": {"meta": {"api-version": "1.0"}, "files": {}},
    "files are an empty text": {"meta": {"api-version": "1.0"}, "files": ""},
    "a name that is null": page({"filename": None, "url": "a"}),
    "files are a number": {"meta": {"api-version": "1.0"}, "files": 3},
    "a file is a text": page("demo"),
    "no url": page({"filename": "a", "hashes": {}}),
    "url is a list": page({"filename": "a", "url": []}),
    "size is a text": page({"filename": "a", "url": "a", "size": "12"}),
    "yanked is a number": page({"filename": "a", "url": "a", "yanked": 3}),
    "hashes are a list": page({"filename": "a", "url": "a", "hashes": ["x"]}),
    "a time that is none": page({"filename": "a", "url": "a", "upload-time": "yesterday"}),
    "deep": b"[" * 100_000,
    "not JSON": b"{",
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_page_is_refused(content: object) -> None:
    """A ValueError, which the caller reports as an index that did not answer."""
    with pytest.raises(ValueError):  # noqa: PT011 - its text is for people, and differs
        parse_page(answer(content), NAME)


def test_the_default_index_address_matches_the_library() -> None:
    """It is built from twine's constant, which is quicker to import."""
    assert remote_index("pypi", (), in_actions=False).simple_url == PYPI_SIMPLE_ENDPOINT
