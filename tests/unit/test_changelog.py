"""The changelog: which headings are sections, how a release edits them, and the refusals."""

from __future__ import annotations

import re
import tomllib
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.project.changelog import (
    BODY_LIMIT,
    find_changelog,
    has_section,
    parse_changelog,
    release_body,
    section,
)
from release_channels.project.changelog_edit import plan_release, prove_sections
from release_channels.project.changelog_headings import parse_title
from release_channels.project.files import Read, SymbolicLinkError

DAY = date(2026, 11, 22)
NEW = Version("1.2.0")

# Each directory has the changelog before, which release is made, and the changelog after with the text of the GitHub
# Release and a warning if there is one, or the refusal with its hint.
CASES = sorted((Path(__file__).parents[1] / "data" / "changelogs").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_release_heading_follows_the_files_style(case: Path) -> None:
    """Titles, dates and links match the existing ones; a second run changes nothing."""
    before = next(case.glob("before.*"))
    path, text = before.with_stem("CHANGELOG").name, before.read_text(encoding="utf-8")
    release = tomllib.loads((case / "release.toml").read_text(encoding="utf-8"))
    version, made = Version(release["version"]), (release["date"], path, release["tag-format"])
    refusal = case / "refusal.txt"
    if refusal.exists():
        with pytest.raises(RefusedError) as stop:
            plan_release(parse_changelog(text, path), version, *made)
        assert f"{stop.value}\n{stop.value.hint}\n" == refusal.read_text(encoding="utf-8")
        return
    edit = plan_release(parse_changelog(text, path), version, *made)
    expected = before.with_stem("after").read_text(encoding="utf-8")
    assert edit is not None
    assert edit.new == expected
    warning = case / "warning.txt"
    assert edit.warning == (warning.read_text(encoding="utf-8").strip() if warning.exists() else "")
    after = parse_changelog(expected, path)
    assert f"{section(after, version)}\n" == (case / "body.txt").read_text(encoding="utf-8")
    assert plan_release(after, version, *made) is None


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name.endswith("-no-heading")], ids=lambda case: case.name
)
def test_the_headings_that_the_hint_proposes_are_accepted(case: Path) -> None:
    """Both are read as sections of that very file, above the newest version."""
    before = next(case.glob("before.*"))
    hint = (case / "refusal.txt").read_text(encoding="utf-8")
    underline = re.search("underlined with `(.)`", hint)
    for title in re.findall(r"`([^`]*(?:Unreleased|1\.2\.0)[^`]*)`", hint):
        heading = f"{title}\n{underline[1] * len(title)}" if underline else title
        text = re.sub(r"(?m)^(?=.*1\.1\.0)", f"{heading}\n\n* a\n\n", before.read_text(encoding="utf-8"), count=1)
        document = parse_changelog(text, before.name)
        edit = plan_release(document, NEW, DAY, before.name)
        assert has_section(parse_changelog(edit.new, before.name) if edit else document, NEW)
        assert (edit is not None) is ("Unreleased" in title)


# Before and after: what a file of its own would not keep, such as line ends.
BYTES = {
    "CRLF": (
        "C.md",
        "## [Unreleased]\r\n\r\n- a\r\n\r\n## [1.1.0] - 2026-01-02\r\n",
        "## [Unreleased]\r\n\r\n## [1.2.0] - 2026-11-22\r\n\r\n- a\r\n\r\n## [1.1.0] - 2026-01-02\r\n",
    ),
    "BOM": ("C.md", "\ufeff# C\n## Unreleased\n- a\n## 1.0\n", "\ufeff# C\n## Unreleased\n\n## 1.2.0\n- a\n## 1.0\n"),
    "announced, YYYY-MM-DD": (
        "C.md", "# v1.2.0 - YYYY-MM-DD\r\n- a\r\n", "# v1.2.0 - 2026-11-22\r\n- a\r\n"
    ),
    "links, small letters, two dots, CRLF": (
        "C.md",
        "## [unreleased]\r\n- a\r\n\r\n[unreleased]: https://h.example/compare/v1.1.0..main\r\n",
        "## [unreleased]\r\n\r\n## [1.2.0] - 2026-11-22\r\n- a\r\n\r\n"
        "[unreleased]: https://h.example/compare/v1.2.0..main\r\n[1.2.0]: https://h.example/compare/v1.1.0..v1.2.0\r\n",
    ),
    "a link without a last newline, CRLF": (
        "C.md",
        "## [Unreleased]\r\n- a\r\n\r\n[Unreleased]: https://h.example/compare/v1.1.0...HEAD",
        "## [Unreleased]\r\n\r\n## [1.2.0] - 2026-11-22\r\n- a\r\n\r\n"
        "[Unreleased]: https://h.example/compare/v1.2.0...HEAD\r\n[1.2.0]: https://h.example/compare/v1.1.0...v1.2.0",
    ),
    "a date below the title, CRLF": (
        "C.md",
        "## Unreleased\r\n- a\r\n## 1.1.0\r\n\r\nReleased 2026-01-02\r\n",
        "## Unreleased\r\n\r\n## 1.2.0\r\n\r\nReleased 2026-11-22\r\n\r\n- a\r\n## 1.1.0\r\n\r\n"
        "Released 2026-01-02\r\n",
    ),
    "announced, underlined, CRLF": (
        "C.rst",
        "1.2.0 (unreleased)\r\n==================\r\n\r\n* a\r\n\r\n1.1.0\r\n=====\r\n",
        "1.2.0 (2026-11-22)\r\n==================\r\n\r\n* a\r\n\r\n1.1.0\r\n=====\r\n",
    ),
    "announced, lines above and below, CRLF": (
        "C.rst",
        "-----------\r\n1.2.0 (TBD)\r\n-----------\r\n\r\n* a\r\n",
        "------------------\r\n1.2.0 (2026-11-22)\r\n------------------\r\n\r\n* a\r\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("path", "text", "expected"), BYTES.values(), ids=BYTES)
def test_only_the_heading_changes(path: str, text: str, expected: str) -> None:
    """A second run changes nothing."""
    edit = plan_release(parse_changelog(text, path), NEW, DAY, path)
    assert edit is not None
    assert (edit.path, edit.old, edit.new) == (path, text, expected)
    after = parse_changelog(expected, path)
    assert "a" in (section(after, NEW) or "")
    assert plan_release(after, NEW, DAY, path) is None


def test_links_contain_tags_in_the_configured_format() -> None:
    text = "## [Unreleased]\n- a\n\n[Unreleased]: https://h.example/compare/rel-1.1.0...HEAD\n"
    edit = plan_release(parse_changelog(text, "C.md"), NEW, DAY, "C.md", "rel-{version}")
    assert edit is not None
    assert "compare/rel-1.2.0...HEAD\n[1.2.0]: https://h.example/compare/rel-1.1.0...rel-1.2.0\n" in edit.new


LINKED = "## [Unreleased]\n- a [x]\n\n## [1.1.0]\n- b\n\n[Unreleased]: u\n[1.1.0]: v\n[x]: w\n"
BROKEN = {
    "a definition is gone": (LINKED.replace("[x]: w\n", ""), "the link x"),
    "a title's definition is gone": (LINKED.replace("[1.1.0]: v\n", ""), r"the section \[1\.1\.0\]"),
    "the title of what is unreleased is not a link any more": (
        LINKED.replace("[Unreleased]: u\n", ""), "the section Unreleased"
    ),
    "a section is gone": (LINKED.replace("## [1.1.0]\n- b\n", ""), r"the section \[1\.1\.0\]"),
    "a section is a part of the new one": (f"# 1.2.0\n- a\n{LINKED}", "the section Unreleased"),
    "sections are in a comment": (LINKED.replace("- a", "<!--"), "the section Unreleased"),
    "a section has another text": (LINKED.replace("- b", "- c"), r"the section \[1\.1\.0\]"),
}  # fmt: skip


@pytest.mark.parametrize(("after", "lost"), BROKEN.values(), ids=BROKEN)
def test_an_edit_that_loses_a_section_or_link_is_refused(after: str, lost: str) -> None:
    """Every section keeps its heading and text, and every link its target."""
    before = parse_changelog(LINKED, "C.md")
    prove_sections(before, parse_changelog(f"## 1.2.0\n- a\n\n{LINKED}", "C.md"), NEW, "C.md", hint="by hand")
    with pytest.raises(RefusedError, match=rf"the edit of C\.md would break {lost}") as stop:
        prove_sections(before, parse_changelog(after, "C.md"), NEW, "C.md", hint="by hand")
    assert stop.value.hint == "by hand"


UNREADY = {
    "no heading": ("# C\n## 1.1.0\n- a\n", "no heading for unreleased changes", "`## Unreleased` or `## 1.2.0`"),
    "empty file": ("", "no heading", "## [Unreleased]"),
    "only in code": ("```\n## Unreleased\n- a\n```\n", "no heading", "## [Unreleased]"),
    "two headings": ("## Unreleased\n- a\n## [Unreleased]\n- b\n", "2 headings", "write one"),
    "nothing new": ("## Unreleased\n\n## 1.1.0\n- a\n", "nothing below", "1.2.0"),
    "nothing but links": ("## [Unreleased]\n\n[1.1.0]: x\n", "nothing below", "1.2.0"),
    "at the very end": ("## Unreleased", "nothing below", "1.2.0"),
    "headings alone": ("## Unreleased\n### Added\n\n### Fixed\n## 1.1.0\n- a\n", "nothing below", "1.2.0"),
    "a comment alone": ("## Unreleased\n<!-- write here -->\n## 1.1.0\n- a\n", "nothing below", "1.2.0"),
    "announced twice": ("## 1.4.0 (unreleased)\n- a\n## 1.3.0 (unreleased)\n- b\n", "2 headings", "write one"),
    "section and more": ("## Unreleased\n- b\n## 1.2.0\n- a\n", "has a section for 1.2.0, but also", "move"),
}


@pytest.mark.parametrize(("text", "message", "hint"), UNREADY.values(), ids=UNREADY)
def test_an_unready_changelog_is_refused(text: str, message: str, hint: str) -> None:
    """The message contains the file, and the hint the lines to write."""
    with pytest.raises(RefusedError, match=r"^C\.md has ") as stop:
        plan_release(parse_changelog(text, "C.md"), NEW, DAY, "C.md")
    assert message in str(stop.value)
    assert hint in stop.value.hint


SECTIONS = {
    "in the middle": ("## 2.0\n- b\n## [1.2.0] - 2026-01-02\n\n### Added\n- a\n\n## 1.0\n", "### Added\n- a"),
    "last, with links": ("## [1.2.0]\n- [x]\n\n[x]: y\n[1.2.0]: z\n", "- [x]\n\n[x]: y"),
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
    "announced, not released": ("## 1.2.0 (unreleased)\n- a\n", None),
    "underlined": ("1.2.0\n=====\n- a\n\n1.1.0\n=====\n- b\n", "- a"),
    "a Python version": ("## Python 1.2.0 is gone\n- a\n", None),
}


@pytest.mark.parametrize(("text", "expected"), SECTIONS.values(), ids=SECTIONS)
def test_a_section_is_the_text_below_its_heading(text: str, expected: str | None) -> None:
    """Of the closing links it contains those that it uses; an empty section counts as none."""
    assert section(parse_changelog(text, "C.md"), NEW) == expected
    assert has_section(parse_changelog(text, "C.md"), NEW) is bool(expected)


@pytest.mark.parametrize("body", ["### Added\n\n### Fixed", "<!-- nothing yet -->", "<!--\n- a\n-->\n### Added", ""])
def test_a_section_of_headings_and_comments_is_empty(body: str) -> None:
    """The release's notes would have no text."""
    assert not has_section(parse_changelog(f"## 1.2.0\n{body}\n## 1.1.0\n- b\n", "C.md"), NEW)


@pytest.mark.parametrize("odd", ["3/4/2026", "last week", "2026-13-01"])
def test_an_ambiguous_date_format_is_not_copied(odd: str) -> None:
    """The new heading has no date then."""
    edit = plan_release(parse_changelog(f"## Unreleased\n- a\n## 1.1.0 {odd}\n", "C.md"), NEW, DAY, "C.md")
    assert edit is not None
    assert "\n## 1.2.0\n" in edit.new


def found(names: set[str], changelog: str = "auto") -> str | None:
    return find_changelog(Config(changelog=changelog), lambda path: b"" if path in names else None)


@pytest.mark.parametrize(
    ("names", "changelog", "expected"),
    [
        ({"CHANGELOG.md", "HISTORY.md"}, "auto", "CHANGELOG.md"),
        ({"docs/changelog.md"}, "auto", "docs/changelog.md"),
        ({"NEWS.md", "CHANGES.rst"}, "auto", "NEWS.md"),
        ({"CHANGES.rst", "README.rst"}, "auto", "CHANGES.rst"),
        ({"docs/HISTORY.rst"}, "auto", "docs/HISTORY.rst"),
        ({"README.md"}, "auto", None),
        ({"CHANGELOG.md"}, "", None),
        ({"CHANGELOG.md", "a/b.md"}, "./a/b.md", "a/b.md"),
    ],
)
def test_the_changelog_is_found(names: set[str], changelog: str, expected: str | None) -> None:
    """The configured file, otherwise one of the usual names."""
    assert found(names, changelog) == expected


PAGES = ("docs/changelog.rst", "docs/source/changelog.rst", "docs/versionhistory.rst", "doc/source/release_notes.rst")


RELEASES = {
    ".md": b"# Notes\n\n## 1.1 (2026-01-02)\n\n- b\n\n## 1.0\n\n- a\n",
    "": b"1.1\n===\n\n- b\n\n1.0\n===\n\n- a\n",
}
NO_CHANGELOG = {
    "how to release": b"How to release\n==============\n\n- tag it\n",
    "an example of a release": b"# How to write notes\n\n## 1.2.3\n\n- like this\n",
    "a version of something else": b"Python 3.12\n===========\n\nIt came.\n",
    "not UTF-8": RELEASES[".md"] + b"\xe9",
}


@pytest.mark.parametrize("path", [*PAGES, "docs/release-notes.md", "release-notes.md", "ChangeLog"])
def test_a_page_with_sections_of_releases_is_found(path: str) -> None:
    """A page counts as the changelog if it has several releases, and after the usual names."""
    text = RELEASES[".md" if path.endswith(".md") else ""]
    assert find_changelog(Config(), {path: text}.get) == path
    assert find_changelog(Config(), {path: text, "docs/NEWS.txt": text}.get) == "docs/NEWS.txt"
    first = find_changelog(Config(), {path: text, "RELEASE_NOTES.md": RELEASES[".md"]}.get)
    assert first == "RELEASE_NOTES.md"


@pytest.mark.parametrize("text", NO_CHANGELOG.values(), ids=NO_CHANGELOG)
def test_another_page_of_the_documents_is_no_changelog(text: bytes) -> None:
    """What it says of releases, and what cannot be read, does not make it one."""
    assert find_changelog(Config(), {"docs/release-notes.md": text}.get) is None


def test_a_page_that_is_a_link_out_of_the_project_is_no_changelog() -> None:
    """Nothing needs it."""

    def read(path: str) -> bytes | None:
        if path == "docs/release-notes.md":
            raise SymbolicLinkError(path, "../../NOTES.md", "it is a symbolic link", hint="")
        return None

    assert find_changelog(Config(), read) is None


@pytest.mark.parametrize(
    ("names", "changelog", "message"),
    [
        (set(), "a.md", "there is no a.md"),
        ({"a.md"}, "../a.md", "not a file of this project"),
    ],
)
def test_an_unreadable_changelog_is_refused(names: set[str], changelog: str, message: str) -> None:
    """The message contains the path, and the hint the fix."""
    with pytest.raises(RefusedError, match=message) as stop:
        found(names, changelog)
    assert stop.value.hint


POINTERS = {
    "CHANGELOG.md": "# Changelog\n\nSee the [releases](https://forge.example.org/tide/gauge/releases).\n",
    "HISTORY.rst": "History\n=======\n\nIt has moved to https://example.org/changelog/ for good.\n",
    "docs/changelog.md": "```{include} ../CHANGES.md\n```\n",
}


@pytest.mark.parametrize("path", POINTERS)
def test_a_file_with_only_a_link_is_not_a_changelog(path: str) -> None:
    """Unless it is configured or has a section."""
    files = {path: POINTERS[path].encode()}
    assert find_changelog(Config(), files.get) is None
    assert find_changelog(Config(changelog=path), files.get) == path
    assert find_changelog(Config(), {**files, "docs/NEWS.txt": b"1.0\n===\n"}.get) == "docs/NEWS.txt"
    section = "\n\n## 1.0\n\n- a\n" if path.endswith(".md") else "\n\n1.0\n---\n\n- a\n"
    assert find_changelog(Config(), {path: files[path] + section.encode()}.get) == path


def test_a_changelog_without_sections_is_found() -> None:
    """It has a title and the format's introduction."""
    text = b"# Changelog\n\nThe format is [Keep a Changelog](https://keepachangelog.com/en/1.1.0/).\n"
    assert find_changelog(Config(), {"CHANGELOG.md": text}.get) == "CHANGELOG.md"


LINKS = {
    "file": ("docs/versions.md", "docs/versions.md"),
    "link to a link": ("docs/link.md", "docs/versions.md"),
    "nothing": ("docs/nothing.md", None),
}


def read_links(target: str) -> Read:
    """Return a reader of a project whose CHANGELOG.md and docs/link.md are links."""

    def read(path: str) -> bytes | None:
        to = {"CHANGELOG.md": target, "docs/link.md": "versions.md", "docs/circle.md": "../docs/circle.md"}.get(path)
        if to:
            raise SymbolicLinkError(path, to, f"{path} is a symbolic link", hint="put the file itself in its place")
        return b"## 1.0\n" if path == "docs/versions.md" else None

    return read


@pytest.mark.parametrize(("target", "expected"), LINKS.values(), ids=LINKS)
def test_a_symlink_inside_the_project_is_followed(target: str, expected: str | None) -> None:
    """The path is the target's, so that an edit keeps the link."""
    assert find_changelog(Config(), read_links(target)) == expected


@pytest.mark.parametrize(
    "target", ["..", "../changes.md", "/etc/changes.md", "docs/../../changes.md", "docs/circle.md"]
)
def test_a_symlink_out_of_the_project_is_refused(target: str) -> None:
    with pytest.raises(RefusedError, match=r"(CHANGELOG|circle)\.md is a symbolic link"):
        find_changelog(Config(), read_links(target))


def test_a_heading_of_another_markup_is_not_written() -> None:
    """The plan is parsed as `tag` parses it: a Markdown heading is text in reStructuredText."""
    with pytest.raises(RefusedError, match=r"C\.rst would not parse as having a section for 1\.2\.0") as stop:
        plan_release(parse_changelog("## Unreleased\n- a\n", "C.md"), NEW, DAY, "C.rst")
    assert "1.2.0" in stop.value.hint


@pytest.mark.parametrize(
    "body",
    ["", ".. nothing yet", "Added\n~~~~~\n", ".. _label:\n\nFixed\n~~~~~\n"],
    ids=["empty", "comment", "title", "target"],
)
def test_an_rst_section_of_titles_and_comments_is_empty(body: str) -> None:
    text = f"1.2.0\n=====\n\n{body}\n\n1.1.0\n=====\n\n* b\n"
    assert not has_section(parse_changelog(text, "C.rst"), NEW)


def test_long_release_notes_are_cut_at_a_line_with_a_link() -> None:
    """Text within GitHub's limit stays as it is."""
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
def test_any_changelog_gains_only_two_lines(body: list[str], older: list[list[str]], newline: str, top: str) -> None:
    """Over generated files, a release inserts one heading and a blank line."""
    lines = ["# C", "", top, "- new", *body]
    for number, entries in enumerate(older):
        lines += [f"## [1.{9 - number}.0] - 2026-01-02", *entries]
    text = "\n".join(lines).replace("\n", newline)
    edit = plan_release(parse_changelog(text, "C.md"), Version("2.0.0"), DAY, "C.md")
    assert edit is not None
    assert edit.new.replace(f"{newline}## {'[' if older or '[' in top else ''}2.0.0", "\0", 1).count("\0") == 1
    inserted = len(edit.new) - len(text)
    at = edit.new.index("2.0.0")
    start = edit.new.rindex(newline, 0, edit.new.rindex(newline, 0, at)) + len(newline)
    assert edit.new[:start] + edit.new[start + inserted :] == text


ODD_LINES = [
    "",
    "[",
    "]: x",
    "**",
    "===",
    "---",
    "..",
    ".. _x: y",
    "1.2.0",
    "## ",
    "<!--",
    "::",
    "\x0b",
    ".. raw:: html",
]


@given(st.sampled_from(CASES), st.lists(st.tuples(st.integers(0, 20), st.sampled_from(ODD_LINES)), max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_damaged_changelog_is_edited_or_refused(case: Path, damage: list[tuple[int, str]]) -> None:
    """The edited text can be parsed again, and no other error is raised."""
    before = next(case.glob("before.*"))
    lines = before.read_text(encoding="utf-8").splitlines()
    for at, line in damage:
        lines.insert(at, line)
    edit = None
    with suppress(RefusedError):
        edit = plan_release(parse_changelog("\n".join(lines), before.name), NEW, DAY, before.name)
    assert edit is None or has_section(parse_changelog(edit.new, before.name), NEW)


@pytest.mark.parametrize(
    ("title", "version"),
    [
        ("My Demo Tool 1.1.0 (2026-01-02)", "1.1.0"), ("Tool & Die v2 1.1.0 - 2026-01-02", "1.1.0"),
        ("v1.1.0 2026-01-02", "1.1.0"), ("Version 1.1.0 2026-01-02", "1.1.0"), ("demo-tool 1.1.0", "1.1.0"),
        ("How to use 3.9", None), ("Tested with Python 3.9 (3.10 fails)", None), ("2 ways to install", None),
    ],
)  # fmt: skip
def test_a_title_with_several_words_is_a_version_only_with_a_date(title: str, version: str | None) -> None:
    """Otherwise it is a sentence."""
    found = parse_title(title)
    assert (found and str(found.version)) == version


URL = "https://forge.example.org/o/n"
UNRELEASED_LINKS = {
    "compared": f"{URL}/compare/v1.1.0...HEAD",
    "main": f"{URL}/commits/main",
    "milestone": f"{URL}/milestone/2",
    "none": "",
}
RELEASED_LINKS = {
    "compared": f"{URL}/compare/v1.0.0...v1.1.0",
    "tag": f"{URL}/releases/tag/v1.1.0",
    "milestone": f"{URL}/milestone/1",
    "none": "",
}
WRITTEN = [
    "## [{0}]({1})",
    "## [{0}]\n\n[{0}]: {1}",
    "## [{0}]\n\n[{0}]: <{1}> 't'",
    "## [{0}][x{0}]\n\n[x{0}]:\n  {1}",
]


@pytest.mark.parametrize("written", WRITTEN, ids=["inline", "definition", "brackets and title", "two lines"])
@pytest.mark.parametrize("unreleased", UNRELEASED_LINKS)
@pytest.mark.parametrize("released", RELEASED_LINKS)
def test_changelog_links_are_updated_or_a_warning_is_given(written: str, unreleased: str, released: str) -> None:
    """Links of other sections stay."""
    old, new = UNRELEASED_LINKS[unreleased], RELEASED_LINKS[released]
    top = written.format("Unreleased", old) if old else "## Unreleased"
    below = written.format("1.1.0", new) if new else "## 1.1.0"
    document = parse_changelog(f"{top}\n\n- a\n\n{below}\n\n- b\n", "C.md")
    edit = plan_release(document, NEW, DAY, "C.md")
    assert edit is not None
    after = parse_changelog(edit.new, "C.md")
    is_linked = released in ("compared", "tag") or (unreleased == "compared" and released != "none")
    titles = ["Unreleased"] * bool(old) + ["1.2.0"] * is_linked + ["1.1.0"] * bool(new)
    assert list(after.links) == titles
    assert bool(edit.warning) is (released == "milestone" and not is_linked)
    assert (f"{URL}/compare/v1.2.0...HEAD" in edit.new) is (unreleased == "compared")
