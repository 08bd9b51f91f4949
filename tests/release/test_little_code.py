"""A process that can have a token of the index or of GitHub loads little code, entry included."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_channels.model.outcome import Result
from release_channels.model.version import Channel
from tests.conftest import MakeRepo, RunSession
from tests.github.hubs import NAME, WRITER, open_github
from tests.support.projects import Sample
from tests.support.releasing import sample, tagged
from tests.support.repo import Repo
from tests.support.staging import Staging, serve_staging

# Sources: [project].version needs `base` and the detection alone; any other source is imported where it is used.
SOURCES = {"", ".base", ".detect", ".layout"}
FORBIDDEN = re.compile(
    r"(release\.(checks?|build|verify|rebuild)|indexserver|rehearsal|gate|adoption|commands"
    r"|adapters\.(edits|github\.settings|local_index_history)|model\.github_settings"
    r"|project\.(plan_edits|lock_files|version_files))(\.|$)"
)
LIMITS = {"preview-publish": 64, "public-publish": 64, "github-release": 65}
"""How many modules of ours may be loaded; a package counts only through its modules.

Three of them bound what comes from outside: settings, answers over HTTP, and archives.
One clears what killed runs left.
"""


def loaded_by(session: str, repo: Repo, *words: str) -> set[str]:
    """Run a session as CI does, and return our own modules that its process imported."""
    command = [sys.executable, "-X", "importtime", "-m", "nox", "--session", session, "--", *words]
    done = subprocess.run(command, cwd=repo.root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + re.sub(r"^import time:.*\n", "", done.stderr, flags=re.MULTILINE)
    return set(re.findall(r"^import time:.*\| +release_channels\.?(\S*)$", done.stderr, re.MULTILINE))


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """An index over HTTP, as the real one is."""
    with serve_staging(tmp_path / "staging") as running:
        yield running


def checkout(make_repo: MakeRepo, staging: Staging, version: str) -> Repo:
    """A repository with a noxfile and a project for the staging index."""
    files = dict(sample(version).files)
    files["noxfile.py"] = "import nox\nfrom release_channels import sessions\n\nsessions.register(nox)\n"
    warn = "rebuild = false", 'rebuild = false\npublic-proof = "warn"'
    files["pyproject.toml"] = str(files["pyproject.toml"]).replace(*warn) + staging.tail()
    return make_repo(Sample(files=files))


def assert_little(session: str, loaded: set[str]) -> None:
    """Compare the modules of one process with what it may load."""
    assert sorted(name for name in loaded if FORBIDDEN.match(name)) == []
    sources = {name.removeprefix("project.sources") for name in loaded if name.startswith("project.sources")}
    assert sources <= SOURCES
    modules = {name for name in loaded if not any(other.startswith(f"{name}.") for other in loaded) and name}
    assert len(modules) <= LIMITS[session], "\n".join(sorted(modules))


def test_publishing_a_preview_loads_few_modules(
    make_repo: MakeRepo, run_session: RunSession, staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No builder, no check and no other version source, although it uploads."""
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "their-own")
    repo = checkout(make_repo, staging, "1.2.0.dev0")
    words = ("--index", "staging", "--run-number", "7")
    assert run_session(repo, *words, steps=("build",)).result is Result.DONE
    loaded = loaded_by("preview-publish", repo, *words)
    assert staging.uploads == 2
    assert_little("preview-publish", loaded)


def test_publishing_a_final_and_its_github_release_load_few_modules(
    make_repo: MakeRepo, run_session: RunSession, staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In both processes that can have a token."""
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "their-own")
    repo = tagged(checkout(make_repo, staging, "1.2.0"))
    with open_github(repo) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.running.api_url)
        monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        words = ("--index", "staging", "--tag", "v1.2.0")
        built = run_session(repo, *words, steps=("build",), channel=Channel.PUBLIC)
        assert built.result is Result.DONE, built
        loaded = loaded_by("public-publish", repo, *words)
        assert staging.uploads == 2
        assert_little("public-publish", loaded)
        loaded = loaded_by("github-release", repo, *words)
        assert [announced.tag for announced in github.state.releases.values()] == ["v1.2.0"]
        assert_little("github-release", loaded)
