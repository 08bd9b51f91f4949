"""One run of a release session: open, observe, decide, show, and run the steps."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment
from release_channels.adapters.actions_event import read_dispatch_input
from release_channels.adapters.files import checkout_lock
from release_channels.adapters.git import Git
from release_channels.adapters.index import LOCAL, Index, upstream_url
from release_channels.adapters.observe import observe
from release_channels.cli.context import TaskContext, open_index, open_project
from release_channels.cli.options import Options
from release_channels.cli.report import show_plan
from release_channels.cli.run import FindNext, session_run
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.decide import Plan, Reason, Request, Verdict, decide
from release_channels.model.observed import Commit, Observed
from release_channels.model.outcome import Outcome, Result, name_index
from release_channels.model.session_names import after_step
from release_channels.model.tags import release_tags, tag_of
from release_channels.model.verification import VerifiedRun
from release_channels.model.version import Channel
from release_channels.project.commit_url import commit_url, repository_url
from release_channels.project.pyproject import Project
from release_channels.release.ci_provenance import GatedFiles, gated_files, verify_preview_ci, verify_public_ci
from release_channels.release.dist_dir import import_build
from release_channels.release.step import ReleaseContext, Step, Timeouts, outcome_of, run_steps

if TYPE_CHECKING:
    from release_channels.model.next_step import NextStep
    from release_channels.release.rebuild import ConcurrentRebuild


def run_pipeline(
    name: str,
    steps: Sequence[str],
    words: Sequence[str],
    *,
    root: Path,
    channel: Channel | None = None,
    dry_run: bool = False,
    env: Mapping[str, str] = os.environ,
    patience: Timeouts | None = None,
    intermediate: bool = False,
    find_next: FindNext | None = None,
    within: str = "",
) -> Outcome:
    """Run one release session from its options to its outcome; an error becomes its outcome.

    Without a channel a tag decides: the one that was given, that started the job, or of the final that the commit
    holds. With `intermediate` another run follows, and only a failure is reported; `within` is the command that the
    session is a part of.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """
    with session_run(name, root, env, dry_run=dry_run, intermediate=intermediate, within=within) as run:
        options = run.parse(Options, words)
        job = Job(
            tuple(steps), channel, options, root, env, run.actions, patience or Timeouts(), find_next, intermediate
        )
        run.outcome, run.next = release(job)
        if not run.outcome.result.is_good:
            run.outcome = run.stopped(replace(run.outcome, hint=name_index(run.outcome.hint, run.index)))
        elif not (run.outcome.next or run.actions.runs):
            step = steps[-1] if run.outcome.result is not Result.SKIPPED else ""
            run.outcome = replace(run.outcome, next=after_step(step, run.outcome.channel, _named(options)))
    return run.outcome


def _named(options: Options) -> dict[str, str]:
    """Return the options that the next step has to be given, too: without them it would be about another build."""
    named = {
        "--index": options.index,
        "--run-number": str(options.run or ""),
        "--commit": options.commit if options.commit != "HEAD" else "",
        "--tag": options.tag,
    }
    return {flag: value for flag, value in named.items() if value} | ({"--offline": ""} if options.offline else {})


@dataclass(frozen=True, slots=True)
class Job:
    """The request of one run: steps, options and environment, and the channel unless a tag determines it."""

    steps: tuple[str, ...]
    channel: Channel | None
    options: Options
    root: Path
    env: Mapping[str, str]
    actions: ActionsEnvironment
    patience: Timeouts
    find_next: FindNext | None = None
    """Return the next command after the run; not asked in a workflow, where nobody types it."""
    intermediate: bool = False
    """True if another run follows, which shows the plan."""

    @property
    def builds(self) -> bool:
        """True if the run builds the files itself."""
        return "build" in self.steps


@dataclass(frozen=True, slots=True)
class Opened:
    """The opened inputs of a run: repository, commit, project, index, and the verified test run, if any."""

    git: Git
    commit: Commit
    project: Project
    index: Index
    proof: VerifiedRun | None


def release(job: Job) -> tuple[Outcome, NextStep | None]:
    """Open, observe, decide and show the plan, then run the steps; return the outcome and the next step of the state.

    Raises: ReleaseError for whatever stops it before its first step.
    """
    _refuse_conflict(job)
    with ExitStack() as stack:
        opened = _open(job, stack)
        outcome = _release(job, opened, stack)
        if job.find_next is None or job.actions.runs:
            return outcome, None
        context = TaskContext(opened.git, opened.commit, opened.project, opened.index, job.env)
        step = job.find_next(context)
        return replace(outcome, next=step.command if step else ""), step


def _release(job: Job, opened: Opened, stack: ExitStack) -> Outcome:
    request = _request(job, opened)
    observed = observe(opened.git, opened.project, opened.commit, opened.index, request, env=job.env)
    plan = decide(observed, request, opened.project.config)
    if not (job.intermediate and plan.verdict is Verdict.PUBLISH):
        show_plan(plan, observed, opened.index, job.steps)
    if plan.verdict is not Verdict.PUBLISH:
        return _not_published(plan, request)
    gated = _gated_files(job, opened, plan)
    plan = replace(plan, warnings=plan.warnings + gated.warnings)
    if job.options.dry_run:
        return _planned(job, opened, plan)
    if job.options.source is not None:
        import_build(job.root, Path(job.options.source))
    context = _release_context(job, opened, plan, observed, gated, stack)
    return replace(
        run_steps([load_step(name) for name in job.steps], context, intermediate=job.intermediate),
        run_number=request.run,
    )


def load_step(name: str) -> Step:
    """Import one step by its name, so that a publishing job loads no code that builds.

    Raises: ValueError for a name that is not a step's.
    """
    match name:
        case "build":
            from release_channels.release.build import BUILD as step
        case "check":
            from release_channels.release.check import CHECK as step
        case "preview-publish":
            from release_channels.release.publish import PREVIEW_PUBLISH as step
        case "public-publish":
            from release_channels.release.publish import PUBLIC_PUBLISH as step
        case "github-release":
            from release_channels.release.github_release import GITHUB_RELEASE as step
        case "verify":
            from release_channels.release.verify import VERIFY as step
        case _:
            raise ValueError(f"unknown step: {name}")
    return step


def _open(job: Job, stack: ExitStack) -> Opened:
    """Open the project and the index; in the preview workflow at the commit that the tests passed for."""
    git = Git.open(job.root)
    commit = git.commit(job.options.commit)
    project = open_project(git, commit, index=job.options.index or LOCAL, env=job.env)
    _refuse_branch(git, project.config, job)
    if not job.options.dry_run:
        stack.enter_context(checkout_lock(job.root))
    name = job.options.index or _default_index(project.config, job.actions)
    index = stack.enter_context(open_index(name, project, job.root, job.env, offline=job.options.offline))
    proof = None
    if job.channel is not Channel.PUBLIC:
        proof = verify_preview_ci(git, project.config, job.steps, job.options, job.actions, job.env)
    if proof is not None:
        commit = git.commit(proof.commit)
        project = open_project(git, commit, index=index.name, env=job.env)
    return Opened(git, commit, project, index, proof)


def _gated_files(job: Job, opened: Opened, plan: Plan) -> GatedFiles:
    """Return the files that the gate tested, and warn of what was not verified."""
    if opened.proof is not None:
        gated = gated_files(opened.proof, plan, opened.project)
    else:
        gated = verify_public_ci(opened.git, opened.project, job.steps, plan, job.env)
    for warning in gated.warnings:
        console.warn(warning)
    return gated


def _release_context(
    job: Job, opened: Opened, plan: Plan, observed: Observed, gated: GatedFiles, stack: ExitStack
) -> ReleaseContext:
    config = opened.project.config
    base = repository_url(opened.project, opened.git.remote_url(config.remote))
    return ReleaseContext(
        root=job.root,
        project=opened.project,
        plan=plan,
        observed=observed,
        index=opened.index,
        upstream=upstream_url(job.env),
        env=job.env,
        source_url=commit_url(base, opened.commit.sha) if base else None,
        gated=gated.files,
        stored_tokens=job.actions.stored_tokens,
        patience=job.patience,
        rebuild=_make_rebuild(stack) if config.rebuild and "check" in job.steps else None,
    )


def _make_rebuild(stack: ExitStack) -> ConcurrentRebuild:
    from release_channels.release.rebuild import ConcurrentRebuild

    return ConcurrentRebuild(stack)


def _request(job: Job, opened: Opened) -> Request:
    """Turn options and event into a request; a session that serves both channels is public where there is a tag.

    The tag is the one that was given, the one that started the job, or the one of the final that the commit declares.
    """
    options, project, proof, channel = job.options, opened.project, opened.proof, job.channel
    tag = options.tag or job.actions.tag
    # A number is a preview's, and so is what the preview workflow does.
    previews = options.run or proof or job.actions.workflow == project.config.preview_workflow
    if tag is None and (channel is Channel.PUBLIC or (channel is None and not previews)):
        expected = tag_of(project.config.tag_format, project.version)
        is_tagged = not project.version.is_prerelease and expected in opened.git.tags_at(opened.commit.sha)
        tag = expected if is_tagged else None
    channel = channel or (Channel.PUBLIC if tag else Channel.PREVIEW)
    run, run_from = (proof.run, "of the proven test run") if proof else (options.run, "as given")
    index = opened.index.name
    return Request(channel, index=index, tag=tag, run=run, run_from=run_from, may_count=index == LOCAL)


def _not_published(plan: Plan, request: Request) -> Outcome:
    result = Result.SKIPPED if plan.verdict is Verdict.SKIP else Result.REFUSED
    outcome = outcome_of(plan, result, f"{plan.reason}: {plan.message}")
    return replace(outcome, hint=plan.hint, run_number=request.run)


def _planned(job: Job, opened: Opened, plan: Plan) -> Outcome:
    """Describe what a dry run would do, after the refusals of a build."""
    if job.builds:
        _refuse_unwritable(opened, plan)
    index = opened.index
    would = f"would go to the {plan.channel} channel on {index.title}"
    if plan.reason is Reason.ALREADY:
        would = f"is on {index.title} already and would be compared with it"
    return replace(outcome_of(plan, Result.PLANNED, f"{plan.project} {plan.version} {would}"), publish=True)


def _refuse_unwritable(opened: Opened, plan: Plan) -> None:
    """Refuse in a dry run what the build or the check would: a copy of the version that is missing or malformed.

    Raises: RefusedError
    """
    from release_channels.project.plan_edits import plan_preview
    from release_channels.project.version_files import read_copies

    project, read = opened.project, opened.git.files(opened.commit.sha)
    if plan.channel is Channel.PREVIEW and plan.version is not None:
        plan_preview(project, read, plan.version, None)
    else:
        read_copies(project.config.version_files, read)


def _refuse_conflict(job: Job) -> None:
    """Refuse options that contradict the session.

    Raises: UsageError
    """
    if job.options.source is not None and job.builds:
        raise UsageError("--from cannot be used with a session that builds", hint="leave --from out")
    if job.options.tag and job.channel is Channel.PREVIEW:
        raise UsageError("--tag is for the public channel; a preview has no tag", hint="leave --tag out")


def _refuse_branch(git: Git, config: Config, job: Job) -> None:
    """Refuse to resume a public release from a branch: the build is of the tag's commit.

    Raises: RefusedError with the command to use.
    """
    actions = job.actions
    if actions.workflow != config.public_workflow or actions.tag or read_dispatch_input(job.env) != "resume":
        return
    known = release_tags(config.tag_format, git.tag_names(config.remote))
    tag = known[max(known)] if known else tag_of(config.tag_format, Version("1.2.3"))
    raise RefusedError(
        f"{actions.workflow} was started on a branch, and `resume` continues the release of a tag",
        hint=f"gh workflow run {actions.workflow} --ref {tag} -f do=resume",
    )


def _default_index(config: Config, actions: ActionsEnvironment) -> str:
    """Practise on the local index, but never by accident where a release was meant."""
    if actions.workflow in (config.preview_workflow, config.public_workflow):
        raise UsageError(
            f"no --index in the release workflow {actions.workflow}", hint="end the line with `-- --index pypi`"
        )
    return LOCAL
