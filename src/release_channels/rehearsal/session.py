"""`nox -s rehearse`: practise the release on this machine, with the project's own workflow files."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_env import REHEARSAL, is_rehearsal
from release_channels.adapters.git import Git
from release_channels.adapters.index import Credentials, Index, read_index, upstream_url
from release_channels.cli.context import TaskContext, open_project
from release_channels.cli.options import RehearsalOptions
from release_channels.cli.run import session_run
from release_channels.errors import FailedError, RefusedError, ReleaseError
from release_channels.model.observed import UNSHALLOW, Commit
from release_channels.model.outcome import Outcome, Result
from release_channels.project.pyproject import Project
from release_channels.rehearsal.actions.dispatcher import WorkflowDispatcher
from release_channels.rehearsal.end_users import make_end_users
from release_channels.rehearsal.environment import create_environment
from release_channels.rehearsal.faults.run import (
    FaultResult,
    MakeScenario,
    require_expected_ends,
    run_faults,
    select_faults,
)
from release_channels.rehearsal.maintainer import Maintainer
from release_channels.rehearsal.prerequisites import require_prerequisites
from release_channels.rehearsal.report import end_of, show_faults, show_not_rehearsed, show_stages
from release_channels.rehearsal.scenario import Scenario
from release_channels.rehearsal.temp_dir import workspace


def run_rehearsal(
    words: Sequence[str], *, root: Path, env: Mapping[str, str] = os.environ, dry_run: bool = False
) -> Outcome:
    """Run a rehearsal from its options to its outcome; an error becomes its outcome.

    Raises: KeyboardInterrupt, after the outcome was printed.
    """
    left = "" if "--keep" in words else "its files are removed, and "
    retry_hint = f"{left}the next one starts over"
    with session_run("rehearse", root, env, dry_run=dry_run, rehearsal=True, retry_hint=retry_hint) as run:
        outcome = _rehearse(root, run.parse(RehearsalOptions, words), env)
        following = "nox -s rehearse" if outcome.result is Result.PLANNED else "release-channels doctor"
        run.outcome = replace(outcome, next=following)
    return run.outcome


def _rehearse(root: Path, options: RehearsalOptions, env: Mapping[str, str]) -> Outcome:
    if is_rehearsal(env):
        raise RefusedError(f"{REHEARSAL} is set: already inside a rehearsal", hint="run it outside of the rehearsal")
    if sys.platform == "win32":
        raise RefusedError("a rehearsal needs Linux or macOS", hint="act runs the jobs on this machine, with bash")
    if options.fault:
        select_faults(options.fault)
    git = Git.open(root)
    if git.directory:
        raise RefusedError(
            f"a rehearsal plays projects at the top of their repository, and this one is in {git.directory}",
            hint="practise the steps by hand: `nox -s preview`, then the tasks with `--index local`",
        )
    commit = git.commit("HEAD")
    project = open_project(git, commit)
    if git.is_shallow():
        raise RefusedError("history is cut off in this clone, so its remote cannot be made", hint=UNSHALLOW)
    console.say(f"{project.name} {project.version}: a release of commit {commit.short} is rehearsed", style="bold")
    upstream = Index("pypi", upstream_url(env), "", Credentials.NONE)
    with console.progress("checking what the rehearsal needs"):
        require_prerequisites(TaskContext(git, commit, project, upstream, env), options)
    if options.dry_run:
        return Outcome(Result.PLANNED, f"{project.name} {project.version} would be rehearsed", project=project.name)
    if left_out := git.uncommitted():
        console.warn(f"not committed, so left out: {', '.join(left_out[:3])}{', …' if len(left_out) > 3 else ''}")
    world = partial(make_scenario, git, project, commit, options, env)
    return _run_faults(options, world, project) if options.fault else _run_scenario(options, world)


@contextmanager
def make_scenario(
    git: Git, project: Project, commit: Commit, options: RehearsalOptions, env: Mapping[str, str]
) -> Iterator[Scenario]:
    """Create an environment and its scenario.

    Raises: FailedError for an internal error of the environment.
    """
    with ExitStack() as stack:
        ends = stack.enter_context(ExitStack())  # what is entered while the others end, ends last
        with console.progress("starting the doubles of GitHub, the index and the model"):
            newest_run = read_newest_run(project, env)
            directory = stack.enter_context(workspace(env, keep=options.keep))
            environment = stack.enter_context(
                create_environment(directory, git, project, commit, env, is_quick=options.quick, keep=options.keep)
            )
        stack.callback(ends.enter_context, console.progress("stopping the doubles and removing the rehearsal's files"))
        dispatcher = WorkflowDispatcher(
            environment, with_tests=options.with_tests, counters={project.config.test_workflow: newest_run}
        )
        try:
            with console.progress("making the environments of users"):
                end_users = make_end_users(environment)
            yield Scenario(environment, dispatcher, Maintainer(environment), end_users)
        except ReleaseError:
            for what in environment.warnings():
                console.warn(what)  # it may be why
            raise
        if wrong := environment.warnings():
            raise FailedError("internal error of the rehearsal", hint="\n".join(wrong))


def read_newest_run(project: Project, env: Mapping[str, str]) -> int:
    """Return the test run number of the project's newest preview on the index; 0 if there is none.

    Raises: UnansweredError if the index does not answer.
    """
    upstream = Index("upstream", upstream_url(env), "", Credentials.NONE)
    numbers = (version.dev or 0 for version in read_index(upstream, project.name).releases)
    return max(0, max(numbers, default=0) - project.config.run_offset)


def _run_scenario(options: RehearsalOptions, world: MakeScenario) -> Outcome:
    """Run the scenario and print its report."""
    begun = time.monotonic()
    with world() as scenario:
        try:
            scenario.run(options.only)
        finally:
            show_stages(scenario.log.stages)
            show_not_rehearsed((*scenario.dispatcher.not_rehearsed, *scenario.environment.upstream_proxy.refusals))
    project = scenario.environment.project.name
    what = f"the {options.only} part of the scenario" if options.only else "the whole scenario"
    message = f"{project}: {what} ran in {time.monotonic() - begun:.0f} s; {end_of(scenario.log.stages)}"
    return Outcome(Result.DONE, message, project=project, commit=scenario.environment.commit.sha, index="pypi")


def _run_faults(options: RehearsalOptions, world: MakeScenario, project: Project) -> Outcome:
    """Run faults, and fail if one did not fire or did not end as expected."""
    results: list[FaultResult] = []
    try:
        results.extend(run_faults(options.fault, world))  # what was judged before an error stays in it
    finally:
        show_faults(results)
    require_expected_ends(results)
    message = f"{project.name}: {len(results)} faults fired, and each ended converged or unchanged"
    return Outcome(Result.DONE, message, project=project.name, index="pypi")
