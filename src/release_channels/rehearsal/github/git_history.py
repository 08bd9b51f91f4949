"""Read commits, tags and ancestry from a bare git repository for the GitHub double."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from release_channels.adapters.git import clean_git_environment
from release_channels.adapters.process import CompletedProcess, run_unchecked


@dataclass(frozen=True, slots=True)
class Shown:
    """The fields of a commit, as git prints them."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    when: datetime
    message: str


@dataclass(frozen=True, slots=True)
class History:
    """A bare repository, or None: then no commit is known."""

    git_dir: Path | None

    def commit(self, revision: str) -> str | None:
        """Resolve a branch, a tag or a full commit hash, as the API does."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if sha := self._ask("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}"):
                return sha
        return None

    def tree(self, revision: str, path: str) -> str | None:
        """Return the hash of a directory in a commit; None if there is none."""
        return self._ask("rev-parse", "--quiet", "--verify", "--end-of-options", f"{self.commit(revision)}:{path}")

    def ref(self, name: str) -> tuple[str, str] | None:
        """Return the object that a full ref name points to, and its type."""
        listed = self._ask("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", name) or ""
        for line in listed.splitlines():
            sha, kind, full_name = line.split(" ", 2)
            if full_name == name:
                return sha, kind
        return None

    def refs(self) -> tuple[str, ...]:
        """List the full names of all refs."""
        return tuple((self._ask("for-each-ref", "--format=%(refname)") or "").splitlines())

    def tag_object(self, sha: str) -> tuple[str, str, str, str] | None:
        """Parse an annotated tag: its name, target, target type and message."""
        text = self._ask("cat-file", "tag", sha)
        if text is None:
            return None
        head, _, message = text.partition("\n\n")
        lines = dict(line.split(" ", 1) for line in head.splitlines())
        return lines["tag"], lines["object"], lines["type"], message

    def file(self, revision: str, path: str) -> str | None:
        """Read a text file of a commit."""
        sha = self.commit(revision)
        return self._ask("cat-file", "blob", f"{sha}:{path}") if sha else None

    def create_tag(self, name: str, sha: str) -> None:
        """Create a lightweight tag, as publishing a release without a tag does."""
        self._run("update-ref", f"refs/tags/{name}", sha).or_raise()

    def merge_base(self, base: str, head: str) -> str | None:
        """Find the newest common ancestor of two commits."""
        return self._ask("merge-base", base, head)

    def between(self, base: str, head: str) -> list[Shown]:
        """List the commits of the head that the base lacks, oldest first."""
        return [self.show(sha) for sha in (self._ask("rev-list", "--reverse", f"{base}..{head}") or "").split()]

    def count(self, base: str, head: str) -> int:
        """Count the commits of the head that the base lacks."""
        return int(self._run("rev-list", "--count", f"{base}..{head}").or_raise().text) if self.git_dir else 0

    def changes(self, base: str, head: str) -> list[tuple[str, str, str]]:
        """List the files that differ between two commits: path, blob, and `added`, `removed` or `modified`."""
        words = {"A": "added", "D": "removed"}
        parts = (self._ask("diff", "--raw", "--no-abbrev", "--no-renames", "-z", base, head) or "").split("\0")
        changes = []
        for state, path in zip(parts[0::2], parts[1::2], strict=False):
            _, _, old, new, kind = state.split(" ")
            changes.append((path, old if kind == "D" else new, words.get(kind, "modified")))
        return changes

    def show(self, sha: str) -> Shown:
        """Read a commit."""
        shown = self._run("show", "--no-patch", "--format=%H%x00%T%x00%P%x00%ct%x00%B", sha).or_raise()
        full, tree, parents, seconds, message = shown.text.split("\0", 4)
        return Shown(full, tree, tuple(parents.split()), datetime.fromtimestamp(int(seconds), UTC), message.strip())

    def _ask(self, *words: str) -> str | None:
        """Return the output of git; None without a repository, or where git fails."""
        done = self._run(*words) if self.git_dir else None
        return None if done is None or done.code else done.text

    def _run(self, *words: str) -> CompletedProcess:
        assert self.git_dir is not None
        env = clean_git_environment(os.environ)
        return run_unchecked("git", "--git-dir", self.git_dir, *words, cwd=self.git_dir, env=env)
