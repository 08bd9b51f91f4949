"""A project's required uv version applies to its own calls; this tool builds with its own uv."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters.uv import settings_without_pin

PINNED = '[tool.uv]\nrequired-version = "==0.1.0"\n'
INDEX = '[[tool.uv.index]]\nname = "a"\nurl = "https://h.example/simple"\n'
# the files, and the settings that remain; None where uv reads the files itself
PROJECTS: dict[str, tuple[dict[str, str], dict[str, Any] | None]] = {
    "no settings": ({"pyproject.toml": "[project]\n"}, None),
    "no pin": ({"pyproject.toml": f"[tool.uv]\nexclude-newer = '2020-01-01'\n{INDEX}"}, None),
    "pin that fits": ({"pyproject.toml": f'[tool.uv]\nrequired-version = "=={version("uv")}"\n'}, None),
    "lowest version that fits": ({"pyproject.toml": '[tool.uv]\nrequired-version = ">=0.1"\n'}, None),
    "pin alone": ({"pyproject.toml": PINNED}, {}),
    "settings of builds": (
        {"pyproject.toml": f'{PINNED}exclude-newer = "2020-01-01"\nbuild-constraint-dependencies = ["a<2"]\n{INDEX}'},
        {
            "exclude-newer": "2020-01-01",
            "build-constraint-dependencies": ["a<2"],
            "index": [{"name": "a", "url": "https://h.example/simple"}],
        },
    ),
    "settings of the project": ({"pyproject.toml": f"{PINNED}package = true\nsources = {{}}\nworkspace = {{}}\n"}, {}),
    "uv.toml first": (
        {"pyproject.toml": PINNED, "uv.toml": 'required-version = "<0.1"\nresolution = "lowest"\n'},
        {"resolution": "lowest"},
    ),
    "uv.toml without a pin": ({"pyproject.toml": PINNED, "uv.toml": 'resolution = "lowest"\n'}, None),
    "pin that does not parse": ({"pyproject.toml": '[tool.uv]\nrequired-version = "new"\n'}, None),
    "no table": ({"pyproject.toml": "tool = 1\n"}, None),
    "no project": ({}, None),
}


@pytest.mark.parametrize(("files", "expected"), PROJECTS.values(), ids=PROJECTS)
def test_a_conflicting_uv_pin_is_dropped_and_build_settings_stay(
    tmp_path: Path, files: dict[str, str], expected: dict[str, Any] | None
) -> None:
    """Indexes and build constraints apply in either case."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    settings = settings_without_pin(tmp_path)
    assert (settings if settings is None else tomllib.loads(settings)) == expected
