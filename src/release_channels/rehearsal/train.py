"""The release train, station by station: pushed, tested, gated, previewed, bumped, tagged, published, reopened."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial

from packaging.version import Version

from release_channels import console
from release_channels.errors import FailedError, ReleaseError
from release_channels.opening import open_project
from release_channels.outcome import Result
from release_channels.process import in_background
from release_channels.rehearsal.forge import Forge
from release_channels.rehearsal.ground import Ground
from release_channels.rehearsal.hands import Hands, on_index
from release_channels.rehearsal.ran import Ran
from release_channels.rehearsal.runfiles import log_of
from release_channels.rehearsal.triggers import Event
from release_channels.rehearsal.users import Got, Users, told
from release_channels.rehearsal.workflow import Workflow
from release_channels.tags import tag_of
from release_channels.version import final_of
from release_channels.world.git import Git

_COMPARE = "compare"


@dataclass(frozen=True, slots=True)
class Station:
    """One line of the table."""

    name: str
    ran: str
    outcome: str
    got: tuple[Got, ...]
    seconds: float

    @property
    def brings(self) -> str:
        """What the installers bring after it."""
        return told(self.got) if self.got else ""


@dataclass(slots=True)
class Train:
    """A train under way; a station that does not end as it should stops it."""

    ground: Ground
    forge: Forge
    hands: Hands
    users: Users
    stations: list[Station] = field(default_factory=list)
    beside: list[tuple[int, Future[tuple[Station, ReleaseError | None]]]] = field(default_factory=list)
    """What goes on while the train rides on: which station it is, and what becomes of it."""

    @property
    def version(self) -> Version:
        """What main holds."""
        git = Git(self.ground.checkout)
        return open_project(git, git.commit(self.forge.main)).version

    def run(self, only: str = "") -> None:
        """Go through the stations; `only` is the part to run.

        Raises: FailedError at the first station that did not end as it should.
        """
        with ExitStack() as stack:
            self._ride(only, stack)
            self._gather()

    def _ride(self, only: str, stack: ExitStack) -> None:
        """Go through the stations; the comparisons go on beside what follows, as long as the stack is there."""
        preview = self.ground.config.preview_workflow
        self.push_main()
        if only == "public":
            self.up_to(preview)
        else:
            self.follow()
            self._compare_preview(stack)
        if only != "preview":
            final = final_of(self.version)
            push = self.tag(final, stops_before=preview if only else "")
            self.follow(push)
            tag = tag_of(self.ground.config.tag_format, final)
            self._compare(stack, final, "--tag", tag)
        if not only:
            self.bump("bump-dev", "bump-dev", "--pull-request")
            self._compare_preview(stack)
            self._visit("status", self._status)

    def push_main(self) -> None:
        """Push the commit that is rehearsed."""
        self.forge.look()
        main, remote = self.ground.config.main_branch, self.ground.config.remote
        push = ("push", "--quiet", remote, main)
        self._visit("push to main", lambda: (f"git push {remote} {main}", self.ground.git(*push) or "pushed"))

    def tag(self, final: Version, *, stops_before: str = "") -> Event:
        """Make the version final, merge that, tag it, and give the push of the tag.

        Raises: FailedError if no tag was pushed.
        """
        self.bump("bump", "bump", "--pull-request", stops_before=stops_before)
        self.hands.catch_up()
        named = () if self.version == final else ("--version", str(final))
        self._visit("tag", lambda: ("invoke tag", self.hands.do("tag", *named)))
        pushed = self.forge.pushed()
        if len(pushed) != 1:
            raise FailedError(f"`invoke tag` pushed {len(pushed)} refs, not one", hint="see what the task said")
        return pushed[0]

    def bump(self, name: str, *task: str, stops_before: str = "") -> None:
        """Let a task open a pull request, merge it, and follow main."""
        self.hands.catch_up()
        self._visit(name, lambda: (f"invoke {' '.join(task)}", self.hands.do(*task)))
        if self.hands.is_open:
            self._visit("merge", lambda: ("git merge, git push", self.hands.merge()))
            self.up_to(stops_before)

    def up_to(self, file: str) -> tuple[Ran, ...]:
        """Follow what was pushed, and leave out one workflow and what would follow it."""
        return self.follow(*self.forge.pushed(), stops_before=file)

    def follow(self, *events: Event, stops_before: str = "") -> tuple[Ran, ...]:
        """Run what events start, and what follows from that, each a station of its own; by default what was pushed.

        Raises: FailedError if nothing runs, or a run is not green.
        """
        done: list[Ran] = []
        waiting = list(events or self.forge.pushed())
        while waiting:
            event = waiting.pop(0)
            for workflow in self.forge.started_by(event):
                if workflow.file != stops_before:
                    done.append(self._visit_run(workflow, event))
                    waiting.append(self.forge.completed(done[-1]))
        if not done:
            raise FailedError("nothing was started by the push", hint="does `on:` of a workflow file name this event?")
        return tuple(done)

    def _visit(self, name: str, act: Callable[[], tuple[str, str]]) -> None:
        console.say(name, style="bold")
        station, stop = _tried(name, act)
        self.stations.append(station)
        if stop:
            raise stop

    def _gather(self) -> None:
        """Wait for what went on beside, and put it where it began.

        Raises: the first error of it.
        """
        for place, future in self.beside:
            self.stations[place], stop = future.result()
            if stop:
                raise stop

    def _visit_run(self, workflow: Workflow, event: Event) -> Ran:
        """Visit a station where a workflow runs; where it may have published, look at what users get.

        Raises: FailedError if the run is not green.
        """
        config = self.ground.config
        names = {
            config.test_workflow: "test", config.gate_workflow: "gate", config.preview_workflow: "preview",
            config.public_workflow: "public",
        }  # fmt: skip
        name = names.get(workflow.file, workflow.file)
        begun = time.monotonic()
        console.say(name, style="bold")
        ran = self.forge.run(workflow, event)
        publishes = ran.workflow.file in (self.ground.config.preview_workflow, self.ground.config.public_workflow)
        got = self.users.look() if publishes and ran.is_green else ()
        self.stations.append(Station(name, str(ran), ran.outcome(), got, time.monotonic() - begun))
        if not ran.is_green:
            raise FailedError(
                f"{name}: {ran} ended with {ran.conclusion}: {ran.outcome()}", hint=tail(self.ground, ran)
            )
        return ran

    def _compare_preview(self, stack: ExitStack) -> None:
        """Compare the newest preview with a build at home, where main is on a dev line."""
        if not self.version.is_devrelease:
            return
        config = self.ground.config
        number = self.forge.counters[config.test_workflow]
        version = Version(f"{final_of(self.version)}.dev{number + config.run_offset}")
        self._compare(stack, version, "--run-number", str(number))

    def _compare(self, stack: ExitStack, version: Version, *words: str) -> None:
        """Compare what was published with a build at home of what main is now, beside what follows."""
        act = partial(self._same_bytes, self.forge.main, version, *words)
        self.beside.append((len(self.stations), stack.enter_context(in_background(partial(_tried, _COMPARE, act)))))
        self.stations.append(Station(_COMPARE, "", "broken off: the train stopped", (), 0))

    def _same_bytes(self, commit: str, version: Version, *words: str) -> tuple[str, str]:
        """Build the same at home and compare the bytes.

        Raises: FailedError if a file differs.
        """
        there = on_index(self.ground, version)
        here = self.hands.build_at_home(commit, *words)
        if not there or here != there:
            differing = sorted({name for name, _ in {*here.items()} ^ {*there.items()}})
            raise FailedError(
                f"{version} on the index is not what is built outside of the workflows: {', '.join(differing)}",
                hint="does the build read something that differs between a job and a laptop?",
            )
        return f"nox -s build -- {' '.join(words)}", f"{len(here)} files of {version} are bit for bit the same"

    def _status(self) -> tuple[str, str]:
        done = self.hands.task("status")
        if done.code:
            raise FailedError("`invoke status` says that something is left to do", hint=done.text)
        return "invoke status", next(line for line in done.text.splitlines() if line.startswith("next:"))


def _tried(name: str, act: Callable[[], tuple[str, str]]) -> tuple[Station, ReleaseError | None]:
    """Act, and give the station, with the error if it failed."""
    begun = time.monotonic()
    try:
        ran, outcome = act()
    except ReleaseError as stop:
        return Station(name, "", f"{Result.FAILED}: {stop}", (), time.monotonic() - begun), stop
    return Station(name, ran, outcome, (), time.monotonic() - begun), None


def tail(ground: Ground, ran: Ran, lines: int = 25) -> str:
    """Give the end of what the failed jobs of a run wrote, and where all of it is."""
    failed = [job for job, result in ran.jobs.items() if result == "failure" and job in ran.played.jobs]
    said = "\n".join(f"[{job}] {line}" for job in failed for line in ran.played.said(job).splitlines()[-lines:])
    return f"{said}\nall of it: {log_of(ground, ran)}" if ground.keep else said
