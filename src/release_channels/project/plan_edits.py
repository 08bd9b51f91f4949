"""All places with a project's version: whether they agree, and the edits that change them together. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date as Date
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.next_version import Part, raised
from release_channels.model.version import final_of
from release_channels.project.changelog import find_changelog
from release_channels.project.commit_url import with_source_commit
from release_channels.project.edit import Edit
from release_channels.project.files import Read
from release_channels.project.lock_files import LOCK, cargo_disagreements, plan_cargo_lock, plan_lock, read_lock
from release_channels.project.pyproject import Project
from release_channels.project.unlisted_copies import CITATION, UnlistedCopy, find_unlisted
from release_channels.project.version_files import newest_before, plan_copies, read_copies

if TYPE_CHECKING:
    from release_channels.project.stale_mentions import Mention

# Files with install instructions for users.
_TEXT = re.compile(r"README\.(md|rst|txt)|docs?/.*\.(md|rst|txt)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CopyReport:
    """The listed copies of a version, lock files included, compared with it."""

    agreeing: tuple[str, ...]
    differing: tuple[str, ...]

    def describe(self, unlisted: Sequence[UnlistedCopy]) -> str:
        """Describe what was compared, and the copies that no setting lists."""
        count = len(self.agreeing)
        agree = f"{count} {'copy agrees' if count == 1 else 'copies agree'}: {', '.join(self.agreeing)}"
        parts = [agree if count else "no copies are configured"]
        if versions := [f"{copy.path} has {copy.text}" for copy in unlisted if copy.version is not None]:
            parts.append(f"{', '.join(versions)}: add {'it' if len(versions) == 1 else 'them'} to version-files")
        return "; ".join(parts)


def disagreements(project: Project, read: Read, version: Version | None = None) -> tuple[str, ...]:
    """Return the copies of the version, lock files included, that differ from the project's own or a given one.

    If the version comes from git tags, there is nothing to compare with until one is given.

    Raises: RefusedError if a copy cannot be read.
    """
    return compare_copies(project, read, version).differing


def compare_copies(
    project: Project, read: Read, version: Version | None = None, *, finals: Collection[Version] = ()
) -> CopyReport:
    """Compare the copies of the version, lock files included, with the project's own or a given one.

    `finals` are the releases so far, of which a copy that follows finals has the newest.

    If the version comes from git tags, there is nothing to compare with until one is given.

    Raises: RefusedError if a copy cannot be read.
    """
    if version is None and not project.source.is_written:
        return CopyReport((), ())
    wanted, where = version or project.version, project.source.where
    copies = read_copies(project.config.version_files, read)
    compared = [(copy.path, copy.compare(wanted, where, finals)) for copy in copies]
    locked = read_lock(project.normalized_name, read)
    if locked is not None:
        compared.append((LOCK, "" if locked == wanted else f"{LOCK} says {locked}, but {where} says {wanted}"))
    crates = [
        f"{lock} says {text}, but {where} says {wanted}"
        for lock, text in cargo_disagreements(project.source, read, wanted)
    ]
    return CopyReport(
        agreeing=tuple(path for path, difference in compared if not difference),
        differing=(*(difference for _, difference in compared if difference), *crates),
    )


def unlisted_copies(
    project: Project,
    read: Read,
    files: Iterable[str],
    version: Version | None = None,
    *,
    finals: Collection[Version] = (),
) -> tuple[UnlistedCopy, ...]:
    """Find copies of the version, or of the newest final before it, that no setting lists; `files` are the commit's.

    Where git tags have the version, modules and manifests have placeholders, which the build replaces.
    """
    source = project.source
    searched = [path for path in files if (source.is_written and path != source.path) or path == CITATION]
    wanted = version or project.version
    versions = (wanted, project.version, newest_before(wanted, finals))
    return find_unlisted(searched, read, versions, project.config.version_files)


def old_mentions(project: Project, read: Read, version: Version, files: Iterable[str]) -> tuple[Mention, ...]:
    """Find lines in README and documentation that mention an older version; `files` are all files of the commit."""
    from release_channels.project.stale_mentions import find_mentions

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


def bumped_files(project: Project, read: Read) -> tuple[str, ...]:
    """Return the paths that a `bump` changes; none where git tags have the version, or it cannot be planned."""
    if not project.source.is_written:
        return ()
    try:
        target = raised(final_of(project.version), Part.PATCH)
        edits = plan_version(project, read, target, Date.min)
        changelog = find_changelog(project.config, read, project.news_file(target))
    except RefusedError:
        return ()
    return tuple(sorted({*(edit.path for edit in edits), *filter(None, (changelog,))}))


def plan_preview(project: Project, read: Read, version: Version, url: str | None) -> tuple[Edit, ...]:
    """Plan the edits for a preview's build: its version in every place, and the URL of its commit.

    Raises: RefusedError if an edit cannot be proven to change only these.
    """
    edits = {edit.path: edit for edit in plan_version(project, read, version, None)}
    if url is not None:
        before = edits.get(project.path, Edit(project.path, project.text, project.text))
        edits[project.path] = Edit(project.path, project.text, with_source_commit(project, before.new, url))
    return tuple(edit for edit in edits.values() if edit.old != edit.new)
