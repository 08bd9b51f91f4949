"""What the world shows: plain values that `observe` fills and `decide` reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from packaging.version import Version

UNSHALLOW = "fetch all of it: `fetch-depth: 0` in the checkout, or `git fetch --unshallow --tags` by hand"
"""What to do about a clone whose history is cut off."""


class Relation(StrEnum):
    """How the commit at hand stands to another one."""

    SAME = "the same commit"
    ANCESTOR = "an ancestor"
    DESCENDANT = "a descendant"
    DIVERGED = "on another branch"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class IndexFile:
    """One file as the index lists it; a yanked file counts as taken."""

    name: str
    url: str
    sha256: str | None
    size: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    yanked: bool = False
    provenance_url: str | None = None
    """Where the index tells who published it, if it was uploaded with an attestation."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """Every release of the project on one index; a project that the index does not know has none."""

    index: str
    releases: Mapping[Version, tuple[IndexFile, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def versions(self) -> list[Version]:
        """List every version with at least one file, lowest first; yanked ones included."""
        return sorted(self.releases)

    def newest_final(self) -> Version | None:
        """Give the newest final or post-release, if there is one; yanked ones included."""
        return max((v for v in self.releases if not v.is_prerelease), default=None)

    def newest_offered(self) -> Version | None:
        """Give the newest final or post-release that installers take by themselves: yanked ones are left out."""
        offered = (v for v, files in self.releases.items() if any(not file.yanked for file in files))
        return max((v for v in offered if not v.is_prerelease), default=None)

    def newest_preview(self) -> Version | None:
        """Give the newest preview (a dev release of no alpha, beta or rc), if there is one."""
        return max((v for v in self.releases if v.dev is not None and v.pre is None), default=None)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's full name and its committer time in seconds since the epoch."""

    sha: str
    time: int

    @property
    def short(self) -> str:
        """Give the name as people read it: twelve digits."""
        return self.sha[:12]


@dataclass(frozen=True, slots=True)
class Tag:
    """A release tag: its name, the commit it points to, and how the commit at hand stands to that one."""

    name: str
    commit: str
    relation: Relation
    annotated: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview on the index; its commit is None where the files do not carry it."""

    version: Version
    commit: str | None
    relation: Relation


@dataclass(frozen=True, slots=True)
class Observed:
    """All that a decision rests on, read once."""

    project: str
    version: Version
    commit: Commit
    index: IndexState
    is_written: bool = True
    """Whether a file holds the version; otherwise git tags do."""
    is_normal: bool = True
    """Whether the version is written in normal form."""
    on_main: Relation | None = None
    """How the commit stands to the tip of the remote's main branch; None where nobody has to ask."""
    tag: Tag | None = None
    newest_preview: Preview | None = None
    same_version: Preview | None = None
    kept: Mapping[Version, str] = field(default_factory=dict)
    """The commit of each version that this machine has given to its local index."""
    uncommitted: tuple[str, ...] = ()
    is_shallow: bool = False
    """Whether the history at hand is cut off, so that an unknown relation may be any."""
