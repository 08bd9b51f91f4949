"""The documents say what is so: commands, settings, sessions, files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from release_channels.options import parse_options
from release_channels.reference import configuration_page
from release_channels.sessions import SESSIONS
from release_channels.tasks import ns

HERE = Path(__file__).parents[2]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/configuration.md", "docs/guarantees.md")
MAIN_JOB = "python -m pip install uv && uv run nox -s preview"
TESTS = "python -m pip install uv && uv run nox -s tests"


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _blocks(name: str) -> list[str]:
    return [block.strip() for block in re.findall(r"^```\n(.*?)^```", _text(name), re.DOTALL | re.MULTILINE)]


def test_the_readme_begins_with_the_main_job_and_then_the_tests() -> None:
    """The first command block does all the set-up and runs the main job, the second all the set-up and the tests."""
    assert _blocks("README.md")[:2] == [MAIN_JOB, TESTS]
    assert _blocks("CONTRIBUTING.md")[0] == TESTS


def test_ci_calls_the_readmes_test_command() -> None:
    """.ci/run installs uv with pip and runs the tests in the README's words, and is a valid script."""
    script = HERE / ".ci" / "run"
    install, command = TESTS.split(" && ")
    assert command in script.read_text().splitlines()
    assert set(install.split()[1:]) <= set(script.read_text().split())
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


def test_the_page_of_settings_is_up_to_date() -> None:
    """docs/configuration.md is what is generated from the settings; CONTRIBUTING.md says how to write it anew."""
    assert _text("docs/configuration.md") == configuration_page()


def test_the_readme_names_every_session_and_option() -> None:
    """The tables of the README and the program agree."""
    text = _text("README.md")
    assert set(re.findall(r"^\| `([a-z][a-z-]*)` \|", text, re.MULTILINE)) == set(SESSIONS)
    options = re.findall(r"^\| `(--[a-z-]+)( [A-Z]+)?` \|", text, re.MULTILINE)
    assert len(options) == 8
    for option, value in options:
        parse_options("preview", [option, "1"] if value else [option])


def test_the_readme_names_every_task() -> None:
    """The table of tasks and the collection agree."""
    named = re.findall(r"^\| `invoke ([a-z-]+)` \|", _text("README.md"), re.MULTILINE)
    assert sorted(named) == sorted(ns.task_names)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_document_points_at_is_there(name: str) -> None:
    """Every link and every file of this repository that a document names exists."""
    text = _text(name)
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:src|tests|docs)/[\w./]+)`", text)
    missing = [path for path in linked if not ((HERE / name).parent / path).exists()]
    missing += [path for path in named if not (HERE / path).exists()]
    assert missing == []
