"""Restrict each job to the permissions GitHub would grant; act grants all jobs the same. Pure.

Each `run:` line of bash reads a script first (`BASH_ENV`); this one takes away the identity of a job without
`id-token: write`, gives each job its own token, and stops one whose environment does not admit the ref.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from release_channels.model.workflow_semantics.permissions import IDENTITY
from release_channels.rehearsal.actions.workflow import Workflow

_TOKENS = ("GH_TOKEN", "GITHUB_TOKEN", "REHEARSAL_GITHUB_TOKEN")

# act 0.2.89 reads a step's output through a terminal, and closes that at once where the step fails.
_LINGER = "trap '[ $? -eq 0 ] || sleep 0.2' EXIT"


def job_token(token: str, job: str) -> str:
    """Format the token of one job of a run."""
    return f"{token}-{job}"


def job_tokens(workflow: Workflow, token: str) -> dict[str, Sequence[str]]:
    """Return the permissions of each job's token, as the GitHub double reads them."""
    return {job_token(token, job.id): sorted(job.permissions) for job in workflow.jobs}


def rights_script(workflow: Workflow, token: str, barred: Mapping[str, str], stops: Sequence[Breakpoint] = ()) -> str:
    """Return the script; `barred` maps a job to the reason why its environment rejects the ref."""
    trusted = "|".join(shlex.quote(job.id) for job in workflow.jobs if job.may(IDENTITY)) or "''"
    lines = [
        "unset BASH_ENV",
        _LINGER,
        f'case "$GITHUB_JOB" in {trusted}) ;;',
        "*) unset ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN ;; esac",
        f"for rehearsal_name in {' '.join(_TOKENS)}; do",
        f'  if [ "${{!rehearsal_name-}}" = {shlex.quote(token)} ]; then',
        f'    export "$rehearsal_name={token}-$GITHUB_JOB"; fi; done',
        "unset rehearsal_name",
    ]
    for job, why in barred.items():
        lines.append(
            f'if [ "$GITHUB_JOB" = {shlex.quote(job)} ]; then echo {shlex.quote(f"::error::{why}")}; exit 1; fi'
        )
    lines += [stop.line for stop in stops]
    return "\n".join(lines) + "\n"


class Breakpoint:
    """Breakpoint before a step: the run waits there until it is released."""

    def __init__(self, job: str, step: str, directory: str) -> None:
        self.job = job
        self.step = step
        self.reached = f"{directory}/{job}-{step}.reached"
        self.go = f"{directory}/{job}-{step}.go"

    @property
    def line(self) -> str:
        """Return the shell command that waits."""
        position, reached, go = (shlex.quote(text) for text in (f"{self.job}/{self.step}", self.reached, self.go))
        waiting = f": > {reached}; while [ ! -e {go} ]; do sleep 0.05; done"
        return f'if [ "$GITHUB_JOB/$GITHUB_ACTION" = {position} ] && [ ! -e {go} ]; then {waiting}; fi'
