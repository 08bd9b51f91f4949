"""Where projects declare their version: each place is found as the build backend finds it, and edited in place."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.project.edit import Edit
from release_channels.project.pyproject import Project, parse_project

OLD = "1.0.0.dev0"
NAME = '[project]\nname = "x-y"\n'
DYNAMIC = NAME + 'dynamic = ["version"]\n'
Files = Mapping[str, str]


def build(backend: str, requires: str = "") -> str:
    return f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{backend}"\n'


POETRY, HATCH, SETUP = build("poetry.core.masonry.api"), build("hatchling.build"), build("setuptools.build_meta")
FLIT, PDM, MATURIN = build("flit_core.buildapi"), build("pdm.backend"), build("maturin")
SCIKIT, MESON = build("scikit_build_core.build") + DYNAMIC, build("mesonpy") + DYNAMIC
ARRAY = (
    "[[tool.dynamic-metadata]]\nprovider = 'dynamic_metadata.template'\nfield = 'description'\nresult = 'x'\n"
    "[[tool.dynamic-metadata]]\nprovider = 'dynamic_metadata.regex'\nfield = 'version'\ninput = 'x.txt'\n"
)
REGEX = "[tool.scikit-build.metadata.version]\nprovider = 'scikit_build_core.metadata.regex'\ninput = 'x.txt'\n"
NAMED_POETRY = '[tool.poetry]\nname = "x-y"\n'
HATCHED = HATCH + DYNAMIC + '[tool.hatch.version]\npath = "src/x/__init__.py"\n'
ATTR = SETUP + DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "x.__version__"}\n'
FILE = SETUP + DYNAMIC + '[tool.setuptools.dynamic]\nversion = {file = ["VERSION"]}\n'
PDM_FILE = PDM + DYNAMIC + '[tool.pdm.version]\nsource = "file"\npath = "x/v.py"\n'
PLAIN = f'__version__ = "«{OLD}»"\n'
BOM = "\ufeff"
Q = '"""'


def at(pyproject: str, path: str, text: str, **more: str) -> dict[str, str]:
    return {"pyproject.toml": pyproject, path: text, **more}


# Each project has one version in its files, between « and »: the marks are taken out.
SCM = '[build-system]\nrequires = ["setuptools", "{}"]\nbuild-backend = "setuptools.build_meta"\n'
CASES: dict[str, Files] = {
    "poetry": {"pyproject.toml": POETRY + NAMED_POETRY + f'version = "«{OLD}»"\n'},
    "poetry, literal quotes, comment": {"pyproject.toml": POETRY + NAMED_POETRY + f"version='«{OLD}»'# c\n"},
    "poetry, three quotes, tabs": {"pyproject.toml": POETRY + NAMED_POETRY + f"\tversion\t=\t{Q}«{OLD}»{Q}\t# c\n"},
    "poetry, CRLF": {"pyproject.toml": (POETRY + NAMED_POETRY + f'version = "«{OLD}»"\n').replace("\n", "\r\n")},
    "poetry, no final newline": {"pyproject.toml": POETRY + NAMED_POETRY + f'version = "«{OLD}»"'},
    "poetry, between other tools": {
        "pyproject.toml": f'[tool.a]\nversion = "{OLD}"\n{NAMED_POETRY}version = "«{OLD}»"\n[tool.poetry.urls]\n'
        f'a = "b"\n{POETRY}[tool.b]\nversion = "{OLD}"\n'
    },
    "poetry, dynamic in [project]": {
        "pyproject.toml": POETRY + DYNAMIC + f'[tool.poetry]\nversion = "«{OLD}»"\n',
    },
    "poetry, plugin switched off": {
        "pyproject.toml": f'{POETRY}{NAMED_POETRY}version = "«{OLD}»"\n'
        "[tool.poetry-dynamic-versioning]\nenable = false\n"
    },
    "hatch": at(HATCHED, "src/x/__init__.py", PLAIN),
    "hatch, literal quotes, comment": at(HATCHED, "src/x/__init__.py", f"__version__ = '«{OLD}»'  # was '{OLD}'\n"),
    "hatch, VERSION": at(HATCHED, "src/x/__init__.py", f"VERSION = '«{OLD}»'\n"),
    "hatch, any case": at(HATCHED, "src/x/__init__.py", f"Version='«{OLD}»'\n"),
    "hatch, a v before it": at(HATCHED, "src/x/__init__.py", f"__version__ = 'v«{OLD}»'\n"),
    "hatch, CRLF": at(HATCHED, "src/x/__init__.py", f'"""D."""\r\n\r\n__version__ = "«{OLD}»"\r\nx = 1\r\n'),
    "hatch, no final newline": at(HATCHED, "src/x/__init__.py", f'__version__ = "«{OLD}»"'),
    "hatch, BOM": at(HATCHED, "src/x/__init__.py", f'{BOM}"""D."""\n__version__ = "«{OLD}»"\n'),
    "hatch, other alphabets on the line": at(
        HATCHED, "src/x/__init__.py", f"'ü✓日'; a = 1\n__version__ = '«{OLD}»'; b='ü'\n"
    ),
    "hatch, form feeds": at(HATCHED, "src/x/__init__.py", "a = 1\n\f\nb = 'x'\n" + PLAIN),
    "hatch, another constant beside": at(
        HATCHED, "src/x/__init__.py", f'__build__ = "{OLD}"\n__version_info__ = (1, 0)\n{PLAIN}'
    ),
    "hatch, docstring that looks like it, later": at(
        HATCHED, "src/x/__init__.py", f'{PLAIN}\ndef f():\n    """\n__version__ = "9"\n    """\n'
    ),
    "hatch.toml": at(
        HATCH + DYNAMIC + '[tool.hatch.version]\nsource = "vcs"\n', "x/about.py", PLAIN,
        **{"hatch.toml": '[version]\npath = "x/about.py"\n'},
    ),
    "hatch, source regex said": at(HATCHED + 'source = "regex"\n', "src/x/__init__.py", PLAIN),
    "hatch, pattern": at(
        HATCHED + "pattern = '^RELEASE = \"(?P<version>[^\"]+)\"'\n", "src/x/__init__.py",
        f'__version__ = compute()\nRELEASE = "«{OLD}»"\n',
    ),
    "hatch, pattern in JSON": at(
        f"{HATCH}{DYNAMIC}[tool.hatch.version]\npath = 'p.json'\npattern = '\"version\": \"(?P<version>.+?)\"'\n",
        "p.json", f'{{\r\n\t"version": "«{OLD}»",\r\n\t"other": "{OLD}"}}',
    ),
    "hatch, path with a dot": at(HATCHED.replace("src/x", "./src//x"), "src/x/__init__.py", PLAIN),
    "setuptools attr, src": at(ATTR, "src/x/__init__.py", PLAIN),
    "setuptools attr, flat": at(ATTR, "x/__init__.py", PLAIN),
    "setuptools attr, module": at(ATTR, "x.py", PLAIN),
    "setuptools attr, submodule": at(ATTR.replace("x.__v", "x.about.__v"), "src/x/about.py", PLAIN),
    "setuptools attr, package-dir": at(
        ATTR + '[tool.setuptools.package-dir]\n"" = "lib"\n', "lib/x/__init__.py", PLAIN, **{"src/x.py": "a = 1\n"}
    ),
    "setuptools attr, package-dir of one package": at(
        ATTR + '[tool.setuptools]\npackage-dir = {x = "odd/place"}\n', "odd/place/__init__.py", PLAIN
    ),
    "setuptools attr, find where": at(
        ATTR + '[tool.setuptools.packages.find]\nwhere = ["code"]\n', "code/x/__init__.py", PLAIN
    ),
    "setuptools attr, package_dir in setup.cfg": at(
        ATTR, "lib/x/__init__.py", PLAIN, **{"setup.cfg": "[options]\npackage_dir =\n    = lib\n"}
    ),
    "setuptools attr, where in setup.cfg": at(
        ATTR, "lib/x/__init__.py", PLAIN, **{"setup.cfg": "[options.packages.find]\nwhere = lib\n"}
    ),
    "setuptools attr beside setuptools-scm": at(ATTR + "[tool.setuptools_scm]\n", "x/__init__.py", PLAIN),
    "setuptools attr, annotated": at(ATTR, "x.py", f'__version__: str = "«{OLD}»"\n'),
    "setuptools attr, raw string": at(ATTR, "x.py", f"__version__ = r'«{OLD}»'\n"),
    "setuptools attr, three quotes": at(ATTR, "x.py", f"__version__ = {Q}«{OLD}»{Q} # c\n"),
    "setuptools attr, two names": at(ATTR, "x.py", f"VERSION = __version__ = '«{OLD}»'\n"),
    "setuptools attr, parentheses": at(ATTR, "x.py", f"__version__ = (\n    '«{OLD}»'  # c\n)\n"),
    "setuptools attr, tabs and semicolons": at(ATTR, "x.py", f"a = 1;\t__version__\t=\t'«{OLD}»'\t;\tb = 2\n"),
    "setuptools attr, old Mac newlines": at(ATTR, "x.py", f"a = 1\r__version__ = '«{OLD}»'\rb = 2\r"),
    "setuptools attr, read and local elsewhere": at(
        ATTR, "x.py", f"{PLAIN}\ndef f(__version__):\n    __version__ = 2\n    return __version__\nprint(__version__)\n"
    ),
    "setuptools attr, invalid escapes": at(ATTR, "x.py", f"a = '\\d'\n{PLAIN}"),
    "setuptools file": at(FILE, "VERSION", f"«{OLD}»\n"),
    "setuptools file, bare": at(FILE, "VERSION", f"«{OLD}»"),
    "setuptools file, space around": at(FILE, "VERSION", f"\r\n\t «{OLD}» \r\n\r\n"),
    "setuptools file, as text": at(FILE.replace('["VERSION"]', '"./VERSION"'), "VERSION", f"«{OLD}»\n"),
    "setup.cfg": at(SETUP + DYNAMIC, "setup.cfg", f"[metadata]\nversion = «{OLD}»\nname = x\n"),
    "setup.cfg beside the file finder": at(
        SCM.format("setuptools-scm>=8") + DYNAMIC, "setup.cfg", f"[metadata]\nversion = «{OLD}»\nname = x\n"
    ),
    "setup.cfg alone": at(SETUP, "setup.cfg", f"[metadata]\nname = x-y\nversion = «{OLD}»\n"),
    "setup.cfg, BOM, CRLF, tabs": at(SETUP, "setup.cfg", f"{BOM}[metadata]\r\nname=x-y\r\nVersion\t:\t«{OLD}»\t\r\n"),
    "setup.cfg, no final newline": at(SETUP, "setup.cfg", f"[metadata]\nname=x-y\nversion=«{OLD}»"),
    "setup.cfg, look-alikes": at(
        SETUP, "setup.cfg",
        f"[bumpversion]\nversion = {OLD}\n[metadata]\nname = x-y\n# version = {OLD}\ndescription = a\n"
        f"    version = {OLD}\nversion = «{OLD}»\n[options]\nversion = {OLD}\n",
    ),
    "setup.cfg attr": at(
        SETUP, "x.py", PLAIN, **{"setup.cfg": "[metadata]\nname = x-y\nversion = attr: x.__version__\n"}
    ),
    "setup.cfg file": at(
        SETUP, "V.txt", f"«{OLD}»\n", **{"setup.cfg": "[metadata]\nname = x-y\nversion = file: V.txt\n"}
    ),
    "flit": at(FLIT + DYNAMIC, "x_y/__init__.py", f'"""Doc, not\n__version__ = "9"\n"""\n{PLAIN}'),
    "flit, src": at(FLIT + DYNAMIC, "src/x_y/__init__.py", PLAIN),
    "flit, one file": at(FLIT + DYNAMIC, "x_y.py", PLAIN),
    "flit, named module": at(FLIT + DYNAMIC + "[tool.flit.module]\nname = 'other'\n", "src/other.py", PLAIN),
    "flit, namespace": at(FLIT + DYNAMIC + "[tool.flit.module]\nname = 'a.b'\n", "a/b/__init__.py", PLAIN),
    "flit, version file": at(
        FLIT + DYNAMIC, "x_y/_version.py", PLAIN, **{"x_y/__init__.py": "from ._version import __version__\n"}
    ),
    "scikit-build": at(SCIKIT + REGEX.replace("x.txt", "x/v.py"), "x/v.py", PLAIN),
    "scikit-build, its own pattern": at(
        SCIKIT + REGEX + "regex = 'project\\(x VERSION (?P<value>\\S+)\\)'\n", "x.txt", f"project(x VERSION «{OLD}»)\n"
    ),
    "scikit-build 1": at(SCIKIT + ARRAY, "x.txt", f"{PLAIN}"),
    "meson": at(MESON, "meson.build", f"project('x', 'c', version: '«{OLD}»', license: 'MIT')\n"),
    "meson over lines": at(
        MESON,
        "meson.build",
        f"# project('a', version: '{OLD}')\nproject(\n  'version', ['c'],\n  meson_version: '>={OLD}',\n"
        f"  default_options: ['version: {OLD}', '\\''], # version: '{OLD}'\n  version\t: '''«{OLD}»''',\n)\n"
        f"dependency('z', version: '{OLD}')\n",
    ),
    "meson, deeper": at(
        MESON, "meson.build", f"project('x', default_options: f(version: '{OLD}'), version: # as it is\n '«{OLD}»')\n"
    ),
    "meson, a file": at(
        MESON, "meson.build", "project('x', version : files('v.txt'))\n", **{"v.txt": f"«{OLD}»\n"}
    ),
    "pdm": at(PDM_FILE, "x/v.py", PLAIN),
    "pdm, no source said": at(
        PDM_FILE.replace('source = "file"\n', ""), "x/v.py", f"VERSION='«{OLD}»' # c\r\nx = 1\r\n"
    ),
    "pdm, pattern": at(
        PDM_FILE.replace("v.py", "v.txt") + "pattern = 'is (.+)$'\n", "x/v.txt", f"it is «{OLD}»\r\nbye\n"
    ),
    "hatch runs a module": at(
        HATCHED + 'source = "code"\n', "src/x/__init__.py", f"VERSION = '«{OLD}»'\n__version__ = VERSION\n"
    ),
    "hatch runs a module for another name": at(
        HATCHED + 'source = "code"\nexpression = "NAME"\n', "src/x/__init__.py", f"NAME = '«{OLD}»'\n"
    ),
    "setuptools attr, another name": at(ATTR, "x.py", f"a = b = '«{OLD}»'\nc = b\n__version__ = c\n"),
    "setuptools attr, imported": at(
        ATTR, "x/data.py", f"v = '«{OLD}»'\n", **{"x/__init__.py": "from .data import v as __version__\n"}
    ),
    "setuptools attr, imported by its whole name": at(
        ATTR, "src/x/data.py", f"v = '«{OLD}»'\n",
        **{"src/x/__init__.py": "from x.data import v\n__version__ = v\n"},
    ),
    "setuptools attr, imported from above": at(
        ATTR.replace("x.__v", "x.a.__v"), "x/data/__init__.py", PLAIN,
        **{"x/a/__init__.py": "from ..data import __version__\n"},
    ),
    "flit, imported": at(
        FLIT + DYNAMIC, "x_y/package_data.py", PLAIN,
        **{"x_y/__init__.py": "from .package_data import __version__\n"},
    ),
    "a backend of its own around setuptools": at(
        build("backend", '"setuptools>=68"').replace("]\n", ']\nbackend-path = ["hook"]\n', 1)
        + DYNAMIC + '[tool.setuptools.dynamic]\nversion = {attr = "x.__version__"}\n',
        "x.py", PLAIN,
    ),
    "no [build-system]": {"pyproject.toml": f'{NAME}version = "«{OLD}»"\n'},
    "setup.cfg without pyproject.toml": {"setup.cfg": f"[metadata]\nname = x-y\nversion = «{OLD}»\n"},
    "setup.py without pyproject.toml": {
        "setup.py": f"from setuptools import setup\nsetup(name='x-y', version='«{OLD}»')\n"
    },
    "setup.py, a name": {
        "setup.py": f"import setuptools\nNAME, V = 'a', 'b'\nname = 'x-y'\nv = '«{OLD}»'\n"
        "setuptools.setup(name=name, version=v)\n"
    },
    "setup.py, the tags switched off": {
        "setup.py": f"from setuptools import setup\nsetup(name='x-y', use_scm_version=False, version='«{OLD}»')\n"
    },
    "setup.py, an attribute": {
        "setup.py": "import x\nfrom setuptools import setup\nsetup(name='x-y', version=x.__version__)\n", "x.py": PLAIN,
    },
    "setup.py reads a file": at(
        SETUP, "x_y/__init__.py", PLAIN,
        **{"setup.py": "import re\nfrom setuptools import setup\n"
           "v = re.search('a', open('x_y/__init__.py').read()).group(1)\nsetup(name='x-y', version=v)\n"},
    ),
    "setup.py runs a file": at(
        SETUP + DYNAMIC, "src/x_y/_version.py", f"VERSION = '«{OLD}»'\n",
        **{"setup.py": "from setuptools import setup\nsetup(version=read('_version.py')['VERSION'])\n",
           "src/x_y/__init__.py": ""},
    ),
    "static beside a plugin": {"pyproject.toml": SETUP + NAME + f'version = "«{OLD}»"\n[tool.setuptools_scm]\n'},
}  # fmt: skip
each_case = pytest.mark.parametrize("marked", CASES.values(), ids=CASES)


def plain(files: Files) -> dict[str, str]:
    return {path: text.replace("«", "").replace("»", "") for path, text in files.items()}


def with_version(text: str, version: str) -> str:
    before, _, rest = text.partition("«")
    return before + version + rest.partition("»")[2]


def project(files: Files) -> Project:
    def read(path: str) -> bytes | None:
        return files[path].encode() if path in files else None

    return parse_project(read("pyproject.toml"), read=read)


def plan(files: Files, version: str) -> dict[str, str]:
    """Return the files after the edits of a plan."""
    edits = project(files).source.plan(Version(version))
    assert all(files[edit.path] == edit.old for edit in edits)
    return {**files, **{edit.path: edit.new for edit in edits}}


JOINED = {
    "map": ("(«1, 0, 0, 'dev0'»)", "__version__ = '.'.join(map(str, V))"),
    "generator": ("(«1, 0, 0, 'dev0'»)", "__version__ = '.'.join(str(part) for part in V)"),
    "list": ("(\n    «1, 0,\n    0, 'dev0'»,\n)", "__version__ = '.'.join([str(part) for part in V])"),
    "texts": ("(«'1', '0', '0', 'dev0'»)", "__version__ = '.'.join(map(str, V))"),
}


@pytest.mark.parametrize(("parts", "line"), JOINED.values(), ids=JOINED)
def test_a_version_tuple_is_rewritten_as_numbers(parts: str, line: str) -> None:
    """A final is numbers alone, and nothing else changes."""
    files = at(ATTR, "x.py", f"# c\nV = {parts}\n{line}\n")
    for version, spelled in (("2.0.0", "2, 0, 0"), ("2.0.0.dev7", '2, 0, 0, "dev7"'), ("1.0.0rc1", '1, 0, "0rc1"')):
        once = plan(plain(files), version)
        assert once["x.py"] == with_version(files["x.py"], spelled)
        assert str(project(once).version) == version
    assert str(project(plain(files)).version) == OLD


def home(marked: Files) -> str:
    return next(path for path, text in marked.items() if "«" in text)


@each_case
@pytest.mark.parametrize("version", ["2.0.0", "1.0.0.dev4711"], ids=["final", "dev"])
def test_only_the_version_changes(marked: Files, version: str) -> None:
    """No other file is edited."""
    path = home(marked)
    edits = project(plain(marked)).source.plan(Version(version))
    assert edits == (Edit(path, plain(marked)[path], with_version(marked[path], version)),)


@each_case
def test_the_declared_version_is_read(marked: Files) -> None:
    """Its location contains the file's name, and it needs no edit or variable."""
    source = project(plain(marked)).source
    assert (source.version, source.path, source.is_written) == (Version(OLD), home(marked), True)
    assert source.where.startswith(home(marked))
    assert source.plan(Version(OLD)) == ()
    assert source.environment(Version("2.0")) == {}


@each_case
def test_writing_the_old_version_restores_every_file(marked: Files) -> None:
    assert plan(plan(plain(marked), "2.0.0"), OLD) == plain(marked)


SPACE = st.sampled_from(["", " ", "\t", "  "])
NEWLINE = st.sampled_from(["\n", "\r\n"])
FILLER = st.sampled_from(
    [
        "",
        "# c",
        "# __version__ = '1.0.0.dev0'",
        "a = 1",
        "b = 'ü✓'",
        "'''d\n1.0.0.dev0'''",
        "def f():\n    return '1.0.0.dev0'",
    ]
)


@st.composite
def modules(draw: st.DrawFn) -> str:
    """Generate a marked Python file."""
    quotes = draw(st.sampled_from(["'", '"', "'''", Q]))
    prefix = draw(st.sampled_from(["", "r", "u", "R"]))
    line = (
        f"__version__{draw(st.sampled_from(['', ': str']))}{draw(SPACE)}={draw(SPACE)}{prefix}{quotes}«{OLD}»{quotes}"
        f"{draw(st.sampled_from(['', ' # c', '; c = 3', chr(9)]))}"
    )
    lines = [*draw(st.lists(FILLER, max_size=4)), line, *draw(st.lists(FILLER, max_size=4))]
    text = "\n".join(lines).replace("\n", draw(NEWLINE))
    return draw(st.sampled_from(["", BOM])) + text + draw(st.sampled_from(["", "\n", "\r\n"]))


@st.composite
def cfgs(draw: st.DrawFn) -> str:
    """Generate a marked setup.cfg."""
    comments = st.sampled_from(["", "# version = 1.0.0.dev0", "; c"])
    version = f"version{draw(SPACE)}{draw(st.sampled_from(['=', ':']))}{draw(SPACE)}«{OLD}»{draw(SPACE)}"
    metadata = draw(st.permutations([version, "name = x-y", "long = a\n  version = 1.0.0.dev0\n\tb", draw(comments)]))
    other = ["[bumpversion]", "version = 1.0.0.dev0", draw(comments)]
    parts = draw(st.permutations([["[metadata]", *metadata], other]))
    text = "\n".join(line for part in parts for line in part).replace("\n", draw(NEWLINE))
    return draw(st.sampled_from(["", BOM])) + text + draw(st.sampled_from(["", "\n", "\r\n\r\n"]))


@st.composite
def tomls(draw: st.DrawFn, table: str, first: str) -> str:
    """Generate a marked TOML file with the version in one table."""
    quotes = draw(st.sampled_from(['"', "'", Q, "'''"]))
    comment = draw(st.sampled_from(["", " # c", "\t# version = '1.0.0.dev0'"]))
    version = f"{draw(SPACE)}version{draw(SPACE)}={draw(SPACE)}{quotes}«{OLD}»{quotes}{comment}"
    head = [f"[{table}]", *draw(st.permutations([version, first, draw(st.sampled_from(["", "# c"]))]))]
    other = ["[tool.a]", 'version = "1.0.0.dev0"', "x = nan"]
    lines = [line for part in draw(st.permutations([head, other])) for line in part]
    return "\n".join(lines).replace("\n", draw(NEWLINE)) + draw(st.sampled_from(["", "\n"]))


SPACES = st.text(" \t\r\n\f", max_size=4)
GENERATED: dict[str, st.SearchStrategy[dict[str, str]]] = {
    "attr": modules().map(lambda text: at(ATTR, "x.py", text)),
    "flit": modules().map(lambda text: at(FLIT + DYNAMIC, "x_y.py", text)),
    "setup.cfg": cfgs().map(lambda text: at(SETUP, "setup.cfg", text)),
    "file": st.builds(lambda a, b: at(FILE, "VERSION", f"{a}«{OLD}»{b}"), SPACES, SPACES),
    "poetry": tomls("tool.poetry", 'name = "x-y"').map(lambda text: {"pyproject.toml": POETRY + text}),
    "hatch": st.builds(
        lambda before, quotes, after, newline: at(
            HATCHED, "src/x/__init__.py",
            "\n".join((*before, f"__version__ = {quotes}«{OLD}»{quotes}", *after)).replace("\n", newline),
        ),
        st.lists(FILLER.filter(lambda text: "d\n" not in text), max_size=3), st.sampled_from("\"'"),
        st.lists(FILLER, max_size=3), NEWLINE,
    ),
    "pdm": st.builds(
        lambda before, quotes, after, newline: at(
            PDM_FILE, "x/v.py",
            "\n".join((*before, f"VERSION\t= {quotes}«{OLD}»{quotes} # c", *after)).replace("\n", newline),
        ),
        st.lists(FILLER, max_size=3), st.sampled_from("\"'"), st.lists(FILLER, max_size=3), NEWLINE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", GENERATED)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_file_changes_only_its_version(kind: str, data: st.DataObject) -> None:
    """Over generated files; writing the old version restores the bytes."""
    marked = data.draw(GENERATED[kind])
    path = home(marked)
    after = plan(plain(marked), "12.0.0.post3.dev4")
    assert after == {**plain(marked), path: with_version(marked[path], "12.0.0.post3.dev4")}
    assert plan(after, OLD) == plain(marked)
