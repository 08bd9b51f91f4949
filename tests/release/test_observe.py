"""Every decision of the version model, end to end: real commits and tags, and a real index."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from werkzeug.wrappers import Response

from release_channels.adapters.git import Git
from release_channels.adapters.index import Credentials, Index, fetch_file, fetch_metadata, read_index, remote_index
from release_channels.adapters.observe import relation_to_main
from release_channels.errors import RefusedError
from release_channels.indexserver.server import serve
from release_channels.model.config import Config
from release_channels.model.observed import IndexFile
from release_channels.model.outcome import Outcome, Result
from release_channels.model.version import Channel
from tests.conftest import MakeRepo, RunSession
from tests.github.hubs import NAME, READER, open_github
from tests.support.distributions import make_sdist, make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.support.staging import AT_STAGING, IGNORED, Fault, Staging, serve_staging

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

STEPS = ("build", "preview-publish")


@dataclass
class World:
    """A project with three commits and an index with its releases; the middle commit is released."""

    staging: Staging
    make_repo: MakeRepo
    run_session: RunSession
    repo: Repo | None = None

    def set_up(self, version: str = "1.2.0.dev0", releases: Sequence[str] = (), tag: str = "", **sample: Any) -> None:
        """Create the project; a release `VERSION@old` contains that commit, and the final's tag is set on `tag`."""
        self.repo = self.make_repo(Sample(version=version, files=IGNORED, **sample))
        commits = {"old": self.repo.git("rev-parse", "HEAD")}
        commits |= {name: self.repo.commit(name) for name in ("middle", "new")}
        self.repo.git("push", "--quiet")
        for release in releases:
            number, _, name = release.partition("@")
            url = f"Project-URL: Source commit, https://github.com/example/demo-tool/commit/{commits.get(name)}"
            make_wheel(self.staging.root, version=number, extra=[url] if name else [])
        if tag:
            self.repo.tag("v1.2.0", commits[tag])
        self.repo.git("checkout", "--quiet", commits["middle"])

    def plan(self, *words: str) -> Outcome:
        """Plan a preview of the middle commit, which must change nothing."""
        assert self.repo is not None
        before = self.repo.fingerprint(), self.staging.snapshot()
        outcome = self.run_session(self.repo, "--dry-run", *words, steps=STEPS)
        assert (self.repo.fingerprint(), self.staging.snapshot()) == before
        assert self.staging.uploads == 0
        return outcome


@pytest.fixture
def world(
    tmp_path: Path, make_repo: MakeRepo, run_session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A state whose local index is merged with the index of the dependencies."""
    with serve_staging(tmp_path / "upstream") as staging:
        monkeypatch.setenv("UV_DEFAULT_INDEX", staging.index.simple_url)
        yield World(staging, make_repo, run_session)


@dataclass(frozen=True)
class Case:
    """What main and the index have, and what is decided."""

    version: str
    releases: tuple[str, ...]
    result: Result
    decision: str
    tag: str = ""
    hint: str = ""
    warning: str = ""
    settings: str = ""


DEV = "1.2.0.dev0"
REOPEN = "open the next dev line: `release-channels bump-dev --to 1.2.1 --index local` (writes 1.2.1.dev0)"
CASES = {
    "open": Case(DEV, ("1.1.0", "1.2.0.dev3@old"), Result.PLANNED, "open: "),
    "staged": Case("1.2.0", ("1.1.0", "1.2.0.dev9@old"), Result.SKIPPED, "staged: "),
    "tagged": Case("1.2.0", ("1.2.0",), Result.SKIPPED, "released by tag: ", tag="middle"),
    "before the tag": Case("1.2.0", ("1.2.0",), Result.SKIPPED, "released by tag: ", tag="new"),
    "closed": Case("1.2.0", ("1.2.0",), Result.REFUSED, "line closed: ", tag="old", hint=REOPEN),
    "closed without a tag": Case("1.2.0", ("1.2.0",), Result.REFUSED, "line closed: ", hint=REOPEN),
    "closed and skipped": Case(
        "1.2.0", ("1.2.0",), Result.SKIPPED, "line closed: ", tag="old", hint=REOPEN, settings='closed-line = "skip"\n'
    ),
    "superseded": Case(DEV, ("1.2.0",), Result.SKIPPED, "superseded: ", tag="middle"),
    "superseded by a later tag": Case(DEV, ("1.2.0",), Result.SKIPPED, "superseded: ", tag="new"),
    "behind": Case(DEV, ("1.2.0",), Result.REFUSED, "behind the index: ", tag="old", hint=REOPEN),
    "behind an rc": Case(DEV, ("1.2.1rc1",), Result.REFUSED, "behind the index: ", hint="--to 1.2.2"),
    "late": Case(DEV, ("1.2.0.dev9@new",), Result.PLANNED, "late: "),
    "late, as far as one can tell": Case(
        DEV, ("1.2.0.dev9",), Result.PLANNED, "late: ", warning="does not say which commit it was built from"
    ),
    "restarted": Case(DEV, ("1.2.0.dev9@old",), Result.REFUSED, "counter restarted: ", hint="run-offset = 3"),
    "there already": Case(DEV, ("1.2.0.dev7@middle",), Result.PLANNED, "already published: "),
    "there from somewhere": Case(DEV, ("1.2.0.dev7",), Result.PLANNED, "already published: "),
    "taken": Case(DEV, ("1.2.0.dev7@new",), Result.REFUSED, "taken: ", hint="the next free one is .dev8"),
    "taken by an earlier commit": Case(DEV, ("1.2.0.dev7@old",), Result.REFUSED, "taken: ", hint="run-offset = 1"),
    "unfit": Case("1.2.0rc1", (), Result.REFUSED, "not a version to release: ", hint="bump-dev"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_row_of_the_version_model_is_decided(world: World, capsys: pytest.CaptureFixture[str], case: Case) -> None:
    """From git and the index, with a hint where an action is needed."""
    world.set_up(case.version, case.releases, case.tag, settings=case.settings)
    outcome = world.plan("--run-number", "7")
    assert outcome.result is case.result
    assert f"  decision     {case.decision}" in capsys.readouterr().err
    assert case.hint in outcome.hint
    assert bool(outcome.hint) is bool(case.hint)
    assert case.warning in "".join(outcome.warnings)
    assert bool(outcome.warnings) is bool(case.warning)


def test_a_remote_only_tag_counts(world: World) -> None:
    """Workflows clone without tags."""
    world.set_up(DEV, ["1.2.0"], "new")
    assert world.repo is not None
    world.repo.git("push", "--quiet", "origin", "v1.2.0")
    world.repo.git("tag", "--delete", "v1.2.0")
    outcome = world.plan("--run-number", "7")
    assert (outcome.result, outcome.message.partition(":")[0]) == (Result.SKIPPED, "superseded")


def test_a_local_only_tag_gives_no_version_for_a_real_index(world: World) -> None:
    """In practice it does."""
    sample = Sample(backend="setuptools", tail=f"\n[tool.setuptools_scm]\n{world.staging.tail()}")
    text = sample.pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]')
    world.repo = world.make_repo(Sample(files={**IGNORED, "pyproject.toml": text}))
    world.repo.tag("v1.2.0")
    world.repo.commit("more")
    world.repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    world.repo.tag("v7.0.0", "HEAD")
    world.repo.commit("and more")
    world.repo.git("push", "--quiet")
    assert world.plan(*AT_STAGING).version == "1.2.1.dev7"
    assert world.plan("--run-number", "7").version == "7.0.1.dev7"


def test_local_practice_counts_above_the_real_previews(world: World) -> None:
    world.set_up(DEV, ["1.1.0.dev41", "1.2.0.dev9@old"])
    assert world.plan().version == "1.2.0.dev42"


def test_offline_ignores_the_upstream_index(world: World) -> None:
    """No request is sent."""
    world.set_up(DEV, ["1.2.0"])
    outcome = world.plan("--offline")
    assert (outcome.result, outcome.version, outcome.warnings) == (Result.PLANNED, "1.2.0.dev1", ())
    assert world.staging.received == []


def test_a_failing_upstream_is_only_a_warning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The local index has to answer."""
    world.set_up(DEV, ["1.2.0"])
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple/")
    outcome = world.plan()
    assert (outcome.result, outcome.version) == (Result.PLANNED, "1.2.0.dev1")
    assert ["only local files are considered" in warning for warning in outcome.warnings] == [True]


def _page(change: Callable[[list[dict[str, Any]]], object]) -> Fault:
    """Change the files of the page."""

    def fault(environ: WSGIEnvironment, app: WSGIApplication) -> Response | None:
        answer = Response.from_app(app, environ)
        if (answer.mimetype or "").endswith("+json"):
            content = json.loads(answer.get_data())
            change(content["files"])
            answer.set_data(json.dumps(content))
        return answer

    return fault


@pytest.mark.parametrize("merged", [True, False], ids=["behind the local index", "published to"])
def test_yanked_files_count_as_taken(world: World, merged: bool) -> None:
    """A yanked final is a released final."""
    world.set_up(DEV, ["1.2.0"], tail=world.staging.tail())
    world.staging.fault = _page(lambda files: [file.update(yanked="broken") for file in files])
    outcome = world.plan(*(("--run-number", "7") if merged else AT_STAGING))
    assert (outcome.result, outcome.message.partition(":")[0]) == (Result.REFUSED, "behind the index")


@pytest.mark.parametrize("merged", [True, False], ids=["behind the local index", "published to"])
def test_file_names_without_a_version_are_ignored(world: World, merged: bool) -> None:
    world.set_up(DEV, ["1.1.0"], tail=world.staging.tail())
    names = ("demo-tool-nine.tar.gz", "demo-tool-nine.zip", "demo_tool-9.0.whl", "notes.txt")
    entries = [{"filename": name, "url": name, "hashes": {}} for name in names]
    world.staging.fault = _page(lambda files: files.extend(entries))
    outcome = world.plan(*(("--run-number", "7") if merged else AT_STAGING))
    assert (outcome.result, outcome.warnings) == (Result.PLANNED, ())


PORTALS = {
    "bare": "<!DOCTYPE html><title>Sign in</title><form action='/login'><input name='password'></form>",
    "with links": "<html><body><a href='/login'>Sign in</a> <a href='/help.pdf'>Help</a></body></html>",
    "empty": "",
}


@pytest.mark.parametrize("merged", [True, False], ids=["behind the local index", "published to"])
@pytest.mark.parametrize("portal", PORTALS.values(), ids=PORTALS)
def test_a_captive_portal_is_not_an_empty_project(world: World, portal: str, merged: bool) -> None:
    """Its page is a 200, but not a Simple API page: nothing is decided."""
    world.set_up(DEV, ["1.2.0"], tail=world.staging.tail())
    world.staging.fault = lambda environ, app: Response(portal, mimetype="text/html")
    outcome = world.plan(*(("--run-number", "7") if merged else AT_STAGING))
    message = outcome.warnings[0] if merged else outcome.message
    assert outcome.result is (Result.PLANNED if merged else Result.REFUSED)
    assert "did not answer" in message
    assert "not a Simple API page (captive portal?)" in message


_PAGES = {
    "says its version": ('<meta name="pypi:repository-version" content="1.0"><title>Links</title>', Result.PLANNED),
    "lists files": ('<a href="/f/demo_tool-1.2.0.tar.gz">demo_tool-1.2.0.tar.gz</a>', Result.REFUSED),
}


@pytest.mark.parametrize(("page", "result"), _PAGES.values(), ids=_PAGES)
def test_a_plain_html_page_is_read(world: World, page: str, result: Result) -> None:
    """One page is empty, the other contains the final that closes the line."""
    world.set_up(DEV, tail=world.staging.tail())
    world.staging.fault = lambda environ, app: Response(f"<!DOCTYPE html>{page}", mimetype="text/html")
    outcome = world.plan(*AT_STAGING)
    assert (outcome.result, "did not answer" in outcome.message) == (result, False)


OLD = ("demo-tool-1.2.0.zip", "demo_tool-1.2.0-py2.7.egg", "demo-tool-1.2.0.win32.exe", "demo-tool-1.2.0.tar.bz2")


@pytest.mark.parametrize("name", [OLD[0], OLD[1], *(pytest.param(name, marks=pytest.mark.full) for name in OLD[2:])])
def test_eggs_and_zip_files_take_their_version(world: World, name: str) -> None:
    world.set_up(DEV, ["1.1.0"], tail=world.staging.tail())
    world.staging.fault = _page(lambda files: files.append({"filename": name, "url": name, "hashes": {}}))
    outcome = world.plan(*AT_STAGING)
    assert (outcome.result, outcome.message.partition(":")[0]) == (Result.REFUSED, "behind the index")


def test_an_unknown_project_has_no_releases(world: World) -> None:
    world.set_up(DEV, tail=world.staging.tail())
    assert world.plan(*AT_STAGING).result is Result.PLANNED


def test_a_previews_commit_is_read_from_its_metadata(world: World) -> None:
    """A lower number of a later commit is a restarted counter on a real index, too."""
    world.set_up(DEV, ["1.2.0.dev9@old"], tail=world.staging.tail())
    outcome = world.plan(*AT_STAGING)
    assert (outcome.result, outcome.message.partition(":")[0]) == (Result.REFUSED, "counter restarted")


def test_a_shallow_clone_cannot_hide_a_restarted_counter(world: World, tmp_path: Path) -> None:
    """Without the newest preview's commit nothing goes to a real index."""
    world.set_up(DEV, ["1.2.0.dev9@old"], tail=world.staging.tail())
    assert world.repo is not None
    shallow = Repo(tmp_path / "shallow", world.repo.remote)
    world.repo.git("clone", "--quiet", "--depth", "1", world.repo.remote.as_uri(), str(shallow.root))
    world.repo = shallow
    outcome = world.plan(*AT_STAGING)
    assert (outcome.result, outcome.message.partition(":")[0]) == (Result.REFUSED, "history cut off")
    practice = world.plan("--run-number", "7")
    assert practice.result is Result.PLANNED
    assert "which is shallow" in "".join(practice.warnings)


@pytest.mark.parametrize("status", [404, pytest.param(500, marks=pytest.mark.full)])
def test_unavailable_metadata_leaves_the_commit_unknown(world: World, status: int) -> None:
    """A warning."""
    world.set_up(DEV, ["1.2.0.dev9@old"], tail=world.staging.tail())
    world.staging.fault = lambda environ, app: (
        Response(status=status) if environ["PATH_INFO"].endswith(".metadata") else None
    )
    outcome = world.plan(*AT_STAGING)
    assert (outcome.result, len(outcome.warnings)) == (Result.PLANNED, 1)


@pytest.mark.parametrize("channel", list(Channel))
def test_a_dry_run_refuses_a_missing_version_file(world: World, channel: Channel) -> None:
    """What would stop build or check is not reported as planned."""
    tail = '\n[[tool.release-channels.version-files]]\npath = "CITATION.cff"\npattern = "version: {version}"\n'
    world.set_up("1.2.0" if channel is Channel.PUBLIC else DEV, tail=tail, tag="middle")
    assert world.repo is not None
    world.repo.git("push", "--quiet", "origin", "v1.2.0")
    words = ("--tag", "v1.2.0") if channel is Channel.PUBLIC else ("--run-number", "7")
    steps = ("build", "public-publish") if channel is Channel.PUBLIC else STEPS
    before = world.repo.fingerprint()
    outcome = world.run_session(world.repo, "--dry-run", *words, steps=steps, channel=channel)
    assert world.repo.fingerprint() == before
    assert outcome.result is Result.REFUSED
    assert "CITATION.cff" in outcome.message
    assert "version-files" in outcome.hint


TARGETS = {
    "unknown": (
        "nowhere",
        "there is no index called 'nowhere'",
        "known here: local, pypi, testpypi, staging, readonly",
    ),
    "no publish-url": ("readonly", "the index readonly has no publish-url", "add it to its [[tool.uv.index]] table"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "message", "hint"), TARGETS.values(), ids=TARGETS)
def test_an_unknown_index_name_is_refused(world: World, name: str, message: str, hint: str) -> None:
    """The hint lists the known ones."""
    tail = world.staging.tail() + '\n[[tool.uv.index]]\nname = "readonly"\nurl = "http://127.0.0.1:9/simple/"\n'
    world.set_up(DEV, tail=tail)
    outcome = world.plan("--index", name, "--run-number", "7")
    assert (outcome.result, outcome.message, outcome.hint) == (Result.REFUSED, message, hint)


@pytest.mark.parametrize("name", ["pypi", "testpypi"])
def test_well_known_index_urls_come_from_the_libraries(name: str) -> None:
    """Over TLS, and different ones."""
    here = remote_index(name, (), in_actions=False)
    there = remote_index("testpypi" if name == "pypi" else "pypi", (), in_actions=True)
    assert (here.credentials, there.credentials) == (Credentials.USER, Credentials.TRUSTED_PUBLISHING)
    assert all(url.startswith("https://") and url.endswith("/") for url in (here.simple_url, here.upload_url))
    assert not {here.simple_url, here.upload_url} & {there.simple_url, there.upload_url}
    assert urlsplit(here.simple_url).path == "/simple/"
    if name == "testpypi":  # what is read is what was uploaded to
        assert urlsplit(here.simple_url).hostname == urlsplit(here.upload_url).hostname


def test_files_are_fetched_with_and_without_a_digest(tmp_path: Path, offline: None) -> None:
    """A listed digest must match; metadata is next to the file; a missing file is None."""
    with serve_staging(tmp_path / "index") as staging:
        wheel, sdist = make_wheel(staging.root), make_sdist(staging.root)
        index = Index("x", staging.index.simple_url, "", Credentials.NONE)
        (files,) = read_index(index, "demo-tool").releases.values()
        by_name = {file.name: file for file in files}
        listed = by_name[wheel.name]
        for sha256 in (listed.sha256, None):
            copy = fetch_file(index, IndexFile(wheel.name, listed.url, sha256), tmp_path)
            assert copy is not None
            assert copy.read_bytes() == wheel.read_bytes()
        assert fetch_file(index, IndexFile(wheel.name, listed.url, "0" * 64), tmp_path) is None
        gone = IndexFile("x-1.0-py3-none-any.whl", f"{staging.index.url}/files/x.whl", None)
        assert fetch_file(index, gone, tmp_path) is None
        assert (fetch_metadata(index, listed) or b"").startswith(b"Metadata-Version")
        signed = IndexFile(wheel.name, f"{listed.url}?sig=1", None)
        assert fetch_metadata(index, signed) == fetch_metadata(index, listed), "the query stays behind the file's name"
        assert fetch_metadata(index, by_name[sdist.name]) is None


TRAVERSING = ("demo_tool-1.0-1/../../../out-py3-none-any.whl", "../demo_tool-1.0.tar.gz", "/tmp/demo_tool-1.0.tar.gz")


@pytest.mark.parametrize("name", TRAVERSING)
def test_a_listed_name_cannot_leave_the_directory(name: str, tmp_path: Path, offline: None) -> None:
    """Such a file is neither listed nor downloaded."""
    with serve_staging(tmp_path / "index") as staging:
        wheel = make_wheel(staging.root)
        index = Index("x", staging.index.simple_url, "", Credentials.NONE)
        place = tmp_path / "a" / "b" / "c" / "d"
        place.mkdir(parents=True)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(RefusedError, match="is not the name of a distribution"):
            fetch_file(index, IndexFile(name, f"{staging.index.url}/files/{wheel.name}", None), place)
        assert sorted(tmp_path.rglob("*")) == before


def test_a_password_in_the_upstreams_url_is_not_shown(
    tmp_path: Path,
    repo: Repo,
    run_session: RunSession,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """In the reason why it did not answer."""
    with serve(tmp_path, wrap=lambda _app: Response("no", status=401)) as upstream:
        monkeypatch.setenv("UV_DEFAULT_INDEX", upstream.simple_url.replace("://", "://somebody:marked-password@"))
        outcome = run_session(repo, "--dry-run")
    assert any("the upstream index did not answer (401" in warning for warning in outcome.warnings)
    assert "marked-password" not in outcome.to_json() + outcome.to_markdown() + "".join(capfd.readouterr())


def test_a_preview_refuses_a_tag_option(repo: Repo, run_session: RunSession) -> None:
    """Nothing moves."""
    before = repo.fingerprint()
    outcome = run_session(repo, "--tag", "v9", channel=Channel.PREVIEW)
    assert (outcome.result, outcome.message) == (
        Result.REFUSED,
        "--tag is for the public channel; a preview has no tag",
    )
    assert repo.fingerprint() == before


UNWRITABLE = {"output": "GITHUB_OUTPUT", "summary": "GITHUB_STEP_SUMMARY"}


@pytest.mark.parametrize("variable", UNWRITABLE.values(), ids=UNWRITABLE)
def test_an_unwritable_runner_file_is_a_warning(
    variable: str,
    repo: Repo,
    run_session: RunSession,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """The last line is still the outcome."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv(variable, str(repo.root / "nowhere" / "file"))
    outcome = run_session(repo, "--dry-run")
    out, err = capfd.readouterr()
    assert outcome.result is Result.PLANNED
    assert out.splitlines()[-1] == outcome.line
    assert "the outcome could not be written to a file" in err


def test_a_remote_without_main_is_not_read_through_the_api(repo: Repo) -> None:
    """The API replaces git only where git cannot read."""
    git, config = Git(repo.root), Config(main_branch="gone")
    # The remote's own branch has the same setting, so that the commit did not choose it.
    repo.commit("another main", {"pyproject.toml": Sample(settings='main-branch = "gone"\n').pyproject()})
    repo.git("push", "--quiet", "origin", "main")
    with open_github(repo) as github:
        env = {**os.environ, "GITHUB_API_URL": github.running.api_url, "GITHUB_REPOSITORY": NAME, "GH_TOKEN": READER}
        with pytest.raises(RefusedError) as stop:
            relation_to_main(git, git.commit("HEAD"), config, env)
        assert github.running.requests == ()
    assert str(stop.value) == "origin/gone cannot be read"
    assert "tool.release-channels.main-branch" in stop.value.hint
