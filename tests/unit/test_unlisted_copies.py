"""Copies of the version that no setting lists: which are found, and the proposed entries."""

from __future__ import annotations

import pytest
from packaging.version import Version

from release_channels.adoption.doctor.diagnosis import DiagnosisSeverity
from release_channels.adoption.doctor.files import diagnose_project
from release_channels.model.config import VersionFile
from release_channels.project.edit import read_toml
from release_channels.project.files import Read
from release_channels.project.plan_edits import compare_copies, unlisted_copies
from release_channels.project.pyproject import Project, parse_project
from release_channels.project.unlisted_copies import entries_for, find_unlisted, stale_copies
from release_channels.project.version_files import plan_copies

OLD, NEW = Version("1.2.0.dev0"), Version("3.0.0")


def reading(files: dict[str, str]) -> Read:
    return lambda path: files[path].encode() if path in files else None


# Path, text, and the patterns of the entries; `@` is the version.
FOUND: dict[str, tuple[str, str, list[str]]] = {
    "citation": ("CITATION.cff", "cff-version: 1.2.0\nversion: @\n", ["version: {version}"]),
    "citation, quoted": ("CITATION.cff", "version: '@'\n", ["version: '{version}'"]),
    "citation with v": ("CITATION.cff", "version: v@\n", ["version: v{version}"]),
    "citation, CRLF": ("CITATION.cff", "a: b\r\nversion: @\r\n", ["version: {version}"]),
    "citation with a date": (
        "CITATION.cff", "version: @\ndate-released: '2026-01-02'\n", ["version: {version}", "date-released: '{date}'"],
    ),
    "citation that cites others": (
        "CITATION.cff", "version: @\nreferences:\n  - type: software\n    version: 9.9\n", [""],
    ),
    "package": ("demo/__init__.py", '"""Demo."""\n__version__ = "@"\n', ['__version__ = "{version}"']),
    "package below src": ("src/demo/__init__.py", "__version__: str = '@'\n", ["__version__: str = '{version}'"]),
    "_version.py": ("demo/_version.py", 'version = "@"\n', ['version = "{version}"']),
    "__about__.py": ("demo/__about__.py", '__version__="@"\n', ['__version__="{version}"']),
    "deep module": ("src/a/b/c/version.py", 'VERSION = "@"\n', ['VERSION = "{version}"']),
    "one module": ("demo.py", '__version__ = "@"\n', ['__version__ = "{version}"']),
    "package.json": ("js/package.json", '{"name": "x", "version": "1.2.0-dev.0"}\n', ['"version": "{version}"']),
    "conda recipe": ("conda/meta.yaml", '{% set version = "@" %}\n', ['set version = "{version}"']),
    "plain recipe": ("recipe/recipe.yaml", "context:\n  version: @\n", ["version: {version}"]),
    "Docker label": ("Dockerfile", 'FROM x\nLABEL version="@"\n', ['version="{version}"']),
    "label of the OCI": (
        "docker/app.Dockerfile", "LABEL org.opencontainers.image.version=@\n",
        ["org.opencontainers.image.version={version}"],
    ),
    "two labels": (
        "Dockerfile", 'LABEL version="@"\nLABEL org.opencontainers.image.version="@"\n',
        ['LABEL version="{version}"', 'org.opencontainers.image.version="{version}"'],
    ),
    "crates of a workspace": (
        "crates/a/Cargo.toml", '[workspace.package]\nversion = "1.2.0-dev0"\n[dependencies]\nb = "1.2.0-dev0"\n',
        ['version = "{version}"'],
    ),
    "meson over lines": ("meson.build", "project(\n  'x',\n  'c',\n  version : '@',\n)\n", ["version : '{version}'"]),
    "written by a build once": (
        "src/demo/_version.py", "version: str\n__version__ = version = '@'\n", ["__version__ = version = '{version}'"],
    ),
    "VERSION": ("VERSION", "@\n", ["{version}"]),
    "VERSION.txt of the package": ("src/demo/VERSION.txt", "@", ["{version}"]),
    "crate": ("Cargo.toml", '[package]\nname = "x"\nversion = "1.2.0-dev0"\n', ['version = "{version}"']),
    "meson": ("meson.build", "project('x', version: '@', meson_version: '>=1.2.0')\n", ["version: '{version}'"]),
    "documentation": ("docs/source/conf.py", 'release = "@"\nversion = "1.2"\n', ['release = "{version}"']),
    "twice": ("docs/conf.py", 'version = "@"\nrelease = "@"\n', ['version = "{version}"', 'release = "{version}"']),
}  # fmt: skip


@pytest.mark.parametrize(("path", "text", "patterns"), FOUND.values(), ids=FOUND)
def test_an_unlisted_copy_is_proposed(path: str, text: str, patterns: list[str]) -> None:
    """Each copy once, and the proposed entries write exactly the copies."""
    text = text.replace("@", str(OLD))
    files = {path: text}
    copies = find_unlisted(files, reading(files), {OLD}, ())
    assert [copy.pattern for copy in copies] == patterns
    entries = tuple(VersionFile(path, pattern) for pattern in patterns if pattern)
    assert find_unlisted(files, reading(files), {OLD}, entries) == tuple(copy for copy in copies if not copy.pattern)
    for edit in plan_copies(entries, reading(files), NEW, None):
        assert find_unlisted(files, reading({path: edit.new}), {NEW}, entries) == ()
        assert edit.new.count(str(NEW)) == sum("{version}" in pattern for pattern in patterns)


@pytest.mark.parametrize("held", ["1.2.0.dev0", "1.2.0rc1", "1.2.0"])
def test_a_copy_that_was_left_on_the_way_to_a_final_is_found(held: str) -> None:
    """Where such a line may mean something else, too: a pre-release of the very version is the project's."""
    files = {"src/demo/_version.py": f'version = "{held}"\n'}
    (copy,) = find_unlisted(files, reading(files), {Version("1.2.0")}, ())
    assert bool(stale_copies([copy], Version("1.2.0"))) is (held != "1.2.0")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("CITATION.cff", "version: 0.6.9\n", id="citation"),
        pytest.param("demo/__init__.py", "__version__ = '0.6.9'\n", id="package"),
        pytest.param("src/demo/_version.py", "__version__ = '0.6.9'\n", id="module below src"),
    ],
)
def test_an_old_copy_in_the_projects_own_file_is_found(path: str, text: str) -> None:
    """It equals no current version."""
    (copy,) = find_unlisted([path], reading({path: text}), {OLD}, ())
    assert (copy.path, copy.line, copy.version) == (path, 1, Version("0.6.9"))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("tests/data/package.json", '{"version": "1.2.0.dev0"}', id="test data"),
        pytest.param("demo/_vendor/other/__init__.py", '__version__ = "1.2.0.dev0"\n', id="vendored"),
        pytest.param("demo/sub/__init__.py", '__version__ = "0.1"\n', id="another version"),
        pytest.param("package.json", '{"version": "0.1.0"}', id="a front end with a version of its own"),
        pytest.param("Cargo.toml", '[dependencies.x]\nversion = "1.0"\n', id="dependency"),
        pytest.param("meson.build", "project('x', meson_version: '1.2.0.dev0')\n", id="minimum of a tool"),
        pytest.param("demo/__init__.py", '__version__ = version("demo")\n', id="computed"),
        pytest.param("demo/__init__.py", 'try:\n    __version__ = "1.2.0.dev0"\n', id="fall-back"),
        pytest.param("CITATION.cff", "cff-version: 1.2.0\n", id="version of the format"),
        pytest.param("CITATION.cff", "version: unknown\n", id="no version"),
        pytest.param("notes.txt", "version: 1.2.0.dev0\n", id="another file"),
    ],
)
def test_a_version_of_something_else_is_not_proposed(path: str, text: str) -> None:
    assert find_unlisted([path], reading({path: text}), {OLD}, ()) == ()


BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\nname = "demo"\n'
LISTED = '[[tool.release-channels.version-files]]\npath = "{}"\npattern = "{}"\n'


def project(text: str = 'version = "1.2.0.dev0"\n') -> Project:
    return parse_project((BUILD + text).encode(), read=reading({"demo/__init__.py": '__version__ = "1.2.0.dev0"\n'}))


LAGGING = {
    "package.json": '{"version": "1.1.0"}',
    "conda/meta.yaml": '{% set version = "1.1.0" %}',
    "Cargo.toml": 'version = "1.1.0"\n',
    "CITATION.cff": "version: 1.1.0\n",
}


@pytest.mark.parametrize(("path", "text"), LAGGING.items(), ids=LAGGING)
def test_a_copy_of_the_newest_final_follows_finals(path: str, text: str) -> None:
    """On a dev line; a copy of the dev release follows main."""
    demo, finals = project(), [Version("1.0"), Version("1.1.0")]
    copies = unlisted_copies(demo, reading({path: text}), [path], finals=finals)
    assert 'follows = "finals"' in entries_for(copies)
    copies = unlisted_copies(demo, reading({path: text.replace("1.1.0", "1.2.0.dev0")}), [path], finals=finals)
    assert len(copies) == 1
    assert "follows" not in entries_for(copies)


DESCRIBED = {
    "none": ("", {}, "no copies are configured"),
    "old citation": (
        "", {"CITATION.cff": "version: 0.6.9\n"},
        "no copies are configured; CITATION.cff has 0.6.9: add it to version-files",
    ),
    "listed": (
        LISTED.format("CITATION.cff", "version: {version}"), {"CITATION.cff": "version: 1.2.0.dev0\n"},
        "1 copy agrees: CITATION.cff",
    ),
    "lock file and module": (
        "",
        {
            "demo/__init__.py": '__version__ = "1.0"\n',
            "demo/_version.py": '__version__ = "1.1"\n',
            "uv.lock": '[[package]]\nname = "demo"\nversion = "1.2.0.dev0"\nsource = { editable = "." }\n',
        },
        "1 copy agrees: uv.lock; demo/__init__.py has 1.0, demo/_version.py has 1.1: add them to version-files",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "files", "text"), DESCRIBED.values(), ids=DESCRIBED)
def test_only_compared_copies_are_reported_to_agree(settings: str, files: dict[str, str], text: str) -> None:
    """Each copy that is not compared is listed too."""
    demo = project('version = "1.2.0.dev0"\n' + settings)
    read = reading(files)
    assert compare_copies(demo, read).describe(unlisted_copies(demo, read, files)) == text


def test_doctor_reports_an_unlisted_copy_with_its_entry() -> None:
    """It does not report that every copy agrees."""
    files = {"CITATION.cff": "version: 0.6.9\n"}
    unlisted = unlisted_copies(project(), reading(files), files)
    findings = [str(finding) for finding in diagnose_project(project(), reading(files), unlisted)]
    (copies,) = (text for text in findings if "CITATION.cff has 0.6.9: add it to version-files" in text)
    assert "pattern" in copies


@pytest.mark.parametrize(
    ("copy", "is_error"),
    [("version: 1.2.0.dev0\n", True), ("version: 1.2.0\n", False), ("date-released: 2026-01-02\n", False)],
)
def test_doctor_reports_as_an_error_what_bump_refuses(copy: str, is_error: bool) -> None:
    """A copy of another version than the next final; a date may be right."""
    files = {"CITATION.cff": copy}
    unlisted = unlisted_copies(project(), reading(files), files)
    (found,) = (one for one in diagnose_project(project(), reading(files), unlisted) if one.topic == "copies")
    assert (found.severity is DiagnosisSeverity.ERROR) is is_error


SOURCES = {
    "declared in a module": ('dynamic = ["version"]\n[tool.hatch.version]\npath = "demo/__init__.py"\n', []),
    "declared in pyproject": ('version = "1.2.0.dev0"\n', ["CITATION.cff", "demo/__init__.py"]),
    "git tags": (
        'dynamic = ["version"]\n[tool.hatch.version]\nsource = "vcs"\n', ["CITATION.cff"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "paths"), SOURCES.values(), ids=SOURCES)
def test_the_version_source_is_not_a_copy(text: str, paths: list[str]) -> None:
    """Nor is a placeholder where git tags have the version."""
    files = {"demo/__init__.py": '__version__ = "1.2.0.dev0"\n'}
    if paths:
        files["CITATION.cff"] = "version: 0.6.9\n"
    demo = project(text)
    assert [copy.path for copy in unlisted_copies(demo, reading(files), files)] == paths


def test_a_file_with_only_the_version_can_be_listed() -> None:
    """Its entry is a valid setting, and `bump` writes the file."""
    demo = project('version = "1.2.0.dev0"\n' + LISTED.format("VERSION", "{version}"))
    (edit,) = plan_copies(demo.config.version_files, reading({"VERSION": "1.2.0.dev0\n"}), NEW, None)
    assert edit.new == f"{NEW}\n"


def test_proposed_entries_are_valid_toml() -> None:
    """With quotes; a copy that no pattern can match is left out."""
    files = {"demo/__init__.py": '__version__ = "1.2.0.dev0"\n', "a/__init__.py": '__version__ = "1.0"\n' * 2}
    text = entries_for(find_unlisted(files, reading(files), {OLD}, ()))
    assert read_toml(text)["tool"]["release-channels"]["version-files"] == [
        {"path": "demo/__init__.py", "pattern": '__version__ = "{version}"'}
    ]


@pytest.mark.parametrize(
    ("finals", "hint"), [([], "`release-channels tag` releases it; "), ([Version("1.2.0")], "once it is")]
)
def test_doctor_hints_the_next_line_for_a_tagged_final(finals: list[Version], hint: str) -> None:
    """An untagged final is to be tagged."""
    demo = project('version = "1.2.0"\n')
    (found,) = (
        each for each in diagnose_project(demo, reading({}), (), finals) if "no previews are published" in str(each)
    )
    assert found.fix.startswith(hint)
