"""The archive of a build's artifact: any damage is refused, and no file is unpacked in part."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.adapters.build_artifact import read_only_member, unpack_build_artifact
from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.version import Channel

WHEEL = "demo_tool-1.2.0-py3-none-any.whl"
CONTENT = b"not random " * 2000


def make_artifact(path: Path, compression: int = zipfile.ZIP_DEFLATED, content: bytes = CONTENT) -> Path:
    """Write an artifact with one file and the manifest that describes it."""
    file = ManifestFile(WHEEL, len(CONTENT), sha256(CONTENT).hexdigest())
    manifest = Manifest(Channel.PUBLIC, "demo-tool", Version("1.2.0"), "a" * 40, None, {}, (file,))
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("release.json", manifest.to_json())
        archive.writestr(f"dist/{WHEEL}", content)
    return path


def spoil(path: Path) -> None:
    """Invert bytes in the middle of the last member's data."""
    data = bytearray(path.read_bytes())
    start = data.rindex(WHEEL.encode(), 0, data.rindex(b"PK\x01\x02")) + len(WHEEL) + 12
    for position in range(start, start + 20):
        data[position] ^= 0xFF
    path.write_bytes(data)


def encrypt(path: Path) -> None:
    """Set the flag of an encrypted member."""
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


DAMAGED: dict[str, tuple[int, Callable[[Path], object]]] = {
    "cut off": (zipfile.ZIP_DEFLATED, lambda path: path.write_bytes(path.read_bytes()[:-100])),
    "no archive": (zipfile.ZIP_DEFLATED, lambda path: path.write_bytes(b"<html>")),
    "corrupt deflate": (zipfile.ZIP_DEFLATED, spoil),
    "corrupt stored": (zipfile.ZIP_STORED, spoil),
    "bzip2": (zipfile.ZIP_BZIP2, spoil),
    "lzma": (zipfile.ZIP_LZMA, spoil),
    "encrypted": (zipfile.ZIP_DEFLATED, encrypt),
    "larger than its manifest": (zipfile.ZIP_DEFLATED, lambda path: make_artifact(path, content=CONTENT + b"x")),
    "other bytes": (zipfile.ZIP_DEFLATED, lambda path: make_artifact(path, content=CONTENT[:-1] + b"x")),
}


def test_a_valid_artifact_is_unpacked(tmp_path: Path) -> None:
    """The control of the cases below."""
    assert unpack_build_artifact(make_artifact(tmp_path / "x.zip"), tmp_path) is not None
    assert (tmp_path / WHEEL).read_bytes() == CONTENT


@pytest.mark.parametrize(("compression", "damage"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_artifact_is_refused(tmp_path: Path, compression: int, damage: Callable[[Path], object]) -> None:
    """Also where the standard library raises errors that depend on the compression."""
    path = make_artifact(tmp_path / "x.zip", compression)
    damage(path)
    with pytest.raises(RefusedError, match="artifact") as stop:
        unpack_build_artifact(path, tmp_path)
    assert stop.value.hint


@given(st.binary(max_size=400), st.integers(0, 600))
def test_any_damage_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes, position: int) -> None:
    """Random bytes over any part of the archive raise no other error."""
    directory = tmp_path_factory.mktemp("artifact")
    path = make_artifact(directory / "x.zip")
    data = bytearray(path.read_bytes())
    data[position : position + len(noise)] = noise
    path.write_bytes(data)
    for read in (
        lambda: unpack_build_artifact(path, directory),
        lambda: read_only_member(path, "release.json", 10_000),
    ):
        with suppress(RefusedError):
            read()
