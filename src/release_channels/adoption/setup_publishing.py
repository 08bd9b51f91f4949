"""`setup-publishing`: show the required settings of index and GitHub, apply those with an API, and test them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.github import connect
from release_channels.adapters.github.errors import NotFoundError
from release_channels.adapters.github.follow_run import Waiting, wait_for_run
from release_channels.adapters.github.settings import Settings
from release_channels.adapters.index import LOCAL
from release_channels.adoption.publishers import (
    EnvironmentPlan,
    Publisher,
    plan_environments,
    publisher_table,
    publishers,
    wanted_environments,
)
from release_channels.cli.context import TaskContext
from release_channels.cli.practice import has_github_double
from release_channels.errors import FailedError, RefusedError, ReleaseError, UsageError
from release_channels.model.github import WorkflowRun
from release_channels.model.github_settings import Environment, Policy
from release_channels.model.outcome import DEFAULT_INDEX, Outcome, Result
from release_channels.model.tags import release_tags
from release_channels.model.verification import WORKFLOWS
from release_channels.model.version import Channel
from release_channels.model.workflow_semantics.file import read_workflow
from release_channels.project.commit_url import github_repository

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub

PREFLIGHT = {"do": "preflight"}


def setup_publishing(
    context: TaskContext, *, apply: bool, dry_run: bool = False, waiting: Waiting | None = None
) -> Outcome:
    """Show the publishing settings of a project; with `apply`, create GitHub's and test each workflow.

    Raises: UsageError for the local index; RefusedError where no repository on GitHub is known, or it says no;
    FailedError where a trial is refused.
    """
    if context.index.name == LOCAL and not has_github_double(context.env):
        raise UsageError(
            "setup-publishing sets up an index that others use, and --index local is for practice",
            hint="name another index, or leave --index out",
        )
    name = github_repository(context.project, context.git.remote_url(context.config.remote), context.env)
    if name is None:
        raise RefusedError(
            f"cannot determine the GitHub repository from remote '{context.config.remote}' or [project.urls]",
            hint='set `repository = "owner/name"` in [tool.release-channels], or add the remote',
        )
    wanted = publishers(context.config, name)
    is_new = _is_new(context)
    _show_publishers(context, wanted, is_new=is_new)
    with connect(name, context.env) as github:
        plans = _plans(context, github.settings, needs_answer=apply)
        _show_environments(context, plans)
        if not apply or dry_run:
            return _planned(context, wanted, plans)
        _apply(context, github.settings, plans or ())
        return _try_out(context, github, wanted, waiting or Waiting(longest=900), is_new=is_new)


def _is_new(context: TaskContext) -> bool:
    """Return whether the project is new on the index; an index that does not answer is reported."""
    try:
        return not context.read_index().releases
    except ReleaseError as stop:
        console.warn(f"whether {context.project.name} is on {context.index.title} is not known: {stop}")
        return False


def _show_publishers(context: TaskContext, wanted: Sequence[Publisher], *, is_new: bool) -> None:
    project = context.project.name
    console.prose(f"Trusted publishers of {project} on the index. No token is stored in GitHub.", style="bold")
    table = [f"  {line}" for line in publisher_table(wanted)]
    if console.fits(table):  # each form below has the same values, one on a line
        console.result("\n".join(table))
    console.prose("Owner, repository and workflow file count letter by letter: type them as GitHub spells them.")
    if not is_new:
        console.prose(f"On the index, as an owner of {project}: Manage, Publishing, Add a new publisher, GitHub.")
        for publisher in wanted:
            _show_form(publisher, project, pending=False)
        return
    public = next(publisher for publisher in wanted if publisher.channel is Channel.PUBLIC)
    preview = next(publisher for publisher in wanted if publisher.channel is Channel.PREVIEW)
    console.prose(
        f"{context.index.title} has no file of {project} yet. Register a pending publisher for one channel only, the "
        "public one: the first release should be a final one, since before that every user would get previews. In "
        "your account: Publishing, Add a new pending publisher, GitHub."
    )
    _show_form(public, project, pending=True)
    console.prose(
        f"A pending publisher does not reserve the name. After the first release add the other one on {project}'s own "
        "page: Manage, Publishing."
    )
    _show_form(preview, project, pending=False)


def _show_form(publisher: Publisher, project: str, *, pending: bool) -> None:
    console.prose(f"  {publisher.row[0]}:")
    for field, value in publisher.fields(project, pending=pending):
        console.result(f"    {field + ':':<19} {value}")


def _plans(context: TaskContext, settings: Settings, *, needs_answer: bool) -> tuple[EnvironmentPlan, ...] | None:
    """Read the environments and plan; None where GitHub cannot be asked and nobody needs its answer.

    Raises: RefusedError where its answer is needed.
    """
    try:
        settings.repository()  # an environment that is not there looks like a repository that is hidden
        names = [wanted.name for wanted in wanted_environments(context.config)]
        current = {name: settings.environment(name) for name in names}
    except ReleaseError as stop:
        if needs_answer:
            raise
        console.warn(f"how GitHub is set up is not known: {stop}")
        return None
    return plan_environments(current, context.config)


def _show_environments(context: TaskContext, plans: Sequence[EnvironmentPlan] | None) -> None:
    console.prose("Environments on GitHub", style="bold")
    if plans is None:
        for wanted in wanted_environments(context.config):
            console.prose(f"  {wanted.name}: {wanted.purpose}; it allows {wanted.policy} and nothing else")
        return
    for plan in plans:
        console.prose(f"  {plan.wanted.name}: {plan.wanted.purpose}")
        console.prose(f"    now:   {_describe(plan.before)}")
        if not plan.is_reached:
            console.prose(f"    then:  {plan.after.describe()}")
        for remark in plan.remarks():
            console.warn(f"{plan.wanted.name}: {remark}")


def _describe(environment: Environment | None) -> str:
    return environment.describe() if environment else "not there"


def _apply(context: TaskContext, settings: Settings, plans: Sequence[EnvironmentPlan]) -> None:
    """Do what is planned, then read again: what is told afterwards is what GitHub says.

    Raises: FailedError if an environment is not what it should be.
    """
    try:
        for plan in plans:
            if plan.put is not None:
                settings.put_environment(plan.put)
            if plan.add is not None:
                settings.add_policy(plan.wanted.name, plan.add)
    except ReleaseError as stop:
        try:
            again = _plans(context, settings, needs_answer=True)
        except ReleaseError:  # then nothing more can be told than what failed first
            again = None
        if again is not None:
            _refuse_loss(plans, again, stop)
        raise
    if all(plan.is_reached for plan in plans):
        console.prose("  nothing to do: the environments are as they should be")
        return
    again = _plans(context, settings, needs_answer=True) or ()
    _refuse_loss(plans, again, None)
    for plan in again:
        console.prose(f"  {plan.wanted.name} is set up: {_describe(plan.before)}")
        if not plan.is_reached:
            raise FailedError(
                f"the environment {plan.wanted.name} is not what it was set to: {_describe(plan.before)}",
                hint="someone else is changing it: run the same again",
            )


def _refuse_loss(plans: Sequence[EnvironmentPlan], again: Sequence[EnvironmentPlan], stop: ReleaseError | None) -> None:
    """Report what an environment has lost, also where something else failed after it.

    Raises: FailedError if it has lost anything.
    """
    for planned, plan in zip(plans, again, strict=True):
        if lost := planned.lost(plan.before):
            then = f"; then {stop}" if stop else ""
            raise FailedError(
                f"GitHub changed the environment {plan.wanted.name} beyond what was asked: {', '.join(lost)}{then}",
                hint="set it again by hand, on the settings page of the repository, then run the same again",
            ) from stop


def _planned(context: TaskContext, wanted: Sequence[Publisher], plans: Sequence[EnvironmentPlan] | None) -> Outcome:
    console.prose("Then try each workflow out: it shows its identity to the index, and uploads nothing", style="bold")
    main = context.config.main_branch
    for publisher in wanted:
        ref, obstacle = _trial_ref(context, publisher)
        console.result(f"  gh workflow run {publisher.workflow} --ref {ref or main} -f do=preflight")
        if obstacle:
            console.prose(
                f"    {obstacle}: this works only while {publisher.environment} allows branch {main}; otherwise use "
                "the first release tag whose workflow has a preflight"
            )
    if plans is not None and all(plan.is_reached for plan in plans):
        message = "GitHub is set up; `release-channels setup-publishing --apply` tries the publishers out"
        return Outcome(Result.DONE, message, project=context.project.name)
    message = (
        "nothing was changed; once the publishers are on the index, "
        "`release-channels setup-publishing --apply` does the rest"
    )
    index = () if context.index.name == DEFAULT_INDEX else ("--index", context.index.name)
    following = shlex.join(("release-channels", "setup-publishing", "--apply", *index))
    return Outcome(Result.PLANNED, message, project=context.project.name, next=following)


@dataclass(frozen=True, slots=True)
class _Trial:
    """How one workflow's trial ended; nothing is wrong where no text says so."""

    publisher: Publisher
    untried: str = ""
    refused: str = ""


def _try_out(
    context: TaskContext, github: GitHub, wanted: Sequence[Publisher], waiting: Waiting, *, is_new: bool
) -> Outcome:
    console.prose("Trying the release workflows out: they show their identity and upload nothing", style="bold")
    trials = [_try(context, github, publisher, waiting) for publisher in wanted]
    if is_new:  # a token would make the project, so the trial stops before it asks for one
        trials = [trial if trial.refused or trial.untried else replace(trial, untried=_FIRST) for trial in trials]
    for trial in trials:
        console.prose(f"  {trial.publisher.workflow}: {trial.refused or trial.untried or 'the index accepts it'}")
    if refused := [trial for trial in trials if trial.refused]:
        raise FailedError(
            f"the index does not accept {' and '.join(trial.publisher.workflow for trial in refused)}",
            hint="\n".join(trial.refused for trial in refused),
        )
    left = [trial.publisher.workflow for trial in trials if trial.untried]
    message = f"GitHub is set up; not tried: {', '.join(left)}" if left else "GitHub and the index are set up"
    return Outcome(Result.DONE, message, project=context.project.name)


_FIRST = "the job is as the settings say; the index itself answers at the first release, which creates the project"


def _try(context: TaskContext, github: GitHub, publisher: Publisher, waiting: Waiting) -> _Trial:
    ref, obstacle = _trial_ref(context, publisher)
    if ref is None:
        return _Trial(publisher, untried=f"not tried: {obstacle}, and its environment allows release tags alone")
    try:
        run_id = github.settings.dispatch(publisher.workflow, ref, PREFLIGHT)
    except NotFoundError:
        return _Trial(
            publisher, untried=f"not tried: GitHub knows no such workflow; push it to {context.config.main_branch}"
        )
    except RefusedError as stop:
        return _Trial(publisher, untried=f"not tried: {stop}")
    if run_id is None:
        return _Trial(publisher, untried="started, but GitHub does not report its run: see its page")
    run = wait_for_run(partial(github.started_run, run_id), publisher.workflow, waiting, github)
    if run.is_green:
        return _Trial(publisher)
    environments = {environment.name: environment for environment in wanted_environments(context.config)}
    policy = environments[publisher.environment].policy
    why = translate(_complaints(github, run), publisher, policy, context.project.name)
    return _Trial(publisher, refused=f"{why} ({run.url})")


def _complaints(github: GitHub, run: WorkflowRun) -> tuple[str, ...]:
    """Collect what the failed jobs of a run say; one that says nothing has to be read by a maintainer."""
    failed = (job for job in github.jobs(run.id) if job.conclusion not in ("success", "skipped"))
    return tuple(text for job in failed for text in github.settings.complaints(job.id))


def _trial_ref(context: TaskContext, publisher: Publisher) -> tuple[str | None, str]:
    """Return the ref that a workflow is tried on: main, or the newest release tag; without one, the reason instead."""
    if publisher.channel is Channel.PREVIEW:
        return context.config.main_branch, ""
    try:
        tags: Mapping[Version, str] = context.tags()
    except ReleaseError:
        tags = release_tags(context.config.tag_format, context.git.tags_before(context.commit.sha))
    if not tags:
        return None, "there is no release tag yet"
    newest = tags[max(tags)]
    if not _has_preflight(context, newest, publisher):
        return None, f"{newest} has no preflight in its {publisher.workflow}"
    return newest, ""


def _has_preflight(context: TaskContext, tag: str, publisher: Publisher) -> bool:
    """Return whether a workflow can be started for a preflight on a tag; one that is on the remote alone may have it.

    Source: GitHub's workflow syntax reference: the file at the ref itself needs `workflow_dispatch` and the input.
    """
    here = context.git.local_tag(tag, context.commit.sha)
    if here is None:
        return True
    path = f"{WORKFLOWS}/{publisher.workflow}"
    try:
        text = (context.git.read_file(here.commit, path) or b"").decode("utf-8", "replace")
        dispatch = read_workflow(text, path)["on"]["workflow_dispatch"]
    except ReleaseError:
        return False
    options = dispatch["inputs"]["do"]["options"].texts
    return "do" in dispatch["inputs"] and (not options or PREFLIGHT["do"] in options)


def translate(complaints: Sequence[str], publisher: Publisher, policy: Policy, project: str) -> str:
    """Return the setting to fix for a job's error messages; unknown messages are returned unchanged."""
    text = "\n".join(complaints)
    for mark, setting in _SETTINGS:
        if mark in text:
            return setting.format(
                project=project,
                owner=publisher.repository.partition("/")[0],
                repository=publisher.repository.partition("/")[2],
                workflow=publisher.workflow,
                environment=publisher.environment,
                policy=policy,
            )
    return f"{publisher.workflow} reported: {text}" if text else f"{publisher.workflow} reported nothing: read its log"


# In this order: what is special comes before what it contains.
_SETTINGS = (
    ("is not allowed to deploy to", "the environment {environment} on GitHub has to allow {policy}"),
    (
        "invalid-pending-publisher",
        "{project} already exists, so a pending publisher has no effect: add this one on the project's own page, with "
        "owner {owner}, repository {repository}, workflow {workflow} and environment {environment}",
    ),
    (
        "invalid-publisher",
        "no publisher of {project} has these values, the index says: owner {owner}, repository {repository}, workflow "
        "{workflow}, environment {environment}. A renamed file or environment is the most common cause",
    ),
    (
        "not-enabled",
        "Trusted Publishing is disabled on the index for now: try again later",
    ),
    ("unknown trusted publishing issuer", "the index does not take identities from this GitHub server"),
    ("id-token", "the job `preflight` in {workflow} needs `id-token: write` under its `permissions:`"),
)
