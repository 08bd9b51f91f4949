"""Read many objects of a git repository through one process."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from release_channels.adapters.process import RequestProcess, run_unchecked
from release_channels.errors import CommandError

# Source: git's own manual, cat-file, batch output: a reply for a name that leads to no object ends with one of these.
_NO_OBJECT = (b" missing\n", b" ambiguous\n")
# What a name of this form leads to never changes, unlike a branch or `HEAD~1`.
_FULL_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class GitObject:
    """A blob, a tree, a commit or an annotated tag."""

    sha: str
    kind: str
    content: bytes

    def committer_time(self) -> int:
        """Return the committer's time of a commit, in seconds since the epoch."""
        header = self.content.partition(b"\n\n")[0]
        committer = next(line for line in header.splitlines() if line.startswith(b"committer "))
        return int(committer.split()[-2])


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, a symbolic link or a submodule in a commit."""

    mode: str
    kind: str
    sha: str


class GitObjects:
    """Objects by name; a name that is a ref is resolved again each time, trees are listed once."""

    def __init__(self, root: Path, env: Callable[[], Mapping[str, str]]) -> None:
        self._root = root
        self._env = env
        self._batch = RequestProcess("git", "cat-file", "--batch", cwd=root, env=env)
        self._trees: dict[str, Mapping[bytes, TreeEntry]] = {}

    def find(self, name: str) -> GitObject | None:
        """Return the object that a name leads to now; None if there is none.

        Raises: CommandError if the object cannot be read.
        """
        # One request is one line, and git's own names hold no control characters.
        if any(character in name for character in "\n\r\0"):
            return None
        return self._batch.request(os.fsencode(name) + b"\n", _read_object)

    def find_commit(self, name: str) -> GitObject | None:
        """Return the commit that a revision leads to now; None if there is none."""
        found = self.find(f"{name}^{{commit}}")
        return found if found is not None and found.kind == "commit" else None

    def files(self, revision: str) -> Mapping[bytes, TreeEntry]:
        """Return what a commit contains, by path.

        Raises: CommandError if there is no such commit.
        """
        if revision in self._trees:
            return self._trees[revision]
        tree = self.find(f"{revision}^{{tree}}")
        if tree is None or tree.kind != "tree":
            raise CommandError(f"{revision!r} names no tree here", hint="fetch it first, or check the spelling")
        listed = run_unchecked("git", "ls-tree", "-r", "-z", tree.sha, cwd=self._root, env=self._env())
        entries = (entry.partition(b"\t") for entry in listed.or_raise().stdout.split(b"\0") if entry)
        files = {path: TreeEntry(*fields.decode().split()) for fields, _, path in entries}
        if _FULL_NAME.fullmatch(revision):
            self._trees[revision] = files
        return files


def _read_object(stream: IO[bytes]) -> GitObject | None:
    header = stream.readline()
    if header.endswith(_NO_OBJECT):
        return None
    if not header.endswith(b"\n"):
        raise EOFError
    sha, kind, size = header.decode().split()
    content = stream.read(int(size))
    if stream.read(1) != b"\n":
        raise EOFError
    return GitObject(sha, kind, content)
