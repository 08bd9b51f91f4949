"""What the tool writes with git: one commit, one branch, one tag; nothing is ever forced."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from release_channels.errors import CommandError, RefusedError
from release_channels.process import finish, run
from release_channels.world.git import git_environment

_PUSH_SECONDS = 300


def commit_files(root: Path, paths: Iterable[str], message: str) -> str:
    """Commit these files as they are in the working tree, and nothing else; give the commit's name.

    Raises: CommandError with git's own words, also where a hook refuses.
    """
    _git(root, "commit", "--quiet", "--message", message, "--only", "--", *paths)
    return _git(root, "rev-parse", "HEAD")


def switch_to_new_branch(root: Path, branch: str) -> None:
    """Go to a new branch at HEAD, with the working tree as it is.

    Raises: CommandError if there is such a branch.
    """
    _git(root, "switch", "--quiet", "--create", branch)


def push_branch(root: Path, remote: str, branch: str) -> None:
    """Push HEAD to a branch of the remote that does not exist yet.

    Raises: RefusedError if the remote refuses.
    """
    # An empty lease: the branch must not be there.
    words = (f"--force-with-lease=refs/heads/{branch}:", remote, f"HEAD:refs/heads/{branch}")
    done = finish("git", "push", "--quiet", *words, cwd=root, env=git_environment(), timeout=_PUSH_SECONDS)
    if done.code:
        raise RefusedError(f"{remote} refused the branch {branch}", hint=done.messages)


def create_tag(root: Path, name: str, commit: str, message: str, *, sign: bool) -> None:
    """Make an annotated tag here.

    Raises: CommandError with git's own words, for instance if there is no key to sign with.
    """
    # Without --no-sign a user's tag.gpgSign would sign all the same, or fail for want of a key.
    kind = ("--sign",) if sign else ("--annotate", "--no-sign")
    _git(root, "tag", *kind, "--message", message, "--", name, commit)


def push_tag(root: Path, remote: str, name: str) -> None:
    """Push one tag alone; if the remote refuses it, the tag is taken away here, too.

    Raises: RefusedError if the remote refuses.
    """
    ref = f"refs/tags/{name}"
    try:
        done = finish(
            "git", "push", "--quiet", "--no-follow-tags", remote, f"{ref}:{ref}",
            cwd=root, env=git_environment(), timeout=_PUSH_SECONDS,
        )  # fmt: skip
    except (CommandError, KeyboardInterrupt):
        delete_tag(root, name)
        raise
    if done.code:
        delete_tag(root, name)
        raise RefusedError(f"{remote} refused the tag {name}; it is not left here either", hint=done.messages)


def delete_tag(root: Path, name: str) -> None:
    """Take a tag away here; one on the remote is never touched."""
    _git(root, "tag", "--delete", name)


def _git(root: Path, *words: str) -> str:
    return run("git", *words, cwd=root, env=git_environment())
