"""Runs that are killed anywhere: the same command again ends in the state that a run without a kill ends in."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.screen import BIN, Screen, adopter, marked, run, start, wait_until
from tests.commands.test_bump import CHANGELOG, CITATION, COPY, LOCK
from tests.github.hubs import NAME, WRITER, GitHubDouble, open_github
from tests.support.kills import SEED, Kill, arm, changes, kills
from tests.support.releasing import IGNORED, index_of
from tests.support.repo import Repo

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")

# 200 in all: more of those that make more changes.
COUNTS = {"preview": 45, "public": 45, "resume": 30, "bump": 35, "tag": 20, "bump-dev": 25}
# These few run in each push: commands of a second, at places where a fault was once.
ALWAYS = (
    Kill("bump", (signal.SIGKILL,), 0.50, at_boundary=True, concurrent=False),
    Kill("bump", (signal.SIGTERM, signal.SIGINT), 0.62, at_boundary=True, concurrent=False),
    Kill("tag", (signal.SIGKILL,), 0.90, at_boundary=True, concurrent=False),
)
WORDS = {
    "preview": ("nox", "-s", "preview"),
    "public": ("nox", "-s", "public"),
    "resume": ("release-channels", "resume", "v1.2.0", "--index", "local"),
    "bump": ("release-channels", "bump", "--commit", "--index", "local"),
    "tag": ("release-channels", "tag", "--index", "local"),
    "bump-dev": ("release-channels", "bump-dev", "--commit", "--index", "local"),
}
ON_GITHUB = ("public", "resume")
# The clock of commits and tags, so that the same command makes the same objects.
_CLOCK = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-02T03:04:05Z")
_WHEEL, _SDIST = "demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz"


@dataclass(frozen=True)
class Uninterrupted:
    """A command that ran to its end: what was there before and after, its changes, and its time in seconds."""

    before: Repo
    after: Repo
    state: dict[str, str]
    changes: int
    seconds: float


class Stations:
    """A release, one command after the other: each command's start, and the state that it has to end in."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._known: dict[str, Uninterrupted] = {}

    def of(self, command: str) -> Uninterrupted:
        """Return how a command ends without a kill."""
        if command not in self._known:
            self._known[command] = self._run(command, self._before(command))
        return self._known[command]

    def _before(self, command: str) -> Repo:
        place = self._place / f"before-{command}"
        match command:
            case "preview" | "bump":
                files = {"CITATION.cff": CITATION, "uv.lock": LOCK, "CHANGELOG.md": CHANGELOG, **IGNORED}
                sample = adopter(tail=COPY, settings="rebuild = false\n", files=files)
                return Repo.create(place, sample.tree())
            case "tag":
                repo = self.of("bump").after.copy(place)
                repo.git("push", "--quiet", "origin", "main")
                return repo
            case "public":
                return self.of("tag").after.copy(place)
            case "resume":
                repo = self.of("public").after.copy(place)
                (index_of(repo) / _SDIST).unlink()
                shutil.rmtree(repo.root / "dist")
                (repo.root / "release.json").unlink()
                return repo
            case _:
                return self.of("public").after.copy(place)

    def _run(self, command: str, before: Repo) -> Uninterrupted:
        stage = Stage(command, before.copy(self._place / command), self._place / f"run-{command}")
        stage.temporary.mkdir(parents=True)
        begun = time.monotonic()
        with stage.github():
            screen = run(
                BIN / WORDS[command][0], *WORDS[command][1:], cwd=stage.repo.root, env=stage.env | stage.armed({})
            )
        assert screen.code == 0, screen.text
        return Uninterrupted(
            before, stage.repo, stage.state(), len(changes(stage.place / "plan-1")), time.monotonic() - begun
        )


class Stage:
    """A checkout in which a command runs, is killed and runs again."""

    def __init__(self, command: str, repo: Repo, place: Path) -> None:
        self.command, self.repo, self.place = command, repo, place
        self.temporary = place / "temporary"
        self.marker = f"KILLED_RUN={uuid.uuid4().hex}"
        self.hub: GitHubDouble | None = None
        self._plans = 0

    @property
    def env(self) -> dict[str, str]:
        """The variables of each run."""
        name, _, value = self.marker.partition("=")
        env = {"TMPDIR": str(self.temporary), "NOX_SCRIPT_MODE": "none", name: value, **_CLOCK}
        if self.hub is not None:
            env |= {"GITHUB_API_URL": self.hub.running.api_url, "GITHUB_REPOSITORY": NAME, "GH_TOKEN": WRITER}
        return env

    @property
    def words(self) -> tuple[str | Path, ...]:
        """The command as it is typed."""
        program, *words = WORDS[self.command]
        return (BIN / program, *words)

    @contextmanager
    def github(self) -> Iterator[None]:
        """Serve the GitHub double where the command needs it."""
        with ExitStack() as stack:
            if self.command in ON_GITHUB:
                self.hub = stack.enter_context(open_github(self.repo))
            yield

    def armed(self, at: Mapping[int, tuple[signal.Signals, ...]]) -> dict[str, str]:
        """Return the variables of a run that kills itself."""
        self._plans += 1
        return arm(self.place / f"plan-{self._plans}", dict(at))

    def state(self) -> dict[str, str]:
        """Everything that a release is: the tree, refs here and there, the index, dist/, and the GitHub Release."""
        seen = {name: value for name, value in self.repo.fingerprint().items() if not name.endswith(".files.jsonl")}
        seen["status"] = self.repo.git("status", "--porcelain")
        seen |= {f"lock {path.name}": "" for path in (self.repo.root / ".git").rglob("*.lock")}
        for release in self.hub.state.releases.values() if self.hub else ():
            assets = sorted(asset.name for asset in release.assets)
            seen[f"release {release.tag}"] = f"draft={release.is_draft} {assets}"
        return seen


@pytest.fixture(scope="module")
def stations(tmp_path_factory: pytest.TempPathFactory, offline_environment: Mapping[str, str]) -> Iterator[Stations]:
    """Run each command once without a kill, as it is needed."""
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(offline_environment):
            patch.delenv(name)
        for name, value in offline_environment.items():
            patch.setenv(name, value)
        yield Stations(tmp_path_factory.mktemp("stations"))


@pytest.mark.parametrize(
    "kill", [*ALWAYS, *(pytest.param(kill, marks=pytest.mark.full) for kill in kills(COUNTS))], ids=str
)
def test_after_a_kill_the_same_command_ends_as_if_there_had_been_none(
    kill: Kill, stations: Stations, tmp_path: Path
) -> None:
    """Files, refs, index, GitHub Release, temporary directories and processes are as after a run without a kill."""
    expected = stations.of(kill.command)
    stage = Stage(kill.command, expected.before.copy(tmp_path / "repo"), tmp_path / "run")
    stage.temporary.mkdir(parents=True)
    sys.stdout.write(f"seed {SEED}: {kill}, of {expected.changes} changes and {expected.seconds:.1f} s\n")
    with stage.github():
        killed = _killed(stage, kill, expected)
        sys.stdout.write("\n".join((*changes(stage.place / "plan-1")[-3:], killed.out, killed.err)))
        if signal.SIGKILL not in kill.signals:
            assert marked(stage.marker) == []
            assert list(stage.temporary.iterdir()) == []
            assert "a bug" not in killed.out + killed.err
            # Nox itself prints one if it is interrupted while it loads, which none of our code can prevent.
            assert "Traceback" not in killed.err or "/release_channels/" not in killed.err, killed.err
        else:
            wait_until(lambda: not marked(stage.marker), "the programs of the killed run end by themselves")
        again = run(*stage.words, cwd=stage.repo.root, env=stage.env)
        assert again.code == 0, again.text
        assert stage.state() == expected.state, again.text
    assert list(stage.temporary.iterdir()) == []
    assert marked(stage.marker) == []
    assert list((stage.repo.root / ".release-channels").glob("*-*")) == []


def _killed(stage: Stage, kill: Kill, expected: Uninterrupted) -> Screen:
    """Run the command until it is killed; a second run beside it may end in any way but a traceback."""
    at = {}
    if kill.at_boundary:
        first = 1 + int(kill.share * expected.changes)
        at = {first + 2 * number: (one,) for number, one in enumerate(kill.signals)}
    with ExitStack() as stack:
        child = stack.enter_context(start(*stage.words, cwd=stage.repo.root, env=stage.env | stage.armed(at)))
        other = (
            stack.enter_context(start(*stage.words, cwd=stage.repo.root, env=stage.env)) if kill.concurrent else None
        )
        if not kill.at_boundary:
            time.sleep(kill.share * expected.seconds)
            for number in kill.signals:
                child.send_signal(number)
                time.sleep(0.05)
        out, err = child.communicate(timeout=120)
        if other is not None:
            second = Screen(0, *other.communicate(timeout=120))
            assert "a bug" not in second.text
    return Screen(child.returncode, out, err)
