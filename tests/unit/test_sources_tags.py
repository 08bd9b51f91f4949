"""Versions outside the Python files: in git tags, and in Cargo's spelling."""

from __future__ import annotations

import pytest
from packaging.version import Version

from release_channels.errors import FailedError, RefusedError
from release_channels.model.tags import ReachableTags, version_of
from release_channels.project.edit import Edit
from release_channels.project.files import nothing
from release_channels.project.plan_edits import plan_preview
from release_channels.project.pyproject import Project, parse_project
from release_channels.project.sources.cargo import spell
from release_channels.release.build import refuse_other_version
from tests.unit.test_sources import DYNAMIC, HATCH, MATURIN, NAMED_POETRY, PDM, SCIKIT, SETUP, at, build, project

PDV = build("poetry_dynamic_versioning.backend")
ENABLED = "[tool.poetry-dynamic-versioning]\nenable = true\n"
PRETEND = "SETUPTOOLS_SCM_PRETEND_VERSION"
URL = "https://h.example/o/n/commit/" + "a" * 40

# The project, and the variable that its backend listens to.
TAGGED = {
    "setuptools-scm by table": (SETUP + DYNAMIC + "[tool.setuptools_scm]\n", f"{PRETEND}_FOR_X_Y"),
    "setuptools-scm by requirement": (
        build("setuptools.build_meta", '"setuptools", "Setuptools_SCM[simple]>=8"') + DYNAMIC, f"{PRETEND}_FOR_X_Y"),
    "setuptools-scm, odd name": (
        SETUP + DYNAMIC.replace("x-y", "X.y__z") + "[tool.setuptools_scm]\n", f"{PRETEND}_FOR_X_Y_Z"),
    "hatch-vcs": (HATCH + DYNAMIC + "[tool.hatch.version]\nsource = 'vcs'\n", PRETEND),
    "uv-dynamic-versioning": (
        HATCH + DYNAMIC + "[tool.hatch.version]\nsource = 'uv-dynamic-versioning'\n", "UV_DYNAMIC_VERSIONING_BYPASS"),
    "poetry-dynamic-versioning": (
        PDV + NAMED_POETRY + "version = '0.0.0'\n" + ENABLED, "POETRY_DYNAMIC_VERSIONING_BYPASS"),
    "poetry-dynamic-versioning, [project]": (
        PDV + DYNAMIC + "[tool.poetry]\nversion = '0.0.0'\n" + ENABLED, "POETRY_DYNAMIC_VERSIONING_BYPASS"),
    "flit-scm": (build("flit_scm:buildapi") + DYNAMIC, PRETEND),
    "scikit-build-core": (
        SCIKIT + "[tool.scikit-build]\nmetadata.version.provider = 'scikit_build_core.metadata.setuptools_scm'\n",
        PRETEND),
    "scikit-build-core 1": (
        SCIKIT + "[[tool.dynamic-metadata]]\nprovider = 'scikit_build_core.metadata.setuptools_scm'\n", PRETEND),
    "pdm scm": (PDM + DYNAMIC + "[tool.pdm.version]\nsource = 'scm'\n", "PDM_BUILD_SCM_VERSION"),
}  # fmt: skip


def tagged(text: str, exact: str | None = None, nearest: str | None = None) -> Project:
    return parse_project(text.encode(), tags=ReachableTags(exact, nearest))


@pytest.mark.parametrize(("text", "variable"), TAGGED.values(), ids=TAGGED)
def test_a_tag_version_is_passed_to_the_backend(text: str, variable: str) -> None:
    """By the backend's own variable; no file is edited."""
    source = tagged(text, nearest="v1.2.0").source
    assert (source.version, source.is_written, source.path) == (Version("1.2.1.dev0"), False, "")
    assert source.plan(Version("1.2.1")) == ()
    assert source.environment(Version("1.2.1.dev42")) == {variable: "1.2.1.dev42"}
    assert source.where.startswith("the git tags (")


def test_versioneer_reads_a_tag_and_no_variable() -> None:
    """Whatever file beside setup.py it is imported from."""
    files = at(SETUP, "setup.py", "import versioneer\nsetup(name='x-y', version=versioneer.get_version())\n")
    source = project(files).with_tags(ReachableTags(None, "v1.2.0")).source
    assert (source.version, source.is_written, source.path) == (Version("1.2.1.dev0"), False, "")
    assert source.environment(Version("1.2.1.dev42")) == {}
    assert source.where == "the git tags (versioneer)"


@pytest.mark.parametrize(
    ("exact", "nearest", "version"),
    [
        (None, None, "0.1.0.dev0"),
        (None, "v1.2.0", "1.2.1.dev0"),
        (None, "v1!1.2", "1!1.2.1.dev0"),
        (None, "v1.2.3.post1", "1.2.4.dev0"),
        (None, "v2.0.0rc1", "2.0.1.dev0"),
        (None, "v2.0.0-rc1", "2.0.1.dev0"),
        (None, "v2.0.0.dev7", "2.0.0.dev0"),
        (None, "v2.0.0rc1.dev1", "2.0.1.dev0"),
        (None, "v2024.01.05", "2024.1.6.dev0"),
        ("v1.2.0", "v2.0.0rc1", "1.2.0"),
        ("v1.2.0", "v1.2.0", "1.2.0"),
        ("v1.2.0.post1", "v1.2.0.post1", "1.2.0.post1"),
    ],
)
def test_tags_give_the_version_of_a_commit(exact: str | None, nearest: str | None, version: str) -> None:
    """The tag's version on a tagged commit, otherwise the dev line after the nearest tag."""
    text = TAGGED["pdm scm"][0]
    assert tagged(text, exact, nearest).version == Version(version)
    assert tagged(text).with_tags(ReachableTags(exact, nearest)).version == Version(version)


SCM = {
    # the requirement, and whether it takes the version from the tags without a table
    "bare": ("setuptools-scm", False),
    "lower bound": ("setuptools-scm>=8", False),
    "with the extra": ("setuptools-scm[simple]", True),
    "the extra and others": ("setuptools_scm[toml,simple]>=9.2", True),
    "another extra": ("setuptools-scm[toml]>=6.2", False),
    "the last that did by themselves": ("setuptools-scm>=9,<9.2", True),
    "one of these": ("setuptools-scm==9.1.*", True),
    "one of those before": ("setuptools-scm==8.3.1", False),
    "before, with the extra": ("setuptools-scm[simple]<9", False),
    "one of those after": ("setuptools-scm==10.3.4", False),
    "one of those after, with the extra": ("setuptools-scm[simple]==10.3.4", True),
}


@pytest.mark.parametrize(("requirement", "is_inferred"), SCM.values(), ids=SCM)
def test_setuptools_scm_without_a_table_follows_its_own_rules(requirement: str, is_inferred: bool) -> None:
    """Where it only finds files, setup.cfg has the version; otherwise both ways to enable it are hinted."""
    text = build("setuptools.build_meta", f'"setuptools", "{requirement}"') + DYNAMIC
    found = project(at(text, "setup.cfg", "[metadata]\nversion = 1.1.1.dev0\n")).source
    assert (found.is_written, found.path) == ((False, "") if is_inferred else (True, "setup.cfg"))
    if not is_inferred:
        with pytest.raises(RefusedError, match="setuptools-scm only finds files") as stop:
            tagged(text)
        assert "[tool.setuptools_scm], or" in stop.value.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (TAGGED["pdm scm"][0], "is that enabled"),
        (HATCH + '[project]\nname = "x-y"\nversion = "1.1.1"\n', "in [project]"),
    ],
)
def test_a_build_of_another_version_is_refused(text: str, hint: str) -> None:
    """The hint depends on where the version was read."""
    known = tagged(text)
    refuse_other_version(["x_y-1.1.1.tar.gz", "x_y-1.1.1-py3-none-any.whl"], Version("1.1.1"), known)
    for names in (["x_y-1.2.0.tar.gz"], ["x_y-1.1.1.tar.gz", "x_y-1.2.0-py3-none-any.whl"]):
        with pytest.raises(FailedError, match=r"the plan is 1\.1\.1, from .*made 1\.2\.0") as stop:
            refuse_other_version(names, Version("1.1.1"), known)
        assert hint in stop.value.hint


def test_tags_are_ignored_where_a_file_has_the_version() -> None:
    static = tagged(HATCH + '[project]\nname = "x"\nversion = "1.0"\n', "v9.0", "v9.0")
    assert static.version == static.with_tags(ReachableTags("v8.0", "v8.0")).version == Version("1.0")


@pytest.mark.parametrize("tag", ["1.2.0", "v1.2.0 ", "release", "V1.2.0", "vv1.2.0", "v1.2.0\n", "v", "v1.2.0+x"])
def test_a_tag_of_another_format_is_refused(tag: str) -> None:
    """Only the format around a version in normal form gives a version."""
    assert version_of(tag, "v{version}") == (Version("1.2.0+x") if "+" in tag else None)
    with pytest.raises(RefusedError, match=r"is not 'v\{version\}' with a version") as stop:
        tagged(TAGGED["pdm scm"][0], nearest=tag)
    assert "v1.2.0" in stop.value.hint


@pytest.mark.parametrize("tag", ["v01.2", "v1.2.0-rc1"])
def test_a_release_tag_is_in_normal_form(tag: str) -> None:
    """A tag in another spelling counts for tools that read tags, but not as a release."""
    assert version_of(tag, "v{version}") is None
    with pytest.raises(RefusedError, match=r"is not 'v\{version\}' with a version"):
        tagged(TAGGED["pdm scm"][0], exact=tag)


@pytest.mark.parametrize(
    ("tag", "tag_format", "version"),
    [("v1.2", "v{version}", "1.2"), ("1.2.0rc1", "{version}", "1.2.0rc1"), ("a-1.0-b", "a-{version}-b", "1.0")],
)
def test_a_tag_of_the_format_gives_its_version(tag: str, tag_format: str, version: str) -> None:
    """The text in place of {version} is the version."""
    assert version_of(tag, tag_format) == Version(version)
    assert version_of("v" + "9" * 5000, "v{version}") is None


def test_a_preview_from_tags_contains_its_commit_url() -> None:
    """Although no version is written."""
    text = TAGGED["pdm scm"][0]
    (edit,) = plan_preview(tagged(text), nothing, Version("0.1.0.dev7"), URL)
    assert edit == Edit("pyproject.toml", text, f'{text}\n[project.urls]\n"Source commit" = "{URL}"\n')
    assert plan_preview(tagged(text), nothing, Version("0.1.0.dev7"), None) == ()


def test_a_preview_edits_the_version_file_and_pyproject() -> None:
    """The version in one, the commit's URL in the other, one edit each."""
    pyproject = SETUP + DYNAMIC + "[tool.setuptools.dynamic]\nversion = {file = 'VERSION'}\n"
    edits = plan_preview(project(at(pyproject, "VERSION", "1.0.dev0\n")), nothing, Version("1.0.dev7"), URL)
    assert [edit.path for edit in edits] == ["VERSION", "pyproject.toml"]
    assert edits[0].new == "1.0.dev7\n"
    assert URL in edits[1].new


def test_a_poetry_project_gets_no_commit_url() -> None:
    """Without a [project] table no index would show it."""
    text = build("poetry.core.masonry.api") + NAMED_POETRY + 'version = "1.0.dev0"\n'
    (edit,) = plan_preview(tagged(text), nothing, Version("1.0.dev7"), URL)
    assert edit.new == text.replace("dev0", "dev7")


def test_a_poetry_projects_metadata_is_read() -> None:
    """Name, Python requirement, scripts and URLs come from [tool.poetry]."""
    text = build("poetry.core.masonry.api") + (
        '[tool.poetry]\nname = "X_y"\nversion = "1.0"\nhomepage = "https://x.example"\nrepository = "https://h.example/o/n"\n'
        '[tool.poetry.scripts]\nx = "x:main"\nfile = {reference = "x.sh", type = "file"}\n[tool.poetry.urls]\nA = "b"\n'
        '[tool.poetry.dependencies]\npython = "^3.9"\n'
    )
    known = tagged(text)
    assert (known.name, known.normalized_name) == ("X_y", "x-y")
    assert known.scripts == {"x": "x:main"}
    assert known.urls == {"Homepage": "https://x.example", "Repository": "https://h.example/o/n", "A": "b"}
    assert (known.requires_python, known.has_project_table) == ("<4,>=3.9", False)


@pytest.mark.parametrize(
    ("python", "expected"),
    [
        ("^3.9", "<4,>=3.9"), ("~3.9", "<3.10,>=3.9"), ("~3.9.2", "<3.10,>=3.9.2"), ("^3", "<4,>=3"), ("~3", "<4,>=3"),
        (">=3.9,<4", "<4,>=3.9"), ("*", None), ("^3.9 || ^4", None), ("^3.9,!=3.10.1", "!=3.10.1,<4,>=3.9"),
    ],
)  # fmt: skip
def test_poetrys_python_constraint_is_translated(python: str, expected: str | None) -> None:
    """Short forms become specifiers; what only poetry understands is left out."""
    text = (
        build("poetry.core.masonry.api")
        + NAMED_POETRY
        + f"version='1'\n[tool.poetry.dependencies]\npython='{python}'\n"
    )
    assert tagged(text).requires_python == expected


def test_a_setup_cfg_projects_metadata_is_read() -> None:
    """Name, Python requirement, scripts and URLs."""
    cfg = (
        "[metadata]\nname = X_y\nversion = 1.0\nurl = https://x.example\nproject_urls =\n    Source = https://h.example/o/n\n"
        "[options]\npython_requires = >=3.9\n[options.entry_points]\nconsole_scripts =\n    x = x:main\n"
    )
    known = project(at(SETUP, "setup.cfg", cfg))
    assert (known.name, known.normalized_name, known.version) == ("X_y", "x-y", Version("1.0"))
    assert known.scripts == {"x": "x:main"}
    assert known.urls == {"Homepage": "https://x.example", "Source": "https://h.example/o/n"}
    assert known.requires_python == ">=3.9"


CRATE = '[package]\nname = "x"\nversion = "«»"\n'
INHERITED = '[package]\nname = "x"\nversion.workspace = true\n'
WORKSPACE = '[workspace]\nmembers = ["a/b"]\n[workspace.package]\nversion = "«»" # c\n'
PATH = '[tool.maturin]\nmanifest-path = "a/b/Cargo.toml"\n'
CARGO = {
    "crate": (MATURIN + DYNAMIC, {"Cargo.toml": CRATE}),
    "crate elsewhere": (MATURIN + DYNAMIC + PATH,
        {"a/b/Cargo.toml": CRATE, "Cargo.toml": WORKSPACE.replace("«»", "9")}),
    "CRLF, dependencies": (
        MATURIN + DYNAMIC,
        {"Cargo.toml": (CRATE + '[dependencies]\na = { version = "1.2.3-dev0" }\n').replace("\n", "\r\n")}),
    "workspace above": (MATURIN + DYNAMIC + PATH, {"a/b/Cargo.toml": INHERITED, "Cargo.toml": WORKSPACE}),
    "workspace in the same file": (MATURIN + DYNAMIC, {"Cargo.toml": INHERITED + WORKSPACE}),
    "workspace that is named": (
        MATURIN + DYNAMIC + PATH, {"a/b/Cargo.toml": INHERITED + 'workspace = "../w"\n', "a/w/Cargo.toml": WORKSPACE}),
}  # fmt: skip


@pytest.mark.parametrize(("pyproject", "marked"), CARGO.values(), ids=CARGO)
def test_cargo_gets_its_own_version_spelling(pyproject: str, marked: dict[str, str]) -> None:
    """A dev release is `1.2.3-dev0`; one literal changes, also where the crate inherits it."""

    def files(version: str) -> dict[str, str]:
        return {"pyproject.toml": pyproject} | {path: text.replace("«»", version) for path, text in marked.items()}

    path = next(path for path, text in marked.items() if "«»" in text)
    source = project(files("1.2.3-dev0")).source
    assert (source.version, source.path) == (Version("1.2.3.dev0"), path)
    for wanted, spelled in (("1.2.3", "1.2.3"), ("1.3.0.dev42", "1.3.0-dev42")):
        assert source.plan(Version(wanted)) == (Edit(path, files("1.2.3-dev0")[path], files(spelled)[path]),)
    assert source.plan(Version("1.2.3.dev0")) == ()


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1!1.2.3", "no epoch"), ("1.2.3.post1", "a post-release for one that comes before"), ("1.2", "three numbers"),
        ("1.2.3.4", "three numbers"), ("1.2.3rc1", "no pre-release"), ("1.2.3+x", "no local version"),
    ],
)  # fmt: skip
def test_a_version_without_a_semver_form_is_refused(version: str, message: str) -> None:
    with pytest.raises(RefusedError, match=message) as stop:
        spell(Version(version))
    assert "1.2.3" in stop.value.hint


@pytest.mark.parametrize(
    ("text", "own", "expected"),
    [
        ("", None, ""),
        ("[tool.towncrier]\n", None, "NEWS.rst"),
        ('[tool.towncrier]\nfilename = "CHANGES.md"\n', None, "CHANGES.md"),
        ('[tool.towncrier]\nfilename = "CHANGES.md"\n', '[tool.towncrier]\nfilename = "NEWS.md"\n', "NEWS.md"),
        ("", "[tool.other]\n", ""),
        (
            '[tool.towncrier]\nsingle_file = false\nname = "X"\nfilename = "n/{name}-{version}.md"\n',
            None,
            "n/X-1.2.0.md",
        ),
    ],
)
def test_towncriers_news_file_is_found(text: str, own: str | None, expected: str) -> None:
    """A configured towncrier only; its own file comes before pyproject.toml."""
    base = HATCH + '[project]\nname = "x"\nversion = "1.0"\n'
    files = {"towncrier.toml": own.encode()} if own else {}
    assert parse_project((base + text).encode(), read=files.get).news_file(Version("1.2.0")) == expected


def test_a_news_file_named_by_the_day_is_refused() -> None:
    """Its section could not be found again on another day."""
    text = '[project]\nname = "x"\nversion = "1.0"\n'
    text += '[tool.towncrier]\nsingle_file = false\nfilename = "{project_date}.md"\n'
    with pytest.raises(RefusedError, match="cannot be resolved in advance") as stop:
        parse_project((HATCH + text).encode())
    assert "{version}" in stop.value.hint


@pytest.mark.parametrize(
    ("text", "directory"),
    [
        ("", "newsfragments"), ("directory = 'news'\n", "news"), ("package = 'a.b'\n", "a/b/newsfragments"),
        ("package = 'a'\npackage_dir = 'src'\n", "src/a/newsfragments"),
    ],
)  # fmt: skip
def test_towncriers_fragment_directory_is_found(text: str, directory: str) -> None:
    """The configured one, otherwise one in the package or at the root."""
    news = parse_project((HATCH + f'[project]\nname = "x"\nversion = "1.0"\n[tool.towncrier]\n{text}').encode()).news
    assert news is not None
    assert news.directory == directory
