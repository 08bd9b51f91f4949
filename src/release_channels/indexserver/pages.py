"""The pages of the simple API, in HTML and JSON. Pure.

Source: simple repository API specification (once PEP 503, 592, 629, 658, 691, 700 and 714).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from packaging.utils import NormalizedName

from release_channels.adapters.index_page import ListedFile

JSON = "application/vnd.pypi.simple.v1+json"
HTML = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML = "text/html"
# The accepted types and the forms served for them, in the order that wins when a client likes several equally: people
# with a browser get HTML, and programs that take both of the versioned forms get JSON, which contains more.
OFFERED = {
    PLAIN_HTML: PLAIN_HTML,
    JSON: JSON,
    HTML: HTML,
    "application/vnd.pypi.simple.latest+json": JSON,
    "application/vnd.pypi.simple.latest+html": HTML,
}


@dataclass(frozen=True, slots=True)
class PageFile(ListedFile):
    """One file of a page, with its version already parsed."""

    version: str | None = None


def best_match(accept: str, offered: Iterable[str], default: str) -> str:
    """Return the media type that an Accept header prefers, or the default if it accepts none.

    Source: RFC 9110, section 12.5.1; a type that is named counts more than one that a range includes.
    """
    liked: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        qualities = (word.removeprefix("q=") for word in parameters if word.startswith("q="))
        liked[kind] = _quality(next(qualities, "1"))

    def rank(kind: str) -> tuple[float, int]:
        names = (kind, f"{kind.partition('/')[0]}/*", "*/*")
        return next(((liked[name], -place) for place, name in enumerate(names) if name in liked), (0.0, 0))

    best = max(offered, key=rank)
    return best if rank(best)[0] > 0 else default


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"[01](\.[0-9]{0,3})?", text) else 0.0


def project_page(project: NormalizedName, files: Sequence[PageFile], content_type: str) -> str:
    """Format the page of one project as one of the media types."""
    return _project_json(project, files) if content_type == JSON else _project_html(project, files)


def root_page(projects: Sequence[NormalizedName], content_type: str) -> str:
    """Format the list of all projects as one of the media types."""
    if content_type == JSON:
        return json.dumps({"meta": {"api-version": "1.1"}, "projects": [{"name": name} for name in projects]})
    return _document("Simple index", [f'<a href="{name}/">{name}</a><br>' for name in projects], version="1.1")


def _project_json(project: NormalizedName, files: Sequence[PageFile]) -> str:
    versions = sorted({file.version for file in files if file.version is not None})
    return json.dumps(
        {
            "meta": {"api-version": _api_version(files)},
            "name": project,
            "versions": versions,
            "files": [_file_json(file) for file in files],
        }
    )


def _file_json(file: PageFile) -> dict[str, object]:
    optional = {
        "size": file.size,
        "upload-time": _time(file.upload_time) if file.upload_time else None,
        "requires-python": file.requires_python,
    }
    entry: dict[str, object] = {"filename": file.name, "url": file.url, "hashes": dict(file.hashes)}
    entry |= {key: value for key, value in optional.items() if value is not None}
    # An empty reason is falsy and would read as "not yanked".
    entry["yanked"] = False if file.yanked is None else file.yanked or True
    metadata = False if file.metadata is None else dict(file.metadata) or True
    return entry | {"core-metadata": metadata, "dist-info-metadata": metadata}


def _project_html(project: NormalizedName, files: Sequence[PageFile]) -> str:
    return _document(f"Links for {project}", [_anchor(file) for file in files], version=_api_version(files))


def _anchor(file: PageFile) -> str:
    attributes = {"href": file.url + (f"#sha256={file.hashes['sha256']}" if "sha256" in file.hashes else "")}
    if file.requires_python is not None:
        attributes["data-requires-python"] = file.requires_python
    if file.yanked is not None:
        attributes["data-yanked"] = file.yanked
    if file.metadata is not None:
        known = f"sha256={file.metadata['sha256']}" if "sha256" in file.metadata else "true"
        attributes |= {"data-core-metadata": known, "data-dist-info-metadata": known}
    written = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
    return f"<a {written}>{escape(file.name)}</a><br>"


def _document(title: str, lines: Sequence[str], *, version: str) -> str:
    head = f'<meta name="pypi:repository-version" content="{version}"><title>{escape(title)}</title>'
    return "\n".join(["<!DOCTYPE html>", f"<html><head>{head}</head><body>", *lines, "</body></html>", ""])


def _api_version(files: Sequence[PageFile]) -> str:
    """Promise 1.1 only where every size is known, because that version makes the size mandatory."""
    return "1.1" if all(file.size is not None for file in files) else "1.0"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
