"""Each check that only reads the files: when it reports a finding, and that a valid release has none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version

from release_channels.model.findings import Finding, Severity
from release_channels.model.version import Channel
from release_channels.release.checks.all_checks import check_files
from release_channels.release.checks.archive import read_archive
from release_channels.release.checks.context import sort_findings
from release_channels.release.checks.filenames import check_identity
from release_channels.release.checks.metadata import check_metadata
from tests.support.distributions import Recipe, make_check_context, make_release, make_sdist, make_wheel

SDIST, WHEEL = "demo_tool-1.2.0.tar.gz", "demo_tool-1.2.0-py3-none-any.whl"
ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


def run_checks(tmp_path: Path, files: Sequence[Path], previous: Path | None = None, **changes: Any) -> list[Finding]:
    """Run every check that starts no program."""
    subject = make_check_context(tmp_path, files, previous=previous, **changes)
    archives = [read_archive(path) for path in files if path.name.endswith((".whl", ".gz"))]
    findings = check_files(subject, archives, read_archive(previous) if previous else None)
    return list(sort_findings(findings, subject.allow))


def assert_finding(findings: Sequence[Finding], severity: Severity, file: str, message: str) -> None:
    """Assert that one finding has this severity, file and message, and a hint."""
    matching = [
        each for each in findings if each.severity is severity and each.file == file and message in each.message
    ]
    assert matching, findings
    assert all(each.hint for each in matching)


def test_the_default_recipe_has_no_findings(tmp_path: Path) -> None:
    assert run_checks(tmp_path, make_release(tmp_path, Recipe())) == []


PASSING = [
    pytest.param(Recipe(requires=["rich>=14.3", "tomlkit<2.0rc1,!=1.0b1"]), id="final dependencies"),
    pytest.param(Recipe(urls={}), id="no URL at all"),
    pytest.param(Recipe(core="2.1", extra=["License-File: LICENSE"]), id="License-File before it existed"),
    pytest.param(
        Recipe(
            extra=["License-File: LICENSE"],
            instead={"licenses/LICENSE": "MIT"},
            sdist_files={"LICENSE": "MIT"},
        ),
        id="license files",
    ),
    pytest.param(Recipe(summary="x" * 512), id="longest summary"),
    pytest.param(Recipe(urls={"x" * 32: "https://example.org"}), id="longest URL label"),
    pytest.param(Recipe(files={"demo_tool/tests/test_cli.py": ""}), id="tests inside the package"),
    pytest.param(Recipe(files={"demo_tool/certificates.pem": "-----BEGIN CERTIFICATE-----"}), id="certificates"),
    pytest.param(Recipe(files={"demo_tool/release.key": "-----BEGIN PGP PUBLIC KEY BLOCK-----"}), id="public key"),
    pytest.param(Recipe(sdist_files={".env.example": "KEY=", ".gitignore": ""}), id="hidden files of an sdist"),
    pytest.param(Recipe(files={"demo_tool.libs/libx-1.so.3": b"\x7fELF"}), id="bundled libraries"),
    pytest.param(Recipe(files={"demo_tool-1.2.0.data/data/share/demo.1": ""}), id="data files"),
    pytest.param(Recipe(files={"demo_tool_plugin/__init__.py": ""}), id="a second, related package"),
    pytest.param(Recipe(extra=["Author-email: Jo <jo@example.org>, Al <al@example.org>"]), id="two authors"),
]


@pytest.mark.parametrize("recipe", PASSING)
def test_allowed_edge_cases_have_no_findings(tmp_path: Path, recipe: Recipe) -> None:
    assert run_checks(tmp_path, make_release(tmp_path, recipe)) == []


BOTH = [
    (Recipe(metadata_name="other"), ERROR, "names the project 'other', not 'demo-tool'", "another name"),
    (Recipe(metadata_version="1.2.1"), ERROR, "says version '1.2.1', the plan 1.2.0", "another version"),
    (Recipe(requires=["rich @ https://example.org/rich.whl"]), ERROR, "is a direct URL", "direct URL"),
    (Recipe(core="2.6"), ERROR, "metadata version '2.6'", "metadata too new"),
    (Recipe(core="zwei"), ERROR, "metadata version 'zwei'", "metadata version unreadable"),
    (Recipe(classifiers=["Topic :: Nonsense"]), ERROR, "'Topic :: Nonsense' does not exist", "unknown classifier"),
    (Recipe(classifiers=["Natural Language :: Ukranian"]), ERROR, "is deprecated", "deprecated classifier"),
    (Recipe(classifiers=["Private :: Do Not Upload"]), ERROR, "keeps the project off", "private classifier"),
    (Recipe(summary="x" * 513), ERROR, "the summary has 513 characters, 512", "long summary"),
    (Recipe(summary="one\n        two"), ERROR, "more than one line", "summary of two lines"),
    (Recipe(urls={"x" * 33: "https://example.org"}), ERROR, "has 33 characters, 32", "long URL label"),
    (Recipe(urls={"Source": "git@example.org:demo"}), ERROR, "not http or https", "no web address"),
    (Recipe(extra=["Home-page: example.org"]), ERROR, "'Home-page' is 'example.org'", "home page without scheme"),
    (Recipe(extra=["Author-email: nobody"]), ERROR, "not an e-mail address", "e-mail without host"),
    (Recipe(extra=["License-File: LICENSE"]), ERROR, "'LICENSE' is not there", "license file missing"),
    (Recipe(extra=["License-Expression: My Own"]), ERROR, "'My Own' is invalid", "license expression"),
    (Recipe(extra=["Shoe-Size: 44"]), ERROR, "'shoe-size' is unknown or malformed (44)", "unknown field"),
    (Recipe(requires=["rich >>> 3"]), ERROR, "'rich >>> 3' is invalid", "malformed dependency"),
    (Recipe(content_type="text/html"), ERROR, "not 'text/html'", "content type"),
    (Recipe(requires=["rich>=15.0rc1"]), ERROR, "asks for a pre-release (>=15.0rc1)", "pre-release floor"),
    (Recipe(requires=["rich==2.0b1"]), ERROR, "(==2.0b1): a default install breaks", "pre-release pin"),
    (Recipe(requires=["rich~=1.1.dev0"]), ERROR, "(~=1.1.dev0)", "compatible with a dev release"),
    (Recipe(requires_python=None), NOTE, "no Requires-Python", "no requires-python"),
]


@pytest.mark.parametrize(("recipe", "severity", "message"), [pytest.param(*case[:3], id=case[3]) for case in BOTH])
def test_metadata_is_checked_in_both_files(tmp_path: Path, recipe: Recipe, severity: Severity, message: str) -> None:
    """METADATA of the wheel and PKG-INFO of the sdist."""
    findings = run_checks(tmp_path, make_release(tmp_path, recipe))
    for file in (SDIST, WHEEL):
        assert_finding(findings, severity, file, message)


def test_a_deprecated_classifier_hint_contains_its_replacement(tmp_path: Path) -> None:
    recipe = Recipe(classifiers=["Natural Language :: Ukranian", "Programming Language :: Python :: 33"])
    hints = [finding.hint for finding in run_checks(tmp_path, [make_wheel(tmp_path, recipe)])]
    assert "write 'Natural Language :: Ukrainian'" in hints
    assert any(hint.startswith("did you mean 'Programming Language :: Python :: 3") for hint in hints)


EXTRAS = [
    pytest.param(['rich>=1a1; extra == "dev"'], "extra dev", id="extra"),
    pytest.param(["rich>=1a1; 'Dev_Tools' == extra"], "extra dev-tools", id="reversed and not normalized"),
    pytest.param(['rich>=1a1; extra == "a" or extra == "b"'], "extra a, b", id="two extras"),
    pytest.param(['rich>=1a1; extra == "a" and extra == "b"'], "extra a, b", id="two extras together"),
    pytest.param(['rich>=1a1; extra == "a" and extra != "b"'], "extra a ", id="an extra without another"),
    pytest.param(['rich>=1a1; extra == "a" and python_version < "3.9"'], "extra a", id="extra and Python"),
    pytest.param(
        ['rich>=1a1; (os_name == "nt" or python_full_version ~= "3.9") and extra == "a"'], "extra a", id="parentheses"
    ),
    pytest.param(['demo-tool[dev]; extra == "all"', 'rich>=1a1; extra == "dev"'], "extra dev", id="nested extras"),
]
DEFAULTS = [
    pytest.param(["rich>=1a1"], id="plain"),
    pytest.param(['rich>=1a1; python_version < "3.9"'], id="Python"),
    pytest.param(['rich>=1a1; extra == "a" or python_version < "3.9"'], id="extra or Python"),
    pytest.param(['rich>=1a1; (extra == "a" or os_name == "nt") and python_version < "3.9"'], id="parentheses"),
    pytest.param(['rich>=1a1; extra != "a"'], id="without an extra"),
    pytest.param([r'rich>=1a1; os_name == "\\N"'], id="backslash"),
    pytest.param(["demo.tool[dev]", 'rich>=1a1; extra == "dev"'], id="extra of the project itself"),
    pytest.param(["demo-tool[all]", 'Demo-Tool[Dev]; extra == "all"', 'rich>=1a1; extra == "dev"'], id="nested extras"),
]


@pytest.mark.parametrize("channel", Channel)
@pytest.mark.parametrize(("requires", "message"), EXTRAS)
def test_a_prerelease_in_an_extra_is_a_warning(
    tmp_path: Path, requires: list[str], message: str, channel: Channel
) -> None:
    """A default install does not get it; the warning contains the extra."""
    findings = run_checks(tmp_path, make_release(tmp_path, Recipe(requires=requires)), channel=channel)
    for file in (SDIST, WHEEL):
        assert_finding(findings, WARNING, file, message)
    assert all("asks for a pre-release (>=1a1)" in finding.message for finding in findings)
    assert all(finding.severity is WARNING for finding in findings)


@pytest.mark.parametrize("requires", DEFAULTS)
def test_a_prerelease_in_a_default_install_is_an_error(tmp_path: Path, requires: list[str]) -> None:
    """Also where an environment marker limits it to some installs."""
    findings = run_checks(tmp_path, make_release(tmp_path, Recipe(requires=requires)))
    assert_finding(findings, ERROR, WHEEL, "(>=1a1): a default install breaks")


@pytest.mark.parametrize("channel", Channel)
def test_an_allowed_prerelease_is_a_note(tmp_path: Path, channel: Channel) -> None:
    """The setting allows one dependency; the error for another contains the setting."""
    requires = ["Rich>=1a1", 'rich>=2a1; extra == "dev"', "other>=1a1"]
    files = make_release(tmp_path, Recipe(requires=requires))
    findings = run_checks(tmp_path, files, channel=channel, allow=frozenset({"prerelease-dependencies:rich"}))
    assert_finding(findings, NOTE, WHEEL, "'Rich>=1a1' asks for a pre-release")
    assert_finding(findings, NOTE, WHEEL, "of the extra dev asks for a pre-release (>=2a1)")
    refused = ERROR if channel is Channel.PUBLIC else WARNING
    assert_finding(findings, refused, WHEEL, "'other>=1a1' asks for a pre-release")
    entry = 'add "prerelease-dependencies:other" to `allow`'
    assert all(each.hint.endswith(entry) for each in findings if each.severity is ERROR)


def test_a_direct_url_in_an_extra_is_an_error(tmp_path: Path) -> None:
    """The index refuses the file, whether or not the extra is installed."""
    files = make_release(tmp_path, Recipe(requires=['rich @ https://example.org/rich.whl ; extra == "dev"']))
    findings = run_checks(tmp_path, files, channel=Channel.PREVIEW)
    assert_finding(findings, ERROR, WHEEL, "is a direct URL")


def test_a_prerelease_dependency_of_a_preview_is_a_warning(tmp_path: Path) -> None:
    files = make_release(tmp_path, Recipe(requires=["rich>=15.0rc1"]))
    findings = run_checks(tmp_path, files, channel=Channel.PREVIEW)
    assert_finding(findings, WARNING, WHEEL, "asks for a pre-release")
    assert all(finding.severity is WARNING for finding in findings)


def test_a_local_version_is_refused(tmp_path: Path) -> None:
    """Also where plan and metadata agree on it."""
    recipe = Recipe(version="1.2.0+g1a2b3c")
    findings = run_checks(tmp_path, make_release(tmp_path, recipe), version=Version(recipe.version))
    assert_finding(findings, ERROR, "demo_tool-1.2.0+g1a2b3c.tar.gz", "1.2.0+g1a2b3c is a local version")


IN_WHEEL = [
    ({"tests/test_cli.py": ""}, WARNING, "installs tests/", "tests"),
    ({"node_modules/x.js": ""}, WARNING, "installs node_modules/", "node_modules"),
    ({"conftest.py": ""}, WARNING, "installs conftest.py", "conftest"),
    ({"README.md": ""}, WARNING, "installs the file README.md", "a file that is not a module"),
    ({"share/demo.1": ""}, WARNING, "installs share/, which contains no Python module", "a directory without modules"),
    ({"demo.pth": "import demo_tool"}, WARNING, "demo.pth, which runs", "pth"),
    ({"demo_tool-1.2.0.data/purelib/docs/x.py": ""}, WARNING, "installs docs/", "by way of the data directory"),
    ({".coveragerc": ""}, WARNING, "installs hidden files: .coveragerc", "hidden file"),
    ({".github/ci.yml": ""}, WARNING, "installs hidden files: .github", "hidden directory"),
    ({"demo_tool/__pycache__/cli.cpython-311.pyc": b"x"}, WARNING, "compiled Python files", "bytecode"),
    ({"other/__init__.py": ""}, NOTE, "more than one import package; not named after demo-tool: other", "package"),
    ({"../evil.py": ""}, ERROR, "lead out of it: ../evil.py", "climbing path"),
    ({"/etc/evil.py": ""}, ERROR, "lead out of it: /etc/evil.py", "absolute path"),
    ({"C:\\evil.py": ""}, ERROR, "lead out of it", "drive"),
]


@pytest.mark.parametrize(("files", "severity", "message"), [pytest.param(*case[:3], id=case[3]) for case in IN_WHEEL])
def test_unwanted_files_in_a_wheel_are_found(
    tmp_path: Path, files: dict[str, str | bytes], severity: Severity, message: str
) -> None:
    wheel = make_wheel(tmp_path, Recipe(files=files))
    assert_finding(run_checks(tmp_path, [wheel]), severity, WHEEL, message)


@pytest.mark.parametrize("name", ["build", "docs", "tools"])
def test_the_projects_own_package_is_never_unwanted(tmp_path: Path, name: str) -> None:
    """Whatever its name is."""
    recipe = Recipe(name=name, scripts={"x": f"{name}.cli:main"})
    assert run_checks(tmp_path, make_release(tmp_path, recipe), project=name) == []


SECRETS = {
    ".env": "KEY=1",
    ".env.production": "KEY=1",
    ".pypirc": "",
    ".netrc": "",
    "id_rsa": "",
    "server.key": "",
    "server.pem": "-----BEGIN EC PRIVATE KEY-----",
}


@pytest.mark.parametrize(("name", "text"), SECRETS.items(), ids=SECRETS)
def test_secret_files_are_errors_in_wheel_and_sdist(tmp_path: Path, name: str, text: str) -> None:
    """At any depth."""
    recipe = Recipe(files={f"demo_tool/data/{name}": text}, sdist_files={f"src/data/{name}": text})
    findings = run_checks(tmp_path, make_release(tmp_path, recipe))
    for file in (SDIST, WHEEL):
        assert_finding(findings, ERROR, file, f"data/{name}")
    allow = frozenset({f"secrets:demo_tool/data/{name}", f"secrets:src/data/{name}"})
    assert all(any(entry in each.hint for entry in allow) for each in findings), "each refusal shows its entry"
    findings = run_checks(tmp_path, make_release(tmp_path, recipe), allow=allow)
    assert [each.severity for each in findings] == [NOTE, NOTE]


# Assembled here, so that nobody takes this file for one that leaks them.
TOKENS = {
    "index": "pypi-" + "AgEIcHlwaS5vcmc" * 2,
    "GitHub": "ghp_" + "a1B2c3D4e5" * 3,
    "AWS": "AKIA" + "ABCDEFGH12345678",
    "model": "sk-" + "proj0123456789abcdefgh",
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
def test_a_token_below_the_tests_of_an_sdist_is_an_error(tmp_path: Path, token: str) -> None:
    """Nothing installs the file, but every download of the sdist contains it."""
    recipe = Recipe(sdist_files={"tests/.env": f"UPLOAD={token}"})
    assert_finding(run_checks(tmp_path, make_release(tmp_path, recipe)), ERROR, SDIST, ": tests/.env")


def test_a_private_key_after_a_certificate_is_found(tmp_path: Path) -> None:
    """Every PEM block of a file is read."""
    text = "-----BEGIN CERTIFICATE-----\n-----BEGIN PGP PRIVATE KEY BLOCK-----\n"
    recipe = Recipe(files={"demo_tool/data/all.key": text})
    assert_finding(run_checks(tmp_path, make_release(tmp_path, recipe)), ERROR, WHEEL, ": demo_tool/data/all.key")


@pytest.mark.parametrize(("name", "text"), SECRETS.items(), ids=SECRETS)
def test_secrets_of_tests_are_only_a_warning_in_an_sdist(tmp_path: Path, name: str, text: str) -> None:
    """Nothing installs the tests of an sdist; in a wheel every user gets them."""
    recipe = Recipe(files={f"demo_tool/tests/{name}": text}, sdist_files={f"tests/certs/{name}": text})
    findings = run_checks(tmp_path, make_release(tmp_path, recipe))
    assert_finding(findings, WARNING, SDIST, f": tests/certs/{name}")
    assert_finding(findings, ERROR, WHEEL, f": demo_tool/tests/{name}")


def test_an_already_published_secret_is_a_warning(tmp_path: Path) -> None:
    """The bytes must be the same."""
    (tmp_path / "old").mkdir()
    files = {"demo_tool/a.key": "old", "demo_tool/b.key": "old"}
    previous = make_wheel(tmp_path / "old", Recipe(version="1.1.0", files=files))
    recipe = Recipe(files={**files, "demo_tool/b.key": "new"}, sdist_files={"src/demo_tool/a.key": "old"})
    findings = run_checks(tmp_path, make_release(tmp_path, recipe), previous=previous)
    assert_finding(findings, WARNING, SDIST, ": src/demo_tool/a.key")
    assert_finding(findings, WARNING, WHEEL, ": demo_tool/a.key")
    assert_finding(findings, ERROR, WHEEL, ": demo_tool/b.key")


def test_a_secret_of_the_last_sdist_is_a_warning(tmp_path: Path) -> None:
    """It is fetched only for a secret that nothing else excuses."""
    (tmp_path / "old").mkdir()
    keys = {"server/a.key": "old", "server/b.key": "old"}
    before = make_sdist(tmp_path / "old", Recipe(version="1.1.0", sdist_files=keys))
    asked: list[Path] = []

    def sdist_before() -> Path:
        asked.append(before)
        return before

    def findings(files: dict[str, str]) -> list[Finding]:
        release = make_release(tmp_path, Recipe(sdist_files=files))
        return run_checks(tmp_path, release, sdist_before=sdist_before)

    assert_finding(findings({"tests/a.key": "old"}), WARNING, SDIST, ": tests/a.key")
    assert asked == []
    found = findings({**keys, "server/b.key": "new"})
    assert_finding(found, WARNING, SDIST, ": server/a.key")
    assert_finding(found, ERROR, SDIST, ": server/b.key")


def test_a_second_package_is_noted_only_when_new(tmp_path: Path) -> None:
    """The last wheel is compared."""
    recipe = Recipe(files={"other/__init__.py": ""})
    (tmp_path / "old").mkdir()
    previous = make_wheel(tmp_path / "old", replace(recipe, version="1.1.0"))
    assert run_checks(tmp_path, make_release(tmp_path, recipe), previous=previous) == []


@pytest.mark.parametrize("channel", Channel)
def test_a_lost_script_is_an_error_on_both_channels(tmp_path: Path, channel: Channel) -> None:
    """The finding contains the script and both versions."""
    (tmp_path / "old").mkdir()
    scripts = {"demo": "demo_tool.cli:main", "demo-admin": "demo_tool.cli:main"}
    previous = make_wheel(tmp_path / "old", Recipe(version="1.1.0", scripts=scripts))
    files = make_release(tmp_path, Recipe())
    findings = run_checks(tmp_path, files, previous=previous, previous_version=Version("1.1.0"), channel=channel)
    assert_finding(findings, ERROR, WHEEL, "demo-tool 1.2.0 has lost the script demo-admin, which demo-tool 1.1.0 had")
    assert run_checks(tmp_path, files, previous=files[1]) == []


def test_a_script_that_became_a_compiled_program_is_not_lost(tmp_path: Path) -> None:
    """A program in the wheel's data directory replaces an entry point."""
    (tmp_path / "old").mkdir()
    previous = make_wheel(tmp_path / "old", Recipe(version="1.1.0"))
    recipe = Recipe(scripts={}, files={"demo_tool-1.2.0.data/scripts/demo": b"\x7fELF"})
    assert run_checks(tmp_path, make_release(tmp_path, recipe), previous=previous) == []


ENTRY_POINTS = {
    "no section": "demo = demo_tool.cli:main\n",
    "no reference": "[console_scripts]\ndemo = demo tool\n",
    "no object": "[console_scripts]\ndemo = demo_tool.cli\n",
    "twice": "[console_scripts]\ndemo = a:b\ndemo = a:b\n",
}


@pytest.mark.parametrize("text", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
def test_malformed_entry_points_are_found(tmp_path: Path, text: str) -> None:
    wheel = make_wheel(tmp_path, Recipe(scripts={}, instead={"entry_points.txt": text}))
    assert_finding(run_checks(tmp_path, [wheel]), ERROR, WHEEL, "entry_points.txt does not parse")


FILE_NAMES = [
    ("Demo_Tool-1.2.0-py3-none-any.whl", "the name part is 'Demo_Tool', the normalized form is 'demo_tool'"),
    ("demo.tool-1.2.0-py3-none-any.whl", "the name part is 'demo.tool'"),
    ("demo_tool-1.2.00-py3-none-any.whl", "the version part is '1.2.00', the normal form is '1.2.0'"),
    ("demo_tool-1.3.0-py3-none-any.whl", "the file name says version 1.3.0, the plan 1.2.0"),
    ("other-1.2.0-py3-none-any.whl", "belongs to the project 'other'"),
    ("demo_tool-1.2.0.whl", "is not a name for a wheel"),
    ("demo_tool-1.2.0-cp311-cp311-linux_x86_64.whl", "no wheel for linux_x86_64"),
    ("demo-tool-1.2.0.tar.gz", "the name part is 'demo-tool'"),
    ("demo_tool-v1.2.0.tar.gz", "the version part is 'v1.2.0'"),
    ("demo_tool-latest.tar.gz", "'latest' in the file name is not a version"),
    ("demo_tool.tar.gz", "belongs to the project ''"),
]


@pytest.mark.parametrize(("name", "message"), FILE_NAMES, ids=[name for name, _ in FILE_NAMES])
def test_a_wrong_file_name_is_an_error(tmp_path: Path, name: str, message: str) -> None:
    """The index refuses it, or uv silently leaves it out."""
    make = make_wheel if name.endswith(".whl") else make_sdist
    assert_finding(run_checks(tmp_path, [make(tmp_path, Recipe(), file_name=name)]), ERROR, name, message)


def test_an_sdist_name_has_the_digits_of_its_metadata(tmp_path: Path) -> None:
    """1.2 and 1.2.0 are equal, and the index compares the name with PKG-INFO."""
    sdist = make_sdist(tmp_path, Recipe(metadata_version="1.2"))
    assert_finding(run_checks(tmp_path, [sdist]), ERROR, SDIST, "must end in '-1.2.tar.gz'")


def test_a_dist_info_directory_of_another_name_is_found(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, Recipe(version="1.1.0", metadata_version="1.2.0"), file_name=WHEEL)
    assert_finding(run_checks(tmp_path, [wheel]), ERROR, WHEEL, "demo_tool-1.1.0.dist-info is not named after")


def test_missing_and_unexpected_files_are_found(tmp_path: Path) -> None:
    """A release is one sdist, at least one wheel, and nothing else."""
    (tmp_path / "notes.zip").write_bytes(b"x")
    findings = run_checks(tmp_path, [tmp_path / "notes.zip"])
    assert_finding(findings, ERROR, "", "no sdist")
    assert_finding(findings, ERROR, "", "no wheel")
    assert_finding(findings, ERROR, "notes.zip", "neither a wheel (.whl) nor an sdist")


def test_a_second_sdist_and_a_repeated_name_are_found(tmp_path: Path) -> None:
    """The index accepts one sdist per release, and each name once."""
    files = [*make_release(tmp_path / "one", Recipe()), *make_release(tmp_path / "two", Recipe())]
    findings = run_checks(tmp_path, files)
    assert_finding(findings, ERROR, "", "there are 2 sdists")
    assert_finding(findings, ERROR, WHEEL, "2 files have this name")


MIB, GIB = 1 << 20, 1 << 30
SIZES = [
    pytest.param({"file_limit": 100}, ERROR, WHEEL, "the limit for a file is 100 bytes", id="file"),
    pytest.param({"project_bytes": 10 * GIB}, ERROR, "", "has 10.00 GiB on the index", id="project"),
    pytest.param({"project_bytes": 9 * GIB + 500 * MIB}, WARNING, "", "its limit is 10.00 GiB", id="near the limit"),
]


@pytest.mark.parametrize(("changes", "severity", "file", "message"), SIZES)
def test_oversized_files_and_projects_are_found(
    tmp_path: Path, changes: dict[str, Any], severity: Severity, file: str, message: str
) -> None:
    """Before the upload, in readable units."""
    assert_finding(run_checks(tmp_path, make_release(tmp_path, Recipe()), **changes), severity, file, message)


@given(
    release=st.lists(st.integers(0, 99), min_size=1, max_size=4),
    dev=st.integers(0, 999),
    spelling=st.sampled_from(["{r}.dev{d}", "{r}dev{d}", "{r}-dev.{d}", "v{r}.DEV{d}", "{r}_dev_{d:03}"]),
)
def test_version_spellings_are_compared_as_versions(
    tmp_path_factory: pytest.TempPathFactory, release: list[int], dev: int, spelling: str
) -> None:
    """A backend may keep the spelling of the project."""
    base = ".".join(map(str, release))
    recipe = Recipe(version=f"{base}.dev{dev}", metadata_version=spelling.format(r=base, d=dev))
    files = make_release(tmp_path_factory.mktemp("spelling"), recipe)
    subject = make_check_context(files[0].parent, files, version=Version(recipe.version))
    for archive in map(read_archive, files):
        assert [*check_identity(subject, archive), *check_metadata(archive)] == []


OTHER_VERSION = {
    "package": ("demo_tool/__init__.py", "__version__ = '1.2.0.dev0'\n"),
    "written by a build": ("demo_tool/_version.py", "version: str\n__version__: str\n__version__ = version = '1.1'\n"),
    "version of _version.py": ("demo_tool/_version.py", "version = '1.1'\n"),
    "__about__": ("demo_tool/__about__.py", "__version__: str = '1.3'\n__version_info__ = (1, 1)\n"),
    "a module beside": ("demo_tool.py", "__version__ = '0.9'\n"),
}
SAME_VERSION = {
    "the same": ("demo_tool/__init__.py", "__version__ = '1.2.0'\n"),
    "another spelling": ("demo_tool/__init__.py", "__version__ = 'v1.2'\n"),
    "with the commit": ("demo_tool/_version.py", "__version__ = '1.2.0+gabc'\n"),
    "computed": ("demo_tool/__init__.py", "from a import version\n__version__ = version('demo-tool')\n"),
    "a fall-back": ("demo_tool/__init__.py", "__version__ = '0'\ntry:\n    from .v import __version__\nfinally: ...\n"),
    "no version": ("demo_tool/__init__.py", "__version__ = 'unknown'\n"),
    "not Python": ("demo_tool/__init__.py", "__version__ = = '1'\n"),
    "of a protocol": ("demo_tool/version.py", "version = '2'\n"),
    "a package below": ("demo_tool/vendored/__init__.py", "__version__ = '9'\n"),
    "another package": ("demo_tool_plugin/__init__.py", "__version__ = '9'\n"),
}


@pytest.mark.parametrize(("path", "text"), OTHER_VERSION.values(), ids=OTHER_VERSION)
def test_a_stale_module_version_is_an_error_for_a_final(tmp_path: Path, path: str, text: str) -> None:
    """A preview only gets a warning."""
    files = make_release(tmp_path, Recipe(files={path: text}))
    message = f"{path} says version"
    assert_finding(run_checks(tmp_path, files), ERROR, WHEEL, message)
    (found,) = (each for each in run_checks(tmp_path, files) if message in each.message)
    assert found.case == f"module-versions:{path}"
    dev = make_release(tmp_path, Recipe(version="1.2.0.dev7", files={path: text}))
    findings = run_checks(tmp_path, dev, version=Version("1.2.0.dev7"), channel=Channel.PREVIEW)
    assert_finding(findings, WARNING, dev[1].name, message)


@pytest.mark.parametrize(("path", "text"), SAME_VERSION.values(), ids=SAME_VERSION)
def test_a_current_or_missing_module_version_is_allowed(tmp_path: Path, path: str, text: str) -> None:
    """A computed version, and another project's, are not compared."""
    files = make_release(tmp_path, Recipe(files={path: text}))
    assert not [each for each in run_checks(tmp_path, files) if "says version" in each.message]
