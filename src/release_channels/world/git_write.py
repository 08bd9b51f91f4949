"""What the tool writes with git: one commit, one branch, one tag; nothing is ever forced."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from release_channels.errors import RefusedError
from release_channels.process import Done, finish, run
from release_channels.world.git import git_environment

_PUSH_SECONDS = 300


def commit_files(root: Path, paths: Iterable[str], message: str, *, new: Iterable[str] = ()) -> str:
    """Commit these files as they are in the working tree, and nothing else; give the commit's name.

    Those among them that git does not track yet are `new`.

    Raises: CommandError with git's own words, also where a hook refuses.
    """
    if added := tuple(new):
        _git(root, "--literal-pathspecs", "add", "--intent-to-add", "--", *added)
    # Paths are names here, never patterns. Signing and hooks may ask for something on the terminal.
    words = ("--literal-pathspecs", "commit", "--quiet", "--message", message, "--only", "--", *paths)
    finish("git", *words, cwd=root, env=git_environment(), terminal=True).or_raise()
    return _git(root, "rev-parse", "HEAD")


def switch_to_new_branch(root: Path, branch: str) -> None:
    """Go to a new branch at HEAD, with the working tree as it is.

    Raises: CommandError if there is such a branch.
    """
    _git(root, "switch", "--quiet", "--no-track", "--create", branch)


def leave_new_branch(root: Path, branch: str) -> None:
    """Go back to where one was before, and take a new branch away on which nothing was done."""
    _git(root, "checkout", "--quiet", "-")  # `switch` knows no way back to a commit without a branch
    _git(root, "branch", "--quiet", "--delete", "--", branch)


def push_branch(root: Path, remote: str, branch: str) -> None:
    """Push HEAD to a branch of the remote that does not exist yet.

    Raises: RefusedError if the remote refuses.
    """
    # An empty lease: the branch must not be there.
    done = _push(root, f"--force-with-lease=refs/heads/{branch}:", remote, f"HEAD:refs/heads/{branch}")
    if done.code:
        raise RefusedError(f"{remote} refused the branch {branch}", hint=done.messages)


def create_tag(root: Path, name: str, commit: str, message: str, *, sign: bool) -> None:
    """Make an annotated tag here.

    Raises: RefusedError with git's own words if there is no key to sign with; CommandError for anything else.
    """
    # Without --no-sign a user's tag.gpgSign would sign all the same, or fail for want of a key.
    kind = ("--sign",) if sign else ("--annotate", "--no-sign")
    words = ("tag", *kind, "--message", message, "--", name, commit)
    done = finish("git", *words, cwd=root, env=git_environment(), terminal=True)
    if done.code and sign:
        raise RefusedError(
            f"git could not sign {name}, so it was not made",
            hint=f"{done.messages}\nset user.signingKey and try `git tag --sign` by hand, or leave --sign out",
        )
    done.or_raise()


def push_tag(root: Path, remote: str, name: str) -> None:
    """Push one tag alone, by its full name; the user's settings of what else a push takes along do not count.

    Raises: RefusedError if the remote refuses.
    """
    ref = f"refs/tags/{name}"
    done = _push(root, remote, f"{ref}:{ref}")
    if done.code:
        raise RefusedError(f"{remote} refused the tag {name}", hint=done.messages)


def delete_tag(root: Path, name: str) -> None:
    """Take a tag away here; one on the remote is never touched."""
    _git(root, "tag", "--delete", name)


def _push(root: Path, *words: str) -> Done:
    alone = ("--quiet", "--no-follow-tags", "--recurse-submodules=no")
    return finish(
        "git", "push", *alone, *words, cwd=root, env=git_environment(), timeout=_PUSH_SECONDS, terminal=True
    )  # fmt: skip


def _git(root: Path, *words: str) -> str:
    return run("git", *words, cwd=root, env=git_environment())
