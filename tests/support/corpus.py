"""The projects below tests/data/projects, as repositories: the README there says what a case has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from release_channels.indexserver.server import serve
from tests.support.distributions import make_sdist, make_wheel
from tests.support.releasing import index_of
from tests.support.repo import Repo

PROJECTS = Path(__file__).parents[1] / "data" / "projects"
DEFAULT = "default"
EXPECTED = "expected.toml"
UV = Path(sys.executable).with_name("uv")


def read_case(name: str) -> Mapping[str, Any]:
    """Read what is expected of a project."""
    return tomllib.loads((PROJECTS / name / EXPECTED).read_text(encoding="utf-8"))


def names() -> tuple[str, ...]:
    """List the projects."""
    return tuple(sorted(path.parent.name for path in PROJECTS.glob(f"*/{EXPECTED}")))


@contextmanager
def dependencies_index(
    place: Path, case: Mapping[str, Any], wheelhouse: Path, upstream: str, *, installs: bool = True
) -> Iterator[str]:
    """Serve the wheelhouse together with the wheels of the case; without such, give the address of `upstream`.

    Unless something `installs` the project, the many of a `count` are left out.
    """
    if not case.get("wheels"):
        yield upstream
        return
    directory = place / "wheels"
    directory.mkdir()
    for wheel in wheelhouse.glob("*.whl"):
        (directory / wheel.name).symlink_to(wheel)
    for wheel in case["wheels"]:
        for number in range(wheel.get("count", 1) if installs else int("count" not in wheel)):
            version = wheel["version"].replace("NUMBER", str(number))
            requires = [text.replace("NUMBER", str(number)) for text in wheel.get("requires", ())]
            make_wheel(directory, name=wheel["name"], version=version, scripts={}, requires=requires)
    with serve(directory) as running:
        yield running.simple_url


def path_with_python(place: Path, case: Mapping[str, Any]) -> str:
    """Return a PATH on which a Python is that the case needs; one of a version manager is found, too.

    Skips the test where this machine has none.
    """
    wanted, path = SpecifierSet(case.get("python", "")), os.environ["PATH"]
    if wanted.contains(".".join(map(str, sys.version_info[:3]))):
        return path
    root = Path(os.environ.get("PYENV_ROOT") or pwd.getpwuid(os.getuid()).pw_dir + "/.pyenv")
    installed = [*root.glob("versions/3.*/bin/python3"), *map(Path, filter(None, [_by_uv(str(wanted))]))]
    fitting = [python for python in installed if wanted.contains(_version(python))]
    found = min(fitting, key=lambda python: Version(_version(python)), default=None)
    if found is None:
        pytest.skip(f"this machine has no Python {wanted}")
    programs = place / "programs"
    programs.mkdir()
    (programs / f"python{_version(found).rpartition('.')[0]}").symlink_to(found)
    return f"{programs}{os.pathsep}{path}"


def _by_uv(wanted: str) -> str:
    words = (UV, "python", "find", "--system", "--no-project", "--no-python-downloads", wanted)
    return subprocess.run(words, capture_output=True, text=True).stdout.strip()


def _version(python: Path) -> str:
    show = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", show], check=True, capture_output=True, text=True).stdout.strip()


def create_repository(place: Path, directory: Path, case: Mapping[str, Any]) -> Repo:
    """Lay the case over the default project, and give it its history and its releases."""
    tree = place / "tree"
    shutil.copytree(PROJECTS / DEFAULT, tree)
    shutil.copytree(directory, tree, symlinks=True, dirs_exist_ok=True)
    for path in (EXPECTED, *case.get("without", ())):
        (shutil.rmtree if (tree / path).is_dir() else Path.unlink)(tree / path)
    history = case.get("history", {})
    branch = history.get("branch", "main")
    repo = Repo(place / "checkout", place / "remote.git")
    begin = ("git", "init", "--quiet", f"--initial-branch={branch}")
    subprocess.run([*begin, "--bare", str(repo.remote)], check=True)
    tree.rename(repo.root)
    subprocess.run([*begin, str(repo.root)], check=True)
    repo.git("remote", "add", "origin", str(repo.remote))
    if case.get("locked"):
        subprocess.run([UV, "lock", "--quiet"], cwd=repo.root, check=True)
    if path := case.get("submodule"):
        other = Repo.create(place / "other", {"README.md": "# Part\n"})
        repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.remote), path)
    repo.git("add", "--all")
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=repo.root, check=True,
        input=_commits(repo.git("write-tree"), history).encode(),
    )  # fmt: skip
    repo.git("push", "--quiet", "--tags", "--set-upstream", "origin", branch)
    for version in case.get("released", ()):
        make_wheel(index_of(repo), name="sluice", version=version, scripts={})
        make_sdist(index_of(repo), name="sluice", version=version)
    if case.get("released"):
        (index_of(repo).parent / ".gitignore").write_text("*\n")
    return repo


def _commits(tree: str, history: Mapping[str, Any]) -> str:
    """Write commits of the same tree for git's fast-import: one for each tag, the oldest first, then the tip.

    Source: git's own manual, fast-import, input format.
    """
    month = 30 * 24 * 3600
    who, now = "Tester <tester@example.com>", 1_790_000_000
    tags, branch = history.get("tags", ()), history.get("branch", "main")
    lines = []
    for mark, name in enumerate((*tags, ""), 1):
        when = f"{who} {now - (len(tags) - mark + 1) * month} +0000"
        lines += [f"commit refs/heads/{branch}", f"mark :{mark}", f"committer {when}", "data 5", "work"]
        lines += [f"M 040000 {tree} "]
        if name and history.get("annotated", True):
            lines += [f"tag {name}", f"from :{mark}", f"tagger {when}", "data 7", "release"]
        elif name:
            lines += [f"reset refs/tags/{name}", f"from :{mark}"]
    for name in history.get("tip", ()):
        lines += [f"reset refs/tags/{name}", f"from :{len(tags) + 1}"]
    return "\n".join([*lines, ""])
