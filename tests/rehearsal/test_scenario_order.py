"""The order of stages: which one waits for which, and which error is reported, with controlled runs."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from packaging.version import Version

from release_channels.adapters.process import CompletedProcess
from release_channels.errors import FailedError
from release_channels.model.config import Config
from release_channels.model.workflow_semantics.triggers import Event
from release_channels.rehearsal.maintainer import on_index, outcome_line
from release_channels.rehearsal.scenario import Scenario

TEST, PREVIEW, PUBLIC = "test.yml", "internal-preview-release.yml", "public-release.yml"


VERSIONS = {f"{PREVIEW} 1": "1.2.0.dev1", f"{PUBLIC} 1": "1.2.0", f"{PREVIEW} 3": "1.2.1.dev3"}
"""What each run publishes."""


@dataclass
class World:
    """A forge, hands and users in one, without a repository: it notes what begins and ends, in order."""

    index_root: Path
    takes: dict[str, float] = field(default_factory=dict)
    """Seconds that a run takes, by its file and number."""
    red: set[str] = field(default_factory=set)
    buggy: set[str] = field(default_factory=set)
    hands_fail_at: str = ""
    deaf: str = ""
    """A workflow that nothing starts."""
    told: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    main: str = "c0"
    is_written: bool = True
    """Whether the version stands in a file, and not in tags."""
    versions: list[str] = field(default_factory=lambda: ["1.2.0.dev0"])
    is_open: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    releases: dict[int, Any] = field(default_factory=dict)

    def look(self) -> tuple[()]:
        """Look at the refs, or at what users get."""
        return ()

    def started_by(self, event: Event) -> tuple[Any, ...]:
        """Give the workflow that the event names."""
        return (SimpleNamespace(file=event.name),) if event.name and event.name != self.deaf else ()

    def pushed(self) -> tuple[Event, ...]:
        """Give the push of main, or after `tag` that of the tag."""
        name, self.refs = (PUBLIC, {}) if self.refs else (TEST, {})
        return (Event(name, "refs/heads/main", self.main, {}),)

    def completed(self, ran: Any) -> Event:
        """Tests are followed by a preview."""
        return Event(PREVIEW if ran.workflow.file == TEST else "", "refs/heads/main", self.main, {})

    def run(self, workflow: Any, _event: Event) -> Any:
        """Take as long as is wished, and end as is wished."""
        with self.lock:
            number = self.counters[workflow.file] = self.counters.get(workflow.file, 0) + 1
            name = f"{workflow.file} {number}"
            self.told.append(f"begin {name}")
        time.sleep(self.takes.get(name, 0.0))
        if name in self.buggy:
            raise ValueError(name)
        is_green = name not in self.red
        with self.lock:
            self.told.append(f"end {name}")
            if workflow.file == PUBLIC and is_green:
                self.releases[1] = SimpleNamespace(tag="v1.2.0", is_draft=False)
            if name in VERSIONS and is_green:
                (self.index_root / f"demo_tool-{VERSIONS[name]}.tar.gz").write_text(name)
        conclusion = "success" if is_green else "failure"
        return SimpleNamespace(
            workflow=workflow, is_green=is_green, conclusion=conclusion, jobs={}, outcome=lambda: name
        )  # fmt: skip

    def do(self, *words: str) -> str:
        """Do a task."""
        name = "ask" if "--dry-run" in words else words[0]
        self.told.append(name)
        if name == self.hands_fail_at:
            raise FailedError(f"`release-channels {name}` exited 1", hint="")
        if name == "ask":
            return "planned"
        self.is_open = words[0] != "tag" and self.is_written
        self.refs = {"refs/tags/v1.2.0": "c1"} if words[0] == "tag" else {}
        return "done"

    def merge(self) -> str:
        """Merge: main declares the next version."""
        self.versions.append({"1.2.0.dev0": "1.2.0", "1.2.0": "1.2.1.dev0"}[self.versions[-1]])
        return "merged"

    def catch_up(self) -> None:
        """Nothing to do."""

    def task(self, *_words: str) -> Any:
        """Ask for the status."""
        return SimpleNamespace(code=0, text="next: nothing")

    def build_at_home(self, _commit: str, *words: str) -> dict[str, str]:
        """Build what is on the index."""
        name = f"{PUBLIC} 1" if words[0] == "--tag" else f"{PREVIEW} {words[1]}"
        return on_index(cast(Any, self), Version(VERSIONS[name]))


class Ride(Scenario):
    """A scenario in such a world: main's version and the index are the world's, too."""

    @property
    def version(self) -> Version:
        """What main declares."""
        return Version(cast(World, self.dispatcher).versions[-1])


def ride(world: World) -> Scenario:
    """Make the scenario; what it is run on needs neither git nor an index."""
    project = SimpleNamespace(source=SimpleNamespace(is_written=world.is_written))
    environment = SimpleNamespace(
        config=Config(), git=lambda *_: "", state=world, project=project, keep=False, index_root=world.index_root
    )  # fmt: skip
    made: Any = world
    return Ride(cast(Any, environment), made, made, made)


def test_the_maintainer_does_not_wait_and_previews_wait_for_each_other(tmp_path: Path) -> None:
    """Bumping and tagging go on beside the first preview; what publishes begins when the one before has ended."""
    world = World(tmp_path, {f"{PREVIEW} 1": 0.4, f"{PREVIEW} 2": 0.6, f"{PUBLIC} 1": 0.1})
    scenario = ride(world)
    scenario.run()
    compared = [stage.outcome for stage in scenario.log.stages if stage.name == "compare"]
    assert compared == [f"1 files of {version} are identical" for version in VERSIONS.values()]
    told = world.told
    assert told.index("bump") < told.index("tag") < told.index(f"end {PREVIEW} 1") < told.index(f"begin {PREVIEW} 2")
    assert told.index(f"end {PREVIEW} 1") < told.index(f"begin {PUBLIC} 1")
    assert told.index("bump-dev") < told.index(f"end {PREVIEW} 2") < told.index(f"begin {PREVIEW} 3")
    assert told.index(f"end {PUBLIC} 1") < told.index(f"begin {PREVIEW} 3")


@pytest.mark.parametrize("text", ["done: tagged\nnext: release-channels status\n", "x\ndone: tagged\n\n"])
def test_the_outcome_of_a_task_is_what_the_table_shows(text: str) -> None:
    """Not the command that comes next."""
    assert outcome_line(CompletedProcess(("x",), 0, text.encode(), b"")) == "done: tagged"


def test_a_version_that_cannot_become_final_ends_the_rehearsal_before_anything_runs(tmp_path: Path) -> None:
    """Else the tests and the gate would have run for nothing; where only a preview is rehearsed nobody asks."""
    world = World(tmp_path, hands_fail_at="ask")
    with pytest.raises(FailedError, match=r"^`release-channels ask` exited 1"):
        ride(world).run()
    assert world.told == ["ask"]
    assert world.counters == {}
    ride(World(tmp_path, hands_fail_at="ask")).run("preview")


def test_a_tag_that_would_be_the_version_waits_for_the_preview_of_its_commit(tmp_path: Path) -> None:
    """Nothing is bumped there: each later job of the preview would find the tag, and with it another version."""
    world = World(tmp_path, {f"{PREVIEW} 1": 0.3}, is_written=False)
    ride(world).run()
    assert world.told.index(f"end {PREVIEW} 1") < world.told.index("tag") < world.told.index(f"begin {PUBLIC} 1")


def test_what_stopped_the_train_is_told_and_not_what_follows_from_it(tmp_path: Path) -> None:
    """A preview went wrong beside, then a task that needs it: the preview is what is told."""
    world = World(tmp_path, {f"{TEST} 2": 0.3}, red={f"{PREVIEW} 1"}, hands_fail_at="tag")
    scenario = ride(world)
    with pytest.raises(FailedError, match=r"^preview: "):
        scenario.run()
    outcomes = {stage.name: stage.outcome for stage in scenario.log.stages}
    assert outcomes["preview"] == f"{PREVIEW} 1"
    assert outcomes["compare"] == "skipped: nothing was published"


def test_a_release_that_fails_stops_what_would_follow_it(tmp_path: Path) -> None:
    """The next preview is not begun, and no later error hides the release's."""
    world = World(tmp_path, {f"{PUBLIC} 1": 0.2}, red={f"{PUBLIC} 1"})
    scenario = ride(world)
    with pytest.raises(FailedError, match=r"^public: "):
        scenario.run()
    assert f"begin {PREVIEW} 3" not in world.told


def test_a_finished_run_is_not_called_broken_off_where_a_task_fails(tmp_path: Path) -> None:
    """The preview has ended well by then, and the task is what is told."""
    scenario = ride(World(tmp_path, {f"{TEST} 2": 0.2}, hands_fail_at="tag"))
    with pytest.raises(FailedError, match=r"^`release-channels tag` exited 1"):
        scenario.run()
    told = [stage.outcome for stage in scenario.log.stages]
    assert "cancelled: an earlier stage failed" not in told
    assert f"{PREVIEW} 1" in told


def test_a_bug_beside_does_not_hide_what_stopped_the_train(tmp_path: Path) -> None:
    """It would be told in the place of an error that somebody can fix."""
    scenario = ride(World(tmp_path, {f"{TEST} 2": 0.2}, buggy={f"{PREVIEW} 1"}, hands_fail_at="bump"))
    with pytest.raises(FailedError, match=r"^`release-channels bump` exited 1"):
        scenario.run()


@pytest.mark.parametrize(
    ("deaf", "told"), [(TEST, "nothing was started by the push"), (PREVIEW, f"{PREVIEW} was not started by the push")]
)
def test_a_workflow_that_does_not_listen_is_told(tmp_path: Path, deaf: str, told: str) -> None:
    """Nothing would ever happen on GitHub, however green the rest is."""
    with pytest.raises(FailedError, match=told):
        ride(World(tmp_path, deaf=deaf)).run("preview")
