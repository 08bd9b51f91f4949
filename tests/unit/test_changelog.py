"""The changelog: which headings are sections, what a release makes of them, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.config import Config
from release_channels.errors import RefusedError
from release_channels.project.changelog import (
    BODY_LIMIT,
    find_changelog,
    has_section,
    plan_release,
    release_body,
    section,
)

DAY = date(2026, 11, 22)
NEW = Version("1.2.0")

# Before and after; the heading of the new version is made like the others.
RELEASED = {
    "Keep a Changelog": (
        "# C\n\n## [Unreleased]\n\n### Added\n\n- a\n\n## [1.1.0] - 2026-01-02\n\n- b\n",
        "# C\n\n## [Unreleased]\n\n## [1.2.0] - 2026-11-22\n\n### Added\n\n- a\n\n## [1.1.0] - 2026-01-02\n\n- b\n",
    ),
    "first release": ("## [Unreleased]\n- a\n", "## [Unreleased]\n\n## [1.2.0] - 2026-11-22\n- a\n"),
    "first release, no brackets": ("## Unreleased\n- a", "## Unreleased\n\n## 1.2.0 - 2026-11-22\n- a"),
    "parentheses": (
        "## Unreleased\n\n- a\n\n## 1.1.0 (2026-01-02)\n- b\n",
        "## Unreleased\n\n## 1.2.0 (2026-11-22)\n\n- a\n\n## 1.1.0 (2026-01-02)\n- b\n",
    ),
    "em dash, v": (
        "## unreleased\n- a\n## v1.1.0 — 2026-01-02\n",
        "## unreleased\n\n## v1.2.0 — 2026-11-22\n- a\n## v1.1.0 — 2026-01-02\n",
    ),
    "en dash": (
        "## [Unreleased]\n- a\n## [1.1.0] – 2026-01-02\n",
        "## [Unreleased]\n\n## [1.2.0] – 2026-11-22\n- a\n## [1.1.0] – 2026-01-02\n",
    ),
    "no dates": ("## [Unreleased]\n- a\n## [v1.1.0]\n", "## [Unreleased]\n\n## [v1.2.0]\n- a\n## [v1.1.0]\n"),
    "brackets differ": ("## Unreleased\n- a\n## [1.1.0]\n", "## Unreleased\n\n## [1.2.0]\n- a\n## [1.1.0]\n"),
    "one date of two": (
        "## Unreleased\n- a\n## 1.1.0\n## 1.0.0 - 2026-01-02\n",
        "## Unreleased\n\n## 1.2.0 - 2026-11-22\n- a\n## 1.1.0\n## 1.0.0 - 2026-01-02\n",
    ),
    "level one": ("# Unreleased\n- a\n# 1.1.0\n", "# Unreleased\n\n# 1.2.0\n- a\n# 1.1.0\n"),
    "name before": ("# Unreleased\n- a\n# Version 1.1.0\n", "# Unreleased\n\n# Version 1.2.0\n- a\n# Version 1.1.0\n"),
    "CRLF": (
        "## [Unreleased]\r\n\r\n- a\r\n\r\n## [1.1.0] - 2026-01-02\r\n",
        "## [Unreleased]\r\n\r\n## [1.2.0] - 2026-11-22\r\n\r\n- a\r\n\r\n## [1.1.0] - 2026-01-02\r\n",
    ),
    "BOM": ("\ufeff# C\n## Unreleased\n- a\n## 1.0\n", "\ufeff# C\n## Unreleased\n\n## 1.2.0\n- a\n## 1.0\n"),
    "yanked and odd headings": (
        "## [Unreleased]\n- a\n## 2 ways to install\n## [1.1.0] - 2026-01-02 [YANKED]\n",
        "## [Unreleased]\n\n## [1.2.0] - 2026-11-22\n- a\n## 2 ways to install\n## [1.1.0] - 2026-01-02 [YANKED]\n",
    ),
    "code and comments": (
        "<!--\n## Unreleased\n-->\n```\n## Unreleased\n```\n~~~~md\n## 9.0\n~~~\n## 8.0\n~~~~\n## [Unreleased]\n- a\n",
        "<!--\n## Unreleased\n-->\n```\n## Unreleased\n```\n~~~~md\n## 9.0\n~~~\n## 8.0\n~~~~\n## [Unreleased]\n\n"
        "## [1.2.0] - 2026-11-22\n- a\n",
    ),
    "links": (
        "## [Unreleased]\n- a\n\n[Unreleased]: https://h.example/o/n/compare/v1.1.0...HEAD\n[1.1.0]: x\n",
        "## [Unreleased]\n\n## [1.2.0] - 2026-11-22\n- a\n\n[Unreleased]: https://h.example/o/n/compare/v1.2.0...HEAD\n"
        "[1.2.0]: https://h.example/o/n/compare/v1.1.0...v1.2.0\n[1.1.0]: x\n",
    ),
    "links, small letters, two dots, CRLF": (
        "## [unreleased]\r\n- a\r\n\r\n[unreleased]: https://h.example/compare/v1.1.0..main\r\n",
        "## [unreleased]\r\n\r\n## [1.2.0] - 2026-11-22\r\n- a\r\n\r\n"
        "[unreleased]: https://h.example/compare/v1.2.0..main\r\n[1.2.0]: https://h.example/compare/v1.1.0..v1.2.0\r\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), RELEASED.values(), ids=RELEASED)
def test_what_is_unreleased_becomes_a_section(text: str, expected: str) -> None:
    """The section gets a heading as the file's others are, below a fresh one; nothing else changes."""
    edit = plan_release(text, NEW, DAY, "C.md")
    assert edit is not None
    assert (edit.path, edit.old, edit.new) == ("C.md", text, expected)
    assert has_section(expected, NEW)
    assert "- a" in (section(expected, NEW) or "")


@pytest.mark.parametrize(("text", "expected"), RELEASED.values(), ids=RELEASED)
def test_a_second_run_finds_nothing_to_do(text: str, expected: str) -> None:
    """A version that has its section needs no edit."""
    assert plan_release(expected, NEW, DAY, "C.md") is None


def test_a_tag_of_another_format_is_in_the_links() -> None:
    """Link references name the tags as they are configured."""
    text = "## [Unreleased]\n- a\n\n[Unreleased]: https://h.example/compare/rel-1.1.0...HEAD\n"
    edit = plan_release(text, NEW, DAY, "C.md", "rel-{version}")
    assert edit is not None
    assert "compare/rel-1.2.0...HEAD\n[1.2.0]: https://h.example/compare/rel-1.1.0...rel-1.2.0\n" in edit.new


UNFIT = {
    "no heading": ("# C\n## 1.1.0\n- a\n", "no heading for what is unreleased", "## [Unreleased]"),
    "empty file": ("", "no heading", "## [Unreleased]"),
    "only in code": ("```\n## Unreleased\n- a\n```\n", "no heading", "## [Unreleased]"),
    "two headings": ("## Unreleased\n- a\n## [Unreleased]\n- b\n", "2 headings", "write one"),
    "nothing new": ("## Unreleased\n\n## 1.1.0\n- a\n", "nothing below", "1.2.0"),
    "nothing but links": ("## [Unreleased]\n\n[1.1.0]: x\n", "nothing below", "1.2.0"),
    "at the very end": ("## Unreleased", "nothing below", "1.2.0"),
    "section and more": ("## Unreleased\n- b\n## 1.2.0\n- a\n", "has a section for 1.2.0, and more", "move"),
}


@pytest.mark.parametrize(("text", "message", "hint"), UNFIT.values(), ids=UNFIT)
def test_a_changelog_that_is_not_ready_is_refused(text: str, message: str, hint: str) -> None:
    """Each reason names the file and says what to write."""
    with pytest.raises(RefusedError, match=r"^C\.md has ") as stop:
        plan_release(text, NEW, DAY, "C.md")
    assert message in str(stop.value)
    assert hint in stop.value.hint


SECTIONS = {
    "in the middle": ("## 2.0\n- b\n## [1.2.0] - 2026-01-02\n\n### Added\n- a\n\n## 1.0\n", "### Added\n- a"),
    "last, with links": ("## [1.2.0]\n- [x]\n\n[x]: y\n[1.2.0]: z\n", "- [x]"),
    "another spelling": ("## v1.2\n- a\n", "- a"),
    "with code in it": ("## 1.2.0\n```\n## 1.1.0\n```\n- a\n", "```\n## 1.1.0\n```\n- a"),
    "with a comment in it": ("## 1.2.0\n<!-- ## 1.1.0 -->\n- a\n## 1.1.0\n", "<!-- ## 1.1.0 -->\n- a"),
    "another heading ends it": ("## 1.2.0\n- a\n# Older\nx\n", "- a"),
    "closing marks": ("## 1.2.0 ##\n- a\n", "- a"),
    "name, version, date": ("## demo-tool 1.2.0 (2026-01-02)\n- a\n", "- a"),
    "empty": ("## 1.2.0\n\n## 1.1.0\n- a\n", ""),
    "not there": ("## 1.2.1\n- a\n### 1.2.0\n", None),
    "no heading": ("1.2.0\n- a\n", None),
    "half a bracket": ("## [1.2.0\n- a\n", None),
    "a Python version": ("## Python 1.2.0 is gone\n- a\n", None),
}


@pytest.mark.parametrize(("text", "expected"), SECTIONS.values(), ids=SECTIONS)
def test_a_section_is_what_stands_below_its_heading(text: str, expected: str | None) -> None:
    """The body has neither heading nor closing links; an empty one counts as none."""
    assert section(text, NEW) == expected
    assert has_section(text, NEW) is bool(expected)


def found(names: set[str], changelog: str = "auto") -> str | None:
    return find_changelog(Config(changelog=changelog), lambda path: b"" if path in names else None)


@pytest.mark.parametrize(
    ("names", "changelog", "expected"),
    [
        ({"CHANGELOG.md", "HISTORY.md"}, "auto", "CHANGELOG.md"),
        ({"docs/changelog.md"}, "auto", "docs/changelog.md"),
        ({"NEWS.md", "CHANGES.rst"}, "auto", "NEWS.md"),
        ({"README.md"}, "auto", None),
        ({"CHANGELOG.md"}, "", None),
        ({"CHANGELOG.md", "a/b.md"}, "./a/b.md", "a/b.md"),
    ],
)
def test_the_changelog_is_found(names: set[str], changelog: str, expected: str | None) -> None:
    """The configured file is taken, else one of the usual names, else there is none."""
    assert found(names, changelog) == expected


@pytest.mark.parametrize(
    ("names", "changelog", "message"),
    [
        ({"CHANGES.rst"}, "auto", "CHANGES.rst is not Markdown"),
        ({"a.rst"}, "a.rst", "a.rst is not Markdown"),
        (set(), "a.md", "there is no a.md"),
        ({"a.md"}, "../a.md", "no file of this project"),
    ],
)
def test_a_changelog_that_cannot_be_read_is_refused(names: set[str], changelog: str, message: str) -> None:
    """A wrong path and another markup are named, with what to do."""
    with pytest.raises(RefusedError, match=message) as stop:
        found(names, changelog)
    assert stop.value.hint


def test_a_long_body_is_cut_with_a_link() -> None:
    """What is over GitHub's limit ends at a line, with the link to all of it; what fits stays as it is."""
    fits, link = "x" * BODY_LIMIT, "https://h.example/c"
    assert release_body(fits, link) == fits
    cut = release_body("- line\n" * BODY_LIMIT, link)
    assert len(cut) <= BODY_LIMIT
    assert cut.endswith(f"- line\n\n… [the whole text]({link})")
    assert len(release_body("x" * (BODY_LIMIT + 1), link)) == BODY_LIMIT


ENTRY = st.sampled_from(["- a", "### Added", "", "```\n## 9.9.9\n```", "text", "<!--\n## 8.8.8\n-->", "#hash"])


@given(
    st.lists(ENTRY, max_size=5), st.lists(st.lists(ENTRY, max_size=3), max_size=3),
    st.sampled_from(["\n", "\r\n"]), st.sampled_from(["## [Unreleased]", "## Unreleased", "##  UNRELEASED "]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_any_changelog_gains_two_lines_alone(body: list[str], older: list[list[str]], newline: str, top: str) -> None:
    """Over generated files, a release inserts one heading and a blank line, and changes no other byte."""
    lines = ["# C", "", top, "- new", *body]
    for number, entries in enumerate(older):
        lines += [f"## [1.{9 - number}.0] - 2026-01-02", *entries]
    text = "\n".join(lines).replace("\n", newline)
    edit = plan_release(text, Version("2.0.0"), DAY, "C.md")
    assert edit is not None
    assert edit.new.replace(f"{newline}## {'[' if older or '[' in top else ''}2.0.0", "\0", 1).count("\0") == 1
    inserted = len(edit.new) - len(text)
    at = edit.new.index("2.0.0")
    start = edit.new.rindex(newline, 0, edit.new.rindex(newline, 0, at)) + len(newline)
    assert edit.new[:start] + edit.new[start + inserted :] == text
