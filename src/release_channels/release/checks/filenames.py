"""Find files that are missing, unexpected, or not of the planned release. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from release_channels.adapters.distributions import Kind, kind_of
from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, summarize, warning

_BACKEND = "update the build backend, which writes this name"


def check_set(subject: CheckContext) -> Iterator[Finding]:
    """Find missing or unexpected files: a release is one sdist and at least one wheel.

    Source: the index takes one sdist per release, and no other file types.
    """
    names = [path.name for path in subject.files]
    sdists = [name for name in names if kind_of(name) is Kind.SDIST]
    if not sdists:
        yield error("", "there is no sdist among the files", "build one: `nox -s build`")
    if len(sdists) > 1:
        yield error("", f"there are {len(sdists)} sdists: {summarize(sdists)}", "empty dist/ and build again")
    if Kind.WHEEL not in map(kind_of, names):
        yield error("", "there is no wheel among the files", "build one: `nox -s build`")
    for name, count in Counter(names).items():
        if kind_of(name) is None:
            yield error(name, "is neither a wheel (.whl) nor an sdist (.tar.gz)", "take it out of the release")
        if count > 1:
            yield error(name, f"{count} files have this name", "empty dist/ and build again")


def check_file_name(subject: CheckContext, path: Path) -> Iterator[Finding]:
    """Find invalid file names, which uv skips while it reports success.

    Source: source distribution file name (once PEP 625) and wheel file name specifications.
    """
    kind = kind_of(path.name)
    if kind is Kind.WHEEL:
        yield from _check_wheel_name(subject, path.name)
    elif kind is Kind.SDIST:
        name, _, version = path.name.removesuffix(".tar.gz").rpartition("-")
        yield from _check_parts(subject, path.name, name, version)


def _check_wheel_name(subject: CheckContext, file: str) -> Iterator[Finding]:
    try:
        tags = parse_wheel_filename(file)[3]
    except InvalidWheelFilename as err:
        yield error(file, f"is not a name for a wheel: {err}", _BACKEND)
        return
    name, version = file.split("-")[:2]
    yield from _check_parts(subject, file, name, version)
    # Source: the index takes no wheel that is tied to an unnamed Linux.
    tied = sorted({tag.platform for tag in tags if tag.platform.startswith("linux_")})
    if tied:
        # On the local index it can be practised all the same; no upload of it to another index would succeed.
        severity = warning if subject.practice else error
        yield severity(
            file, f"the index takes no wheel for {summarize(tied)}", "a release needs a wheel built for manylinux"
        )


def _check_parts(subject: CheckContext, file: str, name: str, version: str) -> Iterator[Finding]:
    expected = canonicalize_name(subject.project).replace("-", "_")
    if canonicalize_name(name) != canonicalize_name(subject.project):
        yield error(file, f"belongs to the project {name!r}, not {subject.project!r}", "empty dist/ and build again")
    elif name != expected:
        yield error(file, f"the name part is {name!r}, the normalized form is {expected!r}", _BACKEND)
    parsed = _version(version)
    if parsed is None:
        yield error(file, f"{version!r} in the file name is not a version", _BACKEND)
    elif parsed != subject.version:
        yield error(file, f"the file name says version {version}, the plan {subject.version}", "build again")
    elif str(parsed) != version:
        yield error(file, f"the version part is {version!r}, the normal form is '{parsed}'", _BACKEND)


def check_identity(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Find core metadata that differ from the plan; versions are compared as versions.

    Source: the index wants the sdist's name to carry the version of its metadata, digit for digit.
    """
    where = "METADATA" if archive.kind is Kind.WHEEL else "PKG-INFO"
    if archive.metadata is None:
        yield error(
            archive.name, f"has no {where}", "build again; if that does not help, report it to the build backend"
        )
        return
    name, written = archive.fields.get("name", ""), archive.fields.get("version", "")
    if canonicalize_name(name) != canonicalize_name(subject.project):
        yield error(archive.name, f"{where} names the project {name!r}, not {subject.project!r}", "build again")
    version = _version(written)
    if version != subject.version:
        yield error(archive.name, f"{where} says version {written!r}, the plan {subject.version}", "build again")
    elif archive.kind is Kind.SDIST and not archive.name.endswith(f"-{version}.tar.gz"):
        yield error(archive.name, f"the file name must end in '-{version}.tar.gz', as PKG-INFO has it", _BACKEND)
    yield from _check_dist_info(subject, archive)


def _check_dist_info(subject: CheckContext, archive: Archive) -> Iterator[Finding]:
    """Compare the name of the wheel's `.dist-info` directory, by which installers find the metadata."""
    for directory in archive.dist_infos:
        name, _, version = directory.removesuffix(".dist-info").rpartition("-")
        if canonicalize_name(name) != canonicalize_name(subject.project) or _version(version) != subject.version:
            yield error(archive.name, f"{directory} is not named after {subject.project} {subject.version}", _BACKEND)


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None
