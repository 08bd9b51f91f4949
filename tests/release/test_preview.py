"""The main job: from a commit to a preview that pip and uv install."""

from __future__ import annotations

from release_channels.model.outcome import Result
from tests.conftest import RunSession
from tests.support.repo import Repo


def test_a_preview_is_built_uploaded_and_installed(repo: Repo, run_session: RunSession) -> None:
    """From a clean checkout to the local index; a second run finds it there."""
    first = run_session(repo)
    assert (first.result, first.version) == (Result.PUBLISHED, "1.2.0.dev1")
    before = repo.fingerprint()
    again = run_session(repo)
    assert (again.result, again.version) == (Result.ALREADY, "1.2.0.dev1")
    assert repo.fingerprint() == before
