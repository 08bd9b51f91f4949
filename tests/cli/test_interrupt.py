"""Ctrl-C, SIGTERM and SIGKILL in each long phase: nothing is left, and the next run continues."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from release_channels.indexserver.server import serve
from tests.cli.screen import BIN, Screen, adopter, built, marked, nox, published, start, wait_until
from tests.conftest import MakeRepo
from tests.support.repo import Repo

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FULL = pytest.mark.full
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")

# A build backend that can be slow, with a child as compilers are: hatchling, and a file that says when.
_SLOW_BACKEND = """
import os, pathlib, subprocess, sys
from hatchling.build import *
from hatchling import build as _hatchling

_WAIT = "import pathlib, sys, time\\nwhile pathlib.Path(sys.argv[1]).exists():\\n    time.sleep(0.05)"

def build_sdist(*words):
    slow = pathlib.Path("MARKS", "slow")
    phase = "check" if "release-channels-rebuild" in os.getcwd() else "build"
    if slow.exists() and slow.read_text() == phase:
        slow.with_name(f"{phase} built").touch()
        subprocess.run([sys.executable, "-c", _WAIT, slow])
    return _hatchling.build_sdist(*words)
"""
# An import package that can be slow to import, in the environments of `check` and of `verify`.
_SLOW_IMPORT = """
import os, pathlib, sys, time

slow = pathlib.Path("MARKS", "slow")
phase = slow.read_text() if slow.exists() else "none"
if f"release-channels-{phase}" in sys.prefix:
    slow.with_name(f"{phase} imported").touch()
    while slow.exists():
        time.sleep(0.05)


def main() -> None:
    print("demo-tool")
"""


@dataclass(frozen=True)
class Phase:
    """A phase that can be slowed down: its name, the marks of its start, and the files at that time."""

    name: str
    marks: tuple[str, ...]
    built: int
    published: int | None


BUILDING = Phase("build", ("build built",), 0, 0)
CHECKING = Phase("check", ("check built", "check imported"), 3, 0)
UPLOADING = Phase("upload", ("upload began",), 3, None)  # what had been sent whole may be taken by then
INSTALLING = Phase("verify", ("verify imported",), 3, 2)
# What the last line says of the index: whatever is out by then stays there.
SAID = {
    UPLOADING: ", and the upload of demo-tool 1.2.0.dev5 on the index mine had begun: what has arrived there stays",
    INSTALLING: ", and demo-tool 1.2.0.dev5 on the index mine was published before verify had ended",
}
PHASES = (BUILDING, CHECKING, UPLOADING, INSTALLING)


@dataclass(frozen=True)
class SlowCheckout:
    """A checkout with phases that can be slowed down, its own index, and the mark of its processes."""

    repo: Repo
    marks: Path
    temporary: Path
    index: Path
    marker: str
    words: tuple[str, ...]

    @property
    def env(self) -> dict[str, str]:
        """The variables of a run and of every process that it starts."""
        name, _, value = self.marker.partition("=")
        login = {"UV_PUBLISH_USERNAME": "somebody", "UV_PUBLISH_PASSWORD": "something"}
        return {"TMPDIR": str(self.temporary), name: value, **login}

    @property
    def slow(self) -> Path:
        """While this file exists, the phase in it does not end."""
        return self.marks / "slow"

    def uploads(self) -> list[str]:
        """List the distributions on the index."""
        return sorted(path.name for path in self.index.glob("*") if path.name.endswith((".whl", ".tar.gz")))


@pytest.fixture
def slow_checkout(make_repo: MakeRepo, tmp_path: Path, upstream: str) -> Iterator[SlowCheckout]:
    """A sample project with a backend, an index and a package that are slow on request."""
    marks, temporary, files = tmp_path / "marks", tmp_path / "temporary", tmp_path / "index"
    marks.mkdir()
    temporary.mkdir()
    with serve(files, project="demo-tool", upstream=upstream, wrap=lambda app: _slow_uploads(app, marks)) as index:
        named = f'\n[[tool.uv.index]]\nname = "mine"\nurl = "{index.simple_url}"\npublish-url = "{index.upload_url}"\n'
        backend = 'build-backend = "slow"\nbackend-path = ["backend"]'
        sample = adopter(backend="hatchling", tail=named, settings='build-environment = ["FACES_RUN"]\n')
        pyproject = sample.pyproject().replace('build-backend = "hatchling.build"', backend)
        changed = {
            "pyproject.toml": pyproject,
            "backend/slow.py": _SLOW_BACKEND.replace("MARKS", str(marks)),
            "src/demo_tool/__init__.py": _SLOW_IMPORT.replace("MARKS", str(marks)),
        }
        words = ("-s", "preview", "--", "--index", "mine", "--run-number", "5")
        yield SlowCheckout(
            make_repo(adopter(files=changed)), marks, temporary, files, f"FACES_RUN={uuid.uuid4().hex}", words
        )
        (marks / "slow").unlink(missing_ok=True)  # else a request would wait for ever


def _slow_uploads(app: WSGIApplication, marks: Path) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        slow = marks / "slow"
        if environ["REQUEST_METHOD"] == "POST" and slow.exists() and slow.read_text() == "upload":
            (marks / "upload began").touch()
            while slow.exists():
                time.sleep(0.05)
        return app(environ, start_response)

    return answer


End = Callable[[subprocess.Popen[str]], None]


def _group(number: signal.Signals) -> End:
    return lambda child: os.killpg(child.pid, number)


def _alone(number: signal.Signals) -> End:
    return lambda child: child.send_signal(number)


def _ended_in(slow_checkout: SlowCheckout, phase: Phase, end: End) -> Screen:
    """Start a preview, wait for a phase, and end it there."""
    slow_checkout.slow.write_text(phase.name)
    env = {"NOX_SCRIPT_MODE": "none", **slow_checkout.env}
    with start(BIN / "nox", *slow_checkout.words, cwd=slow_checkout.repo.root, env=env) as child:
        wait_until(
            lambda: all((slow_checkout.marks / mark).exists() for mark in phase.marks), f"{phase.name} is under way"
        )
        assert marked(slow_checkout.marker), "the marker is not seen, so its absence would prove nothing"
        end(child)
        out, err = child.communicate(timeout=30)
    return Screen(child.returncode, out, err)


_ENDS = {"Ctrl-C": _group(signal.SIGINT), "SIGINT": _alone(signal.SIGINT), "SIGTERM": _alone(signal.SIGTERM)}
_QUICK = {(CHECKING, "SIGINT")}


@pytest.mark.parametrize(
    ("phase", "end"),
    [
        pytest.param(phase, end, id=f"{phase.name}-{name}", marks=() if (phase, name) in _QUICK else (FULL,))
        for phase in PHASES
        for name, end in _ENDS.items()
    ],
)
def test_an_interrupted_run_leaves_nothing_and_can_be_repeated(
    phase: Phase, end: End, slow_checkout: SlowCheckout
) -> None:
    """No process, temporary directory or partial `dist/`; the outcome is reported, and the next run succeeds."""
    screen = _ended_in(slow_checkout, phase, end)
    assert marked(slow_checkout.marker) == []
    assert list(slow_checkout.temporary.iterdir()) == []
    assert len(built(slow_checkout.repo.root)) == phase.built
    assert phase.published in (None, len(slow_checkout.uploads()))
    assert screen.code == 130
    again = "; `nox -s preview` with the same options continues from the current state"
    assert screen.last == f"failed: interrupted{SAID.get(phase, '')}{again}"
    screen.shows("Session preview interrupted.")
    _succeeds_again(slow_checkout)


def _succeeds_again(slow_checkout: SlowCheckout) -> None:
    slow_checkout.slow.unlink(missing_ok=True)
    again = nox(slow_checkout.repo.root, *slow_checkout.words, env=slow_checkout.env)
    assert again.code == 0, again.text
    assert again.last.startswith(("published: demo-tool 1.2.0.dev5", "already published: demo-tool 1.2.0.dev5"))
    assert slow_checkout.uploads() == ["demo_tool-1.2.0.dev5-py3-none-any.whl", "demo_tool-1.2.0.dev5.tar.gz"]
    assert built(slow_checkout.repo.root) == [*slow_checkout.uploads(), "release.json"]
    assert marked(slow_checkout.marker) == []
    assert published(slow_checkout.repo.root) == []


_WHILE_LOADING = """
import os, signal, sys

module = sys.argv[1]

class Finder:
    def find_spec(self, name, *_):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder())
from release_channels import main
sys.argv = ["release-channels", "--help"]
main()
"""


@pytest.mark.parametrize("module", ["release_channels.tasks", "invoke", "release_channels.cli.program"])
def test_ctrl_c_while_the_program_loads_ends_it_with_one_line(module: str) -> None:
    """Whatever it is importing."""
    ran = subprocess.run([sys.executable, "-c", _WHILE_LOADING, module], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (130, ""), ran.stderr
    assert ran.stderr == "failed: interrupted; run the same command again\n"
