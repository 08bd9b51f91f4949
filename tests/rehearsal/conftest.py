"""An adopted project: its noxfile with a lock, and its rendered workflow files."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release_channels.adoption.workflows.render import Adoption, Tests, render
from release_channels.project.pyproject import parse_project
from tests.cli.screen import BIN
from tests.support.projects import Sample
from tests.support.releasing import environment
from tests.support.repo import Repo

HERE = Path(__file__).parents[2]
NO_GATE = "[tool.release-channels.gate]\nenabled = false\n"
_NOXFILE = """\
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox", "release-channels{extra} @ {wheel}"]
# ///
import nox

from release_channels import sessions

sessions.register(nox)

if __name__ == "__main__":
    nox.main()
"""


@pytest.fixture(scope="session")
def tool_wheel(offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this working tree."""
    directory = tmp_path_factory.mktemp("tool")
    # This repository takes nothing that is newer than its pins; the wheelhouse was filled today.
    words = ("build", "--quiet", "--wheel", "--no-config", "--out-dir", str(directory), str(HERE))
    subprocess.run([BIN / "uv", *words], check=True, env=offline_environment, cwd=directory)
    return next(directory.glob("*.whl"))


@pytest.fixture(scope="session")
def adopted(
    tool_wheel: Path, offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[bool], Repo]:
    """Create an adopter's repository, with the gate or without; each once, and it is never changed."""
    made: dict[bool, Repo] = {}

    def make(with_gate: bool) -> Repo:
        if with_gate not in made:
            directory = tmp_path_factory.mktemp("adopter")
            with environment(offline_environment):
                made[with_gate] = _adopt(directory, tool_wheel, with_gate=with_gate)
        return made[with_gate]

    return make


def _adopt(directory: Path, wheel: Path, *, with_gate: bool) -> Repo:
    """Write the files of `init`, and lock the noxfile."""
    sample = Sample(tail="" if with_gate else NO_GATE, settings="rebuild = false\n")
    files = sample.tree() | {
        "noxfile.py": _NOXFILE.format(extra="[gate]" if with_gate else "", wheel=wheel.as_uri()),
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n\n- Everything.\n",
        ".gitignore": "dist/\nrelease.json\n.release-channels/\n.nox/\n__pycache__/\n",
    }
    config = parse_project(str(files["pyproject.toml"]).encode(), "pyproject.toml").config
    tests = Tests("uv run --frozen --script noxfile.py", ("tests",), ("3.11",))
    (directory / "noxfile.py").write_text(str(files["noxfile.py"]))
    words = ("lock", "--quiet", "--no-config", "--script", str(directory / "noxfile.py"))
    subprocess.run([BIN / "uv", *words], check=True, cwd=directory, env=dict(os.environ))
    files["noxfile.py.lock"] = (directory / "noxfile.py.lock").read_text()
    return Repo.create(directory / "repo", files | dict(render(Adoption(config, tests))))


@pytest.fixture
def directory(tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files, which has to be empty at the end."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked anew from here on
    return tmp_path / "tmp"
