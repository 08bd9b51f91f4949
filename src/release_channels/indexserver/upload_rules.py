"""The rules of the real index for an upload, in its order.

Source: upload API documentation and the answers of the index's own implementation (Warehouse). The beginnings of
the texts that clients look for are kept word by word; the rest is ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from release_channels.adapters.distributions import (
    Distribution,
    Kind,
    parse_file_name,
    parse_metadata,
    read_distribution,
)
from release_channels.errors import RefusedError
from release_channels.indexserver.pages import PageFile

MIB = 1024 * 1024
_FILE_TYPES = {"bdist_wheel": Kind.WHEEL, "sdist": Kind.SDIST}
_REQUIRED = (":action", "name", "version", "filetype", "sha256_digest")
_DIGESTS: Mapping[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "md5": partial(hashlib.md5, usedforsecurity=False),
    "blake2_256": partial(hashlib.blake2b, digest_size=32),
}


class UploadRefused(RefusedError):
    """The index does not take a file; `status` is the HTTP status of the refusal."""

    def __init__(self, message: str, *, status: int = 400) -> None:
        super().__init__(message, hint="fix the distribution and upload it again")
        self.status = status


@dataclass(frozen=True, slots=True)
class Limits:
    """The size limits of a file and of all files of a project, in bytes.

    Source: the index's documented defaults, 100 MB and 10 GB.
    """

    file: int = 100 * MIB
    project: int = 10 * 1024 * MIB


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload form as it was sent, and where its file lies until it is taken or not."""

    fields: Mapping[str, str]
    classifiers: Sequence[str]
    requires_dist: Sequence[str]
    path: Path

    @property
    def file_name(self) -> str:
        """Return the name that the client gave to the file."""
        return self.path.name

    @property
    def project(self) -> NormalizedName:
        """Return the normalized name of the project that the form names."""
        return canonicalize_name(self.fields["name"])


def check_form(fields: Mapping[str, str], file_name: str, served: NormalizedName | None) -> None:
    """Check the form before its file is read.

    Raises: UploadRefused for a missing or wrong field, another project, or a file name that cannot be read.
    """
    missing = [key for key in _REQUIRED if not fields.get(key)]
    if missing or not file_name:
        raise UploadRefused(f"The form lacks {', '.join(missing or ['content'])}.")
    if fields[":action"] != "file_upload" or fields.get("protocol_version", "1") != "1":
        raise UploadRefused("Only :action file_upload of protocol version 1 is known.")
    if fields["filetype"] not in _FILE_TYPES:
        raise UploadRefused(f"Unknown type of file: {fields['filetype']!r}.")
    if served is not None and canonicalize_name(fields["name"]) != served:
        raise UploadRefused(f"This index takes files of {served} alone, not of {fields['name']}.")
    _check_public(fields["version"])
    try:
        _, _, kind = parse_file_name(file_name)
    except RefusedError as err:
        raise UploadRefused(f"Invalid file name: {err}.") from err
    if kind is not _FILE_TYPES[fields["filetype"]]:
        raise UploadRefused(f"The file {file_name} is not a {fields['filetype']}.")


def check_metadata(classifiers: Iterable[str], requires_dist: Iterable[str]) -> None:
    """Check the classifiers and dependencies of the form or the core metadata.

    Raises: UploadRefused for a project that must not be uploaded, or a dependency on a URL.
    """
    private = [label for label in classifiers if label.lower().startswith("private ::")]
    if private:
        raise UploadRefused(f"The classifier {private[0]!r} forbids the upload.")
    for text in requires_dist:
        try:
            direct = Requirement(text).url is not None
        except InvalidRequirement as err:
            raise UploadRefused(f"The dependency {text!r} does not parse.") from err
        if direct:
            raise UploadRefused(f"The dependency {text!r} is a URL, which no index takes.")


def check_file(upload: Upload, limits: Limits) -> Mapping[str, str]:
    """Check the size and the digests of the file, and return the digests.

    Raises: UploadRefused if it is too large, or not what the form announces.
    """
    if upload.path.stat().st_size > limits.file:
        raise too_large(upload.project, limits)
    digests = _digests(upload.path)
    for key, digest in digests.items():
        announced = upload.fields.get(f"{key}_digest", digest)
        if announced.lower() != digest:
            raise UploadRefused(f"The {key} digest in the form is not that of the file.")
    return digests


def is_duplicate(upload: Upload, digests: Mapping[str, str], listed: Sequence[PageFile]) -> bool:
    """Return whether the index contains exactly this file already.

    Raises: UploadRefused if the name is taken by other bytes, or the bytes are there under another name.
    """
    for file in listed:
        same_name, same_bytes = file.name == upload.file_name, file.hashes.get("sha256") == digests["sha256"]
        if same_name and same_bytes:
            return True
        if same_name or same_bytes:
            raise already_exists(upload, digests)
    return False


def check_release(upload: Upload, limits: Limits, listed: Sequence[PageFile]) -> None:
    """Check the file against the others of its project.

    Raises: UploadRefused if the project grows too large, or its release has an sdist.
    """
    if sum(file.size or 0 for file in listed) + upload.path.stat().st_size > limits.project:
        limit = limits.project // (1024 * MIB) or limits.project / (1024 * MIB)
        raise UploadRefused(f"Project size too large. Limit for project {upload.project!r} total size is {limit:g} GB.")
    _, version, kind = parse_file_name(upload.file_name)
    if kind is Kind.SDIST and any(_is_sdist_of(file.name, version) for file in listed):
        raise UploadRefused("Only one sdist may be uploaded per release.")


def check_distribution(upload: Upload) -> None:
    """Open the file and compare its core metadata with the form and with its name.

    Raises: UploadRefused for a file that is broken, wrongly named, or of another release than the form's.
    """
    try:
        distribution = read_distribution(upload.path)
    except RefusedError as err:
        raise UploadRefused(f"Invalid distribution file. {err}.") from err
    raw = parse_metadata(distribution.metadata)
    _check_public(raw["version"])
    check_metadata(raw.get("classifiers", []), raw.get("requires_dist", []))
    form = (upload.project, Version(upload.fields["version"]))
    inside = (canonicalize_name(distribution.name), distribution.version)
    if form != inside:
        raise UploadRefused(
            f"Invalid distribution file. The form says {form[0]} {form[1]}, the file says {inside[0]} {inside[1]}."
        )
    _check_normal_name(distribution)


def not_allowed(project: str, *, exists: bool) -> UploadRefused:
    """Format the refusal of a good token that is another project's.

    Source: warehouse/forklift/legacy.py: a token of Trusted Publishing makes no project.
    """
    if exists:
        return UploadRefused(f"The given token isn't allowed to upload to project {project!r}.", status=403)
    return UploadRefused(
        "Non-user identities cannot create new projects. This was probably caused by successfully using a pending "
        "publisher but specifying the project name incorrectly (either in the publisher or in your project's metadata)."
    )


def too_large(project: str, limits: Limits) -> UploadRefused:
    """Format the refusal of a file that is over the limit."""
    limit = limits.file // MIB or limits.file / MIB
    return UploadRefused(f"File too large. Limit for project {project!r} is {limit:g} MB.")


def already_exists(upload: Upload, digests: Mapping[str, str]) -> UploadRefused:
    """Format the refusal of a name or of bytes that the index has; clients look for its beginning."""
    return UploadRefused(
        f"File already exists ({upload.file_name!r}, with blake2_256 hash {digests['blake2_256']!r}). "
        "A file name is used once and for all; use a different version."
    )


def _check_public(text: str) -> None:
    try:
        version = Version(text)
    except InvalidVersion as err:
        raise UploadRefused(f"The version {text!r} does not parse.") from err
    if version.local is not None:
        raise UploadRefused(f"The use of local versions in {text!r} is not allowed.")


def _check_normal_name(distribution: Distribution) -> None:
    """Compare a file name with its normal form.

    Source: source distribution file name (once PEP 625); binary distribution format, escaping of components.
    """
    stem = f"{canonicalize_name(distribution.name).replace('-', '_')}-{distribution.version}"
    tags = distribution.file_name.split("-")[2:]
    wanted = "-".join([stem, *tags]) if distribution.kind is Kind.WHEEL else f"{stem}.tar.gz"
    if distribution.file_name != wanted:
        raise UploadRefused(f"Filename {distribution.file_name!r} is invalid, should be {wanted!r}.")


def _is_sdist_of(file_name: str, version: Version) -> bool:
    try:
        return parse_file_name(file_name)[1:] == (version, Kind.SDIST)
    except RefusedError:  # an old upstream file of a kind that is no longer taken
        return False


def _digests(path: Path) -> dict[str, str]:
    digests = {}
    with path.open("rb") as file:
        for key, make in _DIGESTS.items():
            file.seek(0)
            digests[key] = hashlib.file_digest(file, make).hexdigest()
    return digests
