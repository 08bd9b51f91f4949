"""Write the files and variables of one run, and its log."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

from release_channels.adoption.script_metadata import TOOL
from release_channels.model.github_settings import Policy
from release_channels.model.workflow_semantics.file import read_workflow
from release_channels.model.workflow_semantics.secrets import secrets_of
from release_channels.rehearsal.actions.act import COMPOSITES, ActInvocation, ActResult
from release_channels.rehearsal.actions.act_compat import LEFT_OUT, SECRETS, Cleaned
from release_channels.rehearsal.actions.permissions import job_token, rights_script
from release_channels.rehearsal.actions.run import RunOverrides, WorkflowRunResult
from release_channels.rehearsal.actions.runner_service import OWNER_ID, REPOSITORY_ID, RunnerSession
from release_channels.rehearsal.actions.workflow import Workflow
from release_channels.rehearsal.caches import NOTE, SHARE
from release_channels.rehearsal.environment import RehearsalEnvironment

_SERVER = "https://github.com"


def prepare(
    environment: RehearsalEnvironment, session: RunnerSession, cleaned: Cleaned, token: str, changes: RunOverrides
) -> ActInvocation:
    """Write the files of one run, and return the input of act."""
    workflow, event = session.workflow, session.event
    directory = environment.directory / "runs" / f"{session.run_id}-{session.attempt}"
    directory.mkdir(parents=True)
    names = {"workflow": workflow.file, "payload": "event.json", "rights": "rights.sh", "secrets": "secrets"}
    files = {key: directory / name for key, name in names.items()}
    files["workflow"].write_text(cleaned.text, encoding="utf-8")
    files["payload"].write_text(json.dumps(event.payload), encoding="utf-8")
    script = rights_script(workflow, token, _barred(environment, session), changes.stops)
    if workflow.file == environment.config.test_workflow:
        script += f"{LEFT_OUT}\n"
    if environment.project.normalized_name == TOOL:  # it runs from its sources; elsewhere `.venv` is not the tool's
        script += f"{SHARE}\n"
    if not environment.keep:  # what is kept may be looked around in
        script += f"{NOTE}\n"
    files["rights"].write_text(script, "utf-8")
    files["secrets"].touch(mode=0o600)
    given = {"GITHUB_TOKEN": token, SECRETS: json.dumps(_secrets(environment, workflow, token))}
    files["secrets"].write_text("".join(f"{key}={json.dumps(value)}\n" for key, value in given.items()), "utf-8")
    labels = tuple(dict.fromkeys(label for job in workflow.jobs for label in job.labels))
    return ActInvocation(
        event=event.name, workflow=files["workflow"], payload=files["payload"], secrets=files["secrets"],
        home=directory / "home", labels=labels, actions=cleaned.actions, default_branch=environment.config.main_branch,
        env={**environment.env, **_variables(environment, session), **changes.env, "BASH_ENV": str(files["rights"])},
        variables=environment.variables, mark=changes.mark or secrets.token_hex(12), keep=environment.keep,
        seconds=changes.seconds,
    )  # fmt: skip


def _secrets(environment: RehearsalEnvironment, workflow: Workflow, token: str) -> dict[str, dict[str, str]]:
    """Return the secrets of each job, its own token among them."""
    return {
        job.id: {**secrets_of(environment.secrets, job.environment), "GITHUB_TOKEN": job_token(token, job.id)}
        for job in workflow.jobs
    }


def _variables(environment: RehearsalEnvironment, session: RunnerSession) -> dict[str, str]:
    """Return the variables that GitHub sets and act does not, or gets wrong.

    `SHA_REF` is the one by which act takes the commit.
    """
    event, workflow = session.event, session.workflow
    service = f"{environment.runner_url}/{session.run_id}"
    return {
        "GITHUB_REPOSITORY": environment.repository,
        "GITHUB_REPOSITORY_OWNER": environment.repository.partition("/")[0],
        "GITHUB_REPOSITORY_ID": REPOSITORY_ID,
        "GITHUB_REPOSITORY_OWNER_ID": OWNER_ID,
        "GITHUB_REF": event.ref,
        "SHA_REF": event.sha,
        "GITHUB_RUN_ID": str(session.run_id),
        "GITHUB_RUN_NUMBER": str(session.number),
        "GITHUB_RUN_ATTEMPT": str(session.attempt),
        "GITHUB_API_URL": environment.github.api_url,
        "GITHUB_SERVER_URL": _SERVER,
        "GITHUB_WORKFLOW_REF": f"{environment.repository}/{workflow.path}@{event.ref}",
        "GITHUB_WORKFLOW_SHA": event.sha,
        "GITHUB_TRIGGERING_ACTOR": "tester",
        "RUNNER_ENVIRONMENT": "github-hosted",
        # uv appends `&audience=…`; the name of the job is filled in by act, for each job.
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{service}/identity?job=${{{{ github.job }}}}",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": session.request_token,
        "REHEARSAL_LOCKS": str(environment.locks),
        "REHEARSAL_OBJECTS": str(environment.remote / "objects"),
        "REHEARSAL_RUNNER": service,
        "REHEARSAL_RUNNER_TOKEN": session.runner_token,
    }


def _barred(environment: RehearsalEnvironment, session: RunnerSession) -> dict[str, str]:
    """Return the jobs whose environment rejects this ref, with the reason."""
    barred = {}
    for job in session.workflow.jobs:
        rules = environment.state.environment(job.environment)
        name, kind = session.event.branch, "tag" if session.event.ref.startswith("refs/tags/") else "branch"
        policies = [Policy(stored.kind, stored.name) for stored in rules.policies] if rules else []
        has_own = rules is not None and rules.policy == "named"
        if has_own and not any(policy.allows(kind, name) for policy in policies):
            barred[job.id] = f"{name} is not allowed to deploy to {job.environment} due to its protection rules"
    return barred


def mapped_actions() -> dict[str, frozenset[str]]:
    """Return the actions with a counterpart, each a directory of its own name, and the inputs that it supports."""
    found = {}
    for path in sorted(COMPOSITES.glob("*/*/**/action.yml")):
        inputs = read_workflow(path.read_text(encoding="utf-8"), path.name)["inputs"]
        found[path.parent.relative_to(COMPOSITES).as_posix()] = frozenset(inputs.table)
    return found


def keep_log(environment: RehearsalEnvironment, session: RunnerSession, act_result: ActResult) -> None:
    """Write a run's output and the durations of its steps to its log."""
    directory = environment.directory / "runs" / f"{session.run_id}-{session.attempt}"
    text = "".join(f"[{line.job}/{line.step}] {line.text}\n" for line in act_result.lines)
    ends = "".join(f"[{step.job}/{step.id}] {step.result}, {step.seconds:.1f} s\n" for step in act_result.steps)
    (directory / "log.txt").write_text(text + ends + act_result.complaint, encoding="utf-8")


def log_of(environment: RehearsalEnvironment, ran: WorkflowRunResult) -> Path:
    """Return the path of a run's log."""
    return environment.directory / "runs" / f"{ran.id}-{ran.attempt}" / "log.txt"
