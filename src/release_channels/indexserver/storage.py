"""The files of the local index: a plain directory, in which a name is used only once."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from release_channels.adapters.distributions import Distribution, Kind, read_distribution, requires_python, sha256_of
from release_channels.errors import RefusedError


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One distribution in the directory, with all that a page says about it."""

    distribution: Distribution
    size: int
    stored: datetime
    sha256: str

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.distribution.file_name

    @property
    def project(self) -> NormalizedName:
        """Return the normalized name of the project it belongs to."""
        return canonicalize_name(self.distribution.name)

    @property
    def requires_python(self) -> str | None:
        """Return the Python versions that the file asks for."""
        return requires_python(self.distribution.metadata)

    @property
    def metadata_sha256(self) -> str | None:
        """Return the digest of a wheel's core metadata; an sdist's is not served on its own."""
        served = self.distribution.kind is Kind.WHEEL
        return sha256(self.distribution.metadata).hexdigest() if served else None


YANKED, DELETED = ".yanked", ".deleted"
_PIECE = 1024 * 1024
# Size, time of change and inode: a file with the same ones is not read again.
_Mark = tuple[int, int, int]


class Storage:
    """The distributions in one directory, which need not exist before the first one is added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, tuple[_Mark, StoredFile | None]] = {}
        self._lock = threading.Lock()
        self._warnings: dict[str, str] = {}

    def warnings(self) -> tuple[str, ...]:
        """Report which files look like distributions and cannot be read."""
        with self._lock:
            return tuple(self._warnings.values())

    def files(self) -> list[StoredFile]:
        """List every readable distribution by name; whatever else lies in the directory is ignored."""
        try:
            with os.scandir(self.root) as entries:
                names = sorted(entry.name for entry in entries if entry.is_file() and _is_candidate(entry.name))
        except FileNotFoundError:
            return []
        return [file for name in names if (file := self.find(name))]

    def find(self, name: str) -> StoredFile | None:
        """Return one distribution by its file name, if it is there and can be read."""
        if not _is_candidate(name):
            return None
        path = self.root / name
        with self._lock:
            try:
                now = path.stat()
            except FileNotFoundError:
                return None
            mark = (now.st_size, now.st_mtime_ns, now.st_ino)
            if self._known.get(name, (None,))[0] != mark:
                self._known[name] = (mark, self._read(path, now))
            return self._known[name][1]

    def yanked(self, name: str) -> str | None:
        """Return why a file is yanked, from the file `NAME.yanked` next to it; None if it is not yanked."""
        try:
            return (self.root / f"{name}{YANKED}").read_text(encoding="utf-8", errors="replace").strip()
        except FileNotFoundError:
            return None

    def was_deleted(self, name: str) -> bool:
        """Return whether a file of this name was deleted: it was renamed to `NAME.deleted`, or such a file is there."""
        return (self.root / f"{name}{DELETED}").exists()

    def add(self, source: Path) -> bool:
        """Copy a file in under its name and return whether the name was free; a taken name is never replaced.

        The copy gets its name in one step that fails if the name exists, so one of several writers wins, in this
        process or another, and no reader ever sees half a file.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self.root)
        incoming = Path(name)
        try:
            with os.fdopen(handle, "wb") as target, source.open("rb") as origin:
                shutil.copyfileobj(origin, target, _PIECE)
            incoming.chmod(0o644)
            os.link(incoming, self.root / source.name)
        except FileExistsError:
            return False
        finally:
            incoming.unlink()
        return True

    def _read(self, path: Path, now: os.stat_result) -> StoredFile | None:
        try:
            distribution = read_distribution(path)
        except RefusedError as err:
            self._warnings[path.name] = f"ignored in the local index: {err}"
            return None
        self._warnings.pop(path.name, None)
        stored = datetime.fromtimestamp(now.st_mtime, UTC)
        return StoredFile(distribution, now.st_size, stored, sha256_of(path))


def _is_candidate(name: str) -> bool:
    """Return whether a name may be a distribution's; a slash or a leading dot never is."""
    return name.endswith((".whl", ".tar.gz")) and not name.startswith(".") and "/" not in name and os.sep not in name
