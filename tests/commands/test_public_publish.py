"""`public-publish` end to end: a correct tag is published, and each rule refuses its own violation."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from release_channels.model.outcome import Outcome, Result
from tests.cli.screen import BIN, adopter, nox
from tests.commands.doing import bump, hook, on_github, public, some_of
from tests.commands.doing import tag as make_tag
from tests.conftest import MakeRepo, RunSession
from tests.github.hubs import READER
from tests.support.backends import own_backend
from tests.support.projects import Sample
from tests.support.repo import Repo

RELEASE = ("build", "public-publish")
PUBLISH = ("public-publish",)


def released(make_repo: MakeRepo, version: str = "1.2.3", tag: str = "v1.2.3", **sample: object) -> Repo:
    """Create a project whose main declares a version, with its tag, both pushed."""
    repo = make_repo(Sample(version=version, **sample))  # type: ignore[arg-type]
    repo.tag(tag)
    repo.git("push", "--quiet", "origin", tag)
    return repo


def refused(repo: Repo, *words: str, env: dict[str, str] | None = None, steps: tuple[str, ...] = PUBLISH) -> Outcome:
    """Run the session, and assert that it is refused and moves nothing."""
    before = repo.fingerprint()
    outcome = public(repo, *words, steps=steps, env=env)
    assert outcome.result is Result.REFUSED, outcome.line
    assert repo.fingerprint() == before
    assert not (repo.root / ".release-channels/index").exists()
    return outcome


WRONG = {
    # what the commit holds, the tag on it, and the rule's own words
    "dev release": ("1.2.3.dev0", "v1.2.3.dev0", "the commit declares 1.2.3.dev0, a dev release"),
    "dev release, another tag": (
        "1.2.3.dev0",
        "v9.9.9",
        "the commit declares 1.2.3.dev0, a dev release; "
        "the tag v9.9.9 is for 9.9.9, but the commit declares 1.2.3.dev0",
    ),
    "candidate": ("1.2.3rc1", "v1.2.3rc1", "1.2.3rc1 is a pre-release (rc1): no channel publishes it"),
    "local version": ("1.2.3+local", "v1.2.3+local", "1.2.3+local is a local version, which no index takes"),
    "leading zero": ("01.2.3", "v1.2.3", "the version 1.2.3 is not written in normal form"),
    "leading zero in the tag": ("1.2.3", "v01.2.3", "the tag v01.2.3 has 1.2.3 in another spelling"),
    "shorter": ("1.2.0", "v1.2", "the tag v1.2 has 1.2.0 in another spelling"),
    "vv": ("1.2.3", "vv1.2.3", "the tag vv1.2.3 has 1.2.3 in another spelling"),
    "no prefix": ("1.2.3", "1.2.3", "the tag 1.2.3 does not match tag-format v{version}"),
    "other case": ("1.2.3", "V1.2.3", "the tag V1.2.3 differs from v1.2.3 only in case"),
    "other version": ("1.2.3", "v1.2.4", "the tag v1.2.4 is for 1.2.4, but the commit declares 1.2.3"),
    "shell syntax": (
        "1.2.3",
        "v1.2.3$(id)",
        "the tag 'v1.2.3$(id)' contains characters that a release tag must not have",
    ),
}


@pytest.mark.parametrize(("version", "tag", "said"), WRONG.values(), ids=WRONG)
def test_each_wrong_tag_is_refused_by_its_own_rule(make_repo: MakeRepo, version: str, tag: str, said: str) -> None:
    """The message is that rule's alone, with a hint."""
    repo = released(make_repo, version, tag)
    outcome = refused(repo, env={"GITHUB_ACTIONS": "true", "GITHUB_REF": f"refs/tags/{tag}"})
    assert outcome.message == f"not a version to release: {said}"
    assert outcome.hint
    assert ".dev" not in outcome.hint  # no release tag is of a dev release


def test_a_tag_option_is_checked_like_an_events_tag(make_repo: MakeRepo) -> None:
    """Down to a newline."""
    repo = released(make_repo, "1.2.3", "vv1.2.3")
    assert "the tag vv1.2.3 has 1.2.3 in another spelling" in refused(repo, "--tag", "vv1.2.3").message
    assert "characters that a release tag must not have" in refused(repo, "--tag", "v1.2.3\n").message


MALFORMED = {"newline": "v1.2.3\n", "second line": "v1.2.3\nv9", "blank": " v1.2.3", "empty": "", "dashes": "--tag"}


@pytest.mark.parametrize("tag", some_of(MALFORMED, "newline", "empty"))
def test_an_events_malformed_tag_is_refused(make_repo: MakeRepo, tag: str) -> None:
    """Names are compared unchanged, without a shell."""
    repo = released(make_repo)
    outcome = refused(repo, env={"GITHUB_ACTIONS": "true", "GITHUB_REF": f"refs/tags/{tag}"})
    assert outcome.message.startswith("not a version to release: the tag ")


def test_a_tag_on_a_side_branch_is_refused(make_repo: MakeRepo) -> None:
    """Although version and tag agree."""
    repo = released(make_repo, tag="other")
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit("aside")
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "side", "v1.2.3")
    said = refused(repo, "--tag", "v1.2.3").message
    assert said.startswith("not a version to release: commit ")
    assert said.endswith(" is not contained in origin/main")


def released_from_branch(make_repo: MakeRepo, settings: str = 'main-branch = "evil"\n') -> Repo:
    """Tag a commit of a side branch whose own settings declare that branch as main."""
    repo = released(make_repo, tag="other")
    repo.git("switch", "--quiet", "--create", "evil")
    repo.commit("mine", {"pyproject.toml": Sample(version="1.2.3", settings=settings).pyproject()})
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "evil", "v1.2.3")
    return repo


@pytest.mark.parametrize("session", [True, False], ids=["public", "tag"])
def test_a_commits_own_main_branch_setting_is_not_used(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], session: bool
) -> None:
    """The default branch's settings are."""
    repo = released_from_branch(make_repo)
    if session:
        said = refused(repo, "--tag", "v1.2.3").message
    else:
        repo.git("push", "--quiet", "--delete", "origin", "v1.2.3")
        repo.git("tag", "--delete", "v1.2.3")
        before = repo.fingerprint()
        assert make_tag(repo) == 1
        assert repo.fingerprint() == before
        said = capsys.readouterr().err
    assert "main-branch is 'evil' in the commit and 'main' in origin/main" in said


@pytest.mark.full
def test_a_commits_own_remote_setting_is_not_used(make_repo: MakeRepo, tmp_path: Path) -> None:
    """`origin` is, although a fork is among the remotes."""
    repo = released_from_branch(make_repo, 'remote = "fork"\n')
    fork = tmp_path / "fork.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(fork)], check=True)
    repo.git("remote", "add", "fork", str(fork))
    repo.git("push", "--quiet", "fork", "evil:main", "v1.2.3")
    assert "remote is 'fork' in the commit and 'origin' in origin/main" in refused(repo, "--tag", "v1.2.3").message


@pytest.mark.full
def test_a_remote_without_a_default_branch_is_refused(make_repo: MakeRepo) -> None:
    repo = released(make_repo)
    subprocess.run(["git", "symbolic-ref", "HEAD", "refs/heads/none"], cwd=repo.remote, check=True)
    outcome = refused(repo)
    assert "origin does not report its default branch" in outcome.message
    assert "git symbolic-ref HEAD" in outcome.hint


def test_a_lightweight_tag_is_refused_with_annotated_tags(make_repo: MakeRepo) -> None:
    """The remote's tag counts, not the local one."""
    repo = make_repo(Sample(version="1.2.3", settings="annotated-tags = true\n"))
    repo.git("push", "--quiet", "origin", "HEAD:refs/tags/v1.2.3")
    repo.tag("v1.2.3")
    assert "the tag v1.2.3 is lightweight" in refused(repo).message


def test_a_commit_without_a_tag_is_refused(make_repo: MakeRepo) -> None:
    """The hint contains the command that creates the tag."""
    repo = make_repo(Sample(version="1.2.3"))
    outcome = refused(repo)
    assert "no release tag is on commit" in outcome.message
    assert "release-channels tag" in outcome.hint


def test_an_unpushed_tag_is_refused(make_repo: MakeRepo) -> None:
    repo = make_repo(Sample(version="1.2.3"))
    repo.tag("v1.2.3")
    assert "there is no tag v1.2.3" in refused(repo).message


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_a_tag_moved_between_build_and_publish_is_refused(make_repo: MakeRepo, moved: bool) -> None:
    repo = make_repo(Sample(version="1.2.3"))
    first = repo.git("rev-parse", "HEAD")
    repo.commit("the release")
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "main", "v1.2.3")
    assert public(repo, steps=("build",)).result is Result.DONE
    repo.git("push", "--quiet", "--force", "origin", f"{first if moved else ''}:refs/tags/v1.2.3")
    said = refused(repo).message
    assert (f"points to commit {first[:12]}" if moved else "there is no tag v1.2.3") in said


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_a_tag_moved_during_the_run_is_refused_before_upload(make_repo: MakeRepo, tmp_path: Path, moved: bool) -> None:
    """Nothing is uploaded."""
    remote = tmp_path / "repo-0/remote.git"
    change = "'update-ref', 'refs/tags/v1.2.0', 'main~1'" if moved else "'update-ref', '-d', 'refs/tags/v1.2.0'"
    body = (
        "def during(kind):\n    import subprocess\n"
        f"    subprocess.run(['git', '--git-dir', {str(remote)!r}, {change}], check=True)\n"
    )
    repo = make_repo(own_backend(body))
    assert bump(repo, commit=True) == 0
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    outcome = public(repo, steps=RELEASE)
    assert outcome.result is Result.REFUSED
    assert f"the tag v1.2.0 {'points to commit' if moved else 'is gone'}" in outcome.message
    assert not list((repo.root / ".release-channels").glob("index/*.whl"))


def test_the_tag_is_read_again_also_without_an_upload(make_repo: MakeRepo, tmp_path: Path) -> None:
    """The GitHub Release comes next."""
    remote, gone = tmp_path / "repo-0/remote.git", tmp_path / "gone"
    body = (
        f"def during(kind):\n    import subprocess\n    if Path({str(gone)!r}).exists():\n"
        "        words = ['update-ref', '-d', 'refs/tags/v1.2.0']\n"
        f"        subprocess.run(['git', '--git-dir', {str(remote)!r}, *words], check=True)\n"
    )
    repo = make_repo(own_backend(body))
    assert bump(repo, commit=True) == 0
    repo.tag("v1.2.0")
    repo.git("push", "--quiet", "origin", "main", "v1.2.0")
    assert public(repo, steps=RELEASE).result is Result.PUBLISHED
    gone.touch()
    outcome = public(repo, steps=RELEASE)
    assert outcome.result is Result.REFUSED
    assert "the tag v1.2.0 is gone" in outcome.message


def test_build_and_check_use_the_tag_of_a_final(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Without --tag; with a run number they build a preview."""
    repo = released(make_repo)
    for step in ("build", "check"):
        outcome = run_session(repo, steps=(step,))
        assert (outcome.result, outcome.channel, outcome.version) == (Result.DONE, "public", "1.2.3")
    before = repo.fingerprint()
    assert run_session(repo, "--run-number", "5", steps=("build",)).channel == "preview"
    assert repo.fingerprint() == before


def checkout(repo: Repo, target: Path, *words: str) -> Repo:
    """Clone as a job does."""
    subprocess.run(["git", "clone", "--quiet", *words, f"file://{repo.remote}", str(target)], check=True)
    return Repo(target, repo.remote)


def test_a_depth_1_checkout_is_enough(make_repo: MakeRepo, tmp_path: Path) -> None:
    """main is fetched, two commits further on."""
    repo = released(make_repo)
    for number in (1, 2):
        repo.commit(f"later {number}")
    repo.git("push", "--quiet", "origin", "main")
    job = checkout(repo, tmp_path / "job", "--depth", "1", "--branch", "v1.2.3")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/v1.2.3"}
    assert public(job, "--index", "local", steps=RELEASE, env=env).line.startswith("published: demo-tool 1.2.3 ")


def test_a_depth_1_checkout_of_a_side_branch_is_refused(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Its relation to main is unknown."""
    repo = released(make_repo, tag="other")
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit("aside")
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "side", "v1.2.3")
    job = checkout(repo, tmp_path / "job", "--depth", "1", "--branch", "v1.2.3")
    assert "is not contained in origin/main" in refused(job, "--tag", "v1.2.3").message


def test_without_a_remote_the_local_tag_counts(make_repo: MakeRepo) -> None:
    """For practice."""
    repo = make_repo(Sample(version="1.2.3"))
    repo.git("remote", "remove", "origin")
    assert "no release tag is on commit" in refused(repo).message
    repo.tag("v1.2.3")
    assert public(repo, steps=RELEASE).result is Result.PUBLISHED


def unreadable(repo: Repo) -> None:
    """Make git get no answer from the remote, as in a job without stored credentials."""
    repo.git("remote", "set-url", "origin", str(repo.remote.with_name("private.git")))


def test_the_api_is_used_where_git_gets_no_answer(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the tag and its relation to main."""
    repo = released(make_repo, settings="annotated-tags = true\n")
    repo.commit("later")
    repo.git("push", "--quiet", "origin", "main")
    repo.git("checkout", "--quiet", "v1.2.3")
    unreadable(repo)
    with on_github(repo, monkeypatch, READER, private=True):
        assert public(repo, "--tag", "v1.2.3", steps=RELEASE).result is Result.PUBLISHED


def test_the_api_returns_the_default_branchs_settings(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit's own are not used."""
    repo = released_from_branch(make_repo)
    unreadable(repo)
    with on_github(repo, monkeypatch, READER, private=True):
        said = refused(repo, "--tag", "v1.2.3").message
    assert "main-branch is 'evil' in the commit and 'main' in the default branch of acme/demo-tool" in said


PRIVATE = {
    # the token, where the tag's commit is, what the remote's tag is like, what is said
    "no token": (None, "main", "annotated", "origin/main cannot be read, nor through its API"),
    "side branch": (READER, "side", "annotated", "is not contained in origin/main"),
    "lightweight": (READER, "main", "lightweight", "the tag v1.2.3 is lightweight"),
    "no tag": (READER, "main", "none", "there is no tag v1.2.3"),
}


@pytest.mark.parametrize(("token", "branch", "kind", "said"), PRIVATE.values(), ids=PRIVATE)
def test_the_rules_hold_through_the_api(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, token: str | None, branch: str, kind: str, said: str
) -> None:
    """A missing answer is a refusal."""
    repo = make_repo(Sample(version="1.2.3", settings="annotated-tags = true\n"))
    if branch == "side":
        repo.git("switch", "--quiet", "--create", "side")
        repo.commit("aside")
        repo.git("push", "--quiet", "origin", "side")
    repo.tag("v1.2.3")
    if kind != "none":
        what = "refs/tags/v1.2.3" if kind == "annotated" else "HEAD"
        repo.git("push", "--quiet", "origin", f"{what}:refs/tags/v1.2.3")
    unreadable(repo)
    with on_github(repo, monkeypatch, token, private=True):
        assert said in refused(repo).message


def test_an_unverifiable_tag_is_refused(make_repo: MakeRepo) -> None:
    """Neither git nor GitHub answers."""
    repo = released(make_repo)
    unreadable(repo)
    assert "the tags of origin cannot be read" in refused(repo).message


def test_the_public_build_equals_uv_build_by_hand(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Byte for byte, from a clone of the tag at the commit's time."""
    repo = released(make_repo, backend="hatchling")
    assert public(repo, steps=("build",)).result is Result.DONE
    by_hand = checkout(repo, tmp_path / "by-hand", "--branch", "v1.2.3")
    env = {**os.environ, "SOURCE_DATE_EPOCH": by_hand.git("show", "--no-patch", "--format=%ct", "HEAD")}
    subprocess.run([BIN / "uv", "build", "--quiet", "--no-sources"], cwd=by_hand.root, env=env, check=True)
    assert digests(repo) == digests(by_hand)


def digests(repo: Repo) -> dict[str, str]:
    """Return the digests of the built distributions, by name."""
    built = {path.name: path.read_bytes() for path in (repo.root / "dist").glob("demo*")}
    assert len(built) == 2
    return {name: hashlib.sha256(content).hexdigest() for name, content in built.items()}


def test_the_session_fails_for_a_wrong_tag(make_repo: MakeRepo) -> None:
    """As a real program; exit code 1, and nothing moves."""
    repo = make_repo(adopter(version="1.2.3"))
    repo.tag("v1.2")
    repo.git("push", "--quiet", "origin", "v1.2")
    hook(repo.remote, "pre-receive", "exit 1")
    before = repo.fingerprint()
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/v1.2"}
    screen = nox(repo.root, "-s", "public-publish", env=env)
    assert screen.code == 1
    screen.shows("refused: not a version to release: the tag v1.2 is for 1.2, but the commit declares 1.2.3")
    assert {
        name: value for name, value in repo.fingerprint().items() if not name.startswith((".nox", "__pyc"))
    } == before
