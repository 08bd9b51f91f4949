"""Refuse distributions that are unsafe to unpack or install."""

from __future__ import annotations

import csv
from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from posixpath import normpath

from release_channels.adapters.distributions import (
    MAX_TEXT,
    Kind,
    Member,
    MemberKind,
    UnreadableError,
    kind_of,
    read_members,
    sha256_of_pieces,
    start_of,
)

_REBUILD = "build it again with the build session; do not repack distributions by hand"


def refuse_unsafe_archive(path: Path) -> None:
    """Read a whole distribution and refuse one that is unsafe to unpack or install.

    Raises: UnreadableError for a path or a link that leads out, a device, a name more than once, and a RECORD that is
    not the wheel's.
    """
    members: list[Member] = []
    digests: dict[str, bytes] = {}
    record = b""
    for member, pieces in read_members(path):
        members.append(member)
        if member.is_file and is_record(member.name):
            record = start_of(pieces, MAX_TEXT)
        elif member.is_file:
            digests[member.name] = sha256_of_pieces(pieces)
    if problem := next(_problems(members), ""):
        raise UnreadableError(f"{path.name} {problem}", hint=_REBUILD)
    if kind_of(path.name) is Kind.WHEEL and (problem := next(_record_problems(members, digests, record), "")):
        raise UnreadableError(f"{path.name}: {problem}", hint=_REBUILD)


def _problems(members: Sequence[Member]) -> Iterator[str]:
    roots = {member.name.partition("/")[0] for member in members}
    seen: set[str] = set()
    for member in members:
        if leads_out(member.name):
            yield f"contains a path that leads out of it: {member.name!r}"
        if member.kind is MemberKind.LINK and links_out(member, roots):
            yield f"contains a link that leads out of it: {member.name!r} -> {member.target!r}"
        if member.kind is MemberKind.OTHER:
            yield f"contains a device, a pipe or a sparse file: {member.name!r}"
        name = member.name.rstrip("/")
        if name in seen and member.kind is not MemberKind.DIRECTORY:
            yield f"contains {name!r} more than once"
        seen.add(name)


def _record_problems(members: Sequence[Member], digests: dict[str, bytes], record: bytes) -> Iterator[str]:
    rows = {row[0]: row for row in csv.reader(record.decode("utf-8", "replace").splitlines()) if row}
    files = {member.name: member for member in members if member.is_file}
    for name, member in files.items():
        if name not in rows and not is_unrecorded(name):
            yield f"RECORD leaves out {name!r}"
        if name in rows and differs_from_record(member, rows[name], digests.get(name)):
            yield f"RECORD has another hash or size for {name!r}"
    for name in rows.keys() - files.keys():
        yield f"RECORD lists {name!r}, which the wheel does not contain"


def leads_out(name: str) -> bool:
    """Check whether a member's name is absolute, climbs out (POSIX or Windows path), or contains a NUL."""
    parts = name.replace("\\", "/").split("/")
    return not parts[0] or parts[0].endswith(":") or ".." in parts or "\0" in name


def links_out(member: Member, roots: Collection[str]) -> bool:
    """Check whether a link points out of an archive with these top-level names."""
    return normpath(member.target).partition("/")[0] not in roots


def differs_from_record(member: Member, row: Sequence[str], digest: bytes | None) -> bool:
    """Check whether a file differs from its line in RECORD.

    RECORD cannot carry its own hash, and its signatures have none; a digest other than sha256 is not compared.
    """
    if is_unrecorded(member.name) or len(row) != 3:
        return False
    algorithm, _, recorded = row[1].partition("=")
    if not recorded or (row[2] and row[2] != str(member.size)):
        return True
    if algorithm != "sha256" or digest is None:
        return False
    return recorded != urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_record(name: str) -> bool:
    """Check whether a member is the RECORD of a wheel."""
    return name.endswith(".dist-info/RECORD") and name.count("/") == 1


def is_unrecorded(name: str) -> bool:
    """Check whether a member has no digest in RECORD: RECORD itself and its signatures."""
    return name.endswith((".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s"))
