"""Find a project's version source, as its build backend does. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from release_channels.errors import RefusedError
from release_channels.project.sources.base import TomlVersion, VersionSource
from release_channels.project.sources.cargo import cargo_version
from release_channels.project.sources.layout import STATIC, SourceContext, assigned, tagged, unreadable
from release_channels.project.sources.python_file import assigns
from release_channels.project.sources.regex import by_pattern
from release_channels.project.sources.setuptools import setuptools_source
from release_channels.project.sources.vcs_tags import TagTool
from release_channels.project.typed_toml import decode, nested_table, optional_string, parse_toml, table, version_at

_HATCH_PATTERN = r"(?i)^(__version__|VERSION) *= *(['\"])v?(?P<version>.+?)\2"
_PDM_PATTERN = r"^(?:__version__|VERSION)\s*=\s*[\"'](.+?)[\"']\s*(?:#.*)?$"


def detect_version_source(layout: SourceContext, dynamic: bool) -> VersionSource:
    """Find the version source: `[project].version`, or the one that the build backend uses for a dynamic version.

    Raises: RefusedError if there is none, or none that can be rewritten.
    """
    project = nested_table(layout.document, "project", layout.path)
    if "project" in layout.document and not dynamic:
        return _static(layout, project)
    if "version" in project:
        raise RefusedError(
            f"{layout.path} declares the version dynamic but also sets it in [project]",
            hint='take "version" out of `dynamic`, or the version out of [project]',
        )
    backend = layout.backend
    for start, find in _BACKENDS.items():
        if backend.startswith(start):
            return find(layout)
    raise RefusedError(
        f"{layout.path} declares the version dynamic, but the build backend {backend} is not supported", hint=STATIC
    )


def _static(layout: SourceContext, project: Mapping[str, Any]) -> VersionSource:
    if "version" not in project:
        raise RefusedError(
            f"{layout.path} has no version in [project]",
            hint='write `version = "…"` in [project], or name it in `dynamic` if it is set elsewhere',
        )
    where = f"{layout.path} [project].version"
    return TomlVersion(layout.path, where, version_at(where, project["version"]), layout.text)


def _poetry(layout: SourceContext) -> VersionSource:
    """Find the version as poetry-core does: in [tool.poetry], unless a plugin takes it from tags.

    Source: poetry's documentation of pyproject.toml, `version`; the read-me of poetry-dynamic-versioning.
    """
    plugin = layout.tool("poetry-dynamic-versioning")
    if plugin.get("enable") is True:
        if table(plugin, "from-file", layout.path, "tool.poetry-dynamic-versioning.").get("source"):
            raise unreadable(layout, "poetry-dynamic-versioning takes the version from a file")
        if not layout.backend.startswith("poetry_dynamic_versioning"):
            raise RefusedError(
                f"{layout.path}: poetry-dynamic-versioning is enabled, but the build backend is {layout.backend}",
                hint='write `build-backend = "poetry_dynamic_versioning.backend"`, or disable it',
            )
        return tagged(layout, TagTool.POETRY_DYNAMIC_VERSIONING)
    poetry = layout.tool("poetry")
    where = f"{layout.path} [tool.poetry].version"
    if "version" not in poetry:
        raise RefusedError(f"{layout.path} has no version in [tool.poetry]", hint=STATIC)
    return TomlVersion(
        layout.path, where, version_at(where, poetry["version"]), layout.text, ("tool", "poetry", "version")
    )


def _hatch(layout: SourceContext) -> VersionSource:
    """Find the version as hatchling does.

    Source: hatch's documentation of dynamic versions; a table in hatch.toml replaces the one in pyproject.toml.
    """
    settings, place = layout.tool("hatch").get("version"), f"{layout.path} [tool.hatch.version]"
    own = layout.read("hatch.toml")
    if own is not None:
        document = parse_toml(decode(own, "hatch.toml", bom="hatch does not read"), "hatch.toml")
        if "version" in document:
            settings, place = document["version"], "hatch.toml [version]"
    if not isinstance(settings, Mapping):
        raise RefusedError(f"{layout.path} declares the version dynamic, but there is no {place}", hint=STATIC)
    source = settings.get("source", "regex")
    tool = {"vcs": TagTool.HATCH_VCS, "uv-dynamic-versioning": TagTool.UV_DYNAMIC_VERSIONING}.get(str(source))
    if tool is not None:
        return tagged(layout, tool)
    if source != "regex":
        reasons = {"code": "runs code to get the version", "env": "takes the version from a variable"}
        raise unreadable(layout, f"{place} {reasons.get(str(source), f'uses the plugin {source!r}')}")
    return by_pattern(layout, settings, place, _HATCH_PATTERN, "version")


def _pdm(layout: SourceContext) -> VersionSource:
    """Find the version as pdm-backend does.

    Source: pdm-backend's documentation of dynamic versions.
    """
    settings, place = layout.tool("pdm.version"), f"{layout.path} [tool.pdm.version]"
    source = settings.get("source", "file" if "path" in settings else None)
    if source == "scm":
        return tagged(layout, TagTool.PDM_SCM)
    if source != "file":
        reasons = {"call": "calls a function to get the version", None: "names no source"}
        raise unreadable(layout, f"{place} {reasons.get(source, f'has the source {source!r}')}")
    return by_pattern(layout, settings, place, _PDM_PATTERN, 1)


def _flit(layout: SourceContext) -> VersionSource:
    """Find the version as flit does: `__version__` of the module, in __init__.py or a version file next to it.

    Source: flit's documentation of dynamic metadata; its order of version files.
    """
    name = optional_string(layout.tool("flit.module"), "name", layout.path, "tool.flit.module.")
    module = (name or re.sub(r"[-_.]+", "_", layout.name).lower()).replace(".", "/")
    files = [f"{base}{module}{end}" for base in ("", "src/") for end in ("/__init__.py", ".py")]
    found = [path for path in files if layout.read(path) is not None]
    if len(found) != 1:
        raise RefusedError(
            f"the module of flit is {' and '.join(found) or 'not here'}: looked for {', '.join(files)}",
            hint="name it in [tool.flit.module], and keep one",
        )
    folder = found[0].removesuffix("__init__.py")
    siblings = [f"{folder}{file}.py" for file in ("version", "_version", "__version__")] if folder != found[0] else []
    for path in (*found, *siblings):
        content = layout.read(path)
        if content is not None and assigns(decode(content, path), "__version__", path):
            return assigned(layout, path, "__version__")
    return assigned(layout, found[0], "__version__")


def _maturin(layout: SourceContext) -> VersionSource:
    """Find the version as maturin does: in the crate's manifest.

    Source: maturin's user guide, metadata.
    """
    manifest = optional_string(layout.tool("maturin"), "manifest-path", layout.path, "tool.maturin.")
    return cargo_version(manifest or "Cargo.toml", layout.read)


def _uv_build(layout: SourceContext) -> VersionSource:
    raise unreadable(layout, "uv_build takes no dynamic version")


_BACKENDS: Mapping[str, Callable[[SourceContext], VersionSource]] = {
    "hatchling": _hatch,
    "setuptools": setuptools_source,
    "flit_core": _flit,
    "flit.": _flit,
    "poetry": _poetry,
    "pdm": _pdm,
    "maturin": _maturin,
    "uv_build": _uv_build,
}
