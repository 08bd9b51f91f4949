"""A real git repository with a bare remote, and a fingerprint of everything that a refusal must leave alone."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# What a run may leave behind whatever it decided: none of it is part of a release.
_BOOKKEEPING = {".release-channels/lock", ".release-channels/outcome.json", ".release-channels/.gitignore"}


@dataclass(frozen=True)
class Repo:
    """A checkout and its bare remote."""

    root: Path
    remote: Path

    @classmethod
    def create(cls, directory: Path, files: Mapping[str, str | bytes]) -> Repo:
        """Make a repository with one commit that is pushed to a bare remote."""
        repo = cls(directory / "checkout", directory / "remote.git")
        repo.root.mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", "--bare", str(repo.remote)], check=True)
        repo.git("init", "--quiet")
        repo.git("remote", "add", "origin", str(repo.remote))
        repo.commit("start", files)
        repo.git("push", "--quiet", "--set-upstream", "origin", "main")
        return repo

    def git(self, *words: str) -> str:
        """Run git in the checkout."""
        done = subprocess.run(["git", *words], cwd=self.root, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files into the working tree."""
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, message: str, files: Mapping[str, str | bytes] | None = None) -> str:
        """Commit files and give the commit's name."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, commit: str = "HEAD") -> None:
        """Make an annotated tag."""
        self.git("tag", "--annotate", "--message", name, name, commit)

    def fingerprint(self) -> dict[str, str]:
        """Describe files (the local index and dist/ too), refs here and refs on the remote."""
        seen = {f"here {line}": "" for line in self.git("for-each-ref").splitlines()}
        seen["HEAD"] = self.git("rev-parse", "HEAD")
        refs = subprocess.run(["git", "for-each-ref"], cwd=self.remote, check=True, capture_output=True, text=True)
        seen |= {f"remote {line}": "" for line in refs.stdout.splitlines()}
        for path in sorted(self.root.rglob("*")):
            name = path.relative_to(self.root).as_posix()
            if path.is_file() and not name.startswith(".git/") and name not in _BOOKKEEPING:
                seen[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return seen
