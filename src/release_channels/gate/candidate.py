"""The candidate: the exact files that would be published, installed, and a wheelhouse with their dependencies."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.pylock import Package, Pylock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.distributions import sha256_of
from release_channels.adapters.process import run, run_pair
from release_channels.adapters.uv import python_for, python_of, sanitized_environment, uv_program
from release_channels.errors import CommandError, FailedError
from release_channels.gate.sandbox.base import Contents
from release_channels.model.manifest import ManifestFile
from release_channels.model.observed import Commit
from release_channels.model.version import Channel, Line, line_of, preview_of
from release_channels.project.pyproject import Project
from release_channels.release.build import build_files, build_spec
from release_channels.release.installed_package import Wheel, read_wheel

_SECONDS = 900
_READ_LOCKS = SpecifierSet(">=26.1,<27")
"""The pip versions that read a lock file. Source: tested; the feature is experimental, so no later version counts."""


@dataclass(frozen=True, slots=True)
class GateTarget:
    """A commit, and the version and channel that it would be published with."""

    project: Project
    commit: Commit
    channel: Channel
    version: Version
    source_url: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target after its build and installation."""

    target: GateTarget
    files: tuple[ManifestFile, ...]
    wheel: Wheel
    contents: Contents

    @property
    def name(self) -> str:
        """The project's name."""
        return self.target.project.name

    @property
    def version(self) -> Version:
        """The version that was built."""
        return self.target.version


def target_of(project: Project, commit: Commit, run_number: int | None, source_url: str | None) -> GateTarget:
    """Return how a commit would be published: as `.dev<run>` on a dev line, as the final release on a staged commit.

    Without a run number a dev line keeps its version.

    Raises: RefusedError for a version that no channel publishes.
    """
    if line_of(project.version) is Line.FINAL:
        return GateTarget(project, commit, Channel.PUBLIC, project.version, source_url)
    number = (project.version.dev or 0) if run_number is None else run_number + project.config.run_offset
    return GateTarget(project, commit, Channel.PREVIEW, preview_of(project.version, number), source_url)


def make_candidate(target: GateTarget, root: Path, workplace: Path, env: Mapping[str, str]) -> Candidate:
    """Build a target and install it from wheels only, so that none of its code runs outside of a sandbox.

    Raises: FailedError if it cannot be built, or cannot be installed from wheels.
    """
    spec = build_spec(root, target.project, target.commit, target.channel, target.version, target.source_url)
    with console.progress(f"building {target.project.name} {target.version}"):
        files = build_files(spec, workplace, env)
    wheel = next(file for file in files if file.suffix == ".whl")
    with console.progress("collecting its dependencies"):
        contents = _install(target, wheel, workplace, env)
    manifest = tuple(ManifestFile(file.name, file.stat().st_size, sha256_of(file)) for file in files)
    return Candidate(target, manifest, read_wheel(wheel), contents)


def _install(target: GateTarget, wheel: Path, workplace: Path, env: Mapping[str, str]) -> Contents:
    wheelhouse, environment = workplace / "wheelhouse", workplace / "candidate"
    wheelhouse.mkdir()
    quiet = sanitized_environment(env) | {
        "UV_NO_CONFIG": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    python = python_for(target.project.requires_python)
    # Relocatable, since its path is another one in the sandbox.
    run(uv_program(), "venv", "--quiet", "--relocatable", "--python", python, environment, cwd=workplace, env=quiet)
    inside = python_of(environment)
    lock = workplace / "pylock.toml"
    lock.write_text(_locked(target, wheel, inside, workplace, quiet), encoding="utf-8")
    # pip is for the new user, and downloads wheels, which uv cannot.
    pip = next(package.version for package in _packages(lock) if package.name == "pip")
    _install_with_uv(inside, f"pip=={pip}", cwd=workplace, env=quiet)
    wanted = lock if pip and pip in _READ_LOCKS else _write_requirements(lock)
    run_pair(
        lambda: _download(target, wanted, inside, wheelhouse, quiet),
        lambda: _install_with_uv(inside, "-r", str(lock), cwd=workplace, env=quiet),
    )
    _install_with_uv(inside, str(wheel), cwd=workplace, env=quiet)
    shutil.copyfile(wheel, wheelhouse / wheel.name)
    requirement = f"{target.project.name}=={target.version}"
    return Contents(wheelhouse, requirement, environment, python_directories(inside, workplace, quiet))


def _locked(target: GateTarget, wheel: Path, python: Path, cwd: Path, env: Mapping[str, str]) -> str:
    """Resolve the dependencies and pip once, so that the same files are installed and downloaded.

    Raises: FailedError if they cannot be resolved, or are not available as wheels.
    """
    wanted = cwd / "wanted.in"
    wanted.write_text(f"pip\n{wheel.as_uri()}\n", encoding="utf-8")
    words = ("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-build", "--python", python)
    with _failing(f"the dependencies of {target.project.name} {target.version} are not available", _WHEELS_ONLY):
        return run(
            uv_program(), *words, "--format", "pylock.toml", "--no-emit-package", target.project.name, wanted,
            cwd=cwd, env=env, timeout=_SECONDS,
        )  # fmt: skip


def _packages(lock: Path) -> Sequence[Package]:
    return Pylock.from_dict(tomllib.loads(lock.read_text(encoding="utf-8"))).packages


def _write_requirements(lock: Path) -> Path:
    """Write the lock as requirements with digests, for a pip that does not read lock files.

    A dependency from a URL has no digest here, and pip refuses it.
    """
    lines = []
    for package in _packages(lock):
        digests = (f"--hash=sha256:{wheel.hashes['sha256']}" for wheel in package.wheels or ())
        lines.append(" ".join((f"{package.name}=={package.version}", *digests)))
    path = lock.with_name("locked.txt")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _download(target: GateTarget, wanted: Path, python: Path, wheelhouse: Path, env: Mapping[str, str]) -> None:
    """Download everything that a new user's pip needs into the wheelhouse.

    Raises: FailedError if it is not available as wheels, or does not match the lock.
    """
    options = ("--quiet", "--only-binary", ":all:", "--no-deps", "--dest", wheelhouse)
    with _failing(f"the dependencies of {target.project.name} {target.version} are not available", _WHEELS_ONLY):
        run(python, "-I", "-m", "pip", "download", *options, "-r", wanted, cwd=wanted.parent, env=env, timeout=_SECONDS)


def _install_with_uv(python: Path, *words: str, cwd: Path, env: Mapping[str, str]) -> None:
    """Install from wheels, without dependencies.

    Raises: FailedError with the end of uv's output.
    """
    options = ("--quiet", "--no-deps", "--no-build", "--python", python)
    with _failing("the candidate cannot be installed"):
        run(uv_program(), "pip", "install", *options, *words, cwd=cwd, env=env, timeout=_SECONDS)


_WHEELS_ONLY = "\neach of them needs a wheel: the sandbox has no network and builds nothing"


@contextmanager
def _failing(message: str, advice: str = "") -> Iterator[None]:
    """Convert the error of a program.

    Raises: FailedError with the end of the program's output and the advice.
    """
    try:
        yield
    except CommandError as stop:
        raise FailedError(message, hint=f"{stop.hint}{advice}") from stop


def python_directories(python: Path, cwd: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """List the directories of an environment's interpreter, under each of their names.

    The path of uv's own interpreters contains a link with only the minor version in its name. A link to an interpreter
    lies among other programs, as in `~/.local/bin`: of what is beside them nothing is listed.
    """
    prefix = Path(run(python, "-I", "-c", "import sys; print(sys.base_prefix)", cwd=cwd, env=env))
    found = [prefix, prefix.resolve()]
    while python.is_symlink():
        python = Path(os.path.normpath(python.parent / python.readlink()))
        found.append(python.parent if python.is_symlink() else python.parent.parent)
    return tuple(dict.fromkeys(found))
