"""What would stop a rehearsal after minutes is asked before it begins, and expected together."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from release_channels.adapters.git import Git
from release_channels.adapters.index import Credentials, Index
from release_channels.adoption.workflows.render import render
from release_channels.cli.context import TaskContext, open_project
from release_channels.cli.options import RehearsalOptions
from release_channels.errors import RefusedError
from release_channels.gate.sandbox.bubblewrap import find_bubblewrap
from release_channels.model.outcome import Result
from release_channels.rehearsal.actions.act import find_act
from release_channels.rehearsal.prerequisites import LEAST_ROOM, Machine, require_prerequisites
from release_channels.rehearsal.session import run_rehearsal
from tests.commands.doing import some_of
from tests.conftest import MakeRepo
from tests.rehearsal.conftest import NO_GATE
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.workflows.adopters import ADOPTERS

PREVIEW = ".github/workflows/internal-preview-release.yml"
LOG = "# Changelog\n\n## [Unreleased]\n\n- Everything.\n"
IGNORED = ".release-channels/\n"


def ready(make_repo: MakeRepo, *, version: str = "1.2.0.dev0", **settings: str) -> Repo:
    """A project as `init` leaves it, without its gate; nothing of it is run here."""
    files = {
        "noxfile.py": "import nox\n", "noxfile.py.lock": "version = 1\n", "CHANGELOG.md": LOG, ".gitignore": IGNORED,
    }  # fmt: skip
    texts = {**files, **render(ADOPTERS["no-gate"])}
    return make_repo(Sample(version=version, tail=NO_GATE, files=texts, **settings))  # type: ignore[arg-type]


def change(path: str, old: str, new: str) -> Callable[[Repo], object]:
    """Replace a text in a file, and commit it."""

    def act(repo: Repo) -> None:
        text = (repo.root / path).read_text()
        assert old in text
        repo.commit("change", {path: text.replace(old, new)})

    return act


def remove(path: str) -> Callable[[Repo], object]:
    """Remove a file, and commit that."""

    def act(repo: Repo) -> None:
        repo.git("rm", "--quiet", path)
        repo.commit("remove")

    return act


def tag_another(repo: Repo) -> None:
    """Release the version from an earlier commit."""
    repo.tag("v1.2.0")
    repo.commit("later")


STOPS: dict[str, tuple[Callable[[Repo], object], str]] = {
    "no entry in the changelog": (change("CHANGELOG.md", "- Everything.\n", ""), "CHANGELOG.md"),
    "a tag that exists": (tag_another, "1.2.0"),
    "no lock": (remove("noxfile.py.lock"), "the workflows run from noxfile.py.lock, which the commit lacks"),
    "no workflow": (remove(PREVIEW), f"lacks {PREVIEW}"),
    "a cut chain": (change(PREVIEW, "workflows: [test]", "workflows: [tests]"), f"{PREVIEW}:"),
    "a copy": (
        change("src/demo_tool/__init__.py", "import sys\n", 'import sys\n\n__version__ = "1.2.0.dev0"\n'),
        "src/demo_tool/__init__.py has 1.2.0.dev0, and no setting lists it",
    ),
    "a readme that is not there": (change("pyproject.toml", "README.md", "READ.md"), "READ.md"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("act", "expected"), some_of(STOPS, "no entry in the changelog", "a tag that exists", "no lock", "a cut chain")
)
def test_later_obstacles_are_reported_at_the_start(
    make_repo: MakeRepo, directory: Path, act: Callable[[Repo], object], expected: str
) -> None:
    """No environment is made for it, and the hint says what to do."""
    repo = ready(make_repo)
    act(repo)
    before = repo.fingerprint()
    outcome = run_rehearsal((), root=repo.root, env=dict(os.environ))
    assert outcome.result is Result.REFUSED
    assert expected in outcome.message
    assert outcome.hint
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_several_obstacles_are_in_one_report(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """A dozen runs to find a dozen faults would take an hour."""
    repo = ready(make_repo)
    STOPS["no entry in the changelog"][0](repo)
    STOPS["no lock"][0](repo)
    with pytest.raises(RefusedError) as stop:
        require_prerequisites(_context(repo), RehearsalOptions(), machine=Machine(room=lambda: LEAST_ROOM - 1))
    rows = [line for line in capsys.readouterr().err.splitlines() if line.startswith("  no ")]
    assert [row.split()[1] for row in rows] == ["room", "lock", "bump"]
    assert str(stop.value).startswith(
        "1.0 GiB are free for temporary files, and a rehearsal needs 1 GiB; the workflows"
    )


def no_act() -> object:
    """Find no act."""
    return find_act(Path("/nowhere/python"), path="/nowhere")


LACKS: dict[str, tuple[Machine, str, str]] = {
    "act": (Machine(act=no_act), "act, which runs the workflow files, is not installed", "act"),
    "a library": (
        Machine(library=lambda name: None if name == "yaml" else name), "not installed: yaml",
        "`pip install 'release-channels[rehearsal]'`",
    ),
    "a sandbox": (
        Machine(bubblewrap=lambda gate, _: find_bubblewrap(gate, {"PATH": "/nowhere"}, lambda: None)),
        "the gate has no sandbox: bubblewrap is not installed", "`init --no-gate`",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("machine", "message", "hint"), LACKS.values(), ids=LACKS)
def test_what_the_machine_lacks_is_named(make_repo: MakeRepo, machine: Machine, message: str, hint: str) -> None:
    """With how to get it."""
    repo = make_repo(Sample(tail="[tool.release-channels.gate]\nenabled = true\n"))
    before = repo.fingerprint()
    with pytest.raises(RefusedError) as stop:
        require_prerequisites(_context(repo), RehearsalOptions(only="preview"), machine=machine)
    assert message in str(stop.value)
    assert hint in stop.value.hint
    assert repo.fingerprint() == before


def test_a_sound_project_is_let_through(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """On a dev line, on a final without its tag, and on a released one; a preview alone needs no changelog."""
    repo = ready(make_repo)
    require_prerequisites(_context(repo), RehearsalOptions())
    shown = capsys.readouterr().err
    assert "  ok  bump       1.2.0.dev0 can become 1.2.0 everywhere\n  ok  tag        v1.2.0 is free\n" in shown
    change("pyproject.toml", "1.2.0.dev0", "1.2.0")(repo)
    change("CHANGELOG.md", "[Unreleased]", "[1.2.0] - 2026-01-02")(repo)
    require_prerequisites(_context(repo), RehearsalOptions())
    assert "  ok  changelog  CHANGELOG.md has a section for 1.2.0\n" in capsys.readouterr().err
    repo.tag("v1.2.0")
    change("CHANGELOG.md", "# Changelog\n", "# Changelog\n\n## [Unreleased]\n\n- More.\n")(repo)
    require_prerequisites(_context(repo), RehearsalOptions())
    assert "v1.2.1 is free" in capsys.readouterr().err
    STOPS["no entry in the changelog"][0](repo)
    require_prerequisites(_context(repo), RehearsalOptions(only="preview"))


@pytest.mark.parametrize(("gate", "asked"), [("", True), ('rollout = ["own", "{jobs_dir}"]\n', False)])
def test_a_sandbox_is_asked_for_only_where_the_gate_needs_one(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], gate: str, *, asked: bool
) -> None:
    """A rollout of the project's own goes without, as in the gate itself."""
    repo = make_repo(Sample(tail=f"[tool.release-channels.gate]\n{gate}"))
    with pytest.raises(RefusedError):  # it has no workflow files
        require_prerequisites(_context(repo), RehearsalOptions(only="preview"))
    assert (" sandbox " in capsys.readouterr().err) is asked


def _context(repo: Repo) -> TaskContext:
    git = Git.open(repo.root)
    commit = git.commit("HEAD")
    upstream = Index("pypi", "http://127.0.0.1:9/simple/", "", Credentials.NONE)
    return TaskContext(git, commit, open_project(git, commit), upstream, dict(os.environ))
