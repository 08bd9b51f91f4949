"""The check step: all findings in one report, and no upload after an error."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from werkzeug.wrappers import Response

from release_channels.model.outcome import Result
from release_channels.model.version import Channel
from release_channels.release.rebuild import Difference, explain_difference
from tests.conftest import MakeRepo, RunSession
from tests.support.backends import own_backend
from tests.support.distributions import Recipe, make_sdist, make_wheel
from tests.support.projects import Sample
from tests.support.releasing import index_of, public_steps, tagged
from tests.support.repo import Repo
from tests.support.staging import serve_staging

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_CHECKED = ("build", "check")
_UPLOADED = (*_CHECKED, "preview-publish")
_CLOCK = "import time\nEXTRA['demo_tool/when.py'] = f'WHEN = {time.time_ns()}\\n'\n"


def _on_index(repo: Repo) -> list[str]:
    return sorted(path.name for path in (repo.root / ".release-channels" / "index").glob("demo*"))


def test_all_findings_are_in_one_report_and_nothing_is_uploaded(
    make_repo: MakeRepo, run_session: RunSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each error once on its line and in the hint."""
    body = "CORE += 'Classifier: No :: Such\\nRequires-Dist: x @ https://example.org/x.whl\\n'\n" + _CLOCK
    repo = make_repo(own_backend(body, scripts=("demo-tool", "broken")))
    text = (repo.root / "pyproject.toml").read_text().replace('broken = "demo_tool:main"', 'broken = "demo_tool:gone"')
    repo.commit("broken script", {"pyproject.toml": text})
    outcome = run_session(repo, steps=_UPLOADED)
    assert outcome.result is Result.REFUSED
    for part in ("No :: Such", "example.org/x.whl"):
        assert part in outcome.hint
    assert _on_index(repo) == []
    shown = capsys.readouterr().err
    assert "[3/3]" not in shown
    assert shown.count("a second build of the same commit has other bytes") == 1
    line = next(line for line in outcome.hint.splitlines() if "No :: Such" in line)
    assert shown.count(line) == 1


@pytest.mark.full
def test_an_unreproducible_build_is_one_warning(
    make_repo: MakeRepo, run_session: RunSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """It contains the member that differs; the release continues."""
    repo = make_repo(own_backend(_CLOCK))
    outcome = run_session(repo, steps=_CHECKED)
    assert outcome.result is Result.DONE
    assert "gave the same bytes" not in outcome.message
    (warning,) = [text for text in outcome.warnings if "second build" in text]
    assert "the contents of demo_tool/when.py differ" in warning
    assert not warning.startswith((" ", "warning"))
    assert capsys.readouterr().err.count(warning) == 1


@pytest.mark.full
def test_a_second_build_can_be_switched_off(make_repo: MakeRepo, run_session: RunSession, tmp_path: Path) -> None:
    """With `rebuild = false` no comparison is reported."""
    count = (
        f"def during(kind):\n    with open({str(tmp_path / 'runs')!r}, 'a') as out:\n        out.write(kind + ' ')\n"
    )
    off = make_repo(own_backend(count, settings="rebuild = false\n"))
    outcome = run_session(off, steps=_CHECKED)
    assert outcome.result is Result.DONE
    assert "second build" not in outcome.message
    assert (tmp_path / "runs").read_text().split() == ["sdist", "wheel"]
    on = make_repo(own_backend(count))
    assert "a second build gave the same bytes" in run_session(on, steps=_CHECKED).message
    assert len((tmp_path / "runs").read_text().split()) == 6


@pytest.mark.full
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(("build", "check"), id="concurrent"),
        pytest.param(("check",), id="afterwards", marks=pytest.mark.full),
    ],
)
def test_a_failing_second_build_is_one_finding(
    make_repo: MakeRepo, run_session: RunSession, steps: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """The report contains the other findings too."""
    body = (
        "CORE += 'Classifier: No :: Such\\n'\n"
        "def during(kind):\n    if kind == 'wheel' and 'release-channels-rebuild' in os.getcwd():\n"
        "        raise SystemExit('only once')\n"
    )
    repo = make_repo(own_backend(body))
    if "build" not in steps:
        assert run_session(repo, steps=("build",)).result is Result.DONE
    outcome = run_session(repo, steps=steps)
    assert outcome.result is Result.REFUSED
    assert "No :: Such" in outcome.hint
    shown = capsys.readouterr().err
    assert shown.count("a second build of the same commit failed: the build backend could not build the wheel") == 1


def test_a_final_with_a_different_second_build_is_refused(make_repo: MakeRepo) -> None:
    """It could not be completed after an interrupt."""
    made = own_backend(_CLOCK)
    text = str(made.files["pyproject.toml"]).replace("1.2.0.dev0", "1.2.0")
    repo = tagged(make_repo(Sample(files={**made.files, "pyproject.toml": text})))
    outcome = public_steps(repo, *_CHECKED, "public-publish")
    assert outcome.result is Result.REFUSED
    assert "the contents of demo_tool/when.py differ" in outcome.hint
    assert not index_of(repo).exists()


_SHARED = """
import time
HERE = Path(SHARED)
IS_SECOND = "release-channels-rebuild" in os.getcwd()

def wait_for(name):
    end = time.monotonic() + 60
    while not (HERE / name).exists() and time.monotonic() < end:
        time.sleep(0.02)
"""


@pytest.mark.full
def test_a_build_that_fails_in_parallel_is_retried_alone(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path
) -> None:
    """Both are reported."""
    body = f"SHARED = {str(tmp_path)!r}\n{_SHARED}" + (
        "def during(kind):\n"
        "    if IS_SECOND:\n        (HERE / 'taken').touch()\n        wait_for('alone')\n"
        "    elif kind == 'sdist' and (HERE / 'tried').exists():\n        (HERE / 'alone').touch()\n"
        "    elif kind == 'sdist':\n        (HERE / 'tried').touch()\n        wait_for('taken')\n"
        "        raise SystemExit('the place is taken')\n"
    )
    outcome = run_session(make_repo(own_backend(body)), steps=_CHECKED)
    assert outcome.result is Result.DONE, outcome
    (warning,) = (text for text in outcome.warnings if "second build" in text)
    assert "could not build the sdist in parallel with the second build, but succeeded alone" in warning
    assert "a second build gave the same bytes" in outcome.message


@pytest.mark.parametrize(
    "harm", ["raise SystemExit('taken')", "EXTRA['demo_tool/x.py'] = 'X = 1'"], ids=["fail", "mix"]
)
@pytest.mark.full
def test_a_second_build_that_fails_in_parallel_is_retried(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, harm: str
) -> None:
    """Before it is reported."""
    body = f"SHARED = {str(tmp_path)!r}\n{_SHARED}" + (
        "def during(kind):\n    if IS_SECOND and kind == 'wheel' and not (HERE / 'once').exists():\n"
        f"        (HERE / 'once').touch()\n        {harm}\n"
    )
    outcome = run_session(make_repo(own_backend(body)), steps=_CHECKED)
    assert (tmp_path / "once").exists()
    assert [text for text in outcome.warnings if "second build" in text] == []
    assert "a second build gave the same bytes" in outcome.message


def test_files_that_changed_after_the_build_are_an_error(make_repo: MakeRepo, run_session: RunSession) -> None:
    """The message contains the file."""
    repo = make_repo(own_backend())
    assert run_session(repo, steps=("build",)).result is Result.DONE
    (wheel,) = (repo.root / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("demo_tool/added.py", "")
    before = repo.fingerprint()
    outcome = run_session(repo, steps=("check",))
    assert outcome.result is Result.REFUSED
    assert f"{wheel.name}: was changed after the build" in outcome.hint
    assert repo.fingerprint() == before


def test_a_script_of_the_last_release_must_not_get_lost(make_repo: MakeRepo, run_session: RunSession) -> None:
    """uv would delete the tool on upgrade."""
    repo = make_repo(own_backend(scripts=("a",)))
    index = repo.root / ".release-channels" / "index"
    index.mkdir(parents=True)
    main = "demo_tool.cli:main"
    make_wheel(index, Recipe(version="1.0.0", scripts={"a": main, "b": main}))
    make_wheel(index, Recipe(version="0.9.0", scripts={"a": main, "older": main}))
    before = _on_index(repo)
    outcome = run_session(repo, steps=_UPLOADED)
    assert outcome.result is Result.REFUSED
    assert "demo-tool 1.2.0.dev1 has lost the script b, which demo-tool 1.0.0 had" in outcome.hint
    assert _on_index(repo) == before


def _with_tail(tail: str, settings: str = "") -> Sample:
    """Build a project with one script `a` and this end of pyproject.toml."""
    made = own_backend(scripts=("a",), settings=settings + "rebuild = false\n")
    return Sample(files={**made.files, "pyproject.toml": str(made.files["pyproject.toml"]) + tail})


def _final(make_repo: MakeRepo, settings: str = "", tail: str = "") -> Repo:
    """Commit and tag the final 1.2.0 of it."""
    made = _with_tail(tail, settings)
    text = str(made.files["pyproject.toml"]).replace("1.2.0.dev0", "1.2.0")
    repo = tagged(make_repo(Sample(files={**made.files, "pyproject.toml": text})))
    index_of(repo).mkdir(parents=True)
    return repo


def _wheel(repo: Repo, version: str, *scripts: str) -> None:
    make_wheel(index_of(repo), Recipe(version=version, scripts=dict.fromkeys(scripts, "demo_tool.cli:main")))


def test_a_final_does_not_lose_what_only_previews_had(make_repo: MakeRepo) -> None:
    """A final is compared with the newest final."""
    repo = _final(make_repo)
    _wheel(repo, "1.1.0", "a")
    _wheel(repo, "1.2.0.dev4", "a", "tried")
    _wheel(repo, "1.2.0rc1", "a", "tried")
    assert public_steps(repo, *_CHECKED).result is Result.DONE
    _wheel(repo, "1.1.1", "a", "b")
    outcome = public_steps(repo, *_CHECKED)
    assert outcome.result is Result.REFUSED
    assert "demo-tool 1.2.0 has lost the script b, which demo-tool 1.1.1 had (" in outcome.hint


@pytest.mark.full
def test_an_allowed_script_loss_is_only_a_note(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Another one is refused, with its `allow` entry in the hint."""
    repo = _final(make_repo, 'allow = ["lost-scripts:b"]\n')
    _wheel(repo, "1.1.0", "a", "b")
    assert public_steps(repo, *_CHECKED).result is Result.DONE
    assert (
        "lost the script b, which demo-tool 1.1.0 had (`allow` in [tool.release-channels] has it)"
        in capsys.readouterr().err
    )
    _wheel(repo, "1.1.1", "a", "b", "c")
    hint = public_steps(repo, *_CHECKED).hint
    assert "lost the script c, which demo-tool 1.1.1 had (keep the script" in hint
    assert 'if that is intended, add "lost-scripts:c" to `allow`)' in hint


@pytest.mark.full
@pytest.mark.parametrize("channel", Channel)
def test_an_unavailable_previous_wheel_is_reported(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, channel: Channel
) -> None:
    """A warning for a preview, an error for a final."""
    with serve_staging(tmp_path / "staging") as staging:
        tail = staging.tail()
        repo = _final(make_repo, tail=tail) if channel is Channel.PUBLIC else make_repo(_with_tail(tail))
        make_wheel(staging.root, Recipe(version="1.1.0", scripts={"gone": "demo_tool.cli:main"}))
        staging.fault = lambda environ, app: Response(status=404) if environ["PATH_INFO"].endswith(".whl") else None
        words = () if channel is Channel.PUBLIC else ("--run-number", "7")
        outcome = run_session(repo, "--index", "staging", *words, steps=_CHECKED, channel=channel)
    message = "demo_tool-1.1.0-py3-none-any.whl: the index staging does not serve this file"
    if channel is Channel.PUBLIC:
        assert (outcome.result, message in outcome.hint) == (Result.REFUSED, True), outcome
    else:
        assert (outcome.result, message in "".join(outcome.warnings)) == (Result.DONE, True), outcome


@pytest.mark.full
def test_a_yanked_release_is_not_compared_with(make_repo: MakeRepo) -> None:
    repo = _final(make_repo)
    _wheel(repo, "1.0.0", "a")
    _wheel(repo, "1.1.0", "a", "b")
    assert "lost the script b, which demo-tool 1.1.0 had (" in public_steps(repo, *_CHECKED).hint
    (index_of(repo) / "demo_tool-1.1.0-py3-none-any.whl.yanked").write_text("broken")
    assert public_steps(repo, *_CHECKED).result is Result.DONE


def test_published_releases_count_against_the_project_limit(make_repo: MakeRepo) -> None:
    repo = _final(make_repo, "project-limit = 40000\n")
    big = {"demo_tool/data.bin": random.Random(0).randbytes(50_000)}
    make_wheel(index_of(repo), Recipe(version="1.0.0", scripts={}, files=big))
    assert "its limit is 40000 bytes" in public_steps(repo, *_CHECKED).hint


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("file-limit = 100\n", "the limit for a file is 100 bytes"),
        ("project-limit = 1000\n", "its limit is 1000 bytes"),
    ],
    ids=["file", "project"],
)
def test_the_configured_limits_apply(make_repo: MakeRepo, run_session: RunSession, settings: str, message: str) -> None:
    """Before a byte is uploaded."""
    repo = make_repo(own_backend(settings=settings + "rebuild = false\n"))
    outcome = run_session(repo, steps=_UPLOADED)
    assert outcome.result is Result.REFUSED
    assert message in outcome.hint
    assert _on_index(repo) == []


_Members = list[tuple[str, bytes, int, int]]
_SAME: _Members = [("a", b"1", 0, 0o644), ("b", b"2", 0, 0o644)]
_CASES: dict[str, tuple[_Members, int, str]] = {
    "one more": ([*_SAME, ("c", b"", 0, 0o644)], 9, "c is in only one of them"),
    "contents": ([("a", b"1", 0, 0o644), ("b", b"3", 5, 0o644)], 9, "the contents of b differ"),
    "time": ([("a", b"1", 86400, 0o644), _SAME[1]], 9, "a carries time "),
    "mode": ([("a", b"1", 0, 0o755), _SAME[1]], 9, "mode "),
    "order": (_SAME[::-1], 9, "their members are in another order"),
    "packing": (_SAME, 1, "they are packed differently"),
}


def _pack(path: Path, members: _Members, level: int) -> Path:
    if path.suffix == ".whl":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as wheel:
            for name, content, time, mode in members:
                info = zipfile.ZipInfo(name, (1990 + time // 86400, 1, 1, 0, 0, 0))
                info.external_attr = mode << 16
                wheel.writestr(info, content * 500)
        return path
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as sdist:
        for name, content, time, mode in members:
            member = tarfile.TarInfo(name)
            member.mtime, member.mode, member.size = time, mode, len(content)
            sdist.addfile(member, io.BytesIO(content))
    path.write_bytes(gzip.compress(raw.getvalue(), compresslevel=level, mtime=level))
    return path


@pytest.mark.parametrize("ending", [".whl", ".tar.gz"])
@pytest.mark.parametrize(("members", "level", "message"), _CASES.values(), ids=_CASES)
def test_the_difference_of_two_builds_is_described(
    tmp_path: Path, ending: str, members: _Members, level: int, message: str
) -> None:
    """By its most important difference and, if any, its member."""
    first = _pack(tmp_path / f"one{ending}", _SAME, 9)
    other = _pack(tmp_path / f"other{ending}", members, level)
    difference = explain_difference(first, other)
    assert message in difference.words
    assert difference.is_weighty is (message.endswith(("only one of them", "differ")))


def test_a_different_link_target_is_a_difference(tmp_path: Path) -> None:
    for name, target in (("one", "x"), ("other", "y")):
        with tarfile.open(tmp_path / f"{name}.tar.gz", "w:gz") as sdist:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = tarfile.SYMTYPE, target
            sdist.addfile(member)
    expected = Difference("the contents of link differ", is_weighty=True)
    assert explain_difference(tmp_path / "one.tar.gz", tmp_path / "other.tar.gz") == expected


def test_a_differing_version_file_is_an_error(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Nothing is uploaded."""
    settings = 'version-files = [{path = "CITATION.cff", pattern = "version: {version}"}]\n'
    files: dict[str, str | bytes] = {"CITATION.cff": "version: 1.1.0\n", "README.md": "pip install demo-tool==1.0.0\n"}
    repo = make_repo(Sample(settings=settings, files=files))
    run_session(repo, steps=("build",))
    before = repo.fingerprint()
    outcome = run_session(repo, steps=("check",))
    assert outcome.result is Result.REFUSED
    assert "CITATION.cff, line 1, says 1.1.0, but pyproject.toml" in outcome.hint
    assert repo.fingerprint() == before


def test_a_key_of_the_last_sdist_is_a_warning_although_an_egg_is_listed(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path
) -> None:
    """An index lists distributions of former kinds, too; the sdist is found among them."""
    key = {"src/demo_tool/server.key": "kept"}
    with serve_staging(tmp_path / "staging") as staging:
        make_sdist(staging.root, Recipe(version="1.1.0", sdist_files=key))

        def with_egg(environ: WSGIEnvironment, app: WSGIApplication) -> Response | None:
            if "/simple/demo-tool" not in environ["PATH_INFO"]:
                return None
            page = Response.from_app(app, environ)
            listed = json.loads(page.data)
            egg = listed["files"][0] | {"filename": "demo_tool-1.1.0-py3.11.egg"}
            page.data = json.dumps(listed | {"files": [egg, *listed["files"]]})
            return page

        staging.fault = with_egg
        repo = make_repo(Sample(tail=staging.tail(), files=dict(key)))
        outcome = run_session(repo, "--index", "staging", "--run-number", "7", steps=_CHECKED)
    assert outcome.result is Result.DONE, outcome
    assert "server.key" in "".join(outcome.warnings)
