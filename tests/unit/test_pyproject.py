"""Reading a pyproject.toml: the values that a release needs, and the refusals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.pyproject import UvIndex, parse_project
from release_channels.project.typed_toml import MAX_SETTINGS, decode

BUILD = '[build-system]\nrequires = []\nbuild-backend = "b"\n'
NAMED = BUILD + '[project]\nname = "x"\n'
VALID = NAMED + 'version = "1.0.dev0"\n'


@pytest.mark.parametrize(("bound", "read"), [(2 * 2**20, partial(decode, most=MAX_SETTINGS)), (16 * 2**20, decode)])
def test_a_file_above_its_bound_is_refused(bound: int, read: Callable[[bytes, str], str]) -> None:
    assert read(b" " * bound, "x") == " " * bound
    with pytest.raises(RefusedError, match=f"^x has {bound + 1} bytes, more than {bound}$"):
        read(b" " * (bound + 1), "x")


def test_one_file_contains_everything_that_a_release_needs() -> None:
    """Name, version, settings, scripts, URLs, build backend and uv's indexes."""
    project = parse_project(
        b'[build-system]\nrequires = []\nbuild-backend = "hatchling.build"\n'
        b'[project]\nname = "My_Project"\nversion = "1.0.DEV0"\nrequires-python = ">=3.9"\ndynamic = ["readme"]\n'
        b'[project.scripts]\nrun = "my_project:main"\n[project.urls]\nSource = "https://host.example/o/n"\n'
        b"[tool.release-channels]\nrun-offset = 7\n"
        b'[[tool.uv.index]]\nname = "a"\nurl = "https://a.example"\npublish-url = "https://up.a.example"\n'
        b'[[tool.uv.index]]\nurl = "https://nameless.example"\n'
        b'[[tool.uv.index]]\nname = "b"\nurl = "https://b.example"\n'
    )
    assert (project.path, project.source.path) == ("pyproject.toml", "pyproject.toml")
    assert (project.name, project.normalized_name) == ("My_Project", "my-project")
    assert (project.version, project.source.version) == (Version("1.0.dev0"), Version("1.0.dev0"))
    assert project.config.run_offset == 7
    assert project.requires_python == ">=3.9"
    assert project.scripts == {"run": "my_project:main"}
    assert project.urls == {"Source": "https://host.example/o/n"}
    assert project.dynamic == {"readme"}
    assert project.build_backend == "hatchling.build"
    assert project.uv_indexes == (
        UvIndex("a", "https://a.example", "https://up.a.example"),
        UvIndex("b", "https://b.example", None),
    )


def test_optional_tables_have_defaults() -> None:
    """Only a build system, a name and a version are required."""
    project = parse_project(b'[build-system]\nrequires = []\n[project]\nname = "x"\nversion = "1"\n', "sub/p.toml")
    assert (project.path, project.source.path) == ("sub/p.toml", "sub/p.toml")
    assert (project.requires_python, project.build_backend, project.uv_indexes) == (None, None, ())
    assert (project.scripts, project.urls, project.dynamic) == ({}, {}, frozenset())


@pytest.mark.parametrize("newline", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_the_text_keeps_every_byte(newline: str) -> None:
    """Newlines included."""
    content = VALID.replace("\n", newline).encode()
    assert parse_project(content).text.encode() == content


REFUSED = {
    "missing": (None, "there is no pyproject.toml", "[project]"),
    "BOM": (b"\xef\xbb\xbf" + VALID.encode(), "byte order mark", "BOM"),
    "not UTF-8": (VALID.encode() + b"# \xff", f"not UTF-8: byte {len(VALID) + 2} ", "UTF-8"),
    "UTF-16": (VALID.encode("utf-16"), "not UTF-8: byte 0 ", "UTF-8"),
    "invalid TOML": (b"x = 1\ny = = 2\n", "not valid TOML: Invalid value (at line 2, column 5)", "correct"),
    "5,000 digits": (VALID.encode() + b"[tool.a]\nx = " + b"9" * 5000, "not valid TOML", "correct"),
    "deep nesting": (b"x = " + b"[" * 20_000, "not valid TOML", "correct"),
    "empty": (b"", "no [project] table", "write [project]"),
    "no project": (BUILD, "no [project] table", "write [project]"),
    "poetry": (BUILD + "[tool.poetry]\nname = 'x'\n", "no [project] table", "[tool.poetry]"),
    "tool is not a table": ("tool = 1\n" + BUILD, "no [project] table", "write [project]"),
    "project is not a table": ("project = 1\n" + BUILD, "project is 1", "[project]"),
    "build system is not a table": ('build-system = 1\n[project]\nname = "x"\n', "build-system is 1", "[build-system]"),
    "build backend is not a text": ('[build-system]\nbuild-backend = 1\n[project]\nname = "x"\nversion = "1"\n',
                                 "build-system.build-backend is 1", "a string"),
    "no name": (BUILD + '[project]\nversion = "1"\n', "no name in [project]", "name ="),
    "name is not a text": (BUILD + "[project]\nname = 1\n", "project.name is 1", "a string"),
    "empty name": (BUILD + '[project]\nname = ""\nversion = "1"\n', "[project].name ''", "letter or digit"),
    "name with a space": (BUILD + '[project]\nname = "a b"\nversion = "1"\n', "[project].name 'a b'", "ASCII"),
    "name with an end": (BUILD + '[project]\nname = "a-"\nversion = "1"\n', "[project].name 'a-'", "letter or digit"),
    "name of letters": (BUILD + '[project]\nname = "ü"\nversion = "1"\n', "[project].name 'ü'", "ASCII"),
    "dynamic version": (NAMED + 'dynamic = ["version"]\n', "but the build backend b is not supported", "[project]"),
    "dynamic and static": (VALID + 'dynamic = ["version"]\n', "declares the version dynamic", "`dynamic`"),
    "dynamic is not a list": (VALID + 'dynamic = "version"\n', "project.dynamic is 'version'", "list"),
    "dynamic of numbers": (VALID + "dynamic = [1]\n", "project.dynamic is [1]", "list"),
    "no version": (NAMED, "no version in [project]", "version ="),
    "version is a number": (NAMED + "version = 1.0\n", "[project].version is 1.0, not a string", "quotes"),
    "version is a table": (NAMED + "version = {attr = 'x'}\n", "[project].version is {'attr': 'x'}", "quotes"),
    "no version at all": (NAMED + 'version = "one"\n', "[project].version: 'one' is not a version", "1.2.3.dev0"),
    "empty version": (NAMED + 'version = ""\n', "[project].version: '' is not a version", "1.2.3.dev0"),
    "version with a v": (NAMED + 'version = "v1.0"\n', "[project].version: the version 'v1.0' reads as 1.0", '"1.0"'),
    "config": (VALID + "[tool.release-channels]\nrun-ofset = 1\n", "tool.release-channels.run-ofset", "run-offset"),
    "config is not a table": (
        VALID + "[tool]\nrelease-channels = 3\n", "[tool.release-channels] is not a table", "write"),
    "tool is a number": ("tool = 1\n" + VALID, "tool is 1", "[tool]"),
    "requires-python is a number": (VALID + "requires-python = 3\n", "project.requires-python is 3", "a string"),
    "scripts is not a table": (VALID + "scripts = 3\n", "project.scripts is 3", "[project.scripts]"),
    "a script is not a text": (VALID + "scripts.a = 3\n", "project.scripts.a is 3", "a string"),
    "a url is not a text": (VALID + "urls.a = 3\n", "project.urls.a is 3", "a string"),
    "uv is not a table": (VALID + "[tool]\nuv = 3\n", "tool.uv is 3", "[tool.uv]"),
    "index is a table": (VALID + "[tool.uv.index]\nname = 'a'\n", "tool.uv.index is not a list", "[[tool.uv.index]]"),
    "index of numbers": (VALID + "[tool.uv]\nindex = [1]\n", "tool.uv.index is not a list", "[[tool.uv.index]]"),
    "index without a url": (VALID + "[[tool.uv.index]]\nname = 'a'\n", "the index 'a' has no url", "`url`"),
    "index name is not a text": (VALID + "[[tool.uv.index]]\nname = 1\nurl = 'u'\n",
                              "tool.uv.index.name is 1", "a string"),
    "too large": (b"#" * (2 * 2**20 + 1), "pyproject.toml has 2097153 bytes, more than 2097152", "the right file"),
    "publish-url is not a text": (VALID + "[[tool.uv.index]]\nname = 'a'\nurl = 'u'\npublish-url = 1\n",
                               "tool.uv.index.publish-url is 1", "a string"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_an_unusable_pyproject_is_refused(content: bytes | str | None, message: str, hint: str) -> None:
    """The message contains the position, and the hint the fix."""
    with pytest.raises(RefusedError) as stop:
        parse_project(content.encode() if isinstance(content, str) else content)
    assert "pyproject.toml" in str(stop.value) or "tool.release-channels" in str(stop.value)
    assert message in str(stop.value)
    assert hint in stop.value.hint


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[project]\nname = \n", "at line 2, column 8"),
        ("[project]\nx = [", "at line 2, column 6, where the file ends"),
        ("[project]\nx = [\n", "at line 3, column 1, where the file ends"),
    ],
)
def test_invalid_toml_is_reported_with_its_position(text: str, place: str) -> None:
    """Line and column, also where the text ends too early."""
    with pytest.raises(RefusedError, match=rf"pyproject\.toml is not valid TOML: .*{place}"):
        parse_project(text.encode())
