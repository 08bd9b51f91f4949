"""Workflow runs, their jobs, and pending approvals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from operator import eq, ge, gt, le, lt
from typing import Any

import yaml

from release_channels.model.verification import WORKFLOWS
from release_channels.rehearsal.github.deployments import show_reviewer
from release_channels.rehearsal.github.http import Call, Listing, Refused, find_ref, not_found, require
from release_channels.rehearsal.github.payloads import Site, node
from release_channels.rehearsal.github.state import Answer, Attempt, StoredJob, StoredRun

_EVENT = "workflow_dispatch"
# Source: GitHub's REST reference, list workflow runs: at most this many where a filter is given.
_MOST_FOUND = 1000


def list_runs(call: Call) -> Listing:
    """List runs, newest first, of the repository or one workflow file, with the documented filters.

    Raises: Refused with 404 for an unknown workflow file.
    """
    seen = [run for run in call.state.runs.values() if call.state.is_seen(run.created_at)]
    runs = sorted(seen, key=lambda run: run.id, reverse=True)
    if asked := call.values.get("workflow"):
        known = [workflow for workflow in call.state.workflows if asked in (workflow, str(_workflow_id(workflow)))]
        if not known and call.state.history.file(call.state.default_branch, f"{WORKFLOWS}/{asked}") is None:
            raise not_found()
        runs = [run for run in runs if run.workflow in known]
    asked_by = {key: wanted for key, wanted in call.query.items() if key in _FILTERS and wanted}
    runs = [run for run in runs if all(_FILTERS[key](run, wanted) for key, wanted in asked_by.items())]
    return Listing(runs, "workflow_runs", partial(show_run, call.site), _MOST_FOUND if asked_by else None)


def _was_created(run: StoredRun, wanted: str) -> bool:
    """Check the time of a run against `>=TIME` and the like, where a time may be a day.

    Source: GitHub's documentation of its search syntax, dates.
    """
    text = wanted.lstrip("<>=")
    asked = datetime.fromisoformat(text)
    if "T" not in text:
        return _COMPARE[wanted.removesuffix(text)](run.created_at.date(), asked.date())
    return _COMPARE[wanted.removesuffix(text)](run.created_at.replace(microsecond=0), asked)


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {">=": ge, ">": gt, "<=": le, "<": lt, "": eq}
_FILTERS: Mapping[str, Callable[[StoredRun, str], bool]] = {
    "head_sha": lambda run, wanted: run.sha == wanted,
    "event": lambda run, wanted: run.event == wanted,
    "branch": lambda run, wanted: run.branch == wanted,
    "status": lambda run, wanted: wanted in (run.now.status, run.now.conclusion),
    "created": _was_created,
}


def get_run(call: Call) -> dict[str, Any]:
    """Show a run with its newest or with a given attempt.

    Raises: Refused with 404 if there is none.
    """
    run = run_of(call)
    number = call.values.get("attempt", len(run.attempts))
    if not 1 <= number <= len(run.attempts):
        raise not_found()
    return show_run(call.site, run, number)


def list_jobs(call: Call) -> Listing:
    """List the jobs of the newest attempt, of a given one, or of all."""
    run = run_of(call)
    attempts = list(enumerate(run.attempts, 1))
    if number := call.values.get("attempt"):
        attempts = [entry for entry in attempts if entry[0] == number]
    elif call.query.get("filter") != "all":
        attempts = attempts[-1:]
    shown = [_show_job(call.site, run, number, attempt, job) for number, attempt in attempts for job in attempt.jobs]
    return Listing(shown, "jobs")


def list_pending(call: Call) -> list[dict[str, Any]]:
    """Show the environment that a run waits for, with its reviewers; empty if the run does not wait."""
    environment = call.state.environments.get(run_of(call).now.waits_for or "")
    if environment is None:
        return []
    short = call.site.show("environment", environment)
    reviewers = [show_reviewer(call.site, name) for name in environment.reviewers]
    return [call.site.show("pending_deployment", environment=short, reviewers=reviewers)]


def show_run(site: Site, run: StoredRun, number: int | None = None) -> dict[str, Any]:
    """Format a run with all fields, of its newest attempt or of attempt `number`."""
    number = number or len(run.attempts)
    return site.show(
        "run",
        run.attempts[number - 1],
        run,
        name=_stem(run.workflow),
        run_attempt=number,
        workflow_id=_workflow_id(run.workflow),
        suite=run.id + 1,
        suite_node=node(run.id + 1),
        user=site.user(),
        previous_attempt_url=f"{site.repo}/actions/runs/{run.id}/attempts/{number - 1}" if number > 1 else None,
        base_repository=site.minimal_repository(site.repository),
        head_repository=site.minimal_repository(run.head_repository),
    )


def _show_job(site: Site, run: StoredRun, number: int, attempt: Attempt, job: StoredJob) -> dict[str, Any]:
    return site.show(
        "job",
        attempt,
        run,
        job,
        run_id=run.id,
        workflow_name=_stem(run.workflow),
        run_attempt=number,
        completed_at=attempt.started_at if job.status == "completed" else None,
    )


def run_of(call: Call) -> StoredRun:
    """Find the run that a path names; one that is fresh may not be seen yet."""
    run = require(call.state.runs.get(call.values["run_id"]))
    return require(run if call.state.is_seen(run.created_at) else None)


def _stem(workflow: str) -> str:
    return workflow.rpartition(".")[0]


def _workflow_id(workflow: str) -> int:
    return int(hashlib.sha256(workflow.encode()).hexdigest()[:7], 16)


def dispatch(call: Call) -> Answer | dict[str, Any]:
    """Start a workflow file on a branch or a tag, as it is there.

    `on_dispatch` decides what the run then does.
    Source: GitHub's REST reference, create a workflow dispatch event; the workflow must be known, which it is from its
    first run or from the default branch.

    Raises: Refused for an unknown workflow file, ref or input.
    """
    sent, workflow = call.sent(), call.values["workflow"]
    history = call.state.history
    path = f"{WORKFLOWS}/{workflow}"
    if workflow not in call.state.workflows and history.file(call.state.default_branch, path) is None:
        raise not_found()
    ref = str(sent.get("ref") or "")
    kinds = {kind: find_ref(call, f"refs/{kind}/{ref}") for kind in ("heads", "tags")}
    sha = history.commit(ref)
    if sha is None or not any(kinds.values()):
        raise Refused(422, f"No ref found for: {ref}")
    inputs = {str(key): str(value) for key, value in (sent.get("inputs") or {}).items()}
    _check(history.file(sha, path), inputs)
    run_id = call.state.add_run(workflow, sha, event=_EVENT, status="queued", conclusion=None, branch=ref)
    call.state.on_dispatch(run_id, inputs)
    if not sent.get("return_run_details"):
        return Answer(204)
    return call.site.show("dispatched", id=run_id)


def list_annotations(call: Call) -> Listing:
    """List the annotations of a job by its check run, which has the job's id.

    Raises: Refused with 404 for an unknown job.
    """
    job_id = call.values["job_id"]
    if not any(
        job.id == job_id for run in call.state.runs.values() for attempt in run.attempts for job in attempt.jobs
    ):
        raise not_found()
    annotations = call.state.annotations.get(job_id, ())
    return Listing([call.site.show("annotation", annotation) for annotation in annotations])


def _check(text: str | None, inputs: Mapping[str, str]) -> None:
    """Hold the inputs against what the workflow file declares.

    Raises: Refused with 422, as GitHub words it.
    """
    document = yaml.safe_load(text or "") or {}
    triggers = document.get("on", document.get(True)) or {}  # YAML 1.1 reads a bare `on` as true
    if _EVENT not in triggers:
        raise Refused(422, f"Workflow does not have '{_EVENT}' trigger")
    declared = ((triggers[_EVENT] or {}) if isinstance(triggers, Mapping) else {}).get("inputs") or {}
    if unexpected := sorted(inputs.keys() - declared.keys()):
        raise Refused(422, f"Unexpected inputs provided: {unexpected}")
    for name, about in declared.items():
        if name not in inputs and about.get("required") and "default" not in about:
            raise Refused(422, f"Required input '{name}' not provided")
        if name in inputs and about.get("type") == "choice" and inputs[name] not in about["options"]:
            raise Refused(422, f"Provided value '{inputs[name]}' for input '{name}' not in the list of allowed values")
