"""A stranger's machine: clean environments away from the checkout, in which the reference commands are typed."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.installing import pip_command, uv_command
from release_channels.process import Done, finish, run
from release_channels.project.pyproject import Project
from release_channels.version import Channel
from release_channels.world.index import LOCAL, Index
from release_channels.world.uv import foreign_environment, uv_program

_SECONDS = 900
# Where things are, on this machine: nothing in it decides which version is chosen.
_KEPT = (
    *("UV_CACHE_DIR", "UV_PYTHON_DOWNLOADS", "UV_PYTHON_INSTALL_DIR", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS"),
    *("UV_LINK_MODE", "UV_HTTP_TIMEOUT", "PIP_CERT", "PIP_CACHE_DIR", "PIP_DEFAULT_TIMEOUT"),
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody who has never seen the project: an empty home, an index, and no configuration of pip or uv."""

    home: Path
    project: str
    python: str
    env: Mapping[str, str]

    def pip_install(self, channel: Channel, flags: Sequence[str] = ()) -> Path:
        """Type the channel's pip command in a new environment, and give its Python.

        Raises: CommandError with pip's own words.
        """
        python = self._environment("pip", "pip")
        words = list(pip_command(self.project, channel)[1:]) if not flags else ["-m", "pip", "install", *flags]
        run(python, *words, cwd=self.home, env=self.env, timeout=_SECONDS)
        return python

    def uv_install(self, channel: Channel, flags: Sequence[str] = ()) -> Path:
        """Type the channel's uv command, and give the Python of the tool's environment.

        Raises: CommandError with uv's own words.
        """
        words = uv_command(self.project, channel)[1:] if not flags else ("tool", "install", *flags)
        self._uv(*words)
        return _python_of(Path(self.env["UV_TOOL_DIR"]) / canonicalize_name(self.project))

    def uv_pip_install(self, flags: Sequence[str]) -> Path:
        """Install with uv what is no tool, into a new environment, and give its Python."""
        python = self._environment("uv")
        self._uv("pip", "install", "--python", str(python), *flags)
        return python

    def pip_would_install(self, python: Path) -> Version | None:
        """Ask pip what the public command would bring into a clean environment."""
        words = (*pip_command(self.project, Channel.PUBLIC)[1:], "--dry-run", "--ignore-installed", "--quiet")
        text = run(python, *words, "--report", "-", cwd=self.home, env=self.env, timeout=_SECONDS)
        named = {entry["metadata"]["name"]: entry["metadata"]["version"] for entry in json.loads(text)["install"]}
        found = [version for name, version in named.items() if canonicalize_name(name) == self._normalized]
        return Version(found[0]) if found else None

    def uv_would_install(self, *flags: str) -> dict[str, Version]:
        """Ask uv what it would bring into a clean environment: normalized names and versions."""
        python = self._environment("uv-resolution")
        words = ("pip", "install", "--dry-run", "--python", str(python), *flags, self.project)
        done = self._uv(*words)
        pairs = (
            line[2:].split("==", 1) for line in done.messages.splitlines() if line.startswith("+ ") and "==" in line
        )
        return {canonicalize_name(name): Version(version.split()[0]) for name, version in pairs}

    @property
    def _normalized(self) -> str:
        return canonicalize_name(self.project)

    def _environment(self, name: str, *packages: str) -> Path:
        """Make an environment with these packages and nothing else, and give its Python."""
        directory = self.home / f"venv-{name}"
        python = _python_of(directory)
        self._uv("venv", "--quiet", "--clear", "--python", self.python, str(directory))
        if packages:
            self._uv("pip", "install", "--quiet", "--python", str(python), *packages)
        return python

    def _uv(self, *words: str) -> Done:
        return finish(uv_program(), *words, cwd=self.home, env=self.env, timeout=_SECONDS).or_raise()


def stranger(home: Path, project: Project, index: Index, upstream: str, outer: Mapping[str, str]) -> Stranger:
    """Make a stranger who knows one index, in an empty directory away from the checkout.

    Of the `outer` environment only what says where things are on this machine comes along.
    """
    env = {name: value for name, value in foreign_environment(outer).items() if not name.startswith(("UV_", "PIP_"))}
    env |= {name: outer[name] for name in _KEPT if outer.get(name)}
    python = _python(project.requires_python)
    env.setdefault("UV_CACHE_DIR", run(uv_program(), "cache", "dir", cwd=home))
    env.setdefault("PIP_CACHE_DIR", str(_pip_cache(outer)))
    env |= _addresses(index, upstream) | {
        "HOME": str(home),
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": python,
        "UV_TOOL_DIR": str(home / "tools"),
        "UV_TOOL_BIN_DIR": str(home / "bin"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        "NO_COLOR": "1",
    }
    return Stranger(home, project.name, python, env)


def _addresses(index: Index, upstream: str) -> dict[str, str]:
    """Say where packages come from; an index that is neither the local nor the real one holds no dependencies."""
    if index.name in (LOCAL, "pypi"):
        return {"UV_DEFAULT_INDEX": index.simple_url, "PIP_INDEX_URL": index.simple_url}
    return {
        "UV_INDEX": index.simple_url,
        "UV_DEFAULT_INDEX": upstream,
        "PIP_INDEX_URL": index.simple_url,
        "PIP_EXTRA_INDEX_URL": upstream,
    }


def _python(requires_python: str | None) -> str:
    """Choose this interpreter if the project takes it, else let uv find one that it takes."""
    if requires_python and not SpecifierSet(requires_python).contains(platform.python_version(), prereleases=True):
        return requires_python
    return sys.executable


def _python_of(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _pip_cache(env: Mapping[str, str]) -> Path:
    """Where pip keeps its downloads by default; without it a stranger would fetch every dependency each time."""
    home = Path(env.get("HOME", str(Path.home())))
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "pip"
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "pip"
