"""The next version of main: the final before a release, the next dev line after it. Pure."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from packaging.version import Version

from release_channels.errors import RefusedError, UsageError
from release_channels.model.version import Line, binds, final_of, line_of, next_dev_line


class Part(StrEnum):
    """The part of the newest final that a release increments; the parts after it become zero."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"


def next_final(
    current: Version, taken: Collection[Version], *, to: str = "", part: str = "", is_declared: bool = True
) -> Version:
    """Return the final for main's dev line: `to`, else the newest final with `part` incremented, else the line's own.

    `taken` are all versions on the index and all release tags. A pre-release on main becomes its own final, too.
    Where no file declares main's version, the target may be below what was computed for it from the tags.

    Raises: UsageError for a target that is not a final; RefusedError for one that is not higher.
    """
    _refuse_both(to, part)
    if to:
        target = parse_final(to, "bump --to")
    elif part:
        target = raised(_newest(taken) or final_of(current), _part(part))
    else:
        target = final_of(current)
    _must_go_up(target, current, taken, floor=current if is_declared else target, task="bump")
    return target


def next_dev(current: Version, taken: Collection[Version], *, to: str = "", part: str = "") -> Version:
    """Return the dev version for main after a release: `to`, else with `part` incremented, else the next patch.

    It is above every published version except previews, so that installers pick its previews. A pre-release on main
    that is neither on the index nor tagged gets its own dev line, which is below it.

    Raises: UsageError for a target that is not a dev line; RefusedError for one that is not higher.
    """
    bound = max(filter(binds, taken), default=None)
    base = max(filter(None, (bound, final_of(current))))
    own = Version(f"{final_of(current)}.dev0")
    is_unreleased = current.pre is not None and current not in taken
    _refuse_both(to, part)
    if to:
        target = parse_named(to)
        if target.pre is not None or target.local is not None or (target.dev or 0) > 0:
            raise UsageError(
                f"{target} is not the start of a dev line", hint=f"`release-channels bump-dev --to {final_of(target)}`"
            )
        target = Version(f"{final_of(target)}.dev0")
    elif part:
        target = Version(f"{raised(base, _part(part))}.dev0")
    else:
        target = own if is_unreleased and (bound is None or bound < own) else next_dev_line(base)
    _must_go_up(target, current, taken, floor=own if is_unreleased else current, task="bump-dev")
    if bound is not None and target < bound:
        raise RefusedError(
            f"{target} is below {bound}, which is published: installers would never pick its previews",
            hint=f"`release-channels bump-dev --to {final_of(next_dev_line(bound))}` opens the next free line",
        )
    return target


def raised(version: Version, part: Part) -> Version:
    """Increment one part of a version; a post-release segment and later parts are dropped."""
    major, minor, patch = (*version.release, 0, 0)[:3]
    numbers = {Part.MAJOR: (major + 1, 0, 0), Part.MINOR: (major, minor + 1, 0), Part.PATCH: (major, minor, patch + 1)}
    epoch = f"{version.epoch}!" if version.epoch else ""
    return Version(epoch + ".".join(map(str, numbers[part])))


def _must_go_up(target: Version, current: Version, taken: Collection[Version], *, floor: Version, task: str) -> None:
    """Refuse a version that installers would not pick, or that is taken."""
    newest = _newest(taken)
    hint = f"`release-channels {task} --to {raised(newest, Part.PATCH)}` takes the next free one" if newest else ""
    if target in taken:
        raise RefusedError(f"{target} is taken: it is on the index or tagged", hint=hint)
    if newest is not None and target < newest:
        raise RefusedError(f"{target} is below {newest}, which is released", hint=hint)
    if target < floor:
        raise RefusedError(f"{target} is below {current}, which main declares", hint="versions on main only go up")


def _newest(taken: Collection[Version]) -> Version | None:
    return max((version for version in taken if not version.is_prerelease), default=None)


def _refuse_both(to: str, part: str) -> None:
    if to and part:
        raise UsageError(f"--to {to} and --part {part} both say which version", hint="leave one out")


def parse_final(text: str, command: str) -> Version:
    """Parse a final that was typed, in any spelling, after a `command` such as `bump --to`.

    Raises: UsageError if it is none.
    """
    version = parse_named(text)
    if version.is_prerelease or version.local is not None:
        raise UsageError(f"{version} is not a final", hint=f"`release-channels {command} {final_of(version)}`")
    return version


def parse_named(text: str) -> Version:
    """Parse a version that was typed, in any spelling.

    Raises: UsageError if it is none.
    """
    try:
        return Version(text)
    except ValueError as err:  # a number of 5,000 digits is no InvalidVersion
        raise UsageError(f"{text[:80]!r} is not a version", hint="write it as in 1.3.0") from err


def _part(text: str) -> Part:
    try:
        return Part(text)
    except ValueError as err:
        raise UsageError(f"{text!r} is not a part of a version", hint="one of: " + ", ".join(Part)) from err


def is_open(version: Version) -> bool:
    """Check whether main is on a dev line.

    Raises: RefusedError for a version that main must not have.
    """
    return line_of(version) is Line.DEV
