"""The local index records which commit has which number."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release_channels.adapters.local_index_history import local_index_dir, published_commits, record_manifest
from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, ManifestFile, parse_manifest
from release_channels.model.outcome import Outcome, Result
from tests.conftest import RunSession
from tests.support.repo import Repo
from tests.support.staging import build_sample, copy_repo

NUMBERED = ("--run-number", "1")


@pytest.fixture(scope="module")
def built(offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One build for all tests here; they work on copies."""
    return build_sample(tmp_path_factory.mktemp("built"), (), offline_environment)


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A checkout with a fresh build in dist/."""
    return copy_repo(built, tmp_path)


Publish = Callable[..., Outcome]


@pytest.fixture
def publish(repo: Repo, run_session: RunSession) -> Publish:
    """Publish to the local index."""
    return lambda *words: run_session(repo, *words, steps=("preview-publish",))


def _delete_uploaded_files(repo: Repo) -> None:
    """Leave the local index as after an upload that died before its first byte."""
    for path in local_index_dir(repo.root).glob("demo_tool-*"):
        path.unlink()


def test_a_commit_keeps_its_number_alone(repo: Repo, publish: Publish, run_session: RunSession) -> None:
    """Also where the upload died before its first byte, so that a second run completes the first."""
    assert publish().line == "published: demo-tool 1.2.0.dev1 on the local index"
    _delete_uploaded_files(repo)
    assert publish().line == "published: demo-tool 1.2.0.dev1 on the local index"
    assert publish().result is Result.ALREADY
    _delete_uploaded_files(repo)
    first = repo.git("rev-parse", "HEAD")
    repo.commit("another")
    outcome = run_session(repo, steps=("build", "preview-publish"))
    assert (outcome.result, outcome.version) == (Result.PUBLISHED, "1.2.0.dev2")
    assert run_session(repo, "--commit", first, "--dry-run", steps=("build",)).version == "1.2.0.dev1"
    assert run_session(repo, "--dry-run", steps=("build",)).version == "1.2.0.dev2"


def test_a_number_of_another_commit_is_refused(repo: Repo, publish: Publish, run_session: RunSession) -> None:
    """Also with `--run-number`, and although the index has none of its files."""
    assert publish().result is Result.PUBLISHED
    _delete_uploaded_files(repo)
    first = repo.git("rev-parse", "HEAD")
    repo.commit("another")
    assert run_session(repo, *NUMBERED, steps=("build",)).result is Result.DONE
    before = repo.fingerprint()
    outcome = publish(*NUMBERED)
    assert outcome.line == f"refused: preview-publish: 1.2.0.dev1 belongs to commit {first[:12]} on the local index"
    assert "leave out --run-number" in outcome.hint
    assert repo.fingerprint() == before


def test_a_refused_publish_records_no_number(repo: Repo, publish: Publish) -> None:
    """It is recorded after the upload guard."""
    (repo.root / "dist" / "demo_tool-1.2.0.dev1.tar.gz").write_bytes(b"other")
    before = repo.fingerprint()
    assert publish().result is Result.REFUSED
    assert repo.fingerprint() == before
    assert published_commits(repo.root, "demo-tool") == {}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": 2}'])
def test_an_unreadable_recorded_manifest_is_refused(repo: Repo, publish: Publish, content: bytes) -> None:
    """The hint is to delete the file, and after that the next run continues."""
    assert publish().result is Result.PUBLISHED
    (path,) = local_index_dir(repo.root).glob("*.release.json")
    path.write_bytes(content)
    before = repo.fingerprint()
    outcome = publish()
    name = ".release-channels/index/demo-tool-1.2.0.dev1.release.json"
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith(f"{name} cannot be read: ")
    assert outcome.hint == f"remove {name}: its commit then takes the next free number"
    assert repo.fingerprint() == before
    path.unlink()
    assert publish("--dry-run").version == "1.2.0.dev2"


def test_records_of_other_projects_are_ignored(repo: Repo) -> None:
    """Also of one whose name begins the same."""
    manifest = parse_manifest((repo.root / "release.json").read_text())
    file = ManifestFile("x.tar.gz", 1, "0" * 64)
    other = Manifest(manifest.channel, "demo-tool-extra", manifest.version, "b" * 40, 1, {}, (file,))
    record_manifest(repo.root, other)
    record_manifest(repo.root, manifest)
    assert published_commits(repo.root, "Demo_Tool") == {manifest.version: manifest.commit}
    assert published_commits(repo.root, "demo-tool-extra") == {manifest.version: "b" * 40}


def test_a_recorded_number_is_never_reassigned(repo: Repo) -> None:
    """The guard itself, below every decision."""
    manifest = parse_manifest((repo.root / "release.json").read_text())
    record_manifest(repo.root, manifest)
    before = repo.fingerprint()
    thief = Manifest(manifest.channel, manifest.project, manifest.version, "b" * 40, 1, {}, manifest.files)
    with pytest.raises(RefusedError, match="belongs to commit"):
        record_manifest(repo.root, thief)
    assert repo.fingerprint() == before
