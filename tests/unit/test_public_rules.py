"""The public channel's rules: each refuses alone, and one plan lists all violations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from release_channels.model.config import Config
from release_channels.model.decide import Plan, Reason, Request, Verdict, decide
from release_channels.model.observed import Commit, IndexFile, IndexState, Observed, Relation, Tag
from release_channels.model.version import Channel

HERE, THERE = "a" * 40, "b" * 40


def state(main: str, *there: str, **changes: object) -> Observed:
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
    """It is published, or completed."""
    made = plan(state(main, *there))
    assert (made.verdict, made.reason, made.version) == (Verdict.PUBLISH, reason, Version(main))


@pytest.mark.parametrize("all_of_it", [True, False], ids=["all of it", "its sdist"])
def test_a_yanked_version_is_not_released_again(all_of_it: bool) -> None:
    """One yanked file is enough; the next version is above all releases, yanked or not."""
    files = (IndexFile("x.whl", "u", None, yanked=all_of_it), IndexFile("x.tar.gz", "u", None, yanked=True))
    seen = state("1.2.3", "1.4.0")
    seen = replace(seen, index=IndexState("pypi", {**seen.index.releases, Version("1.2.3"): files}))
    made = plan(seen)
    assert (made.verdict, made.version) == (Verdict.REFUSE, None)
    assert "1.2.3 is yanked on the index" in made.message
    assert "the next version is 1.4.1" in made.hint


SIDE = Relation.DIVERGED
REFUSED = {
    "dev release": (state("1.2.3.dev0"), "v1.2.3.dev0", {}, "declares 1.2.3.dev0, a dev release"),
    "candidate": (state("1.2.3rc1"), "v1.2.3rc1", {}, "1.2.3rc1 is a pre-release"),
    "local version": (state("1.2.3+local"), "v1.2.3+local", {}, "is a local version"),
    "not in normal form": (state("1.2.3", is_normal=False), "v1.2.3", {}, "is not written in normal form"),
    "another spelling": (state("1.2.0"), "v1.2", {}, "v1.2 has 1.2.0 in another spelling"),
    "no tag": (state("1.2.3", tag=None), None, {}, "no release tag is on commit aaaaaaaaaaaa"),
    "a tag that is not there": (state("1.2.3", tag=None), "v1.2.3", {}, "there is no tag v1.2.3"),
    "moved": (state("1.2.3", tag=Tag("v1.2.3", THERE, Relation.ANCESTOR)), "v1.2.3", {}, "points to commit bbbbbb"),
    "side branch": (state("1.2.3", on_main=SIDE), "v1.2.3", {}, "is not contained in origin/main"),
    "history unknown": (state("1.2.3", on_main=Relation.UNKNOWN), "v1.2.3", {}, "is not contained in origin/main"),
    "ahead of main": (state("1.2.3", on_main=Relation.DESCENDANT), "v1.2.3", {}, "is not contained in origin/main"),
    "below the newest": (state("1.2.3", "1.3.0"), "v1.2.3", {}, "1.2.3 is below 1.3.0"),
    "lightweight": (
        state("1.2.3", tag=Tag("v1.2.3", HERE, Relation.SAME, annotated=False)),
        "v1.2.3", {"annotated_tags": True}, "v1.2.3 is lightweight",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("seen", "tag", "config", "said"), REFUSED.values(), ids=REFUSED)
def test_each_rule_refuses_its_own_violation(
    seen: Observed, tag: str | None, config: dict[str, object], said: str
) -> None:
    """With a message and a hint."""
    made = plan(seen, tag, **config)
    assert (made.verdict, made.version) == (Verdict.REFUSE, None)
    assert said in made.message
    assert ";" not in made.message
    assert made.hint


def test_all_violations_are_listed_at_once() -> None:
    made = plan(state("1.2.3", "1.3.0", on_main=SIDE), "v1.2")
    assert made.message.count(";") == 2
    assert len(made.hint.splitlines()) == 3


def test_an_annotated_tag_is_accepted_where_it_has_to_be_one() -> None:
    tag = Tag("v1.2.3", HERE, Relation.SAME, annotated=True)
    assert plan(state("1.2.3", tag=tag), annotated_tags=True).verdict is Verdict.PUBLISH


@pytest.mark.parametrize(
    ("main", "is_written", "first"),
    [("1.2.3.dev0", True, "`release-channels bump` makes"), ("1.2.3", True, ""), ("1.2.3.dev0", False, "")],
)
def test_without_a_tag_the_bump_comes_first_where_a_file_holds_a_dev_version(
    main: str, is_written: bool, first: str
) -> None:
    hint = plan(state(main, tag=None, is_written=is_written), None).hint.splitlines()[-1]
    assert hint.startswith(first or "`release-channels tag` creates v1.2.3")
    assert hint.endswith("`release-channels tag` creates v1.2.3")
    other = plan(state(main, is_written=is_written), "v9.9.9").hint.splitlines()[-1]
    assert other == (hint if ".dev" in main else "the tag for 1.2.3 is v1.2.3")


def test_a_lightweight_tag_is_accepted_by_default() -> None:
    assert plan(state("1.2.3", tag=Tag("v1.2.3", HERE, Relation.SAME, annotated=False))).verdict is Verdict.PUBLISH


@pytest.mark.parametrize("version", ["1.2.3.dev0", "2.0rc1"])
def test_with_tag_versions_no_bump_is_proposed(version: str) -> None:
    """The final's tag is, since no file contains the version."""
    final = version.partition("rc")[0].removesuffix(".dev0")
    assert f"`release-channels tag --version {final}`" in plan(state(version, is_written=False)).hint
    assert "bump" not in plan(state(version, is_written=False)).hint
    assert "`release-channels bump`" in plan(state(version)).hint
