"""Release tags: one rule for each kind of wrong name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.adoption.doctor.index import diagnose_git
from release_channels.model.config import Config
from release_channels.model.tags import counted_tags, find_style, release_tags, tag_of, version_of, why_wrong

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
def test_each_wrong_tag_has_its_own_reason(name: str, why: str) -> None:
    """A tag that is not the version's own is told why."""
    assert why in why_wrong(name, Version("1.2.3"), "v{version}")


VERSIONS = st.builds(
    lambda epoch, release, post: Version(epoch + ".".join(map(str, release)) + post),
    st.sampled_from(["", "1!"]),
    st.lists(st.integers(0, 2030), min_size=1, max_size=4),
    st.sampled_from(["", ".post1"]),
)
FORMATS = st.sampled_from(["v{version}", "{version}", "release-{version}", "pkg/v{version}-final"])


@given(VERSIONS, FORMATS)
def test_a_tag_is_read_back_as_the_version_it_was_made_of(version: Version, tag_format: str) -> None:
    """Writing and reading a tag are inverse, and the right tag is never called wrong."""
    name = tag_of(tag_format, version)
    assert version_of(name, tag_format) == version
    assert why_wrong(name, version, tag_format) == ""


def test_only_public_versions_are_release_tags() -> None:
    """Pre-releases, odd spellings and other tags are left out."""
    names = ["v1.0", "v1.1rc1", "v1.2.dev3", "v01.3", "nightly", "1.4", "v1.5.post1"]
    assert release_tags("v{version}", names) == {Version("1.0"): "v1.0", Version("1.5.post1"): "v1.5.post1"}


# The tags, oldest first, the format, and the later tags that have no known format.
STYLES = {
    "none": ("", "v{version}", ""),
    "no versions": ("nightly latest", "v{version}", ""),
    "another scheme since": ("0.9 1.0 1.1 1.2 v25.6.0 v25.7.0", "v{version}", ""),
    "once with v, never again": ("v0.1 0.2 0.3", "{version}", ""),
    "a candidate is the newest": ("1.0 v2.0rc1", "v{version}", ""),
    "name and slash": ("1.0 demo-pkg/v1.1", "demo-pkg/v{version}", ""),
    "name and hyphen": ("demo-pkg-1.1", "demo-pkg-{version}", ""),
    "name in another spelling": ("demo_pkg-v1.1", "demo_pkg-v{version}", ""),
    "release_": ("release_1.1", "release_{version}", ""),
    "Release-v": ("Release-v1.1", "Release-v{version}", ""),
    "rel/": ("rel/1.1", "rel/{version}", ""),
    "a major number moves along": ("1.0.0 v2", "{version}", ""),
    "nothing but major numbers": ("1 2 3", "{version}", ""),
    "calendar with zeros": ("2023.12.05 2024.01.05", "v{version}", "2024.01.05 2023.12.05"),
    "calendar with zeros since": ("v1.0 2024.01.05", "v{version}", "2024.01.05"),
    "calendar without zeros since": ("2024.01.05 2024.1.6", "{version}", ""),
    "underscores": ("rel-1_2_3", "v{version}", "rel-1_2_3"),
    "another project of the repository": ("v1.0 other-v3.0", "v{version}", "other-v3.0"),
    "another spelling of a candidate": ("v1.0.0-rc1", "v{version}", "v1.0.0-rc1"),
}


@pytest.mark.parametrize(("tags", "tag_format", "unread"), STYLES.values(), ids=STYLES)
def test_the_newest_tags_show_how_a_project_writes_them(tags: str, tag_format: str, unread: str) -> None:
    """The newest tag with a known format decides, however many others there are; what nothing fits is said."""
    style = find_style("Demo.Pkg" if "emo" not in tags else "demo-pkg", tags.split(), "v{version}")
    assert (style.tag_format, style.unread) == (tag_format, tuple(unread.split()))
    assert all(name in style.describe_unread() for name in style.unread)
    assert bool(style.describe_unread()) == bool(unread)


@pytest.mark.parametrize(
    ("tags", "released", "releases"),
    [
        ("v1.0.0 v1", "", "1.0.0"),
        ("v1.0.0 v1.1 v2", "", "1.0.0 1.1 2"),
        ("v2.0.0rc1 v2", "", "2"),
        ("v1 v2 v3", "", "1 2 3"),
        ("v1.0.0 v1 v2.1 v2", "1", "1.0.0 1 2.1"),
        ("v1.0.0 v1.post1 v1", "", "1.0.0 1.post1"),
        ("v1.0.0 v1!1", "", "1.0.0 1!1"),
    ],
)
def test_a_major_number_that_moves_along_is_no_release(tags: str, released: str, releases: str) -> None:
    """A lone major number beside a longer one of that major is a release only if the index has it."""
    known = {Version(text) for text in released.split()}
    assert set(release_tags("v{version}", tags.split(), known)) == {Version(text) for text in releases.split()}


def test_the_tools_that_read_tags_count_more_than_releases() -> None:
    """Dev and pre-releases count, in any spelling; local versions, other prefixes and moving tags do not."""
    names = ["v1.0", "v1.0.0-rc1", "v01.0", "v1.1.dev3", "v1", "v1.2+x", "1.3", "vv1.4", "v1.5 ", "next"]
    counted = {Version("1.0"): "v1.0", Version("1.0rc1"): "v1.0.0-rc1", Version("1.1.dev3"): "v1.1.dev3"}
    assert counted_tags("v{version}", names) == counted
    assert counted_tags("{version}", ["2024.01.05"]) == {Version("2024.1.5"): "2024.01.05"}


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ("v1.0 v1.1", "2 release tags"), ("v1.0 nightly-2024-01-05", "release tags so far: 1"),
        ("rel-1_2_3", "not written as v{version}: rel-1_2_3"), ("2024.01.05", "not written as v{version}: 2024.01.05"),
    ],
)  # fmt: skip
def test_doctor_calls_no_tags_good_that_it_cannot_read(tags: str, words: str) -> None:
    """Tags that look like versions and are none are named where nothing else is a release."""
    assert any(words in str(finding) for finding in diagnose_git(Config(), "url", "main", tags.split()))
