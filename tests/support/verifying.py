"""A release that is already on the local index, to be verified without a build."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters.index import LOCAL, Credentials, Index
from release_channels.indexserver.server import RunningIndex, serve
from release_channels.model.decide import Plan, Reason, Verdict
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.observed import Commit, IndexFile, IndexState, Observed
from release_channels.model.version import Channel
from release_channels.project.pyproject import parse_project
from release_channels.release.step import ReleaseContext, Report, Timeouts
from release_channels.release.verify import VERIFY
from tests.support.distributions import Recipe, make_wheel

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    Wrap = Callable[[WSGIApplication], WSGIApplication]

_COMMIT = "a" * 40


@dataclass(frozen=True)
class ReleasedProject:
    """A checkout with a built preview, the local index that has it, and the upstream index."""

    root: Path
    local: Path
    upstream: Path
    wheelhouse: Path
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @classmethod
    def open(cls, directory: Path, wheelhouse: Path) -> ReleasedProject:
        """Create an empty one, with only pip on the upstream index."""
        project = cls(directory / "checkout", directory / "local", directory / "upstream", wheelhouse)
        for place in (project.root / "dist", project.local, project.upstream):
            place.mkdir(parents=True)
        os.link(next(wheelhouse.glob("pip-*.whl")), project.upstream / next(wheelhouse.glob("pip-*.whl")).name)
        return project

    def release(self, recipe: Recipe, *others: Recipe) -> None:
        """Build and upload a preview, and put `others` on the index."""
        wheel = make_wheel(self.root / "dist", recipe)
        shutil.copy(wheel, self.local)
        for other in others:
            make_wheel(self.local, other)
        content = wheel.read_bytes()
        file = ManifestFile(wheel.name, len(content), hashlib.sha256(content).hexdigest())
        version = Version(recipe.version)
        manifest = Manifest(Channel.PREVIEW, recipe.name, version, _COMMIT, version.dev, {}, (file,))
        (self.root / "release.json").write_text(manifest.to_json())

    @contextmanager
    def index(
        self,
        project: str = "demo-tool",
        wrap: Wrap | None = None,
        port: int = 0,
    ) -> Iterator[tuple[RunningIndex, RunningIndex]]:
        """Serve the local index, merged with the upstream one."""
        with (
            serve(self.upstream, wrap=wrap) as upstream,
            serve(self.local, project=project, upstream=upstream.simple_url, port=port) as local,
        ):
            yield local, upstream

    def verify(
        self,
        recipe: Recipe,
        *,
        env: Mapping[str, str] | None = None,
        script_seconds: float = 60,
        wrap: Wrap | None = None,
        settings: str = "",
        before: str = "",
    ) -> Report:
        """Verify the released preview."""
        with self.index(recipe.name, wrap) as (local, upstream):
            index = Index(LOCAL, local.simple_url, local.upload_url, Credentials.NONE, own_url=local.own_url)
            chosen = {**self.env, **(env or {})}
            release = release_of(
                self.root,
                recipe,
                index,
                upstream.simple_url,
                chosen,
                script_seconds,
                settings=settings,
                before=before,
            )
            return VERIFY.act(release)


def release_of(
    root: Path,
    recipe: Recipe,
    index: Index,
    upstream: str,
    env: Mapping[str, str],
    script_seconds: float = 60,
    *,
    settings: str = "",
    before: str = "",
) -> ReleaseContext:
    """Return the context of a run at its verify step; the index had the version `before`."""
    version = Version(recipe.version)
    bound = f'requires-python = "{recipe.requires_python}"\n' if recipe.requires_python else ""
    text = f'[build-system]\nrequires = ["hatchling"]\n[project]\nname = "{recipe.name}"\nversion = "9.dev0"\n{bound}'
    text += f"[tool.release-channels]\n{settings}"
    plan = Plan(
        Channel.PREVIEW, recipe.name, index.name, _COMMIT, Verdict.PUBLISH, Reason.OPEN, "",
        version=version, run=version.dev,
    )  # fmt: skip
    releases = {Version(before): (IndexFile(f"demo_tool-{before}-py3-none-any.whl", "", None),)} if before else {}
    return ReleaseContext(
        root=root,
        project=parse_project(text.encode()),
        plan=plan,
        observed=Observed(recipe.name, version, Commit(_COMMIT, 0), IndexState(index.name, releases)),
        index=index,
        upstream=upstream,
        env=env,
        patience=Timeouts(script=script_seconds),
    )


def delaying(seconds: float, names: Callable[[str], bool]) -> Wrap:
    """Make an index wait before it answers the paths that match a condition."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            if names(environ["PATH_INFO"]):
                time.sleep(seconds)
            return app(environ, start_response)

        return answer

    return wrap


def yanking(*names: str) -> Wrap:
    """Make an index mark these files as yanked."""

    def wrap(app: WSGIApplication) -> WSGIApplication:
        def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            environ["HTTP_ACCEPT"] = "application/vnd.pypi.simple.v1+json"

            def started(status: str, headers: list[tuple[str, str]], *rest: object) -> Callable[[bytes], object]:
                kept = [(key, value) for key, value in headers if key.lower() != "content-length"]
                return start_response(status, kept, *rest)  # type: ignore[arg-type]

            answered = app(environ, started)
            text = b"".join(answered)
            if hasattr(answered, "close"):
                answered.close()
            if environ["PATH_INFO"].startswith("/simple/") and text.startswith(b"{"):
                page = json.loads(text)
                for file in page.get("files", ()):
                    file |= {"yanked": "broken"} if file["filename"] in names else {}
                text = json.dumps(page).encode()
            return [text]

        return answer

    return wrap
