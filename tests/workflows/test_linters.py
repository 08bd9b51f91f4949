"""What others say about the workflow files: zizmor at its strictest, and GitHub's own schema."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from release_channels.adoption.tool_source import own_workflows
from release_channels.adoption.workflows.render import render
from tests.cli.screen import BIN
from tests.workflows.adopters import ADOPTERS, own_config

_FILES = {"this repository": own_workflows(own_config()), **{name: render(made) for name, made in ADOPTERS.items()}}
_ALWAYS = ("this repository", "own-file")
CASES = [pytest.param(name, marks=() if name in _ALWAYS else pytest.mark.full) for name in _FILES]


def write(files: Mapping[str, str], place: Path) -> list[str]:
    """Write workflow files and give their paths."""
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return [str(place / path) for path in files]


def lint(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a linter as it is installed beside this Python."""
    return subprocess.run([str(BIN / words[0]), *words[1:]], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_zizmor_finds_nothing(offline: None, tmp_path: Path, name: str) -> None:
    """Not even as an auditor; what is ignored is that one workflow starts another, with a reason beside it."""
    paths = write(_FILES[name], tmp_path)
    done = lint("zizmor", "--persona", "auditor", "--offline", "--format", "json", *paths, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == []
    ignored = [line for path in paths for line in Path(path).read_text().splitlines() if "zizmor:" in line]
    assert all("ignore[dangerous-triggers] the " in line for line in ignored)


def test_zizmor_would_find_something(offline: None, tmp_path: Path) -> None:
    """The silence above means something."""
    files = {path: text.replace("persist-credentials: false", "") for path, text in _FILES["own-file"].items()}
    paths = write(files, tmp_path)
    done = lint("zizmor", "--persona", "auditor", "--offline", "--format", "json", *paths, cwd=tmp_path)
    assert "artipacked" in {finding["ident"] for finding in json.loads(done.stdout)}


@pytest.mark.parametrize("name", CASES)
def test_githubs_schema_takes_them(offline: None, tmp_path: Path, name: str) -> None:
    """Every key is one that a workflow file may have."""
    paths = write(_FILES[name], tmp_path)
    done = lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_githubs_schema_would_refuse_something(offline: None, tmp_path: Path) -> None:
    """The silence above means something, here for a key that does not exist."""
    files = {path: text.replace("runs-on:", "run-on:") for path, text in _FILES["own-file"].items()}
    done = lint(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *write(files, tmp_path), cwd=tmp_path
    )
    assert done.returncode == 1
