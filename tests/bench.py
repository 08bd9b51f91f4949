"""Compare a preview with the same work by hand, in pairs of one run: time ratios, on loopback only."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from release_channels.adapters import console
from release_channels.indexserver.server import serve
from tests.cli.screen import BIN
from tests.support.projects import Sample
from tests.support.repo import Repo

WHEELHOUSE = Path(__file__).parents[1] / ".pytest_cache" / "d" / "wheelhouse"
_NOXFILE = """import pathlib

import nox

from release_channels import sessions
from release_channels.release.pipeline import run_pipeline

sessions.register(nox)


@nox.session(venv_backend="none", default=False)
def without_verify(session):
    run_pipeline("preview", ("build", "check", "preview-publish"), [], root=pathlib.Path.cwd())
"""
_DESCRIBED = "import nox\n\n\n@nox.session(venv_backend='none')\ndef nothing(session):\n    'Do nothing.'\n"
_TASKS = "from invoke import task\n\n\n@task\ndef nothing(_):\n    'Do nothing.'\n"
_GIT_CONFIG = "[user]\n\tname = Bench\n\temail = bench@example.com\n[init]\n\tdefaultBranch = main\n"
_SECONDS = 300
_REHEARSAL_GOAL, _REHEARSAL_SECONDS = 60, 1800
_MINE = dict(os.environ)  # as it was before the comparisons got theirs
Act = Callable[[Path], None]


@dataclass(frozen=True)
class Comparison:
    """Two ways to do the same work, and the highest allowed ratio of their times."""

    title: str
    ours: Act
    other: Act
    goal: float


def main() -> int:
    """Run every comparison a few times and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, choices=range(1, 21), metavar="1-20")
    pairs = parser.parse_args().pairs
    if not (WHEELHOUSE / ".filled-with").exists():
        console.result("there is no wheelhouse yet: `nox -s tests` fills it")
        return 1
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, serve(WHEELHOUSE) as upstream:
        place = Path(directory)
        env = _environment(place, upstream.simple_url)
        os.environ.clear()  # git in the sample repositories lives in it, too
        os.environ.update(env)
        console.result(f"ours, divided by the other way; median of {pairs} pairs (lowest to highest)")
        for comparison in _comparisons(env, upstream.simple_url):
            ratios = [_ratio(comparison, place / f"{comparison.title} {number}") for number in range(pairs + 1)][1:]
            _report(comparison, ratios)
    _time_rehearsal()
    return 0


def _time_rehearsal() -> None:
    """Rehearse this repository's last commit once, with the network of this machine."""
    start = time.perf_counter()
    words = (BIN / "nox", "-s", "rehearse", "--", "--quick")
    here, limit = Path(__file__).parents[1], _REHEARSAL_SECONDS
    subprocess.run(words, cwd=here, env=_MINE, check=True, capture_output=True, timeout=limit)
    seconds = time.perf_counter() - start
    verdict = "met" if seconds <= _REHEARSAL_GOAL else "MISSED"
    console.result(f"  rehearse --quick, seconds {seconds:.0f}, goal {_REHEARSAL_GOAL}: {verdict}")


def _environment(place: Path, upstream: str) -> dict[str, str]:
    """Return an environment without a user and a network."""
    foreign = ("UV_", "PIP_", "GIT_", "GITHUB_", "ACTIONS_", "NOX")
    kept = ("UV_PYTHON_DOWNLOADS", "UV_LINK_MODE")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign) or name in kept}
    dead = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    (place / "gitconfig").write_text(
        "[user]\n\tname = Bench\n\temail = bench@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    return env | dead | {
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "HOME": str(place),
        "GIT_CONFIG_GLOBAL": str(place / "gitconfig"),
        "UV_CACHE_DIR": str(place / "uv-cache"),
        "PIP_CACHE_DIR": str(place / "pip-cache"),
        "UV_DEFAULT_INDEX": upstream,
        "PIP_INDEX_URL": upstream,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "NOX_SCRIPT_MODE": "none",
        "PATH": f"{BIN}:{env.get('PATH', os.defpath)}",
        "TMPDIR": str(place),
    }  # fmt: skip


def _comparisons(env: Mapping[str, str], upstream: str) -> tuple[Comparison, ...]:
    def run(cwd: Path, *words: str | Path, **more: str) -> None:
        subprocess.run(
            words,
            cwd=cwd,
            env={**env, **more},
            check=True,
            capture_output=True,
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
        )

    def release(session: str) -> Act:
        return lambda root: run(root, "nox", "-s", session)

    def by_hand(root: Path, *, installs: bool = False) -> None:
        clone = root.with_name("clone")
        run(root, "git", "clone", "--quiet", root, clone)
        run(clone, "uv", "build", "--no-sources")
        files = sorted((clone / "dist").glob("demo_tool-*"))
        run(clone, "twine", "check", "--strict", *files)
        run(clone, "uv", "venv", "--quiet", "tried")
        run(clone, "uv", "pip", "install", "--quiet", "--python", "tried", files[0])
        with serve(root.with_name("index"), project="demo-tool", upstream=upstream) as index:
            words = ("--publish-url", index.upload_url, "--trusted-publishing", "never", "-u", "local", "-p", "local")
            run(clone, "uv", "publish", *words, *files)
            if installs:
                install(clone, index.simple_url)

    def install(clone: Path, url: str) -> None:
        """Install by each channel's commands with pip and uv, each into an empty environment."""
        for channel, pip, uv in (("preview", ("--pre",), ("--prerelease", "allow")), ("public", (), ())):
            run(clone, "uv", "venv", "--quiet", channel)
            run(clone, "uv", "pip", "install", "--quiet", "--python", channel, "pip")
            python = clone / channel / "bin" / "python"
            run(clone, python, "-m", "pip", "install", *pip, "--upgrade", "demo-tool", PIP_INDEX_URL=url)
            run(clone, channel + "/bin/demo-tool", "--help")
            places = {"UV_TOOL_DIR": str(clone / f"{channel}-tools"), "UV_TOOL_BIN_DIR": str(clone / f"{channel}-bin")}
            run(clone, "uv", "tool", "install", *uv, "--upgrade", "demo-tool", UV_DEFAULT_INDEX=url, **places)
            run(clone, clone / f"{channel}-bin" / "demo-tool", "--help")

    def listing(*words: str) -> Act:
        here = Path(__file__).parents[1]
        return lambda _: run(here, *words)

    def empty(*words: str) -> Act:
        return lambda root: run(root.with_name("empty"), *words)

    return (
        Comparison("preview without verify", release("without_verify"), by_hand, 1.25),
        Comparison("preview", release("preview"), lambda root: by_hand(root, installs=True), 1.0),
        Comparison("nox -l", listing("nox", "-l"), empty("nox", "-l"), 1.5),
        Comparison("invoke --list", listing("invoke", "--list"), empty("invoke", "--list"), 1.5),
    )


def _ratio(comparison: Comparison, place: Path) -> float:
    """Do the work both ways in fresh directories, and divide the times."""
    sample = Sample(version="1.2.0.dev1", backend="hatchling", dependencies=("idna",), files={"noxfile.py": _NOXFILE})
    repo = Repo.create(place, sample.tree())
    (place / "empty").mkdir()
    (place / "empty" / "noxfile.py").write_text(_DESCRIBED)
    (place / "empty" / "tasks.py").write_text(_TASKS)
    return _seconds(comparison.ours, repo.root) / _seconds(comparison.other, repo.root)


def _seconds(act: Act, root: Path) -> float:
    start = time.perf_counter()
    act(root)
    return time.perf_counter() - start


def _report(comparison: Comparison, ratios: list[float]) -> None:
    median = statistics.median(ratios)
    verdict = "met" if median <= comparison.goal else "MISSED"
    spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
    console.result(f"  {comparison.title:<24}{median:5.2f} {spread:<16} goal {comparison.goal:.2f}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
