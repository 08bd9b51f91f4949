"""The whole release by sessions and tasks, and what pip and uv install at each stage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release_channels import tasks
from release_channels.adapters.files import STATE
from release_channels.adapters.local_index_history import local_index_dir
from release_channels.indexserver.server import serve
from release_channels.model.outcome import Outcome, Result
from release_channels.model.session_names import PUBLIC
from tests.cli.screen import BIN
from tests.commands.doing import bump, bump_dev, on_index, public, run_task, tag
from tests.commands.test_bump import vcs_pyproject
from tests.conftest import MakeRepo, RunSession
from tests.support.projects import Sample
from tests.support.repo import Repo

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Everything.\n"
CITATION = "cff-version: 1.2.0\nversion: 1.2.0.dev0\n"
COPY = '[[tool.release-channels.version-files]]\npath = "CITATION.cff"\npattern = "version: {version}"\n'


class EndUsers:
    """Four users with the reference document's commands: pip and uv, public and preview."""

    def __init__(self, repo: Repo, home: Path, upstream: str) -> None:
        self.repo, self.home, self.upstream = repo, home, upstream

    def get(self) -> tuple[str, str]:
        """Return the versions that the public and the preview channel install; pip and uv have to agree."""
        with self._index() as env:
            found = {("public", self._pip(env)), ("preview", self._pip(env, "--pre"))}
            found |= {
                ("public", self._uv(env, "public")),
                ("preview", self._uv(env, "preview", "--prerelease", "allow")),
            }
        assert len(found) == 2, found
        return dict(found)["public"], dict(found)["preview"]

    @contextmanager
    def _index(self) -> Iterator[dict[str, str]]:
        with serve(local_index_dir(self.repo.root), project="demo-tool", upstream=self.upstream) as running:
            yield {**os.environ, "PIP_INDEX_URL": running.simple_url, "UV_DEFAULT_INDEX": running.simple_url}

    def _pip(self, env: dict[str, str], *words: str) -> str:
        command = (sys.executable, "-m", "pip", "install", *words, "--upgrade", "demo-tool")
        how = ("--dry-run", "--ignore-installed", "--quiet", "--no-cache-dir", "--report", "-")
        done = subprocess.run([*command, *how], cwd=self.home, env=env, check=True, capture_output=True, text=True)
        return str(json.loads(done.stdout)["install"][0]["metadata"]["version"])

    def _uv(self, env: dict[str, str], channel: str, *words: str) -> str:
        # Each has tools of its own that stay, so that every station is an upgrade of the last.
        places = {"UV_TOOL_DIR": str(self.home / channel), "UV_TOOL_BIN_DIR": str(self.home / channel / "bin")}
        env = {**env, **places, "UV_NO_CACHE": "1"}
        install = ("tool", "install", "--quiet", *words, "--upgrade", "demo-tool")
        subprocess.run([BIN / "uv", *install], cwd=self.home, env=env, check=True)
        asked = (str(BIN / "uv"), "tool", "list")
        listed = subprocess.run(asked, cwd=self.home, env=env, check=True, capture_output=True, text=True).stdout
        return listed.split()[1].removeprefix("v")


def merged(repo: Repo) -> None:
    """Merge and push what a pull request would."""
    repo.git("push", "--quiet", "origin", "main")


def commit_file(repo: Repo, name: str, content: str) -> None:
    """Commit one file to main, without the files that a release leaves in the checkout."""
    repo.write({name: content})
    repo.git("add", name)
    repo.git("commit", "--quiet", "--message", f"change {name}")
    merged(repo)


def commit_more(repo: Repo) -> None:
    """Commit further work to main."""
    commit_file(repo, "NOTES.md", repo.git("rev-parse", "HEAD"))


def reason(outcome: Outcome) -> tuple[Result, str]:
    """Return how a session ended, and why."""
    return outcome.result, outcome.message.partition(":")[0]


def index_versions(repo: Repo) -> set[str]:
    """Return the versions on the local index."""
    return {path.name.split("-")[1] for path in (repo.root / STATE / "index").glob("*.whl")}


@pytest.mark.full
def test_a_whole_release_runs_by_tasks_and_sessions(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, upstream: str
) -> None:
    """Preview, bump, merge, tag, public, bump-dev, preview, with the document's versions at each stage."""
    repo = make_repo(Sample(tail=COPY, files={"CHANGELOG.md": CHANGELOG, "CITATION.cff": CITATION}))
    on_index(repo, "1.1.0")
    (tmp_path / "users").mkdir()
    users = EndUsers(repo, tmp_path / "users", upstream)
    assert users.get() == ("1.1.0", "1.1.0")

    first = run_session(repo)
    assert (first.result, first.version) == (Result.PUBLISHED, "1.2.0.dev1")
    assert users.get() == ("1.1.0", "1.2.0.dev1")

    assert bump(repo, commit=True) == 0
    merged(repo)
    assert "version: 1.2.0\n" in (repo.root / "CITATION.cff").read_text()
    assert reason(run_session(repo)) == (Result.SKIPPED, "staged")
    assert users.get() == ("1.1.0", "1.2.0.dev1")

    ancestor = repo.git("rev-parse", "HEAD")
    commit_file(repo, "README.md", "# demo-tool\n\nA sample, fixed.\n")
    assert tag(repo) == 0
    assert users.get() == ("1.1.0", "1.2.0.dev1")
    out = public(repo, steps=PUBLIC)
    assert (out.result, out.version) == (Result.PUBLISHED, "1.2.0")
    assert users.get() == ("1.2.0", "1.2.0")
    again = public(repo, steps=PUBLIC)
    assert (again.result, again.version) == (Result.ALREADY, "1.2.0")

    for commit in ("HEAD", ancestor):
        assert reason(run_session(repo, "--commit", commit)) == (Result.SKIPPED, "released by tag")
    commit_more(repo)
    closed = run_session(repo)
    assert reason(closed) == (Result.REFUSED, "line closed")
    assert "release-channels bump-dev" in closed.hint
    assert run_task(repo.root, tasks.status, index="local", exit_code=True) == 1
    assert run_task(repo.root, tasks.status, index="local") == 0
    assert users.get() == ("1.2.0", "1.2.0")

    assert bump_dev(repo, commit=True) == 0
    merged(repo)
    last = run_session(repo)
    assert (last.result, last.version) == (Result.PUBLISHED, "1.2.1.dev2")
    assert users.get() == ("1.2.0", "1.2.1.dev2")
    assert index_versions(repo) == {"1.1.0", "1.2.0.dev1", "1.2.0", "1.2.1.dev2"}
    assert run_task(repo.root, tasks.status, index="local", exit_code=True) == 0


@pytest.mark.full
def test_a_whole_release_runs_with_tag_versions(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, upstream: str
) -> None:
    """No file is written; `tag --version` sets the release's version."""
    repo = make_repo(Sample(files={"pyproject.toml": vcs_pyproject(), "CHANGELOG.md": CHANGELOG}))
    repo.tag("v1.1.0")
    repo.git("push", "--quiet", "origin", "v1.1.0")
    on_index(repo, "1.1.0")
    commit_more(repo)
    (tmp_path / "users").mkdir()
    users = EndUsers(repo, tmp_path / "users", upstream)

    first = run_session(repo)
    assert (first.result, first.version) == (Result.PUBLISHED, "1.1.1.dev1")
    assert users.get() == ("1.1.0", "1.1.1.dev1")

    assert (bump(repo, commit=True), bump_dev(repo, commit=True)) == (0, 0)
    commit_file(repo, "CHANGELOG.md", "# Changelog\n\n## [1.2.0] - 2026-11-22\n\n- Everything.\n")
    assert tag(repo, version="1.2.0") == 0
    out = public(repo, steps=PUBLIC)
    assert (out.result, out.version) == (Result.PUBLISHED, "1.2.0")
    assert users.get() == ("1.2.0", "1.2.0")
    assert reason(run_session(repo)) == (Result.SKIPPED, "released by tag")

    commit_more(repo)
    last = run_session(repo)
    assert (last.result, last.version) == (Result.PUBLISHED, "1.2.1.dev2")
    assert users.get() == ("1.2.0", "1.2.1.dev2")
