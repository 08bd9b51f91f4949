"""The real index behind the local one, for one project: read-only, cached for a minute."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import fields

from packaging.utils import NormalizedName

from release_channels.adapters.index import PAGE_BYTES, fetch_page, reason_of
from release_channels.adapters.index_page import ListedFile, version_in
from release_channels.indexserver.pages import PageFile

_REMEMBERED = 60.0  # seconds
_TIMEOUT = 20.0  # seconds


class Upstream:
    """The upstream index's files of one project; none, with a warning, if it does not respond."""

    def __init__(
        self,
        simple_url: str,
        project: NormalizedName,
        clock: Callable[[], float] = time.monotonic,
        patience: float = _TIMEOUT,
    ) -> None:
        self._url = simple_url
        self._patience = patience
        self._project = project
        self._clock = clock
        self._lock = threading.Lock()
        self._files: tuple[PageFile, ...] = ()
        self._read_at: float | None = None
        self._warning = ""

    def warnings(self) -> tuple[str, ...]:
        """Return why the last read failed, if it did."""
        with self._lock:
            return (self._warning,) if self._warning else ()

    def files(self) -> tuple[PageFile, ...]:
        """List the project's files with absolute URLs, at most 60 seconds old."""
        with self._lock:
            now = self._clock()
            if self._read_at is None or now - self._read_at >= _REMEMBERED:
                self._files = self._read()
                self._read_at = now
            return self._files

    def _read(self) -> tuple[PageFile, ...]:
        from requests import RequestException

        from release_channels.adapters.bounded_http import Limits, bounded_session

        self._warning = ""
        try:
            with bounded_session(Limits(PAGE_BYTES, 4 * self._patience)) as session:
                page = fetch_page(session, self._url, self._project, self._patience)
        except (RequestException, ValueError) as err:
            self._warning = f"the upstream index did not answer ({reason_of(err)}): only local files are considered"
            return ()
        if page is None:
            return ()
        return tuple(_page_file(listed, self._project) for listed in page)


def _page_file(listed: ListedFile, project: NormalizedName) -> PageFile:
    """Return a file for the local index, which passes on no provenance."""
    version = version_in(listed.name, project)
    read = {item.name: getattr(listed, item.name) for item in fields(listed)}
    return PageFile(**read | {"provenance_url": None}, version=str(version) if version is not None else None)
