"""The files of the local index: those of its directory, and for one project those of the real index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from packaging.utils import NormalizedName

from release_channels.indexserver.pages import PageFile
from release_channels.indexserver.storage import Storage, StoredFile
from release_channels.indexserver.upstream import Upstream


class MergedIndex:
    """The files of projects, which need no server to be read; a local file replaces upstream's."""

    def __init__(self, root: Path, project: NormalizedName | None, upstream: str | None) -> None:
        self.storage = Storage(root)
        self._project = project
        self._upstream = Upstream(upstream, project) if upstream and project else None

    def files(self, project: NormalizedName) -> Sequence[PageFile]:
        """List a project's files by name; the addresses of local ones begin at its page."""
        upstream = self._upstream.files() if self._upstream and project == self._project else ()
        files = {file.name: file for file in upstream}
        files |= {file.name: _page_file(file) for file in self.storage.files() if file.project == project}
        return [files[name] for name in sorted(files)]

    def path_of(self, name: str) -> Path | None:
        """Return the path of a local file; None for any other."""
        return self.storage.root / name if self.storage.find(name) else None

    def warnings(self) -> tuple[str, ...]:
        """Return the problems so far: no response from upstream, an unreadable file."""
        return (*(self._upstream.warnings() if self._upstream else ()), *self.storage.warnings())


def _page_file(file: StoredFile) -> PageFile:
    digest = file.metadata_sha256
    return PageFile(
        name=file.name,
        url=f"../../files/{quote(file.name)}",
        version=file.version,
        hashes={"sha256": file.sha256},
        size=file.size,
        upload_time=file.stored,
        requires_python=file.requires_python,
        yanked=file.yanked,
        metadata={"sha256": digest} if digest else None,
    )
