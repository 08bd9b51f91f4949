"""Each distribution read once, into plain values that every check looks at; nothing is extracted."""

from __future__ import annotations

import hashlib
import re
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO

from packaging.metadata import RawMetadata, parse_email

from release_channels.errors import ReleaseError

_BLOCK = 1 << 20
_KEPT = re.compile(
    r"[^/]+\.dist-info/(METADATA|RECORD|WHEEL|entry_points\.txt)|[^/]+/PKG-INFO|(.*/)?[^/]+\.pem", re.IGNORECASE
)
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What the two modules raise for a file that is damaged, cut off, encrypted, or not of its kind at all.
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError)


class UnreadableError(ReleaseError):
    """A distribution cannot be read."""


class Kind(StrEnum):
    """The two kinds of distribution that are published."""

    SDIST = "sdist"
    WHEEL = "wheel"


class MemberKind(StrEnum):
    """What a member of an archive is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "device, pipe or sparse file"


@dataclass(frozen=True, slots=True)
class Member:
    """One member of an archive; `sha256` is known for the files of a wheel, `target` for links."""

    name: str
    size: int
    kind: MemberKind = MemberKind.FILE
    mode: int = 0
    sha256: bytes | None = None
    target: str = ""
    plain: bool = True  # stored or deflated, which is all that an index takes

    @property
    def is_file(self) -> bool:
        """Return whether this is an ordinary file."""
        return self.kind is MemberKind.FILE

    @property
    def base(self) -> str:
        """Return the last part of the name."""
        return self.name.rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Archive:
    """What one distribution holds: its members, the texts that say what it is, and its parsed core metadata."""

    path: Path
    kind: Kind
    size: int
    members: tuple[Member, ...]
    texts: Mapping[str, bytes]
    comment: bool = False
    fields: RawMetadata = field(default_factory=RawMetadata)
    unparsed: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.name

    @property
    def files(self) -> tuple[Member, ...]:
        """List the ordinary files."""
        return tuple(member for member in self.members if member.is_file)

    @property
    def roots(self) -> tuple[str, ...]:
        """List the first parts of all names, in order and once each."""
        return tuple(dict.fromkeys(member.name.partition("/")[0] for member in self.members))

    @property
    def dist_infos(self) -> tuple[str, ...]:
        """List the `.dist-info` directories at the top of a wheel; its own is first, and there should be no other."""
        own = "-".join(self.name.split("-")[:2]) + ".dist-info"
        found = [root for root in self.roots if root.endswith(".dist-info")]
        return tuple(sorted(found, key=lambda root: root != own))

    @property
    def metadata(self) -> bytes | None:
        """Return METADATA of a wheel or PKG-INFO of an sdist, if it is where it belongs."""
        if self.kind is Kind.WHEEL:
            return self.about("METADATA")
        return self.texts.get(f"{self.roots[0]}/PKG-INFO") if self.roots else None

    def about(self, name: str) -> bytes | None:
        """Return a text of the wheel's `.dist-info` directory, if it is there."""
        return self.texts.get(f"{self.dist_infos[0]}/{name}") if self.dist_infos else None


def kind_of(path: Path) -> Kind | None:
    """Report the kind of a distribution from its file name, None for what is not one.

    Source: source distribution file name (once PEP 625) and wheel file name specifications.
    """
    if path.name.endswith(".whl"):
        return Kind.WHEEL
    return Kind.SDIST if path.name.endswith(".tar.gz") else None


def read_archive(path: Path) -> Archive:
    """Read a distribution once, from beginning to end.

    Raises: UnreadableError if it is damaged, missing, or no distribution.
    """
    kind = kind_of(path)
    if kind is None:
        raise UnreadableError(f"{path.name} is neither a wheel nor an sdist")
    try:
        archive = _read_wheel(path) if kind is Kind.WHEEL else _read_sdist(path)
    except _BROKEN as err:
        reason = f"{type(err).__name__}: {err}" if str(err) else type(err).__name__
        raise UnreadableError(f"cannot be read ({reason})", hint="build it again") from err
    return _with_fields(archive)


def _with_fields(archive: Archive) -> Archive:
    """Add the parsed core metadata."""
    fields, unparsed = parse_email(archive.metadata or b"")
    return Archive(
        archive.path, archive.kind, archive.size, archive.members, archive.texts, archive.comment, fields, unparsed
    )


def _read_wheel(path: Path) -> Archive:
    texts: dict[str, bytes] = {}
    with zipfile.ZipFile(path) as opened:
        members = tuple(_zip_member(opened, info, texts) for info in opened.infolist())
        return Archive(path, Kind.WHEEL, path.stat().st_size, members, texts, comment=bool(opened.comment))


def _zip_member(opened: zipfile.ZipFile, info: zipfile.ZipInfo, texts: dict[str, bytes]) -> Member:
    mode = info.external_attr >> 16
    if info.is_dir():
        return Member(info.filename, 0, MemberKind.DIRECTORY, mode)
    if info.compress_type not in _READABLE:
        return Member(info.filename, info.file_size, mode=mode, plain=False)
    with opened.open(info) as stream:
        digest = _read_stream(info.filename, stream, texts)
    return Member(info.filename, info.file_size, mode=mode, sha256=digest)


def _read_sdist(path: Path) -> Archive:
    texts: dict[str, bytes] = {}
    with tarfile.open(path, "r:gz") as opened:
        members = tuple(_tar_member(opened, info, texts) for info in opened)
    return Archive(path, Kind.SDIST, path.stat().st_size, members, texts)


def _tar_member(opened: tarfile.TarFile, info: tarfile.TarInfo, texts: dict[str, bytes]) -> Member:
    if info.isfile() and not info.issparse():
        stream = opened.extractfile(info) if _KEPT.fullmatch(info.name) else None
        if stream is not None:
            with stream:
                _read_stream(info.name, stream, texts)
        return Member(info.name, info.size, mode=info.mode)
    if info.isdir():
        return Member(info.name, 0, MemberKind.DIRECTORY, info.mode)
    if info.issym() or info.islnk():
        return Member(info.name, 0, MemberKind.LINK, info.mode, target=_link_target(info))
    return Member(info.name, info.size, MemberKind.OTHER, info.mode)


def _link_target(info: tarfile.TarInfo) -> str:
    """Return a link's target as a name in the archive: a symbolic link counts from the directory it is in."""
    if info.islnk() or info.linkname.startswith("/"):
        return info.linkname
    return f"{info.name.rpartition('/')[0]}/{info.linkname}"


def _read_stream(name: str, stream: IO[bytes], texts: dict[str, bytes]) -> bytes:
    """Read to the end, give the sha256 and keep the texts that a check looks at."""
    digest = hashlib.sha256()
    kept = bytearray()
    keep = _KEPT.fullmatch(name) is not None
    while block := stream.read(_BLOCK):
        digest.update(block)
        if keep:
            kept += block
    if keep:
        texts[name] = bytes(kept)
    return digest.digest()
