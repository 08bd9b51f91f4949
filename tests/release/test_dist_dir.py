"""The hand-over from one step to the next: unsuitable files are neither read nor overwritten."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, ManifestFile, parse_manifest
from release_channels.model.outcome import Result
from release_channels.model.version import Channel
from release_channels.release.dist_dir import MANIFEST, read_manifest, write_dist
from tests.conftest import RunSession
from tests.support.repo import Repo


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in the file system")
def test_a_named_pipe_as_manifest_is_refused(repo: Repo, run_session: RunSession) -> None:
    """Without opening it: reading would never end."""
    os.mkfifo(repo.root / MANIFEST)
    before = repo.fingerprint()
    outcome = run_session(repo, steps=("check",))
    assert outcome.result is Result.REFUSED
    assert "release.json is not a file" in outcome.message
    assert repo.fingerprint() == before


def test_an_overlong_file_name_is_refused_by_the_manifest() -> None:
    """Before the file is searched for."""
    manifest = Manifest(
        Channel.PREVIEW, "x", Version("1.0.dev1"), "a" * 40, 1, {}, (ManifestFile("a" * 300, 1, "0" * 64),)
    )
    with pytest.raises(RefusedError, match="is malformed"):
        parse_manifest(manifest.to_json())


def test_a_failed_copy_leaves_manifest_and_dist(tmp_path: Path) -> None:
    """The old manifest is deleted once the new files are complete."""
    file = tmp_path / "a-1.0.tar.gz"
    file.write_bytes(b"x")
    manifest = Manifest(
        Channel.PREVIEW, "x", Version("1.0.dev1"), "a" * 40, 1, {}, (ManifestFile(file.name, 1, "0" * 64),)
    )
    root = tmp_path / "project"
    root.mkdir()
    write_dist(root, (file,), manifest)
    with pytest.raises(RefusedError, match="cannot be written"):
        write_dist(root, (file, tmp_path / "gone.whl"), manifest)
    assert read_manifest(root) == manifest
    assert (root / "dist" / file.name).read_bytes() == b"x"
