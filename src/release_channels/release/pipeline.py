"""One run of a release session: open, observe, decide, act, and tell the outcome."""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from packaging.version import Version

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment
from release_channels.adapters.actions_event import read_dispatch_input
from release_channels.adapters.files import checkout_lock
from release_channels.adapters.git import Git
from release_channels.adapters.index import LOCAL, Index, upstream_url
from release_channels.adapters.observe import observe
from release_channels.cli.context import open_index, open_project
from release_channels.cli.options import Options
from release_channels.cli.report import show_plan
from release_channels.cli.run import run_session
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.decide import Plan, Reason, Request, Verdict, decide
from release_channels.model.observed import Commit
from release_channels.model.outcome import Outcome, Result
from release_channels.model.tags import release_tags, tag_of
from release_channels.model.verification import VerifiedRun
from release_channels.model.version import Channel
from release_channels.project.commit_url import commit_url, repository_url
from release_channels.project.plan_edits import plan_preview
from release_channels.project.pyproject import Project
from release_channels.project.version_files import read_copies
from release_channels.release.ci_provenance import gated_files, verify_preview_ci, verify_public_ci
from release_channels.release.dist_dir import import_build
from release_channels.release.rebuild import ConcurrentRebuild
from release_channels.release.step import ReleaseContext, Step, Timeouts, outcome_of, run_steps

# By name, so that a job that publishes loads nothing of what builds.
_STEPS = {
    "build": "release_channels.release.build:BUILD",
    "check": "release_channels.release.check:CHECK",
    "preview-publish": "release_channels.release.publish:PREVIEW_PUBLISH",
    "public-publish": "release_channels.release.publish:PUBLIC_PUBLISH",
    "github-release": "release_channels.release.github_release:GITHUB_RELEASE",
    "verify": "release_channels.release.verify:VERIFY",
}


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
) -> Outcome:
    """Run one release session from its options to its outcome; errors end in an outcome, never in a traceback.

    Without a channel a tag decides: the one that was given, that started the job, or of the final that the commit
    holds. With `intermediate` another run follows, and only a failure is reported.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """
    return run_session(
        name, words,
        lambda options, actions: _run(steps, channel, options, root, env, actions, patience or Timeouts()),
        root=root, env=env, dry_run=dry_run, intermediate=intermediate,
    )  # fmt: skip


def _run(
    steps: Sequence[str],
    channel: Channel | None,
    options: Options,
    root: Path,
    env: Mapping[str, str],
    actions: ActionsEnvironment,
    patience: Timeouts,
) -> Outcome:
    if options.source is not None and "build" in steps:
        raise UsageError("--from cannot be used with a session that builds", hint="leave --from out")
    git = Git.open(root)
    commit = git.commit(options.commit)
    project = open_project(git, commit, index=options.index or LOCAL, env=env)
    _refuse_branch(git, project.config, actions, env)
    with ExitStack() as stack:
        if not options.dry_run:
            stack.enter_context(checkout_lock(root))
        name = options.index or _default_index(project.config, actions)
        index = stack.enter_context(open_index(name, project, root, env, offline=options.offline))
        proof = None
        if channel is not Channel.PUBLIC:
            proof = verify_preview_ci(git, project.config, steps, options, actions, env)
        if proof is not None:
            commit = git.commit(proof.commit)
            project = open_project(git, commit, index=index.name, env=env)
        request = _request(git, project, commit, channel, options, actions, index, proof)
        observed = observe(git, project, commit, index, request, env=env)
        plan = decide(observed, request, project.config)
        show_plan(plan, observed, index, steps)
        if plan.verdict is not Verdict.PUBLISH:
            result = Result.SKIPPED if plan.verdict is Verdict.SKIP else Result.REFUSED
            text = outcome_of(plan, result, f"{plan.reason}: {plan.message}")
            return replace(text, hint=plan.hint, run_number=request.run)
        proven = gated_files(proof, plan, project) if proof else verify_public_ci(git, project, steps, plan, env)
        for warning in proven.warnings:
            console.warn(warning)
        plan = replace(plan, warnings=plan.warnings + proven.warnings)
        if options.dry_run:
            if "build" in steps:
                _refuse_unwritable(git, project, commit, plan)
            return _planned(plan, index)
        if options.source is not None:
            import_build(root, Path(options.source))
        base = repository_url(project, git.remote_url(project.config.remote))
        release = ReleaseContext(
            root=root,
            project=project,
            plan=plan,
            observed=observed,
            index=index,
            upstream=upstream_url(env),
            env=env,
            source_url=commit_url(base, commit.sha) if base else None,
            gated=proven.files,
            stored_tokens=actions.stored_tokens,
            patience=patience,
            second=ConcurrentRebuild(stack, wanted=project.config.rebuild and {"build", "check"} <= set(steps)),
        )
        return replace(run_steps([_step(name) for name in steps], release), run_number=request.run)


def _request(
    git: Git,
    project: Project,
    commit: Commit,
    channel: Channel | None,
    options: Options,
    actions: ActionsEnvironment,
    index: Index,
    proof: VerifiedRun | None,
) -> Request:
    """Turn options and event into a request; a session that serves both channels is public where there is a tag.

    The tag is the one that was given, the one that started the job, or the one of the final that the commit declares.
    """
    if options.tag and channel is Channel.PREVIEW:
        raise UsageError("--tag is for the public channel; a preview has no tag", hint="leave --tag out")
    tag = options.tag or actions.tag
    # A number is a preview's, and so is what the preview workflow does.
    previews = options.run or proof or actions.workflow == project.config.preview_workflow
    if tag is None and (channel is Channel.PUBLIC or (channel is None and not previews)):
        expected = tag_of(project.config.tag_format, project.version)
        tag = expected if not project.version.is_prerelease and expected in git.tags_at(commit.sha) else None
    channel = channel or (Channel.PUBLIC if tag else Channel.PREVIEW)
    run, run_from = (proof.run, "of the proven test run") if proof else (options.run, "as given")
    return Request(channel, index=index.name, tag=tag, run=run, run_from=run_from, may_count=index.name == LOCAL)


def _planned(plan: Plan, index: Index) -> Outcome:
    would = f"would go to the {plan.channel} channel on {index.title}"
    if plan.reason is Reason.ALREADY:
        would = f"is on {index.title} already and would be compared with it"
    return replace(outcome_of(plan, Result.PLANNED, f"{plan.project} {plan.version} {would}"), publish=True)


def _refuse_unwritable(git: Git, project: Project, commit: Commit, plan: Plan) -> None:
    """Refuse in a dry run what the build or the check would: a copy of the version that is not there, or not fit.

    Raises: RefusedError
    """
    read = partial(git.read_file, commit.sha)
    if plan.channel is Channel.PREVIEW and plan.version is not None:
        plan_preview(project, read, plan.version, None)
    else:
        read_copies(project.config.version_files, read)


def _step(name: str) -> Step:
    step = pkgutil.resolve_name(_STEPS[name])
    assert isinstance(step, Step)
    return step


def _refuse_branch(git: Git, config: Config, actions: ActionsEnvironment, env: Mapping[str, str]) -> None:
    """Refuse to carry on a public release from a branch: what is built is the commit of the tag.

    Raises: RefusedError with the command to use.
    """
    if actions.workflow != config.public_workflow or actions.tag or read_dispatch_input(env) != "resume":
        return
    known = release_tags(config.tag_format, git.tag_names(config.remote))
    tag = known[max(known)] if known else tag_of(config.tag_format, Version("1.2.3"))
    raise RefusedError(
        f"{actions.workflow} was started on a branch, and `resume` carries on the release of a tag",
        hint=f"gh workflow run {actions.workflow} --ref {tag} -f do=resume",
    )


def _default_index(config: Config, actions: ActionsEnvironment) -> str:
    """Practise on the local index, but never by accident where a release was meant."""
    if actions.workflow in (config.preview_workflow, config.public_workflow):
        raise UsageError(
            f"no --index in the release workflow {actions.workflow}", hint="end the line with `-- --index pypi`"
        )
    return LOCAL
