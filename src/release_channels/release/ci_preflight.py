"""The session `ci-preflight`: test whether the index trusts this job, without an upload."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_env import ActionsEnvironment
from release_channels.adapters.git import Git
from release_channels.adapters.index import LOCAL, Credentials, Index, read_index
from release_channels.adapters.oidc import PublisherRejected, TokenExchange, fetch_identity
from release_channels.cli.context import open_index, open_project
from release_channels.cli.options import Options
from release_channels.cli.run import session_run
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.github import repository_name
from release_channels.model.outcome import Outcome, Result
from release_channels.model.trusted_publishing import (
    ClaimCheck,
    PublisherValues,
    compare_claims,
    explain_refusal,
    mismatches,
    read_claims,
)
from release_channels.model.version import Channel


@dataclass(frozen=True, slots=True)
class _Job:
    """One preflight: for which channel, at which index, and what the publisher should be."""

    channel: Channel
    index: Index
    wanted: PublisherValues


def run_ci_preflight(
    words: Sequence[str], *, root: Path, env: Mapping[str, str] = os.environ, dry_run: bool = False
) -> Outcome:
    """Exchange this job's OIDC token for an upload token and revoke it at once, without an upload."""
    with session_run("ci-preflight", root, env, dry_run=dry_run) as run:
        run.outcome = _preflight(run.parse(Options, words), run.actions, root, env)
    return run.outcome


def wanted_publisher(project: str, repository: str, channel: Channel, config: Config) -> PublisherValues:
    """Return the values that the trusted publisher of a channel must have on the index."""
    if channel is Channel.PREVIEW:
        return PublisherValues(project, repository, config.preview_workflow, config.preview_environment)
    return PublisherValues(project, repository, config.public_workflow, config.public_environment)


def _preflight(options: Options, actions: ActionsEnvironment, root: Path, env: Mapping[str, str]) -> Outcome:
    git = Git.open(root)
    project = open_project(git, git.commit(options.commit), index=options.index or LOCAL, env=env)
    config = project.config
    channel = _channel(actions, config)
    repository = repository_name(config.repository, git.remote_url(config.remote), env)
    if repository is None:
        raise UsageError(
            f"the remote {config.remote} is not on GitHub", hint="`repository` in [tool.release-channels] names it"
        )
    if options.index is None:
        raise UsageError("which index?", hint="end the line with `-- --index pypi`")
    with open_index(options.index, project, root, env) as index:
        if index.credentials is not Credentials.TRUSTED_PUBLISHING:
            raise UsageError(f"{index.title} needs no OIDC token", hint="end the line with `-- --index pypi`")
        job = _Job(channel, index, wanted_publisher(project.name, repository, channel, config))
        console.say(f"{project.name}: preflight of the {channel} channel, {index.title}", style="bold")
        if options.dry_run:
            _show_values(job.wanted)
            return _outcome(job, Result.PLANNED, f"would ask {index.title} whether it trusts this job")
        return _exchange(job, env)


def _exchange(job: _Job, env: Mapping[str, str]) -> Outcome:
    index, exchange = job.index, TokenExchange(job.index)
    compared: tuple[ClaimCheck, ...] = ()
    try:
        identity = fetch_identity(env, exchange.audience(), rehearsal=index.rehearsal)
        claims = read_claims(identity)
        job = replace(job, wanted=job.wanted.with_spelling_of(claims))
        compared = compare_claims(claims, job.wanted)
        _show_claims(compared)
        # A pending publisher's first token makes the project: that is for the first release to do.
        if not read_index(index, job.wanted.project).releases:
            return _not_there(job, compared)
        token = exchange.mint(identity)
    except PublisherRejected as stop:
        _show_values(job.wanted)
        raise explain_refusal(stop.code, str(stop), compared, index.title) from stop
    warning = exchange.burn(token)
    if warning:
        console.warn(warning)
    wrong = "; ".join(mismatches(compared))
    if wrong:
        raise RefusedError(
            f"{index.title} trusts this job although {wrong}",
            hint="the publisher there is not the one that the settings imply: compare both with the values above",
        )
    return _outcome(job, Result.DONE, f"{index.title} trusts this job; nothing was uploaded", warning)


def _not_there(job: _Job, compared: tuple[ClaimCheck, ...]) -> Outcome:
    _show_values(job.wanted)
    wrong = "; ".join(mismatches(compared))
    if wrong:
        raise RefusedError(
            f"{job.wanted.project} is not on {job.index.title} yet, and {wrong}",
            hint="put the job and the settings right first, then register a pending publisher with the values above",
        )
    return _outcome(
        job, Result.SKIPPED, f"{job.wanted.project} is not on {job.index.title} yet, and a token would make it: "
        "register a pending publisher with the values above, for one channel alone",
    )  # fmt: skip


def _channel(actions: ActionsEnvironment, config: Config) -> Channel:
    """Report the channel by the workflow that runs: each has a publisher of its own."""
    channels = {config.preview_workflow: Channel.PREVIEW, config.public_workflow: Channel.PUBLIC}
    if actions.workflow not in channels:
        where = (
            f"{actions.workflow} is not a release workflow" if actions.runs else "no job of GitHub Actions runs here"
        )
        raise UsageError(
            f"{where}: no OIDC token available",
            hint=f"gh workflow run {config.preview_workflow} -f do=preflight\n"
            f"gh workflow run {config.public_workflow} --ref TAG -f do=preflight",
        )
    return channels[actions.workflow]


def _show_claims(compared: tuple[ClaimCheck, ...]) -> None:
    console.say("this job says, and the settings say:")
    for value in compared:
        sign = "ok" if value.matches else "no"
        console.say(f"  {sign:<3} {value.what:<14} {value.claimed or '-'}  |  {value.wanted}")


def _show_values(wanted: PublisherValues) -> None:
    console.say("the trusted publisher on the index has to be:")
    for name, value in wanted.form_fields:
        console.say(f"  {name:<18} {value}")


def _outcome(job: _Job, result: Result, message: str, warning: str = "") -> Outcome:
    return Outcome(
        result, message, channel=job.channel.value, project=job.wanted.project, index=job.index.name,
        warnings=(warning,) if warning else (),
    )  # fmt: skip
