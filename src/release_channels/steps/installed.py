"""Look into an environment: whether the right files came, and whether they work."""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.version import Version

from release_channels.errors import CommandError, FailedError
from release_channels.process import finish, run

_SECONDS = 120
# Run by the environment's own Python: what is installed, and where its modules come from.
_PROBE = """
import importlib, importlib.metadata, json, sys
name, modules = sys.argv[1], sys.argv[2:]
found = importlib.metadata.distribution(name)
told = {
    "version": found.version,
    "root": str(found.locate_file("")),
    "direct_url": found.read_text("direct_url.json"),
    "prefix": sys.prefix,
    "modules": {},
}
for module in modules:
    try:
        path = getattr(importlib.import_module(module), "__file__", None)
        told["modules"][module] = {"path": path}
    except BaseException as err:
        told["modules"][module] = {"error": f"{type(err).__name__}: {err}"}
print("\\n" + json.dumps(told))
"""


@dataclass(frozen=True, slots=True)
class Wheel:
    """What a wheel promises: its files with their digests, its console scripts, its import packages."""

    record: Mapping[str, str]
    scripts: Mapping[str, str]
    modules: tuple[str, ...]


def read_wheel(path: Path) -> Wheel:
    """Read what a wheel promises.

    Source: binary distribution format specification (RECORD, entry points).
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith(".dist-info/RECORD")).removesuffix("RECORD")
        rows = csv.reader(archive.read(f"{info}RECORD").decode("utf-8").splitlines())
        record = {row[0]: row[1] for row in rows if len(row) > 1 and row[1]}
        points = f"{info}entry_points.txt"
        scripts = _scripts(archive.read(points).decode("utf-8")) if points in names else {}
    # Files below .data/ go to other places of an environment, under rewritten names and first lines.
    record = {name: digest for name, digest in record.items() if ".data/" not in name.split("/", 1)[0] + "/"}
    return Wheel(record, scripts, _modules(record, scripts))


def look_at(python: Path, project: str, wheel: Wheel, env: Mapping[str, str]) -> Version:
    """Look at an installed project and give its version.

    Raises: FailedError for a script or module that does not start, and for an install that is not from an index.
    """
    words = ("-I", "-c", _PROBE, project, *wheel.modules)
    told = json.loads(run(python, *words, cwd=python.parent, env=env, timeout=_SECONDS).rpartition("\n")[2])
    if told["direct_url"]:
        raise FailedError(f"{project} was not installed from the index: it has a direct_url.json")
    for module, found in told["modules"].items():
        if "error" in found:
            raise FailedError(f"{module} cannot be imported: {found['error']}", hint=f"in {python}")
        if found["path"] and not Path(found["path"]).resolve().is_relative_to(Path(told["prefix"]).resolve()):
            raise FailedError(f"{module} was imported from {found['path']}, outside the environment")
    for script in wheel.scripts:
        _start(script, python, env)
    return Version(told["version"])


def compare_files(python: Path, project: str, wheel: Wheel, env: Mapping[str, str]) -> None:
    """Compare the installed files with the wheel's own record.

    Raises: FailedError for a file that is missing or has other bytes.
    """
    told = json.loads(run(python, "-I", "-c", _PROBE, project, cwd=python.parent, env=env).rpartition("\n")[2])
    root = Path(told["root"])
    for name, promised in wheel.record.items():
        path = root / name
        if not path.is_file():
            raise FailedError(f"{name} of the wheel was not installed")
        algorithm, _, digest = promised.partition("=")
        if _digest(path, algorithm) != digest:
            raise FailedError(f"the installed {name} differs from the wheel's")


def _start(script: str, python: Path, env: Mapping[str, str]) -> None:
    """Start a console script with --help; one that knows no --help has been imported already, and that is enough."""
    path = python.parent / script
    if not path.exists():
        path = Path(env["UV_TOOL_BIN_DIR"]) / script
    if not path.exists():
        raise FailedError(f"the console script {script} was not installed")
    try:
        finish(path, "--help", cwd=python.parent, env=env, timeout=60)
    except CommandError as err:
        if "could not run" in str(err):
            raise FailedError(f"the console script {script} does not start: {err}") from err


def _digest(path: Path, algorithm: str) -> str:
    """Hash a file in pieces, written as RECORD does: urlsafe base64 without padding."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def _scripts(text: str) -> dict[str, str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names of scripts keep their case
    parser.read_string(text)
    return dict(parser["console_scripts"]) if parser.has_section("console_scripts") else {}


def _modules(record: Mapping[str, str], scripts: Mapping[str, str]) -> tuple[str, ...]:
    """Name what has to be importable: the scripts' modules, or the import packages where there are no scripts."""
    if scripts:
        return tuple(sorted({target.partition(":")[0].strip() for target in scripts.values()}))
    parts = (name.split("/") for name in record)
    packages = {part[0] for part in parts if len(part) == 2 and part[1] == "__init__.py"}
    single = {name.removesuffix(".py") for name in record if "/" not in name and name.endswith(".py")}
    return tuple(sorted(packages | single))
