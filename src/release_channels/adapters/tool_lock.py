"""The version of this tool that a project's CI runs, from the lock file next to its noxfile."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path

from packaging.version import Version

from release_channels.adapters import console

_TOOL = "release-channels"
LOCKS = ("release_noxfile.py.lock", "noxfile.py.lock")
"""The paths of a lock; the release sessions' own file comes first."""


@dataclass(frozen=True, slots=True)
class LockedTool:
    """A lock file, and the version of this tool in it."""

    lock: str
    version: Version


def locked_tool(root: Path) -> LockedTool | None:
    """Read the locked version of this tool; None without a lock."""
    for name in LOCKS:
        try:
            packages = tomllib.loads(_own_table((root / name).read_text(encoding="utf-8"))).get("package", [])
            versions = [one["version"] for one in packages if one.get("name") == _TOOL]
            if versions:
                return LockedTool(name, Version(versions[0]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue  # what cannot be read here, `uv run --frozen` refuses, and `doctor` names
    return None


def _own_table(text: str) -> str:
    """Return a lock's table of this tool, or all where it is not found; all of it takes a tenth of a task to parse."""
    start = text.find(f'[[package]]\nname = "{_TOOL}"\n')
    return text[start:].partition("\n[")[0] if start != -1 else text


def running_version() -> Version:
    """Return the version of this tool that is running, from an installation or from its sources."""
    try:
        return Version(installed_version(_TOOL))
    except PackageNotFoundError:
        pyproject = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))
        return Version(pyproject["project"]["version"])


def warn_on_version_mismatch(root: Path) -> None:
    """Warn if another version is running than CI would run."""
    locked = locked_tool(root)
    if locked is not None and locked.version != running_version():
        console.warn(
            f"{_TOOL} {running_version()} runs here, and {locked.lock} has {locked.version}: "
            f"`uvx {_TOOL}@{locked.version} …` runs what CI does"
        )
