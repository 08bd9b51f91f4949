"""The wheels that the tests install and lock: filled once from the configured index, then served on loopback."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from itertools import product, zip_longest
from pathlib import Path

from release_channels.adoption.workflows.render import PYTHON

# What builds the sample projects, at exact versions; pip is what a new environment is seeded with.
BUILD_TOOLS = (
    *("hatchling==1.33.0", "setuptools==84.2.1", "flit-core==4.2.0", "poetry-core==2.5.0", "pdm-backend==2.5.0"),
    *("uv-build==0.13.6", "pip==26.3", "idna==3.20", "setuptools-scm==10.3.4", "hatch-vcs==0.5.0"),
    *("uv-dynamic-versioning==0.14.1", "poetry-dynamic-versioning==1.10.1", "towncrier==26.9.0"),
)
# A pip that reads no lock yet, in a directory of its own: all others get the newest.
OLD, OLD_PIP = "old", "pip==25.3"
# Of this repository's pins, what no test installs: tools, and what the extras bring.
_NOT_INSTALLED = ("mypy", "ruff", "openai", "daytona")
# The block of a noxfile that `init` writes, held to this repository's pins.
_BLOCK = """\
# /// script
# requires-python = ">=3.11"
# dependencies = ["nox", "release-channels[gate,rehearsal] @ {root}"]
# [tool.uv]
# constraint-dependencies = {pins}
# ///
"""
# The one that runs the tests, and the one that the jobs of a rehearsal take where this machine has it.
_PYTHONS = tuple(dict.fromkeys((f"{sys.version_info.major}.{sys.version_info.minor}", PYTHON)))
_DOWNLOAD = (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest")


def fill(directory: Path, root: Path) -> None:
    """Download what is not there yet; what was wanted is written down, so that the next time nothing is asked."""
    pins = _pins(root)
    wanted = (*BUILD_TOOLS, *(pin for pin in pins if not pin.startswith(_NOT_INSTALLED)))
    told = "\n".join((*wanted, OLD, OLD_PIP, *pins, *_PYTHONS))
    stamp = directory / ".filled-with"
    if stamp.exists() and stamp.read_text() == told:
        return
    subprocess.run([*_DOWNLOAD, directory, *wanted], check=True)
    subprocess.run([*_DOWNLOAD, directory / OLD, OLD_PIP], check=True)
    locked = _locked(directory, root, pins)
    for python, requirements in product(_PYTHONS, _rounds(locked)):
        # What only another Python takes is never installed here: its metadata is read.
        options = ("--no-deps", "--ignore-requires-python", "--python-version", python)
        subprocess.run([*_DOWNLOAD, directory, *options, *requirements], check=True)
    stamp.write_text(told)


def _pins(root: Path) -> list[str]:
    """The tool's own requirements at the versions that this repository pins."""
    content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return list(content["dependency-groups"]["dev"])


def _locked(directory: Path, root: Path, pins: list[str]) -> dict[str, list[str]]:
    """Give each package of a noxfile's lock with its versions; a lock is for all systems and Pythons."""
    script = directory / "noxfile.py"
    script.write_text(_BLOCK.format(root=root.as_uri(), pins=pins))
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "lock", "--quiet", "--no-config", "--script", script], check=True, cwd=directory)
    versions: dict[str, list[str]] = defaultdict(list)
    for package in tomllib.loads(script.with_name("noxfile.py.lock").read_text(encoding="utf-8"))["package"]:
        if "registry" in package["source"]:
            versions[package["name"]].append(package["version"])
    return versions


def _rounds(versions: dict[str, list[str]]) -> Iterator[list[str]]:
    """Give all of it in parts that hold each package once, as pip wants it."""
    for part in zip_longest(*versions.values()):
        yield [f"{name}=={version}" for name, version in zip(versions, part, strict=True) if version]
