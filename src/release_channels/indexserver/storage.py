"""The files of the local index: a plain directory in which no file name is reused."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from packaging.utils import NormalizedName, canonicalize_name

from release_channels.adapters.distributions import Kind, read_distribution, requires_python, sha256_of
from release_channels.adapters.leftovers import clear_left_behind, locked_file
from release_channels.errors import RefusedError

YANKED, DELETED = ".yanked", ".deleted"
RECORDS = ".files.jsonl"
"""What was read out of the stored files, one line each, so that no later run has to read them again."""
_INCOMING = ".incoming-"
_PIECE = 1024 * 1024  # bytes
# Size in bytes and time of change in nanoseconds: a file with the same ones is not read again.
_Mark = tuple[int, int]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One distribution in the directory, with the values for its page.

    `metadata_sha256` is the digest of a wheel's core metadata; an sdist's is not served on its own.
    """

    name: str
    mark: _Mark
    project: NormalizedName
    version: str
    sha256: str
    requires_python: str | None
    metadata_sha256: str | None
    yanked: str | None = None

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return self.mark[0]

    @property
    def stored(self) -> datetime:
        """Return the time of storage."""
        return datetime.fromtimestamp(self.mark[1] / 1e9, UTC)


class Storage:
    """The distributions in one directory, which is created with the first one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, StoredFile] = {}
        self._unreadable: dict[str, tuple[_Mark, str]] = {}
        self._unrecorded: set[str] = set()
        self._records_read = 0
        self._lock = threading.Lock()
        clear_left_behind(root, f"{_INCOMING}*")

    def warnings(self) -> tuple[str, ...]:
        """Return the unreadable files that look like distributions."""
        with self._lock:
            return tuple(warning for _, warning in self._unreadable.values())

    def files(self) -> list[StoredFile]:
        """List every readable distribution by name, ignoring other files."""
        try:
            with os.scandir(self.root) as entries:
                there = {entry.name: entry for entry in entries if entry.is_file()}
        except FileNotFoundError:
            return []
        with self._lock:
            self._read_records()
            found = (self._find(name, there[name], there) for name in sorted(filter(_is_candidate, there)))
            return [file for file in found if file]

    def find(self, name: str) -> StoredFile | None:
        """Return a distribution by its file name; None if it is missing or unreadable."""
        if not _is_candidate(name):
            return None
        marker = self.root / f"{name}{YANKED}"
        with self._lock:
            self._read_records()
            return self._find(name, self.root / name, [marker.name] if marker.exists() else [])

    def was_deleted(self, name: str) -> bool:
        """Check whether a file of this name was deleted: `NAME.deleted` exists."""
        return (self.root / f"{name}{DELETED}").exists()

    def metadata(self, name: str) -> bytes:
        """Read the core metadata of one distribution.

        Raises: RefusedError if it cannot be read.
        """
        return read_distribution(self.root / name).metadata

    def add(self, source: Path) -> bool:
        """Store a file and return whether its name was free; an existing file is never replaced.

        The copy gets its name in one step that fails if the name exists, so one of several writers wins, in this
        process or another, and no reader ever sees half a file.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with locked_file(self.root, _INCOMING) as (incoming, target):
            with source.open("rb") as origin:
                shutil.copyfileobj(origin, target, _PIECE)
            target.flush()
            incoming.chmod(0o644)
            try:
                os.link(incoming, self.root / source.name)
            except FileExistsError:
                return False
        self._record(source.name)
        return True

    def _find(self, name: str, path: os.DirEntry[str] | Path, there: Container[str]) -> StoredFile | None:
        """Return one distribution, which is read only if nothing is known of it; its directory is told by names."""
        try:
            now = path.stat()
        except FileNotFoundError:
            return None
        mark = (now.st_size, now.st_mtime_ns)
        file = self._known.get(name)
        if file is None or file.mark != mark:
            file = self._read(name, mark)
        if file is None or f"{name}{YANKED}" not in there:
            return file
        reason = (self.root / f"{name}{YANKED}").read_text(encoding="utf-8", errors="replace")
        return replace(file, yanked=reason.strip())

    def _read(self, name: str, mark: _Mark) -> StoredFile | None:
        if self._unreadable.get(name, (None,))[0] == mark:
            return None
        path = self.root / name
        try:
            distribution = read_distribution(path)
        except RefusedError as err:
            self._unreadable[name] = mark, f"ignored in the local index: {err}"
            return None
        self._unreadable.pop(name, None)
        metadata = distribution.metadata
        served = sha256(metadata).hexdigest() if distribution.kind is Kind.WHEEL else None
        file = StoredFile(
            name, mark, canonicalize_name(distribution.name), str(distribution.version), sha256_of(path),
            requires_python(metadata), served,
        )  # fmt: skip
        self._known[name] = file
        self._unrecorded.add(name)
        return file

    def _read_records(self) -> None:
        """Read the lines that were added since the last time; one that is damaged costs reading its file."""
        try:
            with (self.root / RECORDS).open("rb") as records:
                records.seek(self._records_read)
                for line in records:
                    if not line.endswith(b"\n"):  # somebody is still writing it
                        break
                    self._records_read += len(line)
                    file = _parse_record(line)
                    if file is not None:
                        self._known[file.name] = file
        except OSError:  # there are none, or nobody may read them
            self._records_read = 0

    def _record(self, name: str) -> None:
        """Write down what is known of a stored file, and of others that had to be read."""
        self.find(name)
        with self._lock:
            files = [self._known[other] for other in sorted(self._unrecorded) if other in self._known]
            lines = "".join(_format_record(file) for file in files)
            with suppress(OSError), (self.root / RECORDS).open("a", encoding="utf-8") as records:
                records.write(lines)  # a full disk costs reading the files again
            self._unrecorded.clear()


def _format_record(file: StoredFile) -> str:
    values = (
        *file.mark,
        file.name,
        file.project,
        file.version,
        file.sha256,
        file.requires_python,
        file.metadata_sha256,
    )
    return json.dumps(values) + "\n"


def _parse_record(line: bytes) -> StoredFile | None:
    try:
        size, changed, name, project, version, digest, python, metadata = json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return None
    texts = (name, project, version, digest, python or "", metadata or "")
    if not all(isinstance(text, str) for text in texts) or not (isinstance(size, int) and isinstance(changed, int)):
        return None
    return StoredFile(name, (size, changed), NormalizedName(project), version, digest, python, metadata)


def _is_candidate(name: str) -> bool:
    """Return whether a name may be a distribution's; a slash or a leading dot never is."""
    return name.endswith((".whl", ".tar.gz")) and not name.startswith(".") and "/" not in name and os.sep not in name
