"""Release tags: one rule for each kind of wrong name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.model.tags import release_tags, tag_of, version_of, why_wrong

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
