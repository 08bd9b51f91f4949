"""The whole check of a release: real twine, a real clean environment, all findings in one report."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from release_channels.adapters.uv import python_for
from release_channels.model.findings import Finding, Severity
from release_channels.release.checks.all_checks import check_release
from release_channels.release.checks.archive import read_archive
from release_channels.release.checks.context import CheckContext, error, note, sort_findings, summarize, warning
from release_channels.release.checks.entry_points import Script, excuse
from release_channels.release.checks.imports import check_imports, import_targets
from release_channels.release.checks.readme import check_readme, parse_answer
from tests.support.distributions import Recipe, make_check_context, make_release, make_sdist, make_wheel

SDIST, WHEEL = "demo_tool-1.2.0.tar.gz", "demo_tool-1.2.0-py3-none-any.whl"


def uv_program() -> str:
    """Return the path of uv."""
    program = shutil.which("uv")
    assert program, "these tests need uv"
    return program


def real_check_context(tmp_path: Path, *files: Path, **changes: Any) -> CheckContext:
    """Build the context of a check with the real programs, offline."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    env = {**os.environ, "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache"), "UV_NO_PROGRESS": "1"}
    return make_check_context(scratch, files, env=env, uv=uv_program(), **changes)


def test_a_valid_release_has_no_findings(tmp_path: Path) -> None:
    """Twine, the clean environment and every other check pass the default recipe."""
    assert check_release(real_check_context(tmp_path, *make_release(tmp_path, Recipe()))) == ()


def test_all_findings_come_in_one_report(tmp_path: Path) -> None:
    """An unreadable file hides no finding of another one; errors come first."""
    wheel = make_wheel(
        tmp_path, Recipe(readme="", requires_python=None, files={"tests/test_x.py": ""}, cli="import gone")
    )
    sdist = tmp_path / SDIST
    sdist.write_bytes(b"nothing")
    previous = tmp_path / "demo_tool-1.1.0-py3-none-any.whl"
    previous.write_bytes(b"nothing")
    findings = check_release(real_check_context(tmp_path, sdist, wheel, previous=previous, file_limit=10))
    expected = [
        (Severity.ERROR, WHEEL, "the limit for a file is 10 bytes"),
        (Severity.WARNING, "", "the project has no readme"),
        (Severity.ERROR, WHEEL, "the script demo (demo_tool.cli:main) cannot start: ModuleNotFoundError"),
        (Severity.ERROR, SDIST, "is not a readable sdist"),
        (Severity.WARNING, previous.name, "the newest release's file is not a readable wheel"),
        (Severity.WARNING, WHEEL, "installs tests/"),
        (Severity.NOTE, WHEEL, "no Requires-Python"),
    ]
    for severity, file, message in expected:
        assert any(each.severity is severity and each.file == file and message in each.message for each in findings), (
            message
        )
    order = [(list(Severity).index(finding.severity), finding.file) for finding in findings]
    assert order == sorted(order)
    assert "Traceback" not in str(findings)


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    findings = check_release(make_check_context(tmp_path, [tmp_path / SDIST]))
    assert any(each.file == SDIST and "is not a readable sdist" in each.message for each in findings)


def test_findings_are_sorted_and_deduplicated() -> None:
    """Errors, warnings, notes, each by file."""
    mixed = [note("a", "n"), error("b", "e"), warning("a", "w"), error("a", "e"), error("b", "e")]
    assert sort_findings(mixed) == (error("a", "e"), error("b", "e"), warning("a", "w"), note("a", "n"))


def test_long_lists_are_shortened() -> None:
    """A list is complete, or its first names and the number of the others."""
    assert summarize("abc") == "a, b, c"
    assert summarize("abcde") == "a, b, c and 2 more"


class TestRendering:
    """The output of the real twine."""

    def test_broken_markup_is_found_in_each_file(self, tmp_path: Path) -> None:
        """The finding contains the line and the file, and the fix."""
        recipe = Recipe(content_type="text/x-rst", readme="Demo\n==\n\n.. nonsense:: x\n")
        files = make_release(tmp_path, recipe)
        findings = check_readme(real_check_context(tmp_path, *files), [read_archive(path) for path in files])
        assert [finding.file for finding in findings] == [SDIST, WHEEL]
        for finding in findings:
            assert finding.severity is Severity.ERROR
            assert "syntax errors in markup" in finding.message
            assert "line " in finding.message
            assert finding.hint == "correct the markup of the readme"

    def test_a_missing_content_type_is_a_warning(self, tmp_path: Path) -> None:
        """The index accepts such a file, and twine warns."""
        sdist = make_sdist(tmp_path, Recipe(content_type=None, readme="Demo\n"))
        (finding,) = check_readme(real_check_context(tmp_path, sdist), [read_archive(sdist)])
        assert finding.severity is Severity.WARNING
        assert "`long_description_content_type` missing" in finding.message

    def test_a_missing_readme_is_one_warning(self, tmp_path: Path) -> None:
        """Not one for each file, and none about the content type."""
        files = make_release(tmp_path, Recipe(content_type=None, readme=""))
        (finding,) = check_readme(real_check_context(tmp_path, *files), [read_archive(path) for path in files])
        assert (finding.severity, finding.file) == (Severity.WARNING, "")
        assert "readme" in finding.hint

    def test_twine_skips_invalid_metadata(self, tmp_path: Path) -> None:
        """The check of metadata reports it."""
        wheel = make_wheel(tmp_path, Recipe(requires=["rich >>> 1"], readme=""))
        assert check_readme(real_check_context(tmp_path, wheel), [read_archive(wheel)]) == []

    def test_unknown_twine_output_is_reported_unchanged(self) -> None:
        (finding,) = parse_answer("x.whl", "/bin/python: No module named twine")
        assert finding == error(
            "x.whl", "twine check: /bin/python: No module named twine", "install twine next to this tool"
        )


class TestImports:
    """The experience of a user who installs the wheel into a clean environment."""

    def check(self, tmp_path: Path, recipe: Recipe, **changes: Any) -> list[Finding]:
        """Install the wheel of a recipe and import its packages and scripts."""
        wheel = make_wheel(tmp_path, recipe)
        return check_imports(real_check_context(tmp_path, wheel, **changes), [read_archive(wheel)])

    def test_each_broken_script_is_reported_separately(self, tmp_path: Path) -> None:
        """Missing modules, missing objects, exits and crashes; working scripts are not listed."""
        recipe = Recipe(
            scripts={
                "good": "demo_tool.cli:main",
                "gone": "demo_tool.gone:main",
                "typo": "demo_tool.cli:mian",
                "value": "demo_tool.cli:VALUE",
                "leaves": "demo_tool.leaves:main",
                "crashes": "demo_tool.crashes:main",
                "last": "demo_tool.gone:again",
            },
            cli="print('noise')\nVALUE = 1\ndef main(): ...\n",
            files={
                "demo_tool/leaves.py": "raise SystemExit('not today')",
                "demo_tool/crashes.py": "import os\nos._exit(3)",
            },
        )
        findings = self.check(tmp_path, recipe)
        assert all(each.severity is Severity.ERROR and each.file == WHEEL and each.hint for each in findings)
        assert [each.message for each in findings] == [
            "the script gone (demo_tool.gone:main) cannot start: ModuleNotFoundError: No module named 'demo_tool.gone'",
            "the script typo (demo_tool.cli:mian) cannot start: "
            "AttributeError: module 'demo_tool.cli' has no attribute 'mian'",
            "the script value (demo_tool.cli:VALUE) cannot start: demo_tool.cli:VALUE cannot be called",
            "the script leaves (demo_tool.leaves:main) cannot start: SystemExit: not today",
            "the script crashes (demo_tool.crashes:main) cannot start: Python crashed or took too long",
            "the script last (demo_tool.gone:again) cannot start: "
            "ModuleNotFoundError: No module named 'demo_tool.gone'",
        ]

    def test_an_excused_broken_script_is_a_warning(self, tmp_path: Path) -> None:
        """It needs an extra or another platform, or it was broken in the last release."""
        (tmp_path / "old").mkdir()
        broken = {"demo_tool/old.py": "import gone", "demo_tool/new.py": "", "demo_tool/win.py": "import demo_win"}
        before = {"old": "demo_tool.old:main", "new": "demo_tool.cli:main"}
        previous = make_wheel(tmp_path / "old", Recipe(version="1.1.0", scripts=before, files=broken))
        recipe = Recipe(
            scripts={
                **before,
                "new": "demo_tool.new:main",
                "more": "demo_tool.old:main [more]",
                "win": "demo_tool.win:m",
            },
            extra=["Provides-Extra: more"],
            requires=['demo-win; sys_platform == "none"'],
            files=broken,
        )
        wheel = make_wheel(tmp_path, recipe)
        subject = real_check_context(tmp_path, wheel, previous_version=Version("1.1.0"))
        findings = {
            each.case: (each.severity, each.hint)
            for each in check_imports(subject, [read_archive(wheel)], read_archive(previous))
        }
        hint = "correct the entry point, or add what it imports to the package or its dependencies"
        assert findings == {
            "broken-scripts:old": (Severity.WARNING, "1.1.0 could not start it either"),
            "broken-scripts:new": (Severity.ERROR, hint),
            "broken-scripts:more": (Severity.WARNING, "it needs the extra more"),
            "broken-scripts:win": (Severity.WARNING, 'demo-win is only for sys_platform == "none"'),
        }

    def test_import_packages_are_tested_without_scripts(self, tmp_path: Path) -> None:
        """A package that cannot be imported is a warning where no script depends on it."""
        recipe = Recipe(scripts={}, files={"demo_tool/__init__.py": "1 / 0"})
        (finding,) = self.check(tmp_path, recipe)
        assert finding.severity is Severity.WARNING
        assert "the import package demo_tool cannot be imported: ZeroDivisionError" in finding.message

    def test_more_modules_than_fit_into_a_command_are_imported(self, tmp_path: Path) -> None:
        """Each module of a namespace without packages is an import package of its own."""
        files: dict[str, str | bytes] = {f"space/{'m' * 180}{number}.py": "" for number in range(800)}
        assert self.check(tmp_path, Recipe(scripts={}, files=files)) == []

    def test_an_uninstallable_wheel_is_one_error(self, tmp_path: Path) -> None:
        """The message ends with uv's last line."""
        (finding,) = self.check(tmp_path, Recipe(requires=["no-such-project-here-at-all"]))
        assert finding.severity is Severity.ERROR
        assert finding.file == WHEEL
        assert "does not install" in finding.message
        assert "no-such-project-here-at-all" in finding.message

    def test_a_wheel_for_another_platform_is_a_note(self, tmp_path: Path) -> None:
        """It reports that nothing was imported."""
        (finding,) = self.check(tmp_path, Recipe(tag="cp39-cp39-win32"))
        assert finding.severity is Severity.NOTE
        assert "no wheel fits" in finding.message

    @pytest.mark.parametrize(
        ("bound", "declared"),
        [(">=4.7", None), ("<3", "<3"), ("==3.1.*", "==3.1.*"), (">=3.9,<3.9.1,!=3.9.0", ">=3.9")],
    )
    def test_a_missing_python_is_a_warning_not_an_error(self, tmp_path: Path, bound: str, declared: str | None) -> None:
        """No interpreter is downloaded, and nothing was imported."""
        (finding,) = self.check(tmp_path, Recipe(requires_python=bound, cli="import gone"), requires_python=declared)
        assert finding.severity is Severity.WARNING
        assert finding.message.endswith(" on this machine: the import was not tried")
        assert finding.message.startswith("no Python ")
        assert "uv python install" in finding.hint

    def test_another_installed_python_is_used(self, tmp_path: Path) -> None:
        """The running one is excluded by requires-python."""
        bound = f">=3.9,!={platform.python_version()}"
        words = ("python", "find", "--no-project", "--no-python-downloads", bound)
        if subprocess.run([uv_program(), *words], capture_output=True, check=False).returncode:
            pytest.skip("uv finds no second Python on this machine")
        (finding,) = self.check(tmp_path, Recipe(cli="import gone"), requires_python=bound)
        assert "cannot start: ModuleNotFoundError: No module named 'gone'" in finding.message

    def test_a_missing_uv_is_an_error(self, tmp_path: Path) -> None:
        """The finding contains the program's name."""
        wheel = make_wheel(tmp_path, Recipe())
        (finding,) = check_imports(make_check_context(tmp_path, [wheel]), [read_archive(wheel)])
        assert "is no-uv-here installed?" in finding.message


EXCUSES = [
    (Script("a", "m", "f", ("x", "y")), "anything", (), "it needs the extra x, y"),
    (
        Script("a", "m", "f"),
        "ModuleNotFoundError: No module named 'winreg'",
        (),
        "winreg is a module of other platforms",
    ),
    (
        Script("a", "m", "f"),
        "ModuleNotFoundError: No module named 'rich.text'",
        ('Rich; extra == "c"',),
        "Rich is only",
    ),
    (Script("a", "m", "f"), "ModuleNotFoundError: No module named 'rich'", ("rich", "other; extra == 'c'"), ""),
    (Script("a", "m", "f"), "AttributeError: module 'winreg' has no attribute", ("no requirement",), ""),
]


@pytest.mark.parametrize(("script", "problem", "requires", "why"), EXCUSES, ids=range(len(EXCUSES)))
def test_which_problems_excuse_a_script(script: Script, problem: str, requires: tuple[str, ...], why: str) -> None:
    """An extra or another platform that the script or the metadata declares."""
    assert excuse(script, problem, requires).startswith(why)
    assert bool(excuse(script, problem, requires)) is bool(why)


def test_which_names_must_be_importable(tmp_path: Path) -> None:
    """Scripts first; without them modules, packages, and packages below a namespace."""
    files: dict[str, str | bytes] = {
        "single.py": "",
        "fast.cpython-311-x86_64-linux-gnu.so": b"",
        "space/plugin/__init__.py": "",
        "space/plugin/deep/__init__.py": "",
        "demo_tool-1.2.0.data/platlib/other/__init__.py": "",
        "not-importable/x.py": "",
    }
    with_scripts = import_targets(read_archive(make_wheel(tmp_path, Recipe(files=files))))
    assert [(target.script, target.module, target.attr) for target in with_scripts] == [
        ("demo", "demo_tool.cli", "main")
    ]
    without = import_targets(read_archive(make_wheel(tmp_path, Recipe(files=files, scripts={}))))
    assert [target.module for target in without] == ["demo_tool", "fast", "other", "single", "space.plugin"]


@pytest.mark.parametrize(
    ("requires", "chosen"),
    [
        pytest.param(None, sys.executable, id="no word"),
        pytest.param(">=3.11", sys.executable, id="fits"),
        pytest.param(">=3.12,<4", "<4,>=3.12", id="excluded"),
        pytest.param("three", sys.executable, id="malformed"),
    ],
)
def test_the_python_satisfies_requires_python(requires: str | None, chosen: str) -> None:
    """The running Python is preferred."""
    assert python_for(requires, "3.11.9") == chosen
