"""Workflows that are started by hand, and what their jobs leave on the page of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from release_channels.rehearsal.github.answers import Answer, Call, Listing, Refused, not_found
from release_channels.rehearsal.github.routes import Route
from release_channels.rehearsal.github.stored import StoredAnnotation

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
    Route("POST", "/actions/workflows/<workflow>/dispatches", dispatch, "actions", "write"),
    Route("GET", "/check-runs/<int:job_id>/annotations", list_annotations, "checks"),
)
