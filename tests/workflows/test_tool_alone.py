"""Jobs with a token run only the release tool: planted project code would leave a mark."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import packaging
import pytest
import yaml

from release_channels.adoption.tool_source import own_workflows
from release_channels.adoption.workflows.render import render
from tests.cli.screen import BIN
from tests.conftest import MakeRepo
from tests.support.distributions import make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.workflows.adopters import ADOPTERS, HERE, own_config

_MARK = "import os, pathlib\npathlib.Path(os.environ['MARKS'], {!r}).touch()\n"
# A dynamic project: without a lock its setup.py is run to learn what it depends on.
_PYPROJECT = (
    '[build-system]\nrequires = []\nbuild-backend = "planted"\nbackend-path = ["."]\n\n[project]\nname = "demo-tool"\n'
    'dynamic = ["dependencies"]\nversion = "1.2.0.dev0"\nrequires-python = ">=3.10"\n\n'
    '[dependency-groups]\nrelease = []\n\n[tool.release-channels]\nrepository = "acme/demo-tool"\n'
)
_HERE = platform.python_version()
# The wheelhouse has no files for another system, and a lock names them all.
_ELSEWHERE = ("colorama", "pywin32-ctypes")
_RELEASE_NOXFILE = (
    f'# /// script\n# requires-python = "=={_HERE}"\n# dependencies = ["nox", "release-channels"]\n'
    "# ///\nimport nox\n\n"
    "from release_channels import sessions\n\nsessions.register(nox)\n\nif __name__ == '__main__':\n    nox.main()\n"
)


@dataclass(frozen=True)
class Planted:
    """A checkout in which all project code leaves a mark when it runs."""

    root: Path
    marks: Path

    @property
    def marked(self) -> set[str]:
        """The names of the programs that ran."""
        return {path.name for path in self.marks.iterdir()}

    def run(self, line: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a line as a runner does, with the tool's own programs on the path."""
        variables = {**os.environ, "MARKS": str(self.marks), "PATH": f"{BIN}:{os.environ['PATH']}", **env}
        variables.pop("VIRTUAL_ENV", None)
        return subprocess.run(
            ["bash", "-e", "-c", line],
            cwd=self.root,
            env=variables,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def plant(root: Path, place: Path, pyproject: str) -> Planted:
    """Put a backend, a setup.py and a sitecustomize into a checkout."""
    marks = place / "marks"
    marks.mkdir()
    (root / "pyproject.toml").write_text(pyproject)
    (root / "setup.py").write_text(_MARK.format("setup.py") + "from setuptools import setup\nsetup()\n")
    (root / "planted.py").write_text(_MARK.format("backend") + "raise SystemExit('the backend ran')\n")
    return Planted(root, marks)


def lines_with_permissions(files: dict[str, str]) -> list[tuple[str, dict[str, str]]]:
    """Return every `run:` of jobs that can have a token, with its variables, except the installing one."""
    found = []
    for text in files.values():
        workflow: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
        for job in workflow["jobs"].values():
            if "write" not in dict(job["permissions"] or {}).values():
                continue
            for step in job["steps"]:
                env = {**workflow.get("env", {}), **step.get("env", {})}
                if "run" in step and "uv venv" not in step["run"]:
                    found.append((step["run"], {name: value for name, value in env.items() if "${{" not in value}))
    return found


@pytest.fixture
def own_copy(tmp_path: Path, offline: None) -> Planted:
    """The sources of this repository with a planted backend, as a checkout has them."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=HERE, check=True, capture_output=True, text=True).stdout.split("\0")
    files = {name: (HERE / name).read_bytes() for name in listed if name and (HERE / name).is_file()}
    repo = Repo.create(tmp_path / "this", files)
    pyproject = (repo.root / "pyproject.toml").read_text()
    head = '[build-system]\nrequires = []\nbuild-backend = "planted"\nbackend-path = ["."]\n'
    changed = re.sub(r"\[build-system\]\n(.+\n)+", head, pyproject, count=1)
    assert changed != pyproject
    return plant(repo.root, tmp_path, re.sub(r"(?m)^exclude-newer = .*\n", "", changed))


@pytest.mark.parametrize("session", ["public-publish", pytest.param("", id="every line", marks=pytest.mark.full)])
def test_own_jobs_with_a_token_run_no_backend(own_copy: Planted, session: str) -> None:
    """Each line starts the tool from its sources."""
    lines = lines_with_permissions(dict(own_workflows(own_config())))
    assert {re.sub(r".* -s ([a-z-]+).*", r"\1", line) for line, _ in lines} == {
        "ci-preflight", "preview-publish", "public-publish", "github-release",
    }  # fmt: skip
    assert own_copy.run("uv venv --quiet").returncode == 0
    for line, env in (entry for entry in lines if session in entry[0]):
        done = own_copy.run(line, RUNNER_TEMP=str(own_copy.marks.parent), **env)
        assert re.search(r"aborted: (refused|failed)", done.stderr), done.stderr  # the session itself has spoken
        assert own_copy.marked == set(), line
    assert own_copy.run("uv pip install --no-deps .").returncode != 0
    assert own_copy.marked == {"backend"}, "a build of the project leaves its mark"


@pytest.mark.full
def test_adopters_jobs_with_a_token_run_no_project_code(make_repo: MakeRepo, tmp_path: Path, offline: None) -> None:
    """No setup.py, no backend and, with a separate release noxfile, no other noxfile."""
    repo = make_repo(Sample())
    planted = plant(repo.root, tmp_path, _PYPROJECT)
    wheel = _wheel_of_the_tool(tmp_path)
    block = _RELEASE_NOXFILE.replace('"release-channels"', f'"release-channels @ {wheel.as_uri()}"')
    repo.write({"release_noxfile.py": block, "noxfile.py": _MARK.format("noxfile") + "import demo_tool\n"})
    for name in _ELSEWHERE:
        make_wheel(tmp_path / "elsewhere", name=name, version="99")
    locked = planted.run("uv lock --quiet --script release_noxfile.py", UV_FIND_LINKS=str(tmp_path / "elsewhere"))
    assert locked.returncode == 0, locked.stderr
    assert "sha256:" in (repo.root / "release_noxfile.py.lock").read_text()
    repo.commit("adopted")
    repo.git("push", "--quiet", "origin", "main")
    assert planted.marked == set()
    lines = lines_with_permissions(dict(render(ADOPTERS["own-file"])))
    assert len(lines) == 5
    for line, env in lines:
        assert env["NOX_SCRIPT_MODE"] == "none"
        done = planted.run(line, RUNNER_TEMP=str(tmp_path), **env)
        assert re.search(r"aborted: (refused|failed)", done.stderr), done.stderr
        assert planted.marked == set(), line
    planted.run("uv run --only-group release python -c pass")
    assert planted.marked - {"backend", "setup.py"} == set()
    assert planted.marked, "without the script's lock the project's own code runs"
    planted.run(lines[0][0].replace("-f release_noxfile.py ", ""), RUNNER_TEMP=str(tmp_path), **lines[0][1])
    assert "noxfile" in planted.marked


def _wheel_of_the_tool(place: Path) -> Path:
    words = [
        str(BIN / "uv"),
        "build",
        "--quiet",
        "--wheel",
        "--no-config",
        "--out-dir",
        str(place / "wheel"),
        str(HERE),
    ]
    subprocess.run(words, check=True, cwd=place)
    return next((place / "wheel").glob("*.whl"))


def test_the_tool_knows_its_version_where_it_runs_from_its_sources(tmp_path: Path) -> None:
    """The jobs of its own repository install what it needs by hash, and never the tool itself."""
    code = "from release_channels.adapters.tool_lock import running_version; print(running_version())"
    (tmp_path / "packaging").symlink_to(Path(packaging.__file__).parent)
    sources = f"import sys; sys.path[:0] = [{str(HERE / 'src')!r}, {str(tmp_path)!r}]; {code}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", sources], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["version"]
