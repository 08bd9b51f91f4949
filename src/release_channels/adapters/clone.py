"""A clean clone of one commit: the bytes that git stores, regardless of the user's git configuration."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from release_channels.adapters.git import clean_git_environment, git_environment
from release_channels.adapters.process import run, run_unchecked
from release_channels.errors import RefusedError

UMASK = 0o022
# Filters by the names that their projects document; they only strip the output of notebooks.
_CLEAN_ONLY = tuple(
    f"filter={name}"
    for name in ("nbstripout", "nb-clean", "nbconvert", "nbstrip_full", "strip-notebook-output", "jupyternotebook")
)


def clone_commit(source: Path, sha: str, target: Path) -> None:
    """Clone one commit of a repository into a new directory, detached, without refs or network, submodules included.

    The commit need not be named by any ref: the clone borrows the objects of its source. `source` is a working
    tree or a git directory.

    Raises: RefusedError for a submodule that is not here, and for files that cannot be read.
    """
    object_format = _ask(source, "rev-parse", "--show-object-format")
    target.mkdir(parents=True, exist_ok=True)
    _git(target, "init", "--quiet", "--template=", f"--object-format={object_format}", ".")
    _borrow_objects(source, target)
    _git(target, "checkout", "--quiet", "--detach", sha)
    _refuse_holes(target)
    submodules = _submodules(target)
    git_dirs = _git_directories(source) if submodules else []
    for path, commit in submodules:
        clone_commit(_submodule_source(source, git_dirs, target, path, commit), commit, target / path)


def commit_edits(clone: Path, time: int) -> None:
    """Commit the edits of a clone with a fixed time, in seconds since the epoch, so that the commit is reproducible."""
    who = {"NAME": "release-channels", "EMAIL": "release-channels@localhost", "DATE": f"{time} +0000"}
    env = clean_git_environment(os.environ)
    env |= {f"GIT_{role}_{what}": text for role in ("AUTHOR", "COMMITTER") for what, text in who.items()}
    words = ("commit", "--quiet", "--all", "--allow-empty", "--no-verify", "--no-gpg-sign", "--message", "the version")
    run("git", *words, cwd=clone, env=env, umask=UMASK)


def tag_head(clone: Path, name: str) -> None:
    """Write the only tag of a clone, on the commit that is checked out."""
    _git(clone, "update-ref", f"refs/tags/{name}", "HEAD")


def filtered_files(clone: Path) -> tuple[str, ...]:
    """List the files of a clone that a filter such as Git LFS has not replaced yet; they contain what git stores.

    A filter that only cleans notebooks leaves nothing to fill in.
    """
    excluded = (f":(exclude,attr:{attribute})" for attribute in ("!filter", "-filter", *_CLEAN_ONLY))
    found = _git(clone, "ls-files", "-z", "--", ".", *excluded).split("\0")[:-1]
    inner = [f"{path}/{name}" for path, _ in _submodules(clone) for name in filtered_files(clone / path)]
    return (*found, *inner)


def _borrow_objects(source: Path, target: Path) -> None:
    """Make the clone read its source's objects, and know where the history of a shallow source is cut off."""
    objects = (source / _ask(source, "rev-parse", "--git-path", "objects")).resolve()
    shallow = source / _ask(source, "rev-parse", "--git-path", "shallow")
    info = target / ".git" / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_bytes(os.fsencode(objects) + b"\n")
    if shallow.is_file():
        (target / ".git" / "shallow").write_bytes(shallow.read_bytes())


def _refuse_holes(target: Path) -> None:
    """Refuse a clone in which files are missing: git continues without an object that it cannot read, and exits with 0.

    A partial clone (`--filter`, with a sparse checkout above all) does not have them; a damaged repository neither.
    """
    missing = _git(target, "ls-files", "-z", "--deleted").split("\0")[:-1]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise RefusedError(
            f"{missing[0]}{more} of this commit cannot be read from this repository",
            hint="a partial clone lacks it: `git fetch --refetch --no-filter` gets everything; else see `git fsck`",
        )


def _submodules(target: Path) -> list[tuple[str, str]]:
    """List the submodules of a clone: path and commit."""
    entries = _git(target, "ls-files", "-z", "--stage").split("\0")[:-1]
    parts = (entry.split("\t", 1) for entry in entries if entry.startswith("160000 "))
    return [(path, meta.split()[1]) for meta, path in parts]


def _submodule_source(source: Path, git_dirs: Sequence[Path], target: Path, path: str, commit: str) -> Path:
    """Find a repository here that contains a submodule's commit: its working tree, or git's own store of modules."""
    names = _submodule_names(target, path)
    for candidate in (source / path, *(git_dir / "modules" / name for git_dir in git_dirs for name in names)):
        if candidate.is_dir() and _holds(candidate, commit):
            return candidate
    raise RefusedError(
        f"the submodule {path} is not here at commit {commit[:12]}",
        hint="run `git submodule update --init --recursive`",
    )


def _submodule_names(target: Path, path: str) -> list[str]:
    """List the names that .gitmodules gives to a path; a repository that was added by hand has none.

    A name that leads out of git's store of modules is ignored, as git does: the commit would name any repository here.
    """
    words = ("config", "-z", "-f", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    env = clean_git_environment(os.environ)
    entries = run_unchecked("git", *words, cwd=target, env=env).text.split("\0")[:-1]
    pairs = (entry.split("\n", 1) for entry in entries)
    names = [key.removeprefix("submodule.").removesuffix(".path") for key, at in pairs if at == path]
    return [name for name in names if not name.startswith("/") and ".." not in name.replace("\\", "/").split("/")]


def _git_directories(source: Path) -> list[Path]:
    """List where git keeps things; a linked worktree has a directory of its own, and its modules in the common one."""
    own, common = (_ask(source, "rev-parse", word) for word in ("--absolute-git-dir", "--git-common-dir"))
    return [Path(own), (source / common).resolve()]


def _holds(repository: Path, commit: str) -> bool:
    """Return whether a directory is a repository of its own that has a commit; an empty submodule folder is neither."""
    env = _environment(repository) | {"GIT_CEILING_DIRECTORIES": str(repository.resolve().parent)}
    return run_unchecked("git", "cat-file", "-e", f"{commit}^{{commit}}", cwd=repository, env=env).code == 0


def _ask(source: Path, *words: str) -> str:
    return run("git", *words, cwd=source, env=_environment(source))


def _environment(source: Path) -> dict[str, str]:
    """The environment for git in a source; a submodule's store may name a working tree that is gone by now."""
    env = git_environment()
    if (source / "HEAD").is_file() and (source / "objects").is_dir():
        env |= {"GIT_DIR": str(source.resolve()), "GIT_WORK_TREE": str(source.resolve())}
    return env


def _git(target: Path, *words: str) -> str:
    return run("git", *words, cwd=target, env=clean_git_environment(os.environ), umask=UMASK)
