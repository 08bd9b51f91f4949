"""The project's own entries in uv.lock and Cargo.lock, edited in place: the tools would rewrite the file. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from packaging.utils import NormalizedName, canonicalize_name
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.edit import Edit, prove_content, read_toml
from release_channels.project.files import Read
from release_channels.project.sources.base import Literal, TomlVersion, VersionSource
from release_channels.project.typed_toml import decode, parse_toml, table, version_at

LOCK = "uv.lock"
_ENTRY = re.compile(r"^\[\[package\]\][^\S\n]*$", re.MULTILINE)
_LINE = re.compile(r"^version[ \t]*=[ \t]*(?P<quotes>['\"])(?P<version>[^'\"\\\r\n]*)(?P=quotes)", re.MULTILINE)
_HERE = ("editable", "virtual", "directory")


def read_lock(name: NormalizedName, read: Read) -> Version | None:
    """Return the version that uv.lock has for the project; None without a lock, or with a dynamic version.

    Raises: RefusedError if the file is not a lock file.
    """
    content = read(LOCK)
    entry = _own(parse_toml(decode(content, LOCK), LOCK), name) if content is not None else None
    return version_at(f"{LOCK} [[package]] {name}", entry["version"]) if entry and "version" in entry else None


def plan_lock(name: NormalizedName, read: Read, version: Version) -> tuple[Edit, ...]:
    """Plan the edit of the project's own entry; none without a lock, or if the entry has no version or this one.

    Raises: RefusedError if the edit cannot be proven to change only that version.
    """
    if read_lock(name, read) is None:
        return ()
    text = decode(read(LOCK), LOCK)
    found = _find(text, name)
    new = text[: found.start] + str(version) + text[found.end :]
    expected = read_toml(text)
    entry = _own(expected, name)
    assert entry is not None
    entry["version"] = str(version)
    prove_content(new, expected, LOCK)
    return () if new == text else (Edit(LOCK, text, new),)


def _own(document: Mapping[str, Any], name: NormalizedName) -> dict[str, Any] | None:
    """Return the entry of the project: the one of its name whose source is this directory.

    Source: uv's documentation of the project lock file; the sources `editable`, `virtual` and `directory`.
    """
    packages = document.get("package", [])
    if not isinstance(packages, list):
        raise RefusedError(f"{LOCK} has no list of packages", hint="run `uv lock` to rewrite it")
    for entry in packages:
        source = entry.get("source") if isinstance(entry, dict) else None
        here = isinstance(source, dict) and any(source.get(kind) == "." for kind in _HERE)
        if here and canonicalize_name(str(entry.get("name"))) == name:
            own: dict[str, Any] = entry
            return own
    return None


def _find(text: str, name: NormalizedName) -> Literal:
    """Find the version in the `[[package]]` block that, parsed alone, is the project's entry."""
    for entry, place in lock_entries(text):
        if _own({"package": [entry]}, name) is not None:
            return place
    raise RefusedError(f"the entry of {name} in {LOCK} is not written as uv writes it", hint="run `uv lock` once")


def lock_entries(text: str) -> Iterator[tuple[Mapping[str, Any], Literal]]:
    """Yield each `[[package]]` block with a version, parsed alone, and the version's position in the whole text."""
    starts = [found.start() for found in _ENTRY.finditer(text)] + [len(text)]
    for start, end in pairwise(starts):
        block = text[start:end]
        line = _LINE.search(block)
        packages = _parse(block).get("package") if line is not None else None
        if line is not None and packages:
            yield packages[0], Literal(start + line.start("version"), start + line.end("version"), line["version"])


def _parse(block: str) -> Mapping[str, Any]:
    try:
        return read_toml(block)
    except ValueError:  # a header inside a multi-line string cuts a block short: it is not an entry
        return {}


_DEPENDENCIES = ("dependencies", "dev-dependencies", "build-dependencies")


def cargo_disagreements(source: VersionSource, read: Read, version: Version) -> Iterator[tuple[str, str]]:
    """Yield the lock file and the recorded version of each of the project's crates whose entry has another version.

    Raises: RefusedError if the project's crates cannot be determined.
    """
    found = _lock_of(source, read)
    if found is None:
        return
    own, lock, text = found
    wanted = own.spell(version)
    names = _own_crates(own, text, lock, read)
    for entry, _ in lock_entries(text):
        if _is_own(entry, names) and entry["version"] != wanted:
            yield lock, f"{entry['version']} for the crate {entry['name']}"


def plan_cargo_lock(source: VersionSource, read: Read, version: Version) -> tuple[Edit, ...]:
    """Plan the edits of the project's own crates in Cargo.lock, if the version is in Cargo.toml.

    Cargo would write the same lines on its next run, but not with `--locked`.

    Raises: RefusedError if these crates cannot be determined, or the edit not proven to change only them.
    """
    found = _lock_of(source, read)
    if found is None:
        return ()
    own, lock, text = found
    wanted = own.spell(version)
    names = _own_crates(own, text, lock, read)
    new = text
    for place in reversed([place for entry, place in lock_entries(text) if _is_own(entry, names)]):
        new = new[: place.start] + wanted + new[place.end :]
    expected = read_toml(text)
    for entry in expected.get("package", []):
        if _is_own(entry, names):
            entry["version"] = wanted
    prove_content(new, expected, lock)
    return () if new == text else (Edit(lock, text, new),)


def _is_own(entry: Mapping[str, Any], names: frozenset[str]) -> bool:
    """Check whether an entry is one of these crates.

    Source: the Cargo book: a package of the workspace has no `source` in Cargo.lock.
    """
    return "source" not in entry and entry.get("name") in names


def _lock_of(source: VersionSource, read: Read) -> tuple[TomlVersion, str, str] | None:
    """Find the lock file next to a Cargo.toml, or in a parent directory, where a workspace has it."""
    folders = source.path.split("/")
    if not isinstance(source, TomlVersion) or folders[-1] != "Cargo.toml":
        return None
    above = ("/".join((*folders[:depth], "Cargo.lock")) for depth in reversed(range(len(folders))))
    lock = next((path for path in above if read(path) is not None), None)
    return None if lock is None else (source, lock, decode(read(lock), lock))


def _own_crates(source: TomlVersion, text: str, lock: str, read: Read) -> frozenset[str]:
    """Return the crates that have the version: the one of the manifest, or those that inherit it from the workspace.

    Raises: RefusedError for a crate with the same version whose manifest was not found in the workspace.
    """
    document = parse_toml(source.text, source.path)
    if source.keys[0] != "workspace":
        return frozenset((str(table(document, "package", source.path).get("name")),))
    spelled = source.spell(source.version)
    names = set()
    for entry, _ in lock_entries(text):
        if "source" in entry:
            continue
        name = str(entry.get("name"))
        crate = next(_manifests(name, source.path, document, read), None)
        if crate is None and entry.get("version") == spelled:
            raise RefusedError(
                f"{lock} has the crate {name} {spelled}, and its Cargo.toml was not found, so it is unknown "
                "whether it inherits that version",
                hint=f"name its directory in workspace.members of {source.path}",
            )
        inherited = crate.get("version") if crate else None
        if isinstance(inherited, Mapping) and inherited.get("workspace") is True:
            names.add(name)
    return frozenset(names)


def _manifests(name: str, path: str, document: Mapping[str, Any], read: Read) -> Iterator[Mapping[str, Any]]:
    """Yield the `[package]` of a crate in the workspace: in its root, a member, or a path dependency.

    The files of a commit cannot be listed here, so a pattern such as `crates/*` is tried with the crate's name.
    Source: the Cargo book, the `members` field.
    """
    root = posixpath.dirname(path)
    for folder in ("", *_members(name, document, path)):
        manifest = posixpath.normpath(posixpath.join(root, folder, "Cargo.toml"))
        content = None if manifest.startswith("../") else read(manifest)
        if content is not None:
            package = table(parse_toml(decode(content, manifest), manifest), "package", manifest)
            if package.get("name") == name:
                yield package


def _members(name: str, document: Mapping[str, Any], path: str) -> Iterator[str]:
    workspace = table(document, "workspace", path)
    for member in map(str, workspace.get("members", ())):
        for spelled in (name, name.replace("-", "_"), name.replace("_", "-")):
            yield member.replace("**", "*").replace("*", spelled)
    for kind in _DEPENDENCIES:
        for tables in (document, workspace):
            wanted = table(tables, kind, path)
            yield from (
                str(entry["path"]) for entry in wanted.values() if isinstance(entry, Mapping) and "path" in entry
            )
