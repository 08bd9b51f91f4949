"""The kinds of project for which workflow files are rendered."""

from __future__ import annotations

from pathlib import Path

from release_channels.adoption.workflows.render import Adoption, Tests
from release_channels.model.config import Config
from release_channels.model.gate_config import GateConfig
from release_channels.project.pyproject import parse_project

HERE = Path(__file__).parents[2]
TESTS = Tests("uv run --frozen --script noxfile.py", ("tests", "lint"), ("3.10", "3.13"))
ADOPTERS = {
    "plain": Adoption(Config(), TESTS),
    "own-file": Adoption(Config(), Tests("uvx nox", ("tests",), ("3.12",)), noxfile="release_noxfile.py"),
    "own-tests": Adoption(Config(test_workflow="ci.yaml"), test_name="CI: tests, all of them"),
    "private": Adoption(Config(gate_environment="live-models"), TESTS, is_private=True),
    "no-gate": Adoption(Config(gate=GateConfig(enabled=False)), TESTS),
    "submodules": Adoption(Config(), TESTS, has_submodules=True),
    "renamed": Adoption(
        Config(
            main_branch="trunk", tag_format="release/{version}", preview_environment="preview",
            public_environment="production", preview_workflow="previews.yml", public_workflow="finals.yml",
            gate_workflow="live.yml", test_workflow="checks.yml", github_models_secret="MODELS",
        ),
        TESTS,
    ),
}  # fmt: skip


def own_config() -> Config:
    """Return the settings of this repository."""
    return parse_project((HERE / "pyproject.toml").read_bytes(), "pyproject.toml").config
