"""The effect of yanking a release on the users of each channel. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from packaging.version import Version

from release_channels.errors import RefusedError, UsageError
from release_channels.model.next_version import next_dev, next_final
from release_channels.model.observed import IndexState
from release_channels.model.version import final_of


@dataclass(frozen=True, slots=True)
class YankPlan:
    """The files of a version that are still to be yanked, and what users get afterwards."""

    version: Version
    is_yanked: bool
    unyanked: tuple[str, ...]
    """Files that are not yanked."""
    partly: tuple[str, ...]
    """Files that are not yanked although others of the version are."""
    public_gets: Version | None
    preview_gets: Version | None
    previews: tuple[Version, ...]
    """Previews of the same line that are not yanked: they contain nearly the same code."""
    next_version: Version | None
    """None if the next preview of main replaces it."""


def plan_yank(state: IndexState, version: Version, main: Version, tagged: Collection[Version] = ()) -> YankPlan:
    """Plan the yank of a version; its number stays taken, and installers still accept it with `==`.

    `main` is the version on main, and `tagged` are the versions of all release tags.

    Raises: UsageError if the index does not have the version.
    Source: yanked releases specification (once PEP 592).
    """
    files = state.releases.get(version)
    if not files:
        where = "the local index" if state.index == "local" else f"the index {state.index}"
        raise UsageError(f"{version} is not on {where}", hint=_known(state))
    version = next(there for there in state.releases if there == version)  # as the index spells it
    left = {v for v in _offered(state) if v != version}
    unyanked = tuple(file.name for file in files if not file.yanked)
    line = final_of(version)
    return YankPlan(
        version=version,
        is_yanked=not unyanked,
        unyanked=unyanked,
        partly=unyanked if len(unyanked) < len(files) else (),
        public_gets=max((v for v in left if not v.is_prerelease), default=None) or max(left, default=None),
        preview_gets=max(left, default=None),
        previews=tuple(sorted(v for v in left if v.dev is not None and v.pre is None and final_of(v) == line)),
        next_version=None if version.dev is not None else _next(main, {*state.releases, *tagged}),
    )


def _next(main: Version, taken: Collection[Version]) -> Version:
    """Return the version that `bump` would release next, after `bump-dev` if main's own line is closed."""
    try:
        return next_final(main, taken)
    except RefusedError:
        return final_of(next_dev(main, taken))


def _known(state: IndexState) -> str:
    newest = sorted(state.releases, reverse=True)[:5]
    return f"it has {', '.join(map(str, newest))}" if newest else "it has no release of this project yet"


def page(simple_url: str, project: str, version: Version) -> str:
    """Return the URL of the page on which a release is yanked; there is no API for it.

    Source: the index's project management pages.
    """
    parts = urlsplit(simple_url)
    return f"{parts.scheme}://{parts.netloc}/manage/project/{quote(project)}/release/{quote(str(version))}/"


def _offered(state: IndexState) -> Iterator[Version]:
    """Return the versions that installers pick by default."""
    return (version for version, files in state.releases.items() if any(not file.yanked for file in files))
