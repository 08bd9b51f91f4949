"""The session `conclude`, the last job of a release workflow."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_event import EventRun, read_choice, read_event_run
from release_channels.adapters.git import Git
from release_channels.cli.context import open_project
from release_channels.cli.run import run_told
from release_channels.concluding import EndedJob, Start, conclude, parse_needs
from release_channels.model.config import Config
from release_channels.model.outcome import Outcome

_NEEDS = "NEEDS"


def run_conclude(
    words: Sequence[str], *, root: Path, env: Mapping[str, str] = os.environ, dry_run: bool = False
) -> Outcome:
    """Judge how the other jobs of this workflow ended."""
    return run_told("conclude", words, lambda *_: _conclude(root, env), root=root, env=env, dry_run=dry_run)


def _conclude(root: Path, env: Mapping[str, str]) -> Outcome:
    jobs = parse_needs(env.get(_NEEDS, ""))
    for job in jobs:
        console.say(f"  {job.name:<12}{job.result}{_told(job)}")
    git = Git.open(root)
    config = open_project(git, git.commit("HEAD")).config
    event = read_event_run(env)
    return conclude(jobs, Start(read_choice(env), nothing_to_do(event, config) if event else ""))


def nothing_to_do(event: EventRun, config: Config) -> str:
    """Say why a run that ended gives the preview workflow nothing to do: the same as the job's own condition."""
    if event.conclusion != "success":
        return f"{event.workflow} ended {event.conclusion}"
    wanted = "workflow_run" if config.gate.enabled else "push"
    if event.event != wanted:
        return f"{event.workflow} was started by {event.event}: only what follows a push to main is published"
    if event.branch != config.main_branch or event.head_repository != event.repository:
        return f"{event.workflow} ran for {event.branch} of {event.head_repository}, not for main"
    return ""


def _told(job: EndedJob) -> str:
    outcome = job.outputs.get("outcome", "")
    return f", {outcome}" if outcome else ""
