"""Versions from git tags: no file contains them; the build gets them by the backend's own variable or a tag. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.tags import ReachableTags, counted_version, version_of
from release_channels.model.version import final_of, next_dev_line
from release_channels.project.edit import Edit
from release_channels.project.sources.base import TagTool

FIRST = Version("0.1.0.dev0")


def _pretended_for(name: str) -> str:
    return "SETUPTOOLS_SCM_PRETEND_VERSION_FOR_" + re.sub(r"[-_.]+", "_", name).upper()


# Source: overrides chapter of setuptools-scm's documentation, the read-mes of uv-dynamic-versioning and
# poetry-dynamic-versioning, dynamic metadata chapter of pdm-backend's documentation; each was tried in a build.
# The variable without a name works wherever another tool calls setuptools-scm, with the project's name or without it.
_VARIABLES: Mapping[TagTool, Callable[[str], str]] = {
    TagTool.SETUPTOOLS_SCM: _pretended_for,
    TagTool.HATCH_VCS: lambda _name: "SETUPTOOLS_SCM_PRETEND_VERSION",
    TagTool.UV_DYNAMIC_VERSIONING: lambda _name: "UV_DYNAMIC_VERSIONING_BYPASS",
    TagTool.POETRY_DYNAMIC_VERSIONING: lambda _name: "POETRY_DYNAMIC_VERSIONING_BYPASS",
    TagTool.FLIT_SCM: lambda _name: "SETUPTOOLS_SCM_PRETEND_VERSION",
    TagTool.SCIKIT_BUILD: lambda _name: "SETUPTOOLS_SCM_PRETEND_VERSION",
    TagTool.PDM_SCM: lambda _name: "PDM_BUILD_SCM_VERSION",
}


@dataclass(frozen=True, slots=True)
class TagVersion:
    """A version that comes from git tags."""

    tool: TagTool
    project: str
    version: Version
    path: str = ""
    is_written: bool = False

    @property
    def where(self) -> str:
        """Describe the place for people."""
        return f"the git tags ({self.tool})"

    def plan(self, _version: Version) -> tuple[Edit, ...]:
        """Plan nothing: no file contains the version."""
        return ()

    def environment(self, version: Version) -> Mapping[str, str]:
        """Return the variable that makes the build backend use a version, whatever the tags; versioneer has none."""
        name = _VARIABLES.get(self.tool)
        return {name(self.project): str(version)} if name else {}


def version_from_tags(tags: ReachableTags, tag_format: str) -> Version:
    """Return the version of a commit: its own release tag's, else the dev line after the nearest tag.

    A tag of a dev release is on the dev line itself; after a pre-release comes the next line, above it.

    Raises: RefusedError for a tag that is not of the format.
    """
    if tags.exact is not None:
        return _read(tags.exact, tag_format, version_of(tags.exact, tag_format))
    if tags.nearest is None:
        return FIRST
    nearest = _read(tags.nearest, tag_format, counted_version(tags.nearest, tag_format))
    is_open = nearest.dev is not None and nearest.pre is None
    return Version(f"{final_of(nearest)}.dev0") if is_open else next_dev_line(nearest)


def _read(tag: str, tag_format: str, version: Version | None) -> Version:
    if version is None:
        raise RefusedError(
            f"the tag {tag!r} is not {tag_format!r} with a version in its normal form",
            hint="give releases tags such as " + tag_format.replace("{version}", "1.2.0"),
        )
    return version
