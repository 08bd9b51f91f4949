"""A clean clone contains the bytes that git stores, whatever the machine's git configuration is."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from release_channels.adapters.clone import clone_commit, filtered_files
from release_channels.errors import RefusedError
from tests.conftest import MakeRepo
from tests.support.repo import Repo


@contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _tree(root: Path) -> dict[str, tuple[bytes, str]]:
    """Return every path of a tree with content and mode, without git's own directories."""
    found: dict[str, tuple[bytes, str]] = {}
    for path in sorted(root.rglob("*")):
        if ".git" not in path.relative_to(root).parts:
            kind = path.lstat()
            content = b"" if stat.S_ISDIR(kind.st_mode) else path.read_bytes()
            found[path.relative_to(root).as_posix()] = (content, f"{kind.st_mode:o}")
    return found


def _files(clone: Path) -> dict[str, bytes]:
    return {name: content for name, (content, mode) in _tree(clone).items() if mode.startswith("10")}


def _dangling(repo: Repo, content: bytes) -> str:
    """Create a commit without a ref or reflog entry."""
    words = ["git", "hash-object", "-w", "--stdin"]
    blob = subprocess.run(words, cwd=repo.root, input=content, check=True, capture_output=True).stdout.decode().strip()
    entry = f"100644 blob {blob}\tonly.txt\n".encode()
    tree = subprocess.run(["git", "mktree"], cwd=repo.root, input=entry, check=True, capture_output=True)
    return repo.git("commit-tree", "-m", "dangling", tree.stdout.decode().strip())


def test_a_commit_without_a_ref_is_cloned(repo: Repo, tmp_path: Path) -> None:
    """Cloning moves no ref."""
    sha = _dangling(repo, b"only\r\n")
    before = repo.fingerprint()
    clone_commit(repo.root, sha, tmp_path / "clone")
    assert _files(tmp_path / "clone") == {"only.txt": b"only\r\n"}
    assert repo.fingerprint() == before


def test_an_older_commit_is_cloned_alone(repo: Repo, tmp_path: Path) -> None:
    """Without later or uncommitted files."""
    older = repo.commit("older", {"a.txt": "a"})
    repo.commit("newer", {"b.txt": "b"})
    repo.write({"a.txt": "uncommitted", "c.txt": "untracked"})
    clone_commit(repo.root, older, tmp_path / "clone")
    files = _files(tmp_path / "clone")
    assert files["a.txt"] == b"a"
    assert {"b.txt", "c.txt"}.isdisjoint(files)


@pytest.mark.parametrize("kind", ["shallow", "linked worktree", "shared"])
def test_repositories_of_every_kind_are_cloned(repo: Repo, tmp_path: Path, kind: str) -> None:
    """Where git keeps objects and history makes no difference."""
    repo.commit("more", {"more.txt": "more"})
    repo.git("push", "--quiet")
    source = tmp_path / "source"
    if kind == "linked worktree":
        repo.git("worktree", "add", "--quiet", "--detach", str(source))
    else:
        words = ["--depth=1", f"file://{repo.remote}"] if kind == "shallow" else ["--shared", str(repo.root)]
        subprocess.run(["git", "clone", "--quiet", *words, str(source)], check=True)
    sha = repo.git("rev-parse", "HEAD")
    clone_commit(source, sha, tmp_path / "clone")
    assert _files(tmp_path / "clone")["more.txt"] == b"more"
    log = subprocess.run(["git", "log", "--format=%H"], cwd=tmp_path / "clone", check=True, capture_output=True)
    assert log.stdout.decode().split()[0] == sha


def test_a_sha256_repository_is_cloned(tmp_path: Path, offline: None) -> None:
    root = tmp_path / "sha256"
    subprocess.run(["git", "init", "--quiet", "--object-format=sha256", str(root)], check=True)
    repo = Repo(root, root)
    sha = repo.commit("one", {"a.txt": "a"})
    assert len(sha) == 64
    clone_commit(root, sha, tmp_path / "clone")
    assert _files(tmp_path / "clone") == {"a.txt": b"a"}


def test_machine_settings_change_no_byte(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line endings, hooks, templates, attributes, excludes and GIT_ variables."""
    repo.git("config", "core.autocrlf", "false")
    repo.write(
        {"lf.txt": "a\nb\n", "crlf.txt": b"a\r\nb\r\n", "id.txt": "$Id$\n", "run.sh": "#!/bin/sh\n", "x.log": "x\n"}
    )
    (repo.root / "run.sh").chmod(0o755)
    sha = repo.commit("files")
    clone_commit(repo.root, sha, tmp_path / "plain")
    _disturb(repo, tmp_path / "machine", monkeypatch)
    clone_commit(repo.root, sha, tmp_path / "disturbed")
    assert _tree(tmp_path / "disturbed") == _tree(tmp_path / "plain")
    assert _files(tmp_path / "plain")["lf.txt"] == b"a\nb\n"
    assert not (tmp_path / "machine" / "mark").exists()
    inside = {path.name for path in (tmp_path / "disturbed" / ".git").rglob("*")}
    assert "from-template" not in inside
    # A control: these settings do change what the user's own git checks out.
    subprocess.run(["git", "clone", "--quiet", str(repo.root), str(tmp_path / "control")], check=True)
    assert _files(tmp_path / "control") != _files(tmp_path / "plain")
    assert (tmp_path / "machine" / "mark").exists()


def _disturb(repo: Repo, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set every setting that makes git write other bytes."""
    for name in ("hooks", "template/info", "xdg/git"):
        (machine / name).mkdir(parents=True)
    hook = machine / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch '{machine}/mark'\necho changed >> lf.txt\n")
    hook.chmod(0o755)
    (machine / "template" / "from-template").write_text("x")
    (machine / "template" / "info" / "attributes").write_text("*.txt eol=crlf\n")
    (machine / "attributes").write_text("* text eol=crlf ident\n")
    (machine / "xdg" / "git" / "attributes").write_text("* text eol=crlf ident\n")
    (machine / "xdg" / "git" / "ignore").write_text("*.log\n")
    (machine / "gitconfig").write_text(
        "[core]\n\tautocrlf = true\n\teol = crlf\n"
        f"\thooksPath = {machine}/hooks\n\tattributesFile = {machine}/attributes\n"
        f"\texcludesFile = {machine}/xdg/git/ignore\n"
        f"[init]\n\ttemplateDir = {machine}/template\n[user]\n\tname = a\n\temail = a@example.com\n"
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(machine / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", str(machine / "gitconfig"))
    monkeypatch.delenv("GIT_CONFIG_NOSYSTEM")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(machine / "xdg"))
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(machine / "template"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.autocrlf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")


def test_the_users_default_attributes_file_is_ignored(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git reads it without a setting."""
    sha = repo.commit("files", {"a.txt": "a\n"})
    (tmp_path / "xdg" / "git").mkdir(parents=True)
    (tmp_path / "xdg" / "git" / "attributes").write_text("* text eol=crlf\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    clone_commit(repo.root, sha, tmp_path / "clone")
    assert _files(tmp_path / "clone")["a.txt"] == b"a\n"


def test_attributes_of_the_project_apply(repo: Repo, tmp_path: Path) -> None:
    sha = repo.commit("files", {".gitattributes": "*.bat text eol=crlf\n", "a.bat": "a\r\n", "a.txt": "a\n"})
    clone_commit(repo.root, sha, tmp_path / "clone")
    files = _files(tmp_path / "clone")
    assert (files["a.bat"], files["a.txt"]) == (b"a\r\n", b"a\n")


def test_a_strict_umask_gives_the_same_modes(repo: Repo, tmp_path: Path) -> None:
    """Distributions contain the modes."""
    sha = repo.commit("files", {"deep/er/a.txt": "a\n"})
    (tmp_path / "places").mkdir()
    for mask in (0o022, 0o077, 0o002):
        with _umask(mask):
            clone_commit(repo.root, sha, tmp_path / "places" / f"{mask:o}")
    trees = [_tree(path) for path in (tmp_path / "places").iterdir()]
    assert trees[0] == trees[1] == trees[2]
    assert trees[0]["deep/er"][1] == "40755"
    assert trees[0]["deep/er/a.txt"][1] == "100644"


FILTERS = {
    "*.bin filter=lfs diff=lfs merge=lfs -text\n": ("a.bin", "sub/b.bin"),
    "a.bin filter=secret\n": ("a.bin",),
    "*.bin filter\n": ("a.bin", "sub/b.bin"),
    "*.bin -filter\n": (),
    "*.bin filter=lfs\n*.bin !filter\n": (),
    "*.other filter=lfs\n": (),
    "*.bin filter=nbstripout\n": (),
}


@pytest.mark.parametrize(("attributes", "filtered"), FILTERS.items(), ids=range(len(FILTERS)))
def test_files_that_need_a_filter_are_listed(
    repo: Repo, tmp_path: Path, attributes: str, filtered: tuple[str, ...]
) -> None:
    """The clone contains what git stores."""
    sha = repo.commit("files", {".gitattributes": attributes, "a.bin": "pointer", "sub/b.bin": "pointer"})
    clone_commit(repo.root, sha, tmp_path / "clone")
    assert _files(tmp_path / "clone")["a.bin"] == b"pointer"
    assert filtered_files(tmp_path / "clone") == filtered


def _with_submodule(make_repo: MakeRepo) -> tuple[Repo, str]:
    """Create a project with a nested submodule."""
    outer, inner, innermost = make_repo(), make_repo(), make_repo()
    innermost.commit("innermost", {"deepest.txt": "deepest"})
    inner.commit("inner", {"deep.txt": "deep"})
    allow = ("-c", "protocol.file.allow=always")
    inner.git(*allow, "submodule", "--quiet", "add", str(innermost.root), "nested dir")
    inner.commit("with a submodule")
    outer.git(*allow, "submodule", "--quiet", "add", "--name", "other name", str(inner.root), "libs/sub")
    outer.git(*allow, "submodule", "--quiet", "update", "--init", "--recursive")
    return outer, outer.commit("with submodules")


def _check_submodules(clone: Path) -> None:
    files = _files(clone)
    assert (files["libs/sub/deep.txt"], files["libs/sub/nested dir/deepest.txt"]) == (b"deep", b"deepest")


def test_nested_submodules_are_cloned(make_repo: MakeRepo, tmp_path: Path) -> None:
    """At the commit's state, not the checkout's."""
    outer, sha = _with_submodule(make_repo)
    (outer.root / "libs" / "sub" / "deep.txt").write_text("uncommitted")
    clone_commit(outer.root, sha, tmp_path / "clone")
    _check_submodules(tmp_path / "clone")


@pytest.mark.parametrize("form", ["../../../elsewhere", "/elsewhere"], ids=["climbs", "absolute"])
def test_a_submodules_name_cannot_lead_to_another_repository(make_repo: MakeRepo, tmp_path: Path, form: str) -> None:
    """A commit contains the name: a release must not get other files of this machine by it.

    Source: git's own manual, gitmodules; git ignores such names.
    """
    private = Repo.create(tmp_path, {"private.txt": "private\n"})
    private.root.rename(tmp_path / "elsewhere")
    sha = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=tmp_path / "elsewhere", check=True, capture_output=True, text=True
    ).stdout.strip()
    outer = make_repo()
    name = (
        os.path.relpath(tmp_path / "elsewhere", outer.root / ".git" / "modules") if "." in form else tmp_path / form[1:]
    )
    outer.write({".gitmodules": f'[submodule "{name}"]\n\tpath = sub\n\turl = ./x\n'})
    outer.git("add", ".gitmodules")
    outer.git("update-index", "--add", "--cacheinfo", f"160000,{sha},sub")
    outer.git("commit", "--quiet", "--message", "a submodule")
    (outer.root / ".git" / "modules").mkdir()
    with pytest.raises(RefusedError, match="the submodule sub is not here"):
        clone_commit(outer.root, outer.git("rev-parse", "HEAD"), tmp_path / "clone")
    assert not list((tmp_path / "clone").rglob("private.txt"))


def test_a_deinitialized_submodule_is_cloned(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Git still stores its commit."""
    outer, sha = _with_submodule(make_repo)
    outer.git("submodule", "--quiet", "deinit", "--all", "--force")
    assert not (outer.root / "libs" / "sub" / "deep.txt").exists()
    clone_commit(outer.root, sha, tmp_path / "clone")
    _check_submodules(tmp_path / "clone")


def test_a_linked_worktree_uses_the_main_ones_submodules(make_repo: MakeRepo, tmp_path: Path) -> None:
    outer, sha = _with_submodule(make_repo)
    outer.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    clone_commit(tmp_path / "linked", sha, tmp_path / "clone")
    _check_submodules(tmp_path / "clone")


@pytest.mark.parametrize("kind", ["never fetched", "not in .gitmodules"])
def test_a_missing_submodule_is_refused(make_repo: MakeRepo, tmp_path: Path, kind: str) -> None:
    """No network is used; the hint contains the command."""
    repo = make_repo()
    if kind == "never fetched":
        text = '[submodule "sub"]\n\tpath = libs/sub\n\turl = ../sub.git\n'
        repo.write({".gitmodules": text})
        repo.git("add", ".gitmodules")
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},libs/sub")
    repo.git("commit", "--quiet", "--message", "submodule")
    (repo.root / "libs" / "sub").mkdir(parents=True)
    before = repo.fingerprint()
    with pytest.raises(RefusedError, match="the submodule libs/sub is not here at commit 111111111111") as caught:
        clone_commit(repo.root, repo.git("rev-parse", "HEAD"), tmp_path / "clone")
    assert "git submodule update --init --recursive" in caught.value.hint
    assert repo.fingerprint() == before


def test_a_partial_clone_is_refused(repo: Repo, tmp_path: Path) -> None:
    """git omits what it cannot read and exits with 0."""
    repo.git("-C", str(repo.remote), "config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    words = ("clone", "--quiet", "--filter=blob:none", "--no-checkout", repo.remote.as_uri(), str(partial))
    repo.git(*words)
    subprocess.run(["git", "remote", "remove", "origin"], cwd=partial, check=True)
    with pytest.raises(RefusedError, match="of this commit cannot be read from this repository") as stop:
        clone_commit(partial, repo.git("rev-parse", "HEAD"), tmp_path / "clone")
    assert "--refetch" in stop.value.hint
