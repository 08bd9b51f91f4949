"""Find what the index refuses in the core metadata. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from typing import Literal

from packaging.metadata import ExceptionGroup, InvalidMetadata, Metadata, RawMetadata
from packaging.version import InvalidVersion, Version

from release_channels.adapters.distributions import Kind
from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import error, note, summarize

_OLDEST, _NEWEST = Version("1.0"), Version("2.5")
_LICENSES_SINCE = Version("2.4")
_SUMMARY = 512  # characters
_LABEL = 32  # characters
_REASONED = {"metadata_version", "summary"}  # fields that have a rule of their own below
_URL_FIELDS: Mapping[str, Literal["home_page", "download_url"]] = {
    "Home-page": "home_page",
    "Download-URL": "download_url",
}
_ADDRESS_FIELDS: Mapping[str, Literal["author_email", "maintainer_email"]] = {
    "Author-email": "author_email",
    "Maintainer-email": "maintainer_email",
}

Problem = tuple[str, str]
"""A message and a hint."""


def check_metadata(archive: Archive) -> Iterator[Finding]:
    """Find invalid core metadata of a distribution.

    Source: core metadata specification, and the limits of the index on top of it.
    """
    if archive.metadata is None:
        return
    yield from check_fields(archive)
    for message, hint in _license_file_problems(archive):
        yield error(archive.name, message, hint)
    if not archive.fields.get("requires_python"):
        message = "declares no Requires-Python, so installers offer it to every Python"
        yield note(archive.name, message, "set `requires-python`")


def check_fields(archive: Archive) -> Iterator[Finding]:
    """Find invalid fields of core metadata, without reading the rest of the archive."""
    for rule in _FIELD_RULES:
        for message, hint in rule(archive):
            yield error(archive.name, message, hint)


def invalid_fields(archive: Archive) -> Iterator[Problem]:
    """Find every field that the core metadata specification does not allow."""
    for name, values in archive.unparsed.items():
        yield f"the field {name!r} is unknown or malformed ({summarize(values)[:80]})", "update the build backend"
    fields: RawMetadata = archive.fields.copy()
    if _metadata_version(archive) < _LICENSES_SINCE:
        fields.pop("license_files", None)  # Setuptools wrote it before it existed; uploaders leave it out.
    try:
        Metadata.from_raw(fields)
    except ExceptionGroup as group:
        for problem in group.exceptions:
            if not (isinstance(problem, InvalidMetadata) and problem.field.replace("-", "_") in _REASONED):
                yield f"metadata: {problem}", "correct it in pyproject.toml"


def _metadata_version_problems(archive: Archive) -> Iterator[Problem]:
    written = archive.fields.get("metadata_version", "")
    if not _OLDEST <= _metadata_version(archive) <= _NEWEST:
        message = f"metadata version {written!r} is not within {_OLDEST} and {_NEWEST}, which the index takes"
        yield message, "pin a build backend that writes one of these"


def _summary_problems(archive: Archive) -> Iterator[Problem]:
    summary = archive.fields.get("summary", "")
    if len(summary) > _SUMMARY:
        yield f"the summary has {len(summary)} characters, {_SUMMARY} are allowed", "shorten `description`"
    if len(summary.splitlines()) > 1:
        yield "the summary has more than one line", "make `description` one line"


def _classifier_problems(archive: Archive) -> Iterator[Problem]:
    """Find classifiers that the index does not know, no longer takes, or takes as the wish not to be published."""
    from trove_classifiers import classifiers, deprecated_classifiers

    for classifier in archive.fields.get("classifiers", []):
        if classifier.startswith("Private ::"):
            yield f"the classifier {classifier!r} keeps the project off the index", "remove it to publish"
        elif classifier in deprecated_classifiers:
            instead = summarize(map(repr, deprecated_classifiers[classifier]))
            hint = f"write {instead}" if instead else "remove it; it has no replacement"
            yield f"the classifier {classifier!r} is deprecated", hint
        elif classifier not in classifiers:
            yield f"the classifier {classifier!r} does not exist", _nearest(classifier, classifiers)


def _nearest(classifier: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(classifier, sorted(known), n=1)
    return f"did you mean {close[0]!r}?" if close else "remove it"


def _url_problems(archive: Archive) -> Iterator[Problem]:
    """Find URLs that the index refuses: a label that is too long, or a scheme other than http or https."""
    labelled = archive.fields.get("project_urls", {})
    for label in labelled:
        if len(label) > _LABEL:
            message = f"the URL label {label!r} has {len(label)} characters, {_LABEL} are allowed"
            yield message, "shorten it under [project.urls]"
    others = {label: archive.fields.get(field, "") for label, field in _URL_FIELDS.items()}
    for label, url in (*labelled.items(), *others.items()):
        if url and not url.lower().startswith(("http://", "https://")):
            yield f"the URL {label!r} is {url!r}, not http or https", "write the full web address"


def _address_problems(archive: Archive) -> Iterator[Problem]:
    for label, field in _ADDRESS_FIELDS.items():
        value = archive.fields.get(field, "")
        user, at, host = parseaddr(value)[1].rpartition("@")
        if value and not (user and at and "." in host.strip(".")):
            yield f"{label} is {value!r}, not an e-mail address", "correct it in pyproject.toml"


def _license_file_problems(archive: Archive) -> Iterator[Problem]:
    """Find license files that the metadata promise and the archive does not hold.

    Source: License-File of the core metadata specification, version 2.4 (once PEP 639).
    """
    if _metadata_version(archive) < _LICENSES_SINCE:
        return
    directory = f"{summarize(archive.dist_infos, 1)}/licenses" if archive.kind is Kind.WHEEL else archive.roots[0]
    members = {member.name for member in archive.files}
    for path in archive.fields.get("license_files", []):
        if f"{directory}/{path}" not in members:
            yield f"License-File {path!r} is not there ({directory}/{path})", "correct `license-files`"


_FIELD_RULES = (
    invalid_fields,
    _metadata_version_problems,
    _summary_problems,
    _classifier_problems,
    _url_problems,
    _address_problems,
)


def _metadata_version(archive: Archive) -> Version:
    """Parse the version of the metadata; an invalid one counts as 0, which no rule accepts."""
    try:
        return Version(archive.fields.get("metadata_version", "0"))
    except InvalidVersion:
        return Version("0")
