"""Planned versions are those that the real build backends build, for each version source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.git import Git
from release_channels.project.files import nothing
from release_channels.project.plan_edits import plan_preview
from release_channels.project.pyproject import parse_project
from release_channels.release.build import BuildSpec, build_files
from tests.support.repo import Repo

PREVIEW = Version("1.3.0.dev42")
DYNAMIC = '[project]\nname = "demo-tool"\ndynamic = ["version"]\n'
POETRY = '[tool.poetry]\nname = "demo-tool"\nversion = "{}"\ndescription = ""\nauthors = []\n'
SRC = "src/demo_tool/__init__.py"
INIT = '"""A sample."""\n\n__version__ = "1.3.0.dev0"\n'
EMPTY = '"""A sample."""\n'

_SETUP = (
    "from setuptools import setup\n"
    "setup(name='demo-tool', version={}, package_dir={{'': 'src'}}, packages=['demo_tool'])\n"
)

# Requirement and backend (none: there is no pyproject.toml), the rest of pyproject.toml, and the other files.
PROJECTS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "hatch path": ("hatchling", "hatchling.build", DYNAMIC + f'[tool.hatch.version]\npath = "{SRC}"\n', {SRC: INIT}),
    "setuptools attr": (
        "setuptools", "setuptools.build_meta",
        DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "demo_tool.__version__"}\n', {SRC: INIT}),
    "setuptools file": (
        "setuptools", "setuptools.build_meta", DYNAMIC + '[tool.setuptools.dynamic]\nversion = {file = "VERSION"}\n',
        {SRC: EMPTY, "VERSION": "1.3.0.dev0\r\n"}),
    "setup.cfg": (
        "setuptools", "setuptools.build_meta", "",
        {SRC: EMPTY,
         "setup.cfg": "[metadata]\nname=demo-tool\nversion=1.3.0.dev0\n[options.packages.find]\nwhere=src\n"}),
    "flit": (
        "flit_core", "flit_core.buildapi", DYNAMIC.replace('["version"', '["version", "description"'), {SRC: INIT}),
    "pdm file": (
        "pdm-backend", "pdm.backend", DYNAMIC + f'[tool.pdm.version]\nsource = "file"\npath = "{SRC}"\n', {SRC: INIT}),
    "poetry": ("poetry-core", "poetry.core.masonry.api", POETRY.format("1.3.0.dev0"), {SRC: EMPTY}),
    "setuptools-scm": (
        "setuptools-scm", "setuptools.build_meta", DYNAMIC + "[tool.setuptools_scm]\n", {SRC: EMPTY}),
    "setuptools-scm that only finds files": (
        "setuptools-scm", "setuptools.build_meta", DYNAMIC,
        {SRC: EMPTY, "setup.cfg": "[metadata]\nversion=1.3.0.dev0\n"}),
    "hatch-vcs": (
        'hatchling", "hatch-vcs', "hatchling.build", DYNAMIC + '[tool.hatch.version]\nsource = "vcs"\n', {SRC: EMPTY}),
    "uv-dynamic-versioning": (
        'hatchling", "uv-dynamic-versioning', "hatchling.build",
        DYNAMIC + '[tool.hatch.version]\nsource = "uv-dynamic-versioning"\n', {SRC: EMPTY}),
    "poetry-dynamic-versioning": (
        'poetry-core", "poetry-dynamic-versioning', "poetry_dynamic_versioning.backend",
        POETRY.format("0.0.0") + "[tool.poetry-dynamic-versioning]\nenable = true\n", {SRC: EMPTY}),
    "hatch code": (
        "hatchling", "hatchling.build", DYNAMIC + f'[tool.hatch.version]\nsource = "code"\npath = "{SRC}"\n',
        {SRC: 'V = (1, 3, 0, "dev0")\n__version__ = ".".join(map(str, V))\n'}),
    "flit, imported": (
        "flit_core", "flit_core.buildapi", DYNAMIC.replace('["version"', '["version", "description"'),
        {SRC: '"""A sample."""\n\nfrom .data import __version__\n', "src/demo_tool/data.py": INIT}),
    "setup.py": ("", "", "", {SRC: EMPTY, "setup.py": _SETUP.format('"1.3.0.dev0"')}),
    "setup.py, read from a file": (
        "", "", "", {SRC: INIT, "setup.py": _SETUP.format(f'open("{SRC}").read().split(chr(34))[-2]')}),
    "pdm scm": ("pdm-backend", "pdm.backend", DYNAMIC + '[tool.pdm.version]\nsource = "scm"\n', {SRC: EMPTY}),
}  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize(("requires", "backend", "rest", "files"), PROJECTS.values(), ids=PROJECTS)
def test_the_backend_builds_the_planned_version(
    requires: str, backend: str, rest: str, files: dict[str, str], tmp_path: Path, offline: None
) -> None:
    """Whatever the tags and files of the commit contain."""
    system = f'[build-system]\nrequires = ["{requires}"]\nbuild-backend = "{backend}"\n'
    settings = {"pyproject.toml": system + rest} if backend else {}
    repo = Repo.create(tmp_path / "repo", {**settings, "README.md": "", **files})
    repo.tag("v1.2.0")
    git = Git.open(repo.root)
    head = git.commit(repo.commit("more"))

    def read(path: str) -> bytes | None:
        return git.read_file(head.sha, path)

    project = parse_project(read("pyproject.toml"), read=read)
    assert project.version in (Version("1.3.0.dev0"), Version("0.1.0.dev0"))
    recipe = BuildSpec(
        repository=repo.root,
        commit=head,
        edits=plan_preview(project, nothing, PREVIEW, "https://h.example/o/n/commit/" + head.sha),
        environment=project.source.environment(PREVIEW),
    )
    before = repo.fingerprint()
    sdist, wheel = build_files(recipe, tmp_path / "work", dict(os.environ))
    assert sdist.name == "demo_tool-1.3.0.dev42.tar.gz"
    assert wheel.name.startswith("demo_tool-1.3.0.dev42-py")
    assert repo.fingerprint() == before
