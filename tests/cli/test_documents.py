"""The documents match the program: commands, settings, sessions, files."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from release_channels.adoption.config_reference import configuration_page
from release_channels.cli.options import GateOptions, parse_options
from release_channels.gate.providers import PROVIDERS
from release_channels.model.config import Config, parse_config
from release_channels.model.gate_config import GateConfig
from release_channels.sessions import SESSIONS
from release_channels.tasks import ns
from tests.flow import draw_flow
from tests.generate import REQUIREMENTS
from tests.reference import reference_page

HERE = Path(__file__).parents[2]
MORE = ("docs/adopting.md", "docs/moving.md", "docs/errors.md")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/configuration.md",
    "docs/guarantees.md",
    "docs/gate.md",
    "docs/reference.md",
    *MORE,
)
MAIN_JOB = "python -m pip install uv && uv run nox -s preview"
TESTS = "python -m pip install uv && uv run nox -s tests"


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _blocks(name: str) -> list[str]:
    return [block.strip() for block in re.findall(r"^```\n(.*?)^```", _text(name), re.DOTALL | re.MULTILINE)]


def test_the_readme_begins_with_main_job_and_tests() -> None:
    """Each in one command block with its set-up."""
    assert _blocks("README.md")[:2] == [MAIN_JOB, TESTS]
    assert _blocks("CONTRIBUTING.md")[0] == TESTS


def test_ci_runs_the_readmes_test_command() -> None:
    """After installing uv with pip; .ci/run is a valid script."""
    script = HERE / ".ci" / "run"
    install, command = TESTS.split(" && ")
    assert command in script.read_text().splitlines()
    assert set(install.split()[1:]) <= set(script.read_text().split())
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)


@pytest.mark.parametrize(("file", "extras"), REQUIREMENTS.items(), ids=REQUIREMENTS)
def test_a_job_with_a_token_or_secrets_installs_what_development_uses(file: str, extras: tuple[str, ...]) -> None:
    """The file pins every requirement with hashes, at the version of the dev group."""
    project = tomllib.loads(_text("pyproject.toml"))
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", _text(f"requirements/{file}"), re.MULTILINE))
    development = dict(pin.split(";")[0].strip().split("==") for pin in project["dependency-groups"]["dev"])
    wanted = project["project"]["dependencies"]
    for extra in extras:
        wanted = [*wanted, *project["project"]["optional-dependencies"][extra]]
    for requirement in wanted:
        name = re.split(r"[^a-z0-9-]", requirement)[0]
        assert pinned[name] == development[name], f"{name}: `nox -s generate` writes it again"
    assert _text(f"requirements/{file}").count("--hash=sha256:") >= len(pinned)


def test_the_settings_page_is_up_to_date() -> None:
    """CONTRIBUTING.md contains the command that writes it."""
    assert _text("docs/configuration.md") == configuration_page()


def test_the_reference_page_is_up_to_date() -> None:
    """It has every session and task."""
    text = _text("docs/reference.md")
    assert text == reference_page()
    assert {*SESSIONS, *ns.task_names} <= set(re.findall(r"^\| `([a-z][a-z-]*)` \|", text, re.MULTILINE))
    assert "None" not in text


def test_the_picture_of_the_channels_is_up_to_date() -> None:
    """With the workflow files' own workflows and jobs."""
    snapshot = _text("docs/pictures/flow.svg")
    assert snapshot == draw_flow(), "run `nox -s pictures`"
    assert "internal-preview-release.yml" in snapshot


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_and_files_in_documents_exist(name: str) -> None:
    text = _text(name)
    linked = re.findall(r"\]\(([^)#:]+)\)", text)
    named = re.findall(r"`((?:src|tests|docs)/[\w./]+)`", text)
    missing = [path for path in linked if not ((HERE / name).parent / path).exists()]
    missing += [path for path in named if not (HERE / path).exists()]
    assert missing == []


def test_the_gates_page_matches_the_program() -> None:
    """Options, keys, addresses and models; its tables are valid settings."""
    text = _text("docs/gate.md")
    for option in re.findall(r"^\| `(--[a-z-]+)( [A-Z]+)?` \|", text, re.MULTILINE):
        parse_options(GateOptions, "gate", [option[0], "1"] if option[1] else [option[0]])
    for provider in PROVIDERS:
        keys = " or ".join(f"`{key}`" for key in provider.keys)
        address = f"`{provider.base_url}`" if provider.base_url else "none: `LITELLM_BASE_URL` has to be set"
        assert f"| {keys} | {address} | `{provider.model}` |" in text
        assert f"`{provider.name}`" in text
    tables = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert len(tables) == 5
    for table in tables:
        assert parse_config(tomllib.loads(table)["tool"]["release-channels"]).gate != GateConfig()


def test_documented_errors_are_in_the_sources() -> None:
    """The first column of docs/errors.md."""
    sources = " ".join(path.read_text() for path in (HERE / "src").rglob("*.py"))
    flat = " ".join(re.sub(r'"\s*\n\s*f?"', "", sources).split())
    rows = re.findall(r"^\| `([^`]+)` \|", _text("docs/errors.md"), re.MULTILINE)
    assert len(rows) > 10
    assert [row for row in rows if row not in flat] == []


def test_documented_settings_are_valid() -> None:
    """By the program's own parser."""
    shown = [
        block for name in MORE for block in re.findall(r"^```toml\n(.*?)^```", _text(name), re.DOTALL | re.MULTILINE)
    ]
    assert shown
    for block in shown:
        assert parse_config(tomllib.loads(block)["tool"]["release-channels"]) != Config()


def test_documented_tasks_and_options_exist() -> None:
    for name in (*MORE, "README.md", "CONTRIBUTING.md"):
        for task, options in re.findall(
            r"(?:release-channels|invoke) ([a-z][a-z-]+)((?: --?[a-z][\w-]*)*)", _text(name)
        ):
            if task not in ns.tasks:
                assert not options, f"{name}: {task}{options}"
                continue
            known = {
                flag for argument in ns.tasks[task].get_arguments() for flag in (argument.name, argument.attr_name)
            }
            asked = {option.lstrip("-").removeprefix("no-").replace("-", "_") for option in options.split()}
            assert asked <= {flag.replace("-", "_") for flag in known if flag}, f"{name}: {task}{options}"


@pytest.mark.full
def test_the_pictures_match_a_current_run(tmp_path: Path, offline: None) -> None:
    """Commits, digests and sizes aside."""
    from tests.pictures import PICTURES, draw, words

    for name, svg in draw(tmp_path, dict(os.environ)).items():
        shown = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
        assert " ".join(words(svg)).split() == " ".join(words(shown)).split(), f"run `nox -s pictures`: {name}"
