"""Dispatch workflow runs as GitHub does: by pushes, by hand, and when another run completes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from release_channels.adapters import console
from release_channels.errors import FailedError, RefusedError
from release_channels.model.config import Config
from release_channels.model.verification import WORKFLOWS
from release_channels.model.workflow_semantics.concurrency import Concurrency, cancelled_runs
from release_channels.model.workflow_semantics.file import is_workflow
from release_channels.model.workflow_semantics.patterns import matches
from release_channels.model.workflow_semantics.triggers import Event, announced_refs, is_started
from release_channels.rehearsal.actions.act import ActResult, find_act, run_act
from release_channels.rehearsal.actions.act_compat import Cleaned, clean, left_out_whole, missing_pythons
from release_channels.rehearsal.actions.permissions import job_tokens
from release_channels.rehearsal.actions.run import RunOverrides, WorkflowRunResult
from release_channels.rehearsal.actions.run_files import keep_log, mapped_actions, prepare
from release_channels.rehearsal.actions.run_name import title_of
from release_channels.rehearsal.actions.runner_service import OWNER_ID, REPOSITORY_ID, RunnerSession
from release_channels.rehearsal.actions.workflow import Workflow, parse_workflow
from release_channels.rehearsal.environment import RehearsalEnvironment
from release_channels.rehearsal.github.payloads import Site
from release_channels.rehearsal.github.runs import show_run
from release_channels.rehearsal.uv_locks import lock_for

_NOBODY = "0" * 40
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_NOTICE = "not rehearsed: "


@dataclass(slots=True)
class WorkflowDispatcher:
    """Dispatcher of workflow runs; each workflow has its own run counter."""

    environment: RehearsalEnvironment
    with_tests: bool = False
    counters: dict[str, int] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    not_rehearsed: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Record the remote's refs; later changes count as push events."""
        self.refs = self._refs()

    def pushed(self) -> tuple[Event, ...]:
        """Return the push events since the last call, as one push of several refs makes them."""
        before, self.refs = self.refs, self._refs()
        moved = [ref for ref, sha in self.refs.items() if before.get(ref) != sha]
        announced = announced_refs(moved)
        if len(announced) < len(moved):
            console.warn(f"no workflow starts for {len(moved) - len(announced)} tags: GitHub takes three in one push")
        return tuple(self._push(ref, before, self.refs[ref]) for ref in announced)

    def run_all(self, events: Sequence[Event]) -> tuple[WorkflowRunResult, ...]:
        """Run all workflows that events start, and those that their completion starts.

        What starts together is of one moment: a concurrency group may cancel runs of it before they begin.
        """
        done: list[WorkflowRunResult] = []
        waiting = list(events)
        while waiting:
            starting = [(workflow, event) for event in waiting for workflow in self.started_by(event)]
            cancelled = cancelled_runs(self._concurrency(*pair, position) for position, pair in enumerate(starting))
            waiting = []
            for position, (workflow, event) in enumerate(starting):
                ran = self.cancel(workflow, event) if position in cancelled else self.run(workflow, event)
                done.append(ran)
                waiting.append(self.completed(ran))
        return tuple(done)

    def started_by(self, event: Event) -> tuple[Workflow, ...]:
        """Return the release's workflows that an event starts, as declared in the event's commit.

        Others that it starts are noted as not rehearsed.
        """
        workflows = tuple(self.workflows(event.sha))
        started = [workflow for workflow in workflows if is_started(workflow.on, event)]
        files = release_files(workflows, self.environment.config)
        for workflow in started:
            if workflow.file not in files:
                self._note_once(f"{workflow.file}: started by {event.name}, but not part of the release")
        return tuple(workflow for workflow in started if workflow.file in files)

    def workflows(self, sha: str) -> Iterator[Workflow]:
        """Read the workflow files of a commit; unreadable ones of the project's own are noted.

        Raises: RefusedError for a file of the release that cannot be rehearsed.
        """
        listed = self.environment.git("ls-tree", "--name-only", sha, f"{WORKFLOWS}/", at=self.environment.remote)
        for path in listed.splitlines():
            if not is_workflow(path):
                continue
            text = self.environment.git("show", f"{sha}:{path}", at=self.environment.remote)
            try:
                is_tests = PurePosixPath(path).name == self.environment.config.test_workflow
                yield parse_workflow(path, text, is_tests=is_tests)
            except RefusedError as stop:
                if PurePosixPath(path).name in own_files(self.environment.config):
                    raise
                self._note_once(f"{PurePosixPath(path).name}: {stop}")

    def workflow(self, file: str, sha: str = "") -> Workflow:
        """Read one workflow file of main's tip, or of a commit.

        Raises: RefusedError if there is none.
        """
        found = next((one for one in self.workflows(sha or self.main) if one.file == file), None)
        if found is None:
            raise RefusedError(
                f"{WORKFLOWS}/{file} does not exist", hint="`release-channels init` writes the workflow files"
            )
        return found

    @property
    def main(self) -> str:
        """The commit that main points to."""
        return self.environment.git(
            "rev-parse", f"refs/heads/{self.environment.config.main_branch}", at=self.environment.remote
        )

    def dispatch(
        self, file: str, ref: str, inputs: Mapping[str, str], changes: RunOverrides | None = None
    ) -> WorkflowRunResult:
        """Dispatch a workflow on a ref."""
        sha = self.environment.git("rev-parse", f"{ref}^{{commit}}", at=self.environment.remote)
        payload = {**self._payload(), "ref": ref, "inputs": dict(inputs), "workflow": f"{WORKFLOWS}/{file}"}
        return self.run(self.workflow(file, sha), Event("workflow_dispatch", ref, sha, payload), changes)

    def completed(self, ran: WorkflowRunResult) -> Event:
        """Return the workflow_run event of a completed run."""
        return self.completed_run(ran.id, ran.workflow)

    def completed_run(self, run_id: int, workflow: Workflow) -> Event:
        """Return the workflow_run event of a run by its id, with the run as the GitHub double reports it.

        Source: GitHub's documentation of workflow_run: it runs on the last commit of the default branch.
        """
        environment = self.environment
        site = Site(environment.github.url, environment.repository, False, environment.config.main_branch)
        with environment.state.lock:
            shown = show_run(site, environment.state.runs[run_id])
        shown |= {"name": workflow.name}
        payload = {
            **self._payload(),
            "action": "completed",
            "workflow_run": shown,
            "workflow": {"name": workflow.name, "path": workflow.path},
        }
        return Event("workflow_run", f"refs/heads/{environment.config.main_branch}", self.main, payload)

    def run(self, workflow: Workflow, event: Event, changes: RunOverrides | None = None) -> WorkflowRunResult:
        """Run a workflow as a new run.

        Raises: FailedError if act cannot run it.
        """
        return self._run(self._open(workflow, event), changes or RunOverrides())

    def cancel(self, workflow: Workflow, event: Event) -> WorkflowRunResult:
        """Record a run that its concurrency group cancelled while it was pending."""
        session, conclusion = self._open(workflow, event), "cancelled"
        self.environment.state.set_run(session.run_id, "completed", conclusion)
        jobs = {job.id: conclusion for job in workflow.jobs}
        none = ActResult({}, (), (), ())
        return WorkflowRunResult(session.run_id, session.number, 1, workflow, event, none, jobs, conclusion, 0, ())

    def _open(self, workflow: Workflow, event: Event) -> RunnerSession:
        number = self.counters[workflow.file] = self.counters.get(workflow.file, 0) + 1
        run_id = self.environment.state.add_run(
            workflow.file, event.sha, event=event.name, status="in_progress", branch=event.branch, number=number,
            title=self._title(workflow, event, number),
        )  # fmt: skip
        return RunnerSession(run_id, number, 1, workflow, event, self.environment.repository)

    def run_again(self, ran: WorkflowRunResult, changes: RunOverrides | None = None) -> WorkflowRunResult:
        """Re-run a run as its next attempt, with the same id, number and payload.

        Raises: FailedError if act cannot run it.
        """
        self.environment.state.rerun(ran.id, status="in_progress")
        attempt = len(self.environment.state.runs[ran.id].attempts)
        session = RunnerSession(ran.id, ran.number, attempt, ran.workflow, ran.event, self.environment.repository)
        return self._run(session, changes or RunOverrides())

    def _run(self, session: RunnerSession, changes: RunOverrides) -> WorkflowRunResult:
        environment = self.environment
        as_it_is, workflow = session.workflow, _without(session.workflow, changes.without)
        session = replace(session, workflow=workflow)
        is_tests = workflow.file == environment.config.test_workflow
        cleaned = clean(workflow, mapped_actions(), is_tests=is_tests, runs_tests=self.with_tests)
        token = f"rehearsal-{session.run_id}-{session.attempt}-{secrets.token_hex(6)}"
        lock_for(environment, workflow, session.event.sha)
        run = prepare(self.environment, session, cleaned, token, changes)
        console.say(f"  {workflow.file} #{session.number}: {', '.join(job.id for job in workflow.jobs)}")
        begun = time.monotonic()
        with environment.state.lock:
            tokens = {name: frozenset(rights) for name, rights in job_tokens(workflow, token).items()}
            environment.state.tokens.update(tokens)
        hidden = [value for values in environment.secrets.values() for value in values.values()]
        environment.runner.open(session)
        try:
            act_result = run_act(find_act(), run, hidden)
        finally:
            environment.runner.close(session)
            with environment.state.lock:
                for name in tokens:
                    del environment.state.tokens[name]
        if act_result.complaint and not act_result.jobs and not act_result.broke_off:
            raise FailedError(f"act could not run {workflow.path}", hint=act_result.complaint)
        # A run that is repeated has again what was taken away from this one.
        ran = self._note(session, act_result, cleaned, time.monotonic() - begun)
        return replace(ran, workflow=as_it_is)

    def _note(
        self, session: RunnerSession, act_result: ActResult, cleaned: Cleaned, seconds: float
    ) -> WorkflowRunResult:
        """Record a run's result, here and in the GitHub double."""
        workflow, state = session.workflow, self.environment.state
        jobs = {job.id: act_result.jobs.get(job.id, "skipped") for job in workflow.jobs}
        if act_result.broke_off or not act_result.jobs or "failure" in jobs.values():
            conclusion = "failure"
        else:
            conclusion = "success" if "success" in jobs.values() else "skipped"
        state.set_run(session.run_id, "completed", conclusion)
        for job in workflow.jobs:
            state.add_job(session.run_id, job.name, conclusion=jobs[job.id])
            if job.environment and jobs[job.id] != "skipped":
                state.add_deployment(job.environment, session.event.sha, jobs[job.id], run_id=session.run_id)
        notices = [said.removeprefix(_NOTICE) for said in act_result.notices if said.startswith(_NOTICE)]
        if workflow.file == self.environment.config.test_workflow:
            notices += missing_pythons(act_result.said())
            for name in left_out_whole(act_result.said()):
                console.warn(
                    f"{workflow.file} ran nothing of the session {name}: this machine has no Python that it names"
                )
        text = (*cleaned.not_rehearsed, *(f"{workflow.file}: {what}" for what in notices))
        for what in text:
            self._note_once(what)
        keep_log(self.environment, session, act_result)
        return WorkflowRunResult(
            session.run_id, session.number, session.attempt, session.workflow, session.event, act_result, jobs,
            conclusion, seconds, text,
        )  # fmt: skip

    def _note_once(self, what: str) -> None:
        if what not in self.not_rehearsed:
            self.not_rehearsed.append(what)

    def _title(self, workflow: Workflow, event: Event, number: int) -> str:
        subject = self.environment.git("show", "--no-patch", "--format=%s", event.sha, at=self.environment.remote)
        otherwise = subject if event.name == "push" else workflow.name
        return title_of(workflow.run_name, self._contexts(workflow, event, run_number=number), otherwise)

    def _concurrency(self, workflow: Workflow, event: Event, position: int) -> Concurrency:
        """Work out the group of a run that has no id yet; one that cannot be worked out is none."""
        concurrency, new = workflow.concurrency, f"new {position}"
        contexts = self._contexts(workflow, event, run_id=new, run_number=new)
        try:
            group = title_of(concurrency.group, contexts, "", key="concurrency")
        except RefusedError as stop:
            self._note_once(f"{workflow.file}: {stop}")
            group = ""
        return replace(concurrency, group=group)

    def _contexts(self, workflow: Workflow, event: Event, **more: object) -> dict[str, object]:
        github = {
            "event": event.payload, "event_name": event.name, "sha": event.sha, "ref": event.ref,
            "ref_name": event.branch, "repository": self.environment.repository, "workflow": workflow.name, **more,
        }  # fmt: skip
        return {"github": github, "inputs": event.payload.get("inputs", {})}

    def _refs(self) -> dict[str, str]:
        listed = self.environment.git("for-each-ref", "--format=%(refname) %(objectname)", at=self.environment.remote)
        return dict(line.split(" ", 1) for line in listed.splitlines())

    def _push(self, ref: str, refs: Mapping[str, str], after: str) -> Event:
        """Format a push of one of the refs; the payload names what it points to, the run its commit."""
        before = refs.get(ref, _NOBODY)
        sha = self.environment.git("rev-parse", f"{after}^{{commit}}", at=self.environment.remote)
        payload = {
            **self._payload(),
            "ref": ref, "before": before, "after": after, "created": before == _NOBODY, "deleted": False,
            "forced": False, "head_commit": {"id": sha},
        }  # fmt: skip
        return Event("push", ref, sha, payload, self._changed_files(refs.values(), before, sha))

    def _changed_files(self, known: Collection[str], before: str, sha: str) -> tuple[str, ...]:
        """List the files that a push changes; those of a new branch since the parent of its first new commit.

        Source: GitHub's workflow syntax reference, the diffs that `paths` is compared with.
        """
        git = partial(self.environment.git, at=self.environment.remote)
        if before == _NOBODY:
            new = git("rev-list", "--topo-order", sha, "--not", *known).splitlines()
            before = git("rev-parse", f"{new[-1]}^@").partition("\n")[0] or _EMPTY_TREE if new else sha
        return tuple(git("diff", "--name-only", "--no-renames", "-z", before, sha).split("\0")[:-1])

    def _payload(self) -> dict[str, Any]:
        owner, _, name = self.environment.repository.partition("/")
        repository = {
            "full_name": self.environment.repository,
            "name": name,
            "default_branch": self.environment.config.main_branch,
            "private": False,
            "fork": False,
            "owner": {"login": owner, "id": int(OWNER_ID)},
            "id": int(REPOSITORY_ID),
        }
        return {"repository": repository, "sender": {"login": "tester"}}


def own_files(config: Config) -> frozenset[str]:
    """Return the names of the workflow files of a release."""
    gate = {config.gate_workflow} if config.gate.enabled else set()
    return frozenset({config.test_workflow, config.preview_workflow, config.public_workflow, *gate})


def release_files(workflows: Sequence[Workflow], config: Config) -> frozenset[str]:
    """Return the names of the release's workflow files, and of those that trigger them by `workflow_run`."""
    files = own_files(config)
    while True:
        followed = [workflow.on["workflow_run"]["workflows"].texts for workflow in workflows if workflow.file in files]
        more = files | {
            workflow.file for workflow in workflows if any(matches(workflow.name, names) for names in followed)
        }
        if more == files:
            return files
        files = more


def _without(workflow: Workflow, rights: Sequence[str]) -> Workflow:
    """Remove permissions from jobs."""
    taken = [right.partition("/") for right in rights]
    jobs = tuple(
        replace(job, permissions=job.permissions - {right for id, _, right in taken if id == job.id})
        for job in workflow.jobs
    )
    return replace(workflow, jobs=jobs)
