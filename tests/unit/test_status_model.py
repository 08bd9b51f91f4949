"""The one next command, from what was seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from packaging.version import Version

from release_channels.model.github import GitHubRelease, asset_name
from release_channels.model.next_step import ReleaseStatus, UnmergedBump, next_step
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.plan import Plan, Reason, Verdict
from release_channels.model.status import (
    files_close_at,
    humanize_age,
    quota_usage,
    unfinished,
    unrecoverable,
)
from release_channels.model.version import Channel

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def standing(
    main: str, reason: Reason, behind: int | None = 0, index: str = "pypi", **changes: object
) -> ReleaseStatus:
    plan = Plan(Channel.PREVIEW, "x", index, "a" * 40, Verdict.PUBLISH, reason, "the message", hint="the hint")
    return replace(ReleaseStatus(Version(main), plan, behind, "v1.1"), **changes)  # type: ignore[arg-type]


NEXT = {
    "all is out": (standing("1.2.dev0", Reason.OPEN), True, "release-channels bump"),
    "not known how far": (standing("1.2.dev0", Reason.OPEN, None), True, "release-channels bump"),
    "staged": (standing("1.2", Reason.STAGED, tag=None), False, "release-channels tag"),
    "tagged before the release workflows": (
        standing("1.1", Reason.STAGED, is_old_tag=True),
        False,
        "release-channels bump-dev",
    ),
    "half out, only practised": (
        standing("1.2", Reason.CLOSED, unfinished="x", has_workflows=False),
        False,
        "release-channels status --index local",
    ),
    "released": (standing("1.2", Reason.RELEASED), False, "release-channels bump-dev"),
    "closed": (standing("1.2", Reason.CLOSED, 3), False, "release-channels bump-dev"),
    "behind": (standing("1.2.dev0", Reason.BEHIND, 3), False, "release-channels bump-dev"),
    "behind, versions in tags": (
        standing("1.2.dev0", Reason.BEHIND, 3, is_written=False),
        False,
        "git fetch --tags",
    ),
    "superseded": (standing("1.2.dev0", Reason.SUPERSEDED), False, "release-channels bump-dev"),
    "unfit": (standing("1.2rc1", Reason.UNFIT), False, "fix the version on main"),
    "half out": (standing("1.2", Reason.CLOSED, unfinished="x"), False, "release-channels resume v1.1 --index pypi"),
    "half out, main went on": (
        standing("1.3.dev0", Reason.OPEN, 2, unfinished="x"),
        False,
        "release-channels resume v1.1 --index pypi",
    ),
    "half out, at work": (
        standing("1.2", Reason.STAGED, unfinished="x", is_running=True),
        False,
        "release-channels tag --commit v1.1 --watch",
    ),
    "previews missing": (standing("1.2.dev0", Reason.OPEN, 1), False, "release-channels doctor"),
    "previews without workflows": (
        standing("1.2.dev0", Reason.OPEN, 1, has_workflows=False),
        False,
        "nox -s preview",
    ),
    "previews on their way": (
        standing("1.2.dev0", Reason.OPEN, 1, is_running=True),
        False,
        "release-channels status",
    ),
    "previews missing in practice": (standing("1.2.dev0", Reason.OPEN, 2, "local"), False, "nox -s preview"),
    "versions in tags": (
        standing("1.2.dev0", Reason.OPEN, is_written=False),
        True,
        "release-channels tag --version 1.2",
    ),
    "versions in tags, at one": (
        standing("1.2", Reason.RELEASED, 3, is_written=False),
        True,
        "release-channels tag --version 1.2.1",
    ),
    "bumped, not merged": (
        standing("1.2.dev0", Reason.OPEN, 1, ahead=UnmergedBump("here", "git push")),
        False,
        "git push",
    ),
    "half out, and bumped": (
        standing("1.2", Reason.CLOSED, unfinished="x", ahead=UnmergedBump("here", "git push")),
        False,
        "release-channels resume v1.1 --index pypi",
    ),
    "in practice": (standing("1.2.dev0", Reason.OPEN, index="local"), True, "release-channels bump --index local"),
    "closed, in practice": (
        standing("1.2", Reason.CLOSED, 3, "local"),
        False,
        "release-channels bump-dev --index local",
    ),
    "staged, in practice": (
        standing("1.2", Reason.STAGED, 0, "local", has_workflows=False, tag=None),
        False,
        "release-channels tag --index local",
    ),
    "staged, in practice, with a real remote": (
        standing("1.2", Reason.STAGED, 0, "local", tag=None),
        False,
        "nox -s rehearse",
    ),
    "versions in tags, in practice with a real remote": (
        standing("1.2.dev0", Reason.OPEN, 0, "local", is_written=False),
        True,
        "nox -s rehearse",
    ),
    "versions in tags, in practice": (
        standing("1.2.dev0", Reason.OPEN, 0, "local", is_written=False, has_workflows=False),
        True,
        "release-channels tag --version 1.2 --index local",
    ),
    "a post-release's line": (
        standing("1.2.post1.dev0", Reason.OPEN, is_written=False),
        True,
        "release-channels tag --version 1.2.post1",
    ),
}


@pytest.mark.parametrize(("seen", "converged", "command"), NEXT.values(), ids=NEXT)
def test_there_is_one_next_step(seen: ReleaseStatus, converged: bool, command: str) -> None:
    """What is half done comes first, then main, then the previews; where all is out, the next release."""
    told = next_step(seen)
    assert (told.converged, told.command) == (converged, command)
    assert told.why


def test_what_is_behind_says_what_the_plan_advises() -> None:
    """The refusal of a preview and the status name the same way on."""
    assert next_step(standing("1.2.dev0", Reason.BEHIND)).why.endswith(
        "installers would never pick its previews; the hint"
    )


def test_the_reason_counts_in_plain_words() -> None:
    """One commit is, two are; and what the workflow does is told along."""
    one = next_step(standing("1.2.dev0", Reason.OPEN, 1, workflow="test.yml is queued", is_running=True))
    two = next_step(standing("1.2.dev0", Reason.OPEN, 2))
    assert one.why == "1 commit on main is in no preview yet: test.yml is queued"
    assert two.why == "2 commits on main are in no preview: see why its workflows did not pass"


def file(name: str, age: timedelta | None = DAY, *, yanked: bool = False, size: int | None = None) -> IndexFile:
    return IndexFile(name, "u", "0" * 64, size, None, None if age is None else NOW - age, yanked)


def hub_release(*, draft: bool) -> GitHubRelease:
    return GitHubRelease(1, "v1", "v1", draft, False, False, "", "url")


BOTH = (file("x.whl"), file("x.tar.gz"))
OLD = (file("x.whl", 20 * DAY), file("x.tar.gz", 20 * DAY))
LACKS = {
    "whole": (BOTH, hub_release(draft=False), True, ""),
    "nothing": ((), None, True, "none of its files is on the index"),
    "no sdist": (BOTH[:1], None, True, "its sdist is not on the index"),
    "no wheel": (BOTH[1:], None, True, "its wheel is not on the index"),
    "a draft": (BOTH, hub_release(draft=True), True, "its GitHub Release is a draft"),
    "no release": (BOTH, None, True, "it has no GitHub Release"),
    "not asked": (BOTH, None, False, ""),
    "too late for files": (OLD[:1], None, True, ""),
    "an old one was never announced": (OLD, None, True, ""),
    "an old draft": (OLD, hub_release(draft=True), True, "its GitHub Release is a draft"),
    "yanked": ((file("x.whl", yanked=True),), None, True, ""),
    "age not known": ((file("x.whl", None), file("x.tar.gz", None)), None, True, ""),
}


@pytest.mark.parametrize(("files", "release", "asked", "lacks"), LACKS.values(), ids=LACKS)
def test_what_a_tagged_release_lacks(
    files: tuple[IndexFile, ...], release: GitHubRelease | None, asked: bool, lacks: str
) -> None:
    """Files come before the GitHub Release; what can never be finished is not asked for."""
    assert unfinished(files, release, NOW, asked=asked) == lacks


def test_files_are_taken_for_two_weeks_after_the_first() -> None:
    """The earliest file opens the 14 days; an index that tells no time has no end."""
    assert files_close_at((file("a", 3 * DAY), file("b", DAY))) == NOW + 11 * DAY
    assert files_close_at((file("a", None),)) is None


def test_a_spent_version_names_the_next() -> None:
    """What cannot be finished is followed by the next patch."""
    stop = unrecoverable(Version("1.2"), "why")
    assert (str(stop), stop.hint) == (
        "1.2 cannot be completed: why",
        "the next version is 1.2.1; yank the published files",
    )


def test_the_next_version_is_above_all_that_is_out() -> None:
    """Other finals, on the index or tagged, push it up; dev releases do not."""
    taken = [Version(text) for text in ("1.2.1", "1.3.0", "1.2.5.post1", "2.0.0.dev3")]
    assert unrecoverable(Version("1.2"), "why", taken).hint == "the next version is 1.3.1; yank the published files"


AGES = {
    "now": (timedelta(seconds=59), "just now"),
    "a clock that is ahead": (-DAY, "just now"),
    "a minute": (timedelta(seconds=60), "1 minute ago"),
    "minutes": (timedelta(minutes=59), "59 minutes ago"),
    "an hour": (timedelta(minutes=119), "1 hour ago"),
    "hours": (timedelta(hours=23), "23 hours ago"),
    "a day": (timedelta(hours=24), "1 day ago"),
    "days": (400 * DAY, "400 days ago"),
}


@pytest.mark.parametrize(("age", "told"), AGES.values(), ids=AGES)
def test_ages_are_told_in_their_largest_unit(age: timedelta, told: str) -> None:
    """Nobody is told that something is 0 days old."""
    assert humanize_age(NOW - age, NOW) == told


def state(*files: tuple[str, IndexFile]) -> IndexState:
    return IndexState("pypi", {Version(version): (one,) for version, one in files})


ROOM = {
    "nothing": (state(), (0, 0, None)),
    "a month of previews": (
        state(("1.dev1", file("a", 40 * DAY, size=100)), ("1.dev2", file("b", DAY, size=300))),
        (400, 2, 60.0),
    ),
    "two days old": (state(("1.dev1", file("a", 2 * DAY, size=100))), (100, 9, 18.0)),
    "finals alone": (state(("1", file("a", DAY, size=500))), (500, 0, 1.0)),
    "full": (state(("1.dev1", file("a", DAY, size=2000))), (2000, 0, 0.0)),
    "sizes unknown": (state(("1.dev1", file("a", DAY))), (0, 0, None)),
    "nothing lately": (state(("1", file("a", 99 * DAY, size=100))), (100, 0, None)),
}


@pytest.mark.parametrize(("there", "expected"), ROOM.values(), ids=ROOM)
def test_room_is_counted_in_previews_and_days(there: IndexState, expected: tuple[int, int, float | None]) -> None:
    """Every file counts; the largest preview is the measure, and a young project's pace is not thinned out."""
    seen = quota_usage(there, 1000, NOW)
    assert (seen.used, seen.previews, seen.days) == expected


NAMES = {
    "a wheel": ("x-1.2-py3-none-any.whl", "x-1.2-py3-none-any.whl"),
    "an epoch": ("x-1!2.0.tar.gz", "x-1.2.0.tar.gz"),
    "a local part": ("x-1+a.whl", "x-1+a.whl"),
    "blanks": ("a  b.txt", "a.b.txt"),
}


@pytest.mark.parametrize(("name", "asset"), NAMES.values(), ids=NAMES)
def test_an_asset_is_looked_for_under_the_name_that_github_gives_it(name: str, asset: str) -> None:
    """GitHub rewrites names, and a file that it renamed is the same file."""
    assert asset_name(name) == asset
