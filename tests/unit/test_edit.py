"""Editing a pyproject.toml: the version changes, and no other byte."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.edit import Edit, prove_content, prove_literal
from release_channels.project.files import nothing
from release_channels.project.plan_edits import plan_preview
from release_channels.project.pyproject import parse_project
from release_channels.project.sources.base import TomlVersion

BUILD = '[build-system]\nrequires = ["flit_core"]\nbuild-backend = "flit_core.buildapi"\n'
OLD = "1.0.dev0"
URL = "https://host.example/owner/name/commit/" + "a" * 40

# Each text has the version `1.0.dev0` in it between « and », as it is written: the marks are taken out.
CASES = {
    "basic quotes": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n' + BUILD,
    "literal quotes": "[project]\nname = 'x'\nversion = «'1.0.dev0'»\n" + BUILD,
    "three basic quotes": '[project]\nname = "x"\nversion = «"""1.0.dev0"""»\n' + BUILD,
    "three literal quotes": "[project]\nname = 'x'\nversion = «'''1.0.dev0'''»\n" + BUILD,
    "line break after the quotes": "[project]\nname = 'x'\nversion = «'''\n1.0.dev0'''» # c\n" + BUILD,
    "comment behind": '[project]\nname = "x"\nversion = «"1.0.dev0"» # was "1.0.dev0"\n' + BUILD,
    "comment without a space": '[project]\nname = "x"\nversion=«"1.0.dev0"»#x\n' + BUILD,
    "comments all around": '# version = "1.0.dev0"\n[project] # p\n# v\nname = "x"\n\nversion = «"1.0.dev0"»\n#\n'
    + BUILD,
    "CRLF": '[project]\r\nname = "x"\r\nversion = «"1.0.dev0"» # c\r\n' + BUILD.replace("\n", "\r\n"),
    "mixed newlines": '[project]\r\nname = "x"\nversion = «"1.0.dev0"»\r\n\n\r\n' + BUILD,
    "CRLF inside the quotes": "[project]\r\nname = 'x'\r\nversion = «'''\r\n1.0.dev0'''»\r\n" + BUILD,
    "no final newline": BUILD + '[project]\nname = "x"\nversion = «"1.0.dev0"»',
    "CRLF, no final newline": BUILD.replace("\n", "\r\n") + '[project]\r\nname = "x"\r\nversion = «"1.0.dev0"»',
    "inline table": 'project = {name = "x", version = «"1.0.dev0"»}\n' + BUILD,
    "inline table, odd spaces": "project = {  name='x'  ,version=«'1.0.dev0'»  }   # end\n" + BUILD,
    "inline table first key": 'project = {version = «"1.0.dev0"», name = "x", urls = {a = "b"}}\n' + BUILD,
    "dotted keys": 'project.name = "x"\nproject.version = «"1.0.dev0"» # d\n' + BUILD,
    "dotted keys, spaces": 'project . name = "x"\nproject . "version" = «"1.0.dev0"»\n' + BUILD,
    "dotted keys apart": 'project.name = "x"\ntool.a.b = 1\nproject.version = «"1.0.dev0"»\n' + BUILD,
    "after other tables": BUILD + '[tool.a]\nversion = "1.0.dev0"\n[project]\nname = "x"\nversion = «"1.0.dev0"»\n',
    "before other versions": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n'
    + BUILD
    + '[tool.a]\nversion = "1.0.dev0"\n',
    "sub-table first": '[project.urls]\na = "b"\n' + BUILD + '[project]\nname = "x"\nversion = «"1.0.dev0"»\n',
    "tables out of order": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n'
    + BUILD
    + '[project.urls]\na = "b"\n[tool.a]\nb = 1\n[project.scripts]\nx = "x:y"\n[tool.c]\n',
    "tabs": '[project]\n\tname\t=\t"x"\n\tversion\t=\t«"1.0.dev0"»\t\t# c\t\n' + BUILD,
    "indented": '  [project]\n    name = "x"\n    version   =   «"1.0.dev0"»   \n' + BUILD,
    "quoted keys": '["project"]\nname = "x"\n"version" = «"1.0.dev0"»\n' + BUILD,
    "literal keys": "['project']\nname = 'x'\n'version' = «'1.0.dev0'»\n" + BUILD,
    "same text elsewhere": '[project]\nname = "x"\ndescription = "1.0.dev0"\nversion = «"1.0.dev0"»\n'
    "keywords = [\"1.0.dev0\", '1.0.dev0']\n" + BUILD,
    "version in another text": '[project]\nname = "x"\ndescription = """\nversion = "1.0.dev0"\n"""\n'
    'version = «"1.0.dev0"»\n' + BUILD,
    "odd arrays": '[project]\nname = "x"\nkeywords = [ "a",\n# c\n  "b" , # d\n\n ]\nversion = «"1.0.dev0"»\n' + BUILD,
    "array of tables": BUILD
    + '[[tool.uv.index]]\nname = "a"\nurl = "u"\n\n[project]\nname = "x"\nversion = «"1.0.dev0"»\n'
    '[[tool.uv.index]]\nname = "b"\nurl = "v"\n',
    "urls with dots": '[project]\nname = "x"\nversion = «"1.0.dev0"»\nurls.a = "b" # c\nurls."c d" = "e"\n' + BUILD,
    "urls inline": '[project]\nname = "x"\nversion = «"1.0.dev0"»\nurls = {a = "b"} # c\n' + BUILD,
    "urls inline, empty": '[project]\nname = "x"\nurls = {}\nversion = «"1.0.dev0"»\n' + BUILD,
    "urls, no final newline": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n' + BUILD + '[project.urls]\na = "b"',
    "urls with the commit": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n'
    '[project.urls]\n"Source commit" = "old" # c\n' + BUILD,
    "urls with the commit, other spelling": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n'
    "[project.urls]\n'source-Commit' = 'old'\nb = 'c'\n" + BUILD,
    "not a number": '[project]\nname = "x"\nversion = «"1.0.dev0"»\n'
    + BUILD
    + "[tool.a]\nb = nan\nc = -inf\nd = 1e3\n",
    "other alphabets": '[project]\nname = "x"\ndescription = "Ünï ✓ 日本"\nversion = «"1.0.dev0"»\n' + BUILD,
    "blank lines at the end": '\n\n[project]\nname = "x"\nversion = «"1.0.dev0"»\n\n' + BUILD + "\n\n  \n",
}
each_case = pytest.mark.parametrize("marked", CASES.values(), ids=CASES)


def plain(marked: str) -> str:
    return marked.replace("«", "").replace("»", "")


def with_version(marked: str, version: str) -> str:
    before, _, rest = marked.partition("«")
    literal, _, after = rest.partition("»")
    return before + literal.replace(OLD, version) + after


def plan(text: str, version: str) -> str:
    edits = parse_project(text.encode()).source.plan(Version(version))
    assert [(edit.path, edit.old) for edit in edits] == [("pyproject.toml", text)]
    return edits[0].new


@each_case
@pytest.mark.parametrize("version", ["1.0", "2!10.20.30.post4.dev567"], ids=["shorter", "longer"])
def test_only_the_version_changes(marked: str, version: str) -> None:
    """Quotes, comments, newlines and order stay."""
    assert plan(plain(marked), version) == with_version(marked, version)


@each_case
def test_writing_the_old_version_restores_the_file(marked: str) -> None:
    assert plan(plan(plain(marked), "1.0"), OLD) == plain(marked)


@each_case
def test_the_current_version_needs_no_edit(marked: str) -> None:
    assert parse_project(plain(marked).encode()).source.plan(Version(OLD)) == ()


@each_case
def test_a_preview_edit_adds_version_and_commit_url(marked: str) -> None:
    """Nothing else in the file's meaning changes."""
    text = plain(marked)
    expected = tomllib.loads(text, parse_float=str)
    urls = expected["project"].setdefault("urls", {})
    urls["source-Commit" if "source-Commit" in urls else "Source commit"] = URL
    expected["project"]["version"] = "1.0.dev42"

    (edit,) = plan_preview(parse_project(text.encode()), nothing, Version("1.0.dev42"), URL)

    assert (edit.path, edit.old) == ("pyproject.toml", text)
    assert tomllib.loads(edit.new, parse_float=str) == expected
    for line in text.splitlines():
        assert line.partition("#")[2] in edit.new, "a comment is lost"


@each_case
def test_a_preview_without_a_repository_changes_only_the_version(marked: str) -> None:
    edits = plan_preview(parse_project(plain(marked).encode()), nothing, Version("1.0.dev42"), None)
    assert edits == (Edit("pyproject.toml", plain(marked), with_version(marked, "1.0.dev42")),)


def test_dynamic_urls_are_left_to_the_build_backend() -> None:
    """A URL beside dynamic URLs would be invalid metadata."""
    text = f'[project]\nname = "x"\nversion = "{OLD}"\ndynamic = ["urls"]\n' + BUILD
    assert plan_preview(parse_project(text.encode()), nothing, Version(OLD), URL) == ()


def test_the_url_table_is_added_at_the_end() -> None:
    """With the newlines of the file."""
    text = f'[project]\r\nname = "x"\r\nversion = "{OLD}"\r\n' + BUILD.replace("\n", "\r\n").rstrip()
    (edit,) = plan_preview(parse_project(text.encode()), nothing, Version(OLD), URL)
    assert edit.new == f'{text}\r\n\r\n[project.urls]\r\n"Source commit" = "{URL}"\r\n'


@pytest.mark.parametrize(
    ("literal", "expected"),
    [
        ('"1.0\\u002edev0"', '"2.0"'),
        ('"\\u0031.0.dev0"', '"2.0"'),
        ('"""\\\n  1.0.dev0"""', '"""2.0"""'),
        ('"1.0.DEV0"', '"2.0"'),
        ("' 1.0-dev0 '", "'2.0'"),
    ],
    ids=["escaped dot", "escaped digit", "escaped line break", "capitals", "spaces"],
)
def test_an_unusual_spelling_becomes_the_normal_form(literal: str, expected: str) -> None:
    """In the same quotes."""
    text = '[project]\nname = "x"\nversion = {}\n' + BUILD
    assert plan(text.replace("{}", literal), "2.0") == text.replace("{}", expected)


def test_an_unusual_spelling_of_the_same_version_is_edited() -> None:
    text = '[project]\nname = "x"\nversion = "1.0.DEV0"\n' + BUILD
    assert plan(text, OLD) == text.replace("DEV", "dev")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('a = "1"\nb = "1"', 'a = "2"\nb = "2"'),
        ('a = "1"\r\n', 'a = "2"\n'),
        ('a = "1" # c', 'a = "2"'),
        ('a = "1"', 'a = "1"'),
        ('a = "3"', 'a = "2"'),
        ('a = "1"', 'b = "2"'),
    ],
    ids=["two places", "newline", "comment", "nothing", "not there", "another key"],
)
def test_an_edit_of_more_than_one_literal_is_refused(old: str, new: str) -> None:
    """The error contains both literals."""
    with pytest.raises(RefusedError, match='replacing "1" by "2"'):
        prove_literal(old, new, '"1"', '"2"')


def test_an_edit_of_one_repeated_literal_is_accepted() -> None:
    """Also where the literals overlap."""
    prove_literal('a = "1"\nb = "1"', 'a = "1"\nb = "2"', '"1"', '"2"')
    prove_literal("aaa", "aba", "a", "b")
    prove_literal("aaa", "ab", "aa", "b")


@pytest.mark.parametrize("new", ["a = 2", "a = 1\nb = 1", "a = '1'", "a = 1.0", "a = ", ""])
def test_an_edit_that_changes_other_values_is_refused(new: str) -> None:
    prove_content("a = 1 # c", {"a": 1}, "pyproject.toml")
    with pytest.raises(RefusedError, match=r"the edit of pyproject\.toml would") as stop:
        prove_content(new, {"a": 1}, "pyproject.toml")
    assert stop.value.hint


def test_an_edit_that_tomlkit_cannot_parse_is_refused() -> None:
    """The error contains the position."""
    with pytest.raises(RefusedError, match=r"pyproject\.toml cannot be edited: .* line 3") as stop:
        TomlVersion("pyproject.toml", "there", Version("1"), '[project]\nversion = "1"\nx = = 1\n').plan(Version("2"))
    assert stop.value.hint


SPACE = st.sampled_from(["", " ", "  ", "\t"])
COMMENT = st.sampled_from(["", "# c", '# version = "1.0.dev0"', " # [project]", "\t#'''"])
QUOTES = st.sampled_from(['"', "'", '"""', "'''"])


@st.composite
def pyprojects(draw: st.DrawFn) -> str:
    """Generate a marked pyproject.toml: tables in any order, any spacing, comments, quotes and newlines."""

    def line(key: str, value: str) -> str:
        return f"{draw(SPACE)}{key}{draw(SPACE)}={draw(SPACE)}{value}{draw(SPACE)}{draw(COMMENT)}"

    def table(header: str, *lines: str) -> list[str]:
        blanks = [draw(COMMENT) for _ in range(draw(st.integers(0, 2)))]
        return [f"{draw(SPACE)}[{header}]{draw(SPACE)}{draw(COMMENT)}", *draw(st.permutations([*lines, *blanks]))]

    quotes = draw(QUOTES)
    version = f"«{quotes}{OLD}{quotes}»"
    name = f"{quotes}x{quotes}"
    inline = [
        line("project", f"{{{draw(SPACE)}name={name}{draw(SPACE)},{draw(SPACE)}version = {version}{draw(SPACE)}}}")
    ]
    dotted = draw(st.permutations([line("project.name", name), line("project.version", version)]))
    tables = [
        table("build-system", line("requires", '["a", "1.0.dev0",\n  # c\n]'), line("build-backend", "'b'")),
        table("tool.a", line("version", '"1.0.dev0"'), line("x", "nan")),
    ]
    headed = [
        table("project", line("name", name), line("version", version), line("description", '"1.0.dev0"')),
        *draw(st.sampled_from([[], [table("project.urls", line("a", '"b"'))]])),
    ]
    top, rest = draw(st.sampled_from([([], [*tables, *headed]), (inline, tables), (dotted, tables)]))
    lines = [*top, *(text for part in draw(st.permutations(rest)) for text in part)]
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines).replace("\r\n", "\n").replace("\n", newline) + draw(st.sampled_from(["", newline]))


@given(pyprojects(), st.sampled_from(["1.0", "1.0.dev42", "1!2.3.post4.dev5"]))
@settings(max_examples=120, deadline=None)
def test_any_file_changes_only_its_version(marked: str, version: str) -> None:
    """Over generated files; writing the old version restores the bytes."""
    text = plain(marked)
    assert plan(text, version) == with_version(marked, version)
    assert plan(plan(text, version), OLD) == text


@given(pyprojects())
@settings(max_examples=60, deadline=None)
def test_any_file_accepts_a_previews_commit_url(marked: str) -> None:
    """Over generated files, the edit adds one URL and changes the version."""
    expected: dict[str, Any] = tomllib.loads(plain(marked), parse_float=str)
    expected["project"]["version"] = "1.0.dev42"
    expected["project"].setdefault("urls", {})["Source commit"] = URL
    (edit,) = plan_preview(parse_project(plain(marked).encode()), nothing, Version("1.0.dev42"), URL)
    assert tomllib.loads(edit.new, parse_float=str) == expected
