"""The installed paths of a wheel's files, and the import packages among them. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release_channels.release.checks.archive import Archive

MODULES = (".py", ".pyi", ".so", ".pyd")


def site_paths(archive: Archive) -> Iterator[str]:
    """Return the path below site-packages of each file installed there, without the `.dist-info` directory.

    Source: binary distribution format, the `.data` directory.
    """
    for member in archive.files:
        top, _, rest = member.name.partition("/")
        if top.endswith(".data"):
            scheme, _, below = rest.partition("/")
            if scheme in ("purelib", "platlib") and below:
                yield below
        elif not top.endswith(".dist-info"):
            yield member.name


def script_files(archive: Archive) -> Iterator[str]:
    """Return the names of ready-made scripts in a wheel, such as those of a compiled tool."""
    for member in archive.files:
        parts = member.name.split("/")
        if len(parts) == 3 and parts[0].endswith(".data") and parts[1] == "scripts":
            yield parts[2].removesuffix(".exe")


def import_packages(archive: Archive) -> tuple[str, ...]:
    """List the importable top-level modules and packages, and the packages directly below a namespace."""
    modules = sorted(path for path in site_paths(archive) if path.endswith((".py", ".so", ".pyd")))
    packages = {path.rpartition("/")[0] for path in modules if path.rpartition("/")[2].split(".")[0] == "__init__"}
    names: dict[str, None] = {}
    for path in modules:
        name = _outermost(path, packages).replace("/", ".")
        if all(part.isidentifier() for part in name.split(".")):
            names[name] = None
    return tuple(names)


def _outermost(path: str, packages: set[str]) -> str:
    """Return the outermost package that a module belongs to, or the module itself if it belongs to none."""
    parts = path.split("/")
    for depth in range(1, len(parts)):
        if "/".join(parts[:depth]) in packages:
            return "/".join(parts[:depth])
    return "/".join((*parts[:-1], parts[-1].split(".")[0]))
