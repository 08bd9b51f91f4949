"""Find archives that installers or the index do not accept. Pure."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator

from release_channels.adapters.archive_guard import differs_from_record, is_unrecorded, leads_out, links_out
from release_channels.adapters.distributions import Kind, MemberKind
from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import error, list_errors, summarize

_AGAIN = "build again; if that does not help, report it to the build backend"


def check_contents(archive: Archive) -> Iterator[Finding]:
    """Find errors in the structure of an archive."""
    yield from check_members(archive)
    if archive.kind is Kind.WHEEL:
        yield from check_wheel_layout(archive)
        yield from check_record(archive)
    else:
        yield from check_sdist_layout(archive)


def check_members(archive: Archive) -> Iterator[Finding]:
    """Find members that are unsafe to unpack, or for which the index rejects the archive.

    Source: source distribution format, source distribution archive features (once PEP 721) and binary distribution
    format; the index refuses duplicates, comments, and members that are neither stored nor deflated.
    """
    members = archive.members
    names = Counter(member.name.rstrip("/") for member in members if member.kind is not MemberKind.DIRECTORY)
    links = [
        f"{member.name} -> {member.target}"
        for member in members
        if member.kind is MemberKind.LINK and links_out(member, archive.roots)
    ]
    odd = [member.name for member in members if member.kind is MemberKind.OTHER]
    packed = [member.name for member in members if not member.plain]
    yield from list_errors(
        archive.name,
        (
            (filter(leads_out, (member.name for member in members)), "contains paths that lead out of it", _AGAIN),
            ((name for name, count in names.items() if count > 1), "contains a name more than once", _AGAIN),
            (odd, "contains a device, a pipe or a sparse file", "leave it out of the build"),
            (links, "contains links that lead out of it", "put the file itself there"),
            (packed, "is compressed in a way the index refuses", "use deflate"),
        ),
    )
    if archive.comment:
        yield error(archive.name, "carries a ZIP comment, which the index refuses", _AGAIN)


def check_sdist_layout(archive: Archive) -> Iterator[Finding]:
    """Find an sdist that is not a single directory named after it with PKG-INFO.

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
    """Find differences between RECORD and the contents of a wheel.

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
    missing = [name for name in sorted(files.keys() - recorded.keys()) if not is_unrecorded(name)]
    wrong = [
        name
        for name in sorted(files.keys() & recorded.keys())
        if differs_from_record(files[name], recorded[name], archive.digests.get(name))
    ]
    hint = "do not edit a wheel after the build; build again"
    yield from list_errors(
        archive.name,
        (
            (broken, "RECORD has lines that are not name, hash and size", hint),
            (missing, "RECORD leaves out", hint),
            (sorted(recorded.keys() - files.keys()), "RECORD lists files that the wheel does not contain", hint),
            (wrong, "RECORD has another hash or size for", hint),
        ),
    )
