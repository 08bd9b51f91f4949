"""The build: one commit from a clean clone, without secrets, and a dist/ that is complete or unchanged."""

from __future__ import annotations

import hashlib
import json
import re
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from release_channels.model.outcome import Outcome, Result
from tests.conftest import MakeRepo, RunSession
from tests.support.backends import own_backend
from tests.support.processes import survivors
from tests.support.projects import Sample
from tests.support.repo import Repo

_BUILD = ("build",)


def _build(run_session: RunSession, repo: Repo, *words: str) -> Outcome:
    return run_session(repo, *words, steps=_BUILD)


def _change_backend(repo: Repo, body: str) -> None:
    """Commit another backend, without the files of an earlier build."""
    repo.write({"own_backend.py": own_backend(body).files["own_backend.py"]})
    repo.git("commit", "--quiet", "--all", "--message", "another backend")


def _wheel(repo: Repo) -> dict[str, str]:
    (path,) = (repo.root / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def _sdist(repo: Repo) -> dict[str, str]:
    (path,) = (repo.root / "dist").glob("*.tar.gz")
    found: dict[str, str] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                found[member.name.partition("/")[2]] = content.read().decode()
    return found


def _metadata(repo: Repo) -> tuple[str, str]:
    return next(text for name, text in _wheel(repo).items() if name.endswith("/METADATA")), _sdist(repo)["PKG-INFO"]


@pytest.mark.parametrize("backend", ["hatchling", pytest.param("poetry-core", marks=pytest.mark.full)])
def test_wheel_and_sdist_contain_version_and_commit_url(
    make_repo: MakeRepo, run_session: RunSession, backend: str
) -> None:
    """In METADATA and PKG-INFO; no tracked file changes."""
    repo = make_repo(Sample(backend=backend))
    sha = repo.git("rev-parse", "HEAD")
    outcome = _build(run_session, repo, "--run-number", "7")
    assert (outcome.result, outcome.version) == (Result.DONE, "1.2.0.dev7")
    for text in _metadata(repo):
        assert "\nVersion: 1.2.0.dev7\n" in text
        assert f"\nProject-URL: Source commit, https://github.com/example/demo-tool/commit/{sha}\n" in text
    assert repo.git("diff", "HEAD") == ""
    manifest = json.loads((repo.root / "release.json").read_text())
    for file in manifest["files"]:
        content = (repo.root / "dist" / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    assert [file["name"] for file in manifest["files"]] == [
        "demo_tool-1.2.0.dev7.tar.gz",
        "demo_tool-1.2.0.dev7-py3-none-any.whl",
    ]
    # Written last: whoever sees the manifest sees all it names.
    dist = repo.root / "dist"
    assert (repo.root / "release.json").stat().st_mtime_ns >= max(p.stat().st_mtime_ns for p in [dist, *dist.iterdir()])


def test_version_files_get_the_previews_version(make_repo: MakeRepo, run_session: RunSession) -> None:
    """In wheel and sdist; the date stays that of the last release."""
    copies = "".join(
        f'\n[[tool.release-channels.version-files]]\npath = "src/demo_tool/about.py"\npattern = "{pattern}"\n'
        for pattern in ("VERSION = '{version}'", "RELEASED = '{date}'")
    )
    about = "VERSION = '1.2.0.dev0'\nRELEASED = '2026-01-02'\n"
    repo = make_repo(Sample(tail=copies, files={"src/demo_tool/about.py": about}))
    assert _build(run_session, repo, "--run-number", "7").result is Result.DONE
    expected = "VERSION = '1.2.0.dev7'\nRELEASED = '2026-01-02'\n"
    assert _wheel(repo)["demo_tool/about.py"] == expected
    assert _sdist(repo)["src/demo_tool/about.py"] == expected
    assert (repo.root / "src/demo_tool/about.py").read_text() == about


def test_uncommitted_changes_are_reported_and_not_built(
    make_repo: MakeRepo, run_session: RunSession, capsys: pytest.CaptureFixture[str]
) -> None:
    """Changed, staged and new files stay as they are."""
    repo = make_repo(own_backend())
    repo.write({"src/demo_tool/__init__.py": "uncommitted\n", "src/demo_tool/new.py": "uncommitted\n"})
    repo.write({"src/demo_tool/staged.py": "uncommitted\n"})
    repo.git("add", "src/demo_tool/staged.py")
    status = repo.git("status", "--porcelain")
    assert _build(run_session, repo).result is Result.DONE
    assert "uncommitted" not in "".join([*_wheel(repo).values(), *_sdist(repo).values()])
    assert repo.git("status", "--porcelain", "--", "src") == status
    assert "3 uncommitted and left out: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["dist/kept.txt", "release.json"])
def test_a_tracked_dist_or_manifest_is_refused(make_repo: MakeRepo, run_session: RunSession, name: str) -> None:
    """Before the build, with the command that untracks it."""
    repo = make_repo(own_backend())
    repo.commit("tracked", {name: "kept"})
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert outcome.result is Result.REFUSED
    assert "git rm -r --cached" in outcome.hint
    assert repo.fingerprint() == before


@pytest.mark.parametrize("name", ["dist", "release.json"])
def test_an_unsuitable_dist_is_refused_before_the_build(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, name: str
) -> None:
    """A link stays one, and the last build's manifest stays."""
    repo = make_repo(own_backend())
    (tmp_path / "elsewhere").mkdir()
    (repo.root / "release.json").write_text("old")
    (repo.root / name).unlink(missing_ok=True)
    (repo.root / name).symlink_to(tmp_path / "elsewhere")
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert outcome.result is Result.REFUSED
    assert "is not a" in outcome.message
    assert repo.fingerprint() == before
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_failing_backend_changes_no_file(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Its last 40 lines are in the hint."""
    repo = make_repo(own_backend())
    assert _build(run_session, repo).result is Result.DONE
    # All on one stream: uv reads a backend's two pipes side by side, and their lines reach it in no fixed order.
    body = (
        "import sys\n\ndef during(kind):\n    for n in range(100):\n"
        "        print('line', n, file=sys.stderr, flush=True)\n"
        "    raise SystemExit('no good')\n"
    )
    _change_backend(repo, body)
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert outcome.result is Result.FAILED
    assert len(outcome.hint.splitlines()) == 40
    assert "line 99" in outcome.hint
    assert "no good" in outcome.hint
    assert repo.fingerprint() == before


_WITHHELD = (
    *("UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD", "TWINE_PASSWORD", "GITHUB_TOKEN", "GH_TOKEN", "DEEPSEEK_API_KEY"),
    *("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "OPENAI_APIKEY", "AWS_SECRET_ACCESS_KEY"),
    *(
        "DB_PASS",
        "BW_SESSION",
        "CI_JOB_JWT",
        "REDIS_URL",
        "PGPASSWORD",
        "DEPLOY_PAT",
        "GITHUB_ENV",
        "GITHUB_PATH",
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
    ),
    *("PYTHONPATH", "PYTHONSTARTUP", "UV_EXCLUDE_NEWER", "UV_PYTHON", "UV_NO_BUILD_ISOLATION", "PIP_CONSTRAINT"),
    *("HATCH_BUILD_NO_HOOKS", "SETUPTOOLS_SCM_PRETEND_VERSION", "DIST_EXTRA_CONFIG", "PDM_BUILD_SCM_VERSION"),
)


def test_a_build_backend_gets_no_secret_and_no_setting(
    make_repo: MakeRepo, run_session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gets the commit's clock and the package sources."""
    body = "import json\nEXTRA['seen.json'] = json.dumps(dict(os.environ))\n"
    repo = make_repo(own_backend(body, settings='build-environment = ["HARMLESS"]\n'))
    for name in _WITHHELD:
        monkeypatch.setenv(name, f"/withheld-value-of-{name}")
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2001-01-01")
    monkeypatch.setenv("GIT_AUTHOR_NAME", "withheld-value")
    monkeypatch.setenv("HARMLESS", "stays")
    monkeypatch.setenv("FOO", "withheld-value")
    assert _build(run_session, repo).result is Result.DONE
    text = _wheel(repo)["seen.json"]
    seen = json.loads(text)
    assert set(_WITHHELD) & set(seen) == set()
    assert "withheld-value" not in text
    clock = repo.git("show", "--no-patch", "--format=%ct", "HEAD")
    assert (seen["SOURCE_DATE_EPOCH"], seen["HARMLESS"], seen["TZ"]) == (clock, "stays", "UTC")


def test_git_in_a_backend_reads_no_user_configuration(
    make_repo: MakeRepo, run_session: RunSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Backends list the project's files with it; the user's excludes must not apply."""
    (tmp_path / "xdg" / "git").mkdir(parents=True)
    (tmp_path / "xdg" / "git" / "ignore").write_text("generated.txt\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    body = (
        "import subprocess\n"
        "def during(kind):\n    if kind == 'sdist':\n        Path('generated.txt').write_text('x')\n"
        "        words = ['git', 'status', '--porcelain']\n"
        "        done = subprocess.run(words, check=True, capture_output=True, text=True)\n"
        "        Path('status.txt').write_text(done.stdout)\n"
    )
    repo = make_repo(own_backend(body))
    assert _build(run_session, repo).result is Result.DONE
    assert "?? generated.txt" in _sdist(repo)["status.txt"]


def _constraints(wheelhouse: Path, digest: str = "") -> str:
    (wheel,) = wheelhouse.glob("flit_core-*.whl")
    version = re.split("-", wheel.name)[1]
    return f"flit-core=={version} --hash=sha256:{digest or hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.mark.parametrize(
    ("content", "result", "hint"),
    [
        ("right", Result.DONE, ""),
        ("wrong", Result.FAILED, "ash"),
        ("missing", Result.REFUSED, "not a file of the commit"),
        ("outside", Result.REFUSED, "a path inside the project"),
    ],
)
def test_the_build_backend_can_be_pinned_by_hash(
    make_repo: MakeRepo,
    run_session: RunSession,
    wheelhouse: Path,
    tmp_path: Path,
    content: str,
    result: Result,
    hint: str,
) -> None:
    """uv refuses another hash, and the tool a constraints file that is not committed."""
    named = str(tmp_path / "build.txt") if content == "outside" else "build.txt"
    repo = make_repo(own_backend(settings=f'build-constraints = "{named}"\n', requires='"flit-core"'))
    (tmp_path / "build.txt").write_text(_constraints(wheelhouse))
    if content in ("right", "wrong"):
        repo.commit("pins", {"build.txt": _constraints(wheelhouse, "0" * 64 if content == "wrong" else "")})
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert outcome.result is result
    assert hint in outcome.message + outcome.hint
    assert (repo.fingerprint() == before) is (result is not Result.DONE)


def test_a_symlinked_pyproject_is_refused(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Writing through it would change a file outside the clone."""
    repo = make_repo(own_backend())
    repo.git("mv", "pyproject.toml", "real.toml")
    (repo.root / "pyproject.toml").symlink_to("real.toml")
    repo.commit("link")
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert outcome.result is Result.REFUSED
    assert "symbolic link" in outcome.message
    assert repo.fingerprint() == before


_REMOTES = [
    ("https://user:hunter2@forge.example.org/team/demo.git", "https://forge.example.org/team/demo/commit/"),
    ("ssh://git@forge.example.org:2222/team/demo.git", "https://forge.example.org/team/demo/commit/"),
    ("alias:team/demo.git", "https://alias/team/demo/commit/"),
    ("/somewhere/on/this/machine.git", None),
]


@pytest.mark.parametrize(("remote", "url"), _REMOTES, ids=["password", "ssh", "rewritten here", "path"])
def test_no_local_address_gets_into_the_distributions(
    make_repo: MakeRepo, run_session: RunSession, remote: str, url: str | None
) -> None:
    """A repository URL from the remote has no password, `insteadOf` rule or local path."""
    repo = make_repo(own_backend(urls="\n"))
    repo.git("remote", "set-url", "origin", remote)
    repo.git("config", "url.https://hunter2@rewritten.example.org/.insteadOf", "alias:")
    assert _build(run_session, repo).result is Result.DONE
    contents = "".join([*_wheel(repo).values(), *_sdist(repo).values()])
    assert "hunter2" not in contents
    assert "rewritten.example.org" not in contents
    assert str(repo.root.parent) not in contents
    for text in _metadata(repo):
        found = re.findall("^Project-URL: Source commit, (.*)$", text, re.MULTILINE)
        assert found == ([f"{url}{repo.git('rev-parse', 'HEAD')}"] if url else [])


_SESSION = """
import os, sys
from pathlib import Path
from release_channels.release.pipeline import run_pipeline
try:
    run_pipeline("build", ("build",), (), root=Path(sys.argv[1]), env=dict(os.environ))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("kind", ["sdist", pytest.param("wheel", marks=pytest.mark.full)])
def test_an_interrupted_build_leaves_nothing(
    make_repo: MakeRepo, run_session: RunSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals, kind: str,
) -> None:  # fmt: skip
    """No backend, no temporary file, not the backend's own either; dist/ and release.json are the last build's."""
    repo = make_repo(own_backend())
    assert _build(run_session, repo).result is Result.DONE
    mark, temporary = tmp_path / "backend-runs", tmp_path / "temporary"
    temporary.mkdir()
    body = (
        f"def during(kind):\n    if kind == {kind!r}:\n        import tempfile, time\n"
        "        tempfile.mkstemp(suffix='.tar.gz')\n"
        f"        Path({str(mark)!r} + '.part').write_text(str(os.getpid()))\n"
        f"        os.rename({str(mark)!r} + '.part', {str(mark)!r})\n        time.sleep(60)\n"
    )
    _change_backend(repo, body)
    before = repo.fingerprint()
    monkeypatch.setenv("TMPDIR", str(temporary))
    words = [sys.executable, "-c", _SESSION, str(repo.root)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not mark.exists() and time.monotonic() < end and child.poll() is None:
        time.sleep(0.02)
    backend = int(mark.read_text())
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert out.strip().splitlines()[-1].startswith("failed: interrupted")
    assert "Traceback" not in out + err
    assert survivors([backend]) == []
    assert list(temporary.iterdir()) == []
    assert repo.fingerprint() == before


def _commit(repo: Repo, files: dict[str, str]) -> None:
    """Commit these files, without the files of an earlier build."""
    repo.write(files)
    repo.git("add", *files)
    repo.git("commit", "--quiet", "--message", "files")


def test_a_filtered_file_is_a_warning_in_sdists_and_stops_wheels(make_repo: MakeRepo, run_session: RunSession) -> None:
    """The refusal contains the entry that allows it."""
    repo = make_repo(own_backend(settings="rebuild = false\n"))
    _commit(repo, {".gitattributes": "*.png filter=lfs\n*.ipynb filter=nbstripout\n", "docs/a.png": "pointer"})
    outcome = _build(run_session, repo)
    assert outcome.result is Result.DONE
    assert any("tar.gz contains docs/a.png as git stores it" in warning for warning in outcome.warnings)
    assert _sdist(repo)["docs/a.png"] == "pointer"
    _commit(repo, {"src/demo_tool/b.png": "other pointer", "src/demo_tool/c.ipynb": "{}"})
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert outcome.result is Result.REFUSED
    assert "any.whl contains src/demo_tool/b.png as git stores it" in outcome.message
    assert 'add "filtered-files:src/demo_tool/b.png" to `allow`' in outcome.hint
    assert repo.fingerprint() == before
    pyproject = (repo.root / "pyproject.toml").read_text()
    entry = '[tool.release-channels]\nallow = ["filtered-files:src/demo_tool/b.png"]'
    assert "[tool.release-channels]" in pyproject
    _commit(repo, {"pyproject.toml": pyproject.replace("[tool.release-channels]", entry)})
    assert _build(run_session, repo).result is Result.DONE
    assert _wheel(repo)["demo_tool/b.png"] == "other pointer"


def test_a_conflicting_uv_pin_does_not_stop_the_build(make_repo: MakeRepo, run_session: RunSession) -> None:
    """The project's other build settings still apply."""
    pinned = own_backend(requires='"no-such-backend-requirement"')
    text = str(pinned.files["pyproject.toml"])
    repo = make_repo(Sample(files={**own_backend().files}))
    _commit(
        repo, {"pyproject.toml": f'{own_backend().files["pyproject.toml"]!s}\n[tool.uv]\nrequired-version = "<0.2"\n'}
    )
    assert _build(run_session, repo).result is Result.DONE
    _commit(repo, {"pyproject.toml": f'{text}\n[tool.uv]\nrequired-version = "<0.2"\nno-index = true\n'})
    outcome = _build(run_session, repo)
    assert outcome.result is Result.FAILED
    assert "the build requirements of the sdist cannot be resolved" in outcome.message
    assert "no-such-backend-requirement" in outcome.hint


def test_a_missing_python_is_not_called_the_backends_fault(make_repo: MakeRepo, run_session: RunSession) -> None:
    """The project asks for one that no release of it is."""
    text = str(own_backend().files["pyproject.toml"])
    repo = make_repo(Sample(files={**own_backend().files, "pyproject.toml": text.replace(">=3.10", ">=3.99")}))
    before = repo.fingerprint()
    outcome = _build(run_session, repo)
    assert (outcome.result, repo.fingerprint()) == (Result.FAILED, before)
    assert "no Python of this machine fits `requires-python`" in outcome.message
    assert outcome.next.startswith("install a Python that does, or put it on PATH, then `nox -s build")


def test_the_version_is_committed_for_backends_that_pack_head(make_repo: MakeRepo, run_session: RunSession) -> None:
    """meson-python; a deterministic commit in the clone, and none in the checkout."""
    sample = own_backend(settings="rebuild = false\n")
    backend = str(sample.files["own_backend.py"]).replace(
        'Path("pyproject.toml").read_text()',
        'subprocess.run(["git", "show", "HEAD:pyproject.toml"], capture_output=True, text=True).stdout'
        ' or Path("pyproject.toml").read_text()',
    )
    backend = backend.replace("import tomllib", "import subprocess\nimport tomllib")
    head = 'add(archive, "HEAD", subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True).stdout)'
    backend = backend.replace('add(archive, "PKG-INFO"', f'{head}\n        add(archive, "PKG-INFO"')
    pyproject = str(sample.files["pyproject.toml"]).replace('"own_backend"', '"mesonpy"')
    repo = make_repo(Sample(files={"pyproject.toml": pyproject, "mesonpy.py": backend}))
    sha = repo.git("rev-parse", "HEAD")
    assert _build(run_session, repo).result is Result.DONE
    first = _sdist(repo)
    assert "\nVersion: 1.2.0.dev1\n" in first["PKG-INFO"]
    assert repo.git("rev-parse", "HEAD") == sha != first["HEAD"].strip()
    assert _build(run_session, repo).result is Result.DONE
    assert _sdist(repo) == first


def test_sdist_and_wheel_are_made_by_one_uv_build(make_repo: MakeRepo, run_session: RunSession) -> None:
    """With uv's own backend, as `uv build` does, whatever version the index has."""
    repo = make_repo(Sample(settings="rebuild = false\n"))
    assert _build(run_session, repo).result is Result.DONE
    (text,) = (text for name, text in _wheel(repo).items() if name.endswith(".dist-info/WHEEL"))
    assert f"Generator: uv {version('uv')}\n" in text
