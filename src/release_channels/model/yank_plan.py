"""A bad release is out: what yanking it leaves to the users of each channel. Pure."""

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
    """What there is to do about one version, and what comes of it."""

    version: Version
    is_yanked: bool
    kept: tuple[str, ...]
    """Files that are not yanked."""
    partly: tuple[str, ...]
    """Files that are not yanked though others of the version are."""
    public_gets: Version | None
    preview_gets: Version | None
    previews: tuple[Version, ...]
    """Previews of the same line that are not yanked: they hold the same code, or nearly."""
    next_version: Version | None
    """None where the next preview of main is what follows."""


def plan_yank(state: IndexState, version: Version, main: Version, tagged: Collection[Version] = ()) -> YankPlan:
    """Say what users get once a version is yanked; a yanked file is still taken, and still installed by `==`.

    `main` is what main holds, and `tagged` are the versions of all release tags.

    Raises: UsageError if the index does not have the version.
    Source: yanked releases specification (once PEP 592).
    """
    files = state.releases.get(version)
    if not files:
        raise UsageError(f"{version} is not on the index {state.index}", hint=_known(state))
    version = next(there for there in state.releases if there == version)  # as the index spells it
    left = {v for v in _offered(state) if v != version}
    kept = tuple(file.name for file in files if not file.yanked)
    line = final_of(version)
    return YankPlan(
        version=version,
        is_yanked=not kept,
        kept=kept,
        partly=kept if len(kept) < len(files) else (),
        public_gets=max((v for v in left if not v.is_prerelease), default=None) or max(left, default=None),
        preview_gets=max(left, default=None),
        previews=tuple(sorted(v for v in left if v.dev is not None and v.pre is None and final_of(v) == line)),
        next_version=None if version.dev is not None else _next(main, {*state.releases, *tagged}),
    )


def _next(main: Version, taken: Collection[Version]) -> Version:
    """Give the version that `bump` would cut next, after `bump-dev` where main's own line is closed."""
    try:
        return next_final(main, taken)
    except RefusedError:
        return final_of(next_dev(main, taken))


def _known(state: IndexState) -> str:
    newest = sorted(state.releases, reverse=True)[:5]
    return f"it has {', '.join(map(str, newest))}" if newest else "it has no release of this project yet"


def page(simple_url: str, project: str, version: Version) -> str:
    """Give the page on which a release is yanked; there is no API for it.

    Source: the index's project management pages.
    """
    parts = urlsplit(simple_url)
    return f"{parts.scheme}://{parts.netloc}/manage/project/{quote(project)}/release/{quote(str(version))}/"


def _offered(state: IndexState) -> Iterator[Version]:
    """List the versions that an installer offers by itself."""
    return (version for version, files in state.releases.items() if any(not file.yanked for file in files))
