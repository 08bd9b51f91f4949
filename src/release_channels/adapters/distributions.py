"""Built distributions: what a wheel or an sdist says about itself, read without unpacking anything."""

from __future__ import annotations

import hashlib
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from packaging.metadata import RawMetadata, parse_email
from packaging.utils import (
    InvalidName,
    InvalidSdistFilename,
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from release_channels.errors import RefusedError

MAX_METADATA = 8 * 1024 * 1024
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}", re.ASCII)
_REBUILD = "build it again with the build session; do not repack distributions by hand"
_UNREADABLE = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, UnicodeError, NotImplementedError)


class Kind(StrEnum):
    """The two kinds of distribution that a release has."""

    SDIST = "sdist"
    WHEEL = "wheel"


@dataclass(frozen=True, slots=True)
class Distribution:
    """One built file and the core metadata inside it; name and version are the metadata's own."""

    path: Path
    name: str
    version: Version
    kind: Kind
    metadata: bytes

    @property
    def file_name(self) -> str:
        """Return the file's name without its directory."""
        return self.path.name


def read_distribution(path: Path) -> Distribution:
    """Read a wheel's METADATA or an sdist's PKG-INFO and check that the file's name tells the same.

    Raises: RefusedError for a file that is not a distribution, or that says two things about itself.
    Source: binary distribution format and source distribution format specifications.
    """
    name, version, kind = parse_file_name(path.name)
    read = _wheel_metadata if kind is Kind.WHEEL else _sdist_metadata
    try:
        metadata = read(path)
    except _UNREADABLE as err:
        raise RefusedError(f"{path.name} is not a readable {kind}: {err}", hint=_REBUILD) from err
    except RuntimeError as err:  # this is how zipfile reports an encrypted member
        raise RefusedError(f"{path.name} is not a readable {kind}: {err}", hint=_REBUILD) from err
    own_name, own_version = _identity(path.name, metadata)
    if (canonicalize_name(own_name), own_version) != (name, version):
        raise RefusedError(
            f"{path.name} contains the metadata of {own_name} {own_version}", hint=f"was it renamed? {_REBUILD}"
        )
    return Distribution(path, own_name, own_version, kind, metadata)


def parse_file_name(name: str) -> tuple[NormalizedName, Version, Kind]:
    """Parse the file name of a wheel or of a `.tar.gz` sdist.

    Raises: RefusedError for any other name.
    Source: binary distribution format specification; source distribution file name (once PEP 625).
    """
    if not _FILE_NAME.fullmatch(name):
        raise RefusedError(
            f"{name!r} is not the name of a distribution",
            hint="it has at most 200 characters: letters, digits and the signs . _ + ! -",
        )
    try:
        if name.endswith(".whl"):
            project, version, _build, _tags = parse_wheel_filename(name)
            return project, version, Kind.WHEEL
        if name.endswith(".tar.gz"):
            return *parse_sdist_filename(name), Kind.SDIST
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidName, InvalidVersion) as err:
        raise RefusedError(f"the file name {name} does not parse: {err}", hint=_REBUILD) from err
    raise RefusedError(f"{name} is neither a wheel nor a .tar.gz sdist", hint="a release contains nothing else")


def requires_python(metadata: bytes) -> str | None:
    """Return the Requires-Python of core metadata, if there is one."""
    return parse_metadata(metadata).get("requires_python")


def project_urls(metadata: bytes) -> dict[str, str]:
    """Return the project URLs of core metadata, label by label."""
    return parse_metadata(metadata).get("project_urls", {})


def parse_metadata(metadata: bytes) -> RawMetadata:
    """Parse core metadata into the fields that the specification knows; others are left out."""
    raw, _unknown = parse_email(metadata)
    return raw


def sha256_of(path: Path) -> str:
    """Hash a file piece by piece, so that its size does not matter."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _wheel_metadata(path: Path) -> bytes:
    """Read the METADATA of the one dist-info directory, which must be the one that the file name announces."""
    with zipfile.ZipFile(path) as wheel:
        found = [info for info in wheel.infolist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", info.filename)]
        if len(found) != 1:
            raise RefusedError(f"{path.name} contains {len(found)} METADATA files instead of one", hint=_REBUILD)
        directory = found[0].filename.partition("/")[0]
        if not _same_release(directory.removesuffix(".dist-info"), path.name):
            raise RefusedError(f"{path.name} contains the directory {directory} of another release", hint=_REBUILD)
        with wheel.open(found[0]) as member:
            return _bounded(member.read(MAX_METADATA + 1), path.name)


def _sdist_metadata(path: Path) -> bytes:
    """Read the PKG-INFO of the one top-level directory."""
    tops: set[str] = set()
    metadata: bytes | None = None
    with tarfile.open(path, "r:gz") as sdist:
        for member in sdist:
            top, _, rest = member.name.removeprefix("./").partition("/")
            tops.add(top)
            if rest == "PKG-INFO" and member.isfile() and (file := sdist.extractfile(member)):
                with file:
                    metadata = _bounded(file.read(MAX_METADATA + 1), path.name)
    if len(tops - {"", "."}) != 1:
        raise RefusedError(f"{path.name} has {len(tops)} top-level entries instead of one directory", hint=_REBUILD)
    if metadata is None:
        raise RefusedError(f"{path.name} contains no PKG-INFO in its top-level directory", hint=_REBUILD)
    return metadata


def _bounded(metadata: bytes, file_name: str) -> bytes:
    if len(metadata) > MAX_METADATA:
        raise RefusedError(
            f"the core metadata in {file_name} is larger than {MAX_METADATA // 1024 // 1024} MiB",
            hint="shorten the readme",
        )
    return metadata


def _same_release(stem: str, file_name: str) -> bool:
    """Compare `name-version` with a wheel's file name as name and version, for each has several spellings."""
    name, _, version = stem.rpartition("-")
    try:
        return (canonicalize_name(name), Version(version)) == parse_file_name(file_name)[:2]
    except InvalidVersion:
        return False


def _identity(file_name: str, metadata: bytes) -> tuple[str, Version]:
    raw = parse_metadata(metadata)
    missing = [label for label, key in _REQUIRED.items() if key not in raw]
    if missing:
        raise RefusedError(f"the core metadata in {file_name} lacks {', '.join(missing)}", hint=_REBUILD)
    try:
        canonicalize_name(raw["name"], validate=True)
        return raw["name"], Version(raw["version"])
    except (InvalidName, InvalidVersion) as err:
        raise RefusedError(f"the core metadata in {file_name} is wrong: {err}", hint="fix pyproject.toml") from err


_REQUIRED = {"Metadata-Version": "metadata_version", "Name": "name", "Version": "version"}
