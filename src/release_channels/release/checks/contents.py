"""Find archives that are not built as installers and the index expect it. Pure."""

from __future__ import annotations

import csv
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterator
from posixpath import normpath

from release_channels.adapters.distributions import Kind, Member, MemberKind
from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import error, list_errors, summarize

_AGAIN = "build again; if it stays so, the build backend is at fault"


def check_contents(archive: Archive) -> Iterator[Finding]:
    """Find what is wrong with how an archive is built."""
    yield from check_members(archive)
    if archive.kind is Kind.WHEEL:
        yield from check_wheel_layout(archive)
        yield from check_record(archive)
    else:
        yield from check_sdist_layout(archive)


def check_members(archive: Archive) -> Iterator[Finding]:
    """Find members that cannot be unpacked safely, and those for which the index refuses the archive.

    Source: source distribution format, source distribution archive features (once PEP 721) and binary distribution
    format; the index refuses duplicates, comments, and members that are neither stored nor deflated.
    """
    members = archive.members
    names = Counter(member.name.rstrip("/") for member in members if member.kind is not MemberKind.DIRECTORY)
    links = [f"{member.name} -> {member.target}" for member in members if _links_out(archive, member)]
    odd = [member.name for member in members if member.kind is MemberKind.OTHER]
    packed = [member.name for member in members if not member.plain]
    yield from list_errors(
        archive.name,
        (
            (filter(_leads_out, (member.name for member in members)), "contains paths that lead out of it", _AGAIN),
            ((name for name, count in names.items() if count > 1), "contains a name more than once", _AGAIN),
            (odd, "contains a device, a pipe or a sparse file", "leave it out of the build"),
            (links, "contains links that lead out of it", "put the file itself there"),
            (packed, "is compressed in a way the index refuses", "use deflate"),
        ),
    )
    if archive.comment:
        yield error(archive.name, "carries a ZIP comment, which the index refuses", _AGAIN)


def check_sdist_layout(archive: Archive) -> Iterator[Finding]:
    """Find an sdist that is not one directory named after it, with PKG-INFO in it.

    Source: source distribution archive name and contents (once PEP 625 and 643).
    """
    expected = archive.name.removesuffix(".tar.gz")
    if archive.roots != (expected,):
        shown = summarize(archive.roots) or "nothing"
        yield error(archive.name, f"has {shown} at the top, not the one directory {expected}", _AGAIN)


def check_wheel_layout(archive: Archive) -> Iterator[Finding]:
    """Find a wheel without its one `.dist-info` directory or without WHEEL in it.

    Source: binary distribution format (once PEP 427).
    """
    if len(archive.dist_infos) != 1:
        shown = summarize(archive.dist_infos) or "none"
        yield error(archive.name, f"must have one .dist-info directory at the top, has {shown}", _AGAIN)
    if archive.about("WHEEL") is None:
        yield error(archive.name, "has no WHEEL file, without which nothing installs it", _AGAIN)


def check_record(archive: Archive) -> Iterator[Finding]:
    """Find where RECORD and the contents of a wheel disagree.

    Digests other than sha256 are allowed; no backend writes them, so for these only the size is compared.

    Source: recording installed projects, RECORD (once PEP 376 and 627).
    """
    text = archive.about("RECORD")
    if text is None:
        yield error(archive.name, "has no RECORD", _AGAIN)
        return
    rows = [row for row in csv.reader(text.decode("utf-8", "replace").splitlines()) if row]
    recorded = {row[0]: row for row in rows}
    files = {member.name: member for member in archive.files}
    broken = [row[0] for row in rows if len(row) != 3]
    missing = [name for name in sorted(files.keys() - recorded.keys()) if not _unrecorded(name)]
    wrong = [name for name in sorted(files.keys() & recorded.keys()) if _differs(archive, recorded[name], files[name])]
    hint = "do not edit a wheel after the build; build again"
    yield from list_errors(
        archive.name,
        (
            (broken, "RECORD has lines that are not name, hash and size", hint),
            (missing, "RECORD leaves out", hint),
            (sorted(recorded.keys() - files.keys()), "RECORD names what the wheel does not hold", hint),
            (wrong, "RECORD has another hash or size for", hint),
        ),
    )


def _differs(archive: Archive, row: list[str], member: Member) -> bool:
    """Compare a line of RECORD with the file; RECORD cannot carry its own hash, and its signatures have none."""
    if _unrecorded(member.name) or len(row) != 3:
        return False
    algorithm, _, digest = row[1].partition("=")
    if not digest or (row[2] and row[2] != str(member.size)):
        return True
    if algorithm != "sha256" or member.name not in archive.digests:
        return False
    return digest != urlsafe_b64encode(archive.digests[member.name]).rstrip(b"=").decode()


def _unrecorded(name: str) -> bool:
    return name.endswith((".dist-info/RECORD", ".dist-info/RECORD.jws", ".dist-info/RECORD.p7s"))


def _leads_out(name: str) -> bool:
    """Return whether a name is absolute or climbs, read as a POSIX or as a Windows path."""
    parts = name.replace("\\", "/").split("/")
    return not parts[0] or parts[0].endswith(":") or ".." in parts


def _links_out(archive: Archive, member: Member) -> bool:
    return member.kind is MemberKind.LINK and normpath(member.target).partition("/")[0] not in archive.roots
