"""Clean environments outside the checkout, in which the documented install commands are run."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.adapters.index import LOCAL, Index
from release_channels.adapters.process import run, run_unchecked
from release_channels.adapters.uv import find_python, python_for, python_of, sanitized_environment, uv_program
from release_channels.errors import FailedError
from release_channels.model.install_commands import pip_command, uv_command
from release_channels.model.version import Channel
from release_channels.project.pyproject import Project

# Where things are on this machine, and whom to trust: nothing in it decides which version is chosen.
_KEPT = (
    *("UV_SYSTEM_CERTS", "UV_NATIVE_TLS", "UV_INSECURE_HOST", "UV_LINK_MODE", "UV_HTTP_TIMEOUT"),
    *("PIP_CERT", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT"),
)
_QUERY_SECONDS = 120
# Variables that lead to a user's configuration although they are neither pip's nor uv's.
_USERS_OWN = ("NETRC", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment: its interpreter, and its scripts directory."""

    python: Path
    programs: Path


@dataclass(frozen=True, slots=True)
class CleanInstaller:
    """A new user: an empty home directory, an index, and no configuration of pip or uv.

    What is done in one home takes `seconds` at most, up to the `deadline` on the monotonic clock.
    """

    home: Path
    project: str
    python: Path
    python_version: str
    upstream: str
    env: Mapping[str, str]
    seconds: float
    deadline: float = math.inf

    def with_new_home(self, name: str, *, share: float = 1.0) -> CleanInstaller:
        """Return the installer with another empty home directory, and with `share` of its time limit.

        It may take this share of the time from now on.
        """
        seconds = self.seconds * share
        home = self.home / name
        directories = {"HOME": home, "UV_TOOL_DIR": home / "tools", "UV_TOOL_BIN_DIR": home / "bin"}
        # An installer whose time runs out leaves its temporary files behind; here they go with the home.
        directories["TMPDIR"] = home / "tmp"
        directories["TMPDIR"].mkdir(parents=True)
        env = {**self.env, **{key: str(path) for key, path in directories.items()}}
        return replace(self, home=home, env=env, seconds=seconds, deadline=time.monotonic() + seconds)

    def pip_install(self, channel: Channel, *, only_this_project: bool = False) -> Environment:
        """Run the channel's pip command in a new environment.

        Raises: CommandError with pip's own words.
        """
        python = self._environment(with_pip=True)
        self._run(python, *pip_command(self.project, channel, only_this_project=only_this_project)[1:])
        return Environment(python, python.parent)

    def pip_would_install(self, channel: Channel) -> Version:
        """Return the version that the channel's pip command would install, by its dry run.

        What the new environment has already, as pip itself, may be what it would keep.

        Raises: CommandError with pip's own words.
        """
        python = self._environment(with_pip=True)
        report = self.home / "report.json"
        self._run(python, *pip_command(self.project, channel)[1:], "--dry-run", "--report", str(report))
        entries = json.loads(report.read_text(encoding="utf-8"))["install"]
        named = {canonicalize_name(entry["metadata"]["name"]): entry["metadata"]["version"] for entry in entries}
        found = named.get(canonicalize_name(self.project))
        return Version(found) if found else installed_version(python, self.project, self.home, self.env)

    def uv_install(self, channel: Channel, *, only_this_project: bool = False, is_tool: bool = True) -> Environment:
        """Run the channel's uv command; a library is installed into a new environment.

        Raises: CommandError with uv's own words.
        """
        words = uv_command(self.project, channel, only_this_project=only_this_project, is_tool=is_tool)[1:]
        if not is_tool:
            python = self._environment()
            self._run(uv_program(), *words, "--python", str(python))
            return Environment(python, python.parent)
        self._run(uv_program(), *words)
        directory = Path(self.env["UV_TOOL_DIR"]) / canonicalize_name(self.project)
        return Environment(python_of(directory), Path(self.env["UV_TOOL_BIN_DIR"]))

    def install_version(self, version: Version) -> Environment:
        """Install one version of the project in a new environment.

        Raises: CommandError with uv's own words.
        """
        python = self._environment()
        self._run(uv_program(), "pip", "install", "--python", str(python), f"{self.project}=={version}")
        return Environment(python, python.parent)

    def early_dependencies(self) -> tuple[str, ...]:
        """List the dependencies that resolve to pre-releases if all pre-releases are allowed.

        Raises: CommandError with uv's own words, which name them if they do not even resolve.
        """
        wanted = self.home / "wanted.in"
        wanted.write_text(f"{self.project}\n", encoding="utf-8")
        words = ("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-strip-extras", "--no-strip-markers")
        text = run(
            uv_program(), *words, "--prerelease", "allow", "--python", self.python, wanted,
            cwd=self.home, env=self.env, timeout=self._left(),
        )  # fmt: skip
        pairs = (line.partition("==") for line in text.splitlines() if "==" in line)
        versions = {name.strip(): Version(version.partition(";")[0].strip()) for name, _, version in pairs}
        mine = canonicalize_name(self.project)
        return tuple(f"{name} {v}" for name, v in versions.items() if v.is_prerelease and name != mine)

    def _environment(self, *, with_pip: bool = False) -> Path:
        """Make an environment with nothing in it, or with the newest pip, and return its Python."""
        directory = self.home / "environment"
        self._run(uv_program(), "venv", "--quiet", "--python", str(self.python), str(directory))
        if with_pip:
            # Not through the local index: uv keeps downloads by index, and its address lasts for a single run.
            words = ("pip", "install", "--quiet", "pip", "--python", str(python_of(directory)))
            # By a variable: the address may hold a password, and words are shown and listed by `ps`.
            # Without the project's own index, which may be that of a project named pip.
            env = {**self.env, "UV_DEFAULT_INDEX": self.upstream, "UV_INDEX": ""}
            run_unchecked(uv_program(), *words, cwd=self.home, env=env, timeout=self._left()).or_raise()
        return python_of(directory)

    def _run(self, *words: str | Path) -> None:
        run_unchecked(*words, cwd=self.home, env=self.env, timeout=self._left()).or_raise()

    def _left(self) -> float:
        """Return how long the next command may take, in seconds."""
        return max(min(self.seconds, self.deadline - time.monotonic()), 0)


def installed_version(python: Path, project: str, home: Path, env: Mapping[str, str]) -> Version:
    """Return the version of a project that is installed in an environment."""
    words = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    return Version(run(python, "-I", "-c", words, project, cwd=home, env=env, timeout=_QUERY_SECONDS))


def make_clean_installer(
    home: Path, project: Project, index: Index, upstream: str, outer: Mapping[str, str]
) -> CleanInstaller:
    """Create an installer with a single index, in an empty directory outside the checkout.

    Of the `outer` environment only what says where things are on this machine comes along.

    Raises: FailedError if no Python on this machine is one that the project takes.
    """
    foreign = sanitized_environment(outer)
    env = {name: value for name, value in foreign.items() if not name.startswith(("UV_", "PIP_"))}
    env = {name: value for name, value in env.items() if name not in _USERS_OWN}
    env |= {name: foreign[name] for name in _KEPT if foreign.get(name)}
    env |= _stores(home, outer) | _addresses(index, upstream)
    env |= {
        "HOME": str(home),
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
        # Compiling is most of an installation's time and no part of its result: Python compiles what it imports.
        # Source: pip's user guide: a false value enables an option whose name begins with `no`.
        "PIP_NO_COMPILE": "0",
        "NO_COLOR": "1",
    }
    python = _python(project, home, env)
    words = "import platform; print(platform.python_version())"
    version = run(python, "-I", "-c", words, cwd=home, env=env)
    seconds = project.config.verify_seconds
    return CleanInstaller(home, project.name, python, version, upstream, env | {"UV_PYTHON": str(python)}, seconds)


def _stores(home: Path, outer: Mapping[str, str]) -> dict[str, str]:
    """Return where this machine keeps downloads and interpreters, since the clean install's home is another."""
    commands = {"UV_CACHE_DIR": ("cache", "dir"), "UV_PYTHON_INSTALL_DIR": ("python", "dir")}
    stores = {
        name: outer.get(name) or run(uv_program(), *words, cwd=home, env=outer) for name, words in commands.items()
    }
    return stores | {"PIP_CACHE_DIR": outer.get("PIP_CACHE_DIR") or str(pip_cache(outer))}


def _addresses(index: Index, upstream: str) -> dict[str, str]:
    """Return where packages come from; an index that is neither the local index nor PyPI contains no dependencies.

    uv keeps what it downloads by the index that it came from. The local index has another port each time, so it is
    asked for the project alone, and dependencies are kept under upstream's address.
    """
    if index.own_url:
        return {
            "UV_INDEX": index.own_url,
            "UV_DEFAULT_INDEX": upstream,
            "PIP_INDEX_URL": index.simple_url,
        }
    if index.name in (LOCAL, "pypi"):
        return {"UV_DEFAULT_INDEX": index.simple_url, "PIP_INDEX_URL": index.simple_url}
    return {
        "UV_INDEX": index.simple_url,
        "UV_DEFAULT_INDEX": upstream,
        "PIP_INDEX_URL": index.simple_url,
        "PIP_EXTRA_INDEX_URL": upstream,
    }


def _python(project: Project, home: Path, env: Mapping[str, str]) -> Path:
    """Find an interpreter on this machine that the project takes.

    Raises: FailedError if there is none.
    """
    python = find_python(project.requires_python, cwd=home, env=env)
    if python is None:
        wanted = python_for(project.requires_python)
        raise FailedError(
            f"{project.name} asks for Python {wanted}, and this machine has none",
            hint=f'install one, with `uv python install "{wanted}"` for instance, or correct requires-python',
        )
    return python


def pip_cache(env: Mapping[str, str]) -> Path:
    """Return pip's default cache directory, so that a clean install need not download every dependency again."""
    home = Path(env.get("HOME", str(Path.home())))
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "pip"
    if os.name == "nt":
        return Path(env.get("LOCALAPPDATA") or home / "AppData" / "Local") / "pip" / "Cache"
    return Path(env.get("XDG_CACHE_HOME") or home / ".cache") / "pip"
