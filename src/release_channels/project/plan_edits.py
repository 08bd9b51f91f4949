"""All places with a project's version: whether they agree, and the edits that change them together. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date as Date

from packaging.version import Version

from release_channels.project.commit_url import with_source_commit
from release_channels.project.edit import Edit
from release_channels.project.files import Read
from release_channels.project.lock_files import LOCK, cargo_disagreements, plan_cargo_lock, plan_lock, read_lock
from release_channels.project.pyproject import Project
from release_channels.project.stale_mentions import Mention, find_mentions
from release_channels.project.version_files import plan_copies, read_copies

# Files with install instructions for users.
_TEXT = re.compile(r"README\.(md|rst|txt)|docs?/.*\.(md|rst|txt)", re.IGNORECASE)


def disagreements(project: Project, read: Read, version: Version | None = None) -> tuple[str, ...]:
    """Return the copies of the version, lock files included, that differ from the project's own or a given one.

    If the version comes from git tags, there is nothing to compare with until one is given.

    Raises: RefusedError if a copy cannot be read.
    """
    if version is None and not project.source.is_written:
        return ()
    wanted = version or project.version
    copies = read_copies(project.config.version_files, read)
    found = [f"{copy.path}, line {copy.line}, says {copy.version}" for copy in copies if copy.version != wanted]
    locked = read_lock(project.normalized_name, read)
    if locked is not None and locked != wanted:
        found.append(f"{LOCK} says {locked}")
    found += [f"{lock} says {said}" for lock, said in cargo_disagreements(project.source, read, wanted)]
    return tuple(f"{what}, but {project.source.where} says {wanted}" for what in found)


def old_mentions(project: Project, read: Read, version: Version, files: Iterable[str]) -> tuple[Mention, ...]:
    """Find lines in README and documentation that mention an older version; `files` are all files of the commit."""
    pages = filter(_TEXT.fullmatch, files)
    texts = {path: text.decode("utf-8", "replace") for path in pages if (text := read(path)) is not None}
    return find_mentions(project.normalized_name, version, texts)


def plan_version(project: Project, read: Read, version: Version, date: Date | None) -> tuple[Edit, ...]:
    """Plan every edit that sets a project's version: the source, its copies, the lock files; one per file.

    `date` is the day of the release; None for a dev line, which leaves dates unchanged.

    Raises: RefusedError if one of them cannot be planned.
    """
    edits = {edit.path: edit for edit in project.source.plan(version)}

    def read_edited(path: str) -> bytes | None:
        return edits[path].new.encode("utf-8") if path in edits else read(path)

    def add(more: tuple[Edit, ...]) -> None:
        for edit in more:
            old = edits[edit.path].old if edit.path in edits else edit.old
            edits[edit.path] = Edit(edit.path, old, edit.new)

    add(plan_copies(project.config.version_files, read_edited, version, date))
    add(plan_lock(project.normalized_name, read_edited, version))
    add(plan_cargo_lock(project.source, read_edited, version))
    return tuple(edits.values())


def plan_preview(project: Project, read: Read, version: Version, url: str | None) -> tuple[Edit, ...]:
    """Plan the edits for a preview's build: its version in every place, and the URL of its commit.

    Raises: RefusedError if an edit cannot be proven to change only these.
    """
    edits = {edit.path: edit for edit in plan_version(project, read, version, None)}
    if url is not None:
        before = edits.get(project.path, Edit(project.path, project.text, project.text))
        edits[project.path] = Edit(project.path, project.text, with_source_commit(project, before.new, url))
    return tuple(edit for edit in edits.values() if edit.old != edit.new)
