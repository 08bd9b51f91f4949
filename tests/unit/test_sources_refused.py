"""Versions that cannot be rewritten: each reason has a location and a hint."""

from __future__ import annotations

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.project.pyproject import parse_project
from tests.unit.test_sources import (
    ARRAY,
    ATTR,
    BOM,
    DYNAMIC,
    FILE,
    FLIT,
    HATCH,
    HATCHED,
    MATURIN,
    MESON,
    NAMED_POETRY,
    PDM,
    PDM_FILE,
    POETRY,
    REGEX,
    SCIKIT,
    SETUP,
    at,
    build,
    project,
)  # fmt: skip

V = "__version__"
CRATE = '[package]\nname = "x"\nversion = '

# What x.py holds where setuptools is told `attr = "x.__version__"`, and the reason.
PYTHON = {
    "not there": ("a = 1\n", "is not there"),
    "only in a docstring": ('"""\n__version__ = "1.0"\n"""\n', "is not there"),
    "only in a function": ("def f():\n    __version__ = '1.0'\n", "is not there"),
    "only in a class": ("class C:\n    __version__ = '1.0'\n", "is not there"),
    "another name": ("__build__ = '1.0'\nversion = '1.0'\n", "is not there"),
    "f-string": ("__version__ = f'1.{0}'\n", "is an f-string"),
    "alias of itself": ("__version__ = __version__\n", "is another name for __version__"),
    "alias of what is computed": ("VERSION = f()\n__version__ = VERSION\n", "VERSION is computed"),
    "attribute": ("import a\n__version__ = a.VERSION\n", "is another name for a.VERSION"),
    "number": ("__version__ = 1.0\n", "is 1.0, not a string"),
    "bytes": ("__version__ = b'1.0'\n", "is b'1.0', not a string"),
    "tuple": ("__version__ = (1, 0)\n", "is computed"),
    "joined tuple with a comment": ("__version__ = '.'.join(map(str, (1,  # a\n 0)))\n", "is computed"),
    "joined tuple of names": ("a = 1\n__version__ = '.'.join(map(str, (a, 0)))\n", "is computed"),
    "joined by something else": ("__version__ = '-'.join(map(str, (1, 0)))\n", "is computed"),
    "joined tuple, changed": ("V = (1, 0)\nV = (1, 1)\n__version__ = '.'.join(map(str, V))\n", "is computed"),
    "joined list, which can change": ("V = [1, 0]\nV.append(2)\n__version__ = '.'.join(map(str, V))\n", "is computed"),
    "joined, each changed": ("__version__ = '.'.join(str(x + 1) for x in (1, 0))\n", "is computed"),
    "joined, but filtered": ("__version__ = '.'.join(str(x) for x in (1, 0) if x)\n", "is computed"),
    "sum": ("__version__ = '1.0' + '.dev0'\n", "is computed"),
    "texts side by side": ("__version__ = '1.' '0'\n", "is concatenated from several strings"),
    "texts in parentheses": ("__version__ = (\n    '1.'\n    '0'\n)\n", "is concatenated from several strings"),
    "twice": ("__version__ = '1.0'\n__version__ = '1.1'\n", "more than one place (lines 1, 2)"),
    "changed afterwards": ("__version__ = '1.0'\n__version__ += '.dev0'\n", "more than one place (lines 1, 2)"),
    "taken away": ("__version__ = '1.0'\ndel __version__\n", "more than one place (lines 1, 2)"),
    "imported, too": ("__version__ = '1.0'\nfrom a import __version__\n", "more than one place (lines 1, 2)"),
    "global": ("__version__ = '1.0'\ndef f():\n    global __version__\n", "more than one place (lines 1, 2)"),
    "else elsewhere": ("try:\n    __version__ = a\nexcept E:\n    __version__ = '1'\n",
        "more than one place (lines 2, 4)"),
    "a function": ("__version__ = '1.0'\ndef __version__(): ...\n", "more than one place (lines 1, 2)"),
    "walrus": ("print(__version__ := '1.0')\n", "is not assigned automatically"),
    "unpacked": ("__version__, a = '1.0', 2\n", "is not assigned automatically"),
    "loop": ("for __version__ in a: pass\n", "depends on a condition or a block (line 1)"),
    "condition": ("import a\nif a:\n    __version__ = '1.0'\n", "depends on a condition or a block (line 2)"),
    "imported": ("from ._about import __version__\n", "is imported from ._about"),
    "imported under the name": ("from a.b import c as __version__\n", "is imported from a.b"),
    "no Python": ("__version__ = = '1.0'\n", "cannot be parsed as Python"),
    "null byte": ("__version__ = '1.0'\0\n", "cannot be parsed as Python"),
    "no version": ("__version__ = 'one'\n", "'one' is not a version"),
    "empty": ("__version__ = ''\n", "'' is not a version"),
    "with a v": ("__version__ = 'v1.0'\n", "reads as 1.0"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), PYTHON.values(), ids=PYTHON)
def test_an_unsupported_python_version_is_refused(text: str, message: str) -> None:
    """Only one plain string, assigned once at the top level, is a version."""
    with pytest.raises(RefusedError) as stop:
        project(at(ATTR, "x.py", text))
    assert str(stop.value).startswith("x.py")
    assert message in str(stop.value)
    assert stop.value.hint


HATCH_INIT = "src/x/__init__.py"
REFUSED = {
    "no table of poetry": (at(POETRY + DYNAMIC, "a", ""), "no version in [tool.poetry]", "[project]"),
    "poetry without a name": (at(POETRY + "[tool.poetry]\nversion = '1'\n", "a", ""), "no name in [tool.poetry]",
        "name"),
    "poetry with a bad name": (at(POETRY + "[tool.poetry]\nname = 'a b'\n", "a", ""), "[tool.poetry].name 'a b'",
        "ASCII"),
    "poetry with another backend": (at(HATCH + NAMED_POETRY, "a", ""), "no [project] table",
        "which hatchling.build reads"),
    "poetry's version is a number": (at(POETRY + NAMED_POETRY + "version = 1\n", "a", ""),
                                    "is 1, not a string", "quotes"),
    "poetry plugin without its backend": (
        at(POETRY + NAMED_POETRY + "version = '0.0.0'\n[tool.poetry-dynamic-versioning]\nenable = true\n", "a", ""),
        "enabled, but the build backend is poetry.core.masonry.api", "poetry_dynamic_versioning.backend"),
    "poetry plugin reading a file": (
        at(POETRY + NAMED_POETRY + "[tool.poetry-dynamic-versioning]\nenable = true\nfrom-file.source = 'v'\n", "a",
        ""),
        "takes the version from a file", "[project]"),
    "static and dynamic": (at(HATCH + DYNAMIC + "version = '1'\n", "a", ""), "but also sets it in [project]",
        "`dynamic`"),
    "hatch without its table": (at(HATCH + DYNAMIC, "a", ""), "there is no pyproject.toml [tool.hatch.version]",
        "[project]"),
    "hatch without a path": (at(HATCH + DYNAMIC + "[tool.hatch.version]\n", "a", ""), "has no path", "path ="),
    "hatch, no file": (at(HATCHED, "a", ""), "there is no src/x/__init__.py", "commit"),
    "hatch, path outside": (at(HATCHED.replace("src/x", "../x"), "a", ""), "not a file of this project", "relative"),
    "hatch runs code": (at(HATCHED + "source = 'code'\nexpression = 'f()'\n", "a", ""), "runs code", "[project]"),
    "hatch reads a variable": (at(HATCHED + "source = 'env'\n", "a", ""), "from a variable", "[project]"),
    "hatch with a plugin": (at(HATCHED + "source = 'nodejs'\n", "a", ""), "uses the plugin 'nodejs'", "[project]"),
    "hatch.toml runs code": (at(HATCHED, "hatch.toml", "[version]\nsource = 'code'\n"),
        "hatch.toml [version] runs code",
                             "[project]"),
    "hatch.toml with a BOM": (at(HATCHED, "hatch.toml", BOM), "byte order mark, which hatch does not read", "BOM"),
    "hatch.toml is not valid TOML": (at(HATCHED, "hatch.toml", "a"), "hatch.toml is not valid TOML", "correct"),
    "hatch, nothing to find": (at(HATCHED, HATCH_INIT, "a = 1\n"), "finds no version", V),
    "hatch finds no annotation": (at(HATCHED, HATCH_INIT, "__version__: str = '1.0'\n"), "finds no version", V),
    "hatch reads a docstring": (at(HATCHED, HATCH_INIT, '"""\nversion = "9"\n"""\n__version__ = "1.0"\n'),
                                "reads the version from line 2, which is not a string",
                                "before anything that looks like it"),
    "hatch reads a function": (at(HATCHED, HATCH_INIT, 'a = """\nversion = "9"\n"""\n__version__ = "1.0"\n'),
                               "line 2", "before anything that looks like it"),
    "hatch, assigned twice": (at(HATCHED, HATCH_INIT, f"{V} = '1.0'\n{V} = '1.1'\n"), "more than one place", "once"),
    "hatch, texts side by side": (at(HATCHED, HATCH_INIT, f"{V} = '1.0' '1'\n"), "several strings", "plain text"),
    "hatch, bad pattern": (at(HATCHED + "pattern = '('\n", HATCH_INIT, ""), "is not a regular expression", "correct"),
    "hatch, pattern without a group": (at(HATCHED + "pattern = 'v'\n", HATCH_INIT, ""), "no group", "?P<version>"),
    "hatch, pattern fits a comment": (at(HATCHED + "pattern = 'v(?P<version>.+)'\n", HATCH_INIT, "# v1.0\n"),
                                      "line 1, which is not a string", V),
    "hatch, pattern fits twice": (
        at(HATCHED.replace(HATCH_INIT, "v.txt") + "pattern = 'v(?P<version>.+)'\n", "v.txt", "v1.0\nv1.0\n"),
        "matches 2 times", "matches once"),
    "pdm names no source": (at(PDM + DYNAMIC, "a", ""), "names no source", "[project]"),
    "pdm calls": (at(PDM + DYNAMIC + "[tool.pdm.version]\nsource = 'call'\n", "a", ""), "calls a function",
        "[project]"),
    "pdm, another source": (at(PDM + DYNAMIC + "[tool.pdm.version]\nsource = 'x'\n", "a", ""), "source 'x'",
        "[project]"),
    "pdm, pattern without a group": (at(PDM_FILE + "pattern = 'v'\n", "x/v.py", ""), "no group", "parentheses"),
    "pdm reads half a literal": (at(PDM_FILE, "x/v.py", f"{V} = '''1.0'''\n"), "which is not a string", V),
    "flit, no module": (at(FLIT + DYNAMIC, "a", ""), "module of flit is not here: looked for x_y/__init__.py",
        "name it"),
    "flit, two modules": (at(FLIT + DYNAMIC, "x_y.py", "", **{"src/x_y.py": ""}), "is x_y.py and src/x_y.py",
        "keep one"),
    "flit, no version": (at(FLIT + DYNAMIC, "x_y.py", "a = 1\n"), "x_y.py: __version__ is not there", V),
    "flit without [project]": (at(FLIT + "[tool.flit.metadata]\nmodule = 'x'\n", "a", ""), "no [project] table",
        "write"),
    "attr of a computed module": (at(ATTR, "a.py", ""), "names the module x, which is not here", "package-dir"),
    "attr in two places": (at(ATTR, "x.py", "", **{"src/x.py": ""}), "which is x.py and src/x.py", "keep one"),
    "attr is a list": (at(ATTR.replace('"x.__version__"', "[1]"), "a", ""), "has attr = [1]", "one `attr"),
    "file of two": (at(FILE.replace('"]', '", "b"]'), "a", ""), "has file = ['VERSION', 'b']", "one file"),
    "no file": (at(FILE, "a", ""), "there is no VERSION", "commit"),
    "file of nothing": (at(FILE, "VERSION", "\n"), "VERSION: '' is not a version", "1.2.3.dev0"),
    "file with more in it": (at(FILE, "VERSION", "1.0\n1.1\n"), "is not a version", "1.2.3.dev0"),
    "file with a BOM": (at(FILE, "VERSION", f"{BOM}1.0\n"), "would become part of the version", "BOM"),
    "directive of another kind": (at(FILE.replace("file =", "call ="), "a", ""), "has call = ['VERSION']", "one file"),
    "directive is a text": (at(ATTR.replace('{attr = "x.__version__"}', '"1.0"'), "a", ""), "is '1.0'", "attr ="),
    "setup.py": (at(SETUP + DYNAMIC, "setup.py", ""), "computes the version, and no usual file", "`__version__"),
    "setup.py, two places": (
        {"pyproject.toml": SETUP + DYNAMIC, "setup.py": "setup(version=f('__init__.py', 'version.py'))",
         "x_y/__init__.py": "VERSION = '1'\n", "x_y/version.py": "version = '1'\n"},
        "computes the version, and 2 places", "`__version__"),
    "setup.py reads another file": (
        {"pyproject.toml": SETUP + DYNAMIC, "setup.py": "setup(version=open('VERSION.txt').read())",
         "x_y/__init__.py": "__version__ = '1'\n"},
        "computes the version, and no usual file", "`__version__"),
    "setup.py, a name of a function": (
        at(SETUP, "setup.py", "v = '1'\ndef main():\n    v = '2'\n    setup(name='x-y', version=v)"),
        "no name in plain text", 'name="'),
    "setup.py is not Python": (at(SETUP + DYNAMIC, "setup.py", "print 'a'"), "cannot be parsed as Python", "correct"),
    "setup.py without a name": (
        at(SETUP, "setup.py", "setup(name=f(), version='1')"), "no name in plain text", 'name="'),
    "setup.py calls it twice": (
        at(SETUP, "setup.py", "setup(name='x')\nsetup(name='y')"), "no name in plain text", 'name="'),
    "setuptools is told nothing": (at(SETUP + DYNAMIC, "a", ""), "has no setting for the version", "[project]"),
    "setup.cfg is none": (at(SETUP + DYNAMIC, "setup.cfg", "version = 1\n"), "setup.cfg cannot be read", "correct"),
    "setup.cfg has it twice": (at(SETUP + DYNAMIC, "setup.cfg", "[metadata]\nversion=1\nversion=2\n"), "cannot be read",
                               "correct"),
    "setup.cfg with a comment": (at(SETUP + DYNAMIC, "setup.cfg", "[metadata]\nversion = 1.0 # c\n"),
                                 "setup.cfg [metadata].version: '1.0 # c' is not a version", "1.2.3.dev0"),
    "setup.cfg over two lines": (at(SETUP + DYNAMIC, "setup.cfg", "[metadata]\nversion =\n    1.0\n"),
                                 "is not written on one line", "one line"),
    "setup.cfg without a name": (at(SETUP, "setup.cfg", "[metadata]\nversion = 1.0\n"), "no [project] table", "name"),
    "setup.cfg with a bad name": (at(SETUP, "setup.cfg", "[metadata]\nname = a b\n"), "[metadata].name 'a b'", "ASCII"),
    "Cargo, no file": (at(MATURIN + DYNAMIC, "a", ""), "there is no Cargo.toml", "commit"),
    "Cargo, no version": (at(MATURIN + DYNAMIC, "Cargo.toml", "[package]\n"), "Cargo.toml has no version", "[package]"),
    "Cargo, no workspace": (at(MATURIN + DYNAMIC, "Cargo.toml", "[package]\nversion.workspace = true\n"),
                            "inherits its version from a workspace that is not", "[package]"),
    "Cargo, a number": (at(MATURIN + DYNAMIC, "Cargo.toml", CRATE + "1\n"), "[package].version is 1, not a string",
        "quotes"),
    "uv_build": (at(build("uv_build") + DYNAMIC, "a", ""), "uv_build takes no dynamic version", "[project]"),
    "another backend": (at(build("sipbuild.api") + DYNAMIC, "a", ""), "backend sipbuild.api is not sup", "[project]"),
    "meson without a version": (at(MESON, "meson.build", "project('x', meson_version: '1')\nf(version: '1')\n"),
        "meson.build has no version in project()", "version: '1.2.3.dev0'"),
    "meson without a call": (at(MESON, "meson.build", "# project('x', version: '1')\n"), "no version in pro", "'"),
    "meson, a call that does not end": (at(MESON, "meson.build", "project('x', version: '1'"), "no version in pr", "'"),
    "meson computes": (at(MESON, "meson.build", "project('x', version: run_command('a').stdout())\n"),
        "meson.build computes it", "[project]"),
    "meson adds": (at(MESON, "meson.build", "project('x', version: '1' + '.2')\n"), "computes it", "[project]"),
    "meson, two files": (at(MESON, "meson.build", "project('x', version: files('a', 'b'))\n"), "computes it", ""),
    "meson is not here": (at(MESON, "a", ""), "meson.build", ""),
    "scikit-build without a provider": (at(SCIKIT, "a", ""), ".metadata.version] has no provider", "[pro"),
    "scikit-build with its own provider": (
        at(SCIKIT + "[tool.scikit-build.metadata.version]\nprovider = 'own'\n", "a", ""), "the provider 'own'", "[pro"),
    "scikit-build makes a text of it": (
        at(SCIKIT + REGEX + "result = '{value}.0'\n", "x.txt", "VERSION = '1'"), "of several parts", "[project]"),
    "scikit-build 1, a provider of its own": (
        at(SCIKIT + ARRAY.replace("dynamic_metadata.regex", "own"), "a", ""),
        "[[tool.dynamic-metadata]] has the provider 'own'", "[project]"),
    "scikit-build 1, the array says nothing of it": (
        at(SCIKIT + ARRAY.replace("field = 'version'", "field = 'readme'"), "a", ""), "no provider", "[project]"),
    "scikit-build 1, the last entry counts": (
        at(SCIKIT + ARRAY + "[[tool.dynamic-metadata]]\nprovider = 'own'\nfield = 'version'\n", "a", ""),
        "the provider 'own'", "[project]"),
    "scikit-build 1, not an array": (
        at(SCIKIT + "[tool]\ndynamic-metadata = 1\n", "a", ""), "no provider", "[project]"),
    "scikit-build, no group": (
        at(SCIKIT + REGEX + "regex = 'V (.+)'\n", "x.txt", "V 1"), "no group for the version", "(?P<value>…)"),
}  # fmt: skip


@pytest.mark.parametrize(("files", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_an_unsupported_source_is_refused(files: dict[str, str], message: str, hint: str) -> None:
    """The message contains the obstacle, and the hint the fix."""
    with pytest.raises(RefusedError) as stop:
        project(files)
    assert message in str(stop.value)
    assert hint in stop.value.hint


def test_python_in_another_encoding_is_refused() -> None:
    """A file that is not UTF-8 could not be written back unchanged."""
    latin = "# coding: latin-1\na = 'ü'\n__version__ = '1.0'\n".encode("latin-1")
    with pytest.raises(RefusedError, match=r"x\.py is not UTF-8: byte 23") as stop:
        parse_project(ATTR.encode(), read={"x.py": latin}.get)
    assert "UTF-8" in stop.value.hint


def test_an_edit_that_the_pattern_no_longer_matches_is_refused() -> None:
    """A pattern that matches only the old version would lose it."""
    settings = HATCHED.replace(HATCH_INIT, "v.txt") + "pattern = '^(?P<version>[0-9.]+)'\n"
    source = project(at(settings, "v.txt", "1.0.0\n")).source
    assert source.plan(Version("2.0.0"))[0].new == "2.0.0\n"
    with pytest.raises(RefusedError, match=r"writing 2\.0\.0\.dev0 at v\.txt would also change something else") as stop:
        source.plan(Version("2.0.0.dev0"))
    assert stop.value.hint


READERS = {
    "digits and dots": (r"""re.search('__version__ = "([0-9.]+)"', text)""", False),
    "three numbers": (r"""re.compile(r'^__version__ = "(\d+)\.(\d+)\.(\d+)"', re.M)""", False),
    "all in quotes": (r"""re.search('__version__ = "([^"]+)"', text)""", True),
    "any": (r"""re.match('__version__ = (.*)', text)""", True),
    "all in quotes, and digits for something else": (
        r"""re.search('__version__ = "([^"]+)"', text), re.search('__version__ = .([0-9.]+)', text)""",
        True,
    ),
    "texts that are no patterns": (
        """('a version (x){99999999999}', '[[a version](b)', '(' * 500 + 'version', 'a version)')""",
        True,
    ),
    "of another thing": (r"""re.search('python_version ([0-9.]+)', text)""", True),
}


@pytest.mark.parametrize(("reads", "any_version"), READERS.values(), ids=READERS)
def test_a_version_that_setup_py_does_not_read_is_not_written(reads: str, *, any_version: bool) -> None:
    """A final is; a commit with such a version is refused before its build fails."""
    setup = f"from setuptools import setup\n{reads}\nsetup(name='x-y', version=f('__init__.py'))\n"
    files = {"pyproject.toml": SETUP, "setup.py": setup, "x_y/__init__.py": '__version__ = "1.1.0"\n'}
    source = project(files).source
    assert source.plan(Version("1.2.0"))
    dev = {**files, "x_y/__init__.py": '__version__ = "1.2.0.dev0"\n'}
    if any_version:
        assert source.plan(Version("1.2.0.dev0"))
        assert project(dev).version == Version("1.2.0.dev0")
        return
    for act in (lambda: source.plan(Version("1.2.0.dev0")), lambda: project(dev)):
        with pytest.raises(
            RefusedError, match=r"setup\.py reads x_y/__init__\.py by the pattern .*, not 1\.2\.0\.dev0"
        ) as stop:
            act()
        assert stop.value.hint.startswith("change that pattern to take any version")
