"""`resume`: carry a half-finished public release to its end, from what the outside world shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.maintain.desk import Desk
from release_channels.observed import IndexFile
from release_channels.standing import files_close_at, spent
from release_channels.tags import release_tags, version_of


@dataclass(frozen=True, slots=True)
class Resumption:
    """A release to finish: its tag, its version, and what the index has of it."""

    tag: str
    version: Version
    there: tuple[IndexFile, ...]
    closes: datetime | None

    @property
    def line(self) -> str:
        """Say what is there and until when the rest can be added."""
        names = ", ".join(file.name for file in self.there) or "nothing"
        until = f"; more files are taken until {self.closes:%Y-%m-%d %H:%M} UTC" if self.closes else ""
        return f"{self.tag}: on the index is {names}{until}"


def plan_resumption(desk: Desk, tag: str, now: datetime | None = None) -> Resumption:
    """Look at what there is of a release.

    Raises: RefusedError if there is no such tag, or the index takes no more files of that release.
    """
    now = now or datetime.now(UTC)
    version = version_of(tag, desk.config.tag_format)
    if version is None:
        raise RefusedError(f"{tag} is no release tag", hint=f"one is written as {desk.config.tag_format}")
    if tag not in desk.git.tag_names(desk.config.remote):
        known = release_tags(desk.config.tag_format, desk.git.tag_names(desk.config.remote))
        newest = f"the newest is {known[max(known)]}" if known else "there is none yet"
        raise RefusedError(f"there is no tag {tag}", hint=newest)
    there = desk.read_index().releases.get(version, ())
    closes = files_close_at(there)
    kinds = {file.name.endswith(".whl") for file in there}
    if closes is not None and now > closes and kinds != {True, False}:
        raise spent(version, f"the index has taken no more files of {version} since {closes:%Y-%m-%d}")
    return Resumption(tag, version, there, closes)
