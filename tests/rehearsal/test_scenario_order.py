"""The order of stages: which stage waits for which, and which error is reported, with controlled runs."""

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
class Recorder:
    """Dispatcher, maintainer and users in one, without a repository, that record starts and ends in order."""

    index_root: Path
    takes: dict[str, float] = field(default_factory=dict)
    """Seconds that a run takes, by its file and number."""
    red: set[str] = field(default_factory=set)
    buggy: set[str] = field(default_factory=set)
    hands_fail_at: str = ""
    deaf: str = ""
    """A workflow that nothing starts."""
    order: list[str] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    main: str = "c0"
    is_written: bool = True
    """True if the version is in a file, and not in tags."""
    has_towncrier: bool = False
    versions: list[str] = field(default_factory=lambda: ["1.2.0.dev0"])
    is_open: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)
    releases: dict[int, Any] = field(default_factory=dict)

    def look(self) -> tuple[()]:
        """Read the refs, or the users' versions."""
        return ()

    def started_by(self, event: Event) -> tuple[Any, ...]:
        """Return the workflow that the event starts."""
        return (SimpleNamespace(file=event.name),) if event.name and event.name != self.deaf else ()

    def pushed(self) -> tuple[Event, ...]:
        """Return the push of main, or after `tag` that of the tag."""
        name, self.refs = (PUBLIC, {}) if self.refs else (TEST, {})
        return (Event(name, "refs/heads/main", self.main, {}),)

    def completed(self, ran: Any) -> Event:
        """Return the preview after the tests."""
        return Event(PREVIEW if ran.workflow.file == TEST else "", "refs/heads/main", self.main, {})

    def run(self, workflow: Any, _event: Event) -> Any:
        """Take the configured time, and end with the configured result."""
        with self.lock:
            number = self.counters[workflow.file] = self.counters.get(workflow.file, 0) + 1
            name = f"{workflow.file} {number}"
            self.order.append(f"begin {name}")
        time.sleep(self.takes.get(name, 0.0))
        if name in self.buggy:
            raise ValueError(name)
        is_green = name not in self.red
        with self.lock:
            self.order.append(f"end {name}")
            if workflow.file == PUBLIC and is_green:
                self.releases[1] = SimpleNamespace(tag="v1.2.0", is_draft=False)
            if name in VERSIONS and is_green:
                (self.index_root / f"demo_tool-{VERSIONS[name]}.tar.gz").write_text(name)
        conclusion = "success" if is_green else "failure"
        return SimpleNamespace(
            workflow=workflow, is_green=is_green, conclusion=conclusion, jobs={}, outcome=lambda: name
        )  # fmt: skip

    def do(self, *words: str) -> str:
        """Run a task."""
        name = "ask" if "--dry-run" in words else words[0]
        self.order.append(name)
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
        """Do nothing."""

    def task(self, *_words: str) -> Any:
        """Run `status`."""
        return SimpleNamespace(code=0, text="next: nothing")

    def build_at_home(self, _commit: str, *words: str) -> dict[str, str]:
        """Return the build that is on the index."""
        name = f"{PUBLIC} 1" if words[0] == "--tag" else f"{PREVIEW} {words[1]}"
        return on_index(cast(Any, self), Version(VERSIONS[name]))


class RecordedScenario(Scenario):
    """A scenario on the recorder, with its versions for main and the index."""

    @property
    def version(self) -> Version:
        """Main's declared version."""
        return Version(cast(Recorder, self.dispatcher).versions[-1])


def make_scenario(world: Recorder) -> Scenario:
    """Create the scenario, without git or an index."""
    project = SimpleNamespace(source=SimpleNamespace(is_written=world.is_written), news=world.has_towncrier)
    environment = SimpleNamespace(
        config=Config(), git=lambda *_: "", state=world, project=project, keep=False, index_root=world.index_root
    )  # fmt: skip
    made: Any = world
    return RecordedScenario(cast(Any, environment), made, made, made)


def test_the_maintainer_continues_and_previews_run_in_order(tmp_path: Path) -> None:
    """Bump and tag during the first preview; a publishing stage starts when the one before has ended."""
    world = Recorder(tmp_path, {f"{PREVIEW} 1": 0.4, f"{PREVIEW} 2": 0.6, f"{PUBLIC} 1": 0.1})
    scenario = make_scenario(world)
    scenario.run()
    compared = [stage.outcome for stage in scenario.log.stages if stage.name == "compare"]
    assert compared == [f"1 files of {version} are identical" for version in VERSIONS.values()]
    order = world.order
    assert (
        order.index("bump") < order.index("tag") < order.index(f"end {PREVIEW} 1") < order.index(f"begin {PREVIEW} 2")
    )
    assert order.index(f"end {PREVIEW} 1") < order.index(f"begin {PUBLIC} 1")
    assert order.index("bump-dev") < order.index(f"end {PREVIEW} 2") < order.index(f"begin {PREVIEW} 3")
    assert order.index(f"end {PUBLIC} 1") < order.index(f"begin {PREVIEW} 3")


@pytest.mark.parametrize(
    "text", ["done: tagged\nnext: release-channels status\n", "x\ndone: tagged\n\n", "done: tagged\n\nnext: c\n"]
)
def test_the_outcome_of_a_task_is_what_the_table_shows(text: str) -> None:
    """Not the command that comes next."""
    assert outcome_line(CompletedProcess(("x",), 0, text.encode(), b"")) == "done: tagged"


def test_a_refusal_of_towncrier_ends_the_rehearsal_before_anything_runs(tmp_path: Path) -> None:
    """Before tests and gate; not where a preview alone is rehearsed, nor in a project without towncrier."""
    world = Recorder(tmp_path, hands_fail_at="ask", has_towncrier=True)
    with pytest.raises(FailedError, match=r"^`release-channels ask` exited 1"):
        make_scenario(world).run()
    assert world.order == ["ask"]
    assert world.counters == {}
    make_scenario(Recorder(tmp_path, hands_fail_at="ask", has_towncrier=True)).run("preview")
    make_scenario(Recorder(tmp_path, hands_fail_at="ask")).run()


def test_with_tag_versions_the_tag_waits_for_the_preview(tmp_path: Path) -> None:
    """Later jobs of the preview would find the tag, and another version."""
    world = Recorder(tmp_path, {f"{PREVIEW} 1": 0.3}, is_written=False)
    make_scenario(world).run()
    assert world.order.index(f"end {PREVIEW} 1") < world.order.index("tag") < world.order.index(f"begin {PUBLIC} 1")


def test_the_first_error_is_reported_not_its_consequence(tmp_path: Path) -> None:
    """A failed background preview, not the task that needed it."""
    world = Recorder(tmp_path, {f"{TEST} 2": 0.3}, red={f"{PREVIEW} 1"}, hands_fail_at="tag")
    scenario = make_scenario(world)
    with pytest.raises(FailedError, match=r"^preview: "):
        scenario.run()
    outcomes = {stage.name: stage.outcome for stage in scenario.log.stages}
    assert outcomes["preview"] == f"{PREVIEW} 1"
    assert outcomes["compare"] == "skipped: nothing was published"


def test_a_failed_release_stops_the_next_preview(tmp_path: Path) -> None:
    """No later error hides it."""
    world = Recorder(tmp_path, {f"{PUBLIC} 1": 0.2}, red={f"{PUBLIC} 1"})
    scenario = make_scenario(world)
    with pytest.raises(FailedError, match=r"^public: "):
        scenario.run()
    assert f"begin {PREVIEW} 3" not in world.order


def test_a_failed_task_does_not_mark_finished_runs(tmp_path: Path) -> None:
    """The preview had passed; the task is reported."""
    scenario = make_scenario(Recorder(tmp_path, {f"{TEST} 2": 0.2}, hands_fail_at="tag"))
    with pytest.raises(FailedError, match=r"^`release-channels tag` exited 1"):
        scenario.run()
    outcomes = [stage.outcome for stage in scenario.log.stages]
    assert "cancelled: an earlier stage failed" not in outcomes
    assert f"{PREVIEW} 1" in outcomes


def test_an_internal_error_in_the_background_hides_no_other(tmp_path: Path) -> None:
    """One that a user can fix is reported."""
    scenario = make_scenario(Recorder(tmp_path, {f"{TEST} 2": 0.2}, buggy={f"{PREVIEW} 1"}, hands_fail_at="bump"))
    with pytest.raises(FailedError, match=r"^`release-channels bump` exited 1"):
        scenario.run()


@pytest.mark.parametrize(
    ("deaf", "message"),
    [(TEST, "nothing was started by the push"), (PREVIEW, f"{PREVIEW} was not started by the push")],
)
def test_a_workflow_that_does_not_start_is_reported(tmp_path: Path, deaf: str, message: str) -> None:
    """Nothing would ever happen on GitHub, however green the rest is."""
    with pytest.raises(FailedError, match=message):
        make_scenario(Recorder(tmp_path, deaf=deaf)).run("preview")
