"""The observed state of git and the index: plain values that `observe` fills and `decide` reads. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from packaging.version import Version

UNSHALLOW = "fetch the full history: `fetch-depth: 0` in the checkout, or `git fetch --unshallow --tags` by hand"
"""The hint for a shallow clone."""


class Relation(StrEnum):
    """The relation of the current commit to another one."""

    SAME = "the same commit"
    ANCESTOR = "an ancestor"
    DESCENDANT = "a descendant"
    DIVERGED = "on another branch"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class IndexFile:
    """A file as the index lists it, `size` in bytes; a yanked file still occupies its version."""

    name: str
    url: str
    sha256: str | None
    size: int | None = None
    requires_python: str | None = None
    upload_time: datetime | None = None
    yanked: bool = False
    provenance_url: str | None = None
    """The URL of its provenance, if it was uploaded with an attestation."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """Every release of the project on one index; none if the index does not have the project."""

    index: str
    releases: Mapping[Version, tuple[IndexFile, ...]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def versions(self) -> list[Version]:
        """Return every version with at least one file, lowest first; yanked ones included."""
        return sorted(self.releases)

    def newest_final(self) -> Version | None:
        """Return the newest final or post-release, if any; yanked ones included."""
        return max((v for v in self.releases if not v.is_prerelease), default=None)

    def newest_offered(self) -> Version | None:
        """Return the newest final or post-release that installers pick by default: yanked ones are excluded."""
        offered = (v for v, files in self.releases.items() if any(not file.yanked for file in files))
        return max((v for v in offered if not v.is_prerelease), default=None)

    def newest_preview(self) -> Version | None:
        """Return the newest preview (a dev release, but not of an alpha, beta or rc), if any."""
        return max((v for v in self.releases if v.dev is not None and v.pre is None), default=None)


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit's full hash and its committer time in seconds since the epoch."""

    sha: str
    time: int

    @property
    def short(self) -> str:
        """Return the first twelve digits of the hash."""
        return self.sha[:12]


@dataclass(frozen=True, slots=True)
class Tag:
    """A release tag: its name, the commit it points to, and the relation of the current commit to that one."""

    name: str
    commit: str
    relation: Relation
    annotated: bool = True


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview on the index; its commit is None if the files do not contain it."""

    version: Version
    commit: str | None
    relation: Relation


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything that a decision depends on, read once."""

    project: str
    version: Version
    commit: Commit
    index: IndexState
    is_written: bool = True
    """True if the version is in a file; otherwise it comes from git tags."""
    is_normal: bool = True
    """True if the version is written in normal form."""
    on_main: Relation | None = None
    """The relation of the commit to the tip of the remote's main branch; None if not needed."""
    tag: Tag | None = None
    newest_preview: Preview | None = None
    same_version: Preview | None = None
    local_commits: Mapping[Version, str] = field(default_factory=dict)
    """The commit of each version that this machine published to its local index."""
    uncommitted: tuple[str, ...] = ()
    is_shallow: bool = False
    """True if the clone is shallow, so that an unknown relation may be any."""
