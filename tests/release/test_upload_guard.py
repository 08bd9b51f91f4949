"""The upload guard alone: it returns copies that it has verified."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.distributions import sha256_of
from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.version import Channel
from release_channels.release.upload_guard import verify_before_upload
from tests.support.distributions import make_sdist, make_wheel


def _release(directory: Path, version: str, channel: Channel) -> Manifest:
    """Build both files of a version, and a manifest of them."""
    paths = (make_sdist(directory, version=version), make_wheel(directory, version=version))
    files = tuple(ManifestFile(path.name, path.stat().st_size, sha256_of(path)) for path in paths)
    return Manifest(channel, "Demo.Tool", Version(version), "a" * 40, None, {}, files)


@pytest.mark.parametrize(
    ("version", "channel"),
    [
        pytest.param("1.2.0.dev7", Channel.PREVIEW, id="preview"),
        pytest.param("1!1.2.post1.dev7", Channel.PREVIEW, id="preview of a post-release"),
        pytest.param("1.2.0", Channel.PUBLIC, id="final"),
        pytest.param("1.2.0.post1", Channel.PUBLIC, id="post-release"),
    ],
)
def test_a_valid_release_is_copied(tmp_path: Path, version: str, channel: Channel) -> None:
    """Later changes of the originals do not reach the copies."""
    dist, target = tmp_path / "dist", tmp_path / "target"
    target.mkdir()
    manifest = _release(dist, version, channel)
    passed = verify_before_upload(manifest, dist, target)
    for original in dist.iterdir():
        original.write_bytes(b"exchanged")
    assert [path.parent for path in passed] == [target, target]
    assert [sha256_of(path) for path in passed] == [file.sha256 for file in manifest.files]


@pytest.mark.parametrize(
    ("version", "channel"),
    [
        pytest.param("1.2.0", Channel.PREVIEW, id="final for preview"),
        pytest.param("1.2.0.post1", Channel.PREVIEW, id="post-release for preview"),
        pytest.param("1.2.0rc1.dev7", Channel.PREVIEW, id="dev release of an rc for preview"),
        pytest.param("1.2.0.dev7+local", Channel.PREVIEW, id="local version for preview"),
        pytest.param("1.2.0.dev7", Channel.PUBLIC, id="dev release for public"),
        pytest.param("1.2.0rc1", Channel.PUBLIC, id="rc for public"),
        pytest.param("1.2.0+local", Channel.PUBLIC, id="local version for public"),
    ],
)
def test_a_version_of_the_other_channel_is_refused(tmp_path: Path, version: str, channel: Channel) -> None:
    """An index accepts any version from any publisher; nothing is copied."""
    dist, target = tmp_path / "dist", tmp_path / "target"
    target.mkdir()
    with pytest.raises(RefusedError, match="is not a version for the") as stop:
        verify_before_upload(_release(dist, version, channel), dist, target)
    assert stop.value.hint == "build again: `nox -s build`"
    assert list(target.iterdir()) == []


def test_one_wrong_file_stops_the_whole_upload(tmp_path: Path) -> None:
    """Also the last one."""
    dist, target = tmp_path / "dist", tmp_path / "target"
    target.mkdir()
    manifest = _release(dist, "1.2.0.dev7", Channel.PREVIEW)
    forged = replace(manifest, files=(manifest.files[0], replace(manifest.files[1], sha256="0" * 64)))
    with pytest.raises(RefusedError, match="has sha256"):
        verify_before_upload(forged, dist, target)
