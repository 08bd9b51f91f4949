"""Compare a preview with the same work by hand, and screens with those of an empty noxfile or tasks file.

In pairs of one run: time ratios, on loopback only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from release_channels.adapters import console
from release_channels.indexserver.server import serve
from tests import growth
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
_DESCRIBED = (
    "import nox\n\n\n@nox.session(venv_backend='none')\ndef nothing(session):\n"
    "    'Do nothing.'\n    print('nothing')\n"
)
_TASKS = "from invoke import task\n\n\n@task\ndef nothing(_):\n    'Do nothing.'\n    print('nothing')\n"
_GIT_CONFIG = "[user]\n\tname = Bench\n\temail = bench@example.com\n[init]\n\tdefaultBranch = main\n"
_SECONDS = 300
_REHEARSAL_GOAL, _REHEARSAL_SECONDS = 60, 1800
_MINE = dict(os.environ)  # as it was before the comparisons got theirs
Act = Callable[[Path], float | None]
"""Some work in a directory; it returns its seconds, or all of it is timed."""


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
    parser.add_argument("--screens", action="store_true", help="only lists, help and first lines")
    parser.add_argument("--growth", action="store_true", help="only how reading grows with what is there")
    options = parser.parse_args()
    pairs = options.pairs
    if not (WHEELHOUSE / ".filled-with").exists():
        console.result("there is no wheelhouse yet: `nox -s tests` fills it")
        return 1
    with tempfile.TemporaryDirectory(prefix="bench-") as directory, serve(WHEELHOUSE) as upstream:
        place = Path(directory)
        env = _environment(place, upstream.simple_url)
        os.environ.clear()  # git in the sample repositories lives in it, too
        os.environ.update(env)
        if options.growth:
            growth.main()
            return 0
        console.result(
            f"ours, divided by the other way; median of {pairs} pairs (lowest to highest), and our own median"
        )
        comparisons = () if options.screens else _comparisons(env, upstream.simple_url)
        for comparison in (*comparisons, *_screens(env)):
            times = [_pair(comparison, place / f"{comparison.title} {number}") for number in range(pairs + 1)][1:]
            _report(comparison, times)
    if not options.screens:
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

    return (
        Comparison("preview without verify", release("without_verify"), by_hand, 1.25),
        Comparison("preview", release("preview"), lambda root: by_hand(root, installs=True), 1.0),
    )


def _screens(env: Mapping[str, str]) -> tuple[Comparison, ...]:
    """Compare lists, help and first lines with those of an empty noxfile or tasks file.

    Where that takes a quarter of a second, the goals are half a second for help and a second for the first line.
    """
    here = Path(__file__).parents[1]

    def whole(*words: str) -> Callable[[Path], Act]:
        return lambda place: lambda root: _seconds_to(env, _place(place, root), words, lambda _: False)

    def first(*words: str) -> Callable[[Path], Act]:
        return lambda place: lambda root: _seconds_to(env, _place(place, root), words, _is_ours)

    table = (
        ("nox -l", here, whole("nox", "-l"), whole("nox", "-l"), 1.5),
        ("invoke --list", here, whole("invoke", "--list"), whole("invoke", "--list"), 1.5),
        (
            "help of a task",
            _ROOT,
            whole("release-channels", "tag", "--help"),
            whole("invoke", "--help", "nothing"),
            1.5,
        ),
        ("help of a session", _ROOT, whole("nox", "-s", "preview", "--", "--help"), whole("nox", "-s", "nothing"), 2.0),
        ("first line of a task", _ROOT, first("release-channels", "status"), first("invoke", "nothing"), 4.0),
        ("first line of a session", _ROOT, first("nox", "-s", "preview"), first("nox", "-s", "nothing"), 5.0),
    )
    return tuple(Comparison(title, ours(place), other(_EMPTY), goal) for title, place, ours, other, goal in table)


_ROOT, _EMPTY = Path("root"), Path("empty")


def _place(place: Path, root: Path) -> Path:
    """Return where a command runs: in the sample project, beside it where nothing is, or at a path of its own."""
    return root if place == _ROOT else root.with_name("empty") if place == _EMPTY else place


def _is_ours(line: str) -> bool:
    """Return whether a line is not nox's own, which comes before any session."""
    return not line.startswith("nox > ")


def _seconds_to(env: Mapping[str, str], cwd: Path, words: Sequence[str], is_it: Callable[[str], bool]) -> float:
    """Run a program, and return the seconds until it printed such a line, or ended."""
    start = time.perf_counter()
    seconds = 0.0
    with subprocess.Popen(
        words, cwd=cwd, env={**env, "PYTHONUNBUFFERED": "1"}, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as child:  # fmt: skip
        for line in child.stdout or ():
            if not seconds and is_it(line):
                seconds = time.perf_counter() - start
    if child.returncode:
        raise RuntimeError(f"{' '.join(words)} exited {child.returncode}")
    return seconds or time.perf_counter() - start


def _pair(comparison: Comparison, place: Path) -> tuple[float, float]:
    """Do the work both ways in fresh directories, and return the seconds of ours and of the other."""
    sample = Sample(version="1.2.0.dev1", backend="hatchling", dependencies=("idna",), files={"noxfile.py": _NOXFILE})
    repo = Repo.create(place, sample.tree())
    (place / "empty").mkdir()
    (place / "empty" / "noxfile.py").write_text(_DESCRIBED)
    (place / "empty" / "tasks.py").write_text(_TASKS)
    return _seconds(comparison.ours, repo.root), _seconds(comparison.other, repo.root)


def _seconds(act: Act, root: Path) -> float:
    start = time.perf_counter()
    seconds = act(root)
    return time.perf_counter() - start if seconds is None else seconds


def _report(comparison: Comparison, times: Sequence[tuple[float, float]]) -> None:
    ratios = [ours / other for ours, other in times]
    median, seconds = statistics.median(ratios), statistics.median(ours for ours, _ in times)
    verdict = "met" if median <= comparison.goal else "MISSED"
    spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
    console.result(
        f"  {comparison.title:<24}{median:5.2f} {spread:<16} {seconds:6.2f} s, goal {comparison.goal:.2f}: {verdict}"
    )


if __name__ == "__main__":
    sys.exit(main())
