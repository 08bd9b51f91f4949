"""A staging index in place of the real one, with faults that a test switches on, and its project."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug.wrappers import Response

from release_channels.indexserver.server import RunningIndex, serve
from release_channels.model.outcome import Result
from release_channels.release import pipeline
from tests.indexserver.servers import distributions_in, page
from tests.support.projects import Sample
from tests.support.repo import Repo

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# A fault sees a request and the index behind it, and answers in its place; None lets the request through.
Fault = Callable[["WSGIEnvironment", "WSGIApplication"], Response | None]
AT_STAGING = ("--index", "staging", "--run-number", "7")
IGNORED: dict[str, str | bytes] = {".gitignore": "dist/\nrelease.json\n"}


@dataclass(frozen=True)
class Received:
    """One request that the index received."""

    method: str
    path: str
    login: str


@dataclass
class Staging:
    """A running index whose answers a test can change."""

    root: Path
    fault: Fault | None = None
    received: list[Received] = field(default_factory=list)
    index: RunningIndex = field(init=False)

    def wrap(self, app: WSGIApplication) -> WSGIApplication:
        """Apply the current fault between the clients and the index."""

        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            scheme, _, coded = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
            login = base64.b64decode(coded).decode() if scheme.lower() == "basic" else ""
            self.received.append(Received(environ["REQUEST_METHOD"], environ["PATH_INFO"], login))
            spoilt = self.fault(environ, app) if self.fault else None
            if spoilt is None:
                return app(environ, start_response)
            while environ["wsgi.input"].read(1 << 20):  # a client that still sends would not see the answer
                pass
            return spoilt(environ, start_response)

        return answer

    def snapshot(self) -> object:
        """Return every stored file, and the unchanged page."""
        fault, self.fault = self.fault, None
        received = self.received.copy()
        try:
            return {path.name: path.read_bytes() for path in self.root.rglob("*")}, page(self.index)
        finally:
            self.fault, self.received = fault, received

    @property
    def names(self) -> list[str]:
        """List the stored files."""
        return [path.name for path in distributions_in(self.root)] if self.root.exists() else []

    @property
    def uploads(self) -> int:
        """Count the attempted uploads."""
        return sum(request.method == "POST" for request in self.received)

    def tail(self) -> str:
        """Return the lines of a pyproject.toml that configure this index."""
        url, publish_url = self.index.simple_url, self.index.upload_url
        return f'\n[[tool.uv.index]]\nname = "staging"\nurl = "{url}"\npublish-url = "{publish_url}"\nexplicit = true\n'


@contextmanager
def serve_staging(root: Path, **options: Any) -> Iterator[Staging]:
    """Serve the staging index."""
    staging = Staging(root)
    with serve(root, wrap=staging.wrap, **options) as staging.index:
        yield staging


def build_at_staging(directory: Path, staging: Staging, env: Mapping[str, str]) -> Repo:
    """Create a repository that publishes to the index, with a build of its first commit in dist/."""
    return build_sample(directory, AT_STAGING, env, tail=staging.tail())


def build_sample(directory: Path, words: tuple[str, ...], env: Mapping[str, str], tail: str = "") -> Repo:
    """Create a repository with the sample project, with a build of its first commit in dist/."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(env):
            patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        repo = Repo.create(directory, Sample(tail=tail, files=IGNORED).tree())
        built = pipeline.run_pipeline("build", ["build"], words, root=repo.root, env=dict(os.environ))
        assert built.result is Result.DONE
    return repo


def copy_repo(repo: Repo, directory: Path) -> Repo:
    """Copy a repository with its remote and its build."""
    copy = Repo(directory / "checkout", directory / "remote.git")
    shutil.copytree(repo.root, copy.root, symlinks=True)
    shutil.copytree(repo.remote, copy.remote)
    subprocess.run(["git", "remote", "set-url", "origin", str(copy.remote)], cwd=copy.root, check=True)
    return copy


def read_manifest(repo: Repo) -> dict[str, Any]:
    """Read release.json as plain data."""
    content: dict[str, Any] = json.loads((repo.root / "release.json").read_text())
    return content


def write_manifest(repo: Repo, content: Mapping[str, Any]) -> None:
    """Write release.json from plain data."""
    (repo.root / "release.json").write_text(json.dumps(content))
