"""Workflow runs, their jobs, and the approvals that they wait for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from release_channels.rehearsal.github.answers import Answer, Call, Listing, not_found
from release_channels.rehearsal.github.deployments import show_environment_short, show_reviewer
from release_channels.rehearsal.github.objects import Site, node_id, stamp
from release_channels.rehearsal.github.routes import Route
from release_channels.rehearsal.github.stored import Attempt, StoredJob, StoredRun


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
ROUTES = (
    Route("GET", "/actions/runs", list_runs, "actions"),
    Route("GET", "/actions/workflows/<workflow>/runs", list_runs, "actions"),
    Route("GET", _ONE, get_run, "actions"),
    Route("GET", f"{_ONE}/attempts/<int:attempt>", get_run, "actions"),
    Route("GET", f"{_ONE}/jobs", list_jobs, "actions"),
    Route("GET", f"{_ONE}/attempts/<int:attempt>/jobs", list_jobs, "actions"),
    Route("GET", f"{_ONE}/pending_deployments", list_pending, "actions"),
)
