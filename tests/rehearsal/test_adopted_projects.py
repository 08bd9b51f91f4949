"""`init`, and then the rehearsal command that it prints, on generated projects without an edit."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.screen import BIN, Screen, run, table
from tests.conftest import MakeRepo
from tests.support.corpus import PROJECTS, create_repository, dependencies_index, path_with_python, read_case
from tests.support.projects import Sample
from tests.support.repo import Repo

_NOXFILE = '''"""Mine."""
import nox


@nox.session
def docs(session):
    """Build the pages."""


if __name__ == "__main__":
    nox.main()
'''
_TASKS = '''"""Mine."""
from invoke import task


@task
def bump(c):
    """Bump in my own way."""
'''
STAGES = {
    "preview": ["push to main", "test", "preview", "compare"],
    "public": ["push to main", "test", "bump", "merge", "tag", "public", "compare"],
    "": ["push to main", "test", "preview", "compare", "bump", "merge", "tag", "public", "bump-dev", "status"],
}
INSTALLED = {
    "preview": "public: {final}.dev1, preview: {final}.dev1",
    "public": "public: {final}, preview: {final}",
    "": "public: {final}, preview: 1.2.1.dev3",
}


NO_GATE, GATE = ("--no-gate",), ("--gate",)


@dataclass(frozen=True)
class Case:
    """A project before its adoption, and the start of its rehearsal."""

    backend: str
    init: tuple[str, ...] = GATE
    own: str = ""
    """Its own noxfile, beside which it has a tasks file."""
    is_locked: bool = False
    has_remote: bool = True
    from_lock: bool = False
    """True if uv starts the noxfile from its lock, as the workflows do, and not nox."""
    part: str = ""
    is_quick: bool = True
    is_released: bool = False
    """True if main declares a version that has its tag, as between two releases."""

    def make(self, make_repo: MakeRepo) -> Repo:
        """Create the project."""
        files: dict[str, str | bytes] = {"noxfile.py": self.own, "tasks.py": _TASKS} if self.own else {}
        version = "1.2.0" if self.is_released else "1.2.0.dev0"
        repo = make_repo(Sample(backend=self.backend, version=version, files=files))
        if self.is_released:
            repo.tag("v1.2.0")
        if not self.has_remote:
            repo.git("remote", "remove", "origin")
        if self.is_locked:
            subprocess.run([BIN / "uv", "lock", "--quiet"], cwd=repo.root, check=True)
            repo.commit("lock")
        return repo

    def words(self, named: str) -> tuple[str | Path, ...]:
        """Return the rehearsal's command; `named` is the one that `init` prints."""
        program, *words = named.split()
        noxfile = words[1] if words[0] == "-f" else "noxfile.py"
        started = (
            (BIN / "uv", "run", "--quiet", "--frozen", "--script", noxfile) if self.from_lock else (BIN / program,)
        )
        quick = ("--quick",) if self.is_quick else ()
        return (*started, *words, "--", *quick, *(("--only", self.part) if self.part else ()))

    @property
    def stages(self) -> list[str]:
        """The expected stages, each once; a released main opens the next line first."""
        named = STAGES[self.part]
        if not self.is_released:
            return named
        return list(dict.fromkeys((*named[:2], "bump-dev", "merge", *named[2:])))

    @property
    def installed(self) -> str:
        """The versions that users get in the end."""
        return INSTALLED[self.part].format(final="1.2.1" if self.is_released else "1.2.0")


PARTS = {
    "setuptools, a preview": Case("setuptools", NO_GATE, part="preview"),
    "hatchling, the public release after one": Case(
        "hatchling", NO_GATE, is_locked=True, from_lock=True, part="public", is_released=True
    ),
}
FULL = {
    "hatchling": Case("hatchling", is_quick=False),
    "setuptools, own noxfile and tasks": Case("setuptools", NO_GATE, own=_NOXFILE),
    "flit, locked": Case("flit-core", NO_GATE, is_locked=True, from_lock=True),
    "poetry, no remote": Case("poetry-core", NO_GATE, has_remote=False),
    "pdm, a noxfile that cannot be joined": Case(
        "pdm-backend", NO_GATE, own=_NOXFILE.replace("nox\n", "nox, yaml\n", 1)
    ),
    "uv, all at once": Case("uv_build", own=_NOXFILE, is_locked=True, has_remote=False, from_lock=True, is_quick=False),
}


def run_rehearsal(case: Case, repo: Repo, tool: Path) -> Screen:
    """Adopt the tool, commit, run the printed command, and assert that the project is unchanged."""
    adoption = run(BIN / "release-channels", "init", "--tool", tool, *case.init, cwd=repo.root)
    assert adoption.code == 0, adoption.text
    has_own_file = (repo.root / "release_noxfile.py").exists()
    named = f"nox {'-f release_noxfile.py ' if has_own_file else ''}-s rehearse"
    repo.commit("adopt")
    before = repo.fingerprint()
    env = {"NOX_SCRIPT_MODE": "none" if case.from_lock else ""}
    screen = run(*case.words(named), cwd=repo.root, env=env, seconds=900)
    after = repo.fingerprint()
    assert {name: seen for name, seen in after.items() if not name.startswith(".nox/")} == before
    assert not repo.git("status", "--porcelain")
    return screen


def check(screen: Screen, case: Case, project: str = "demo-tool", installed: str = "") -> None:
    """Assert that every stage of the part passed, and which versions users get."""
    assert screen.code == 0, screen.text
    rows = table(screen.out)
    assert [name for name in rows if name != "gate"] == case.stages
    assert ("gate" in rows) is (case.init == GATE)
    assert rows["compare"][1].endswith(" are identical")
    what = f"the {case.part} part of the scenario" if case.part else "the whole scenario"
    assert screen.last.startswith(f"done: {project}: {what} ran in ")
    assert screen.last.endswith(f"; in the end users get {installed or case.installed} (rehearsal)")


def check_nothing_is_left(directory: Path) -> None:
    """Assert that neither a temporary directory nor an environment with a Python from one is left."""
    assert not list(directory.glob("release-channels*"))
    made = Path(os.environ["UV_CACHE_DIR"]).glob("environments-*/*/pyvenv.cfg")
    assert not [config.parent for config in made if str(directory) in config.read_text()]


@pytest.mark.full
@pytest.mark.parametrize("case", PARTS.values(), ids=PARTS)
def test_an_adopted_project_is_rehearsed_in_part(
    make_repo: MakeRepo, tool_wheel: Path, directory: Path, case: Case
) -> None:
    """With nox alone, as `init` prints, or from the lock, as in workflows; no file is left."""
    check(run_rehearsal(case, case.make(make_repo), tool_wheel), case)
    check_nothing_is_left(directory)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", FULL.values(), ids=FULL)
def test_every_backend_is_rehearsed_completely(
    make_repo: MakeRepo, tool_wheel: Path, directory: Path, case: Case
) -> None:
    """With and without a lock, a noxfile, tasks, a remote."""
    check(run_rehearsal(case, case.make(make_repo), tool_wheel), case)
    check_nothing_is_left(directory)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_project_with_much_of_its_own_is_rehearsed_completely(
    offline: None,
    tool_wheel: Path,
    directory: Path,
    tmp_path: Path,
    wheelhouse: Path,
    upstream: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it has of its own is left alone and named; pip, which finds no end, does not stop the release."""
    name = "much-of-its-own"
    expected, case = read_case(name), Case("uv_build", from_lock=True, is_quick=False)
    monkeypatch.setenv("PATH", path_with_python(tmp_path, expected))
    with dependencies_index(tmp_path, expected, wheelhouse, upstream) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index)
        repo = create_repository(tmp_path, PROJECTS / name, expected)
        screen = run_rehearsal(case, repo, tool_wheel)
    check(screen, case, "sluice", "public: 1.2.0, preview: pip not known after 30 s / uv 1.2.1.dev3")
    assert "started by push, but not part of the release: parity.yml" in screen.text
    assert "the reusable workflow ./.github/workflows/parity.yml cannot be rehearsed: light.yml" in screen.text
    check_nothing_is_left(directory)
