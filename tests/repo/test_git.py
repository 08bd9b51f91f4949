"""What is read from real git, in every state that a checkout can have."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release_channels.adapters.git import Git
from release_channels.errors import CommandError, RefusedError, UsageError
from release_channels.model.observed import Relation
from tests.conftest import MakeRepo
from tests.support.repo import Repo


def _clone(repo: Repo, target: Path, *words: str) -> Repo:
    source = f"file://{repo.remote}"
    subprocess.run(["git", "clone", "--quiet", *words, source, str(target)], check=True)
    return Repo(target, repo.remote)


def test_a_commit_has_its_full_sha_and_committer_time(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user configures git to show."""
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1700000000 +0900")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "1600000000 +0000")
    sha = repo.commit("one")
    repo.git("config", "log.showSignature", "true")
    commit = Git.open(repo.root).commit("HEAD")
    assert (commit.sha, commit.time, commit.short) == (sha, 1700000000, sha[:12])


@pytest.mark.parametrize("revision", ["no-such", "--all", "HEAD~99", "", "a b", "HEAD:README.md"])
def test_a_revision_without_a_commit_is_a_usage_error(repo: Repo, revision: str) -> None:
    """It is never an option of git."""
    with pytest.raises(UsageError, match="names no commit here") as caught:
        Git.open(repo.root).commit(revision)
    assert caught.value.hint


def test_an_annotated_tag_is_resolved_to_its_commit(repo: Repo) -> None:
    repo.tag("v1")
    assert Git.open(repo.root).commit("v1").sha == repo.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    "name", ["dist/x.whl", "release.json", ".release-channels/lock", ".venv/pyvenv.cfg", ".nox/a/b", "uv.lock"]
)
def test_files_of_tools_do_not_count_as_uncommitted(repo: Repo, name: str) -> None:
    """Although this project ignores nothing."""
    repo.write({name: "left behind"})
    assert Git.open(repo.root).uncommitted() == ()


@pytest.mark.parametrize("name", ["dist/x.txt", "release.json", ".nox/kept", "uv.lock"])
@pytest.mark.parametrize("change", ["edited", "deleted", "staged"])
def test_a_changed_tracked_file_counts_in_any_directory(repo: Repo, name: str, change: str) -> None:
    """Also in the tools' own."""
    if change != "staged":
        repo.commit("tracked", {name: "one"})
    if change == "deleted":
        (repo.root / name).unlink()
    else:
        repo.write({name: "two"})
    if change == "staged":
        repo.git("add", "--force", name)
    assert Git.open(repo.root).uncommitted() == (name,)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.txt", "plain.txt"),
        ("with space.txt", "with space.txt"),
        ("ünï-日本.txt", "ünï-日本.txt"),
        ("quo\"te'.txt", "quo\"te'.txt"),
        ("a -> b", "a -> b"),
        ("two\nlines", r"'two\nlines'"),
        ("esc\x1b[31m", r"'esc\x1b[31m'"),
        ("distant/x", "distant/"),
        ("uv.lock.bak", "uv.lock.bak"),
        ("sub/uv.lock", "sub/"),
    ],
)
def test_uncommitted_files_are_listed_on_one_line_each(repo: Repo, name: str, shown: str) -> None:
    """Control characters in a name are escaped."""
    repo.write({name: "new"})
    assert Git.open(repo.root).uncommitted() == (shown,)


def test_a_renamed_file_counts_under_both_names(repo: Repo) -> None:
    """Whatever renames the user's git detects."""
    repo.git("mv", "README.md", "READ.md")
    repo.git("config", "status.renames", "copies")
    repo.git("config", "status.showUntrackedFiles", "no")
    repo.write({"new.txt": ""})
    assert set(Git.open(repo.root).uncommitted()) == {"README.md", "READ.md", "new.txt"}


def test_the_relation_of_two_commits(repo: Repo) -> None:
    """Same, older, newer, or diverged."""
    base, first = repo.git("rev-parse", "HEAD"), repo.commit("first")
    repo.git("checkout", "--quiet", "-b", "side", base)
    side = repo.commit("side")
    git = Git.open(repo.root)
    pairs = ((first, first), (base, first), (first, base), (first, side), (first, "0" * 40))
    assert [git.relation(*pair) for pair in pairs] == [
        Relation.SAME,
        Relation.ANCESTOR,
        Relation.DESCENDANT,
        Relation.DIVERGED,
        Relation.UNKNOWN,
    ]


def test_a_shallow_clone_reports_an_unknown_relation(repo: Repo, tmp_path: Path) -> None:
    """Two commits without a common ancestor need not be diverged there."""
    base = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "-b", "side", base)
    side = repo.commit("side")
    repo.git("checkout", "--quiet", "main")
    main = repo.commit("main")
    repo.git("push", "--quiet", "origin", "main", "side")
    shallow = _clone(repo, tmp_path / "shallow", "--depth=1", "--no-single-branch")
    git = Git.open(shallow.root)
    assert git.is_shallow()
    assert git.relation(main, side) is Relation.UNKNOWN
    assert git.relation(main, base) is Relation.UNKNOWN
    assert git.commit("HEAD").sha == main


@pytest.mark.parametrize("kind", ["lightweight", "annotated"])
@pytest.mark.parametrize("where", ["here", "only on the remote"])
def test_a_tag_is_resolved_here_and_on_the_remote(repo: Repo, kind: str, where: str) -> None:
    """Annotated or lightweight; reading creates no ref."""
    tagged = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1") if kind == "lightweight" else repo.tag("v1")
    repo.tag("other-v1")
    if where != "here":
        repo.git("push", "--quiet", "origin", "v1")
        repo.git("tag", "--delete", "v1")
    head = repo.commit("later")
    before = repo.fingerprint()
    tag = Git.open(repo.root).tag("v1", head, "origin")
    assert tag is not None
    assert (tag.name, tag.commit, tag.relation) == ("v1", tagged, Relation.DESCENDANT)
    assert repo.fingerprint() == before


def test_a_missing_tag_is_none(repo: Repo, tmp_path: Path) -> None:
    """Also without a remote, and with one that does not answer."""
    git, head = Git.open(repo.root), repo.git("rev-parse", "HEAD")
    assert git.tag("v1", head, "origin") is None
    assert git.tag("v1", head, "no-such-remote") is None
    repo.git("remote", "set-url", "origin", str(tmp_path / "gone.git"))
    assert git.tag("v1", head, "origin") is None


def test_a_remote_tags_commit_is_fetched_without_a_ref(repo: Repo, tmp_path: Path) -> None:
    """So that its history can be compared."""
    other = _clone(repo, tmp_path / "other")
    sha = other.commit("elsewhere")
    other.tag("v1")
    other.git("push", "--quiet", "origin", "v1")
    before = repo.fingerprint()
    tag = Git.open(repo.root).tag("v1", repo.git("rev-parse", "HEAD"), "origin")
    assert tag is not None
    assert (tag.commit, tag.relation, tag.annotated) == (sha, Relation.ANCESTOR, True)
    assert repo.fingerprint() == before


@pytest.mark.parametrize("prune", ["false", "true"])
def test_the_remote_tip_is_fetched_without_moving_a_ref(repo: Repo, tmp_path: Path, prune: str) -> None:
    """Its commit can be compared afterwards."""
    other = _clone(repo, tmp_path / "other")
    other.tag("v9")
    tip = other.commit("elsewhere")
    other.git("push", "--quiet", "origin", "main", "v9")
    for key in ("fetch.prune", "fetch.pruneTags", "remote.origin.prune"):
        repo.git("config", key, prune)
    repo.tag("mine-alone")
    before, head = repo.fingerprint(), repo.git("rev-parse", "HEAD")
    git = Git.open(repo.root)
    assert git.remote_tip("origin", "main") == tip
    assert git.relation(head, tip) is Relation.ANCESTOR
    assert repo.fingerprint() == before
    assert not (repo.root / ".git" / "FETCH_HEAD").exists()


def test_a_branch_that_ends_in_mains_name_is_another_branch(repo: Repo) -> None:
    """`refs/heads/main`, pushed as a name by mistake."""
    main = repo.git("rev-parse", "HEAD")
    other = repo.commit("other")
    repo.git("push", "--quiet", "origin", "HEAD:refs/heads/zz", f"{main}:refs/heads/refs/heads/zz")
    assert Git.open(repo.root).remote_tip("origin", "zz") == other


@pytest.mark.parametrize(
    ("remote", "branch", "hint"),
    [
        ("origin", "trunk", "is there a branch trunk on origin"),
        ("gone", "main", "gone"),
        ("nowhere", "main", "nowhere"),
    ],
    ids=["no such branch", "unreachable", "no such remote"],
)
def test_an_unreadable_remote_branch_is_refused(
    repo: Repo, tmp_path: Path, remote: str, branch: str, hint: str
) -> None:
    """With git's own message; nothing moves."""
    repo.git("remote", "add", "gone", str(tmp_path / "gone.git"))
    before = repo.fingerprint()
    with pytest.raises(RefusedError, match=f"{remote}/{branch} cannot be read") as caught:
        Git.open(repo.root).remote_tip(remote, branch)
    assert hint in caught.value.hint
    assert repo.fingerprint() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.txt", b"one\ntwo\n"),
        ("crlf.txt", b"one\r\ntwo\r\n"),
        ("no-newline", b"\n\none"),
        ("dir/a b*c [x].toml", b"\x00\xff\xfe"),
        ("empty", b""),
    ],
)
def test_a_file_is_read_as_committed(repo: Repo, name: str, content: bytes) -> None:
    """Whatever the working tree and the configuration are."""
    repo.write({".gitattributes": "* -text\n", name: content})
    sha = repo.commit("file")
    repo.git("config", "core.autocrlf", "true")
    repo.write({name: b"something else"})
    git = Git.open(repo.root)
    assert git.read_file(sha, name) == content
    assert git.read_file(f"{sha}~1", name) is None


def test_a_directory_is_no_file_and_a_symlink_is_refused(repo: Repo) -> None:
    """Writing the version would follow a link out of the clone."""
    (repo.root / "link.toml").symlink_to("../../elsewhere.toml")
    sha = repo.commit("link")
    git = Git.open(repo.root)
    assert git.read_file(sha, "src") is None
    with pytest.raises(RefusedError, match=r"link.toml is a symbolic link"):
        git.read_file(sha, "link.toml")


def test_a_directory_without_a_repository_is_refused(tmp_path: Path, offline: None) -> None:
    """The hint contains the command that creates one."""
    with pytest.raises(RefusedError, match="is not in a git repository") as caught:
        Git.open(tmp_path)
    assert "git init" in caught.value.hint


def test_a_bare_repository_is_refused(repo: Repo) -> None:
    """The hint contains the command that clones it."""
    with pytest.raises(RefusedError, match="is in a bare repository") as caught:
        Git.open(repo.remote)
    assert "clone" in caught.value.hint


def test_a_sub_directory_without_a_project_is_refused_with_the_top_in_the_message(repo: Repo) -> None:
    """There is nothing to release in it, and the message says where the top is."""
    with pytest.raises(RefusedError, match="is not the top of its repository") as caught:
        Git.open(repo.root / "src")
    assert str(repo.root) in str(caught.value)


@pytest.mark.parametrize("named", ["", "packages/other"])
def test_a_project_in_a_sub_directory_has_to_name_it(repo: Repo, named: str) -> None:
    """Else a session that is started in a wrong place would release what lies there."""
    settings = f'[tool.release-channels]\ndirectory = "{named}"\n' if named else ""
    repo.commit("add one", {"packages/one/pyproject.toml": settings})
    with pytest.raises(RefusedError, match="is not the top of its repository") as caught:
        Git.open(repo.root / "packages" / "one")
    assert '`directory = "packages/one"`' in caught.value.hint
    assert "`release-channels init --path packages/one`" in caught.value.hint


def test_a_project_in_a_sub_directory_has_the_files_below_it_and_those_that_github_reads(repo: Repo) -> None:
    """Its paths begin in its directory, except `.github/`; what else the repository holds is not its own."""
    settings = '[tool.release-channels]\ndirectory = "packages/one"\n'
    files = {
        "packages/one/pyproject.toml": settings,
        "packages/two/setup.py": "",
        ".github/workflows/test.yml": "on:\n",
    }
    repo.commit("what a move into this repository left", {"packages/one/.github/workflows/old.yml": "on:\n"})
    sha = repo.commit("add two", files)
    git = Git.open(repo.root / "packages" / "one")
    assert git.files_at(sha) == (".github/workflows/test.yml", "pyproject.toml")
    assert git.tracked_files() == ("pyproject.toml",)
    assert git.read_file(sha, "pyproject.toml") == settings.encode()
    assert git.read_file(sha, ".github/workflows/test.yml") == b"on:\n"
    assert git.read_file(sha, "README.md") is None
    assert [git.tracks(path) for path in ("pyproject.toml", ".github/workflows/test.yml", "setup.py")] == [
        True, True, False,
    ]  # fmt: skip
    assert git.first_parents(sha, 1)[0].paths == {"pyproject.toml"}
    repo.write({name: f"{text}#\n" for name, text in files.items()})
    assert git.uncommitted() == (".github/workflows/test.yml", "pyproject.toml")
    with pytest.raises(CommandError, match="is outside the repository"):
        git.read_file(sha, "../../../elsewhere")


def test_a_file_called_head_makes_no_repository_of_a_sub_directory(repo: Repo) -> None:
    """A git directory has objects, too."""
    settings = '[tool.release-channels]\ndirectory = "one"\n'
    sha = repo.commit("add one", {"one/pyproject.toml": settings, "one/HEAD": "of a coin\n"})
    assert Git.open(repo.root / "one").read_file(sha, "pyproject.toml") == settings.encode()


def test_a_repository_without_a_commit_is_refused(tmp_path: Path, offline: None) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    with pytest.raises(RefusedError, match="no commit yet") as caught:
        Git.open(tmp_path).commit("HEAD")
    assert "make one" in caught.value.hint


def test_a_detached_head_and_a_linked_worktree_work(repo: Repo, tmp_path: Path) -> None:
    """Neither a branch nor a `.git` directory is required."""
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "--quiet", "--detach", str(linked))
    (linked / "new.txt").write_text("new")
    git = Git.open(linked)
    assert git.commit("HEAD").sha == repo.git("rev-parse", "HEAD")
    assert git.uncommitted() == ("new.txt",)
    assert git.remote_url("origin") == str(repo.remote)


def test_git_variables_of_a_hook_are_ignored(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIT_DIR may be that of another repository."""
    here, there = make_repo(), make_repo()
    sha = here.commit("here alone")
    monkeypatch.setenv("GIT_DIR", str(there.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(there.root))
    monkeypatch.setenv("GIT_INDEX_FILE", str(there.root / ".git" / "index"))
    git = Git.open(here.root)
    assert git.commit("HEAD").sha == sha
    assert git.uncommitted() == ()


def test_a_repository_without_a_remote_works(repo: Repo) -> None:
    """It has no URL, and only a request to the remote fails."""
    repo.git("remote", "remove", "origin")
    assert Git.open(repo.root).remote_url("origin") is None


def test_replace_refs_are_ignored(repo: Repo) -> None:
    """They exist on this machine only."""
    real = repo.commit("real", {"README.md": "real"})
    repo.git("replace", real, repo.commit("false", {"README.md": "false"}))
    assert Git.open(repo.root).read_file(real, "README.md") == b"real"


def test_the_plain_files_of_a_commit_are_listed(repo: Repo) -> None:
    """In every directory, without links, whatever the working tree contains."""
    (repo.root / "docs").mkdir()
    (repo.root / "docs" / "index.md").symlink_to("../README.md")
    sha = repo.commit("docs", {"docs/guide/in stall.md": "x"})
    repo.write({"docs/later.md": "y"})
    listed = Git.open(repo.root).files_at(sha)
    assert {"README.md", "docs/guide/in stall.md", "src/demo_tool/__init__.py"} <= set(listed)
    assert not {"docs/index.md", "docs/later.md"} & set(listed)
