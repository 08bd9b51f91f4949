"""The release scenario: push, test, gate, preview, bump, tag, publish, bump-dev."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from packaging.version import Version

from release_channels.adapters.git import Git
from release_channels.cli.context import open_project
from release_channels.errors import FailedError, ReleaseError
from release_channels.model.outcome import Result
from release_channels.model.tags import tag_of
from release_channels.model.version import final_of
from release_channels.model.workflow_semantics.triggers import Event
from release_channels.rehearsal.actions.dispatcher import WorkflowDispatcher
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.actions.run_files import log_of
from release_channels.rehearsal.actions.workflow import Workflow
from release_channels.rehearsal.end_users import EndUsers, Resolved
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.rehearsal.maintainer import Maintainer, on_index
from release_channels.rehearsal.stages import GLANCE, FinishedStage, Stage, StageLog, tried

_COMPARE = "compare"


@dataclass(slots=True)
class Scenario:
    """A running scenario; the first failed stage stops it."""

    environment: RehearsalEnvironment
    dispatcher: WorkflowDispatcher
    maintainer: Maintainer
    end_users: EndUsers
    log: StageLog = field(default_factory=StageLog)
    publishing: dict[str, int] = field(default_factory=dict)
    """Stage number of the newest run of each publishing workflow, by file name."""
    seen: dict[str, tuple[Resolved, ...]] = field(default_factory=dict)
    """Versions that users got from an unfinished run, by workflow file."""

    @property
    def version(self) -> Version:
        """The version on main."""
        git = Git(self.environment.checkout)
        return open_project(git, git.commit(self.dispatcher.main)).version

    def run(self, only: str = "") -> None:
        """Run the stages, or with `only` those up to one channel's release.

        Raises: FailedError at the first failed stage.
        """
        with self.log.running():
            self._run_stages(only)
            self._wait()

    def _run_stages(self, only: str) -> None:
        """Run the stages; publishing runs continue in the background, as on GitHub."""
        config = self.environment.config
        gated = self.begin(asks_bump=only != "preview")
        if only != "public":
            self._publish_preview(gated)
        if only != "preview":
            final = final_of(self.version)
            staged = self.bump("bump", "bump", "--pull-request")
            if not staged:  # the tag will stand on the commit of the preview, which a tag's version would change
                self._wait(config.preview_workflow)
            tagged = self.tag(final, is_bumped=bool(staged))
            self._wait(config.preview_workflow)  # its verify would find the release instead of the preview
            if staged and not only:  # it finds that the release is the tag's
                self._publish(config.preview_workflow, self.dispatcher.completed(staged))
            self._publish(config.public_workflow, tagged)
            self._compare(final, "--tag", tag_of(config.tag_format, final))
        if not only:
            opened = self.bump("bump-dev", "bump-dev", "--pull-request")
            self._wait_until_announced(final)
            self._wait(config.preview_workflow)
            if opened:
                self._publish_preview(opened)
            self._wait()
            self._visit("status", self._status)

    def begin(self, *, asks_bump: bool = False) -> WorkflowRunResult:
        """Push the rehearsed commit, run its workflows up to the preview, and return the last run.

        A main that was released with its tag, as between two releases, opens the next dev line first. With `asks_bump`
        towncrier is tried here, and not minutes later; before the rehearsal it could read the working tree alone.
        """
        self.push_main()
        if asks_bump and self.version.is_devrelease and self.environment.project.news:
            words = ("bump", "--dry-run")
            self._visit("ask", lambda: (f"release-channels {' '.join(words)}", self.maintainer.do(*words)))
        last = self.up_to(self.environment.config.preview_workflow)[-1]
        tag = tag_of(self.environment.config.tag_format, self.version)
        if self.environment.project.source.is_written and f"refs/tags/{tag}" in self.dispatcher.refs:
            last = self.bump("bump-dev", "bump-dev", "--pull-request") or last
        return last

    def push_main(self) -> None:
        """Push the rehearsed commit."""
        self.dispatcher.look()
        main, remote = self.environment.config.main_branch, self.environment.config.remote
        push = ("push", "--quiet", remote, main)
        self._visit("push to main", lambda: (f"git push {remote} {main}", self.environment.git(*push) or "pushed"))

    def tag(self, final: Version, *, is_bumped: bool) -> Event:
        """Tag main, which has the final version by now, and return the push event of the tag.

        If nothing was bumped, main is rehearsed as it is, whatever came after the commit that set the version.

        Raises: FailedError if no tag was pushed.
        """
        self.maintainer.catch_up()
        named = () if self.version == final else ("--version", str(final))
        words = ("tag", *named, *(() if is_bumped else ("--commit", "HEAD")))
        self._visit("tag", lambda: (f"release-channels {' '.join(words)}", self.maintainer.do(*words)))
        pushed = self.dispatcher.pushed()
        if len(pushed) != 1:
            raise FailedError(
                f"`release-channels tag` pushed {len(pushed)} refs, not one", hint="see what the task said"
            )
        return pushed[0]

    def bump(self, name: str, *task: str) -> WorkflowRunResult | None:
        """Merge a pull request that a task opens, run main's workflows up to the preview; return the last run."""
        self.maintainer.catch_up()
        self._visit(name, lambda: (f"release-channels {' '.join(task)}", self.maintainer.do(*task)))
        if not self.maintainer.is_open:
            return None
        self._visit("merge", lambda: ("git merge, git push", self.maintainer.merge()))
        return self.up_to(self.environment.config.preview_workflow)[-1]

    def up_to(self, file: str) -> tuple[WorkflowRunResult, ...]:
        """Run the workflows of the latest pushes, without one workflow and those after it."""
        return self.follow(*self.dispatcher.pushed(), stops_before=file)

    def follow(self, *events: Event, stops_before: str = "") -> tuple[WorkflowRunResult, ...]:
        """Run the workflows of events and those that follow, each as a stage; by default of the latest pushes.

        Raises: FailedError if nothing runs, or a run is not green.
        """
        done: list[WorkflowRunResult] = []
        waiting = list(events or self.dispatcher.pushed())
        while waiting:
            event = waiting.pop(0)
            for workflow in self.dispatcher.started_by(event):
                if workflow.file != stops_before:
                    done.append(self._visit_run(workflow, event))
                    waiting.append(self.dispatcher.completed(done[-1]))
        if not done:
            raise _not_started()
        return tuple(done)

    def _visit(self, name: str, action: Callable[[], tuple[str, str]]) -> None:
        self.log.visit(name, lambda: tried(name, action))

    def _publish_preview(self, gated: WorkflowRunResult) -> None:
        """Make the preview workflow follow a run, and compare what it publishes with a build at home."""
        self._publish(self.environment.config.preview_workflow, self.dispatcher.completed(gated))
        if self.version.is_devrelease:
            config = self.environment.config
            number = self.dispatcher.counters[config.test_workflow]
            version = Version(f"{final_of(self.version)}.dev{number + config.run_offset}")
            self._compare(version, "--run-number", str(number))

    def _publish(self, file: str, event: Event) -> None:
        """Start an event's workflows in the background; the publishing workflow must be among them.

        Raises: FailedError if it is not.
        """
        started = sorted(self.dispatcher.started_by(event), key=lambda workflow: workflow.file == file)
        if not started or started[-1].file != file:
            raise _not_started(file)
        for workflow in started:
            action = partial(self._ran, workflow, event)
            self.publishing[workflow.file] = self.log.start_in_background(self._name(workflow), action)

    def _wait(self, *files: str) -> None:
        """Wait until runs of these workflows have ended, by default all; GitHub queues what is of one group."""
        for file in sorted({*(files or self.publishing)} & {*self.publishing}, key=self.publishing.__getitem__):
            ran = self.log.wait_for(self.publishing.pop(file))
            if ran is not None and any(self.dispatcher.started_by(self.dispatcher.completed(ran))):
                self.follow(self.dispatcher.completed(ran))

    def _wait_until_announced(self, final: Version) -> None:
        """Wait until a release is out, and look at what users get before the next preview is.

        Its run still verifies then; previews are of another group, and go on beside it.
        """
        config, state = self.environment.config, self.environment.state
        run = self.log.future(self.publishing[config.public_workflow])
        tag = tag_of(config.tag_format, final)
        while not run.done():
            with state.lock:
                is_out = any(one.tag == tag and not one.is_draft for one in state.releases.values())
            if is_out:
                self.seen[config.public_workflow] = self.end_users.look()
                return
            time.sleep(GLANCE)
        self._wait(config.public_workflow)

    def _name(self, workflow: Workflow) -> str:
        config = self.environment.config
        names = {
            config.test_workflow: "test", config.gate_workflow: "gate", config.preview_workflow: "preview",
            config.public_workflow: "public",
        }  # fmt: skip
        return names.get(workflow.file, workflow.file)

    def _visit_run(self, workflow: Workflow, event: Event) -> WorkflowRunResult:
        """Run a workflow as a stage.

        Raises: FailedError if the run is not green.
        """
        ran = self.log.visit(self._name(workflow), partial(self._ran, workflow, event))
        assert ran is not None  # without a run there is an error
        return ran

    def _ran(self, workflow: Workflow, event: Event) -> FinishedStage:
        """Run a workflow; where it has published, look at what users get."""
        name, begun = self._name(workflow), time.monotonic()
        try:
            ran = self.dispatcher.run(workflow, event)
        except ReleaseError as stop:
            return Stage(name, workflow.file, f"{Result.FAILED}: {stop}", (), time.monotonic() - begun), stop, None
        config = self.environment.config
        publishes = workflow.file in (config.preview_workflow, config.public_workflow)
        is_out = publishes and ran.is_green and not ran.outcome().startswith(f"{Result.SKIPPED}:")
        got = self.seen.pop(workflow.file, ()) or (self.end_users.look() if is_out else ())
        stage = Stage(name, str(ran), ran.outcome(), got, time.monotonic() - begun)
        if ran.is_green:
            return stage, None, ran
        said = f"{name}: {ran} ended with {ran.conclusion}: {ran.outcome()}"
        return stage, FailedError(said, hint=tail(self.environment, ran)), ran

    def _compare(self, version: Version, *words: str) -> None:
        """Compare what the run before publishes with a build at home of what main is now, beside what follows."""
        published, commit = self.log.future(len(self.log.stages) - 1), self.dispatcher.main
        action = partial(self._same_bytes, commit, version, *words)

        def visit() -> FinishedStage:
            _, stop, _ = published.result()
            if stop:  # it is told where it went wrong
                return Stage(_COMPARE, "", "skipped: nothing was published", (), 0), None, None
            return tried(_COMPARE, action)

        self.log.start_in_background(_COMPARE, visit)

    def _same_bytes(self, commit: str, version: Version, *words: str) -> tuple[str, str]:
        """Build the same commit outside of the workflows and compare the bytes.

        Raises: FailedError if a file differs.
        """
        there = on_index(self.environment, version)
        here = self.maintainer.build_at_home(commit, *words)
        if not there or here != there:
            differing = sorted({name for name, _ in {*here.items()} ^ {*there.items()}})
            raise FailedError(
                f"{version} on the index is not what is built outside of the workflows: {', '.join(differing)}",
                hint="does the build read something that differs between a job and a laptop?",
            )
        return f"nox -s build -- {' '.join(words)}", f"{len(here)} files of {version} are identical"

    def _status(self) -> tuple[str, str]:
        done = self.maintainer.task("status", "--exit-code")
        if done.code:
            raise FailedError("`release-channels status` reports unfinished work", hint=done.text)
        return "release-channels status", next(line for line in done.text.splitlines() if line.startswith("next:"))


def _not_started(file: str = "") -> FailedError:
    said = f"{file} was not started" if file else "nothing was started"
    return FailedError(f"{said} by the push", hint="do `on:` and its filters in the workflow file match this event?")


def tail(environment: RehearsalEnvironment, ran: WorkflowRunResult, lines: int = 25) -> str:
    """Return the last `lines` lines of each failed job, and the path of the log."""
    failed = [job for job, result in ran.jobs.items() if result == "failure" and job in ran.act_result.jobs]
    said = "\n".join(f"[{job}] {line}" for job in failed for line in ran.act_result.said(job).splitlines()[-lines:])
    return f"{said}\nfull log: {log_of(environment, ran)}" if environment.keep else said
