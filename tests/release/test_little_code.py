"""A process that can have a token loads little code, entry included, and so does a task that is typed all day."""

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
LIMITS = {"preview-publish": 64, "public-publish": 64, "github-release": 66}
"""How many modules of ours may be loaded; a package counts only through its modules.

Three of them bound what comes from outside: settings, answers over HTTP, and archives.
One clears what killed runs left.
"""


# What takes longest to import, and what only builds, gates, rehearsals and pages of HTML need.
HEAVY = {
    *("pypi_simple", "pydantic", "bs4", "docutils", "sphinx", "github", "cheroot", "werkzeug", "nox", "twine"),
    *("openai", "daytona", "towncrier", "virtualenv"),
}
MARKDOWN, EDITOR, HTTP = {"markdown_it"}, {"tomlkit"}, {"requests", "urllib3"}
TASKS = {
    "status": (("status", "--index", "local"), 68, HEAVY | MARKDOWN | EDITOR),
    "status, offline": (("status", "--offline"), 67, HEAVY | MARKDOWN | EDITOR | HTTP),
    "bump": (("bump", "--index", "local", "--dry-run"), 72, HEAVY),
    "bump, offline": (("bump", "--offline", "--dry-run"), 71, HEAVY | HTTP),
    "tag": (("tag", "--index", "local", "--dry-run"), 88, HEAVY | EDITOR),
    "doctor": (("doctor", "--index", "local"), 106, HEAVY),
}
"""A task's words, how many of our modules it may load, and the libraries that it loads none of."""


def loaded_by(session: str, repo: Repo, *words: str) -> set[str]:
    """Run a session as CI does, and return our own modules that its process imported."""
    imported = imported_by(repo, "-m", "nox", "--session", session, "--", *words)
    return {name.partition(".")[2] for name in imported if name.partition(".")[0] == "release_channels"}


def imported_by(repo: Repo, *words: str, codes: tuple[int, ...] = (0,)) -> set[str]:
    """Run Python, and return all modules that its process imported."""
    command = [sys.executable, "-X", "importtime", *words]
    done = subprocess.run(command, cwd=repo.root, capture_output=True, text=True, check=False)
    shown = done.stdout + re.sub(r"^import time:.*\n", "", done.stderr, flags=re.MULTILINE)
    assert done.returncode in codes, shown
    return set(re.findall(r"^import time:.*\| +(\S+)$", done.stderr, re.MULTILINE))


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
    modules = leaves(loaded)
    assert len(modules) <= LIMITS[session], "\n".join(sorted(modules))


def leaves(loaded: set[str]) -> set[str]:
    """Return the modules without the packages that contain some of them."""
    return {name for name in loaded if not any(other.startswith(f"{name}.") for other in loaded) and name}


@pytest.mark.parametrize(("words", "most", "without"), TASKS.values(), ids=TASKS)
def test_a_task_of_every_day_loads_few_modules_and_no_heavy_library(
    words: tuple[str, ...], most: int, without: set[str], make_repo: MakeRepo, upstream: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Half of a task's time is imports; an index that answers in JSON needs neither a server nor a reader of HTML."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", upstream)
    files = dict(sample("1.2.0.dev0").files)
    text = str(files["pyproject.toml"]).replace("https://github.com/", "https://example.com/")
    files["pyproject.toml"] = text.replace(f'repository = "{NAME}"\n', "")
    repo = make_repo(Sample(files=files))
    imported = imported_by(repo, "-c", "from release_channels.tasks import main; main()", *words, codes=(0, 1))
    assert {name.partition(".")[0] for name in imported} & without == set()
    own = leaves({name.partition(".")[2] for name in imported if name.startswith("release_channels.")})
    assert {"cli.run", "adapters.git"} <= own
    assert len(own) <= most, "\n".join(sorted(own))


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
