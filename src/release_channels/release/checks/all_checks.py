"""Find everything that the index would refuse or that would break for a user, before the upload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from release_channels.adapters.distributions import Kind, UnreadableError, kind_of
from release_channels.adapters.process import run_parallel
from release_channels.model.findings import Finding
from release_channels.release.checks import (
    contents,
    dependencies,
    entry_points,
    filenames,
    metadata,
    module_versions,
    size_limits,
    unwanted_files,
)
from release_channels.release.checks.archive import Archive, read_archive
from release_channels.release.checks.context import CheckContext, error, sort_findings, warning
from release_channels.release.checks.imports import check_imports
from release_channels.release.checks.readme import check_readme


def check_release(subject: CheckContext) -> tuple[Finding, ...]:
    """Run all checks on the files of one release, and return all findings, worst first."""
    archives, damaged = _read_all(subject.files)
    previous, unread = _read_previous(subject)
    groups: tuple[Callable[[], list[Finding]], ...] = (
        lambda: list(check_files(subject, archives, previous)),
        lambda: check_readme(subject, archives),
        lambda: check_imports(subject, archives, previous),
    )
    found = [*damaged, *unread, *(finding for group in run_parallel(*groups) for finding in group)]
    return sort_findings(found, subject.allow)


def _read_all(files: Sequence[Path]) -> tuple[list[Archive], list[Finding]]:
    """Read each file once; one that cannot be read is a finding, and the others are checked."""
    archives: list[Archive] = []
    damaged: list[Finding] = []
    for path in files:
        if kind_of(path.name) is None:
            continue  # a foreign file, which filenames.check_set reports
        try:
            archives.append(read_archive(path))
        except UnreadableError as err:
            damaged.append(error(path.name, _reason(err, path), err.hint))
    return archives, damaged


def _read_previous(subject: CheckContext) -> tuple[Archive | None, list[Finding]]:
    """Read the newest release's wheel; without it nothing is compared."""
    if subject.previous is None:
        return None, []
    try:
        return read_archive(subject.previous), []
    except UnreadableError as err:
        hint = "compare the scripts of both releases by hand"
        message = f"the newest release's file {_reason(err, subject.previous)}"
        return None, [warning(subject.previous.name, message, hint)]


def _was_published(subject: CheckContext, previous: Archive | None, digest: bytes) -> bool:
    """Return whether the newest release has a file with this digest; its sdist is read only where its wheel has none.

    What cannot be read excuses nothing.
    """
    if previous is not None and digest in previous.digests.values():
        return True
    sdist = subject.sdist_before()
    try:
        return sdist is not None and digest in read_archive(sdist).digests.values()
    except UnreadableError:
        return False


def _reason(err: UnreadableError, path: Path) -> str:
    """Return the message without the file's name, which a finding has apart."""
    return str(err).removeprefix(f"{path.name} ")


def check_files(subject: CheckContext, archives: Sequence[Archive], previous: Archive | None) -> Iterator[Finding]:
    """Run the checks that only read the files, without programs and network."""
    yield from filenames.check_set(subject)
    existing = [(path.name, path.stat().st_size) for path in subject.files if path.is_file()]
    for name, size in existing:
        yield from size_limits.check_file_size(subject, name, size)
    yield from size_limits.check_project_size(subject, (size for _, size in existing))
    for path in subject.files:
        yield from filenames.check_file_name(subject, path)
    for archive in archives:
        yield from _check_archive(subject, archive, previous)


def _check_archive(subject: CheckContext, archive: Archive, previous: Archive | None) -> Iterator[Finding]:
    yield from filenames.check_identity(subject, archive)
    yield from metadata.check_metadata(archive)
    yield from dependencies.check_dependencies(subject, archive)
    yield from dependencies.check_local_version(subject, archive)
    yield from contents.check_contents(archive)
    yield from size_limits.check_ratio(archive)
    yield from unwanted_files.check_unwanted_files(
        subject, archive, previous, partial(_was_published, subject, previous)
    )
    if archive.kind is Kind.WHEEL:
        yield from module_versions.check_module_versions(subject, archive)
        yield from entry_points.check_entry_points(archive)
        yield from entry_points.check_lost_scripts(subject, archive, previous)
