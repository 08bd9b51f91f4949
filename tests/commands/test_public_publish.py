"""`public-publish` end to end: one right tag is published, and every wrong one is refused by its own rule."""

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
    """A project whose main declares a version, with a tag on it, both pushed."""
    repo = make_repo(Sample(version=version, **sample))  # type: ignore[arg-type]
    repo.tag(tag)
    repo.git("push", "--quiet", "origin", tag)
    return repo


def refused(repo: Repo, *words: str, env: dict[str, str] | None = None, steps: tuple[str, ...] = PUBLISH) -> Outcome:
    """Run the session, which must refuse and move nothing."""
    before = repo.fingerprint()
    outcome = public(repo, *words, steps=steps, env=env)
    assert outcome.result is Result.REFUSED, outcome.line
    assert repo.fingerprint() == before
    assert not (repo.root / ".release-channels/index").exists()
    return outcome


WRONG = {
    # what the commit holds, the tag on it, and the rule's own words
    "dev release": ("1.2.3.dev0", "v1.2.3.dev0", "the commit declares 1.2.3.dev0, a dev release"),
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
    """Everything but that one thing is right, so that one rule alone speaks, and it has advice."""
    repo = released(make_repo, version, tag)
    outcome = refused(repo, env={"GITHUB_ACTIONS": "true", "GITHUB_REF": f"refs/tags/{tag}"})
    assert outcome.message == f"not a version to release: {said}"
    assert outcome.hint


def test_a_tag_that_is_given_by_hand_is_held_to_the_same_rules(make_repo: MakeRepo) -> None:
    """--tag instead of the event: wrong is wrong, down to the newline."""
    repo = released(make_repo, "1.2.3", "vv1.2.3")
    assert "the tag vv1.2.3 has 1.2.3 in another spelling" in refused(repo, "--tag", "vv1.2.3").message
    assert "characters that a release tag must not have" in refused(repo, "--tag", "v1.2.3\n").message


UNGIT = {"newline": "v1.2.3\n", "second line": "v1.2.3\nv9", "blank": " v1.2.3", "empty": "", "dashes": "--tag"}


@pytest.mark.parametrize("tag", some_of(UNGIT, "newline", "empty"))
def test_an_event_with_a_tag_that_git_could_not_hold_is_refused(make_repo: MakeRepo, tag: str) -> None:
    """The name is compared to the byte: nothing is stripped, split or handed to a shell."""
    repo = released(make_repo)
    outcome = refused(repo, env={"GITHUB_ACTIONS": "true", "GITHUB_REF": f"refs/tags/{tag}"})
    assert outcome.message.startswith("not a version to release: the tag ")


def test_a_tag_on_a_side_branch_is_refused(make_repo: MakeRepo) -> None:
    """The version is right and the tag is right, and main does not contain the commit."""
    repo = released(make_repo, tag="other")
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit("aside")
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "side", "v1.2.3")
    said = refused(repo, "--tag", "v1.2.3").message
    assert said.startswith("not a version to release: commit ")
    assert said.endswith(" is not contained in origin/main")


def released_from_elsewhere(make_repo: MakeRepo, settings: str = 'main-branch = "evil"\n') -> Repo:
    """A commit of a branch that is not main, whose own settings say where it has to be contained, tagged and pushed."""
    repo = released(make_repo, tag="other")
    repo.git("switch", "--quiet", "--create", "evil")
    repo.commit("mine", {"pyproject.toml": Sample(version="1.2.3", settings=settings).pyproject()})
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "evil", "v1.2.3")
    return repo


@pytest.mark.parametrize("session", [True, False], ids=["public", "tag"])
def test_a_commit_does_not_choose_the_branch_that_has_to_contain_it(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], session: bool
) -> None:
    """Its settings name its own branch, which contains it; those of the default branch count, and say another."""
    repo = released_from_elsewhere(make_repo)
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
def test_a_commit_does_not_choose_its_remote(make_repo: MakeRepo, tmp_path: Path) -> None:
    """A fork among the remotes would say whatever the commit says: `origin` is asked all the same."""
    repo = released_from_elsewhere(make_repo, 'remote = "fork"\n')
    fork = tmp_path / "fork.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(fork)], check=True)
    repo.git("remote", "add", "fork", str(fork))
    repo.git("push", "--quiet", "fork", "evil:main", "v1.2.3")
    assert "remote is 'fork' in the commit and 'origin' in origin/main" in refused(repo, "--tag", "v1.2.3").message


@pytest.mark.full
def test_a_remote_without_a_default_branch_is_refused(make_repo: MakeRepo) -> None:
    """Where nobody says which branch counts, the commit's own word does not stand in for it."""
    repo = released(make_repo)
    subprocess.run(["git", "symbolic-ref", "HEAD", "refs/heads/none"], cwd=repo.remote, check=True)
    outcome = refused(repo)
    assert "origin does not report its default branch" in outcome.message
    assert "git symbolic-ref HEAD" in outcome.hint


def test_a_lightweight_tag_is_refused_where_annotated_ones_are_asked_for(make_repo: MakeRepo) -> None:
    """Only with annotated-tags; the remote's tag counts, whatever the one here is like."""
    repo = make_repo(Sample(version="1.2.3", settings="annotated-tags = true\n"))
    repo.git("push", "--quiet", "origin", "HEAD:refs/tags/v1.2.3")
    repo.tag("v1.2.3")
    assert "the tag v1.2.3 is lightweight" in refused(repo).message


def test_a_commit_without_a_tag_is_refused(make_repo: MakeRepo) -> None:
    """From HEAD, the tag that its version would have is looked for; none is refused, with the command that makes it."""
    repo = make_repo(Sample(version="1.2.3"))
    outcome = refused(repo)
    assert "no release tag is on commit" in outcome.message
    assert "release-channels tag" in outcome.hint


def test_a_tag_that_is_here_alone_is_refused(make_repo: MakeRepo) -> None:
    """The remote's word counts: what was never pushed releases nothing."""
    repo = make_repo(Sample(version="1.2.3"))
    repo.tag("v1.2.3")
    assert "there is no tag v1.2.3" in refused(repo).message


@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_a_tag_that_moves_between_build_and_publish_is_refused(make_repo: MakeRepo, moved: bool) -> None:
    """Built in one job, published in another: the tag is read again in between."""
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
def test_a_tag_that_moves_in_the_same_run_is_refused_right_before_the_upload(
    make_repo: MakeRepo, tmp_path: Path, moved: bool
) -> None:
    """The tag was right when the run began; while files were built somebody touched it, and nothing is uploaded."""
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


def test_a_tag_is_looked_at_again_where_every_file_is_there(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Nothing to upload is not a reason to go on with a tag that is gone: the GitHub Release comes next."""
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


def test_build_and_check_of_a_tagged_final_are_of_that_release(make_repo: MakeRepo, run_session: RunSession) -> None:
    """Without --tag they take the tag of the final that the commit declares; with a number they mean a preview."""
    repo = released(make_repo)
    for step in ("build", "check"):
        outcome = run_session(repo, steps=(step,))
        assert (outcome.result, outcome.channel, outcome.version) == (Result.DONE, "public", "1.2.3")
    before = repo.fingerprint()
    assert run_session(repo, "--run-number", "5", steps=("build",)).channel == "preview"
    assert repo.fingerprint() == before


def checkout(repo: Repo, target: Path, *words: str) -> Repo:
    """Check out as a job does."""
    subprocess.run(["git", "clone", "--quiet", *words, f"file://{repo.remote}", str(target)], check=True)
    return Repo(target, repo.remote)


def test_a_depth_1_checkout_is_enough(make_repo: MakeRepo, tmp_path: Path) -> None:
    """main is fetched as it is now, two commits further on, though history is cut off at the tag."""
    repo = released(make_repo)
    for number in (1, 2):
        repo.commit(f"later {number}")
    repo.git("push", "--quiet", "origin", "main")
    job = checkout(repo, tmp_path / "job", "--depth", "1", "--branch", "v1.2.3")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/v1.2.3"}
    assert public(job, "--index", "local", steps=RELEASE, env=env).line.startswith("published: demo-tool 1.2.3 ")


def test_a_depth_1_checkout_of_a_side_branch_is_refused(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Cut-off history is not an excuse: what cannot be shown to be on main is not released."""
    repo = released(make_repo, tag="other")
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit("aside")
    repo.tag("v1.2.3")
    repo.git("push", "--quiet", "origin", "side", "v1.2.3")
    job = checkout(repo, tmp_path / "job", "--depth", "1", "--branch", "v1.2.3")
    assert "is not contained in origin/main" in refused(job, "--tag", "v1.2.3").message


def test_without_a_remote_the_tag_here_counts(make_repo: MakeRepo) -> None:
    """Practice on a laptop needs no remote: the local tag and the local index do."""
    repo = make_repo(Sample(version="1.2.3"))
    repo.git("remote", "remove", "origin")
    assert "no release tag is on commit" in refused(repo).message
    repo.tag("v1.2.3")
    assert public(repo, steps=RELEASE).result is Result.PUBLISHED


def unreadable(repo: Repo) -> None:
    """Let the job keep no credentials: git gets no answer from the remote, and only the API can be asked."""
    repo.git("remote", "set-url", "origin", str(repo.remote.with_name("private.git")))


def test_where_git_gets_no_answer_the_api_is_asked(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A private repository's job without credentials: tag and place on main come from GitHub."""
    repo = released(make_repo, settings="annotated-tags = true\n")
    repo.commit("later")
    repo.git("push", "--quiet", "origin", "main")
    repo.git("checkout", "--quiet", "v1.2.3")
    unreadable(repo)
    with on_github(repo, monkeypatch, READER, private=True):
        assert public(repo, "--tag", "v1.2.3", steps=RELEASE).result is Result.PUBLISHED


def test_the_api_tells_the_default_branchs_settings_too(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job without credentials for git believes the commit no more than one with them."""
    repo = released_from_elsewhere(make_repo)
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
def test_the_api_refuses_what_git_would_have_refused(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, token: str | None, branch: str, kind: str, said: str
) -> None:
    """Asking elsewhere makes no rule weaker, and no answer at all is not a yes."""
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


def test_without_git_and_without_github_it_is_refused(make_repo: MakeRepo) -> None:
    """Where nobody can be asked nothing is released."""
    repo = released(make_repo)
    unreadable(repo)
    assert "the tags of origin cannot be read" in refused(repo).message


def test_the_public_build_is_what_uv_builds_by_hand(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Byte for byte: a clone of the tag, the commit's time, and `uv build`."""
    repo = released(make_repo, backend="hatchling")
    assert public(repo, steps=("build",)).result is Result.DONE
    by_hand = checkout(repo, tmp_path / "by-hand", "--branch", "v1.2.3")
    env = {**os.environ, "SOURCE_DATE_EPOCH": by_hand.git("show", "--no-patch", "--format=%ct", "HEAD")}
    subprocess.run([BIN / "uv", "build", "--quiet", "--no-sources"], cwd=by_hand.root, env=env, check=True)
    assert digests(repo) == digests(by_hand)


def digests(repo: Repo) -> dict[str, str]:
    """The distributions that were built, by name."""
    built = {path.name: path.read_bytes() for path in (repo.root / "dist").glob("demo*")}
    assert len(built) == 2
    return {name: hashlib.sha256(content).hexdigest() for name, content in built.items()}


def test_the_session_is_red_for_a_wrong_tag(make_repo: MakeRepo) -> None:
    """The real program, started by the event of a wrong tag: exit code 1, and nothing moves."""
    repo = make_repo(adopter(version="1.2.3"))
    repo.tag("v1.2")
    repo.git("push", "--quiet", "origin", "v1.2")
    hook(repo.remote, "pre-receive", "exit 1")
    before = repo.fingerprint()
    env = {"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/v1.2"}
    screen = nox(repo.root, "-s", "public-publish", env=env)
    assert screen.code == 1
    screen.sentence("refused: not a version to release: the tag v1.2 is for 1.2, but the commit declares 1.2.3")
    assert {
        name: value for name, value in repo.fingerprint().items() if not name.startswith((".nox", "__pyc"))
    } == before
