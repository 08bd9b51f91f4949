"""Built distributions: their members and core metadata, read without unpacking."""

from __future__ import annotations

import gzip
import hashlib
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from release_channels.errors import RefusedError

if TYPE_CHECKING:
    from packaging.metadata import RawMetadata

MAX_METADATA = 8 * 1024 * 1024  # bytes
MAX_TEXT = 64 * 1024 * 1024
"""The size of the largest text that is read whole, a RECORD of 500,000 files, in bytes."""
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}", re.ASCII)
_REBUILD = "build it again with the build session; do not repack distributions by hand"
_PIECE = 1 << 20  # bytes
_PROGRAMS = re.compile(rb"^\s*\[\s*(console|gui)_scripts\s*\]\s*[^\[\s]", re.MULTILINE)
_REASON = 300  # characters
# The index takes stored and deflated members only.
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What the standard library raises for an archive that is damaged, cut off, encrypted, or not of its kind.
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error),
    *(EOFError, IndexError, OSError, OverflowError, RuntimeError, ValueError),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of a distribution's content: its number of members, and their total size in bytes."""

    members: int = 500_000
    size: int = 16 * 2**30


_BOUNDS = Bounds()


class UnreadableError(RefusedError):
    """A distribution is missing or damaged."""


class Kind(StrEnum):
    """The kinds of distribution: sdist and wheel."""

    SDIST = "sdist"
    WHEEL = "wheel"


class MemberKind(StrEnum):
    """The kind of a member of an archive."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "device, pipe or sparse file"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an archive: `size` in bytes, `target` of a link, `attributes` (time, mode, owner) as text."""

    name: str
    size: int
    kind: MemberKind = MemberKind.FILE
    mode: int = 0
    target: str = ""
    attributes: str = ""
    plain: bool = True  # stored or deflated

    @property
    def is_file(self) -> bool:
        """Check whether the member is a regular file."""
        return self.kind is MemberKind.FILE

    @property
    def base(self) -> str:
        """Return the last part of the name."""
        return self.name.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Distribution:
    """One built file with its core metadata, which name and version come from."""

    path: Path
    name: str
    version: Version
    kind: Kind
    metadata: bytes

    @property
    def file_name(self) -> str:
        """Return the file's name without its directory."""
        return self.path.name


def read_distribution(path: Path) -> Distribution:
    """Read a wheel's METADATA or an sdist's PKG-INFO and compare it with the file's name.

    Raises: RefusedError for a file that is not a distribution, or that contradicts its name.
    Source: binary distribution format and source distribution format specifications.
    """
    name, version, kind = parse_file_name(path.name)
    metadata = _read_metadata(path, kind)
    own_name, own_version = _identity(path.name, metadata)
    if (canonicalize_name(own_name), own_version) != (name, version):
        raise RefusedError(
            f"{path.name} contains the metadata of {own_name} {own_version}", hint=f"was it renamed? {_REBUILD}"
        )
    return Distribution(path, own_name, own_version, kind, metadata)


def parse_file_name(name: str) -> tuple[NormalizedName, Version, Kind]:
    """Parse the file name of a wheel or of a `.tar.gz` sdist.

    Raises: RefusedError for any other name.
    Source: binary distribution format specification; source distribution file name (once PEP 625).
    """
    if not _FILE_NAME.fullmatch(name):
        raise RefusedError(
            f"{name!r} is not the name of a distribution",
            hint="it has at most 200 characters: letters, digits and the signs . _ + ! -",
        )
    kind = kind_of(name)
    try:
        if kind is Kind.WHEEL:
            return *parse_wheel_filename(name)[:2], kind
        if kind is Kind.SDIST:
            return *parse_sdist_filename(name), kind
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidName, InvalidVersion) as err:
        raise RefusedError(f"the file name {name} does not parse: {err}", hint=_REBUILD) from err
    raise RefusedError(f"{name} is neither a wheel nor a .tar.gz sdist", hint="a release contains nothing else")


def kind_of(file_name: str) -> Kind | None:
    """Return the kind of a distribution by its file name; None for any other file."""
    if file_name.endswith(".whl"):
        return Kind.WHEEL
    return Kind.SDIST if file_name.endswith(".tar.gz") else None


def read_members(path: Path, bounds: Bounds = _BOUNDS) -> Iterator[tuple[Member, Iterator[bytes]]]:
    """Yield the members of a wheel or sdist with their content in pieces, without extracting anything.

    A content has to be read before the next member; that of a member not `plain` cannot be read.

    Raises: UnreadableError if the file is missing or damaged, or contains too much, also from the pieces.
    """
    read = _zip_members if kind_of(path.name) is Kind.WHEEL else _tar_members
    left = bounds.size
    with _refuse_damage(path):
        for number, (member, open_member) in enumerate(read(path)):
            # What a member announces is believed where it is too much: gzip files are read through to the next.
            if number >= bounds.members or (left := left - max(member.size, 0)) < 0:
                limits = f"{bounds.members} members and {bounds.size} bytes"
                raise UnreadableError(f"{path.name} contains more than {limits}", hint=_REBUILD)
            with closing(_pieces(path, member, open_member)) as pieces:
                yield member, pieces


@contextmanager
def open_sdist(path: Path) -> Iterator[tarfile.TarFile]:
    """Open an sdist, and check at the end that it is complete.

    Raises: one of DAMAGED if it is not readable.
    """
    with gzip.open(path) as packed, tarfile.open(fileobj=packed, mode="r:") as sdist:
        yield sdist
        # tarfile takes a damaged header for the end of the archive, and leaves the rest of the gzip file unread.
        sdist.getmembers()
        packed.seek(sdist.offset)
        if packed.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("the archive is cut off or has a damaged header")
        while packed.read(_PIECE):
            pass


def has_zip_comment(path: Path) -> bool:
    """Check whether a wheel has a ZIP comment.

    Raises: UnreadableError if the file is missing or damaged.
    """
    with _refuse_damage(path), zipfile.ZipFile(path) as wheel:
        return bool(wheel.comment)


def requires_python(metadata: bytes) -> str | None:
    """Return the Requires-Python of core metadata, if there is one."""
    return parse_metadata(metadata).get("requires_python")


def project_urls(metadata: bytes) -> dict[str, str]:
    """Return the project URLs of core metadata by label."""
    return parse_metadata(metadata).get("project_urls", {})


def parse_metadata(metadata: bytes) -> RawMetadata:
    """Parse core metadata into the fields of the specification; unknown fields are left out."""
    from packaging.metadata import parse_email  # a tenth of a task to import

    raw, _unknown = parse_email(metadata)
    return raw


def has_programs(wheel: Path) -> bool:
    """Check whether installing a wheel creates a program, from an entry point or from its `.data` directory.

    Raises: UnreadableError if the file is missing or damaged.
    Source: entry points specification, and binary distribution format, the `.data` directory.
    """
    for member, pieces in read_members(wheel):
        parts = member.name.split("/")
        if parts[0].endswith(".data") and parts[1:2] == ["scripts"]:
            return True
        is_entry_points = parts[0].endswith(".dist-info") and parts[1:] == ["entry_points.txt"]
        if is_entry_points and _PROGRAMS.search(b"".join(pieces)):
            return True
    return False


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, read piece by piece to save memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_pieces(pieces: Iterable[bytes]) -> bytes:
    """Return the sha256 of content that comes in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()


def start_of(pieces: Iterable[bytes], most: int) -> bytes:
    """Read the first `most` bytes of content, rounded up to a whole piece."""
    read: list[bytes] = []
    size = 0
    for piece in pieces:
        read.append(piece)
        size += len(piece)
        if size > most:
            break
    return b"".join(read)


_OpenMember = Callable[[], IO[bytes] | None]


@contextmanager
def _refuse_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as err:
        kind, reason = kind_of(path.name) or "distribution", str(err) or type(err).__name__
        raise UnreadableError(f"{path.name} is not a readable {kind}: {reason}", hint=_REBUILD) from err


def _pieces(path: Path, member: Member, open_member: _OpenMember) -> Generator[bytes]:
    if not member.plain:
        raise UnreadableError(
            f"{path.name} is compressed in a way the index refuses: {member.name}", hint="use deflate"
        )
    with _refuse_damage(path):
        stream = open_member()
        if stream is not None:
            with stream:
                left = member.size
                while piece := stream.read(_PIECE):
                    left -= len(piece)
                    if left < 0:
                        raise ValueError(f"{member.name} is larger than it says")
                    yield piece


def _zip_members(path: Path) -> Iterator[tuple[Member, _OpenMember]]:
    with zipfile.ZipFile(path) as wheel:
        for info in wheel.infolist():
            kind = MemberKind.DIRECTORY if info.is_dir() else MemberKind.FILE
            mode = info.external_attr >> 16
            attributes = f"time {info.date_time}, mode {mode:o}"
            plain = info.compress_type in _PLAIN
            yield (
                Member(info.filename, info.file_size, kind, mode, attributes=attributes, plain=plain),
                partial(wheel.open, info),
            )


def _tar_members(path: Path) -> Iterator[tuple[Member, _OpenMember]]:
    with open_sdist(path) as sdist:
        for info in sdist:
            yield _tar_member(info), partial(sdist.extractfile, info) if info.isreg() else _no_content


def _no_content() -> None:
    """Stand for the content of a directory, a link or a device."""


def _tar_member(info: tarfile.TarInfo) -> Member:
    if info.isreg() and not info.issparse():
        kind = MemberKind.FILE
    elif info.isdir():
        kind = MemberKind.DIRECTORY
    else:
        kind = MemberKind.LINK if info.issym() or info.islnk() else MemberKind.OTHER
    attributes = f"time {info.mtime}, mode {info.mode:o}, owner {info.uid}:{info.gid}"
    size = info.size if kind in (MemberKind.FILE, MemberKind.OTHER) else 0
    return Member(info.name, size, kind, info.mode, _link_target(info), attributes)


def _link_target(info: tarfile.TarInfo) -> str:
    """Return a link's target as a name in the archive: a symbolic link counts from the directory it is in."""
    if not info.issym() or info.linkname.startswith("/"):
        return info.linkname
    return f"{info.name.rpartition('/')[0]}/{info.linkname}"


def _read_metadata(path: Path, kind: Kind) -> bytes:
    """Read METADATA of the wheel's own dist-info directory, or PKG-INFO of the sdist's one top-level directory."""
    name = "METADATA" if kind is Kind.WHEEL else "PKG-INFO"
    candidates: list[tuple[str, bytes]] = []
    tops: set[str] = set()
    for member, pieces in read_members(path):
        top, _, rest = member.name.removeprefix("./" if kind is Kind.SDIST else "").partition("/")
        tops.add(top)
        if rest == name and member.is_file and (kind is Kind.SDIST or top.endswith(".dist-info")):
            candidates.append((top, start_of(pieces, MAX_METADATA)))
    if kind is Kind.SDIST and len(tops := tops - {"", "."}) != 1:
        raise RefusedError(f"{path.name} has {len(tops)} top-level entries instead of one directory", hint=_REBUILD)
    if len(candidates) != 1:
        raise RefusedError(f"{path.name} contains {len(candidates)} {name} files instead of one", hint=_REBUILD)
    ((directory, metadata),) = candidates
    if kind is Kind.WHEEL and not _same_release(directory.removesuffix(".dist-info"), path.name):
        raise RefusedError(f"{path.name} contains the directory {directory} of another release", hint=_REBUILD)
    if len(metadata) > MAX_METADATA:
        limit = f"{MAX_METADATA // 1024 // 1024} MiB"
        raise RefusedError(f"the core metadata in {path.name} is larger than {limit}", hint="shorten the readme")
    return metadata


def _same_release(stem: str, file_name: str) -> bool:
    """Compare `name-version` with a wheel's file name as name and version, for each has several spellings."""
    name, _, version = stem.rpartition("-")
    try:
        return (canonicalize_name(name), Version(version)) == parse_file_name(file_name)[:2]
    except ValueError:  # InvalidVersion is one, and so is a number of 5,000 digits
        return False


def _identity(file_name: str, metadata: bytes) -> tuple[str, Version]:
    raw = parse_metadata(metadata)
    missing = [label for label, key in _REQUIRED.items() if key not in raw]
    if missing:
        raise RefusedError(f"the core metadata in {file_name} lacks {', '.join(missing)}", hint=_REBUILD)
    try:
        canonicalize_name(raw["name"], validate=True)
        return raw["name"], Version(raw["version"])
    except ValueError as err:  # InvalidName and InvalidVersion are, and so is a number of 5,000 digits
        why = str(err)[:_REASON]
        raise RefusedError(f"the core metadata in {file_name} is wrong: {why}", hint="fix pyproject.toml") from err


_REQUIRED = {"Metadata-Version": "metadata_version", "Name": "name", "Version": "version"}
