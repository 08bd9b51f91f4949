"""What the index refuses in the core metadata. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from email.utils import parseaddr

from packaging.metadata import ExceptionGroup, InvalidMetadata, Metadata, RawMetadata
from packaging.version import InvalidVersion, Version

from release_channels.adapters.distributions import Kind
from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import error, note, summarize

_OLDEST, _NEWEST = Version("1.0"), Version("2.5")
_LICENSES_SINCE = Version("2.4")
_SUMMARY = 512
_LABEL = 32
_REASONED = {"metadata_version", "summary"}  # fields that have a check of their own below


def check_metadata(archive: Archive) -> Iterator[Finding]:
    """Find what is wrong with the core metadata of a distribution.

    Source: core metadata specification, and the limits of the index on top of it.
    """
    if archive.metadata is None:
        return
    yield from check_specification(archive)
    yield from check_metadata_version(archive)
    yield from check_summary(archive)
    yield from check_classifiers(archive)
    yield from check_urls(archive)
    yield from check_addresses(archive)
    yield from check_license_files(archive)
    yield from check_requires_python(archive)


def check_specification(archive: Archive) -> Iterator[Finding]:
    """Find every field that the core metadata specification does not allow."""
    for name, values in archive.unparsed.items():
        shown = summarize(values)[:80]
        yield error(archive.name, f"the field {name!r} is unknown or malformed ({shown})", "update the build backend")
    fields: RawMetadata = archive.fields.copy()
    if _metadata_version(archive) < _LICENSES_SINCE:
        fields.pop("license_files", None)  # Setuptools wrote it before it existed; uploaders leave it out.
    try:
        Metadata.from_raw(fields)
    except ExceptionGroup as group:
        for problem in group.exceptions:
            if not (isinstance(problem, InvalidMetadata) and problem.field.replace("-", "_") in _REASONED):
                yield error(archive.name, f"metadata: {problem}", "correct it in pyproject.toml")


def check_metadata_version(archive: Archive) -> Iterator[Finding]:
    """Find a version of the core metadata that the index does not know."""
    written = archive.fields.get("metadata_version", "")
    if not _OLDEST <= _metadata_version(archive) <= _NEWEST:
        yield error(
            archive.name,
            f"metadata version {written!r} is not within {_OLDEST} and {_NEWEST}, which the index takes",
            "pin a build backend that writes one of these",
        )


def check_summary(archive: Archive) -> Iterator[Finding]:
    """Find a summary that is too long or has several lines."""
    summary = archive.fields.get("summary", "")
    if len(summary) > _SUMMARY:
        yield error(
            archive.name, f"the summary has {len(summary)} characters, {_SUMMARY} are allowed", "shorten `description`"
        )
    if len(summary.splitlines()) > 1:
        yield error(archive.name, "the summary has more than one line", "make `description` one line")


def check_classifiers(archive: Archive) -> Iterator[Finding]:
    """Find classifiers that the index does not know, no longer takes, or takes as the wish not to be published."""
    from trove_classifiers import classifiers, deprecated_classifiers

    for classifier in archive.fields.get("classifiers", []):
        if classifier.startswith("Private ::"):
            yield error(
                archive.name, f"the classifier {classifier!r} keeps the project off the index", "remove it to publish"
            )
        elif classifier in deprecated_classifiers:
            instead = deprecated_classifiers[classifier]
            hint = (
                f"write {summarize(repr(name) for name in instead)}" if instead else "remove it; it has no replacement"
            )
            yield error(archive.name, f"the classifier {classifier!r} is deprecated", hint)
        elif classifier not in classifiers:
            yield error(
                archive.name, f"the classifier {classifier!r} does not exist", _nearest(classifier, classifiers)
            )


def _nearest(classifier: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(classifier, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else "remove it"


def check_urls(archive: Archive) -> Iterator[Finding]:
    """Find links that the index refuses: a label that is too long, an address that is not a web address."""
    for label, url in archive.fields.get("project_urls", {}).items():
        if len(label) > _LABEL:
            yield error(
                archive.name,
                f"the URL label {label!r} has {len(label)} characters, {_LABEL} are allowed",
                "shorten it under [project.urls]",
            )
        yield from _check_url(archive, label, url)
    yield from _check_url(archive, "Home-page", archive.fields.get("home_page", ""))
    yield from _check_url(archive, "Download-URL", archive.fields.get("download_url", ""))


def _check_url(archive: Archive, label: str, url: str) -> Iterator[Finding]:
    if url and not url.lower().startswith(("http://", "https://")):
        yield error(archive.name, f"the URL {label!r} is {url!r}, not http or https", "write the full web address")


def check_addresses(archive: Archive) -> Iterator[Finding]:
    """Find e-mail addresses that cannot be ones."""
    for label, value in (
        ("Author-email", archive.fields.get("author_email", "")),
        ("Maintainer-email", archive.fields.get("maintainer_email", "")),
    ):
        user, at, host = parseaddr(value)[1].rpartition("@")
        if value and not (user and at and "." in host.strip(".")):
            yield error(archive.name, f"{label} is {value!r}, not an e-mail address", "correct it in pyproject.toml")


def check_license_files(archive: Archive) -> Iterator[Finding]:
    """Find license files that the metadata promise and the archive does not hold.

    Source: License-File of the core metadata specification, version 2.4 (once PEP 639).
    """
    if _metadata_version(archive) < _LICENSES_SINCE:
        return
    place = f"{summarize(archive.dist_infos, 1)}/licenses" if archive.kind is Kind.WHEEL else archive.roots[0]
    held = {member.name for member in archive.files}
    for path in archive.fields.get("license_files", []):
        if f"{place}/{path}" not in held:
            yield error(archive.name, f"License-File {path!r} is not there ({place}/{path})", "correct `license-files`")


def check_requires_python(archive: Archive) -> Iterator[Finding]:
    """Note that the metadata do not say which Pythons the project is for."""
    if not archive.fields.get("requires_python"):
        yield note(
            archive.name,
            "says nothing about the Pythons it is for, so installers offer it to all",
            "set `requires-python`",
        )


def _metadata_version(archive: Archive) -> Version:
    """Parse the version of the metadata; what is none counts as 0, which no check accepts."""
    try:
        return Version(archive.fields.get("metadata_version", "0"))
    except InvalidVersion:
        return Version("0")
