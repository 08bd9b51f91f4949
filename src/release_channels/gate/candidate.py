"""The candidate: the very files that would be published, installed as a new user has them, with a wheelhouse beside."""

from __future__ import annotations

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
from release_channels.adapters.process import run, run_pair, run_unchecked
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
_READS_LOCKS = SpecifierSet(">=26.1,<27")
"""The pips that read a lock. Source: tried; pip calls it an experiment, so a newer one is not believed to do it."""


@dataclass(frozen=True, slots=True)
class GateTarget:
    """What is gated: a commit, and the version and channel that it would be published with."""

    project: Project
    commit: Commit
    channel: Channel
    version: Version
    source_url: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A target that was built and installed."""

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
    """Report what a commit would be published as: `.dev<run>` on a dev line, the final itself on a staged commit.

    Without a run number a dev line keeps the version that it has.

    Raises: RefusedError for a version that no channel publishes.
    """
    if line_of(project.version) is Line.FINAL:
        return GateTarget(project, commit, Channel.PUBLIC, project.version, source_url)
    number = (project.version.dev or 0) if run_number is None else run_number + project.config.run_offset
    return GateTarget(project, commit, Channel.PREVIEW, preview_of(project.version, number), source_url)


def make_candidate(target: GateTarget, root: Path, workplace: Path, env: Mapping[str, str]) -> Candidate:
    """Build a target and install it, from wheels alone, so that nothing of it has run outside of a sandbox yet.

    Raises: FailedError if it cannot be built, or cannot be installed from wheels.
    """
    recipe = build_spec(root, target.project, target.commit, target.channel, target.version, target.source_url)
    with console.progress(f"building {target.project.name} {target.version}"):
        files = build_files(recipe, workplace, env)
    wheel = next(file for file in files if file.suffix == ".whl")
    with console.progress("gathering its dependencies"):
        contents = _install(target, wheel, workplace, env)
    text = tuple(ManifestFile(file.name, file.stat().st_size, sha256_of(file)) for file in files)
    return Candidate(target, text, read_wheel(wheel), contents)


def _install(target: GateTarget, wheel: Path, workplace: Path, env: Mapping[str, str]) -> Contents:
    wheelhouse, environment = workplace / "wheelhouse", workplace / "candidate"
    wheelhouse.mkdir()
    quiet = sanitized_environment(env) | {
        "UV_NO_CONFIG": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_INPUT": "1",
    }
    python = python_for(target.project.requires_python)
    # Relocatable, since the sandbox has it at another place.
    run(uv_program(), "venv", "--quiet", "--relocatable", "--python", python, environment, cwd=workplace, env=quiet)
    inside = python_of(environment)
    lock = workplace / "pylock.toml"
    lock.write_text(_locked(target, wheel, inside, workplace, quiet), encoding="utf-8")
    words = ("pip", "install", "--quiet", "--no-deps", "--no-build", "--python", str(inside))
    # pip comes along for the new user; it also is what can download wheels, which uv cannot.
    pip = next(one.version for one in _packages(lock) if one.name == "pip")
    _do(*words, f"pip=={pip}", cwd=workplace, env=quiet)
    wanted = lock if pip and pip in _READS_LOCKS else _write_requirements(lock)
    run_pair(
        lambda: _download(target, wanted, inside, wheelhouse, quiet),
        lambda: _do(*words, "-r", str(lock), cwd=workplace, env=quiet),
    )
    _do(*words, str(wheel), cwd=workplace, env=quiet)
    shutil.copyfile(wheel, wheelhouse / wheel.name)
    requirement = f"{target.project.name}=={target.version}"
    return Contents(wheelhouse, requirement, environment, python_directories(inside, workplace, quiet))


def _locked(target: GateTarget, wheel: Path, python: Path, cwd: Path, env: Mapping[str, str]) -> str:
    """Resolve the dependencies once, and pip, so that what is installed and what is downloaded are the same files.

    Raises: FailedError if they do not resolve, or is not available as wheels.
    """
    wanted = cwd / "wanted.in"
    wanted.write_text(f"pip\n{wheel.as_uri()}\n", encoding="utf-8")
    words = ("pip", "compile", "--quiet", "--no-header", "--no-annotate", "--no-build", "--python", python)
    with _naming_failures(target):
        return run(
            uv_program(), *words, "--format", "pylock.toml", "--no-emit-package", target.project.name, wanted,
            cwd=cwd, env=env, timeout=_SECONDS,
        )  # fmt: skip


def _packages(lock: Path) -> Sequence[Package]:
    return Pylock.from_dict(tomllib.loads(lock.read_text(encoding="utf-8"))).packages


def _write_requirements(lock: Path) -> Path:
    """Write what is locked as requirements, for a pip that reads no lock: it takes files with these digests alone.

    What comes from an address and not from an index has none here, and pip refuses it.
    """
    lines = []
    for one in _packages(lock):
        digests = (f"--hash=sha256:{wheel.hashes['sha256']}" for wheel in one.wheels or ())
        lines.append(" ".join((f"{one.name}=={one.version}", *digests)))
    path = lock.with_name("locked.txt")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def _download(target: GateTarget, wanted: Path, python: Path, wheelhouse: Path, env: Mapping[str, str]) -> None:
    """Put all that a new user's pip asks for into the wheelhouse.

    Raises: FailedError if it is not available as wheels, or is not what was locked.
    """
    options = ("--quiet", "--only-binary", ":all:", "--no-deps", "--dest", wheelhouse)
    with _naming_failures(target):
        run(python, "-I", "-m", "pip", "download", *options, "-r", wanted, cwd=wanted.parent, env=env, timeout=_SECONDS)


@contextmanager
def _naming_failures(target: GateTarget) -> Iterator[None]:
    """Report of what goes wrong what it was for.

    Raises: FailedError with the end of the installer's words.
    """
    try:
        yield
    except CommandError as stop:
        raise FailedError(
            f"the dependencies of {target.project.name} {target.version} could not be gathered",
            hint=f"{stop.hint}\neach of them needs a wheel: the sandbox has no network and builds nothing",
        ) from stop


def python_directories(python: Path, cwd: Path, env: Mapping[str, str]) -> tuple[Path, ...]:
    """List the directories that the interpreter of an environment comes from, by every name that leads there.

    uv's own interpreters are reached through a link that names the minor version alone.
    """
    prefix = Path(run(python, "-I", "-c", "import sys; print(sys.base_prefix)", cwd=cwd, env=env))
    return tuple(dict.fromkeys((prefix, prefix.resolve(), python.readlink().parent.parent)))


def _do(*words: str, cwd: Path, env: Mapping[str, str]) -> None:
    """Make uv install something.

    Raises: FailedError with the end of uv's words.
    """
    try:
        run_unchecked(uv_program(), *words, cwd=cwd, env=env, timeout=_SECONDS).or_raise()
    except CommandError as stop:
        raise FailedError("the candidate cannot be installed", hint=stop.hint) from stop
