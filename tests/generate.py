"""Write the generated files: settings, sessions and tasks, workflow files of this repository, hashed requirements."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from release_channels.adoption.config_reference import configuration_page
from release_channels.adoption.tool_source import own_workflows
from release_channels.model.config import parse_config
from tests.reference import reference_page

HERE = Path(__file__).parents[1]
_COMPILE = (
    "pip",
    "compile",
    "--quiet",
    "--generate-hashes",
    "--universal",
    "--python-version",
    "3.11",
    "--no-annotate",
)
REQUIREMENTS: dict[str, tuple[str, ...]] = {"release.txt": (), "gate.txt": ("gate", "daytona")}
"""The hashed requirements of jobs, and the extras that each of them needs."""


def main() -> None:
    """Write every file."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))
    (HERE / "docs" / "configuration.md").write_text(configuration_page(), encoding="utf-8")
    (HERE / "docs" / "reference.md").write_text(reference_page(), encoding="utf-8")
    config = parse_config(project["tool"].get("release-channels", {}))
    for path, text in own_workflows(config).items():
        (HERE / path).write_text(text, encoding="utf-8")
    for file, extras in REQUIREMENTS.items():
        _compile(file, extras, project["dependency-groups"]["dev"])


def _compile(file: str, extras: tuple[str, ...], pins: list[str]) -> None:
    """Lock what a job with a token or with secrets installs, at the versions that development uses.

    Without a header: it would name this machine's files.
    """
    options = [word for extra in extras for word in ("--extra", extra)]
    done = subprocess.run(
        ("uv", *_COMPILE, "--no-header", "--constraints", "-", *options, "pyproject.toml"),
        cwd=HERE, check=True, capture_output=True, text=True, input="\n".join(pins),
    )  # fmt: skip
    (HERE / "requirements" / file).write_text(done.stdout, encoding="utf-8")


if __name__ == "__main__":
    main()
