"""A real git repository with a bare remote, and a fingerprint of everything that a refusal must not change."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What a run may leave behind whatever it decided: none of it is part of a release.
_BOOKKEEPING = {".release-channels/lock", ".release-channels/outcome.json", ".release-channels/.gitignore"}
# Made at import, before any test has a directory for temporary files of its own; removed when the tests end.
_TEMPLATES = tempfile.TemporaryDirectory(prefix="template-repositories-")
atexit.register(_TEMPLATES.cleanup)


@dataclass(frozen=True)
class Repo:
    """A checkout and its bare remote."""

    root: Path
    remote: Path

    @classmethod
    def create(cls, directory: Path, files: Mapping[str, str | bytes]) -> Repo:
        """Create a repository with one commit that is pushed to a bare remote."""
        content = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
        template = _template(frozenset(content.items()), os.environ.get("GIT_CONFIG_GLOBAL", ""))
        return template.copy(directory)

    def copy(self, directory: Path) -> Repo:
        """Copy a repository with its remote, its build and its local index."""
        copy = Repo(directory / "checkout", directory / "remote.git")
        shutil.copytree(self.root, copy.root, symlinks=True)
        shutil.copytree(self.remote, copy.remote)
        config = copy.root / ".git" / "config"
        config.write_text(config.read_text().replace(str(self.remote), str(copy.remote)))
        return copy

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
        """Commit files and return the commit's SHA."""
        self.write(files or {})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, commit: str = "HEAD") -> None:
        """Create an annotated tag."""
        self.git("tag", "--annotate", "--message", name, name, commit)

    def fingerprint(self) -> dict[str, str]:
        """Return files (also the local index and dist/), local refs and refs on the remote."""
        seen = {f"here {name}": value for name, value in _refs(self.root / ".git")}
        seen |= {f"remote {name}": value for name, value in _refs(self.remote)}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if Path(folder, name) != self.root / ".git"]
            for path in (Path(folder, name) for name in files):
                name = path.relative_to(self.root).as_posix()
                if path.is_file() and name not in _BOOKKEEPING:
                    seen[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return seen


@cache
def _template(files: frozenset[tuple[str, bytes]], configuration: str) -> Repo:
    """Create a repository that `Repo.create` copies, once for each content: it takes seven git processes."""
    directory = Path(tempfile.mkdtemp(dir=_TEMPLATES.name))
    repo = Repo(directory / "checkout", directory / "remote.git")
    repo.root.mkdir()
    subprocess.run(["git", "init", "--quiet", "--bare", str(repo.remote)], check=True)
    repo.git("init", "--quiet")
    repo.git("remote", "add", "origin", str(repo.remote))
    repo.commit("start", dict(files))
    repo.git("push", "--quiet", "--set-upstream", "origin", "main")
    return repo


def _refs(git: Path) -> Iterator[tuple[str, str]]:
    """Read HEAD and every ref from git's own files, without a process."""
    yield "HEAD", (git / "HEAD").read_text()
    packed = git / "packed-refs"
    lines = packed.read_text().splitlines() if packed.exists() else []
    refs = {line.split()[1]: line.split()[0] for line in lines if line[0] not in "#^"}
    loose = (path for path in (git / "refs").rglob("*") if path.is_file())
    yield from (refs | {path.relative_to(git).as_posix(): path.read_text().strip() for path in loose}).items()
