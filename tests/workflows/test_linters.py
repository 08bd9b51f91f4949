"""The workflow files pass zizmor at its strictest, and GitHub's own schema."""

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
    """Write workflow files and return their paths."""
    for path, text in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    return [str(place / path) for path in files]


def lint(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a linter that is installed in this environment."""
    return subprocess.run([str(BIN / words[0]), *words[1:]], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", CASES)
def test_zizmor_has_no_findings(offline: None, tmp_path: Path, name: str) -> None:
    """As an auditor; ignored is only that one workflow starts another, with a reason."""
    paths = write(_FILES[name], tmp_path)
    done = lint("zizmor", "--persona", "auditor", "--offline", "--format", "json", *paths, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout) == []
    ignored = [line for path in paths for line in Path(path).read_text().splitlines() if "zizmor:" in line]
    assert all("ignore[dangerous-triggers] the " in line for line in ignored)


def test_zizmor_finds_a_planted_error(offline: None, tmp_path: Path) -> None:
    files = {path: text.replace("persist-credentials: false", "") for path, text in _FILES["own-file"].items()}
    paths = write(files, tmp_path)
    done = lint("zizmor", "--persona", "auditor", "--offline", "--format", "json", *paths, cwd=tmp_path)
    assert "artipacked" in {finding["ident"] for finding in json.loads(done.stdout)}


@pytest.mark.parametrize("name", CASES)
def test_workflows_match_githubs_schema(offline: None, tmp_path: Path, name: str) -> None:
    paths = write(_FILES[name], tmp_path)
    done = lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_githubs_schema_refuses_an_unknown_key(offline: None, tmp_path: Path) -> None:
    files = {path: text.replace("runs-on:", "run-on:") for path, text in _FILES["own-file"].items()}
    done = lint(
        "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *write(files, tmp_path), cwd=tmp_path
    )
    assert done.returncode == 1
