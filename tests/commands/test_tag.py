"""`tag` on real git: one report of all problems, then one tag, pushed alone, or nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from release_channels.adapters.github.follow_run import Waiting
from release_channels.cli.context import open_context
from release_channels.commands.tag import TagRequest
from release_channels.commands.tag import tag as make_tag
from release_channels.errors import FailedError, ReleaseError, UnansweredError
from release_channels.indexserver.server import serve
from release_channels.model.outcome import Outcome, Result
from release_channels.model.verification import gate_title
from release_channels.rehearsal.github.http import no_access
from tests.cli.screen import BIN, run, start, wait_until
from tests.commands.doing import bump, hook, on_github, on_index, some_of, tag
from tests.commands.test_bump import vcs_pyproject
from tests.conftest import MakeRepo
from tests.github.hubs import CountedSleep, GitHubDouble
from tests.support.projects import Sample
from tests.support.proofs import Chain, add_chain
from tests.support.repo import Repo

CHANGELOG = "# Changelog\n\n## [1.2.0] - 2026-11-22\n\n- Everything.\n"
COPY = '[[tool.release-channels.version-files]]\npath = "CITATION.cff"\npattern = "version: {version}"\n'


def final(**changes: object) -> Sample:
    """Build a project whose main is ready for its tag."""
    files = {"CHANGELOG.md": CHANGELOG, "CITATION.cff": "cff-version: 1.2.0\nversion: 1.2.0\n"}
    return Sample(**{"version": "1.2.0", "tail": COPY, "files": files, **changes})  # type: ignore[arg-type]


@pytest.fixture
def ready(make_repo: MakeRepo) -> Repo:
    """A repository whose HEAD is a final on main."""
    return make_repo(final())


@pytest.fixture
def github(ready: Repo, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubDouble]:
    """GitHub over that repository."""
    with on_github(ready, monkeypatch) as opened:
        yield opened


def remote_refs(repo: Repo) -> dict[str, str]:
    """Return the remote's refs by name."""
    lines = (line.split("\t") for line in repo.git("ls-remote", "origin").splitlines())
    return {name: sha for sha, name in lines if name != "HEAD"}


def test_tag_pushes_one_annotated_tag_alone(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever the user's git would push; a second run has nothing to do."""
    ready.tag("another")
    ready.git("branch", "side")
    for key, value in {
        "push.followTags": "true", "push.default": "matching", "tag.gpgSign": "true", "push.gpgSign": "if-asked",
        "remote.origin.push": "refs/*:refs/*",
    }.items():  # fmt: skip
        ready.git("config", key, value)
    before = remote_refs(ready)
    assert tag(ready) == 0
    head = ready.git("rev-parse", "HEAD")
    new = {name: sha for name, sha in remote_refs(ready).items() if name not in before}
    assert set(new) == {"refs/tags/v1.2.0", "refs/tags/v1.2.0^{}"}
    assert new["refs/tags/v1.2.0^{}"] == head
    said = ready.git("cat-file", "tag", "v1.2.0")
    assert said.endswith("\n\ndemo-tool 1.2.0")
    shown = capsys.readouterr()
    assert "?   gate       integration-eval.yml was not checked: the remote is not on GitHub" in shown.err
    # On the local index no workflow follows a tag, and none is named.
    assert shown.out.splitlines()[-1] == f"done: the tag v1.2.0 is on origin, on commit {head[:12]}"

    before_again = ready.fingerprint()
    assert tag(ready) == 0
    assert ready.fingerprint() == before_again
    assert capsys.readouterr().out.splitlines()[-1].startswith("done: v1.2.0 is on origin already")


def test_tag_uses_the_configured_format(make_repo: MakeRepo) -> None:
    repo = make_repo(final(settings='tag-format = "release/{version}"\n'))
    assert tag(repo) == 0
    assert "refs/tags/release/1.2.0" in remote_refs(repo)


@pytest.mark.parametrize("branch", ["main", "side"])
def test_settings_that_are_not_pushed_are_to_be_pushed(
    ready: Repo, capsys: pytest.CaptureFixture[str], branch: str
) -> None:
    """On main itself; another branch chooses no settings."""
    ready.git("switch", "--quiet", "-C", branch)
    ready.commit("adopt", {"pyproject.toml": final(settings='tag-format = "{version}"\n').pyproject()})
    before = ready.fingerprint()
    assert tag(ready) == 1
    assert ready.fingerprint() == before
    said = " ".join(capsys.readouterr().err.split())
    assert "tag-format is '{version}' in the commit and 'v{version}' in origin/main" in said
    assert ("`git push origin main` brings these settings there" in said) is (branch == "main")
    assert ("a commit cannot choose its own" in said) is (branch == "side")


def test_no_push_is_named_for_settings_that_head_took_back(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The commit to tag has them, and what a push adds to main has not."""
    before_them = (ready.root / "pyproject.toml").read_text()
    ready.commit("set", {"pyproject.toml": final(settings='tag-format = "{version}"\n').pyproject()})
    ready.commit("take back", {"pyproject.toml": before_them})
    before = ready.fingerprint()
    assert tag(ready, "HEAD~1") == 1
    assert ready.fingerprint() == before
    said = " ".join(capsys.readouterr().err.split())
    assert "a commit cannot choose its own" in said
    assert "brings these settings" not in said


def test_tag_accepts_an_older_commit_on_main(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """With --commit; the number of newer commits is shown."""
    older = ready.git("rev-parse", "HEAD")
    ready.commit("a later change")
    ready.git("push", "--quiet", "origin", "main")
    assert tag(ready, older[:10]) == 0
    assert remote_refs(ready)["refs/tags/v1.2.0^{}"] == older
    assert "main has moved on by 1: " in capsys.readouterr().err


def test_tag_fetches_main(ready: Repo, make_repo: MakeRepo, tmp_path: Path) -> None:
    """Also commits that this checkout does not have; no ref moves."""
    other = Repo(tmp_path / "other", ready.remote)
    ready.git("clone", "--quiet", str(ready.remote), str(other.root))
    other.commit("theirs")
    other.git("push", "--quiet")
    seen = ready.git("rev-parse", "origin/main")
    assert tag(ready) == 0
    assert ready.git("rev-parse", "origin/main") == seen


def _dirty(repo: Repo) -> None:
    repo.write({"README.md": "changed\n"})


def _ahead(repo: Repo) -> None:
    repo.commit("not pushed")


def _side(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit("aside")


def _file(name: str, content: str) -> Callable[[Repo], None]:
    def do(repo: Repo) -> None:
        repo.commit("change", {name: content})
        repo.git("push", "--quiet", "origin", "main")

    return do


def _project(**changes: object) -> Callable[[Repo], None]:
    return _file("pyproject.toml", final(**changes).pyproject())


def _readme(name: str, text: str) -> Callable[[Repo], None]:
    def do(repo: Repo) -> None:
        repo.write({"pyproject.toml": final().pyproject().replace("README.md", name)})
        _file(name, text)(repo)

    return do


def _unlisted(repo: Repo) -> None:
    repo.write({"CITATION.cff": "version: 1.1.0\n"})
    _file("pyproject.toml", final(tail="").pyproject())(repo)


def _tag_on_parent(*, pushed: bool, here: bool) -> Callable[[Repo], None]:
    def do(repo: Repo) -> None:
        repo.tag("v1.2.0")
        if pushed:
            repo.git("push", "--quiet", "origin", "v1.2.0")
        if not here:
            repo.git("tag", "--delete", "v1.2.0")
        _file("x.txt", "x")(repo)

    return do


def _unconnected(repo: Repo) -> None:
    repo.git("remote", "remove", "origin")


def _gone(repo: Repo) -> None:
    repo.remote.rename(repo.remote.with_name("away"))
    # A directory stays, so that the fingerprint has something to look at.
    repo.git("init", "--quiet", "--bare", str(repo.remote))


WRONG = {
    "dirty": (_dirty, "1 uncommitted: README.md"),
    "ahead of main": (_ahead, "is not contained in origin/main"),
    "on a side branch": (_side, "is not contained in origin/main"),
    "dev release": (_project(version="1.2.0.dev0"), "declares 1.2.0.dev0, a dev release"),
    "candidate": (_project(version="1.2.0rc1"), "1.2.0rc1 is a pre-release"),
    "local version": (_project(version="1.2.0+x"), "1.2.0+x is a local version"),
    "not in normal form": (_project(version="01.2.0"), "is not written in normal form"),
    "a copy disagrees": (_file("CITATION.cff", "version: 1.1.0\n"), "CITATION.cff, line 1, says 1.1.0"),
    "an old module": (
        _file("demo_tool/_version.py", '__version__ = "1.1.0"\n'),
        "demo_tool/_version.py has 1.1.0: add it",
    ),
    "an old citation": (_unlisted, "no copies are configured; CITATION.cff has 1.1.0: add it to version-files"),
    "a copy is gone": (_file("CITATION.cff", "nothing\n"), "matches nothing in CITATION.cff"),
    "no section": (_file("CHANGELOG.md", "# Changelog\n\n## [1.1.0] - 2026-01-01\n"), "no section for 1.2.0"),
    "tag elsewhere, here": (_tag_on_parent(pushed=False, here=True), "v1.2.0 exists here, on commit "),
    "tag elsewhere, there": (_tag_on_parent(pushed=True, here=False), "v1.2.0 exists on origin, on commit "),
    "on the index": (lambda repo: on_index(repo, "1.2.0"), "1.2.0 is on the local index already"),
    "below the index": (lambda repo: on_index(repo, "1.3.0"), "1.2.0 is below 1.3.0"),
    "no main": (_gone, "origin/main cannot be read"),
    "no remote": (_unconnected, "there is no remote origin, and a release tag is pushed to one"),
    "pre-release pin": (_project(dependencies=("rich==15.0rc1",)), "asks for a pre-release (==15.0rc1)"),
    "pre-release floor of an extra of its own": (
        _project(dependencies=("demo-tool[all]",), extra='optional-dependencies = { all = ["rich>=15.0rc1"] }\n'),
        "asks for a pre-release (>=15.0rc1)",
    ),
    "direct URL": (_project(dependencies=("rich @ https://example.org/rich.whl",)), "is a direct URL"),
    "direct URL in an extra": (
        _project(extra="optional-dependencies = { all = [\"rich @ https://example.org/r.whl ; os_name == 'nt'\"] }\n"),
        "is a direct URL",
    ),
    "dependency that does not parse": (_project(dependencies=("rich>>1",)), "'rich>>1' is invalid for 'requires-dist'"),
    "unknown classifier": (_project(extra='classifiers = ["Topic :: Sofware"]\n'), "'Topic :: Sofware' does not exist"),
    "private classifier": (_project(extra='classifiers = ["Private :: No"]\n'), "keeps the project off the index"),
    "license expression": (_project(extra='license = "My Own"\n'), "'My Own' is invalid"),
    "author without an address": (_project(extra='authors = [{ email = "nobody" }]\n'), "not an e-mail address"),
    "URL of another scheme": (_project(urls='[project.urls]\nHome = "example.org"\n'), "not http or https"),
    "value of another type": (_project(extra="classifiers = 3\n"), "project.classifiers is 3"),
    "malformed script": (_project(tail=f'{COPY}[project.gui-scripts]\na = "b"\n'), "is not of the form module:object"),
    "readme is gone": (lambda repo: (repo.git("rm", "--quiet", "README.md"), _file("x", "x")(repo)), "no README.md"),
    "readme of an unknown type": (_readme("README.adoc", "= Demo\n"), "has no content type"),
    "readme that cannot be rendered": (
        _readme("README.rst", "Demo\n=\n\n.. no-such-thing::\n"),
        "syntax errors in markup",
    ),
}


@pytest.mark.parametrize("dry_run", [False, pytest.param(True, marks=pytest.mark.full)], ids=["real", "dry"])
@pytest.mark.parametrize(("prepare", "said"), WRONG.values(), ids=WRONG)
def test_each_rule_of_tag_refuses_alone(
    ready: Repo, capsys: pytest.CaptureFixture[str], prepare: Callable[[Repo], None], said: str, dry_run: bool
) -> None:
    """In the report and in the last line; no ref moves."""
    prepare(ready)
    before = ready.fingerprint()
    assert tag(ready, dry_run=dry_run) == 1
    assert ready.fingerprint() == before
    shown = capsys.readouterr()
    assert said in shown.err
    last = shown.out.splitlines()[-1]
    assert last.startswith("refused: ")
    assert said in last


ALLOWED = {
    "pre-release in an extra": (
        {"extra": 'optional-dependencies = { all = ["rich>=15.0rc1"] }\n'},
        "?   metadata   the dependency 'rich>=15.0rc1; extra == \"all\"' of the extra all asks for a pre-release",
    ),
    "pre-release that is meant": (
        {"dependencies": ("rich>=15.0rc1",), "settings": 'allow = ["prerelease-dependencies:rich"]\n'},
        "?   metadata   the dependency 'rich>=15.0rc1' asks for a pre-release (>=15.0rc1)",
    ),
    "a page about a version that never was": (
        {
            "files": {**final().files, "docs/a.md": "uvx demo-tool@1.5.0\n"},
            "settings": 'allow = ["mentioned-versions:1.5.0"]\n',
        },
        "?   mentions   docs/a.md, line 1, names 1.5.0, which was never released",
    ),
    "no readme": (
        {"files": {**final().files, "pyproject.toml": final().pyproject().replace("readme =", "#")}},
        "?   metadata   the project has no readme, so its page on the index is empty",
    ),
    "dynamic fields": (
        {"extra": 'dynamic = ["classifiers", "authors"]\n'},
        "?   metadata   unknown before the build: authors, classifiers",
    ),
    "everything at its best": (
        {"extra": 'license = "MIT"\nauthors = [{ name = "Jo, of Demo", email = "jo@example.org" }, { name = "Al" }]\n'},
        "ok  metadata   the index accepts what pyproject.toml declares",
    ),
}


@pytest.mark.parametrize(("changes", "said"), ALLOWED.values(), ids=ALLOWED)
def test_metadata_warnings_do_not_stop_the_tag(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], changes: dict[str, object], said: str
) -> None:
    """Nor what only a build can find."""
    repo = make_repo(final(**changes))
    on_index(repo, "1.1.0")
    assert tag(repo, dry_run=True) == 0
    assert said in capsys.readouterr().err


def test_tag_reports_all_problems_at_once(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    ready.commit("all wrong", {"CITATION.cff": "version: 0.9\n", "CHANGELOG.md": "# Changelog\n\n## [0.9]\n"})
    _dirty(ready)
    on_index(ready, "1.2.0")
    ready.git("push", "--quiet", "origin", "HEAD~1:refs/tags/v1.2.0")
    assert tag(ready) == 1
    err = capsys.readouterr().err
    rows = [line.split()[1] for line in err.splitlines() if line.startswith("  no ")]
    assert rows == ["tree", "commit", "copies", "changelog", "tag", "index"]


def test_a_usage_error_of_tag_exits_with_2(ready: Repo) -> None:
    """An invalid revision, or another version than the commit's."""
    before = ready.fingerprint()
    assert tag(ready, "no-such-thing") == 2
    assert tag(ready, version="1.3.0") == 2
    assert ready.fingerprint() == before


TESTS = {
    "never ran": (lambda gh, sha: gh.state.workflows.add("test.yml"), 1, "test.yml has not run for"),
    "still running": (lambda gh, sha: gh.state.add_run("test.yml", sha, status="in_progress"), 1, "is still in_prog"),
    "red": (lambda gh, sha: gh.state.add_run("test.yml", sha, conclusion="failure"), 1, "test.yml ended failure"),
    "red after green": (
        lambda gh, sha: gh.state.rerun(gh.state.add_run("test.yml", sha), conclusion="failure"),
        1, "test.yml ended failure",
    ),
    "green after red": (
        lambda gh, sha: _green_after_red(gh, sha),
        0, "test.yml passed for",
    ),
    "another commit": (
        lambda gh, sha: gh.state.add_run("test.yml", gh.repo.git("rev-parse", "HEAD^")), 1, "has not run for",
    ),
    "a pull request's": (
        lambda gh, sha: gh.state.add_run("test.yml", sha, event="pull_request"), 1, "has not run for",
    ),
    "another workflow": (
        lambda gh, sha: (gh.state.workflows.add("test.yml"), gh.state.add_run("lint.yml", sha)),
        1, "has not run for",
    ),
    "api says no": (
        lambda gh, sha: gh.state.faults.append(lambda _method, _path: no_access().answer()),
        0, "?   tests      test.yml could not be checked",
    ),
}  # fmt: skip


def _green_after_red(github: GitHubDouble, sha: str) -> None:
    """Pass the tests on their second attempt, and the gate after it."""
    chain = add_chain(github.state, sha, version="1.2.0", test={"conclusion": "failure"})
    github.state.rerun(chain.test)
    chain.falsify(test_run=replace(chain.claim.test_run, attempt=2))


@pytest.mark.parametrize(("prepare", "code", "said"), TESTS.values(), ids=TESTS)
def test_tag_requires_a_passed_test_run_of_the_commit(
    ready: Repo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[GitHubDouble, str], object],
    code: int,
    said: str,
) -> None:
    """Its newest attempt, of a push; an unreadable result is reported as unknown."""
    sha = ready.commit("one more")
    ready.git("push", "--quiet", "origin", "main")
    with on_github(ready, monkeypatch) as github:
        prepare(github, sha)
        before = ready.fingerprint()
        assert tag(ready) == code
    assert said in capsys.readouterr().err
    assert (ready.fingerprint() == before) is (code == 1)


def test_without_a_token_a_private_repository_is_unknown(
    ready: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a hint; it is not a failed run."""
    with on_github(ready, monkeypatch, None, private=True) as github:
        github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), conclusion="failure")
        assert tag(ready, dry_run=True) == 0
    printed = capsys.readouterr().err
    assert "?   tests      test.yml could not be checked" in printed
    assert "invisible without a token" in printed


GATES: dict[str, tuple[Callable[[GitHubDouble, str], object], int, str]] = {
    "passed": (
        lambda gh, sha: add_chain(gh.state, sha, version="1.2.0"), 0, "ok  gate       integration-eval.yml",
    ),
    "passed, and the version lives in tags": (
        lambda gh, sha: add_chain(gh.state, sha, version="1.2.0.dev41"), 0, "with 1.2.0.dev41",
    ),
    "never ran": (lambda gh, sha: gh.state.add_run("test.yml", sha), 1, "no  gate       integration-eval.yml"),
    "red": (
        lambda gh, sha: add_chain(gh.state, sha, gate={"conclusion": "failure"}), 1, "ended failure in attempt 1",
    ),
    "still running": (
        lambda gh, sha: add_chain(gh.state, sha, gate={"status": "in_progress"}), 1, "is in_progress again",
    ),
    "expired": (
        lambda gh, sha: gh.state.expire_artifact(add_chain(gh.state, sha).artifact), 1, "has expired",
    ),
    "forged": (
        lambda gh, sha: add_chain(gh.state, sha).falsify(commit="f" * 40), 1, "is not proven",
    ),
    "tests that are red": (
        lambda gh, sha: add_chain(gh.state, sha, test={"conclusion": "failure"}), 1, "follows the tests, which have",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("prepare", "code", "said"), some_of(GATES, "passed", "never ran", "forged"))
def test_tag_requires_a_passed_gate_run_of_the_commit(
    ready: Repo,
    github: GitHubDouble,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[GitHubDouble, str], object],
    code: int,
    said: str,
) -> None:
    """As the public channel does: by the run's name, then by its file of the tested commit."""
    prepare(github, ready.git("rev-parse", "HEAD"))
    before = ready.fingerprint()
    assert tag(ready) == code
    assert said in capsys.readouterr().err
    assert (ready.fingerprint() == before) is (code == 1)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("gate = { enabled = false }\n", ""),
        ('public-proof = "warn"\n', "?   gate       integration-eval.yml has not run for"),
    ],
)
def test_the_gate_can_be_disabled_or_only_a_warning(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], settings: str, said: str
) -> None:
    """As for the public channel."""
    repo = make_repo(final(settings=settings))
    with on_github(repo, monkeypatch) as github:
        github.state.add_run("test.yml", repo.git("rev-parse", "HEAD"))
        assert tag(repo) == 0
    rows = [line for line in capsys.readouterr().err.splitlines() if line[6:].startswith("gate ")]
    assert [row.strip()[: len(said)] for row in rows] == ([said] if said else [])


def _python_version(repo: Repo) -> None:
    """Move the version to a file of the package, one commit before HEAD."""
    text = final(backend="hatchling", extra='dynamic = ["version"]\n').pyproject().replace('version = "1.2.0"\n', "")
    path = "src/demo_tool/version.py"
    repo.write({"pyproject.toml": f'{text}[tool.hatch.version]\npath = "{path}"\n'})
    _file(path, '__version__ = "1.2.0"\n')(repo)
    _file("src/demo_tool/more.py", "")(repo)


def _merged(first: str, second: str) -> Callable[[Repo], None]:
    """Set the version and change code on two branches, and merge them into main in this order."""
    contents = {
        "open": {"pyproject.toml": final(version="1.2.0.dev0").pyproject()},
        "bump": {"pyproject.toml": final().pyproject()},
        "code": {"src/demo_tool/more.py": ""},
    }

    def do(repo: Repo) -> None:
        repo.commit("open", contents["open"])
        for branch in (first, second):
            repo.git("branch", branch, "main")
        for branch in (first, second):
            repo.git("switch", "--quiet", branch)
            repo.commit(branch, contents[branch])
            repo.git("switch", "--quiet", "main")
            repo.git("merge", "--quiet", "--no-ff", "--message", f"Merge {branch}", branch)
        repo.git("push", "--quiet", "origin", "main")

    return do


def _many(count: int, name: str) -> Callable[[Repo], None]:
    def do(repo: Repo) -> None:
        lines = "".join(
            f"commit refs/heads/main\ncommitter T <t@example.com> {1_800_000_000 + number} +0000\n"
            f"data <<E\nnumber {number}\nE\n{'from refs/heads/main^0' if number == 0 else ''}\n"
            f"M 100644 inline {name}\ndata 4\n{number:04}\n"
            for number in range(count)
        )
        subprocess.run(["git", "fast-import", "--quiet"], cwd=repo.root, input=lines, text=True, check=True)
        repo.git("reset", "--quiet", "--hard")
        repo.git("push", "--quiet", "origin", "main")

    return do


NONE = "ok  since      no commit came after the one that set 1.2.0"
AFTER: dict[str, tuple[Callable[[Repo], None], str, int, str]] = {
    "nothing": (lambda repo: None, "", 0, NONE),
    "code": (_file("src/demo_tool/more.py", ""), "", 1, "no  since      "),
    "code, and HEAD is named": (_file("src/demo_tool/more.py", ""), "HEAD", 0, "?   since      "),
    "code, and the commit that set it is named": (_file("src/demo_tool/more.py", ""), "HEAD^", 0, NONE),
    "another setting in the version's file": (_project(dependencies=("rich",)), "", 1, "is 1 commit after"),
    "a workflow": (_file(".github/workflows/test.yml", "on: push\n"), "", 1, "is 1 commit after"),
    "texts": (_file("docs/guide.md", "text\n"), "", 0, "?   since      "),
    "a copy of the version": (_file("CITATION.cff", "version: 1.2.0\n"), "", 0, "is 1 commit after"),
    "the version has moved to a module": (_python_version, "", 1, "is 2 commits after"),
    "the bump is merged last": (_merged("code", "bump"), "", 0, NONE),
    "code is merged after the bump": (_merged("bump", "code"), "", 1, "is 1 commit after"),
    "twelve": (_many(12, "src/demo_tool/more.py"), "", 1, "is 12 commits after"),
    "more than is looked at": (_many(201, "src/demo_tool/more.py"), "", 1, "is at least 200 commits after"),
    "more texts than are looked at": (_many(201, "docs/more.md"), "", 0, "is at least 200 commits after"),
}


@pytest.mark.parametrize(("prepare", "commit", "code", "said"), AFTER.values(), ids=AFTER)
def test_code_after_the_version_requires_the_commit_option(
    ready: Repo,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Repo], None],
    commit: str,
    code: int,
    said: str,
) -> None:
    """The commits after the version are listed."""
    prepare(ready)
    before = ready.fingerprint()
    assert tag(ready, commit) == code
    printed = capsys.readouterr().err
    assert said in printed
    assert ("`release-channels tag --commit HEAD --index local` releases them, too" in printed) is (code == 1)
    assert (ready.fingerprint() == before) is (code == 1)


def test_at_most_ten_commit_subjects_are_shown(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The newest, and the number of the others."""
    _many(12, "src/demo_tool/more.py")(ready)
    setter = ready.git("rev-parse", "--short", "HEAD~12")
    assert tag(ready) == 1
    lines = [line.strip() for line in capsys.readouterr().err.splitlines()]
    shown = [line.partition(" ")[2] for line in lines if " number " in f" {line}"][:10]
    assert shown == [f"number {number}" for number in range(11, 1, -1)]
    assert "and 2 more" in lines
    assert (
        f"`release-channels tag --commit HEAD --index local` releases them, too; `--commit {setter}` leaves them out"
        in lines
    )


def test_a_shallow_clone_does_not_know_the_version_commit(
    ready: Repo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its oldest commit is not taken for it."""
    clone = Repo(tmp_path / "shallow", ready.remote)
    ready.commit("code", {"src/demo_tool/more.py": ""})
    ready.git("push", "--quiet", "origin", "main")
    ready.git("clone", "--quiet", "--depth", "1", ready.remote.as_uri(), str(clone.root))
    tag(clone, dry_run=True)
    assert "?   since      the commit that set 1.2.0 is unknown: this clone is shallow" in capsys.readouterr().err


def test_a_tag_version_has_no_version_commit(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Any commit of main can be tagged."""
    repo = make_repo(Sample(files={"pyproject.toml": vcs_pyproject()}))
    _file("src/demo_tool/more.py", "")(repo)
    assert tag(repo, version="1.2.0") == 0
    assert " since " not in capsys.readouterr().err


REFUSING = "echo 'tags are closed today'; exit 1"


def test_a_refused_push_deletes_the_local_tag(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The remote's own words are shown."""
    hook(ready.remote, "pre-receive", REFUSING)
    before = ready.fingerprint()
    assert tag(ready) == 1
    assert ready.fingerprint() == before
    shown = capsys.readouterr()
    assert "origin refused the tag v1.2.0; it was removed here, too" in shown.err
    assert "tags are closed today" in shown.err
    assert shown.out.splitlines()[-1].startswith("refused: ")


def test_a_refused_push_keeps_an_older_local_tag(ready: Repo) -> None:
    ready.tag("v1.2.0")
    hook(ready.remote, "pre-receive", REFUSING)
    before = ready.fingerprint()
    assert tag(ready) == 1
    assert ready.fingerprint() == before
    assert ready.git("tag") == "v1.2.0"


def test_an_unpushed_tag_of_the_commit_is_pushed(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    ready.tag("v1.2.0")
    made = ready.git("rev-parse", "v1.2.0")
    assert tag(ready) == 0
    assert remote_refs(ready)["refs/tags/v1.2.0"] == made
    assert "v1.2.0 is here on this commit, not yet on origin" in capsys.readouterr().err


def test_a_local_lightweight_tag_is_refused_with_annotated_tags(make_repo: MakeRepo) -> None:
    """The workflow would refuse it when it is public."""
    repo = make_repo(final(settings="annotated-tags = true\n"))
    repo.git("tag", "v1.2.0")
    before = repo.fingerprint()
    assert tag(repo) == 1
    assert repo.fingerprint() == before


def test_signing_without_a_key_creates_no_tag(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """With git's own words and a hint."""
    ready.git("config", "gpg.program", "false")
    before = ready.fingerprint()
    assert tag(ready, sign=True) == 1
    assert ready.fingerprint() == before
    printed = capsys.readouterr().err
    assert "git could not sign v1.2.0, so it was not made" in printed
    assert "user.signingKey" in printed


def test_an_unsigned_local_tag_is_refused_with_sign(ready: Repo) -> None:
    ready.tag("v1.2.0")
    before = ready.fingerprint()
    assert tag(ready, sign=True) == 1
    assert ready.fingerprint() == before


def test_a_tag_is_signed_with_the_users_own_key(ready: Repo, tmp_path: Path) -> None:
    """By the program that git is configured with."""
    signer = tmp_path / "signer"
    signer.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stdin.buffer.read()\n"
        "print('-----BEGIN PGP SIGNATURE-----\\n\\nAAAA\\n-----END PGP SIGNATURE-----')\n"
        "print('[GNUPG:] SIG_CREATED D', file=sys.stderr)\n"
    )
    signer.chmod(0o755)
    ready.git("config", "gpg.program", str(signer))
    assert tag(ready, sign=True) == 0
    assert "-----BEGIN PGP SIGNATURE-----" in ready.git("cat-file", "tag", "v1.2.0")


DRY = {"--dry": ["--dry", "tag"], "-R": ["-R", "tag"], "--dry-run": ["tag", "--dry-run"]}


@pytest.mark.parametrize("words", some_of(DRY, "-R"))
def test_a_dry_run_of_tag_moves_nothing(ready: Repo, words: list[str]) -> None:
    """In each of three spellings; the report is shown, and the outcome is planned."""
    before = ready.fingerprint()
    screen = run(BIN / "release-channels", *words, "--index", "local", cwd=ready.root)
    assert (screen.code, ready.fingerprint()) == (0, before)
    assert screen.last.startswith("planned: v1.2.0 would be made on commit ")
    screen.shows("ok copies 1 copy agrees: CITATION.cff")


def test_a_tag_version_requires_the_version_option(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo = make_repo(Sample(files={"pyproject.toml": vcs_pyproject()}))
    before = repo.fingerprint()
    assert tag(repo) == 2
    assert "release-channels tag --version 0.1.0 --index local" in capsys.readouterr().err
    assert repo.fingerprint() == before
    assert tag(repo, version="1.0.0") == 0
    assert "refs/tags/v1.0.0" in remote_refs(repo)


@pytest.mark.parametrize("version", some_of({"dev": "1.0.0.dev3", "rc": "1.0.0rc1", "local": "1.0.0+x"}, "dev"))
def test_a_named_version_that_is_no_final_is_a_wrong_request(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    """As for `bump --to`: the commit declares none, and the next line is the release itself."""
    repo = make_repo(Sample(files={"pyproject.toml": vcs_pyproject()}))
    before = repo.fingerprint()
    assert tag(repo, version=version) == 2
    said = capsys.readouterr()
    assert f"refused: {version} is not a final" in said.out + said.err
    assert "next: release-channels tag --version 1.0.0 --index local" in said.out + said.err
    assert repo.fingerprint() == before


def test_a_rehearsal_reads_its_own_index(ready: Repo, tmp_path: Path, upstream: str) -> None:
    """`--index pypi`, the default, is the rehearsal's index, and the outcome contains that."""
    addresses = tmp_path / "rehearsal.json"
    addresses.write_text(json.dumps({"simple": upstream, "upload": upstream}))
    env = {"RELEASE_CHANNELS_REHEARSAL": str(addresses)}
    screen = run(BIN / "release-channels", "tag", cwd=ready.root, env=env)
    assert screen.code == 0
    assert screen.last.endswith("takes over (rehearsal)")
    assert "refs/tags/v1.2.0" in remote_refs(ready)


def follow_steps(repo: Repo, request: TagRequest, steps: list[Callable[[], object]], longest: float = 60) -> Outcome:
    """Run `tag`, with one step of GitHub in each pause."""
    times = CountedSleep()

    def sleep(seconds: float) -> None:
        times(seconds)
        if steps:
            steps.pop(0)()

    waiting = Waiting(longest=longest, pause=1, sleep=sleep, clock=times.clock)
    with open_context(repo.root, os.environ, index="local") as context:
        return make_tag(context, request, dry_run=False, waiting=waiting)


def test_wait_follows_tests_and_gate_until_they_pass(
    ready: Repo, github: GitHubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then the tag is created."""
    sha, state = ready.git("rev-parse", "HEAD"), github.state
    state.workflows.add("test.yml")
    runs: list[int] = []
    chains: list[Chain] = []

    def start() -> None:
        chains.append(add_chain(state, sha, version="1.2.0", test={"status": "queued"}, gate={"title": "not yet"}))
        runs.append(chains[0].test)

    def start_gate() -> None:
        state.runs[chains[0].gate].title = gate_title(sha, runs[0])
        state.set_run(chains[0].gate, "in_progress")

    outcome = follow_steps(
        ready, TagRequest(wait=True),
        [
            start,
            lambda: state.set_run(runs[0], "in_progress"),
            lambda: state.set_run(runs[0], "completed", "success"),
            start_gate,
            lambda: state.set_run(chains[0].gate, "completed", "success"),
        ],
    )  # fmt: skip
    assert outcome.result is Result.DONE
    assert "refs/tags/v1.2.0" in remote_refs(ready)
    printed = capsys.readouterr().err
    gate = ("integration-eval.yml has not started", "integration-eval.yml is in_progress")
    for line in ("test.yml has not started", "test.yml is queued", "test.yml is in_progress", *gate):
        assert printed.count(line) == 1


def test_a_new_tag_is_to_be_watched_and_not_resumed(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its workflow is not listed in the first seconds, and a second upload beside it must not be proposed."""
    with serve(tmp_path / "index", project="demo-tool") as index:
        own = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n'
        workflow = {".github/workflows/public-release.yml": "on: {push: {tags: ['v*']}}\n"}
        repo = make_repo(final(tail=COPY + own, files=final().files | workflow))
        with on_github(repo, monkeypatch) as opened:
            add_chain(opened.state, repo.git("rev-parse", "HEAD"), version="1.2.0")
            assert tag(repo, index="mine") == 0
    shown = capsys.readouterr()
    printed = [line for line in (shown.out + shown.err).splitlines() if line.startswith("next:")]
    assert printed == ["next: release-channels tag --commit v1.2.0 --watch --index mine"]


def test_wait_outlasts_a_github_that_does_not_answer(
    ready: Repo, github: GitHubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a limit nor an outage ends the waiting; it is reported once, and GitHub is asked again after a minute."""
    one = github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), status="queued")
    times = CountedSleep()

    def sleep(seconds: float) -> None:
        times(seconds)
        match len(times.taken):
            case 1:
                github.state.minute_limit, github.state.shows_pause = 0, False
            case 4:
                github.state.minute_limit = 900
                github.state.set_run(one, "completed", "failure")

    waiting = Waiting(longest=600, pause=1, sleep=sleep, clock=times.clock)
    with (
        open_context(ready.root, os.environ, index="local") as context,
        pytest.raises(ReleaseError, match=r"test\.yml ended failure"),
    ):
        make_tag(context, TagRequest(wait=True), dry_run=False, waiting=waiting)
    assert times.taken == [1, 60, 60, 60]
    assert capsys.readouterr().err.count("its rate limit is used up") == 1


def test_wait_gives_up_a_github_that_never_answers_again(ready: Repo, github: GitHubDouble) -> None:
    """The last message contains GitHub's answer, and nothing moves."""
    github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), status="queued")
    before = ready.fingerprint()
    with pytest.raises(UnansweredError, match="its rate limit is used up"):
        follow_steps(ready, TagRequest(wait=True), [lambda: setattr(github.state, "minute_limit", 0)], longest=100)
    assert ready.fingerprint() == before


def test_wait_is_bounded_by_the_clock(ready: Repo, github: GitHubDouble) -> None:
    """The time of a slow GitHub counts, not the pauses alone; nothing moves, and nothing is asked after the end."""
    github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), status="queued")
    times, before = CountedSleep(), ready.fingerprint()

    def be_slow(_method: str, path: str) -> None:
        times.awake += 25 if path.endswith("/runs") else 0

    with open_context(ready.root, os.environ, index="local") as context:
        waiting = Waiting(longest=60, pause=10, sleep=times, clock=times.clock)
        github.state.faults.append(be_slow)
        asked = len(github.running.requests)
        with pytest.raises(FailedError, match=r"test\.yml is queued after 60 s"):
            make_tag(context, TagRequest(wait=True), dry_run=False, waiting=waiting)
    runs = [one for one in github.running.requests[asked:] if one.split()[1].endswith("/runs")]
    assert (len(runs), times.taken) == (1 + 2, [10]), "once for the report, then until the minute is over"
    assert ready.fingerprint() == before


def test_wait_ends_with_failed_tests(ready: Repo, github: GitHubDouble) -> None:
    """Nothing moves."""
    one = github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), status="in_progress")
    before = ready.fingerprint()
    with pytest.raises(ReleaseError, match=r"test\.yml ended failure"):
        follow_steps(ready, TagRequest(wait=True), [lambda: github.state.set_run(one, "completed", "failure")])
    assert ready.fingerprint() == before


def test_wait_times_out(ready: Repo, github: GitHubDouble) -> None:
    """Nothing moves."""
    github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), status="queued")
    before = ready.fingerprint()
    with pytest.raises(FailedError, match=r"test\.yml is queued after 3 s"):
        follow_steps(ready, TagRequest(wait=True), [], longest=3)
    assert ready.fingerprint() == before


def test_wait_refuses_other_problems_at_once(ready: Repo, github: GitHubDouble) -> None:
    """Such as uncommitted changes."""
    github.state.add_run("test.yml", ready.git("rev-parse", "HEAD"), status="queued")
    _dirty(ready)
    waits: list[Callable[[], object]] = [lambda: pytest.fail("it waited")]
    with pytest.raises(ReleaseError, match="1 uncommitted"):
        follow_steps(ready, TagRequest(wait=True), waits)


@pytest.mark.parametrize("conclusion", ["success", "failure"])
def test_watch_follows_the_release_workflow(
    ready: Repo, github: GitHubDouble, capsys: pytest.CaptureFixture[str], conclusion: str
) -> None:
    """It shows who has to approve, and ends with its conclusion; runs of other tags are ignored."""
    sha, state = ready.git("rev-parse", "HEAD"), github.state
    add_chain(state, sha, version="1.2.0")
    state.add_environment("pypi-public", reviewers=["ada", "team releasers"])
    state.add_run("public-release.yml", sha, branch="v1.1.0", conclusion="failure")
    runs: list[int] = []
    steps: list[Callable[[], object]] = [
        lambda: runs.append(state.add_run("public-release.yml", sha, branch="v1.2.0", status="in_progress")),
        lambda: state.wait_for_approval(runs[0], "pypi-public"),
        lambda: state.set_run(runs[0], "completed", conclusion),
    ]
    if conclusion == "success":
        outcome = follow_steps(ready, TagRequest(watch=True), steps)
        assert outcome.result is Result.PUBLISHED
        assert "public-release.yml released v1.2.0" in outcome.message
    else:
        with pytest.raises(FailedError, match=r"v1\.2\.0 is on origin, and public-release\.yml ended failure") as stop:
            follow_steps(ready, TagRequest(watch=True), steps)
        assert "release-channels resume v1.2.0" in stop.value.hint
    printed = capsys.readouterr().err
    assert "public-release.yml has not started" in printed
    assert "waiting for approval by ada, " in printed


def test_watch_without_github_is_a_warning(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The tag is pushed."""
    repo = make_repo(final(urls=""))
    assert tag(repo, watch=True) == 0
    assert "there is no workflow to watch" in capsys.readouterr().err
    assert "refs/tags/v1.2.0" in remote_refs(repo)


def test_an_interrupt_before_the_push_leaves_no_tag(ready: Repo) -> None:
    """Exit code 130, without a traceback."""
    waiting = ready.remote / "waiting"
    hook(ready.remote, "pre-receive", f"touch {waiting}; exec sleep 30")
    before = ready.fingerprint()
    words = (BIN / "release-channels", "tag", "--index", "local")
    with start(*words, cwd=ready.root) as child:
        wait_until(waiting.exists, "the push reaches the remote", 30)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert "Traceback" not in out + err
    assert out.splitlines()[-1].startswith("failed: interrupted; run the same command again")
    assert ready.fingerprint() == before


def test_a_push_that_fails_after_arriving_is_reported_as_done(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The remote is read before the local tag would be deleted."""
    hook(ready.remote, "post-receive", "kill -9 $PPID")
    assert tag(ready) == 0
    assert remote_refs(ready)["refs/tags/v1.2.0"] == ready.git("rev-parse", "v1.2.0")
    shown = capsys.readouterr()
    assert "the tag v1.2.0 IS on origin, on commit " in shown.err
    assert "though the push was interrupted" in shown.err
    assert shown.out.splitlines()[-1].startswith("done: the tag v1.2.0 is on origin")


def test_an_interrupt_after_the_push_is_reported_with_the_tag(ready: Repo) -> None:
    """The local tag stays."""
    waiting = ready.remote / "waiting"
    hook(ready.remote, "post-receive", f"touch {waiting}; exec sleep 30")
    with start(BIN / "release-channels", "tag", "--index", "local", cwd=ready.root) as child:
        wait_until(waiting.exists, "the push has reached the remote", 30)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, "Traceback" in out + err) == (130, False)
    assert out.splitlines()[-1].startswith("failed: interrupted, and the tag v1.2.0 IS on origin, on commit ")
    assert remote_refs(ready)["refs/tags/v1.2.0"] == ready.git("rev-parse", "v1.2.0")


def test_a_tag_of_unknown_arrival_is_kept(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """The remote vanishes during the push; the next run reads it first."""
    away = ready.remote.with_name("away.git")
    hook(ready.remote, "pre-receive", f"mv {ready.remote} {away}; exit 1")
    assert tag(ready) == 1
    assert "whether v1.2.0 has arrived on origin cannot be seen" in capsys.readouterr().err
    assert ready.git("tag", "--list") == "v1.2.0"
    away.rename(ready.remote)
    (ready.remote / "hooks" / "pre-receive").unlink()
    assert tag(ready) == 0
    assert "refs/tags/v1.2.0" in remote_refs(ready)


def test_an_internal_error_shows_no_traceback(ready: Repo) -> None:
    """A file has it."""
    screen = run(
        sys.executable, "-c",
        "from pathlib import Path\n"
        "from invoke.exceptions import Exit\n"
        "from release_channels.cli.run import task_run\n"
        "try:\n"
        "    with task_run('tag', Path.cwd()) as run: run.outcome = None.root\n"
        "except Exit as stop: raise SystemExit(stop.code)\n",
        cwd=ready.root,
    )  # fmt: skip
    assert screen.code == 1
    screen.shows("a bug in release-channels: AttributeError", "debug.log")
    assert "Traceback" in (ready.root / ".release-channels/debug.log").read_text()


def test_a_version_below_a_pushed_tag_is_refused(ready: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Also before its upload."""
    ready.tag("v9.0.0", "HEAD~1" if ready.git("rev-list", "--count", "HEAD") != "1" else "HEAD")
    ready.git("push", "--quiet", "origin", "v9.0.0")
    before = ready.fingerprint()
    assert tag(ready) == 1
    assert "v9.0.0 is tagged, which is above 1.2.0" in capsys.readouterr().err
    assert ready.fingerprint() == before


def test_a_tagged_commit_gets_no_second_version(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Where tags give the version."""
    repo = make_repo(Sample(files={"pyproject.toml": vcs_pyproject()}))
    assert tag(repo, version="1.2.0") == 0
    before = repo.fingerprint()
    assert tag(repo, version="1.3.0") == 1
    assert "this commit is released as v1.2.0 already" in capsys.readouterr().err
    assert repo.fingerprint() == before


def test_a_pushed_dev_tag_is_reported_as_wrong(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    repo = make_repo(Sample(version="1.2.0.dev0"))
    repo.tag("v1.2.0.dev0")
    repo.git("push", "--quiet", "origin", "v1.2.0.dev0")
    before = repo.fingerprint()
    assert tag(repo) == 1
    assert "a dev release" in capsys.readouterr().err
    assert repo.fingerprint() == before


def test_an_uncommitted_bump_is_reported(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint is to commit, not to bump again."""
    repo = make_repo(Sample())
    assert bump(repo) == 0
    before = repo.fingerprint()
    assert tag(repo) == 1
    assert repo.fingerprint() == before
    shown = capsys.readouterr().err
    assert "the working tree declares 1.2.0, uncommitted: bring that to main, then tag it" in shown
    assert "make it final first" not in shown
