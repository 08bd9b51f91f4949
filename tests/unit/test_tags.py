"""Release tags: one rule for each kind of wrong name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.model.tags import (
    counted_tags,
    guess_format,
    looks_like_version,
    release_tags,
    tag_of,
    version_of,
    why_wrong,
)

WRONG = {
    "no prefix": ("1.2.3", "does not match tag-format v{version}"),
    "twice the prefix": ("vv1.2.3", "has 1.2.3 in another spelling"),
    "another case": ("V1.2.3", "differs from v1.2.3 only in case"),
    "leading zero": ("v01.2.3", "has 1.2.3 in another spelling"),
    "another length": ("v1.2.3.0", "has 1.2.3 in another spelling"),
    "dev release": ("v1.2.3.dev0", "is for 1.2.3.dev0, but the commit declares 1.2.3"),
    "candidate": ("v1.2.3rc1", "is for 1.2.3rc1, but the commit declares 1.2.3"),
    "local version": ("v1.2.3+local", "is for 1.2.3+local, but the commit declares 1.2.3"),
    "newline": ("v1.2.3\n", "contains characters that a release tag must not have"),
    "shell": ("v1.2.3$(id)", "contains characters that a release tag must not have"),
    "quotes": ('v1.2.3";id;"', "contains characters that a release tag must not have"),
    "digits of another script": ("v1.2.\u0663", "contains characters that a release tag must not have"),
    "no version": ("vnext", "contains no version ('next')"),
    "prefix alone": ("v", "contains no version ('')"),
}


@pytest.mark.parametrize(("name", "why"), WRONG.values(), ids=WRONG)
def test_each_kind_of_wrong_tag_has_its_own_message(name: str, why: str) -> None:
    assert why in why_wrong(name, Version("1.2.3"), "v{version}")


def test_a_format_in_capitals_differs_only_in_case() -> None:
    assert why_wrong("v1.2.3", Version("1.2.3"), "V{version}") == "the tag v1.2.3 differs from V1.2.3 only in case"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("v1.2.4-final", "is for 1.2.4, but"), ("v1.2.3", "does not match tag-format"), ("v01.2.3-final", "another sp"),
        ("v-final", "contains no version ('')"), ("1.2.3-final", "does not match tag-format"),
        ("v1.2.3-final-x", "does not match tag-format"),
    ],
)  # fmt: skip
def test_a_format_may_go_on_after_the_version(name: str, why: str) -> None:
    assert why in why_wrong(name, Version("1.2.3"), "v{version}-final")


VERSIONS = st.builds(
    lambda epoch, release, post: Version(epoch + ".".join(map(str, release)) + post),
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 2030), min_size=1, max_size=4),
    st.sampled_from(["", ".post1"]),
)
FORMATS = st.sampled_from(["v{version}", "{version}", "release-{version}", "pkg/v{version}-final"])


@given(VERSIONS, FORMATS)
def test_a_tag_is_parsed_back_to_its_version(version: Version, tag_format: str) -> None:
    """And has no message of a wrong one."""
    name = tag_of(tag_format, version)
    assert version_of(name, tag_format) == version
    assert why_wrong(name, version, tag_format) == ""


def test_only_public_versions_are_release_tags() -> None:
    """Not pre-releases, unusual spellings or other tags."""
    names = ["v1.0", "v1.1rc1", "v1.2.dev3", "v01.3", "nightly", "1.4", "v1.5.post1"]
    assert release_tags("v{version}", names) == {Version("1.0"): "v1.0", Version("1.5.post1"): "v1.5.post1"}


RELEASES = {
    "a major that moves": (["v1.0.0", "v2.0.0", "v2", "v1"], ["v1.0.0", "v2.0.0"]),
    "a major of its own": (["v1", "v2", "v3"], ["v1", "v2", "v3"]),
    "a major before longer ones": (["v1", "v2.0", "v2.1"], ["v2.0", "v2.1"]),
    "a major above all of them": (["v1.0.0", "v2"], ["v1.0.0"]),
    "calendar": (["v2024.1.5", "v2024.11.30"], ["v2024.1.5", "v2024.11.30"]),
}


@pytest.mark.parametrize(("names", "releases"), RELEASES.values(), ids=RELEASES)
def test_a_moving_major_tag_is_not_a_release(names: list[str], releases: list[str]) -> None:
    """A lone major number counts only where no release has a longer number."""
    assert sorted(release_tags("v{version}", names).values()) == sorted(releases)


FORMATS_FOUND = {
    "none": ([], None),
    "the default": (["v1.0"], "v{version}"),
    "the newest decides": (["1.0", "1.1", "1.2", "1.3", "v25.7.0"], "v{version}"),
    "a major that moves is not the newest": (["1.0.0", "1.1.0", "v1", "2.0.0", "v2.0", "v2"], "v{version}"),
    "pre-releases do not decide": (["1.0", "v2.0rc1"], "{version}"),
    "a nightly without a prefix": (["v1.0.0", "v1.1.0", "20261101"], "v{version}"),
    "single numbers alone": (["v1", "v2"], "v{version}"),
    **{
        before: ([f"{before}5.2.0"], f"{before}{{version}}")
        for before in (
            "V", "v.", "release-", "release/", "release_", "releases/", "rel-", "rel_", "version-", "Demo_Tool-",
            "Demo_Tool-v", "Demo_Tool@", "Demo_Tool@v", "Demo_Tool/", "Demo_Tool/v", "Demo_Tool_", "Demo_Tool_v",
            "demo-tool-", "demo-tool-v",
        )
    },
    "another project of the repository": (["other/v1.0"], None),
    "zero-padded": (["2024.01.05"], None),
    "underscores": (["rel_1_2_3"], None),
}  # fmt: skip


@pytest.mark.parametrize(("names", "expected"), FORMATS_FOUND.values(), ids=FORMATS_FOUND)
def test_the_tag_format_is_taken_from_the_newest_release_tag(names: list[str], expected: str | None) -> None:
    """Tags are sorted oldest first; the project's own name may be a prefix."""
    assert guess_format("Demo_Tool", names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), "demo-tool-v{version}"),
        (("Demo_Tool-1.0", "other/v2.0"), "Demo_Tool-{version}"),
        (("demo-tool-v1.0", "v2.0"), "demo-tool-v{version}"),
        (("v1.0", "v1.1"), "v{version}"),
    ],
)
def test_a_project_below_the_top_has_tags_with_its_name_first(names: tuple[str, ...], expected: str) -> None:
    """The newest tag may be another project's; without any, a name keeps the tags of two projects apart."""
    assert guess_format("Demo_Tool", names, "packages/demo") == expected


def test_a_version_tag_of_unknown_format_is_found() -> None:
    """Dots or underscores between numbers look like a version."""
    names = ("2024.01.05", "rel_1_2_3", "nightly", "v2", "other/v1.0")
    assert [name for name in names if looks_like_version(name)] == ["2024.01.05", "rel_1_2_3", "other/v1.0"]


@pytest.mark.parametrize(
    ("tags", "released", "releases"),
    [
        ("v1.0.0 v1", "", "v1.0.0"),
        ("v1.0.0 v1.1 v2", "", "v1.0.0 v1.1"),
        ("v1.0.0 v1.1 v2", "2", "v1.0.0 v1.1 v2"),
        ("v1 v2.0", "1 2.0", "v1 v2.0"),
        ("v2.0.0rc1 v2", "", "v2"),
        ("v1.1 v1 v2.1 v2", "1 1.1", "v1.1 v1 v2.1"),
        ("v1.1.0 v1", "1.0", "v1.1.0"),
        ("v1.0.0 v1!1", "", "v1.0.0 v1!1"),
    ],
)
def test_a_lone_major_number_on_the_index_is_a_release(tags: str, released: str, releases: str) -> None:
    """The index decides, in its spelling: 1 is not 1.0."""
    known = {Version(text) for text in released.split()}
    assert sorted(release_tags("v{version}", tags.split(), known).values()) == sorted(releases.split())


def test_version_tags_include_dev_and_pre_releases() -> None:
    """In any spelling; local versions, other prefixes and moving tags do not count."""
    names = ["v1.0", "v1.0.0-rc1", "v01.0", "v1.1.dev3", "v1", "v1.2+x", "1.3", "vv1.4", "v1.5 ", "next"]
    counted = {Version("1.0"): "v1.0", Version("1.0rc1"): "v1.0.0-rc1", Version("1.1.dev3"): "v1.1.dev3"}
    assert counted_tags("v{version}", names) == counted
    assert counted_tags("v{version}", ["v2", "v2.0rc1"]).keys() == {Version("2"), Version("2.0rc1")}
    assert counted_tags("v{version}", ["v1.0a1", "v1.0alpha1"]) == {Version("1.0a1"): "v1.0a1"}
    assert counted_tags("{version}", ["2024.01.05"]) == {Version("2024.1.5"): "2024.01.05"}
