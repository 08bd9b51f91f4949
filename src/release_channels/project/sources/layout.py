"""The context in which a version source is detected, and what detection returns. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from release_channels.errors import RefusedError
from release_channels.model.tags import ReachableTags
from release_channels.project.files import Read
from release_channels.project.sources.base import Literal, LiteralVersion, TagTool, VersionSource
from release_channels.project.typed_toml import decode, nested_table, optional_string

STATIC = 'write `version = "1.2.3.dev0"` in [project] and take "version" out of `dynamic`'

# A version is at most so many names away from the one that a backend reads.
_LINKS = 8


@dataclass(frozen=True, slots=True)
class SourceContext:
    """The input of detection: the parsed pyproject.toml, its text, the reader of other files, and the tags."""

    path: str
    text: str
    document: Mapping[str, Any]
    name: str
    read: Read
    tags: ReachableTags
    tag_format: str

    def tool(self, keys: str) -> Mapping[str, Any]:
        """Return a table below `[tool]`."""
        return nested_table(self.document, f"tool.{keys}", self.path)

    @property
    def backend(self) -> str:
        """Return the build backend; setuptools if none is configured."""
        return (
            optional_string(nested_table(self.document, "build-system", self.path), "build-backend", self.path, "")
            or "setuptools"
        )

    @property
    def is_own_backend(self) -> bool:
        """Check whether the build backend is in the project itself.

        Source: pyproject.toml specification, `backend-path`.
        """
        return "backend-path" in nested_table(self.document, "build-system", self.path)

    @property
    def build_requires(self) -> frozenset[str]:
        """Return the normalized names of the build requirements."""
        return frozenset(canonicalize_name(requirement.name) for requirement in self.build_requirements)

    @property
    def build_requirements(self) -> tuple[Requirement, ...]:
        """Return the build requirements; one that is not valid is left out, since the build itself will say so."""
        requires = nested_table(self.document, "build-system", self.path).get("requires", [])
        parsed = map(_requirement, requires if isinstance(requires, list) else [])
        return tuple(requirement for requirement in parsed if requirement is not None)


def assigned(context: SourceContext, path: str, name: str) -> VersionSource:
    """Return the version that a Python file assigns to a name as a string, there or in the file it is imported from."""
    from release_channels.project.sources.python_file import find_assignment, find_link

    for _ in range(_LINKS):
        link = find_link(decode(context.read(path), path), name, path)
        files = [file for file in link.files if context.read(file) is not None] if link else []
        if link is None or (link.files and len(files) != 1):
            break
        path, name = files[0] if files else path, link.name
    return LiteralVersion.of(path, f"{path} {name}", decode(context.read(path), path), find_assignment(name, path))


def whole_file(context: SourceContext, path: str) -> VersionSource:
    """Return the version that is all that a file contains, without surrounding white space."""

    def find(text: str) -> Literal:
        start = len(text) - len(text.lstrip())
        return Literal(start, start + len(text.strip()), text.strip())

    text = decode(context.read(path), path, bom="would become part of the version")
    return LiteralVersion.of(path, path, text, find)


def tagged(context: SourceContext, tool: TagTool) -> VersionSource:
    """Return the version that a tool takes from the tags."""
    from release_channels.project.sources.vcs_tags import TagVersion, version_from_tags

    return TagVersion(tool, context.name, version_from_tags(context.tags, context.tag_format))


def unreadable(context: SourceContext, why: str) -> RefusedError:
    """Build the error for a version that cannot be rewritten."""
    return RefusedError(f"{context.path} declares the version dynamic, and {why}: it cannot be rewritten", hint=STATIC)


def _requirement(text: object) -> Requirement | None:
    try:
        return Requirement(str(text))
    except InvalidRequirement:
        return None
