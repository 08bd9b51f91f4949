"""The rules of the real index for an upload, in its order.

Source: warehouse/forklift (legacy.py, forms.py, metadata.py) in the index's own implementation. The fixed words of its
refusals are kept, since clients and the advice of `model.index_refusals` look for them; details are ours.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import InvalidVersion, Version

from release_channels.adapters.distributions import (
    Distribution,
    Kind,
    kind_of,
    parse_file_name,
    parse_metadata,
    read_distribution,
)
from release_channels.errors import RefusedError
from release_channels.indexserver.pages import PageFile
from release_channels.model.config import Config

MIB = 1024 * 1024
_EXTENSIONS = {"bdist_wheel": ".whl", "sdist": ".tar.gz"}
_KNOWN_TYPE = "Use a known file type."
MAX_AGE = timedelta(days=14)
"""How long a release takes new files."""
_DIGESTS: Mapping[str, Callable[[], Any]] = {
    "sha256": hashlib.sha256,
    "md5": partial(hashlib.md5, usedforsecurity=False),
    "blake2_256": partial(hashlib.blake2b, digest_size=32),
}


class UploadRefused(RefusedError):
    """The index rejects a file; `status` is the HTTP status."""

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

    @classmethod
    def of(cls, config: Config) -> Self:
        """Return the limits of a project, which the real index may have raised."""
        return cls(config.file_limit, config.project_limit)


@dataclass(frozen=True, slots=True)
class Upload:
    """The fields of an upload form, and the path of its file until it is stored or rejected."""

    fields: Mapping[str, str]
    classifiers: Sequence[str]
    requires_dist: Sequence[str]
    path: Path

    @property
    def file_name(self) -> str:
        """Return the client's name for the file."""
        return self.path.name

    @property
    def project(self) -> NormalizedName:
        """Return the normalized project name of the form."""
        return canonicalize_name(self.fields["name"])


def check_form(fields: Mapping[str, str], file_name: str, served: NormalizedName | None) -> None:
    """Check the form before its file is read.

    Raises: UploadRefused for a missing or wrong field, another project, or a file name that is not a distribution's.
    """
    if fields.get(":action") != "file_upload":
        raise UploadRefused("Only :action file_upload is known.")
    if fields.get("protocol_version", "1") != "1":
        raise UploadRefused("Unknown protocol version.")
    if not fields.get("name"):
        raise UploadRefused("'' is an invalid value for Name. Error: This field is required.")
    kind = fields.get("filetype")
    if kind not in _EXTENSIONS:
        raise UploadRefused(f"Invalid value for filetype. Error: {_KNOWN_TYPE if kind else 'This field is required.'}")
    if not any(fields.get(f"{digest}_digest") for digest in _DIGESTS):
        raise UploadRefused("Error: Include at least one message digest.")
    if not fields.get("version"):
        raise UploadRefused("'version' is a required field.")
    _check_public(fields["version"])
    if not file_name:
        raise UploadRefused("Upload payload does not have a file.")
    if served is not None and canonicalize_name(fields["name"]) != served:
        raise UploadRefused(f"This index takes files of {served} alone, not of {fields['name']}.")
    _check_file_name(file_name, kind)


def _check_file_name(name: str, kind: str) -> None:
    if any(sign < " " or sign == "\x7f" for sign in name):
        raise UploadRefused("Cannot upload a file with non-printable characters in the name.")
    if "/" in name or "\\" in name:
        raise UploadRefused("Cannot upload a file with '/' or '\\' in the name.")
    extension = next((end for end in (".tar.gz", ".zip", ".whl") if name.endswith(end)), None)
    if extension is None:
        raise UploadRefused("Invalid file extension: Use .tar.gz, .whl or .zip extension.")
    if extension != _EXTENSIONS[kind]:
        raise UploadRefused(f"Invalid file extension: Extension {extension} is invalid for filetype {kind}.")
    try:
        parse_file_name(name)
    except RefusedError as err:
        title = "source distribution" if kind == "sdist" else "wheel"
        raise UploadRefused(f"Invalid {title} filename: {name} ({err})") from err


def check_metadata(classifiers: Iterable[str], requires_dist: Iterable[str]) -> None:
    """Check the classifiers and dependencies of the form or the core metadata.

    Raises: UploadRefused for a project that must not be uploaded, or a dependency on a URL.
    """
    private = [label for label in classifiers if label.lower().startswith("private ::")]
    if private:
        raise UploadRefused(f"{private[0]!r} is not a valid classifier.")
    for text in requires_dist:
        try:
            direct = Requirement(text).url is not None
        except InvalidRequirement as err:
            raise UploadRefused(f"{text!r} is invalid for 'requires-dist'.") from err
        if direct:
            raise UploadRefused(f"Can't have direct dependency: {text}.")


def check_file(upload: Upload, limits: Limits) -> Mapping[str, str]:
    """Check the size and the digests of the file, and return the digests.

    Raises: UploadRefused if it is too large, or not what the form announces.
    """
    if upload.path.stat().st_size > limits.file:
        raise too_large(upload.project, limits)
    digests = _digests(upload.path)
    for key, digest in digests.items():
        announced = upload.fields.get(f"{key}_digest")
        if announced and announced.lower() != digest:
            raise UploadRefused("The digest supplied does not match a digest calculated from the uploaded file.")
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


def check_release(upload: Upload, limits: Limits, listed: Sequence[PageFile], *, was_deleted: bool) -> None:
    """Check the file against the project's other files.

    Raises: UploadRefused if the project grows too large, a deleted file had the name, or its release is too old or has
    an sdist.
    """
    if sum(file.size or 0 for file in listed) + upload.path.stat().st_size > limits.project:
        limit = limits.project // (1024 * MIB) or limits.project / (1024 * MIB)
        raise UploadRefused(f"Project size too large. Limit for project {upload.project!r} total size is {limit:g} GB.")
    if was_deleted:
        raise UploadRefused(
            "This filename was previously used by a file that has since been deleted. Use a different version."
        )
    _, version, kind = parse_file_name(upload.file_name)
    release = [file for file in listed if _version_of(file.name) == version]
    times = [file.upload_time for file in release if file.upload_time]
    if times and datetime.now(UTC) - min(times) > MAX_AGE:
        raise UploadRefused(f"Uploading new files to releases older than {MAX_AGE.days} days is not allowed.")
    if kind is Kind.SDIST and any(kind_of(file.name) is Kind.SDIST for file in release):
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
    wanted = Version(upload.fields["version"])
    _check_normal_name(distribution, upload.project, wanted)
    if (upload.project, wanted) != (canonicalize_name(distribution.name), distribution.version):
        raise UploadRefused(
            f"Invalid distribution file. The form says {upload.project} {wanted}, "
            f"the file says {distribution.name} {distribution.version}."
        )


def not_allowed(project: str, *, exists: bool) -> UploadRefused:
    """Build the refusal of a valid token of another project.

    Source: warehouse/forklift/legacy.py: a token of Trusted Publishing makes no project.
    """
    if exists:
        return UploadRefused(f"The given token isn't allowed to upload to project {project!r}.", status=403)
    return UploadRefused(
        "Non-user identities cannot create new projects. This was probably caused by successfully using a pending "
        "publisher but specifying the project name incorrectly (either in the publisher or in your project's metadata)."
    )


def too_large(project: str, limits: Limits) -> UploadRefused:
    """Build the refusal of a file above the size limit in bytes."""
    limit = limits.file // MIB or limits.file / MIB
    return UploadRefused(f"File too large. Limit for project {project!r} is {limit:g} MB.")


def already_exists(upload: Upload, digests: Mapping[str, str]) -> UploadRefused:
    """Build the refusal of a name or content that the index already has; clients match its beginning."""
    return UploadRefused(
        f"File already exists ({upload.file_name!r}, with blake2_256 hash {digests['blake2_256']!r}). "
        "A file name is used once and for all; use a different version."
    )


def _check_public(text: str) -> None:
    try:
        version = Version(text)
    except InvalidVersion as err:
        raise UploadRefused(f"{text!r} is invalid for 'version'.") from err
    if version.local is not None:
        raise UploadRefused(f"The use of local versions in {text!r} is not allowed.")


def _check_normal_name(distribution: Distribution, project: NormalizedName, version: Version) -> None:
    """Compare a file name with its normal form, for the project and the version of the form.

    Source: source distribution file name (once PEP 625); binary distribution format, escaping of components.
    """
    name, normal = distribution.file_name, project.replace("-", "_")
    own_version = distribution.version if distribution.version == version else version  # 2.0 and 2.0.0 are equal
    if distribution.kind is Kind.SDIST:
        wanted = f"{normal}-{own_version}.tar.gz"
    else:
        stem, written, *tags = name.split("-")
        if canonicalize_name(stem) != project:
            raise UploadRefused(f"Start filename for {project!r} with {normal!r}.")
        if stem != normal:
            raise UploadRefused(
                f"Filename {name!r} should contain the normalized project name {normal!r}, not {stem!r}."
            )
        if Version(written) != version:
            raise UploadRefused(f"Version in filename should be {str(version)!r} not {written!r}.")
        wanted = "-".join([normal, str(own_version), *tags])
    if name != wanted:
        raise UploadRefused(f"Filename {name!r} is invalid, should be {wanted!r}.")


def _version_of(file_name: str) -> Version | None:
    try:
        return parse_file_name(file_name)[1]
    except RefusedError:  # an old upstream file of a kind that is no longer taken
        return None


def _digests(path: Path) -> dict[str, str]:
    digests = {}
    with path.open("rb") as file:
        for key, make in _DIGESTS.items():
            file.seek(0)
            digests[key] = hashlib.file_digest(file, make).hexdigest()
    return digests
