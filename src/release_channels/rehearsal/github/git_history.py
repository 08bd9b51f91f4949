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
    """A commit as git shows it."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    when: datetime
    message: str


@dataclass(frozen=True, slots=True)
class History:
    """A bare repository, where there is one; without it nothing is known of any commit."""

    git_dir: Path | None

    def commit(self, revision: str) -> str | None:
        """Resolve a branch, a tag or a full commit name, as the API does."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            asked = self._ask("rev-parse", "--quiet", "--verify", "--end-of-options", f"{name}^{{commit}}")
            if asked is not None and asked.code == 0:
                return asked.text
        return None

    def ref(self, name: str) -> tuple[str, str] | None:
        """Return the object that a full ref name points to, and its type."""
        listed = self._ask("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", name)
        for line in listed.text.splitlines() if listed else ():
            sha, kind, found = line.split(" ", 2)
            if found == name:
                return sha, kind
        return None

    def tag_object(self, sha: str) -> tuple[str, str, str, str] | None:
        """Take an annotated tag apart: its name, what it points to, the type of that, and its message."""
        asked = self._ask("cat-file", "tag", sha)
        if asked is None or asked.code:
            return None
        head, _, message = asked.text.partition("\n\n")
        lines = dict(line.split(" ", 1) for line in head.splitlines())
        return lines["tag"], lines["object"], lines["type"], message

    def file(self, revision: str, path: str) -> str | None:
        """Read a text file as a commit contains it."""
        sha = self.commit(revision)
        asked = self._ask("cat-file", "blob", f"{sha}:{path}") if sha else None
        return asked.text if asked is not None and asked.code == 0 else None

    def create_tag(self, name: str, sha: str) -> None:
        """Make a lightweight tag, as publishing a release without a tag does."""
        asked = self._ask("update-ref", f"refs/tags/{name}", sha)
        if asked is not None:
            asked.or_raise()

    def merge_base(self, one: str, other: str) -> str | None:
        """Find the newest common ancestor of two commits."""
        asked = self._ask("merge-base", one, other)
        return asked.text if asked is not None and asked.code == 0 else None

    def between(self, base: str, head: str) -> list[Shown]:
        """List the commits of the head that the base lacks, oldest first."""
        listed = self._ask("rev-list", "--reverse", f"{base}..{head}")
        return [self.show(sha) for sha in (listed.text.split() if listed else ())]

    def count(self, base: str, head: str) -> int:
        """Count the commits of the head that the base lacks."""
        counted = self._ask("rev-list", "--count", f"{base}..{head}")
        return int(counted.text) if counted else 0

    def changes(self, base: str, head: str) -> list[tuple[str, str, str]]:
        """List what differs between two commits: the file, its blob, and how (`added`, `removed`, `modified`)."""
        words = {"A": "added", "D": "removed"}
        listed = self._ask("diff", "--raw", "--no-abbrev", "--no-renames", "-z", base, head)
        parts = listed.text.split("\0") if listed else []
        found = []
        for state, path in zip(parts[0::2], parts[1::2], strict=False):
            _, _, old, new, kind = state.split(" ")
            found.append((path, old if kind == "D" else new, words.get(kind, "modified")))
        return found

    def show(self, sha: str) -> Shown:
        """Read one commit."""
        asked = self._ask("show", "--no-patch", "--format=%H%x00%T%x00%P%x00%ct%x00%B", sha)
        assert asked is not None
        full, tree, parents, seconds, message = asked.or_raise().text.split("\0", 4)
        return Shown(full, tree, tuple(parents.split()), datetime.fromtimestamp(int(seconds), UTC), message.strip())

    def _ask(self, *words: str) -> CompletedProcess | None:
        if self.git_dir is None:
            return None
        return run_unchecked(
            "git", "--git-dir", self.git_dir, *words, cwd=self.git_dir, env=clean_git_environment(os.environ)
        )
