"""A clean clone of one commit: the bytes that git stores, whatever the user's git is configured to do with them."""

from __future__ import annotations

import os
from pathlib import Path

from release_channels.errors import RefusedError
from release_channels.process import finish, run
from release_channels.world.git import clean_git_environment, git_environment

UMASK = 0o022

# Attributes and excludes have default places in the home directory, so an empty configuration is not enough.
_NEUTRAL = tuple(
    word
    for setting in (
        "core.autocrlf=false",
        "core.eol=lf",
        "core.fsmonitor=false",
        f"core.hooksPath={os.devnull}",
        f"core.attributesFile={os.devnull}",
        f"core.excludesFile={os.devnull}",
        "advice.detachedHead=false",
    )
    for word in ("-c", setting)
)


def clone_commit(source: Path, sha: str, target: Path) -> None:
    """Clone one commit of a repository into a new directory, detached, without refs or network, submodules included.

    The commit need not be named by any ref: the clone borrows the objects of its source. `source` is a working
    tree or a git directory.

    Raises: RefusedError for a submodule that is not here, and for files that only a filter could make whole.
    """
    git_dir = Path(_ask(source, "rev-parse", "--absolute-git-dir"))
    object_format = _ask(source, "rev-parse", "--show-object-format")
    target.mkdir(parents=True, exist_ok=True)
    _git(target, "init", "--quiet", "--template=", f"--object-format={object_format}", ".")
    _borrow_objects(source, target)
    _git(target, "checkout", "--quiet", "--detach", sha)
    _refuse_filters(target)
    for path, commit in _submodules(target):
        clone_commit(_submodule_source(source, git_dir, target, path, commit), commit, target / path)


def _borrow_objects(source: Path, target: Path) -> None:
    """Let the clone read its source's objects, and know where the history of a shallow source is cut off."""
    objects = (source / _ask(source, "rev-parse", "--git-path", "objects")).resolve()
    shallow = source / _ask(source, "rev-parse", "--git-path", "shallow")
    info = target / ".git" / "objects" / "info"
    info.mkdir(parents=True, exist_ok=True)
    (info / "alternates").write_text(f"{objects}\n", encoding="utf-8", newline="\n")
    if shallow.is_file():
        (target / ".git" / "shallow").write_bytes(shallow.read_bytes())


def _refuse_filters(target: Path) -> None:
    """Refuse files that a filter such as Git LFS fills in: without it the build would pack their pointers."""
    filtered = _git(
        target, "ls-files", "-z", "--", ".", ":(exclude,attr:!filter)", ":(exclude,attr:-filter)"
    ).split("\0")[:-1]  # fmt: skip
    if filtered:
        more = f" and {len(filtered) - 1} more" if len(filtered) > 1 else ""
        raise RefusedError(
            f"{filtered[0]}{more} pass through a git filter (Git LFS is one), which a clean clone does not run",
            hint="keep what is built into the distribution out of the filter in .gitattributes",
        )


def _submodules(target: Path) -> list[tuple[str, str]]:
    """List the submodules of a clone: path and commit."""
    entries = _git(target, "ls-files", "-z", "--stage").split("\0")[:-1]
    parts = (entry.split("\t", 1) for entry in entries if entry.startswith("160000 "))
    return [(path, meta.split()[1]) for meta, path in parts]


def _submodule_source(source: Path, git_dir: Path, target: Path, path: str, commit: str) -> Path:
    """Find a repository here that holds a submodule's commit: its working tree, or git's own store of modules."""
    named = _git(target, "config", "-f", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$").splitlines()
    names = [key.removeprefix("submodule.").removesuffix(".path") for key, _, at in map(_split, named) if at == path]
    for candidate in (source / path, *(git_dir / "modules" / name for name in names)):
        if candidate.is_dir() and _holds(candidate, commit):
            return candidate
    raise RefusedError(
        f"the submodule {path} is not here at commit {commit[:12]}",
        hint="run `git submodule update --init --recursive`",
    )


def _split(line: str) -> tuple[str, str, str]:
    return line.partition(" ")


def _holds(repository: Path, commit: str) -> bool:
    """Tell whether a directory is a repository of its own that has a commit; an empty submodule folder is neither."""
    env = git_environment() | {"GIT_CEILING_DIRECTORIES": str(repository.resolve().parent)}
    return finish("git", "cat-file", "-e", f"{commit}^{{commit}}", cwd=repository, env=env).code == 0


def _ask(source: Path, *words: str) -> str:
    return run("git", *words, cwd=source, env=git_environment())


def _git(target: Path, *words: str) -> str:
    return run("git", *_NEUTRAL, *words, cwd=target, env=clean_git_environment(os.environ), umask=UMASK)
