"""The effects of yanking a release on each channel."""

from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from release_channels.errors import UsageError
from release_channels.model.next_version import next_dev, next_final
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.yank_plan import page, plan_yank

MAIN = Version("1.2.dev0")


def state(*there: str) -> IndexState:
    """Build an index from versions: `1.0-` is yanked, `1.0~` partly yanked."""
    releases = {}
    for text in there:
        yanked = (text.endswith("-"), text.endswith(("-", "~")))
        version = Version(text.rstrip("-~"))
        releases[version] = tuple(
            IndexFile(f"{version}{end}", "u", None, yanked=one)
            for end, one in zip((".whl", ".tar.gz"), yanked, strict=True)
        )
    return IndexState("pypi", releases)


GETS = {
    "an older final is next": (["1.0", "1.1"], "1.1", "1.0", "1.0"),
    "previews below it": (["1.0", "1.1.dev1", "1.1"], "1.1", "1.0", "1.1.dev1"),
    "the next line's preview": (["1.0", "1.1", "1.2.dev4"], "1.1", "1.0", "1.2.dev4"),
    "only previews are left": (["1.1.dev1", "1.1.dev2", "1.1"], "1.1", "1.1.dev2", "1.1.dev2"),
    "two finals are left": (["0.9", "1.0", "1.1"], "1.1", "1.0", "1.0"),
    "nothing is left": (["1.1"], "1.1", None, None),
    "a yanked one is not a refuge": (["1.0", "1.0.1-", "1.1"], "1.1", "1.0", "1.0"),
    "a half yanked one is one": (["1.0", "1.0.1~", "1.1"], "1.1", "1.0.1", "1.0.1"),
    "an old one": (["1.0", "1.1"], "1.0", "1.1", "1.1"),
    "a preview": (["1.0", "1.1.dev1", "1.1.dev2"], "1.1.dev2", "1.0", "1.1.dev1"),
    "already yanked": (["1.0", "1.1-"], "1.1", "1.0", "1.0"),
}


@pytest.mark.parametrize(("there", "bad", "public", "preview"), GETS.values(), ids=GETS)
def test_each_channel_falls_back_to_its_newest_other_version(
    there: list[str], bad: str, public: str | None, preview: str | None
) -> None:
    """Public to the newest final, preview to the newest version of any kind."""
    plan = plan_yank(state(*there), Version(bad), MAIN)
    assert (plan.public_gets, plan.preview_gets) == tuple(Version(text) if text else None for text in (public, preview))


NEXT = {
    # what main holds, what is on the index, what is tagged beside, what is withdrawn; what is cut next
    "main's own line": ("1.3.dev0", ["1.0", "1.1"], [], "1.1", "1.3"),
    "an old one": ("1.3.dev0", ["1.0", "1.1"], [], "1.0", "1.3"),
    "main is closed": ("1.1", ["1.0", "1.1"], [], "1.1", "1.1.1"),
    "main is staged": ("1.2", ["1.0", "1.1"], [], "1.1", "1.2"),
    "main's line is taken": ("1.1.dev0", ["1.0", "1.1"], [], "1.1", "1.1.1"),
    "main's line is tagged": ("1.2.dev0", ["1.1"], ["1.2"], "1.1", "1.2.1"),
    "closed, a candidate above": ("1.1", ["1.1", "2.0rc1"], [], "1.1", "2.0.1"),
    "above a yanked one": ("1.2.dev0", ["1.1", "1.2-"], [], "1.1", "1.2.1"),
    "an epoch": ("1!1.0", ["1!1.0"], [], "1!1.0", "1!1.0.1"),
    "a preview is followed by a preview": ("1.2.dev0", ["1.1", "1.2.dev3"], [], "1.2.dev3", None),
}


@pytest.mark.parametrize(("main", "there", "tagged", "bad", "following"), NEXT.values(), ids=NEXT)
def test_the_replacement_is_the_version_that_bump_would_choose(
    main: str, there: list[str], tagged: list[str], bad: str, following: str | None
) -> None:
    """A yanked version is never used again."""
    seen, tags = state(*there), {Version(text) for text in tagged}
    following_version = plan_yank(seen, Version(bad), Version(main), tags).next_version
    assert following_version == (Version(following) if following else None)
    if following_version is not None:
        taken = {*seen.releases, *tags}
        held = Version(main) if Version(main) not in taken else next_dev(Version(main), taken)
        assert next_final(held, taken, to=str(following)) == following_version


YANKED = {
    "not yet": ("1.1", False, ()),
    "half": ("1.1~", False, ("1.1.whl",)),
    "whole": ("1.1-", True, ()),
}


@pytest.mark.parametrize(("there", "is_yanked", "partly"), YANKED.values(), ids=YANKED)
def test_the_yanked_state_of_the_index_is_reported(there: str, is_yanked: bool, partly: tuple[str, ...]) -> None:
    """A release counts as yanked when every file is."""
    plan = plan_yank(state("1.0", there), Version("1.1"), MAIN)
    assert (plan.is_yanked, plan.partly) == (is_yanked, partly)


def test_installable_previews_of_the_same_line_are_listed() -> None:
    plan = plan_yank(state("1.0.dev1", "1.1.dev1", "1.1.dev2-", "1.1.dev3", "1.1", "1.2.dev4"), Version("1.1"), MAIN)
    assert plan.previews == (Version("1.1.dev1"), Version("1.1.dev3"))
    of_a_preview = plan_yank(state("1.1.dev1", "1.1rc1.dev2", "1.1.dev3", "1.1"), Version("1.1.dev3"), MAIN)
    assert of_a_preview.previews == (Version("1.1.dev1"),)


def test_another_spelling_is_the_same_version() -> None:
    """1.2 is the index's 1.2.0, and is reported in the index's spelling."""
    assert str(plan_yank(state("1.2.0"), Version("1.2"), MAIN).version) == "1.2.0"


@pytest.mark.parametrize(
    ("there", "hint"),
    [
        (["1.0", "1.1"], "it has 1.1, 1.0"),
        (list("123456"), "it has 6, 5, 4, 3, 2"),
        ([], "it has no release of this project yet"),
    ],
    ids=["others", "many", "none"],
)
def test_an_unpublished_version_is_a_usage_error(there: list[str], hint: str) -> None:
    """The hint lists the published versions."""
    with pytest.raises(UsageError, match=r"^9\.0 is not on the index pypi$") as stop:
        plan_yank(state(*there), Version("9.0"), MAIN)
    assert stop.value.hint == hint
    with pytest.raises(UsageError, match=r"^9\.0 is not on the local index$"):
        plan_yank(replace(state(*there), index="local"), Version("9.0"), MAIN)


def test_the_yank_page_is_the_releases_own() -> None:
    """Project and version are quoted, on the index's host."""
    where = page("https://index.example.org/simple/", "demo-tool", Version("1!2.0"))
    assert where == "https://index.example.org/manage/project/demo-tool/release/1%212.0/"
