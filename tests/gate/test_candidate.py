"""What the gate installs and downloads: files of one lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.distributions import sha256_of
from release_channels.errors import FailedError
from release_channels.indexserver.server import serve
from tests.support.gating import make_ready
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.support.wheelhouse import OLD, OLD_PIP

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@pytest.fixture
def index(offline: None, wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An index with an older pip too, whose files a test can change."""
    (directory := tmp_path / "index").mkdir()
    for pattern in ("idna-*", "pip-*", f"{OLD}/pip-*", "uv_build-*"):
        for wheel in wheelhouse.glob(pattern):
            (directory / wheel.name).symlink_to(wheel)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip-cache"))
    with serve(directory, wrap=lambda app: _other_bytes_for_pip(app, directory / "for-pip")) as running:
        monkeypatch.setenv("UV_DEFAULT_INDEX", running.simple_url)
        monkeypatch.setenv("PIP_INDEX_URL", running.simple_url)
        yield directory


@pytest.mark.parametrize(("pip", "reads"), [("pip>=26.1", "pylock.toml"), (OLD_PIP, "locked.txt")])
def test_the_wheelhouse_contains_candidate_and_locked_files(
    index: Path, tmp_path: Path, pip: str, reads: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pip takes them from the lock; a project that limits pip to one that cannot gets the same files."""
    console.set_verbose(True)
    sample = Sample(backend="uv_build", dependencies=("idna>=3", pip))
    ready = make_ready(Repo.create(tmp_path / "repo", sample.tree()), tmp_path / "workplace")
    console.set_verbose(False)
    wheelhouse = ready.candidate.contents.wheelhouse
    own, idna, taken = sorted(path.name for path in wheelhouse.iterdir())
    assert sha256_of(wheelhouse / own) == next(file.sha256 for file in ready.candidate.files if file.name == own)
    for name in (idna, taken):
        assert sha256_of(wheelhouse / name) == sha256_of(index / name)
    (installed,) = ready.candidate.contents.environment.glob("lib/python*/site-packages/pip-*.dist-info")
    assert taken.startswith(f"{installed.name.removesuffix('.dist-info')}-")
    assert Version(installed.name.removesuffix(".dist-info").partition("-")[2]) in Requirement(pip).specifier
    (download,) = (line for line in capsys.readouterr().err.splitlines() if " pip download " in line)
    assert download.rstrip().endswith(reads)


@pytest.mark.parametrize("pip", ["pip>=26.1", OLD_PIP])
def test_a_file_that_differs_from_the_lock_is_refused(index: Path, tmp_path: Path, pip: str) -> None:
    """The index serves other bytes to pip, which downloads after uv."""
    (index / "for-pip").touch()
    sample = Sample(backend="uv_build", dependencies=("idna>=3", pip))
    with pytest.raises(FailedError, match="are not available") as stop:
        make_ready(Repo.create(tmp_path / "repo", sample.tree()), tmp_path / "workplace")
    assert "MATCH THE HASHES" in stop.value.hint
    assert list((tmp_path / "workplace" / "wheelhouse").glob("idna*")) == []


def _other_bytes_for_pip(app: WSGIApplication, switch: Path) -> WSGIApplication:
    page, file = "/simple/idna/", "/files/idna-3.20-py3-none-any.whl"
    others = {page: f'<a href="{file}">{file.rpartition("/")[2]}</a>'.encode(), file: b"something else"}

    def answering(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_pip = environ.get("HTTP_USER_AGENT", "").startswith("pip/")
        if switch.exists() and is_pip and environ["PATH_INFO"] in others:
            start_response("200 OK", [("Content-Type", "text/html")])
            return [others[environ["PATH_INFO"]]]
        return app(environ, start_response)

    return answering
