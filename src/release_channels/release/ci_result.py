"""The session `ci-result`: evaluate the other jobs of a release workflow, in its last job."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_event import EventRun, read_dispatch_input, read_event_run
from release_channels.adapters.git import Git
from release_channels.cli.context import open_project
from release_channels.cli.options import Options
from release_channels.cli.run import session_run
from release_channels.errors import UsageError
from release_channels.model.config import Config
from release_channels.model.outcome import Outcome, Result

_NEEDS = "NEEDS"


def run_ci_result(
    words: Sequence[str], *, root: Path, env: Mapping[str, str] = os.environ, dry_run: bool = False
) -> Outcome:
    """Evaluate the results of the other jobs of this workflow."""
    with session_run("ci-result", root, env, dry_run=dry_run) as run:
        run.parse(Options, words)
        run.outcome = _conclude(root, env)
    return run.outcome


def _conclude(root: Path, env: Mapping[str, str]) -> Outcome:
    jobs = parse_needs(env.get(_NEEDS, ""))
    for job in jobs:
        console.say(f"  {job.name:<12}{job.result}{_reason(job)}")
    git = Git.open(root)
    config = open_project(git, git.commit("HEAD")).config
    event = read_event_run(env)
    return evaluate_jobs(jobs, Start(read_dispatch_input(env), nothing_to_do(event, config) if event else ""))


def nothing_to_do(event: EventRun, config: Config) -> str:
    """Return why the preview workflow ignores a finished run, by the same rules as the job's `if:`; empty otherwise."""
    if event.conclusion != "success":
        return f"{event.workflow} ended {event.conclusion}"
    wanted = "workflow_run" if config.gate.enabled else "push"
    if event.event != wanted:
        return f"{event.workflow} was started by {event.event}: only what follows a push to main is published"
    if event.branch != config.main_branch or event.head_repository != event.repository:
        return f"{event.workflow} ran for {event.branch} of {event.head_repository}, not for main"
    return ""


def _reason(job: EndedJob) -> str:
    outcome = job.outputs.get("outcome", "")
    return f", {outcome}" if outcome else ""


PREFLIGHT = "preflight"
# The jobs that have nothing to do where the build found that there is nothing to publish.
_AFTER_BUILD = frozenset({"publish", "github-release", "verify"})
_HOW = "the job gives it: `NEEDS: ${{ toJSON(needs) }}` in its `env:`"


@dataclass(frozen=True, slots=True)
class EndedJob:
    """The result of a needed job: `success`, `failure`, `cancelled` or `skipped`, and its outputs."""

    name: str
    result: str
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """The trigger of the workflow: the manual choice, or the reason why the finished run is ignored."""

    choice: str | None = None
    nothing_to_do: str = ""


def parse_needs(text: str) -> tuple[EndedJob, ...]:
    """Parse the `needs` context of a job.

    Raises: UsageError if it is not what GitHub makes of `toJSON(needs)`.
    Source: GitHub's contexts reference, `needs.<job_id>.result` and `outputs`.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise UsageError("NEEDS is not JSON" if text else "NEEDS is not set", hint=_HOW) from err
    if not isinstance(content, dict) or not content:
        raise UsageError("NEEDS names no job", hint=_HOW)
    return tuple(_parse_job(name, job) for name, job in content.items())


def evaluate_jobs(jobs: Sequence[EndedJob], start: Start) -> Outcome:
    """Evaluate the jobs of a release workflow; a skipped job needs a known reason."""
    bad = [f"{job.name} ended {job.result}" for job in jobs if job.result not in ("success", "skipped")]
    reasons = {job.name: next(_reasons(job, jobs, start), "") for job in jobs if job.result == "skipped"}
    bad += [f"{name} was skipped unexpectedly" for name, reason in reasons.items() if not reason]
    if bad:
        return Outcome(Result.FAILED, "; ".join(bad), hint="look at the first of these jobs: its last line says why")
    text = dict.fromkeys(reason for name, reason in reasons.items() if name != PREFLIGHT)
    ran = [job.name for job in jobs if job.result == "success"]
    if text:
        after = f"; {', '.join(ran)} succeeded" if ran else ""
        result = Result.DONE if ran == [PREFLIGHT] else Result.SKIPPED
        return Outcome(result, "; ".join(text) + after)
    return Outcome(Result.DONE, f"{', '.join(ran)} succeeded")


def _reasons(job: EndedJob, jobs: Sequence[EndedJob], start: Start) -> Iterator[str]:
    """Return the reasons on the list for which a job may be skipped."""
    if job.name == PREFLIGHT:
        if start.choice != PREFLIGHT:
            yield "no preflight was requested"
        return
    if start.choice == PREFLIGHT:
        yield "a preflight uploads nothing"
    if start.nothing_to_do:
        yield start.nothing_to_do
    build = next((other for other in jobs if other.name == "build"), None)
    # Skipped by its own outcome and not by the job's condition: a build that did not run says nothing.
    if job.name in _AFTER_BUILD and build and build.result == "success" and build.outputs.get("outcome") == "skipped":
        yield "build found nothing to publish"


def _parse_job(name: str, job: object) -> EndedJob:
    result = job.get("result") if isinstance(job, dict) else None
    outputs = (job.get("outputs") or {}) if isinstance(job, dict) else None
    if not isinstance(result, str) or not isinstance(outputs, dict):
        raise UsageError(f"NEEDS says of the job {name} neither result nor outputs", hint=_HOW)
    return EndedJob(name, result, {str(key): str(value) for key, value in outputs.items()})
