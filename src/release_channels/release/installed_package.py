"""Inspect an environment: whether the right files are installed, and whether they work."""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from packaging.version import Version

from release_channels.adapters.process import run_unchecked
from release_channels.errors import CommandError, FailedError, SlowError
from release_channels.release.checks.archive import read_archive
from release_channels.release.checks.entry_points import Script, excuse, scripts
from release_channels.release.checks.wheel_layout import import_packages, script_files
from release_channels.release.clean_install import Environment
from release_channels.release.import_probe import prepare_probe, read_results

_IMPORT_SECONDS = 120
# The errors at the end of a traceback when code is missing, rather than --help misunderstood.
_INCOMPLETE = ("ImportError", "ModuleNotFoundError", "SyntaxError")


_Import = tuple[str, str, list[str], str]
"""The script or nothing, the module, where it came from, and the problem or nothing."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """The contents of a wheel: its files with digests, its scripts, and its importable modules.

    Installers make programs of the entry points; `ready_made` are programs as the wheel carries them.
    """

    record: Mapping[str, str]
    entry_points: tuple[Script, ...]
    ready_made: tuple[str, ...]
    modules: tuple[str, ...]
    requires: tuple[str, ...]

    @property
    def scripts(self) -> tuple[str, ...]:
        """List the names of its entry points."""
        return tuple(script.name for script in self.entry_points)

    @property
    def is_tool(self) -> bool:
        """Check whether uv can install it as a tool, for which it needs a script."""
        return bool(self.scripts or self.ready_made)

    def excuse(self, name: str, problem: str) -> str:
        """Return why a script need not start in a default install on this machine; empty if it must."""
        script = next((script for script in self.entry_points if script.name == name), Script(name, "", ""))
        return excuse(script, problem, self.requires)


@dataclass(frozen=True, slots=True)
class Installed:
    """An installed project; `warnings` are problems that users can live with."""

    version: Version
    site: Path
    prefix: Path
    files: tuple[str, ...]
    console_scripts: tuple[str, ...]
    broken: Mapping[str, str]
    """The problem of each script that cannot start."""
    warnings: tuple[str, ...]


def read_wheel(path: Path) -> Wheel:
    """Read the contents of a wheel.

    Raises: ReleaseError if it cannot be read.
    Source: binary distribution format specification (RECORD, entry points).
    """
    archive = read_archive(path)
    rows = csv.reader((archive.about("RECORD") or b"").decode("utf-8").splitlines())
    record = {row[0]: row[1] for row in rows if len(row) > 1 and row[1]}
    requires = tuple(archive.fields.get("requires_dist", []))
    return Wheel(record, scripts(archive), tuple(script_files(archive)), import_packages(archive), requires)


def inspect_installation(
    environment: Environment, project: str, wheel: Wheel, home: Path, env: Mapping[str, str]
) -> Installed:
    """Inspect an installed project: its origin, and whether its scripts and modules can be imported.

    Raises: FailedError for an install from elsewhere, and where nothing of a library can be imported.
    """
    description, imports = _probe(environment, project, wheel, home, env)
    if description["direct_url"]:
        raise FailedError(f"{project} was not installed from the index: it has a direct_url.json")
    for _, module, sources, _ in imports:
        for path in sources:
            if not Path(path).resolve().is_relative_to(Path(description["prefix"]).resolve()):
                raise FailedError(f"{module} was imported from {path}, outside the environment")
    for script, group in description["scripts"]:
        # Nobody expects --help of a program with windows: that it is there is enough.
        if group == "gui_scripts" and shutil.which(script, path=environment.programs) is None:
            raise FailedError(f"the script {script} was not installed", hint=_MISSING)
    broken = {script: problem for script, _, _, problem in imports if script and problem}
    return Installed(
        version=Version(description["version"]),
        site=Path(description["site"]),
        prefix=Path(description["prefix"]),
        files=tuple(description["files"]),
        console_scripts=tuple(name for name, group in description["scripts"] if group == "console_scripts"),
        broken=broken,
        warnings=_unimportable(project, [each for each in imports if not each[0]]),
    )


def refuse_broken(broken: Mapping[str, str]) -> None:
    """Refuse an installation with scripts that cannot start.

    Raises: FailedError with all of them.
    """
    problems = [f"the script {script} cannot start: {problem}" for script, problem in broken.items()]
    if problems:
        raise FailedError("; ".join(problems), hint=_MISSING)


_MISSING = "does the wheel lack a file, or the project a dependency? `nox -s check` imports the same"


def compare_files(installed: Installed, wheel: Wheel) -> None:
    """Compare the installed files with the wheel's RECORD.

    Raises: FailedError for a file that is missing, has other bytes, or is not in the wheel.
    """
    expected = {_installed_path(name, installed): promised for name, promised in wheel.record.items()}
    for path, promised in expected.items():
        if path is None:
            continue
        if not path.is_file():
            raise FailedError(f"{path.name} of the wheel was not installed", hint=_OTHER_WHEEL)
        algorithm, _, digest = promised.partition("=")
        if _digest(path, algorithm) != digest:
            raise FailedError(f"the installed {path.name} differs from the wheel's", hint=_OTHER_WHEEL)
    added = sorted(name for name in installed.files if _is_content(name) and installed.site / name not in expected)
    if added:
        raise FailedError(f"{added[0]} was installed, and is not in the wheel", hint=_OTHER_WHEEL)


_OTHER_WHEEL = (
    "the index serves another wheel than the one in release.json: what `dist/` contains is not what users get"
)


def smoke_test_script(
    script: str, environment: Environment, wheel: Wheel, home: Path, env: Mapping[str, str], seconds: float
) -> tuple[str, ...]:
    """Run a console script with --help, and return warnings.

    A script that knows no --help (it ends with an error, or not at all) has been imported already, and that is enough.
    A traceback is worth a warning, unless code is missing: then every user will see it.

    Raises: FailedError for a script that cannot be run, crashes, or lacks what it imports.
    """
    program = shutil.which(script, path=environment.programs)
    if program is None:
        raise FailedError(f"the script {script} was not installed", hint=_MISSING)
    try:
        done = run_unchecked(program, "--help", cwd=home, env=env, timeout=seconds)
    except SlowError:
        return (f"`{script} --help` had not ended after {seconds:g} s and was stopped: does it support --help?",)
    except CommandError as err:
        raise FailedError(f"the script {script} does not start: {err}", hint=err.hint) from err
    if done.code < 0:
        raise FailedError(f"`{script} --help` was ended by signal {-done.code}", hint=done.messages)
    if done.code == 0 or "Traceback (most recent call last)" not in done.messages:
        return ()
    last = done.messages.splitlines()[-1].strip()
    if why := wheel.excuse(script, last):
        return (f"`{script} --help` ends with {last} ({why})",)
    if last.partition(":")[0] in _INCOMPLETE:
        raise FailedError(f"`{script} --help` ends with {last}", hint=_MISSING)
    return (f"`{script} --help` ends with a traceback ({last}): it could only be imported",)


def _probe(
    environment: Environment, project: str, wheel: Wheel, home: Path, env: Mapping[str, str]
) -> tuple[dict[str, Any], list[_Import]]:
    """Describe the installation, and import its scripts or else the wheel's import packages.

    Raises: FailedError if Python crashes.
    """
    results = home / "imports.jsonl"
    words = prepare_probe(environment.python, results, [("", module, "") for module in wheel.modules], project)
    done = run_unchecked(*words, cwd=home, env=env, timeout=_IMPORT_SECONDS)
    description, *imported = read_results(results) or [None]
    if description is None or len(imported) < len(description["targets"]):
        last = done.messages.splitlines()[-1:] or [f"exit code {done.code}"]
        raise FailedError(f"Python ended while {project} was imported: {last[0]}", hint=_MISSING)
    pairs = zip(description["targets"], imported, strict=True)
    return description, [(script, module, each["sources"], each["problem"]) for (script, module, _), each in pairs]


def _unimportable(project: str, imports: Sequence[_Import]) -> tuple[str, ...]:
    """Warn of import packages that cannot be imported: some may need an extra, but not all.

    Raises: FailedError if none can be.
    """
    problems = [f"{module} cannot be imported: {problem}" for _, module, _, problem in imports if problem]
    if problems and len(problems) == len(imports):
        raise FailedError(f"nothing of {project} can be imported: {'; '.join(problems)}", hint=_MISSING)
    return tuple(problems)


def _installed_path(name: str, installed: Installed) -> Path | None:
    """Report where a file of a wheel lands; None for scripts and headers, which installers rewrite or put elsewhere.

    Source: binary distribution format specification, the `.data` directory.
    """
    top, _, rest = name.partition("/")
    if not top.endswith(".data"):
        return installed.site / name
    scheme, _, below = rest.partition("/")
    match scheme:
        case "purelib" | "platlib":
            return installed.site / below
        case "data":
            return installed.prefix / below
        case _:
            return None


def _is_content(name: str) -> bool:
    """Return whether a file is the project's and not an installer's: their own notes, bytecode, and scripts above."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not (path.parts[0].endswith(".dist-info") or path.suffix == ".pyc" or path.parts[0] == "..")


def _digest(path: Path, algorithm: str) -> str:
    """Hash a file in pieces, written as RECORD does: urlsafe base64 without padding."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
