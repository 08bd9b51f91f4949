"""Find a project's version source, as its build backend does; only that source's module is imported. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from release_channels.errors import RefusedError
from release_channels.project.sources.base import TagTool, TomlVersion, VersionSource
from release_channels.project.sources.layout import STATIC, SourceContext, assigned, tagged, unreadable
from release_channels.project.typed_toml import (
    decode,
    nested_table,
    optional_string,
    parse_toml,
    resolve_inside_project,
    table,
    version_at,
)

_HATCH_PATTERN = r"(?i)^(__version__|VERSION) *= *(['\"])v?(?P<version>.+?)\2"
_SCIKIT_BUILD_PATTERN = r"(?i)^(__version__|VERSION)(?: ?: ?str)? *= *(['\"])v?(?P<value>.+?)\2"
_PDM_PATTERN = r"^(?:__version__|VERSION)\s*=\s*[\"'](.+?)[\"']\s*(?:#.*)?$"


def detect_version_source(context: SourceContext, dynamic: bool) -> VersionSource:
    """Find the version source: `[project].version`, or the one that the build backend uses for a dynamic version.

    Raises: RefusedError if there is none, or none that can be rewritten.
    """
    project = nested_table(context.document, "project", context.path)
    if "project" in context.document and not dynamic:
        return _static(context, project)
    if "version" in project:
        raise RefusedError(
            f"{context.path} declares the version dynamic but also sets it in [project]",
            hint='take "version" out of `dynamic`, or the version out of [project]',
        )
    backend = context.backend
    for start, find in _BACKENDS.items():
        if backend.startswith(start):
            return find(context)
    # A backend of the project's own around setuptools leaves the version to it; the build shows whether it does.
    if context.is_own_backend and "setuptools" in context.build_requires:
        return _setuptools(context)
    raise RefusedError(
        f"{context.path} declares the version dynamic, but the build backend {backend} is not supported", hint=STATIC
    )


def _static(context: SourceContext, project: Mapping[str, Any]) -> VersionSource:
    if "version" not in project:
        raise RefusedError(
            f"{context.path} has no version in [project]",
            hint='write `version = "…"` in [project], or name it in `dynamic` if it is set elsewhere',
        )
    where = f"{context.path} [project].version"
    return TomlVersion(context.path, where, version_at(where, project["version"]), context.text)


def _poetry(context: SourceContext) -> VersionSource:
    """Find the version as poetry-core does: in [tool.poetry], unless a plugin takes it from tags.

    Source: poetry's documentation of pyproject.toml, `version`; the read-me of poetry-dynamic-versioning.
    """
    plugin = context.tool("poetry-dynamic-versioning")
    if plugin.get("enable") is True:
        if table(plugin, "from-file", context.path, "tool.poetry-dynamic-versioning.").get("source"):
            raise unreadable(context, "poetry-dynamic-versioning takes the version from a file")
        if not context.backend.startswith("poetry_dynamic_versioning"):
            raise RefusedError(
                f"{context.path}: poetry-dynamic-versioning is enabled, but the build backend is {context.backend}",
                hint='write `build-backend = "poetry_dynamic_versioning.backend"`, or disable it',
            )
        return tagged(context, TagTool.POETRY_DYNAMIC_VERSIONING)
    poetry = context.tool("poetry")
    where = f"{context.path} [tool.poetry].version"
    if "version" not in poetry:
        raise RefusedError(f"{context.path} has no version in [tool.poetry]", hint=STATIC)
    return TomlVersion(
        context.path, where, version_at(where, poetry["version"]), context.text, ("tool", "poetry", "version")
    )


def _hatch(context: SourceContext) -> VersionSource:
    """Find the version as hatchling does.

    Source: hatch's documentation of dynamic versions; a table in hatch.toml replaces the one in pyproject.toml.
    """
    settings, place = context.tool("hatch").get("version"), f"{context.path} [tool.hatch.version]"
    own = context.read("hatch.toml")
    if own is not None:
        document = parse_toml(decode(own, "hatch.toml", bom="hatch does not read"), "hatch.toml")
        if "version" in document:
            settings, place = document["version"], "hatch.toml [version]"
    if not isinstance(settings, Mapping):
        raise RefusedError(f"{context.path} declares the version dynamic, but there is no {place}", hint=STATIC)
    source = settings.get("source", "regex")
    tool = {"vcs": TagTool.HATCH_VCS, "uv-dynamic-versioning": TagTool.UV_DYNAMIC_VERSIONING}.get(str(source))
    if tool is not None:
        return tagged(context, tool)
    expression = settings.get("expression", "__version__")
    if source == "code" and isinstance(settings.get("path"), str) and str(expression).isidentifier():
        return assigned(context, resolve_inside_project(settings["path"], place), str(expression))
    if source != "regex":
        reasons = {"code": "runs code to get the version", "env": "takes the version from a variable"}
        raise unreadable(context, f"{place} {reasons.get(str(source), f'uses the plugin {source!r}')}")
    from release_channels.project.sources.regex import by_pattern

    return by_pattern(context, settings, place, _HATCH_PATTERN, "version")


def _pdm(context: SourceContext) -> VersionSource:
    """Find the version as pdm-backend does.

    Source: pdm-backend's documentation of dynamic versions.
    """
    settings, place = context.tool("pdm.version"), f"{context.path} [tool.pdm.version]"
    source = settings.get("source", "file" if "path" in settings else None)
    if source == "scm":
        return tagged(context, TagTool.PDM_SCM)
    if source != "file":
        reasons = {"call": "calls a function to get the version", None: "names no source"}
        raise unreadable(context, f"{place} {reasons.get(source, f'has the source {source!r}')}")
    from release_channels.project.sources.regex import by_pattern

    return by_pattern(context, settings, place, _PDM_PATTERN, 1)


def _flit(context: SourceContext) -> VersionSource:
    """Find the version as flit does: `__version__` of the module, in __init__.py or a version file next to it.

    Source: flit's documentation of dynamic metadata; its order of version files.
    """
    from release_channels.project.sources.python_file import assigns

    name = optional_string(context.tool("flit.module"), "name", context.path, "tool.flit.module.")
    module = (name or re.sub(r"[-_.]+", "_", context.name).lower()).replace(".", "/")
    files = [f"{base}{module}{end}" for base in ("", "src/") for end in ("/__init__.py", ".py")]
    found = [path for path in files if context.read(path) is not None]
    if len(found) != 1:
        raise RefusedError(
            f"the module of flit is {' and '.join(found) or 'not here'}: looked for {', '.join(files)}",
            hint="name it in [tool.flit.module], and keep one",
        )
    folder = found[0].removesuffix("__init__.py")
    siblings = [f"{folder}{file}.py" for file in ("version", "_version", "__version__")] if folder != found[0] else []
    for path in (*found, *siblings):
        content = context.read(path)
        if content is not None and assigns(decode(content, path), "__version__", path):
            return assigned(context, path, "__version__")
    return assigned(context, found[0], "__version__")


def _maturin(context: SourceContext) -> VersionSource:
    """Find the version as maturin does: in the crate's manifest.

    Source: maturin's user guide, metadata.
    """
    from release_channels.project.sources.cargo import cargo_version

    manifest = optional_string(context.tool("maturin"), "manifest-path", context.path, "tool.maturin.")
    return cargo_version(manifest or "Cargo.toml", context.read)


def _meson(context: SourceContext) -> VersionSource:
    from release_channels.project.sources.meson import meson_version

    return meson_version(context)


def _scikit_build(context: SourceContext) -> VersionSource:
    """Find the version as scikit-build-core does: by a provider of dynamic metadata.

    Source: scikit-build-core's documentation of dynamic metadata, and that of dynamic-metadata, which 1.0 follows.
    """
    place, settings = f"{context.path} [tool.scikit-build.metadata.version]", _provider_table(context)
    if settings is None:
        settings = context.tool("scikit-build.metadata.version")
    else:
        place = f"{context.path} [[tool.dynamic-metadata]]"
    provider = settings.get("provider")
    if provider == _BY_TAGS:
        return tagged(context, TagTool.SCIKIT_BUILD)
    if provider not in _BY_PATTERN:
        raise unreadable(context, f"{place} has {f'the provider {provider!r}' if provider else 'no provider'}")
    if settings.get("result", "{value}") != "{value}" or settings.get("remove"):
        raise unreadable(context, f"{place} makes it of several parts")
    from release_channels.project.sources.regex import by_pattern

    named = {"path": settings.get("input"), "pattern": settings.get("regex")}
    return by_pattern(context, named, place, _SCIKIT_BUILD_PATTERN, "value")


def _provider_table(context: SourceContext) -> Mapping[str, Any] | None:
    """Return the entry of `[[tool.dynamic-metadata]]` that gives the version, the last one; None if there is none."""
    entries = nested_table(context.document, "tool", context.path).get("dynamic-metadata")
    tables = [entry for entry in entries if isinstance(entry, Mapping)] if isinstance(entries, list) else []
    given = [one for one in tables if one.get("field") == "version" or one.get("provider") == _BY_TAGS]
    return given[-1] if given else None


_BY_TAGS = "scikit_build_core.metadata.setuptools_scm"
_BY_PATTERN = (
    *("scikit_build_core.metadata.regex", "dynamic_metadata.regex"),
    "dynamic_metadata.plugins.regex",  # its name up to dynamic-metadata 0.3
)


def _flit_scm(context: SourceContext) -> VersionSource:
    return tagged(context, TagTool.FLIT_SCM)


def _setuptools(context: SourceContext) -> VersionSource:
    from release_channels.project.sources.setuptools import setuptools_source

    return setuptools_source(context)


def _uv_build(context: SourceContext) -> VersionSource:
    raise unreadable(context, "uv_build takes no dynamic version")


_BACKENDS: Mapping[str, Callable[[SourceContext], VersionSource]] = {
    "hatchling": _hatch,
    "setuptools": _setuptools,
    "flit_core": _flit,
    "flit.": _flit,
    "flit_scm": _flit_scm,
    "poetry": _poetry,
    "pdm": _pdm,
    "maturin": _maturin,
    "mesonpy": _meson,
    "scikit_build_core": _scikit_build,
    "uv_build": _uv_build,
}
