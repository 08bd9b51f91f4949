"""A version in a Cargo.toml, which maturin uses for the project; Cargo spells it as SemVer. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.files import Read
from release_channels.project.sources.base import TomlVersion
from release_channels.project.typed_toml import decode, parse_toml, resolve_inside_project, table, version_at


def cargo_version(manifest: str, read: Read) -> TomlVersion:
    """Find the version of a crate: in its own manifest, or in the workspace's if it is inherited from there.

    Raises: RefusedError if it is in neither.
    Source: the manifest format in the Cargo book, `version` and `workspace.package`.
    """
    path = resolve_inside_project(manifest, "tool.maturin.manifest-path")
    text, document = _manifest(path, read)
    found = table(document, "package", path).get("version")
    if isinstance(found, Mapping) and found.get("workspace") is True:
        return _inherited(path, text, document, read)
    if found is None:
        raise RefusedError(
            f"{path} has no version in [package]",
            hint='write `version = "1.2.3-dev0"` in [package], as Cargo spells it',
        )
    return _version(path, text, found, ("package", "version"))


def spell(version: Version) -> str:
    """Format a version for Cargo: `1.2.3.dev4` is `1.2.3-dev4`, which maturin converts back.

    Raises: RefusedError for a version that SemVer cannot express.
    Source: Semantic Versioning 2.0, items 2 and 9; that maturin converts it back was tried in a build.
    """
    why = ""
    if version.epoch:
        why = "knows no epoch"
    elif version.is_postrelease:
        why = "would take a post-release for one that comes before the final"
    elif len(version.release) != 3:
        why = "takes exactly three numbers"
    elif version.pre is not None or version.local is not None:
        why = "gets no pre-release and no local version from here"
    if why:
        raise RefusedError(f"{version} cannot be written to Cargo.toml: Cargo {why}", hint="take a version like 1.2.3")
    return ".".join(map(str, version.release)) + ("" if version.dev is None else f"-dev{version.dev}")


def _version(path: str, text: str, found: object, keys: tuple[str, ...]) -> TomlVersion:
    where = f"{path} [{'.'.join(keys[:-1])}].version"
    return TomlVersion(path, where, version_at(where, found), text, keys, spell)


def _inherited(path: str, text: str, document: dict[str, Any], read: Read) -> TomlVersion:
    """Find the workspace's version in the manifest itself, in the workspace it names, or in a parent directory."""
    while True:
        shared = table(table(document, "workspace", path), "package", path, "workspace.").get("version")
        if shared is not None:
            return _version(path, text, shared, ("workspace", "package", "version"))
        above = _above(path, document, read)
        if above is None:
            raise RefusedError(
                f"{path} inherits its version from a workspace that is not in this repository",
                hint="write the version into [package], or commit the workspace's Cargo.toml",
            )
        path = above
        text, document = _manifest(path, read)


def _above(path: str, document: dict[str, Any], read: Read) -> str | None:
    if "workspace" in document:
        return None
    folders = path.split("/")[:-1]
    configured = table(document, "package", path).get("workspace")
    if isinstance(configured, str):
        return resolve_inside_project("/".join((*folders, configured, "Cargo.toml")), f"{path} package.workspace")
    ups = ("/".join((*folders[:depth], "Cargo.toml")) for depth in reversed(range(len(folders))))
    return next((up for up in ups if read(up) is not None), None)


def _manifest(path: str, read: Read) -> tuple[str, dict[str, Any]]:
    text = decode(read(path), path, bom="tells nothing there: TOML is UTF-8 anyway")
    return text, parse_toml(text, path)
