"""Workflow runs, their jobs, and the approvals that they wait for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import yaml

from release_channels.rehearsal.github.deployments import show_environment_short, show_reviewer
from release_channels.rehearsal.github.http import Call, Listing, Refused, Route, not_found
from release_channels.rehearsal.github.payloads import Site, node_id, stamp
from release_channels.rehearsal.github.state import Answer, Attempt, StoredAnnotation, StoredJob, StoredRun


def list_runs(call: Call) -> Listing:
    """List runs, newest first, of the whole repository or one workflow file, by the documented filters."""
    runs = sorted(call.state.runs.values(), key=lambda run: run.id, reverse=True)
    if asked := call.values.get("workflow"):
        known = [one for one in call.state.workflows if asked in (one, str(_workflow_id(one)))]
        if not known:
            raise not_found()
        runs = [run for run in runs if run.workflow in known]
    for key, read in _FILTERS.items():
        if wanted := call.query.get(key):
            runs = [run for run in runs if wanted in read(run)]
    return Listing([show_run(call.site, run) for run in runs], "workflow_runs")


_FILTERS: Mapping[str, Any] = {
    "head_sha": lambda run: (run.sha,),
    "event": lambda run: (run.event,),
    "branch": lambda run: (run.branch,),
    "status": lambda run: (run.now.status, run.now.conclusion),
}


def get_run(call: Call) -> Answer:
    """Show a run as its newest attempt stands, or as the attempt that was asked for."""
    run = run_of(call)
    number = call.values.get("attempt", len(run.attempts))
    if not 1 <= number <= len(run.attempts):
        raise not_found()
    return Answer(200, show_run(call.site, run, number))


def list_jobs(call: Call) -> Listing:
    """List the jobs of the newest attempt, of one, or of all."""
    run = run_of(call)
    attempts = list(enumerate(run.attempts, 1))
    if number := call.values.get("attempt"):
        attempts = [entry for entry in attempts if entry[0] == number]
    elif call.query.get("filter") != "all":
        attempts = attempts[-1:]
    shown = [_show_job(call.site, run, number, attempt, job) for number, attempt in attempts for job in attempt.jobs]
    return Listing(shown, "jobs")


def list_pending(call: Call) -> Answer:
    """Show the environment that a run waits for and who may let it through; nothing where it does not wait."""
    attempt = run_of(call).now
    environment = call.state.environments.get(attempt.waits_for or "")
    if environment is None:
        return Answer(200, [])
    pending = {
        "environment": show_environment_short(call.site, environment),
        "wait_timer": 0,
        "wait_timer_started_at": None,
        "current_user_can_approve": False,
        "reviewers": [show_reviewer(call.site, name) for name in environment.reviewers],
    }
    return Answer(200, [pending])


def show_run(site: Site, run: StoredRun, number: int | None = None) -> dict[str, Any]:
    """Show a run whole."""
    number = number or len(run.attempts)
    attempt = run.attempts[number - 1]
    url = f"{site.repo}/actions/runs/{run.id}"
    workflow_id = _workflow_id(run.workflow)
    person = {"name": "Tester", "email": "tester@example.com"}
    return {
        "id": run.id,
        "name": run.workflow.rpartition(".")[0],
        "node_id": node_id("WFR", run.id),
        "head_branch": run.branch,
        "head_sha": run.sha,
        "path": f".github/workflows/{run.workflow}",
        "display_title": run.title,
        "run_number": run.number,
        "run_attempt": number,
        "event": run.event,
        "status": attempt.status,
        "conclusion": attempt.conclusion,
        "workflow_id": workflow_id,
        "check_suite_id": run.id + 1,
        "check_suite_node_id": node_id("CS", run.id + 1),
        "url": url,
        "html_url": f"{site.html}/actions/runs/{run.id}",
        "pull_requests": [],
        "created_at": stamp(run.created_at),
        "updated_at": stamp(attempt.started_at),
        "run_started_at": stamp(attempt.started_at),
        "actor": site.user("tester"),
        "triggering_actor": site.user("tester"),
        "referenced_workflows": [],
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{site.repo}/check-suites/{run.id + 1}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": f"{url}/attempts/{number - 1}" if number > 1 else None,
        "workflow_url": f"{site.repo}/actions/workflows/{workflow_id}",
        "head_commit": {
            "id": run.sha,
            "tree_id": run.sha,
            "message": run.title,
            "timestamp": stamp(run.created_at),
            "author": person,
            "committer": person,
        },
        "repository": site.minimal_repository(site.repository),
        "head_repository": site.minimal_repository(run.head_repository),
    }


def _show_job(site: Site, run: StoredRun, number: int, attempt: Attempt, job: StoredJob) -> dict[str, Any]:
    started = stamp(attempt.started_at)
    return {
        "id": job.id,
        "run_id": run.id,
        "workflow_name": run.workflow.rpartition(".")[0],
        "head_branch": run.branch,
        "run_url": f"{site.repo}/actions/runs/{run.id}",
        "run_attempt": number,
        "node_id": node_id("CR", job.id),
        "head_sha": run.sha,
        "url": f"{site.repo}/actions/jobs/{job.id}",
        "html_url": f"{site.html}/actions/runs/{run.id}/job/{job.id}",
        "status": job.status,
        "conclusion": job.conclusion,
        "created_at": started,
        "started_at": started,
        "completed_at": started if job.status == "completed" else None,
        "name": job.name,
        "steps": [],
        "check_run_url": f"{site.repo}/check-runs/{job.id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "runner",
        "runner_group_id": 1,
        "runner_group_name": "GitHub Actions",
    }


def run_of(call: Call) -> StoredRun:
    """Find the run that a path names."""
    run = call.state.runs.get(call.values["run_id"])
    if run is None:
        raise not_found()
    return run


def _workflow_id(workflow: str) -> int:
    return int(hashlib.sha256(workflow.encode()).hexdigest()[:7], 16)


_ONE = "/actions/runs/<int:run_id>"
_RUN_ROUTES = (
    Route("GET", "/actions/runs", list_runs, "actions"),
    Route("GET", "/actions/workflows/<workflow>/runs", list_runs, "actions"),
    Route("GET", _ONE, get_run, "actions"),
    Route("GET", f"{_ONE}/attempts/<int:attempt>", get_run, "actions"),
    Route("GET", f"{_ONE}/jobs", list_jobs, "actions"),
    Route("GET", f"{_ONE}/attempts/<int:attempt>/jobs", list_jobs, "actions"),
    Route("GET", f"{_ONE}/pending_deployments", list_pending, "actions"),
)


_EVENT = "workflow_dispatch"


def dispatch(call: Call) -> Answer:
    """Start a workflow file on a branch or a tag, as the file stands there.

    What the run then does is for `on_dispatch` to say. Source: GitHub's REST reference, create a workflow dispatch
    event; the workflow must be known, which it is from its first run or from the default branch.
    """
    sent, workflow = call.sent(), call.values["workflow"]
    history = call.state.history
    path = f".github/workflows/{workflow}"
    if workflow not in call.state.workflows and history.file(call.state.default_branch, path) is None:
        raise not_found()
    ref = str(sent.get("ref") or "")
    kinds = {kind: history.ref(f"refs/{kind}/{ref}") for kind in ("heads", "tags")}
    sha = history.commit(ref)
    if sha is None or not any(kinds.values()):
        raise Refused(422, f"No ref found for: {ref}")
    inputs = {str(key): str(value) for key, value in (sent.get("inputs") or {}).items()}
    _check(history.file(sha, path), inputs)
    run_id = call.state.add_run(workflow, sha, event=_EVENT, status="queued", conclusion=None, branch=ref)
    call.state.on_dispatch(run_id, inputs)
    if not sent.get("return_run_details"):
        return Answer(204)
    shown = {
        "workflow_run_id": run_id,
        "run_url": f"{call.site.repo}/actions/runs/{run_id}",
        "html_url": f"{call.site.html}/actions/runs/{run_id}",
    }
    return Answer(200, shown)


def list_annotations(call: Call) -> Listing:
    """List what a job left on the page of its run; the check of a job has the job's number."""
    known = {job.id for run in call.state.runs.values() for attempt in run.attempts for job in attempt.jobs}
    if call.values["job_id"] not in known:
        raise not_found()
    return Listing([_show_annotation(one) for one in call.state.annotations.get(call.values["job_id"], ())])


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


def _show_annotation(one: StoredAnnotation) -> dict[str, Any]:
    return {
        "path": ".github",
        "start_line": 1,
        "end_line": 1,
        "start_column": None,
        "end_column": None,
        "annotation_level": one.level,
        "title": one.title,
        "message": one.message,
        "raw_details": "",
        "blob_href": "",
    }


ROUTES = (
    *_RUN_ROUTES,
    Route("POST", "/actions/workflows/<workflow>/dispatches", dispatch, "actions", "write"),
    Route("GET", "/check-runs/<int:job_id>/annotations", list_annotations, "checks"),
)
