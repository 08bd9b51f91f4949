"""Read a pyproject.toml into a frozen value, or say exactly why no release can be made from it. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from release_channels.config import Config, parse_config
from release_channels.errors import RefusedError
from release_channels.project.source import StaticVersion, VersionSource
from release_channels.version import parse_project_version

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class UvIndex:
    """One `[[tool.uv.index]]`: where uv reads, and where it uploads to if that is said."""

    name: str
    url: str
    publish_url: str | None


@dataclass(frozen=True, slots=True)
class Project:
    """What a release needs to know of a pyproject.toml; `text` is the whole file, byte for byte."""

    path: str
    name: str
    normalized_name: NormalizedName
    source: VersionSource
    config: Config
    requires_python: str | None
    scripts: Mapping[str, str]
    urls: Mapping[str, str]
    dynamic: frozenset[str]
    build_backend: str | None
    uv_indexes: tuple[UvIndex, ...]
    text: str

    @property
    def version(self) -> Version:
        """Give the version that the project has."""
        return self.source.version


def parse_project(content: bytes | None, path: str = "pyproject.toml") -> Project:
    """Read a project's pyproject.toml; `content` is None where there is no such file.

    Raises: RefusedError for a file, a name, a version or a setting that no release can be made from.
    Source: pyproject.toml specification.
    """
    text = _decode(content, path)
    document = _parse(text, path)
    table, build = _tables(document, path)
    name, normalized = _name(table, path)
    dynamic = frozenset(_texts(table, "dynamic", path))
    return Project(
        path=path,
        name=name,
        normalized_name=normalized,
        source=StaticVersion(path, _version(table, dynamic, path), text),
        config=parse_config(_table(document, "tool", path).get("release-channels", {})),
        requires_python=_text(table, "requires-python", path, "project."),
        scripts=_text_table(table, "scripts", path),
        urls=_text_table(table, "urls", path),
        dynamic=dynamic,
        build_backend=_text(build, "build-backend", path, "build-system."),
        uv_indexes=_uv_indexes(document, path),
        text=text,
    )


def _decode(content: bytes | None, path: str) -> str:
    if content is None:
        raise RefusedError(f"there is no {path}", hint="a release is made from a project with [project] in that file")
    if content.startswith(_BOM):
        raise RefusedError(
            f"{path} starts with a byte order mark, which no build backend reads",
            hint="save it as UTF-8 without a byte order mark (BOM)",
        )
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as err:
        raise RefusedError(f"{path} is not UTF-8: byte {err.start} cannot be read", hint="save it as UTF-8") from err


def _parse(text: str, path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as err:  # a number of 5,000 digits is a plain ValueError
        raise RefusedError(f"{path} is not valid TOML: {err}", hint="correct that place in the file") from err


def _tables(document: dict[str, Any], path: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Find `[project]` and `[build-system]`, without which there is nothing to build a release from."""
    if "project" not in document:
        raise RefusedError(f"{path} has no [project] table", hint=_without_project(document))
    if "build-system" not in document:
        raise RefusedError(
            f"{path} has no [build-system] table, so its build backend is a guess",
            hint="write [build-system] with `requires` and `build-backend`",
        )
    return _table(document, "project", path), _table(document, "build-system", path)


def _without_project(document: dict[str, Any]) -> str:
    tool = document.get("tool", {})
    if isinstance(tool, Mapping) and "poetry" in tool:
        return (
            "it has [tool.poetry]: move name and version to [project]; "
            "version sources other than [project].version come with the public channel"
        )
    return "write [project] with `name` and `version`"


def _name(table: Mapping[str, Any], path: str) -> tuple[str, NormalizedName]:
    """Read the project name.

    Source: names and normalization specification.
    """
    name = _text(table, "name", path, "project.")
    if name is None:
        raise RefusedError(f"{path} has no name in [project]", hint='write `name = "…"` in [project]')
    try:
        return name, canonicalize_name(name, validate=True)
    except InvalidName as err:
        raise RefusedError(
            f"{path}: [project].name {name!r} is not a project name",
            hint="ASCII letters, digits, `.`, `_` and `-`, with a letter or digit first and last",
        ) from err


def _version(table: Mapping[str, Any], dynamic: frozenset[str], path: str) -> Version:
    """Read the static version; where it is dynamic, it is written somewhere else."""
    if "version" in dynamic:
        raise RefusedError(
            f"{path} declares the version dynamic",
            hint='write `version = "…"` in [project] and take "version" out of `dynamic`; '
            "version sources other than [project].version come with the public channel",
        )
    if "version" not in table:
        raise RefusedError(f"{path} has no version in [project]", hint='write `version = "…"` in [project]')
    version = table["version"]
    if not isinstance(version, str):
        raise RefusedError(f"{path}: [project].version is {version!r}, not text", hint="put it between quotes")
    try:
        return parse_project_version(version)
    except RefusedError as stop:
        raise RefusedError(f"{path}: [project].version: {stop}", hint=stop.hint) from stop


def _uv_indexes(document: Mapping[str, Any], path: str) -> tuple[UvIndex, ...]:
    """Read uv's indexes; one without a name cannot be chosen by name, and is left out.

    Source: uv's settings reference, `index`.
    """
    entries = _table(_table(document, "tool", path), "uv", path, "tool.").get("index", [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise RefusedError(f"{path}: tool.uv.index is not a list of tables", hint="write [[tool.uv.index]] for each")
    return tuple(_uv_index(entry, path) for entry in entries if "name" in entry)


def _uv_index(entry: Mapping[str, Any], path: str) -> UvIndex:
    name, url = (_text(entry, key, path, "tool.uv.index.") for key in ("name", "url"))
    if not name or not url:
        raise RefusedError(f"{path}: the index {name!r} has no url", hint="write `url` in its [[tool.uv.index]]")
    return UvIndex(name=name, url=url, publish_url=_text(entry, "publish-url", path, "tool.uv.index."))


def _table(parent: Mapping[str, Any], key: str, path: str, prefix: str = "") -> Mapping[str, Any]:
    table = parent.get(key, {})
    if not isinstance(table, Mapping):
        raise RefusedError(f"{path}: {prefix}{key} is {table!r}", hint=f"it is a table: [{prefix}{key}]")
    return table


def _text(table: Mapping[str, Any], key: str, path: str, prefix: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise RefusedError(f"{path}: {prefix}{key} is {value!r}", hint="it is text, between quotes")
    return value


def _text_table(table: Mapping[str, Any], key: str, path: str) -> Mapping[str, str]:
    found = _table(table, key, path, "project.")
    return {name: _text(found, name, path, f"project.{key}.") or "" for name in found}


def _texts(table: Mapping[str, Any], key: str, path: str) -> list[str]:
    values = table.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise RefusedError(f"{path}: project.{key} is {values!r}", hint="it is a list of texts")
    return values
