"""The contents of distributions, read once for all checks, without extracting anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.metadata import RawMetadata, parse_email

from release_channels.adapters.distributions import (
    MAX_TEXT,
    Kind,
    Member,
    UnreadableError,
    has_zip_comment,
    kind_of,
    read_members,
    sha256_of_pieces,
    start_of,
)
from release_channels.errors import RefusedError

_KEPT = re.compile(
    r"[^/]+\.dist-info/(METADATA|RECORD|WHEEL|entry_points\.txt)|[^/]+/PKG-INFO|(.*/)?[^/]+\.(pem|key)"
    r"|[^/]+(/(__init__|_?version|__version__|__about__))?\.py"
    r"|(.*/)?(\.env(\.[^/]*)?|[._]netrc|\.pypirc|\.git-credentials)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Archive:
    """The contents of a distribution: members, sha256 of the files, needed texts, core metadata; `size` in bytes."""

    path: Path
    kind: Kind
    size: int
    members: tuple[Member, ...]
    texts: Mapping[str, bytes]
    digests: Mapping[str, bytes] = field(default_factory=dict)
    comment: bool = False
    fields: RawMetadata = field(default_factory=RawMetadata)
    unparsed: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the file's name."""
        return self.path.name

    @property
    def files(self) -> tuple[Member, ...]:
        """List the regular files."""
        return tuple(member for member in self.members if member.is_file)

    @property
    def roots(self) -> tuple[str, ...]:
        """List the distinct top-level names of the archive's members, in the order of the archive."""
        return tuple(dict.fromkeys(member.name.partition("/")[0] for member in self.members))

    @property
    def dist_infos(self) -> tuple[str, ...]:
        """List the `.dist-info` directories at the top of a wheel, its own first; there should be only one."""
        own = "-".join(self.name.split("-")[:2]) + ".dist-info"
        directories = [root for root in self.roots if root.endswith(".dist-info")]
        return tuple(sorted(directories, key=lambda root: root != own))

    @property
    def metadata(self) -> bytes | None:
        """Return METADATA of a wheel or PKG-INFO of an sdist; None if it is missing."""
        if self.kind is Kind.WHEEL:
            return self.about("METADATA")
        return self.texts.get(f"{self.roots[0]}/PKG-INFO") if self.roots else None

    def about(self, name: str) -> bytes | None:
        """Return a file of the wheel's `.dist-info` directory; None if it is missing."""
        return self.texts.get(f"{self.dist_infos[0]}/{name}") if self.dist_infos else None


def read_archive(path: Path) -> Archive:
    """Read a distribution once, completely.

    Raises: UnreadableError if it is damaged or missing, RefusedError if it is not a distribution.
    """
    kind = kind_of(path.name)
    if kind is None:
        raise RefusedError(f"{path.name} is neither a wheel nor an sdist")
    members: list[Member] = []
    texts: dict[str, bytes] = {}
    digests: dict[str, bytes] = {}
    for member, pieces in read_members(path):
        members.append(member)
        if member.is_file and member.plain:
            if _KEPT.fullmatch(member.name):
                texts[member.name] = _read_text(path, member, pieces)
                pieces = iter([texts[member.name]])
            digests[member.name] = sha256_of_pieces(pieces)
    comment = kind is Kind.WHEEL and has_zip_comment(path)
    archive = Archive(path, kind, path.stat().st_size, tuple(members), texts, digests, comment)
    fields, unparsed = parse_email(archive.metadata or b"")
    return replace(archive, fields=fields, unparsed=unparsed)


def _read_text(path: Path, member: Member, pieces: Iterator[bytes]) -> bytes:
    text = start_of(pieces, MAX_TEXT)
    if len(text) > MAX_TEXT:
        raise UnreadableError(f"{path.name}: {member.name} is larger than {MAX_TEXT} bytes", hint="shorten it")
    return text
