"""Unpack a workflow's build artifact: an archive with `release.json` and `dist/`."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

from release_channels.adapters.distributions import DAMAGED, sha256_of
from release_channels.errors import RefusedError
from release_channels.model.manifest import MAX_BYTES, Manifest, parse_manifest

_MANIFEST, _DIST = "release.json", "dist/"
_PIECE = 1 << 20  # bytes


def unpack_build_artifact(archive: Path, target: Path) -> Manifest | None:
    """Unpack only the files in an archive's manifest into a directory.

    Names come from the manifest alone, which allows no path in them; None if the archive contains no manifest.

    Raises: RefusedError if a file is missing, is not a regular file, or does not have the manifest's size and sha256.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            if _MANIFEST not in opened.namelist():
                return None
            with _open(opened, _MANIFEST) as stream:
                manifest = parse_manifest(stream.read(MAX_BYTES + 1).decode("utf-8", "replace"))
            for file in manifest.files:
                _take(opened, _DIST + file.name, target / file.name, file.size)
    except DAMAGED as err:
        raise RefusedError(f"the artifact is not a readable ZIP archive: {err}", hint=_REBUILD) from err
    for file in manifest.files:
        if sha256_of(target / file.name) != file.sha256:
            raise RefusedError(f"{file.name} in the artifact does not have the sha256 of its manifest", hint=_REBUILD)
    return manifest


def read_only_member(archive: Path, name: str, max_bytes: int) -> str:
    """Read the only file of an archive.

    Raises: RefusedError if it contains another or more, or the file is larger than `max_bytes` or no regular one.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            names = opened.namelist()
            if names != [name]:
                raise RefusedError(f"the artifact contains {len(names)} files, not {name} alone", hint=_REBUILD)
            with _open(opened, name) as stream:
                content = stream.read(max_bytes + 1)
    except DAMAGED as err:
        raise RefusedError(f"the artifact is not a readable ZIP archive: {err}", hint=_REBUILD) from err
    if len(content) > max_bytes:
        raise RefusedError(f"{name} in the artifact is larger than {max_bytes} bytes", hint=_REBUILD)
    return content.decode("utf-8", "replace")


_REBUILD = "the artifact cannot be used; look at what the workflow put into the artifact"


def _take(opened: zipfile.ZipFile, name: str, target: Path, size: int) -> None:
    """Copy one member, and not a byte more than its manifest announces, whatever the archive claims."""
    left = size
    with _open(opened, name) as source, target.open("xb") as out:
        while piece := source.read(min(_PIECE, left + 1)):
            left -= len(piece)
            if left < 0:
                break
            out.write(piece)
    if left:
        raise RefusedError(f"{name} in the artifact does not have the {size} bytes of its manifest", hint=_REBUILD)


def _open(opened: zipfile.ZipFile, name: str) -> zipfile.ZipExtFile:
    matches = [info for info in opened.infolist() if info.filename == name]
    if len(matches) != 1:
        raise RefusedError(f"{name} is {len(matches)} times in the artifact, not once", hint=_REBUILD)
    if matches[0].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RefusedError(f"{name} in the artifact is compressed in an unusual way", hint=_REBUILD)
    mode = matches[0].external_attr >> 16
    if matches[0].is_dir() or matches[0].flag_bits & 1 or stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        raise RefusedError(f"{name} in the artifact is not a regular file", hint=_REBUILD)
    return opened.open(matches[0])  # type: ignore[return-value]
