"""`verify`: real pip and uv run the reference commands against a real index."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.errors import FailedError, RefusedError, SlowError
from release_channels.release.verify import InstallResult, check_not_below, install_all, why_slow
from tests.support.distributions import Recipe, make_wheel
from tests.support.verifying import ReleasedProject, delaying, yanking

FULL = pytest.mark.full
HELP = "import sys\n\ndef main():\n    print('usage: demo', sys.argv[1:])\n    return 0\n"
PREVIEW = Recipe(version="1.3.0.dev5", cli=HELP)
FINAL = Recipe(version="1.2.0", cli=HELP)


@pytest.fixture
def project(tmp_path: Path, wheelhouse: Path, offline: None, monkeypatch: pytest.MonkeyPatch) -> ReleasedProject:
    """A checkout, an index, and a temporary directory that has to be empty at the end."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)  # asked anew from here on
    return ReleasedProject.open(tmp_path, wheelhouse)


def leftovers() -> list[str]:
    """List the files in the temporary directory."""
    return sorted(path.name for path in Path(tempfile.gettempdir()).iterdir())


@pytest.mark.parametrize(
    ("preview", "final"),
    [
        pytest.param("1.3.0.dev5", "1.2.0", id="plain"),
        pytest.param("1!1.3.0.dev5", "1!1.2.0", id="epoch", marks=FULL),
        pytest.param("1.2.0.post1.dev5", "1.2.0", id="post", marks=FULL),
    ],
)
def test_preview_and_public_commands_install_their_versions(project: ReleasedProject, preview: str, final: str) -> None:
    """Both preview commands the preview, both public commands the final; no file is left."""
    recipe = replace(PREVIEW, version=preview)
    project.release(recipe, replace(FINAL, version=final))
    report = project.verify(recipe)
    assert report.warnings == ()
    assert report.message == (
        f"from outside: `python -m pip install --pre --upgrade demo-tool` installed {preview} and "
        f"`uv tool install --prerelease allow --upgrade demo-tool` installed {preview}; "
        "the installed files are those of the wheel, and its script starts"
    )
    assert leftovers() == []


@pytest.mark.full
def test_without_a_build_the_published_release_is_verified(project: ReleasedProject) -> None:
    """As in a job that only verifies."""
    project.release(PREVIEW, FINAL)
    (project.root / "release.json").unlink()
    (built,) = (project.root / "dist").iterdir()
    built.unlink()
    report = project.verify(PREVIEW)
    assert "installed 1.3.0.dev5" in report.message
    assert [file.name for file in report.files] == ["demo_tool-1.3.0.dev5-py3-none-any.whl"]
    assert [path.name for path in project.root.rglob("*")] == ["dist"]
    assert leftovers() == []


def test_verify_refuses_without_a_build_or_a_release(project: ReleasedProject) -> None:
    project.release(FINAL)
    (project.root / "release.json").unlink()
    with pytest.raises(
        RefusedError, match=r"no release\.json: nothing was built yet, and the local index has no wheel of 1\.3"
    ):
        project.verify(PREVIEW)
    assert leftovers() == []


def test_a_public_command_that_installs_the_preview_fails(project: ReleasedProject) -> None:
    """The index lists the final but hides it from installers."""
    odd = replace(FINAL, tag="cp27-cp27m-win32")
    project.release(PREVIEW, odd)
    with pytest.raises(FailedError, match=r"install --upgrade demo-tool` installs 1.3.0.dev5, though the final 1.2.0"):
        project.verify(PREVIEW)
    assert leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("others", "said"),
    [
        pytest.param([], "no final of demo-tool is on the local index yet: until the first one", id="none"),
        pytest.param(
            [replace(FINAL, requires_python="<3.9")],
            "1.2.0 asks for Python <3.9",
            id="excluded",
            marks=FULL,
        ),
    ],
)
def test_a_missing_final_is_a_warning(project: ReleasedProject, others: list[Recipe], said: str) -> None:
    """Before the first one, and where each excludes this Python."""
    project.release(PREVIEW, *others)
    report = project.verify(PREVIEW)
    assert len(report.warnings) == 1
    assert said in report.warnings[0]
    assert "(PEP 440)" in report.warnings[0]


@pytest.mark.full
def test_only_yanked_finals_are_a_warning(project: ReleasedProject) -> None:
    name = make_wheel(project.upstream, FINAL).name
    project.release(PREVIEW)
    report = project.verify(PREVIEW, wrap=yanking(name))
    assert len(report.warnings) == 1
    assert "(1.2.0 is yanked)" in report.warnings[0]


@pytest.mark.full
def test_a_newer_preview_passes_with_a_note(project: ReleasedProject) -> None:
    """Its scripts may differ."""
    newer = replace(PREVIEW, version="1.3.0.dev6", scripts={"renamed": "demo_tool.cli:main"})
    project.release(PREVIEW, newer, FINAL)
    report = project.verify(PREVIEW)
    assert "installed 1.3.0.dev6; that is newer than 1.3.0.dev5, which was not installed itself" in report.message


@pytest.mark.parametrize("version", ["1.3.0rc1", "1.3.0"])
@pytest.mark.full
def test_another_installed_version_fails(project: ReleasedProject, version: str) -> None:
    """The message contains both versions."""
    project.release(PREVIEW, FINAL, replace(FINAL, version=version))
    with pytest.raises(FailedError) as caught:
        project.verify(PREVIEW)
    assert f"pip install --pre --upgrade demo-tool` installed {version}, not 1.3.0.dev5" in str(caught.value)
    assert f"uv tool install --prerelease allow --upgrade demo-tool` installed {version}, not" in str(caught.value)
    assert leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize(
    ("served", "said"),
    [
        pytest.param({"cli": HELP + "# changed\n"}, "the installed cli.py differs from the wheel's", id="changed"),
        pytest.param(
            {"files": {"extra.pth": ""}},
            "extra.pth was installed, and is not in the wheel",
            id="added",
            marks=FULL,
        ),
    ],
)
def test_another_wheel_of_the_same_name_fails(project: ReleasedProject, served: dict[str, object], said: str) -> None:
    """Its files differ from the manifest's."""
    project.release(PREVIEW, FINAL)
    make_wheel(project.local, replace(PREVIEW, **served))  # type: ignore[arg-type]
    with pytest.raises(FailedError) as caught:
        project.verify(PREVIEW)
    assert said in str(caught.value)
    assert "another wheel than the one in release.json" in caught.value.hint


@pytest.mark.full
def test_a_wheel_with_a_missing_file_fails(project: ReleasedProject) -> None:
    project.release(replace(PREVIEW, files={"demo_tool/data.txt": "some data"}), FINAL)
    make_wheel(project.local, PREVIEW)
    with pytest.raises(FailedError, match=r"data\.txt of the wheel was not installed"):
        project.verify(PREVIEW)


@pytest.mark.full
def test_files_of_every_scheme_are_compared(project: ReleasedProject) -> None:
    """Also those outside site-packages; scripts are started."""
    files = {
        "demo_tool-1.3.0.dev5.data/purelib/demo_more.py": "VALUE = 1\n",
        "demo_tool-1.3.0.dev5.data/data/share/demo.txt": "text",
        "demo_tool-1.3.0.dev5.data/scripts/ready-made": "#!python\nprint('usage')\n",
    }
    project.release(replace(PREVIEW, files=files), FINAL)
    assert "its 2 scripts start" in project.verify(PREVIEW).message
    for name in list(files)[:2]:
        make_wheel(project.local, replace(PREVIEW, files={**files, name: "changed"}))
        with pytest.raises(FailedError, match=rf"the installed {Path(name).name} differs from the wheel's"):
            project.verify(PREVIEW)


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        pytest.param(lambda dist: dist.unlink(), "is not there", id="gone"),
        pytest.param(lambda dist: dist.write_bytes(b"other"), "is not the file in release.json", id="changed"),
    ],
)
def test_the_wheel_in_dist_must_be_the_manifests(project: ReleasedProject, break_it: object, said: str) -> None:
    """Otherwise nothing is installed."""
    project.release(PREVIEW)
    break_it(next((project.root / "dist").iterdir()))  # type: ignore[operator]
    with pytest.raises(RefusedError, match=said):
        project.verify(PREVIEW)


@pytest.mark.full
def test_an_install_with_a_direct_url_fails(project: ReleasedProject) -> None:
    """It did not come from the index."""
    recipe = replace(PREVIEW, instead={"direct_url.json": '{"url": "file:///elsewhere", "dir_info": {}}'})
    project.release(recipe, FINAL)
    with pytest.raises(FailedError, match=r"it has a direct_url\.json"):
        project.verify(recipe)


@pytest.mark.full
def test_a_missing_release_is_reported_by_both_installers(project: ReleasedProject) -> None:
    """In their own words."""
    project.release(PREVIEW)
    for file in project.local.iterdir():
        file.unlink()
    with pytest.raises(FailedError) as caught:
        project.verify(PREVIEW)
    assert "`python -m pip install --pre --upgrade demo-tool` failed; `uv tool install" in str(caught.value)
    assert "No matching distribution found for demo-tool" in caught.value.hint
    assert "demo-tool was not found in the package registry" in caught.value.hint
    assert leftovers() == []


def _cli(body: str) -> str:
    return f"import sys\n\ndef main():\n    {body}\n"


@pytest.mark.full
@pytest.mark.parametrize(
    ("cli", "said"),
    [
        pytest.param(_cli("sys.exit('usage: demo FILE')"), None, id="no help", marks=FULL),
        pytest.param(_cli("print(sys.stdin.read())"), None, id="reads stdin", marks=FULL),
        pytest.param(
            _cli("return int(sys.argv[1])"),
            "ends with a traceback (ValueError:",
            id="traceback",
            marks=FULL,
        ),
        pytest.param(_cli("import time; time.sleep(600)"), "had not ended after 1 s and was stopped", id="hangs"),
    ],
)
def test_a_script_without_help_only_has_to_be_importable(project: ReleasedProject, cli: str, said: str | None) -> None:
    """An unknown --help is at most a warning, within a time limit."""
    recipe = replace(PREVIEW, cli=cli)
    project.release(recipe, FINAL)
    warnings = project.verify(recipe, script_seconds=1).warnings
    assert len(warnings) == (said is not None)
    assert said is None or said in warnings[0]


@pytest.mark.parametrize(
    ("cli", "said"),
    [
        pytest.param(_cli("import no_such_module"), "ends with ModuleNotFoundError: No module named", id="lazy import"),
        pytest.param(_cli("import os; os.kill(os.getpid(), 11)"), "was ended by signal 11", id="signal", marks=FULL),
        pytest.param("import no_such_module\n", "cannot start: ModuleNotFoundError", id="import", marks=FULL),
        pytest.param("\n", "cannot start: AttributeError", id="no object", marks=FULL),
        pytest.param("import os; os._exit(3)\n", "Python ended while", id="dead", marks=FULL),
    ],
)
def test_a_broken_script_fails(project: ReleasedProject, cli: str, said: str) -> None:
    """A missing module or object, and a crash."""
    recipe = replace(PREVIEW, cli=cli)
    project.release(recipe, FINAL)
    with pytest.raises(FailedError) as caught:
        project.verify(recipe)
    assert said in str(caught.value)
    assert leftovers() == []


@pytest.mark.full
def test_an_excused_broken_script_is_a_warning(project: ReleasedProject) -> None:
    """By an extra, another platform, `allow` or the last release."""
    scripts = {"demo": "demo_tool.cli:main", "old": "demo_tool.old:main"}
    before = replace(FINAL, scripts=scripts, files={"demo_tool/old.py": "import gone\n"})
    more = {"extra": "demo_tool.old:main [more]", "meant": "demo_tool.old:main", "win": "demo_tool.win:main"}
    files = {**before.files, "demo_tool/win.py": "import winreg\n"}
    recipe = replace(PREVIEW, scripts={**scripts, **more}, files=files, extra=["Provides-Extra: more"])
    project.release(recipe, before)
    report = project.verify(recipe, settings='allow = ["broken-scripts:meant"]\n', before="1.2.0")
    assert report.message.endswith("; the installed files are those of the wheel, and 1 of its 5 scripts start")
    problem = "cannot start: ModuleNotFoundError: No module named"
    assert set(report.warnings) == {
        f"the script old {problem} 'gone' (1.2.0 could not start it either)",
        f"the script extra {problem} 'gone' (it needs the extra more)",
        f"the script meant {problem} 'gone' (`allow` has it)",
        f"the script win {problem} 'winreg' (winreg is a module of other platforms)",
    }
    with pytest.raises(
        FailedError, match=r"the script meant cannot start: ModuleNotFoundError: No module named 'gone'"
    ):
        project.verify(recipe, before="1.2.0")


SPACE = {"demo_space/plugin/__init__.py": "X = 1\n"}
STUBS = {"demo_tool/__init__.py": None, "demo_tool/cli.py": None, "demo_tool-stubs/__init__.pyi": ""}
NATIVE = {"demo_fast.cpython-399-x86_64-linux-gnu.so": b"\x7fELF", "demo_fast.abi3.so": b"\x7fELF"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"scripts": {}}, "`uv pip install --prerelease allow --upgrade demo-tool`", id="library"),
        pytest.param(
            {"scripts": {}, "files": SPACE}, "it can be imported", id="namespace", marks=FULL
        ),
        pytest.param(
            {"scripts": {}, "files": STUBS}, "and it contains nothing to import", id="stubs",
        ),
        pytest.param(
            {"scripts": {}, "instead": {"entry_points.txt": "[gui_scripts]\ndemo = demo_tool.cli:main\n"}},
            "`uv tool install --prerelease allow --upgrade demo-tool`", id="gui", marks=FULL,
        ),
        pytest.param(
            {"scripts": {"demo": "demo_tool.cli:main [more]"}, "extra": ["Provides-Extra: more"]}, "its script starts",
            id="extra", marks=FULL,
        ),
    ],
)  # fmt: skip
def test_every_kind_of_project_is_installed(project: ReleasedProject, changes: dict[str, object], said: str) -> None:
    """Libraries, namespaces and programs with windows."""
    recipe = replace(PREVIEW, **changes)  # type: ignore[arg-type]
    project.release(recipe, replace(FINAL, scripts=recipe.scripts, instead=recipe.instead))
    report = project.verify(recipe)
    assert said in report.message
    assert report.warnings == ()


@pytest.mark.full
def test_a_module_that_needs_an_extra_is_a_warning(project: ReleasedProject) -> None:
    """Unless every import package of the library fails."""
    recipe = replace(PREVIEW, scripts={}, files=NATIVE)
    project.release(recipe, FINAL)
    warnings = project.verify(recipe).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith("demo_fast cannot be imported: ImportError: ")
    nothing = replace(PREVIEW, scripts={}, files={"demo_tool/__init__.py": "import no_such_module\n"})
    project.release(nothing)
    with pytest.raises(FailedError, match="nothing of demo-tool can be imported: demo_tool cannot be imported"):
        project.verify(nothing)


BROKEN = {"demo_dep/__init__.py": "raise ImportError('half a rewrite')\n"}


@pytest.mark.full
def test_a_broken_dependency_prerelease_is_a_warning(project: ReleasedProject) -> None:
    """Where the form for this project alone works; the warning contains both commands."""
    recipe = replace(PREVIEW, requires=["demo-dep"], cli=f"import demo_dep\n{HELP}")
    make_wheel(project.upstream, Recipe(name="demo-dep", version="2.0.0a1", scripts={}, files=BROKEN))
    make_wheel(project.upstream, Recipe(name="demo-dep", version="1.0.0", scripts={}))
    project.release(recipe, replace(recipe, version="1.2.0"))
    warnings = project.verify(recipe).warnings
    programs = {warning.partition(" ")[0] for warning in warnings}
    assert programs == {"`python", "`uv"}
    assert all("demo-dep" in warning and "2.0.0a1" in warning for warning in warnings)
    assert any(
        warning.endswith("python -m pip install --all-releases demo-tool --upgrade demo-tool") for warning in warnings
    )
    assert any("uv tool install --prerelease-package demo-tool=allow --upgrade demo-tool" in w for w in warnings)


@pytest.mark.full
def test_a_dependency_that_breaks_both_forms_fails(project: ReleasedProject) -> None:
    """With the reference command's error."""
    recipe = replace(PREVIEW, requires=["demo-dep"], cli=f"import demo_dep\n{HELP}")
    make_wheel(project.upstream, Recipe(name="demo-dep", version="1.0.0", scripts={}, files=BROKEN))
    project.release(recipe, replace(recipe, version="1.2.0"))
    with pytest.raises(FailedError, match="the script demo cannot start: ImportError: half a rewrite"):
        project.verify(recipe)


@pytest.mark.full
def test_an_endless_resolution_is_a_warning(project: ReleasedProject) -> None:
    """The form for this project alone verifies it in time; the warning lists the dependencies."""
    recipe = replace(PREVIEW, requires=["demo-dep", "demo-low"])
    make_wheel(project.upstream, Recipe(name="demo-low", version="1.0.0", scripts={}))
    make_wheel(project.upstream, Recipe(name="demo-dep", version="1.0.0", scripts={}, requires=["demo-low"]))
    for number in range(40):
        early = Recipe(name="demo-dep", version=f"2.0.0a{number}", scripts={}, requires=["demo-low>1"])
        make_wheel(project.upstream, early)
    project.release(recipe, replace(recipe, version="1.2.0"))
    begun = time.monotonic()
    slowly = delaying(1, lambda path: "2.0.0a" in path)
    report = project.verify(recipe, wrap=slowly, settings="verify-seconds = 20\n")
    assert time.monotonic() - begun < 30
    warning = next(warning for warning in report.warnings if warning.startswith("`python"))
    assert "and takes too long: `python -m pip install --pre --upgrade demo-tool` had not ended after 20 s" in warning
    assert "pip tried many versions of demo-dep, and found none" in warning
    assert warning.endswith("python -m pip install --all-releases demo-tool --upgrade demo-tool")
    assert "`python -m pip install --all-releases demo-tool --upgrade demo-tool` installed 1.3.0.dev5" in report.message
    assert leftovers() == []


@pytest.mark.full
def test_a_slow_index_ends_in_time_and_hints_at_the_setting(project: ReleasedProject) -> None:
    """The message contains the seconds and the command."""
    recipe = replace(PREVIEW, requires=["demo-dep"])
    make_wheel(project.upstream, Recipe(name="demo-dep", version="1.0.0", scripts={}))
    project.release(recipe, replace(recipe, version="1.2.0"))
    begun = time.monotonic()
    slowly = delaying(12, lambda path: "demo-dep" in path or "demo_dep" in path)
    with pytest.raises(FailedError) as caught:
        project.verify(recipe, wrap=slowly, settings="verify-seconds = 10\n")
    assert time.monotonic() - begun < 40
    assert "`python -m pip install --pre --upgrade demo-tool` had not ended after 10 s" in str(caught.value)
    assert "`uv tool install --prerelease allow --upgrade demo-tool` had not ended after 10 s" in str(caught.value)
    assert "verify-seconds in [tool.release-channels] is the limit" in caught.value.hint
    assert leftovers() == []


@pytest.mark.parametrize(
    ("said", "why"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("Collecting a\nCollecting b\n\n", ", and its last line is 'Collecting b'", id="last"),
        pytest.param(
            "INFO: pip is looking at multiple versions of demo to determine which version is compatible with other "
            "requirements. This could take a while.\n"
            "INFO: pip is still looking at multiple versions of demo to determine which version is compatible\n"
            "  INFO: pip is looking at multiple versions of more[all] to determine which version is compatible\n",
            ": pip tried many versions of demo, more[all], and found none that fit together in time", id="backtracking",
        ),
        pytest.param(
            "INFO: pip is looking at multiple versions of demo to determine which version is compatible\n"
            "Downloading b-1.tar.gz\nInstalling collected packages: zipp, b\n",
            ": it had found and downloaded all 2 packages, and was installing them", id="installing",
        ),
    ],
)  # fmt: skip
def test_the_cause_of_a_slow_install_is_read_from_its_output(said: str, why: str) -> None:
    """The projects that pip searches, unless it has found them all; otherwise the last line."""
    assert why_slow(said) == why


@pytest.mark.parametrize(("installed", "fails"), [("1.2.9", True), ("1.3.0", False), ("1.4.0.dev1", False)])
def test_an_older_version_for_preview_users_fails(installed: str, fails: bool) -> None:
    """After a final; the message contains both versions."""
    came = InstallResult("pip install --pre demo-tool", Version(installed))
    if not fails:
        assert check_not_below(came, Version("1.3.0")) == ()
        return
    with pytest.raises(FailedError, match=r"`pip install --pre demo-tool` installs 1\.2\.9, which is below 1\.3\.0"):
        check_not_below(came, Version("1.3.0"))


_UNPACKING = "Collecting a\nInstalling collected packages: a, b\n"
_SEARCHING = "INFO: pip is looking at multiple versions of a to determine which version is compatible\n"
_GOOD = InstallResult("uv tool install demo-tool", Version("1.2.0"))


def _slow(said: str) -> Callable[[], InstallResult]:
    def act() -> InstallResult:
        raise FailedError("`pip install demo-tool` had not ended", hint="the limit") from SlowError("slow", said=said)

    return act


def test_an_installer_that_is_only_slow_is_a_warning_where_another_one_installed() -> None:
    """Not the project's fault: it had found everything, and was unpacking it."""
    own, others, warnings = install_all(_slow(_UNPACKING), lambda: _GOOD, lambda: _GOOD, lambda: _GOOD)
    assert (own, others) == ([_GOOD], [_GOOD, _GOOD])
    assert warnings == (
        "`pip install demo-tool` had not ended; but `uv tool install demo-tool` installed 1.2.0 (the limit)",
    )


@pytest.mark.parametrize(
    "acts",
    [
        pytest.param((_slow(_SEARCHING), lambda: _GOOD, lambda: _GOOD, lambda: _GOOD), id="it searches"),
        pytest.param((_slow(_UNPACKING), lambda: _GOOD), id="alone"),
        pytest.param((_slow(_UNPACKING), _slow(_UNPACKING), lambda: _GOOD, lambda: _GOOD), id="both"),
    ],
)
def test_an_installer_without_an_end_fails_where_nothing_was_installed(
    acts: tuple[Callable[[], InstallResult], ...],
) -> None:
    """And always while it searches: users of the project wait as long."""
    with pytest.raises(FailedError, match="had not ended"):
        install_all(*acts)


def test_nothing_is_said_of_what_a_command_without_an_end_installs() -> None:
    """Neither that it installs nothing nor that it is wrong."""
    late = InstallResult("pip install --pre demo-tool", None, refusal="it took longer than 20 s", is_late=True)
    (warning,) = check_not_below(late, Version("1.3.0"))
    assert warning.startswith("it is not known what `pip install --pre demo-tool` installs: it took longer than 20 s")
