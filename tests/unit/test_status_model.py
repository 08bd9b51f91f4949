"""The next command of `status`, computed from observed state."""

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


def release_status(
    main: str, reason: Reason, behind: int | None = 0, index: str = "pypi", **changes: object
) -> ReleaseStatus:
    plan = Plan(Channel.PREVIEW, "x", index, "a" * 40, Verdict.PUBLISH, reason, "the message", hint="the hint")
    return replace(ReleaseStatus(Version(main), plan, behind, "v1.1"), **changes)  # type: ignore[arg-type]


NEXT = {
    "all is out": (release_status("1.2.dev0", Reason.OPEN), True, "release-channels bump"),
    "not known how far": (release_status("1.2.dev0", Reason.OPEN, None), True, "release-channels bump"),
    "staged": (release_status("1.2", Reason.STAGED, tag=None), False, "release-channels tag"),
    "tagged before the release workflows": (
        release_status("1.1", Reason.STAGED, is_old_tag=True),
        False,
        "release-channels bump-dev",
    ),
    "half out, only practised": (
        release_status("1.2", Reason.CLOSED, unfinished="x", has_workflows=False),
        False,
        "release-channels status --index local",
    ),
    "released": (release_status("1.2", Reason.RELEASED), False, "release-channels bump-dev"),
    "closed": (release_status("1.2", Reason.CLOSED, 3), False, "release-channels bump-dev"),
    "behind": (release_status("1.2.dev0", Reason.BEHIND, 3), False, "release-channels bump-dev"),
    "behind, versions in tags": (
        release_status("1.2.dev0", Reason.BEHIND, 3, is_written=False),
        False,
        "git fetch --tags",
    ),
    "superseded": (release_status("1.2.dev0", Reason.SUPERSEDED), False, "release-channels bump-dev"),
    "behind, versions in tags, and every tag is here": (
        release_status("1.2.dev0", Reason.BEHIND, 3, is_written=False, above=Version("1.4.1")),
        False,
        "release-channels tag --version 1.4.1",
    ),
    "behind, versions in tags, and its changelog is not ready": (
        release_status("1.2.dev0", Reason.BEHIND, 3, is_written=False, above=Version("1.4.1"), lacks_text=True),
        False,
        "release-channels bump --to 1.4.1",
    ),
    "behind, versions in tags, and not pushed": (
        release_status("1.2.dev0", Reason.BEHIND, 3, is_written=False, ahead=UnmergedBump("x", "git push")),
        False,
        "git push",
    ),
    "a pre-release": (release_status("1.2rc1", Reason.UNFIT), False, "release-channels bump-dev"),
    "a pre-release, versions in tags": (
        release_status("1.2rc1", Reason.UNFIT, is_written=False),
        False,
        "fix the version on main",
    ),
    "a local version": (release_status("1.2+here", Reason.UNFIT), False, "fix the version on main"),
    "half out": (
        release_status("1.2", Reason.CLOSED, unfinished="x"),
        False,
        "release-channels resume v1.1 --index pypi",
    ),
    "half out, main went on": (
        release_status("1.3.dev0", Reason.OPEN, 2, unfinished="x"),
        False,
        "release-channels resume v1.1 --index pypi",
    ),
    "half out, at work": (
        release_status("1.2", Reason.STAGED, unfinished="x", is_running=True),
        False,
        "release-channels tag --commit v1.1 --watch",
    ),
    "previews missing": (release_status("1.2.dev0", Reason.OPEN, 1), False, "release-channels doctor"),
    "previews without workflows": (
        release_status("1.2.dev0", Reason.OPEN, 1, has_workflows=False),
        False,
        "nox -s preview",
    ),
    "previews on their way": (
        release_status("1.2.dev0", Reason.OPEN, 1, is_running=True),
        False,
        "release-channels status",
    ),
    "previews missing in practice": (release_status("1.2.dev0", Reason.OPEN, 2, "local"), False, "nox -s preview"),
    "versions in tags": (
        release_status("1.2.dev0", Reason.OPEN, is_written=False),
        True,
        "release-channels tag --version 1.2",
    ),
    "versions in tags, at one": (
        release_status("1.2", Reason.RELEASED, 3, is_written=False),
        True,
        "commit and push the next change",
    ),
    "versions in tags, at one, and its changelog is that of the release": (
        release_status("1.2", Reason.RELEASED, 3, is_written=False, lacks_text=True),
        True,
        "commit and push the next change",
    ),
    "versions in tags, at one that is not out, and its changelog is not ready": (
        release_status("1.2", Reason.STAGED, is_written=False, lacks_text=True),
        True,
        "commit and push the next change",
    ),
    "versions in tags, at one that is older than the workflows": (
        release_status("1.2", Reason.STAGED, 3, "local", is_written=False, is_old_tag=True),
        True,
        "commit and push the next change",
    ),
    "versions in tags, at an old one, and more is here": (
        release_status("1.2", Reason.STAGED, is_written=False, ahead=UnmergedBump("here", "git push origin main")),
        False,
        "git push origin main",
    ),
    "versions in tags, and bump has written": (
        release_status(
            "1.2.dev0",
            Reason.OPEN,
            1,
            "local",
            is_written=False,
            ahead=UnmergedBump("here", "git commit", is_uncommitted=True),
        ),
        False,
        "git commit",
    ),
    "versions in tags, and more is here": (
        release_status("1.2.dev0", Reason.OPEN, 1, "local", is_written=False, ahead=UnmergedBump("here", "git push")),
        False,
        "nox -s preview",
    ),
    "versions in tags, released, and more is here": (
        release_status("1.2", Reason.RELEASED, is_written=False, ahead=UnmergedBump("here", "git push origin main")),
        False,
        "git push origin main",
    ),
    "staged, and its changelog is not ready": (
        release_status("1.2", Reason.STAGED, lacks_text=True, tag=None),
        False,
        "release-channels bump",
    ),
    "staged, without a remote": (
        release_status("1.2", Reason.STAGED, 0, "local", has_workflows=False, tag=None, has_remote=False),
        False,
        "add the remote that the tag is pushed to: `git remote add origin URL`",
    ),
    "a remote that cannot be read": (
        release_status("1.2", Reason.STAGED, unfinished="x", is_remote_silent=True),
        False,
        "git fetch origin",
    ),
    "a remote that cannot be read, in practice": (
        release_status("1.2.dev0", Reason.OPEN, 0, "local", is_remote_silent=True),
        True,
        "release-channels bump --index local",
    ),
    "not adopted yet": (
        release_status("1.2.dev0", Reason.OPEN, 1, "local", adoption="release-channels init"),
        False,
        "release-channels init",
    ),
    "not adopted, and nothing to publish": (
        release_status("1.2.dev0", Reason.OPEN, 0, "local", adoption="release-channels init"),
        True,
        "release-channels bump --index local",
    ),
    "bumped, not merged": (
        release_status("1.2.dev0", Reason.OPEN, 1, ahead=UnmergedBump("here", "git push")),
        False,
        "git push",
    ),
    "half out, and bumped": (
        release_status("1.2", Reason.CLOSED, unfinished="x", ahead=UnmergedBump("here", "git push")),
        False,
        "release-channels resume v1.1 --index pypi",
    ),
    "in practice": (
        release_status("1.2.dev0", Reason.OPEN, index="local"),
        True,
        "release-channels bump --index local",
    ),
    "closed, in practice": (
        release_status("1.2", Reason.CLOSED, 3, "local"),
        False,
        "release-channels bump-dev --index local",
    ),
    "staged, in practice": (
        release_status("1.2", Reason.STAGED, 0, "local", has_workflows=False, tag=None),
        False,
        "release-channels tag --index local",
    ),
    "staged, in practice, with a real remote": (
        release_status("1.2", Reason.STAGED, 0, "local", tag=None),
        False,
        "nox -s rehearse",
    ),
    "versions in tags, in practice with a real remote": (
        release_status("1.2.dev0", Reason.OPEN, 0, "local", is_written=False),
        True,
        "nox -s rehearse",
    ),
    "versions in tags, in practice": (
        release_status("1.2.dev0", Reason.OPEN, 0, "local", is_written=False, has_workflows=False),
        True,
        "release-channels tag --version 1.2 --index local",
    ),
    "versions in tags, and no section in the changelog": (
        release_status("1.2.dev0", Reason.OPEN, 0, is_written=False, lacks_text=True),
        True,
        "release-channels bump --to 1.2",
    ),
    "versions in tags, not pushed": (
        release_status(
            "1.2.dev0", Reason.OPEN, 0, is_written=False, ahead=UnmergedBump("here", "git push origin main")
        ),
        False,
        "git push origin main",
    ),
    "versions in tags, not pushed, and no preview yet": (
        release_status("1.2.dev0", Reason.OPEN, 1, "local", is_written=False, ahead=UnmergedBump("here", "git push")),
        False,
        "nox -s preview",
    ),
    "a post-release's line": (
        release_status("1.2.post1.dev0", Reason.OPEN, is_written=False),
        True,
        "release-channels tag --version 1.2.post1",
    ),
}


@pytest.mark.parametrize(("seen", "converged", "command"), NEXT.values(), ids=NEXT)
def test_status_has_one_next_step(seen: ReleaseStatus, converged: bool, command: str) -> None:
    """Unfinished work first, then main, then the previews; otherwise the next release."""
    message = next_step(seen)
    assert (message.converged, message.command) == (converged, command)
    assert message.why


def test_status_and_plan_hint_the_same_fix() -> None:
    """For a dev line below the latest release."""
    assert next_step(release_status("1.2.dev0", Reason.BEHIND)).why.endswith(
        "installers would never pick its previews; the hint"
    )


def test_the_reason_counts_commits_in_words() -> None:
    """One commit is, two are; it also contains what the workflow does."""
    one = next_step(release_status("1.2.dev0", Reason.OPEN, 1, workflow="test.yml is queued", is_running=True))
    two = next_step(release_status("1.2.dev0", Reason.OPEN, 2))
    assert one.why == "1 commit on main is in no preview yet: test.yml is queued"
    assert two.why == "2 commits on main are in no preview: see why its workflows did not pass"


def file(name: str, age: timedelta | None = DAY, *, yanked: bool = False, size: int | None = None) -> IndexFile:
    return IndexFile(name, "u", "0" * 64, size, None, None if age is None else NOW - age, yanked)


def github_release(*, draft: bool) -> GitHubRelease:
    return GitHubRelease(1, "v1", "v1", draft, False, False, "", "url")


BOTH = (file("x.whl"), file("x.tar.gz"))
OLD = (file("x.whl", 20 * DAY), file("x.tar.gz", 20 * DAY))
LACKS = {
    "whole": (BOTH, github_release(draft=False), True, ""),
    "nothing": ((), None, True, "none of its files is on the index"),
    "no sdist": (BOTH[:1], None, True, "its sdist is not on the index"),
    "no wheel": (BOTH[1:], None, True, "its wheel is not on the index"),
    "a draft": (BOTH, github_release(draft=True), True, "its GitHub Release is a draft"),
    "no release": (BOTH, None, True, "it has no GitHub Release"),
    "not asked": (BOTH, None, False, ""),
    "too late for files": (OLD[:1], None, True, ""),
    "an old one was never announced": (OLD, None, True, ""),
    "an old draft": (OLD, github_release(draft=True), True, "its GitHub Release is a draft"),
    "yanked": ((file("x.whl", yanked=True),), None, True, ""),
    "age not known": ((file("x.whl", None), file("x.tar.gz", None)), None, True, ""),
}


@pytest.mark.parametrize(("files", "release", "asked", "lacks"), LACKS.values(), ids=LACKS)
def test_missing_parts_of_a_tagged_release_are_listed(
    files: tuple[IndexFile, ...], release: GitHubRelease | None, asked: bool, lacks: str
) -> None:
    """Files before the GitHub Release; what cannot be completed is not fetched."""
    assert unfinished(files, release, NOW, asked=asked) == lacks


def test_files_are_accepted_for_14_days_after_the_first() -> None:
    """An index without upload times has no end."""
    assert files_close_at((file("a", 3 * DAY), file("b", DAY))) == NOW + 11 * DAY
    assert files_close_at((file("a", None),)) is None


def test_an_unrecoverable_version_hints_the_next_patch() -> None:
    stop = unrecoverable(Version("1.2"), "why")
    assert (str(stop), stop.hint) == (
        "1.2 cannot be completed: why",
        "the next version is 1.2.1; `release-channels yank 1.2` shows how to take the published files back",
    )


def test_the_next_version_is_above_all_finals() -> None:
    """Published or tagged; dev releases do not count."""
    taken = [Version(text) for text in ("1.2.1", "1.3.0", "1.2.5.post1", "2.0.0.dev3")]
    assert unrecoverable(Version("1.2"), "why", taken).hint.startswith("the next version is 1.3.1; ")


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


@pytest.mark.parametrize(("age", "message"), AGES.values(), ids=AGES)
def test_ages_are_formatted_in_their_largest_unit(age: timedelta, message: str) -> None:
    """Never as 0 days."""
    assert humanize_age(NOW - age, NOW) == message


def state(*files: tuple[str, IndexFile]) -> IndexState:
    return IndexState("pypi", {Version(version): (one,) for version, one in files})


QUOTA = {
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


@pytest.mark.parametrize(("there", "expected"), QUOTA.values(), ids=QUOTA)
def test_quota_is_estimated_in_previews_and_days(there: IndexState, expected: tuple[int, int, float | None]) -> None:
    """Every file counts, by the largest preview; a young project's rate is not averaged out."""
    seen = quota_usage(there, 1000, NOW)
    assert (seen.used, seen.previews, seen.days) == expected


NAMES = {
    "a wheel": ("x-1.2-py3-none-any.whl", "x-1.2-py3-none-any.whl"),
    "an epoch": ("x-1!2.0.tar.gz", "x-1.2.0.tar.gz"),
    "a local part": ("x-1+a.whl", "x-1+a.whl"),
    "blanks": ("a  b.txt", "a.b.txt"),
}


@pytest.mark.parametrize(("name", "asset"), NAMES.values(), ids=NAMES)
def test_an_asset_is_found_under_githubs_name_for_it(name: str, asset: str) -> None:
    """GitHub rewrites some names."""
    assert asset_name(name) == asset
