"""Small hand-made wheels and sdists, any part of which a test can make invalid."""

from __future__ import annotations

import hashlib
import io
import tarfile
import warnings
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from packaging.version import Version

from release_channels.model.version import Channel
from release_channels.release.checks.context import CheckContext

README = "# Demo\n\nA tiny project.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a pair of distributions says about itself and holds; the defaults make a good release.

    `extra` are more lines of core metadata, `files` more files of the wheel by path, where None leaves a file out,
    `sdist_files` of the sdist below its directory; a name given in `instead` replaces what would be written, None
    leaves it out.
    """

    name: str = "demo-tool"
    version: str = "1.2.0"
    metadata_name: str | None = None
    metadata_version: str | None = None
    core: str = "2.4"
    summary: str = "A tiny project"
    requires_python: str | None = ">=3.9"
    requires: Sequence[str] = ()
    classifiers: Sequence[str] = ("Programming Language :: Python :: 3",)
    urls: Mapping[str, str] = field(default_factory=lambda: {"Source": "https://example.org/demo"})
    scripts: Mapping[str, str] = field(default_factory=lambda: {"demo": "demo_tool.cli:main"})
    content_type: str | None = "text/markdown"
    readme: str = README
    extra: Sequence[str] = ()
    files: Mapping[str, str | bytes | None] = field(default_factory=dict)
    sdist_files: Mapping[str, str | bytes] = field(default_factory=dict)
    cli: str = "def main():\n    return 0\n"
    tag: str = "py3-none-any"
    instead: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """The import package."""
        return self.name.replace("-", "_")

    @property
    def stem(self) -> str:
        """The name and version, as in file names."""
        return f"{self.package}-{self.version}"

    def metadata(self) -> str:
        """Core metadata, as a build backend writes it."""
        lines = [
            f"Metadata-Version: {self.core}",
            f"Name: {self.metadata_name or self.name}",
            f"Version: {self.metadata_version or self.version}",
            f"Summary: {self.summary}",
        ]
        lines += [f"Requires-Python: {self.requires_python}"] if self.requires_python else []
        lines += [f"Requires-Dist: {requirement}" for requirement in self.requires]
        lines += [f"Classifier: {classifier}" for classifier in self.classifiers]
        lines += [f"Project-URL: {label}, {url}" for label, url in self.urls.items()]
        lines += [f"Description-Content-Type: {self.content_type}"] if self.content_type else []
        return "\n".join([*lines, *self.extra, "", self.readme])

    def entry_points(self) -> str:
        """The scripts, in the format of entry_points.txt."""
        return "[console_scripts]\n" + "".join(f"{name} = {target}\n" for name, target in self.scripts.items())


GOOD = Recipe()


def make_wheel(directory: Path, recipe: Recipe = GOOD, *, file_name: str = "", **changes: Any) -> Path:
    """Write the wheel of a recipe with these changes; its RECORD is valid unless the recipe replaces it."""
    recipe = replace(recipe, **changes)
    directory.mkdir(parents=True, exist_ok=True)
    info = f"{recipe.stem}.dist-info"
    parts: dict[str, str | bytes | None] = {
        f"{recipe.package}/__init__.py": "",
        f"{recipe.package}/cli.py": recipe.cli,
        **recipe.files,
        f"{info}/METADATA": recipe.metadata(),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: {recipe.tag}\n",
        f"{info}/entry_points.txt": recipe.entry_points() if recipe.scripts else None,
        **{f"{info}/{name}": text for name, text in recipe.instead.items()},
    }
    contents = {name: _bytes(text) for name, text in parts.items() if text is not None}
    if "RECORD" not in recipe.instead:
        contents[f"{info}/RECORD"] = record(contents, info).encode()
    path = directory / (file_name or f"{recipe.stem}-{recipe.tag}.whl")
    write_zip(path, list(contents.items()), compression=zipfile.ZIP_STORED)
    return path


def record(contents: Mapping[str, bytes], info: str) -> str:
    """Return RECORD for these files, itself included."""
    rows = []
    for name, content in contents.items():
        digest = urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join([*rows, f"{info}/RECORD,,\n"])


def write_zip(
    path: Path,
    members: Sequence[tuple[str, bytes]],
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
) -> None:
    """Write a ZIP file, with repeated names; the same members give the same bytes, and programs are executable."""
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w", compression) as opened:
        warnings.simplefilter("ignore", UserWarning)  # zipfile warns of the duplicates that a test asks for
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            info.external_attr = (0o100755 if ".data/scripts/" in name else 0o100644) << 16
            opened.writestr(info, content)
        opened.comment = comment


def read_zip(path: Path) -> list[tuple[str, bytes]]:
    """Read all members of a ZIP file."""
    with zipfile.ZipFile(path) as opened:
        return [(info.filename, opened.read(info)) for info in opened.infolist()]


def make_sdist(
    directory: Path,
    recipe: Recipe = GOOD,
    *,
    file_name: str = "",
    root: str = "",
    members: Sequence[tarfile.TarInfo] = (),
    **changes: Any,
) -> Path:
    """Write the sdist of a recipe with these changes; `members` are added as they are, without content."""
    recipe = replace(recipe, **changes)
    directory.mkdir(parents=True, exist_ok=True)
    root = root or recipe.stem
    parts: dict[str, str | bytes | None] = {
        "PKG-INFO": recipe.metadata(),
        "pyproject.toml": "[project]\n",
        **recipe.sdist_files,
        **{name: text for name, text in recipe.instead.items() if name == "PKG-INFO"},
    }
    path = directory / (file_name or f"{recipe.stem}.tar.gz")
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as opened:
        for name, text in parts.items():
            if text is not None:
                content = _bytes(text)
                info = tarfile.TarInfo(f"{root}/{name}")
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))
        for info in members:
            opened.addfile(info, io.BytesIO(b"\0" * info.size))
    return path


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def make_release(directory: Path, recipe: Recipe) -> tuple[Path, Path]:
    """Write both distributions of a recipe."""
    return make_sdist(directory, recipe), make_wheel(directory, recipe)


def make_check_context(scratch: Path, files: Sequence[Path], **changes: Any) -> CheckContext:
    """Build the check context of the default recipe with these changes; it can start no program."""
    subject = CheckContext(
        project="demo-tool",
        version=Version("1.2.0"),
        channel=Channel.PUBLIC,
        files=tuple(files),
        requires_python=">=3.9",
        scratch=scratch,
        env={},
        uv="no-uv-here",
        file_limit=100 << 20,
        project_limit=10 << 30,
        project_bytes=0,
    )
    return replace(subject, **changes)
