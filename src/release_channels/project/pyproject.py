"""Parse a pyproject.toml into a frozen value, or refuse it with the reason. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from packaging.utils import NormalizedName
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config, parse_config
from release_channels.model.tags import ReachableTags
from release_channels.project.files import Read, nothing
from release_channels.project.metadata import Identity, read_identity
from release_channels.project.sources.base import VersionSource
from release_channels.project.sources.detect import detect_version_source
from release_channels.project.sources.layout import SourceContext
from release_channels.project.typed_toml import MAX_SETTINGS, decode, nested_table, optional_string, parse_toml, table

PYPROJECT = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class UvIndex:
    """One `[[tool.uv.index]]`: its name, its URL, and its upload URL if it has one."""

    name: str
    url: str
    publish_url: str | None


@dataclass(frozen=True, slots=True)
class News:
    """towncrier's settings: the file it writes, which may contain `{version}`, and the directory of fragments."""

    file: str
    directory: str
    name: str = ""
    """The name in titles that towncrier would import the package for; empty where its settings tell it."""


_LEGACY_FILES = ("setup.py", "setup.cfg")
_TOWNCRIER = "towncrier.toml"


@dataclass(frozen=True, slots=True)
class Project:
    """The content of a pyproject.toml that a release needs; `text` is the whole file, byte for byte."""

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
    has_project_table: bool = True
    news: News | None = None
    """towncrier's settings, if the project uses it."""

    @property
    def version(self) -> Version:
        """Return the version of the project."""
        return self.source.version

    def news_file(self, version: Version) -> str:
        """Return the file that towncrier writes for a version; empty if the project does not use it."""
        return self.news.file.replace("{version}", str(version)) if self.news else ""

    def with_tags(self, tags: ReachableTags, tag_format: str = "") -> Project:
        """Return the project with the version of its commit's tags; unchanged if the version is in a file.

        The format is the configured one unless another one is given.
        Raises: RefusedError for a tag that is not of the format.
        """
        if self.source.is_written:
            return self
        from release_channels.project.sources.vcs_tags import TagVersion, version_from_tags

        assert isinstance(self.source, TagVersion)
        version = version_from_tags(tags, tag_format or self.config.tag_format)
        return replace(self, source=replace(self.source, version=version))


def parse_project(
    content: bytes | None,
    path: str = PYPROJECT,
    *,
    read: Read = nothing,
    tags: ReachableTags | None = None,
) -> Project:
    """Parse a project's pyproject.toml; `content` is None if the file is missing: a setup.py or setup.cfg stands in.

    `read` reads other files of the same commit. `tags` matter only if the version comes from git tags
    (`source.is_written` is false then); a caller that does not know the tag format yet uses `with_tags` later.

    Raises: RefusedError for a file, a name, a version or a setting that cannot be released.
    Source: pyproject.toml specification.
    """
    if content is None and any(read(file) is not None for file in _LEGACY_FILES):
        content = b""  # setuptools builds the project without it
    text = decode(
        content,
        path,
        bom="no build backend reads",
        missing="a release is made from a project with [project] in that file",
        most=MAX_SETTINGS,
    )
    document = parse_toml(text, path)
    identity = read_identity(document, path, read)
    config = parse_config(table(document, "tool", path).get("release-channels", {}))
    context = SourceContext(path, text, document, identity.name, read, tags or ReachableTags(), config.tag_format)
    return Project(
        path=path,
        name=identity.name,
        normalized_name=identity.normalized_name,
        source=_source(context, identity),
        config=config,
        requires_python=identity.requires_python,
        scripts=identity.scripts,
        urls=identity.urls,
        dynamic=identity.dynamic,
        build_backend=optional_string(table(document, "build-system", path), "build-backend", path, "build-system."),
        uv_indexes=_uv_indexes(document, path),
        text=text,
        has_project_table="project" in document,
        news=_news(document, path, read),
    )


def _source(context: SourceContext, identity: Identity) -> VersionSource:
    return detect_version_source(context, dynamic="version" in identity.dynamic)


def _news(document: Mapping[str, Any], path: str, read: Read) -> News | None:
    """Read towncrier's settings; None if the project does not use it.

    Raises: RefusedError if the name of its file is not known in advance.
    Source: towncrier's configuration reference; towncrier.toml comes before pyproject.toml, and where neither has a
    name, the title-cased package is one.
    """
    own, has_name = read(_TOWNCRIER), "name" in table(document, "project", path)
    if own is not None:
        document, path = parse_toml(decode(own, _TOWNCRIER), _TOWNCRIER), _TOWNCRIER
    if "towncrier" not in nested_table(document, "tool", path):
        return None
    settings = nested_table(document, "tool.towncrier", path)

    def text(key: str) -> str:
        return optional_string(settings, key, path, "tool.towncrier.") or ""

    package = f"{text('package_dir') or '.'}/{text('package').replace('.', '/')}/" if text("package") else ""
    directory = text("directory") or f"{package}newsfragments".removeprefix("./")
    file = text("filename") or "NEWS.rst"
    if settings.get("single_file") is False:
        file = file.replace("{name}", text("name")) if text("name") else file
        if "{" in file.replace("{version}", ""):
            raise RefusedError(
                f"{path}: tool.towncrier.filename is {file!r}, which cannot be resolved in advance",
                hint="name the file by {version} alone",
            )
    return News(file, directory, "" if has_name or text("name") else text("package").title())


def _uv_indexes(document: Mapping[str, Any], path: str) -> tuple[UvIndex, ...]:
    """Read uv's indexes; those without a name are skipped, since they cannot be selected.

    Source: uv's settings reference, `index`.
    """
    entries = nested_table(document, "tool.uv", path).get("index", [])
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise RefusedError(f"{path}: tool.uv.index is not a list of tables", hint="write [[tool.uv.index]] for each")
    return tuple(_uv_index(entry, path) for entry in entries if "name" in entry)


def _uv_index(entry: Mapping[str, Any], path: str) -> UvIndex:
    name, url = (optional_string(entry, key, path, "tool.uv.index.") for key in ("name", "url"))
    if not name or not url:
        raise RefusedError(f"{path}: the index {name!r} has no url", hint="write `url` in its [[tool.uv.index]]")
    return UvIndex(name=name, url=url, publish_url=optional_string(entry, "publish-url", path, "tool.uv.index."))
