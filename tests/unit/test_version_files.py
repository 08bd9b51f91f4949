"""Copies of the version: read, compared and written together; stale ones in texts are reported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import VersionFile
from release_channels.project.edit import Edit
from release_channels.project.files import Read
from release_channels.project.plan_edits import compare_copies, disagreements, old_mentions, plan_preview, plan_version
from release_channels.project.pyproject import Project, parse_project
from release_channels.project.stale_mentions import find_mentions
from release_channels.project.version_files import plan_copies, read_copies

DAY = date(2026, 11, 22)
NEW = Version("2.0.0")
CFF = "cff-version: 1.2.0\ntitle: x\nversion: 1.0.0.dev0\ndate-released: '2026-01-02'\n"


def reading(files: Mapping[str, str]) -> Read:
    return lambda path: files[path].encode() if path in files else None


# Pattern, text, and the text with 2.0.0 in it.
WRITTEN = {
    "citation": ("\nversion: {version}".strip(), CFF,
                 "cff-version: 1.2.0\ntitle: x\nversion: 2.0.0\ndate-released: '2026-01-02'\n"),
    "date": ("version: {version} of {date}.", "version: 1.0 of 2026-01-02.", "version: 2.0.0 of 2026-11-22."),
    "date alone": ("date-released: '{date}'", CFF, CFF.replace("2026-01-02", "2026-11-22")),
    "date first": ("{date}: {version}", "x 2026-01-02: 1.0.dev0\n", "x 2026-11-22: 2.0.0\n"),
    "end of a sentence": ("Version {version}", "Version 1.0.0.", "Version 2.0.0."),
    "badge": ("/x-v{version}-blue", "![](https://h/x-v1.0-blue)", "![](https://h/x-v2.0.0-blue)"),
    "signs of regular expressions": ("a.*(b)+[{version}]", "a.*(b)+[1.0]", "a.*(b)+[2.0.0]"),
    "at the start": ("{version} is out", "1.0.0 is out", "2.0.0 is out"),
    "BOM, CRLF, no final newline": ("v: {version}", "\ufeffa\r\nv: 1.0\r\nb", "\ufeffa\r\nv: 2.0.0\r\nb"),
    "tabs and quotes": ("v\t=\t'{version}'", "v\t=\t'1!1.0.post3.dev4'\t# c\n", "v\t=\t'2.0.0'\t# c\n"),
    "text in braces": ('{"v": "{version}"}', '{"v": "1.0"}', '{"v": "2.0.0"}'),
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "text", "expected"), WRITTEN.values(), ids=WRITTEN)
def test_a_copys_version_and_date_are_written(pattern: str, text: str, expected: str) -> None:
    """No other byte changes, and a second run has nothing to do."""
    files = (VersionFile("a/b.txt", pattern),)
    assert plan_copies(files, reading({"a/b.txt": text}), NEW, DAY) == (Edit("a/b.txt", text, expected),)
    assert plan_copies(files, reading({"a/b.txt": expected}), NEW, DAY) == ()
    copies = [copy.version for copy in read_copies(files, reading({"a/b.txt": expected}))]
    assert copies == ([NEW] if "{version}" in pattern else [])


def test_a_path_may_lead_through_another_directory() -> None:
    (copy,) = read_copies((VersionFile("./a//b/../C", "v{version}"),), reading({"a/C": "v1.0"}))
    assert copy.version == Version("1.0")


def test_two_patterns_of_one_file_are_one_edit() -> None:
    files = (
        VersionFile("C.cff", "\nversion: {version}".strip("\n")),
        VersionFile("./C.cff", "released: '{date}' {version}"),
    )
    text = "version: 1.0\nreleased: '2026-01-02' 1.0\n"
    edits = plan_copies(files, reading({"C.cff": text}), NEW, DAY)
    assert edits == (Edit("C.cff", text, "version: 2.0.0\nreleased: '2026-11-22' 2.0.0\n"),)


def test_a_dev_line_keeps_the_release_date() -> None:
    """Also where one pattern has both version and date."""
    files = (VersionFile("C", "v: {version} of {date}"), VersionFile("C", "released {date}"))
    (edit,) = plan_copies(files, reading({"C": "v: 1.0 of 2026-01-02, released 2026-01-02"}), NEW, None)
    assert edit.new == "v: 2.0.0 of 2026-01-02, released 2026-01-02"


REFUSED = {
    "nothing": ("v: {version}", "w: 1.0", "matches nothing in C"),
    "empty file": ("v: {version}", "", "matches nothing in C"),
    "another date": ("v: {version} {date}", "v: 1.0 today", "matches nothing in C"),
    "twice": ("version: {version}", CFF * 2, "matches 2 times in C"),
    "no version": ("v: {version}", "a\nv: one\n", "C, line 2: 'one' is not a version"),
    "a longer one": ("{version} is out", "x1.0 is out", "'x1.0' is not a version"),
}


@pytest.mark.parametrize(("pattern", "text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_pattern_that_does_not_match_once_is_refused(pattern: str, text: str, message: str) -> None:
    """For reading and for writing."""
    files, read = (VersionFile("C", pattern),), reading({"C": text})
    for act in (lambda: read_copies(files, read), lambda: plan_copies(files, read, NEW, DAY)):
        with pytest.raises(RefusedError) as stop:
            act()
        assert message in str(stop.value)
        assert "pattern" in stop.value.hint


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere", "there is no nowhere"),
        ("../C", "not a file of this project"),
        ("/C", "not a file of this project"),
        ("a\\C", "not a file"),
    ],
)
def test_a_missing_or_outside_version_file_is_refused(path: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as stop:
        read_copies((VersionFile(path, "v{version}"),), reading({}))
    assert stop.value.hint


PROJECT = (
    '[build-system]\nrequires = []\nbuild-backend = "b"\n[project]\nname = "X.y"\nversion = "1.0.0.dev0"\n'
    '[[tool.release-channels.version-files]]\npath = "CITATION.cff"\npattern = "version: {version}"\n'
)
LOCK = 'version = 1\n\n[[package]]\nname = "x-y"\nversion = "1.0.0.dev0"\nsource = { editable = "." }\n'


def project(text: str = PROJECT) -> Project:
    return parse_project(text.encode())


def test_source_copies_and_lock_are_edited_together() -> None:
    """One edit for each file."""
    text = PROJECT + (
        '[[tool.release-channels.version-files]]\npath = "pyproject.toml"\npattern = "# now {version}"\n# now 1.0\n'
    )
    files = {"pyproject.toml": text, "CITATION.cff": "version: 1.0.0.dev0\n", "uv.lock": LOCK}
    edits = plan_version(project(text), reading(files), NEW, DAY)
    assert {edit.path: edit.old for edit in edits} == files
    assert {edit.path: edit.new for edit in edits} == {
        path: text.replace("1.0.0.dev0", "2.0.0").replace("# now 1.0\n", "# now 2.0.0\n")
        for path, text in files.items()
    }


def test_agreeing_copies_are_not_reported() -> None:
    """In any spelling of the version."""
    files = {"CITATION.cff": "version: 1.0.0-DEV0\n", "uv.lock": LOCK}
    assert disagreements(project(), reading(files)) == ()


def test_differing_copies_are_reported() -> None:
    """With the file, the line and both versions."""
    files = {"CITATION.cff": "a\nversion: 0.9\n", "uv.lock": LOCK.replace(".dev0", "")}
    where = "but pyproject.toml [project].version says 1.0.0.dev0"
    assert disagreements(project(), reading(files)) == (
        f"CITATION.cff, line 2, says 0.9, {where}",
        f"uv.lock says 1.0.0, {where}",
    )


def test_copies_are_compared_with_a_requested_tag_version() -> None:
    """Without a requested release there is no version to compare with."""
    scm = PROJECT.replace('"b"', '"pdm.backend"').replace('version = "1.0.0.dev0"', 'dynamic = ["version"]')
    tagged = project(scm + '[tool.pdm.version]\nsource = "scm"\n')
    read = reading({"CITATION.cff": "version: 1.0\n"})
    assert disagreements(tagged, read) == ()
    assert disagreements(tagged, read, Version("1.0")) == ()
    assert disagreements(tagged, read, NEW) == (
        "CITATION.cff, line 1, says 1.0, but the git tags (pdm-backend) says 2.0.0",
    )


FINALS = [Version("1.0"), Version("1.1.0rc1"), Version("1.1.0"), Version("2.0.0")]


def following(follows: str, version: str) -> Project:
    return project(PROJECT.replace("1.0.0.dev0", version) + f'follows = "{follows}"\n')


# What the copy follows, main's version, the version that is written, and what the copy has then; it had 1.1.0.
FOLLOWED = {
    "bump, main": ("main", "1.2.0.dev0", "1.2.0", "1.2.0"),
    "bump, finals": ("finals", "1.2.0.dev0", "1.2.0", "1.2.0"),
    "bump, nothing": ("nothing", "1.2.0.dev0", "1.2.0", "1.1.0"),
    "bump to a candidate, main": ("main", "1.2.0.dev0", "1.2.0rc1", "1.2.0rc1"),
    "bump to a candidate, finals": ("finals", "1.2.0.dev0", "1.2.0rc1", "1.1.0"),
    "bump to a post-release, finals": ("finals", "1.1.0", "1.1.0.post1", "1.1.0.post1"),
    "bump-dev, main": ("main", "1.1.0", "1.2.0.dev0", "1.2.0.dev0"),
    "bump-dev, finals": ("finals", "1.1.0", "1.2.0.dev0", "1.1.0"),
    "bump-dev, nothing": ("nothing", "1.1.0", "1.2.0.dev0", "1.1.0"),
    "preview, main": ("main", "1.2.0.dev0", "1.2.0.dev7", "1.2.0.dev7"),
    "preview, finals": ("finals", "1.2.0.dev0", "1.2.0.dev7", "1.1.0"),
    "preview, nothing": ("nothing", "1.2.0.dev0", "1.2.0.dev7", "1.1.0"),
}


@pytest.mark.parametrize("plan", [plan_version, plan_preview])
@pytest.mark.parametrize(("follows", "main", "target", "expected"), FOLLOWED.values(), ids=FOLLOWED)
def test_a_copy_is_written_only_with_versions_that_it_follows(
    follows: str, main: str, target: str, expected: str, plan: Callable[..., tuple[Edit, ...]]
) -> None:
    """pyproject.toml gets every version."""
    files = {"CITATION.cff": "version: 1.1.0\n"}
    edits = {edit.path: edit.new for edit in plan(following(follows, main), reading(files), Version(target), None)}
    assert {**files, **edits}["CITATION.cff"] == f"version: {expected}\n"
    assert f'version = "{target}"' in edits["pyproject.toml"]


WHERE = "but pyproject.toml [project].version says"
# What the copy follows, main's version, the copy's, and the finding.
COMPARED = {
    "main, same": ("main", "1.2.0.dev0", "1.2.0.dev0", ""),
    "main, last final": ("main", "1.2.0.dev0", "1.1.0", f"says 1.1.0, {WHERE} 1.2.0.dev0"),
    "main, final": ("main", "1.2.0", "1.1.0", f"says 1.1.0, {WHERE} 1.2.0"),
    "finals, last final": ("finals", "1.2.0.dev0", "1.1.0", ""),
    "finals, candidate": ("finals", "1.2.0rc1", "1.1.0", ""),
    "finals, older": ("finals", "1.2.0.dev0", "1.0", "says 1.0, but the newest release before 1.2.0.dev0 is 1.1.0"),
    "finals, newer": ("finals", "1.2.0.dev0", "2.0.0", "says 2.0.0, but the newest release before 1.2.0.dev0 is 1.1.0"),
    "finals, dev": ("finals", "1.2.0.dev0", "1.2.0.dev0", "says 1.2.0.dev0, but the newest release"),
    "finals, final": ("finals", "1.2.0", "1.2.0", ""),
    "finals, forgotten": ("finals", "1.2.0", "1.1.0", f"says 1.1.0, {WHERE} 1.2.0"),
    "nothing": ("nothing", "1.2.0", "0.1", ""),
}


@pytest.mark.parametrize(("follows", "main", "copy", "finding"), COMPARED.values(), ids=COMPARED)
def test_a_copy_is_compared_with_the_version_that_it_follows(follows: str, main: str, copy: str, finding: str) -> None:
    """Between releases a copy that follows finals has the newest one."""
    read = reading({"CITATION.cff": f"version: {copy}\n"})
    report = compare_copies(following(follows, main), read, finals=FINALS)
    assert bool(report.differing) is bool(finding)
    assert finding in "".join(report.differing)
    assert report.agreeing == (() if finding or follows == "nothing" else ("CITATION.cff",))


@pytest.mark.parametrize(("copy", "agrees"), [("1.1.0", True), ("1.2.0.dev0", False), ("1.2.0", False)])
def test_without_tags_a_copy_that_follows_finals_is_an_older_final(copy: str, agrees: bool) -> None:
    """Without known releases, a dev release and a future version are still wrong."""
    differing = disagreements(following("finals", "1.2.0.dev0"), reading({"CITATION.cff": f"version: {copy}\n"}))
    assert (differing == ()) is agrees


def test_an_unwritten_copy_must_still_match_its_pattern() -> None:
    """A broken pattern is found before the release that needs it."""
    with pytest.raises(RefusedError, match="matches nothing"):
        plan_version(following("finals", "1.1.0"), reading({"CITATION.cff": "none\n"}), Version("1.2.0.dev0"), None)


AROUND = st.text(st.characters(codec="utf-8", exclude_characters="@"), max_size=30)


@given(AROUND, AROUND, st.sampled_from(["1.0", "1.0.0.dev0", "3!2.1.post4.dev5"]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_text_changes_only_version_and_date(before: str, after: str, version: str, dated: bool) -> None:
    """Over generated texts; writing the old version restores the bytes."""
    pattern = "@v={version}@" + ("d={date}@" if dated else "")
    text = f"{before}@v={version}@{'d=2026-01-02@' if dated else ''}{after}"
    files = (VersionFile("C", pattern),)
    (edit,) = plan_copies(files, reading({"C": text}), NEW, DAY)
    assert edit.new == f"{before}@v=2.0.0@{'d=2026-11-22@' if dated else ''}{after}"
    assert plan_copies(files, reading({"C": edit.new}), Version(version), date(2026, 1, 2)) == (
        Edit("C", edit.new, text),
    )


MENTIONED = [
    "pip install demo-tool==1.1.0", "`Demo_Tool 1.1.0` works", "demo.tool[cli] ~= 1.1", "demo-tool@v1.1.0",
    "https://h.example/o/demo-tool/releases/download/v1.1.0/x.whl", "https://h.example/o/demo-tool/releases/tag/v1.1.0",
    "https://h.example/demo-tool/demo-tool/-/blob/v1.1.0/x",
    "https://h.example/badge/demo-tool-v1.1.0-blue", "demo-tool version 1.1.0.", "demo_tool-1.1.0-py3-none-any.whl",
    "rev: demo-tool == 1.2.0.dev3", "Try it with demo-tool==1.1.0",
]  # fmt: skip
NOT_MENTIONED = [
    ".. versionadded:: demo-tool 1.1.0",
    "demo-tool==1.2.0", "demo-tool 1.3", "demo-tool>=1.1.0", "other==1.1.0", "my-demo-tool==1.1.0", "demo-tools==1.1.0",
    "Python 3.9",
    "Since demo-tool 1.1.0 there is x", "Removed in demo-tool 1.1.0", "demo-tool 1.1.0a.b",
    "demo-tool==1.1.*",
    "Starting with Demo-Tool 1.0, you can", "in **demo-tool 1.0** it was", "which came with\nDemo-tool 1.1, but",
    "demo-tool 2 is near", "https://h.example/o/other/releases/tag/v1.1.0", "1.1.0",
    "https://h.example/demo-tool/other/releases/tag/v1.1.0", "https://h.example/demo-tool/other/blob/v1.1.0/x",
]  # fmt: skip


@pytest.mark.parametrize("line", MENTIONED)
def test_a_stale_mention_is_reported(line: str) -> None:
    """With its position, where it can only mean this project."""
    (found,) = find_mentions(canonicalize_name("demo-tool"), Version("1.2.0"), {"README.md": f"# x\n\n  {line}\nend"})
    assert (found.path, found.line, found.text) == ("README.md", 3, line)
    assert found.version < Version("1.2.0")


@pytest.mark.parametrize("line", NOT_MENTIONED)
def test_an_ambiguous_mention_is_not_reported(line: str) -> None:
    """Current and future versions, lower bounds, other names, history."""
    assert find_mentions(canonicalize_name("demo-tool"), Version("1.2.0"), {"README.md": line}) == ()


EXACT = {
    "demo-tool==1.1.0": "1.1.0", "uvx demo-tool@1.3.0": "1.3.0", "`demo-tool` === 1.3": "1.3",
    "https://h.example/o/demo-tool/releases/download/v1.3.0/demo.tar.gz": "1.3.0",
}  # fmt: skip
LOOSE = ["demo-tool~=1.1.0", "demo-tool 1.1.0", "demo_tool-1.1.0.tar.gz"]


@pytest.mark.parametrize("line", [*EXACT, *LOOSE])
def test_exact_and_loose_mentions_are_distinguished(line: str) -> None:
    """Of newer versions beside a final only that is found: a page may be about what comes."""
    (found,) = find_mentions(canonicalize_name("demo-tool"), Version("1.2.0"), {"README.md": line})
    assert (found.is_exact, str(found.version)) == (line in EXACT, EXACT.get(line, "1.1.0"))
    newer = {"README.md": line.replace("1.1.0", "1.9.0")}
    assert bool(find_mentions(canonicalize_name("demo-tool"), Version("1.2.0"), newer)) is found.is_exact
    assert find_mentions(canonicalize_name("demo-tool"), Version("1.2.0.dev0"), newer) == ()


def test_changelogs_and_guides_may_mention_old_versions() -> None:
    guides = ("docs/v2-migration-guide.rst", "docs/upgrading.md", "docs/porting.md", "docs/2.0-upgrade.md")
    texts = dict.fromkeys(("CHANGELOG.md", "docs/release_notes.md", "HISTORY.md", *guides), "demo-tool 1.1.0")
    assert find_mentions(canonicalize_name("demo-tool"), Version("1.2.0"), texts) == ()
    others = ("docs/importing.md", "docs/reporting.md", "docs/supporting.md", "docs/installing-and-upgrading.md")
    found = find_mentions(canonicalize_name("demo-tool"), Version("1.2.0"), dict.fromkeys(others, "demo-tool 1.1.0"))
    assert {one.path for one in found} == set(others)


def test_a_preview_of_the_current_line_is_not_stale() -> None:
    """1.2.0.dev1 on the way to 1.2.0; one of 1.1.0 is stale."""
    texts = {"README.md": "demo-tool 1.2.0.dev1\ndemo-tool==1.1.0\n"}
    found = find_mentions(canonicalize_name("demo-tool"), Version("1.2.0.dev0"), texts)
    assert [mention.line for mention in found] == [2]


def test_readme_and_text_files_of_docs_are_read() -> None:
    """Of any text suffix; no binary file, changelog or other directory."""
    line = b"pip install demo-tool==1.1.0\n"
    pages = ("README.rst", "docs/getting-started.md", "docs/guide/install.md", "doc/a.txt")
    files = dict.fromkeys((*pages, "src/README.md", "docs/logo.svg", "docs/changelog.md"), line)
    build = b'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    project = parse_project(build + b'[project]\nname = "demo-tool"\nversion = "1.2.0"\n')
    found = old_mentions(project, files.get, project.version, files)
    assert {mention.path for mention in found} == set(pages)
