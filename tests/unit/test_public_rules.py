"""The public channel's rules: each refuses on its own, and one plan names all that is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from release_channels.model.config import Config
from release_channels.model.decide import Plan, Reason, Request, Verdict, decide
from release_channels.model.observed import Commit, IndexFile, IndexState, Observed, Relation, Tag
from release_channels.model.version import Channel

HERE, THERE = "a" * 40, "b" * 40


def world(main: str, *there: str, **changes: object) -> Observed:
    """A commit on main, tagged with its own version."""
    version = Version(main)
    releases = {Version(text): (IndexFile("f", "u", None),) for text in there}
    seen = Observed(
        "x", version, Commit(HERE, 0), IndexState("pypi", releases),
        on_main=Relation.ANCESTOR, tag=Tag(f"v{version}", HERE, Relation.SAME),
    )  # fmt: skip
    return replace(seen, **changes)  # type: ignore[arg-type]


def plan(seen: Observed, tag: str | None = "", **config: object) -> Plan:
    tag = f"v{seen.version}" if tag == "" else tag
    return decide(seen, Request(Channel.PUBLIC, index="pypi", tag=tag), Config(**config))  # type: ignore[arg-type]


RELEASED = {
    "a final": ("1.2.3", ["1.2.2"], Reason.OPEN),
    "the first": ("0.1", [], Reason.OPEN),
    "above previews": ("1.2.3", ["1.2.3.dev9"], Reason.OPEN),
    "a post-release": ("1.2.3.post1", ["1.2.3"], Reason.OPEN),
    "an epoch": ("1!0.1", ["9.0"], Reason.OPEN),
    "there already": ("1.2.3", ["1.2.3"], Reason.ALREADY),
    "there, and newer ones": ("1.2.3", ["1.2.3", "1.3.0"], Reason.ALREADY),
}


@pytest.mark.parametrize(("main", "there", "reason"), RELEASED.values(), ids=RELEASED)
def test_a_tag_releases_its_version(main: str, there: list[str], reason: Reason) -> None:
    """A tag on main with its own version is published, or completed."""
    made = plan(world(main, *there))
    assert (made.verdict, made.reason, made.version) == (Verdict.PUBLISH, reason, Version(main))


@pytest.mark.parametrize("all_of_it", [True, False], ids=["all of it", "its sdist"])
def test_a_yanked_version_is_not_released_again(all_of_it: bool) -> None:
    """One yanked file says it for the release; the next version is above all that is out, yanked or not."""
    files = (IndexFile("x.whl", "u", None, yanked=all_of_it), IndexFile("x.tar.gz", "u", None, yanked=True))
    seen = world("1.2.3", "1.4.0")
    seen = replace(seen, index=IndexState("pypi", {**seen.index.releases, Version("1.2.3"): files}))
    made = plan(seen)
    assert (made.verdict, made.version) == (Verdict.REFUSE, None)
    assert "1.2.3 is yanked on the index" in made.message
    assert "the next version is 1.4.1" in made.hint


SIDE = Relation.DIVERGED
REFUSED = {
    "dev release": (world("1.2.3.dev0"), "v1.2.3.dev0", {}, "declares 1.2.3.dev0, a dev release"),
    "candidate": (world("1.2.3rc1"), "v1.2.3rc1", {}, "1.2.3rc1 is a pre-release"),
    "local version": (world("1.2.3+local"), "v1.2.3+local", {}, "is a local version"),
    "not in normal form": (world("1.2.3", is_normal=False), "v1.2.3", {}, "is not written in normal form"),
    "another spelling": (world("1.2.0"), "v1.2", {}, "v1.2 has 1.2.0 in another spelling"),
    "no tag": (world("1.2.3", tag=None), None, {}, "no release tag is on commit aaaaaaaaaaaa"),
    "a tag that is not there": (world("1.2.3", tag=None), "v1.2.3", {}, "there is no tag v1.2.3"),
    "moved": (world("1.2.3", tag=Tag("v1.2.3", THERE, Relation.ANCESTOR)), "v1.2.3", {}, "points to commit bbbbbb"),
    "side branch": (world("1.2.3", on_main=SIDE), "v1.2.3", {}, "is not contained in origin/main"),
    "history unknown": (world("1.2.3", on_main=Relation.UNKNOWN), "v1.2.3", {}, "is not contained in origin/main"),
    "ahead of main": (world("1.2.3", on_main=Relation.DESCENDANT), "v1.2.3", {}, "is not contained in origin/main"),
    "below the newest": (world("1.2.3", "1.3.0"), "v1.2.3", {}, "1.2.3 is below 1.3.0"),
    "lightweight": (
        world("1.2.3", tag=Tag("v1.2.3", HERE, Relation.SAME, annotated=False)),
        "v1.2.3", {"annotated_tags": True}, "v1.2.3 is lightweight",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "tag", "config", "said"), REFUSED.values(), ids=REFUSED)
def test_each_wrong_release_is_refused_by_its_own_rule(
    seen: Observed, tag: str | None, config: dict[str, object], said: str
) -> None:
    """One rule refuses it, says so, and says what to do."""
    made = plan(seen, tag, **config)
    assert (made.verdict, made.version) == (Verdict.REFUSE, None)
    assert said in made.message
    assert ";" not in made.message
    assert made.hint


def test_everything_that_is_wrong_is_named_at_once() -> None:
    """A plan does not stop at the first rule."""
    made = plan(world("1.2.3", "1.3.0", on_main=SIDE), "v1.2")
    assert made.message.count(";") == 2
    assert len(made.hint.splitlines()) == 3


def test_a_lightweight_tag_is_as_good_unless_configured() -> None:
    """By default only the commit counts."""
    assert plan(world("1.2.3", tag=Tag("v1.2.3", HERE, Relation.SAME, annotated=False))).verdict is Verdict.PUBLISH


@pytest.mark.parametrize("version", ["1.2.3.dev0", "2.0rc1"])
def test_where_tags_give_the_version_no_bump_is_named(version: str) -> None:
    """No file contains it, so the tag of the final is the way."""
    final = version.partition("rc")[0].removesuffix(".dev0")
    assert f"`release-channels tag --version {final}`" in plan(world(version, is_written=False)).hint
    assert "bump" not in plan(world(version, is_written=False)).hint
    assert "`release-channels bump`" in plan(world(version)).hint
