"""Tiny wheels and sdists, written by hand so that a test decides every byte."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

PROJECT = "demo-tool"


def metadata_text(
    name: str, version: str, *, requires_python: str | None = None, requires: Sequence[str] = (), extra: str = ""
) -> str:
    """Write core metadata; `extra` is lines that end in a newline."""
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", "Summary: Nothing."]
    lines += [f"Requires-Python: {requires_python}"] if requires_python else []
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return "\n".join(lines) + f"\n{extra}"


def make_wheel(
    directory: Path,
    version: str = "1.0.0",
    *,
    name: str = PROJECT,
    metadata: str | None = None,
    file_name: str | None = None,
    scripts: Mapping[str, str] | None = None,
    requires_python: str | None = None,
    requires: Sequence[str] = (),
    extra: str = "",
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """Write a pure wheel; `files` are top-level files, `scripts` console scripts, `metadata` replaces the text."""
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    text = metadata_text(name, version, requires_python=requires_python, requires=requires, extra=extra)
    module = f'__version__ = "{version}"\n\n\ndef main():\n    print(__version__)\n'
    contents: dict[str, bytes] = {
        f"{name.replace('-', '_')}.py": module.encode(),
        **(files or {}),
        f"{info}/METADATA": (metadata if metadata is not None else text).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        points = "".join(f"{command} = {target}\n" for command, target in scripts.items())
        contents[f"{info}/entry_points.txt"] = f"[console_scripts]\n{points}".encode()
    record = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    contents[f"{info}/RECORD"] = record.encode()
    path = directory / (file_name or f"{stem}-py3-none-any.whl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in contents.items():
            wheel.writestr(zipfile.ZipInfo(member), data)
    return path


def make_sdist(
    directory: Path,
    version: str = "1.0.0",
    *,
    name: str = PROJECT,
    metadata: str | None = None,
    file_name: str | None = None,
    requires_python: str | None = None,
    requires: Sequence[str] = (),
    extra: str = "",
    files: Mapping[str, bytes] | None = None,
) -> Path:
    """Write an sdist that holds PKG-INFO and `files`; `metadata` replaces the whole text of PKG-INFO."""
    stem = f"{name.replace('-', '_')}-{version}"
    text = metadata_text(name, version, requires_python=requires_python, requires=requires, extra=extra)
    path = directory / (file_name or f"{stem}.tar.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz") as sdist:
        contents = {"PKG-INFO": (metadata if metadata is not None else text).encode(), **(files or {})}
        for member, data in contents.items():
            info = tarfile.TarInfo(f"{stem}/{member}")
            info.size = len(data)
            sdist.addfile(info, io.BytesIO(data))
    return path
