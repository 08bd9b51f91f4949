"""A public release on the local index, made once, and its GitHub double."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.files import STATE
from release_channels.model.outcome import Outcome, Result
from release_channels.model.version import Channel
from release_channels.release import pipeline
from tests.github.hubs import NAME
from tests.support.backends import own_backend
from tests.support.distributions import make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo

IGNORED: dict[str, str | bytes] = {
    ".gitignore": "dist/\nrelease.json\n.release-channels/\n",
    "noxfile.py": "import nox\n\nfrom release_channels import sessions\n\nsessions.register(nox)\n",
}
SETTINGS = f'repository = "{NAME}"\nrebuild = false\n'
TAG = "v1.2.0"
CHANGELOG = "# Changelog\n\n## [1.2.0] - 2026-01-02\n\n### Added\n\n- A thing.\n\n## [1.1.0] - 2025-01-02\n\n- Old.\n"


def sample(version: str = "1.2.0", body: str = "", **files: str) -> Sample:
    """Build a project with a version, its own build backend, and no changelog unless one is given."""
    made = own_backend(body, settings=SETTINGS)
    texts: dict[str, str | bytes] = {**made.files, **IGNORED}
    texts["pyproject.toml"] = str(texts["pyproject.toml"]).replace("1.2.0.dev0", version)
    return Sample(files=texts | {name.replace("_md", ".md"): text for name, text in files.items()})


def tagged(repo: Repo, tag: str = TAG, commit: str = "HEAD") -> Repo:
    """Tag a commit and push it."""
    repo.tag(tag, commit)
    repo.git("push", "--quiet", "origin", tag)
    return repo


@contextmanager
def environment(env: Mapping[str, str], **more: str) -> Iterator[None]:
    """Use an environment where no fixture of a test can: in one that outlives a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(env):
            patch.delenv(name)
        for name, value in {**env, **more}.items():
            patch.setenv(name, value)
        yield


def public_steps(repo: Repo, *steps: str, words: tuple[str, ...] = ("--offline",)) -> Outcome:
    """Run steps of a public release on the local index."""
    return pipeline.run_pipeline(
        steps[0], steps, words, root=repo.root, channel=Channel.PUBLIC, env=dict(os.environ)
    )  # fmt: skip


def release_once(directory: Path, made: Sample, env: Mapping[str, str]) -> Repo:
    """Create a repository whose first commit is tagged and on the local index."""
    with environment(env):
        repo = tagged(Repo.create(directory, made.tree()))
        assert public_steps(repo, "build", "public-publish").result is Result.PUBLISHED
    return repo


def index_of(repo: Repo) -> Path:
    """Return the directory of the local index."""
    return repo.root / STATE / "index"


def put_on_index(repo: Repo, *versions: str, yanked: bool = False) -> None:
    """Write wheels to the local index."""
    for version in versions:
        wheel = make_wheel(index_of(repo), version=str(Version(version)))
        if yanked:
            wheel.with_name(f"{wheel.name}.yanked").write_text("broken")
