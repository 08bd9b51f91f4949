"""Tests run offline against a wheelhouse that is filled once, with real git, uv, pip and twine."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

import pytest
from filelock import FileLock

from release_channels.indexserver.server import serve
from release_channels.model.outcome import Outcome
from release_channels.model.session_names import PREVIEW
from release_channels.model.version import Channel
from release_channels.release import pipeline
from release_channels.release.step import Timeouts
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.support.wheelhouse import compile_wheels, fill

Item = TypeVar("Item")
_FOREIGN = ("UV_", "PIP_", "GITHUB_", "ACTIONS_", "TWINE_", "GIT_", "RELEASE_CHANNELS_", "NOX")
_HARMLESS = ("UV_PYTHON_DOWNLOADS", "UV_LINK_MODE")
# No sample hooks, and no housekeeping after each commit, fetch and push.
_GIT_CONFIG = (
    "[user]\n\tname = Tester\n\temail = tester@example.com\n[init]\n\tdefaultBranch = main\n\ttemplateDir =\n"
    "[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n"
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--all`: the same tests with every parameter."""
    parser.addoption("--all", action="store_true", help="run every backend, fault and kill")


def pytest_configure() -> None:
    """Make signals interrupt the programs that tests start, also where the tests run in a shell's background."""
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


def pytest_xdist_auto_num_workers() -> int:
    """Return two workers per core: half of a test's time is spent waiting for programs and servers."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect `full` cases unless --all is given; run first what starts programs, the longest first."""
    if not config.getoption("--all"):
        left_out = [item for item in items if item.get_closest_marker("full")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("full")]
    items.sort(key=_order)
    items[:] = share_out(items, _seconds, getattr(config, "workerinput", {}).get("workercount", 1))


def share_out(items: Sequence[Item], seconds: Callable[[Item], float], workers: int) -> list[Item]:
    """Put the longest at the heads of the workers' shares; the list is cut into as many equal shares as workers.

    One that a worker came to last would be the only one at work.
    """
    longest = sorted(filter(seconds, items), key=seconds, reverse=True)
    others = iter([item for item in items if not seconds(item)])
    shares = [longest[number::workers] for number in range(workers)]
    for share in shares[:-1]:
        share += islice(others, max(0, len(items) // workers - len(share)))
    return [*chain.from_iterable(shares), *others]


def _seconds(item: pytest.Item) -> float:
    """Return the limit of a test that has one of its own, in seconds."""
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0]) if marker else 0.0


def _order(item: pytest.Item) -> tuple[bool, bool]:
    return "wheelhouse" not in _fixtures(item), "rehearsal" not in item.path.parts


def _fixtures(item: pytest.Item) -> list[str]:
    return item.fixturenames if isinstance(item, pytest.Function) else []


@pytest.fixture(scope="session")
def wheelhouse(pytestconfig: pytest.Config) -> Path:
    """A directory with every wheel that a test installs or locks, downloaded once and kept."""
    assert pytestconfig.cache is not None
    directory = pytestconfig.cache.mkdir("wheelhouse")
    with FileLock(directory / ".lock"):
        fill(directory, pytestconfig.rootpath)
        compile_wheels(directory)
    return directory


@pytest.fixture(scope="session")
def upstream(wheelhouse: Path) -> Iterator[str]:
    """The index that dependencies come from: the wheelhouse, served on loopback."""
    with serve(wheelhouse) as running:
        yield running.simple_url


@pytest.fixture(scope="session")
def offline_environment(upstream: str, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment of every test: no user, no configuration, no network."""
    shared = tmp_path_factory.getbasetemp().parent
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(_GIT_CONFIG)
    env = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN) or name in _HARMLESS}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    dead = "http://127.0.0.1:9"  # the discard port: who leaves loopback is refused
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    env |= {name: dead for proxy in proxies for name in (proxy, proxy.lower())}
    env |= {
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "HOME": str(home),
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "UV_CACHE_DIR": str(shared / "uv-cache"),
        "PIP_CACHE_DIR": str(shared / "pip-cache"),
        "UV_DEFAULT_INDEX": upstream,
        "PIP_INDEX_URL": upstream,
        "PIP_CONFIG_FILE": os.devnull,
        "NO_COLOR": "1",
        # Not in `__pycache__`, which would appear beside the noxfile of a project that must stay as it is.
        "PYTHONPYCACHEPREFIX": str(shared / "bytecode"),
    }
    return env


@pytest.fixture
def offline(offline_environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the offline environment in this process, too."""
    for name in set(os.environ) - set(offline_environment):
        if name != "PYTEST_CURRENT_TEST":
            monkeypatch.delenv(name)
    for name, value in offline_environment.items():
        monkeypatch.setenv(name, value)


MakeRepo = Callable[..., Repo]


@pytest.fixture
def make_repo(tmp_path: Path, offline: None) -> MakeRepo:
    """Create repositories with a sample project and a bare remote."""
    made: list[Repo] = []

    def make(sample: Sample | None = None) -> Repo:
        made.append(Repo.create(tmp_path / f"repo-{len(made)}", (sample or Sample()).tree()))
        return made[-1]

    return make


@pytest.fixture
def repo(make_repo: MakeRepo) -> Repo:
    """A repository with the default sample project."""
    return make_repo()


RunSession = Callable[..., Outcome]


@pytest.fixture
def run_session(offline: None) -> RunSession:
    """Run steps of a release as the sessions do, with short waits."""

    def run(repo: Repo, *words: str, steps: tuple[str, ...] = PREVIEW, **more: object) -> Outcome:
        patience = Timeouts(tries=(0.1, 0.1), visible=1.0, first_pause=0.05)
        name = "preview" if steps == PREVIEW else steps[0]
        if steps == PREVIEW:
            more.setdefault("channel", Channel.PREVIEW)
        return pipeline.run_pipeline(
            name, steps, words, root=repo.root, env=dict(os.environ), patience=patience, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    return run
