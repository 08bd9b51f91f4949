"""Publishing: only files that the manifest lists and the upload guard verified, confirmed on the index."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Response

from release_channels.adapters.git import Git
from release_channels.adapters.index import LOCAL, Credentials, Index
from release_channels.adapters.observe import observe
from release_channels.model.decide import Request, decide
from release_channels.model.outcome import Outcome, Result
from release_channels.model.version import Channel
from release_channels.project.pyproject import parse_project
from release_channels.release.publish import PREVIEW_PUBLISH
from release_channels.release.step import ReleaseContext, run_steps
from tests.conftest import RunSession
from tests.support.distributions import make_sdist, make_wheel
from tests.support.processes import watched_arguments
from tests.support.repo import Repo
from tests.support.staging import (
    AT_STAGING,
    Fault,
    Staging,
    build_at_staging,
    copy_repo,
    read_manifest,
    serve_staging,
    write_manifest,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

WHEEL = "demo_tool-1.2.0.dev7-py3-none-any.whl"
SDIST = "demo_tool-1.2.0.dev7.tar.gz"
BOTH = [WHEEL, SDIST]
Publish = Callable[[], Outcome]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staging]:
    """One index for all tests here, emptied after each."""
    with serve_staging(tmp_path_factory.mktemp("staging") / "index") as running:
        yield running


@pytest.fixture(scope="module")
def built(server: Staging, offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One build for all tests here; they work on copies."""
    return build_at_staging(tmp_path_factory.mktemp("built"), server, offline_environment)


@pytest.fixture
def staging(server: Staging) -> Iterator[Staging]:
    """The index, empty and without a fault."""
    server.received.clear()
    yield server
    server.fault = None
    shutil.rmtree(server.root, ignore_errors=True)


@pytest.fixture
def repo(built: Repo, tmp_path: Path) -> Repo:
    """A checkout with a fresh build in dist/."""
    return copy_repo(built, tmp_path)


@pytest.fixture
def publish(repo: Repo, staging: Staging, run_session: RunSession, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish the build to the index with the user's token."""
    monkeypatch.setenv("UV_PUBLISH_TOKEN", "their-own")
    return lambda: run_session(repo, *AT_STAGING, steps=("preview-publish",))


@pytest.fixture
def refused(repo: Repo, staging: Staging, publish: Publish) -> Callable[[], Outcome]:
    """Publish, and assert that it is refused and that nothing changed."""

    def check() -> Outcome:
        before = repo.fingerprint(), staging.snapshot()
        outcome = publish()
        assert outcome.result is Result.REFUSED
        assert outcome.hint
        assert (repo.fingerprint(), staging.snapshot(), staging.uploads) == (*before, 0)
        return outcome

    return check


def test_only_the_manifests_files_are_published(repo: Repo, staging: Staging, publish: Publish) -> None:
    """A second run finds them there."""
    make_wheel(repo.root / "dist", version="1.2.0.dev8")
    make_wheel(repo.root / "dist", version="1.2.0.dev7", file_name="demo_tool-1.2.0.dev7-cp311-none-any.whl")
    assert publish().result is Result.PUBLISHED
    assert {name: (staging.root / name).read_bytes() for name in staging.names} == {
        name: (repo.root / "dist" / name).read_bytes() for name in BOTH
    }
    before = repo.fingerprint(), staging.snapshot()
    again = publish()
    assert (again.result, again.line) == (
        Result.ALREADY, "already published: demo-tool 1.2.0.dev7 on the index staging: all 2 files are there",
    )  # fmt: skip
    assert (repo.fingerprint(), staging.snapshot(), staging.uploads) == (*before, 2)


FORGED: dict[str, tuple[dict[str, Any], str]] = {
    "channel": ({"channel": "public"}, "channel is public, and should be preview"),
    "project": ({"project": "other"}, "project is other, and should be demo-tool"),
    "version": ({"version": "1.2.0.dev8"}, "version is 1.2.0.dev8, and should be 1.2.0.dev7"),
    "final": ({"version": "1.2.0", "channel": "public"}, "version is 1.2.0, and should be 1.2.0.dev7"),
    "run": ({"run": 8}, "run is 8, and should be 7"),
    "no run": ({"run": None}, "run is None, and should be 7"),
    "commit": ({"commit": "c" * 40}, f"commit is {'c' * 40}, and should be"),
}


@pytest.mark.parametrize(("changes", "message"), FORGED.values(), ids=FORGED)
def test_a_forged_manifest_is_refused(
    repo: Repo, refused: Callable[[], Outcome], changes: dict[str, Any], message: str
) -> None:
    """Its claims must equal independently derived values."""
    write_manifest(repo, read_manifest(repo) | changes)
    assert message in refused().message


FORGED_FILES: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"size": 1}, "bytes, and the manifest says 1"),
    "sha256": ({"sha256": "0" * 64}, f"and the manifest says {'0' * 64}"),
    "name of no file": ({"name": "demo_tool-1.2.0.dev7-py2-none-any.whl"}, "is in the manifest and not in dist/"),
    "name outside": ({"name": "../pyproject.toml"}, "is malformed"),
    "name of nothing to publish": ({"name": ".gitignore"}, "is malformed"),
}


@pytest.mark.parametrize(("changes", "message"), FORGED_FILES.values(), ids=FORGED_FILES)
def test_a_forged_file_entry_is_refused(
    repo: Repo, refused: Callable[[], Outcome], changes: dict[str, Any], message: str
) -> None:
    """Name, size and sha256 must be those of a file in dist/."""
    content = read_manifest(repo)
    content["files"][1] |= changes
    write_manifest(repo, content)
    assert message in refused().message


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: path.unlink(), "there is no release.json: nothing was built yet"),
    "empty": (lambda path: path.write_text(""), "the manifest is not JSON"),
    "garbage": (lambda path: path.write_bytes(b"\xff\x00{"), "the manifest is not JSON"),
    "half": (lambda path: path.write_text(path.read_text()[:100]), "the manifest is not JSON"),
    "a list": (lambda path: path.write_text("[]"), "it must have the keys"),
    "huge": (lambda path: path.write_text(" " * (2 << 20)), "the manifest is larger than"),
}


@pytest.mark.parametrize(("spoil", "message"), BROKEN.values(), ids=BROKEN)
def test_a_missing_or_invalid_manifest_is_refused(
    repo: Repo, refused: Callable[[], Outcome], spoil: Callable[[Path], object], message: str
) -> None:
    """The hint is to build again."""
    spoil(repo.root / "release.json")
    outcome = refused()
    assert message in outcome.message
    assert "nox -s build" in outcome.hint


def _replace_bytes(dist: Path) -> None:
    with (dist / WHEEL).open("ab") as stream:
        stream.write(b"x")


def _change_one_byte(dist: Path) -> None:
    content = bytearray((dist / WHEEL).read_bytes())
    content[40] ^= 1
    (dist / WHEEL).write_bytes(content)


def _link_to_the_same(dist: Path) -> None:
    (dist / WHEEL).rename(dist.parent / "elsewhere.whl")
    (dist / WHEEL).symlink_to(dist.parent / "elsewhere.whl")


def _make_directory(dist: Path) -> None:
    (dist / WHEEL).unlink()
    (dist / WHEEL).mkdir()


EXCHANGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "more bytes": (_replace_bytes, "bytes, and the manifest says"),
    "one other byte": (_change_one_byte, "has sha256"),
    "symlink to the right bytes": (_link_to_the_same, f"{WHEEL} is in the manifest and not in dist/"),
    "directory": (_make_directory, f"{WHEEL} is in the manifest and not in dist/"),
    "missing wheel": (lambda dist: (dist / WHEEL).unlink(), f"{WHEEL} is in the manifest and not in dist/"),
    "missing sdist": (lambda dist: (dist / SDIST).unlink(), f"{SDIST} is in the manifest and not in dist/"),
    "no dist": (shutil.rmtree, "is in the manifest and not in dist/"),
}


@pytest.mark.parametrize(("exchange", "message"), EXCHANGED.values(), ids=EXCHANGED)
def test_files_that_changed_after_the_build_are_refused(
    repo: Repo, refused: Callable[[], Outcome], exchange: Callable[[Path], object], message: str
) -> None:
    exchange(repo.root / "dist")
    outcome = refused()
    assert message in outcome.message
    assert outcome.hint == "build again: `nox -s build`"


FOREIGN: dict[str, tuple[Callable[[Path], Path], str]] = {
    "other project": (
        lambda dist: make_wheel(dist, version="1.2.0.dev7", name="other"), "is of the project other, not demo-tool",
    ),
    "final under a preview's manifest": (
        lambda dist: make_wheel(dist, version="1.2.0"), "has version 1.2.0, not 1.2.0.dev7",
    ),
    "sdist of a final": (lambda dist: make_sdist(dist, version="1.2.0"), "has version 1.2.0, not 1.2.0.dev7"),
    "other preview": (lambda dist: make_wheel(dist, version="1.2.0.dev9"), "has version 1.2.0.dev9, not 1.2.0.dev7"),
    "metadata of a final": (
        lambda dist: make_wheel(dist, version="1.2.0.dev7", metadata_version="1.2.0"),
        "contains the metadata of demo-tool 1.2.0",
    ),
    "metadata of another project": (
        lambda dist: make_sdist(dist, version="1.2.0.dev7", metadata_name="o"),
        "contains the metadata of o 1.2.0.dev7",
    ),
    "no distribution": (lambda dist: _write(dist / "notes.txt"), "is neither a wheel nor a .tar.gz sdist"),
    "no archive": (lambda dist: _write(dist / WHEEL), "is not a readable wheel"),
}  # fmt: skip


@pytest.mark.parametrize(("make", "message"), FOREIGN.values(), ids=FOREIGN)
def test_files_of_another_release_are_refused(
    repo: Repo, refused: Callable[[], Outcome], make: Callable[[Path], Path], message: str
) -> None:
    """Although name, size and sha256 match the manifest."""
    content = read_manifest(repo)
    content["files"] = [_entry(make(repo.root / "dist"))]
    write_manifest(repo, content)
    assert message in refused().message


def _write(path: Path) -> Path:
    path.write_text("text")
    return path


def _entry(path: Path) -> dict[str, Any]:
    from release_channels.adapters.distributions import sha256_of

    return {"name": path.name, "size": path.stat().st_size, "sha256": sha256_of(path)}


def test_files_changed_during_the_upload_are_not_published(repo: Repo, staging: Staging, publish: Publish) -> None:
    """The verified copies are."""
    expected = {name: (repo.root / "dist" / name).read_bytes() for name in BOTH}

    def exchange(environ: WSGIEnvironment, app: WSGIApplication) -> None:
        if len(staging.received) > 2:  # the first two are the looks before the fence and after it
            for name in BOTH:
                (repo.root / "dist" / name).write_bytes(b"exchanged")

    staging.fault = exchange
    assert publish().result is Result.PUBLISHED
    assert (repo.root / "dist" / WHEEL).read_bytes() == b"exchanged"
    assert {name: (staging.root / name).read_bytes() for name in staging.names} == expected


def answering(*statuses: int, headers: dict[str, str] | None = None) -> Fault:
    """Answer uploads with these statuses, in order; 0 accepts one, and the last status repeats."""
    left = list(statuses)

    def fault(environ: WSGIEnvironment, app: WSGIApplication) -> Response | None:
        if environ["REQUEST_METHOD"] != "POST":
            return None
        status = left.pop(0) if len(left) > 1 else left[0]
        return Response("the index says why", status=status, headers=headers) if status else None

    return fault


PASSING = {
    "503 twice": answering(503, 503, 0),
    "429 once": answering(429, 0, headers={"Retry-After": "3600"}),
    "500 at the second file": answering(0, 500, 0),
    "502": answering(502, 0),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_an_overloaded_index_is_retried(
    staging: Staging, publish: Publish, fault: Fault, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a pause."""
    staging.fault = fault
    outcome = publish()
    assert (outcome.result, outcome.warnings, staging.names) == (Result.PUBLISHED, (), BOTH)
    assert "; trying again in 0.1 s" in capsys.readouterr().err


def test_a_refusal_of_the_index_is_not_retried(repo: Repo, staging: Staging, publish: Publish) -> None:
    """The index's own words are reported."""
    before = repo.fingerprint(), staging.snapshot()
    staging.fault = answering(400)
    outcome = publish()
    assert outcome.result is Result.FAILED
    assert "the index says why" in " ".join(outcome.hint.split())
    assert (repo.fingerprint(), staging.snapshot(), staging.uploads) == (*before, 1)


def test_refused_credentials_hint_at_the_token(staging: Staging, publish: Publish) -> None:
    """A 403."""
    staging.fault = answering(403)
    outcome = publish()
    assert outcome.result is Result.FAILED
    assert outcome.hint.endswith("check the token and what it may upload")
    assert staging.names == []


def test_a_partial_upload_is_completed_by_a_second_run(staging: Staging, publish: Publish) -> None:
    """The index dies after the first file."""
    staging.fault = answering(0, 500)
    outcome = publish()
    assert (outcome.result, staging.names) == (Result.FAILED, [WHEEL])
    assert "status code 500" in outcome.hint
    assert outcome.hint.endswith("uploaded files stay, and the rest is added")
    staging.fault = None
    before = staging.uploads
    assert publish().result is Result.PUBLISHED
    assert (staging.names, staging.uploads - before) == (BOTH, 1)
    assert publish().result is Result.ALREADY


def test_an_accepted_but_unlisted_file_is_a_warning(staging: Staging, publish: Publish) -> None:
    """A 200 does not confirm it."""
    staging.fault = answering(200)
    outcome = publish()
    assert outcome.result is Result.PUBLISHED
    assert outcome.warnings == (
        f"accepted, not visible yet after 1 s: {WHEEL}, {SDIST}; "
        "run the same again later to see whether they have arrived",
    )
    assert staging.names == []


def test_a_stale_page_is_a_warning(staging: Staging, publish: Publish) -> None:
    """Files behind a slow cache are accepted and not visible yet; a second run finds them."""
    staging.fault = lambda environ, app: None if environ["REQUEST_METHOD"] == "POST" else Response(status=404)
    outcome = publish()
    assert (outcome.result, staging.names) == (Result.PUBLISHED, BOTH)
    assert "accepted, not visible yet" in outcome.warnings[0]
    staging.fault = None
    assert publish().result is Result.ALREADY


def test_a_flapping_page_is_read_again(staging: Staging, publish: Publish) -> None:
    """A file from before the upload is missing from it once."""
    staging.fault = answering(0, 500)
    assert publish().result is Result.FAILED
    pages = iter((False, False, False, False, True, True))

    def forget(environ: WSGIEnvironment, app: WSGIApplication) -> Response | None:
        after = environ["REQUEST_METHOD"] == "GET" and staging.names == BOTH
        return Response(status=404) if after and next(pages, False) else None

    staging.fault = forget
    outcome = publish()
    assert (outcome.result, outcome.warnings) == (Result.PUBLISHED, ())


def test_an_index_that_fails_after_the_upload_is_a_warning(staging: Staging, publish: Publish) -> None:
    staging.fault = answering(0, 500)
    assert publish().result is Result.FAILED

    def silent(environ: WSGIEnvironment, app: WSGIApplication) -> Response | None:
        return Response(status=501) if environ["REQUEST_METHOD"] == "GET" and staging.names == BOTH else None

    staging.fault = silent
    outcome = publish()
    assert outcome.result is Result.PUBLISHED
    assert "accepted, not visible yet" in outcome.warnings[0]


def test_a_file_that_uv_omits_fails_the_run(repo: Repo, staging: Staging, publish: Publish) -> None:
    """uv exits with 0 although it omits a file whose name is not normalized."""
    dist = repo.root / "dist"
    (dist / SDIST).rename(dist / "demo-tool-1.2.0.dev7.tar.gz")
    content = read_manifest(repo)
    content["files"][0]["name"] = "demo-tool-1.2.0.dev7.tar.gz"
    write_manifest(repo, content)
    outcome = publish()
    assert outcome.result is Result.FAILED
    assert "does not have demo-tool-1.2.0.dev7.tar.gz, and uv did not upload it" in outcome.message
    assert "not normalized" in outcome.hint
    assert staging.names == [WHEEL]


def showing(change: Callable[[dict[str, Any]], object]) -> Fault:
    """Change the files of a page that has any."""

    def fault(environ: WSGIEnvironment, app: WSGIApplication) -> Response | None:
        if environ["REQUEST_METHOD"] == "POST":
            return None
        answer = Response.from_app(app, environ)
        if (answer.mimetype or "").endswith("+json"):
            content = json.loads(answer.get_data())
            for file in content["files"]:
                change(file)
            answer.set_data(json.dumps(content))
        return answer

    return fault


def test_different_bytes_on_the_index_are_refused(
    repo: Repo, staging: Staging, publish: Publish, refused: Callable[[], Outcome]
) -> None:
    """With both digests and the likely cause; files are never skipped by name."""
    other = make_wheel(staging.root, version="1.2.0.dev7")
    outcome = refused()
    for digest in (_entry(other)["sha256"], _entry(repo.root / "dist" / WHEEL)["sha256"]):
        assert digest in outcome.message
    assert "the likely cause" in outcome.hint


def test_different_bytes_after_the_upload_fail_the_run(staging: Staging, publish: Publish) -> None:
    """The index lists other bytes than it was sent."""
    staging.fault = showing(lambda file: file["hashes"].update(sha256="0" * 64) if file["filename"] == SDIST else None)
    outcome = publish()
    assert outcome.result is Result.FAILED
    assert f"after the upload: the index staging has {SDIST} with other bytes: sha256 {'0' * 64}" in outcome.message


def test_files_without_digests_are_downloaded_and_compared(
    repo: Repo, staging: Staging, publish: Publish, refused: Callable[[], Outcome]
) -> None:
    """Same bytes are already published, others are refused."""
    assert publish().result is Result.PUBLISHED
    staging.fault = showing(lambda file: file["hashes"].clear())
    assert publish().result is Result.ALREADY
    (staging.root / SDIST).unlink()
    make_sdist(staging.root, version="1.2.0.dev7")
    staging.received.clear()
    assert "with other bytes" in refused().message


def test_an_unavailable_file_without_a_digest_is_refused(
    staging: Staging, publish: Publish, refused: Callable[[], Outcome]
) -> None:
    assert publish().result is Result.PUBLISHED
    shown = showing(lambda file: file["hashes"].clear())
    staging.fault = lambda environ, app: (
        Response(status=410) if environ["PATH_INFO"].startswith("/files/") else shown(environ, app)
    )
    staging.received.clear()
    assert "without a sha256 and does not serve the file" in refused().message


SILENT: dict[str, tuple[Fault, str]] = {
    "501": (lambda environ, app: Response(status=501), "did not answer: 501"),
    "not an index": (lambda environ, app: Response("hello", content_type="image/png"), "did not answer"),
    "no JSON": (lambda environ, app: Response("{", content_type="application/vnd.pypi.simple.v1+json"), "did not"),
    "a list": (lambda environ, app: Response("[]", content_type="application/vnd.pypi.simple.v1+json"), "did not"),
    "no files": (lambda environ, app: Response("{}", content_type="application/vnd.pypi.simple.v1+json"), "did not"),
    "a newer API": (
        lambda environ, app: Response(
            '{"meta": {"api-version": "9.0"}, "name": "demo-tool", "files": []}',
            content_type="application/vnd.pypi.simple.v1+json",
        ),
        "did not answer",
    ),
}


@pytest.mark.parametrize(("fault", "message"), SILENT.values(), ids=SILENT)
def test_a_failing_index_is_refused_before_the_upload(
    staging: Staging, refused: Callable[[], Outcome], fault: Fault, message: str
) -> None:
    staging.fault = fault
    outcome = refused()
    assert outcome.message.startswith("the index staging")
    assert message in outcome.message
    assert "try again when it answers" in outcome.hint


def test_a_hanging_index_is_refused_before_the_upload(
    staging: Staging, refused: Callable[[], Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After uv's own timeout, twice."""
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "0.2")

    def hang(environ: WSGIEnvironment, app: WSGIApplication) -> None:
        time.sleep(0.6)

    staging.fault = hang
    assert "the index staging did not answer" in refused().message
    assert len(staging.received) == 2


@pytest.mark.full
def test_a_long_retry_after_is_not_waited_for(staging: Staging, refused: Callable[[], Outcome]) -> None:
    """An hour."""
    staging.fault = lambda environ, app: Response(status=503, headers={"Retry-After": "3600"})
    assert "the index staging did not answer: 503" in refused().message


def test_a_password_in_an_index_url_is_not_shown(
    repo: Repo, staging: Staging, run_session: RunSession, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (repo.root / "pyproject.toml").read_text().replace("http://127", "http://me:hidden-word@127")
    repo.write({"pyproject.toml": text})
    repo.commit("credentials")
    repo.git("push", "--quiet")
    staging.fault = lambda environ, app: Response(status=501)
    outcome = run_session(repo, *AT_STAGING, steps=("preview-publish",))
    assert (outcome.result, staging.received[-1].login) == (Result.REFUSED, "me:hidden-word")
    captured = capsys.readouterr()
    assert "hidden-word" not in captured.out + captured.err


def test_an_index_login_is_in_no_process_argument(
    repo: Repo, staging: Staging, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any user of a machine can list arguments; uv gets the URLs by its environment."""
    text = (repo.root / "pyproject.toml").read_text().replace("http://127", "http://me:hidden-word@127")
    repo.write({"pyproject.toml": text})
    repo.commit("credentials")
    repo.git("push", "--quiet")
    commit = repo.git("rev-parse", "HEAD")
    manifest = read_manifest(repo)
    write_manifest(repo, {**manifest, "commit": commit})
    monkeypatch.delenv("UV_PUBLISH_TOKEN")
    with watched_arguments() as arguments:
        outcome = publish()
    assert (outcome.result, staging.names) == (Result.PUBLISHED, BOTH)
    assert {request.login for request in staging.received} == {"me:hidden-word"}
    assert "publish" in arguments[0]
    assert "hidden-word" not in arguments[0]


def test_two_checkouts_can_publish_one_commit_in_parallel(
    repo: Repo, built: Repo, staging: Staging, publish: Publish, run_session: RunSession, tmp_path: Path
) -> None:
    """Both succeed, and the index has each file once."""
    other = copy_repo(built, tmp_path / "other")
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_session, one, *AT_STAGING, steps=("preview-publish",)) for one in (repo, other)]
        outcomes = [run.result() for run in runs]
    assert all(outcome.result in (Result.PUBLISHED, Result.ALREADY) for outcome in outcomes)
    assert all(outcome.warnings == () for outcome in outcomes)
    assert staging.names == BOTH


def test_a_commit_that_is_not_on_main_is_refused(
    repo: Repo, staging: Staging, publish: Publish, refused: Callable[[], Outcome]
) -> None:
    """On a real index; a local commit is merged first."""
    repo.commit("mine alone")
    outcome = refused()
    assert "is not contained in origin/main" in outcome.message
    assert "push or merge it first, or practise on the local index" in outcome.hint


@pytest.mark.parametrize("session", ["build", "preview-publish"])
def test_a_missing_run_number_is_refused(repo: Repo, staging: Staging, run_session: RunSession, session: str) -> None:
    """On a real index no number is counted up."""
    before = repo.fingerprint(), staging.snapshot()
    outcome = run_session(repo, "--index", "staging", steps=(session,))
    assert (outcome.result, outcome.message) == (Result.REFUSED, "no run number for the index staging")
    assert "--run-number" in outcome.hint
    assert (repo.fingerprint(), staging.snapshot()) == before


def test_the_users_token_is_used_for_the_upload(staging: Staging, publish: Publish) -> None:
    """Outside of CI, and for nothing else."""
    publish()
    assert {request.login for request in staging.received if request.method == "POST"} == {"__token__:their-own"}
    assert {request.login for request in staging.received if request.method == "GET"} == {""}


def test_missing_credentials_hint_at_the_variable(
    repo: Repo, staging: Staging, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    """uv requires them before it sends anything."""
    monkeypatch.delenv("UV_PUBLISH_TOKEN")
    before = repo.fingerprint(), staging.snapshot()
    outcome = publish()
    assert outcome.result is Result.FAILED
    assert outcome.hint.endswith("set UV_PUBLISH_TOKEN, or publish from CI")
    assert (repo.fingerprint(), staging.snapshot(), staging.uploads) == (*before, 0)


@pytest.mark.parametrize("name", ["UV_PUBLISH_URL", "UV_PUBLISH_CHECK_URL", "UV_PUBLISH_INDEX", "UV_CONFIG_FILE"])
def test_uv_variables_cannot_redirect_the_upload(
    staging: Staging, publish: Publish, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9/")
    assert publish().result is Result.PUBLISHED
    assert staging.names == BOTH
    assert os.environ[name]


def test_the_local_index_gets_no_user_credentials(
    repo: Repo, staging: Staging, offline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Practice sends a meaningless name."""
    for name in ("UV_PUBLISH_TOKEN", "UV_PUBLISH_USERNAME", "UV_PUBLISH_PASSWORD", "TWINE_PASSWORD"):
        monkeypatch.setenv(name, "their-own")
    git = Git.open(repo.root)
    commit, project = git.commit("HEAD"), parse_project((repo.root / "pyproject.toml").read_bytes())
    index = Index(LOCAL, staging.index.simple_url, staging.index.upload_url, Credentials.NONE)
    request = Request(Channel.PREVIEW, run=7)
    observed = observe(git, project, commit, index, request)
    plan = decide(observed, request, project.config)
    outcome = run_steps(
        [PREVIEW_PUBLISH], ReleaseContext(repo.root, project, plan, observed, index, "", dict(os.environ))
    )
    assert (outcome.result, staging.names) == (Result.PUBLISHED, BOTH)
    assert {request.login for request in staging.received} == {"", "local:local"}
