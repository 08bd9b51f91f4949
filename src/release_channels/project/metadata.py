"""A project's name and the other metadata that a release needs, from the table that its backend reads. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from release_channels.errors import RefusedError
from release_channels.project.files import Read
from release_channels.project.typed_toml import decode, nested_table, optional_string, string_list, string_map, table

if TYPE_CHECKING:
    from release_channels.project.sources.ini import Sections

LEGACY = "setuptools"
"""The backend that build frontends use where none is named. Source: pyproject.toml specification, `build-system`."""
_SHORT = re.compile(r"(?P<sign>[\^~])\s*(?P<release>\d+(?:\.\d+){0,2})")


@dataclass(frozen=True, slots=True)
class Identity:
    """The name, Python requirement, console scripts and URLs of a project; `dynamic` is `[project].dynamic`."""

    name: str
    normalized_name: NormalizedName
    requires_python: str | None
    scripts: Mapping[str, str]
    urls: Mapping[str, str]
    dynamic: frozenset[str] = frozenset()


def read_identity(document: Mapping[str, Any], path: str, read: Read) -> Identity:
    """Read a project's metadata from `[project]`, or from where its build backend reads it if there is no such table.

    Raises: RefusedError if it is missing or invalid.
    Source: pyproject.toml specification; poetry's and setuptools' documentation for projects without [project].
    """
    build = table(document, "build-system", path)
    if "project" in document:
        return _from_project(table(document, "project", path), path)
    tool, backend = document.get("tool"), str(build.get("build-backend") or LEGACY)
    if isinstance(tool, Mapping) and "poetry" in tool and backend.startswith("poetry"):
        return _from_poetry(nested_table(document, "tool.poetry", path), path)
    content = read("setup.cfg") if backend.startswith(LEGACY) else None
    if content is not None:
        from release_channels.project.sources.ini import parse_cfg

        cfg = parse_cfg(decode(content, "setup.cfg"), "setup.cfg")
        if "name" in cfg.get("metadata", {}):
            return _from_cfg(cfg)
    content = read("setup.py") if backend.startswith(LEGACY) else None
    if content is not None:
        return _from_setup(decode(content, "setup.py"))
    raise RefusedError(f"{path} has no [project] table", hint=_without_project(tool, backend))


def _without_project(tool: object, backend: str) -> str:
    if isinstance(tool, Mapping) and "poetry" in tool:
        return f"it has [tool.poetry], which {backend or 'no build backend'} reads: move name and version to [project]"
    return "write [project] with `name` and `version`"


def _from_project(project: Mapping[str, Any], path: str) -> Identity:
    name = optional_string(project, "name", path, "project.")
    if name is None:
        raise RefusedError(f"{path} has no name in [project]", hint='write `name = "…"` in [project]')
    return Identity(
        name=name,
        normalized_name=_normalized(name, f"{path}: [project].name"),
        requires_python=optional_string(project, "requires-python", path, "project."),
        scripts=string_map(project, "scripts", path),
        urls=string_map(project, "urls", path),
        dynamic=frozenset(string_list(project, "dynamic", path)),
    )


def _from_poetry(poetry: Mapping[str, Any], path: str) -> Identity:
    prefix = "tool.poetry."
    name = optional_string(poetry, "name", path, prefix)
    if name is None:
        raise RefusedError(f"{path} has no name in [tool.poetry]", hint='write `name = "…"` in [tool.poetry]')
    links = {key.capitalize(): optional_string(poetry, key, path, prefix) for key in ("homepage", "repository")}
    scripts = table(poetry, "scripts", path, prefix)
    return Identity(
        name=name,
        normalized_name=_normalized(name, f"{path}: [tool.poetry].name"),
        requires_python=_python_range(table(poetry, "dependencies", path, prefix).get("python")),
        # A table in place of a string is a file to copy, not an entry point.
        scripts={name: target for name, target in scripts.items() if isinstance(target, str)},
        urls={key: url for key, url in links.items() if url} | dict(string_map(poetry, "urls", path, prefix)),
    )


def _python_range(python: object) -> str | None:
    """Translate poetry's short forms: `^3.9` is `>=3.9,<4`; None for forms that only poetry understands.

    Source: poetry's documentation of dependency specification, caret and tilde requirements.
    """
    if not isinstance(python, str):
        return None
    text = _SHORT.sub(lambda short: _long(short["sign"], short["release"]), python.strip())
    try:
        return str(SpecifierSet(text)) if text != "*" else None
    except InvalidSpecifier:
        return None


def _long(sign: str, release: str) -> str:
    parts = [int(part) for part in release.split(".")]
    fixed = 1 if sign == "^" or len(parts) == 1 else 2
    return f">={release},<{'.'.join(map(str, (*parts[: fixed - 1], parts[fixed - 1] + 1)))}"


def _from_cfg(cfg: Sections) -> Identity:
    metadata = cfg["metadata"]
    urls = {"Homepage": metadata["url"]} if "url" in metadata else {}
    return Identity(
        name=metadata["name"],
        normalized_name=_normalized(metadata["name"], "setup.cfg: [metadata].name"),
        requires_python=cfg.get("options", {}).get("python_requires") or None,
        scripts=_pairs(cfg.get("options.entry_points", {}).get("console_scripts", "")),
        urls=urls | _pairs(metadata.get("project_urls", "")),
    )


def _from_setup(text: str) -> Identity:
    """Read what a setup.py gives to `setup()` as plain values; what is computed is left out, but for the name."""
    from release_channels.project.sources.setup_file import read_values

    values = read_values(text, "setup.py")
    name, entry_points = values.get("name"), values.get("entry_points")
    if not isinstance(name, str):
        raise RefusedError("setup.py gives `setup()` no name in plain text", hint='write `name="…"` in the call')
    scripts = entry_points.get("console_scripts", ()) if isinstance(entry_points, dict) else ()
    urls = values.get("project_urls")
    links = {"Homepage": values.get("url"), **(urls if isinstance(urls, dict) else {})}
    python = values.get("python_requires")
    return Identity(
        name=name,
        normalized_name=_normalized(name, "setup.py: name"),
        requires_python=python if isinstance(python, str) else None,
        scripts=_pairs("\n".join(map(str, scripts)) if isinstance(scripts, list | tuple) else str(scripts)),
        urls={label: url for label, url in links.items() if isinstance(url, str)},
    )


def _pairs(lines: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines.splitlines() if "=" in line)
    return {key.strip(): value.strip() for key, _, value in pairs}


def _normalized(name: str, where: str) -> NormalizedName:
    """Normalize a project name, checked.

    Source: names and normalization specification.
    """
    try:
        return canonicalize_name(name, validate=True)
    except InvalidName as err:
        raise RefusedError(
            f"{where} {name!r} is not a project name",
            hint="ASCII letters, digits, `.`, `_` and `-`, with a letter or digit first and last",
        ) from err
