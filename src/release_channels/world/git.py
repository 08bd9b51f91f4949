"""Real git: what the repository holds, and a clean clone of one of its commits."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from release_channels.errors import CommandError, RefusedError, UsageError
from release_channels.observed import Commit, Relation, Tag
from release_channels.process import Done, finish, run

# Variables that point git at another repository, as they stand inside a hook or a rebase.
_OTHER_REPOSITORY = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *("GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE"),
    )
)
# Replace refs and grafts show another history than the one that is pushed.
_PLAIN = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1"}
_NEVER_DIRTY = ("dist/", "release.json", ".release-channels/", ".venv/", ".nox/", "uv.lock")
_REMOTE_SECONDS = 60


def git_environment() -> dict[str, str]:
    """The environment for git: the user's, without what points at another repository or changes its words."""
    return {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY} | _PLAIN


@dataclass(frozen=True, slots=True)
class Git:
    """One repository, by the top of its working tree."""

    root: Path

    @classmethod
    def open(cls, directory: Path) -> Git:
        """Open the repository whose working tree begins at a directory.

        Raises: RefusedError where there is none, or where the directory is not its top.
        """
        asked = finish("git", "rev-parse", "--show-toplevel", cwd=directory, env=git_environment())
        if asked.code:
            raise _not_a_repository(directory, asked)
        top = Path(asked.text)
        if top.resolve() != directory.resolve():
            raise RefusedError(
                f"{directory} is not the top of its repository, {top} is",
                hint="one project per repository: keep noxfile.py beside pyproject.toml at the top, and start there",
            )
        return cls(directory)

    def commit(self, revision: str) -> Commit:
        """Resolve a revision to its commit.

        Raises: RefusedError if there is no commit yet; UsageError if the revision names none.
        """
        asked = self._ask("rev-parse", "--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        if asked.code:
            if revision == "HEAD":
                raise RefusedError("this repository has no commit yet", hint="a release is made of a commit: make one")
            raise UsageError(f"{revision!r} names no commit here", hint="fetch it first, or check the spelling")
        sha = asked.text
        return Commit(sha, int(self._run("show", "--no-patch", "--no-show-signature", "--format=%ct", sha)))

    def read_file(self, sha: str, path: str) -> bytes | None:
        """Read a file as a commit holds it, byte for byte; None if the commit has no such file."""
        entry = self._run("ls-tree", sha, "--", path)
        if not entry:
            return None
        return self._ask("cat-file", "blob", entry.split()[2]).or_raise().stdout

    def uncommitted(self) -> tuple[str, ...]:
        """List what the working tree holds beyond its commit; what the tool itself leaves there does not count."""
        status = self._run("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames")
        entries = (entry for entry in status.split("\0") if entry)
        return tuple(entry[3:] for entry in entries if not _is_ours(entry))

    def relation(self, commit: str, other: str) -> Relation:
        """Tell how a commit stands to another; unknown where the history at hand cannot tell."""
        if commit == other:
            return Relation.SAME
        if self._ask("cat-file", "-e", f"{other}^{{commit}}").code:
            return Relation.UNKNOWN
        if self._is_ancestor(commit, other):
            return Relation.ANCESTOR
        if self._is_ancestor(other, commit):
            return Relation.DESCENDANT
        return Relation.UNKNOWN if self.is_shallow() else Relation.DIVERGED

    def is_shallow(self) -> bool:
        """Tell whether history is cut off in this clone."""
        return self._run("rev-parse", "--is-shallow-repository") == "true"

    def tag(self, name: str, commit: str, remote: str) -> Tag | None:
        """Find a tag, here or else on the remote, and how a commit stands to it."""
        here = self._ask("rev-parse", "--quiet", "--verify", f"refs/tags/{name}^{{commit}}")
        target = here.text if here.code == 0 else self._remote_tag(name, remote)
        return Tag(name, target, self.relation(commit, target)) if target else None

    def remote_tip(self, remote: str, branch: str) -> str:
        """Fetch a branch of a remote, as it is now, without moving a ref here, and give its commit.

        Raises: RefusedError if the remote or the branch cannot be read.
        """
        ref = f"refs/heads/{branch}"
        asked = self._ask_remote("ls-remote", "--quiet", remote, ref)
        if asked.code or not asked.text:
            raise RefusedError(
                f"{remote}/{branch} cannot be read", hint=asked.messages or f"is there a branch {branch}?"
            )
        tip = asked.text.split()[0]
        if self._ask("cat-file", "-e", f"{tip}^{{commit}}").code:
            # An empty refmap: the remote-tracking branch is the user's to update.
            words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=", remote, ref)
            self._ask_remote(*words, timeout=_REMOTE_SECONDS * 5).or_raise()
        return tip

    def remote_url(self, remote: str) -> str | None:
        """Read a remote's address as configured; `insteadOf` rules, which differ per machine, are left aside."""
        return self._ask("config", "--get", f"remote.{remote}.url").text or None

    def tracks(self, path: str) -> bool:
        """Tell whether git tracks anything at or below a path."""
        return bool(self._run("ls-files", "-z", "--", path))

    def _remote_tag(self, name: str, remote: str) -> str | None:
        """Ask the remote for a tag without touching a ref here; no remote and no answer count as no tag."""
        if self.remote_url(remote) is None:
            return None
        words = ("ls-remote", "--tags", remote, f"refs/tags/{name}", f"refs/tags/{name}^{{}}")
        try:
            lines = self._ask_remote(*words).text.splitlines()
        except CommandError:  # too slow: the same as no answer
            return None
        # An annotated tag has two lines; the peeled one, which names the commit, comes last.
        return lines[-1].split()[0] if lines else None

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return self._ask("merge-base", "--is-ancestor", older, newer).code == 0

    def _ask(self, *words: str) -> Done:
        return finish("git", *words, cwd=self.root, env=git_environment(), timeout=120)

    def _ask_remote(self, *words: str, timeout: float = _REMOTE_SECONDS) -> Done:
        """Run git where ssh may ask for the passphrase of a key."""
        return finish("git", *words, cwd=self.root, env=git_environment(), timeout=timeout, may_ask=True)

    def _run(self, *words: str) -> str:
        return run("git", *words, cwd=self.root, env=git_environment())


def _not_a_repository(directory: Path, asked: Done) -> RefusedError:
    if "dubious ownership" in asked.messages:
        return RefusedError(f"git does not trust {directory}: it belongs to somebody else", hint=asked.messages)
    if "must be run in a work tree" in asked.messages:
        return RefusedError(f"{directory} is in a bare repository", hint="clone it, and start in the clone")
    return RefusedError(
        f"{directory} is not in a git repository", hint="a release is made of a commit: `git init`, add and commit"
    )


def _is_ours(entry: str) -> bool:
    """Tell whether a line of `git status` is an untracked file that this tool, nox or uv left behind."""
    state, path = entry[:2], entry[3:]
    return state == "??" and any(path == ours or path.startswith(ours) for ours in _NEVER_DIRTY)


def clean_git_environment(env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which git knows no user and no system: no configuration, attributes, hooks or templates."""
    return (
        {name: value for name, value in env.items() if not name.startswith("GIT_")}
        | _PLAIN
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
    )
