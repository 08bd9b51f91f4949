"""One run of the gate: the target, the checks in order, the provenance, and the outcome."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_env import read_actions, write_summary
from release_channels.adapters.actions_event import EventRun, read_event_run, read_optional_input, read_own_run
from release_channels.adapters.files import atomic_write, checkout_lock, state_directory, temporary_directory
from release_channels.adapters.git import Git
from release_channels.adapters.index import DEFAULT, LOCAL
from release_channels.adapters.tool_lock import running_version
from release_channels.cli.context import open_project
from release_channels.cli.options import GateOptions
from release_channels.cli.report import warn_uncommitted
from release_channels.cli.run import session_run
from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.gate.branch import commit_of_branch, with_own_gate
from release_channels.gate.candidate import Candidate, GateTarget, make_candidate, target_of
from release_channels.gate.checks import (
    check_commands,
    check_daytona,
    check_judgement,
    check_rollout,
    find_sandboxes,
)
from release_channels.gate.context import GateContext
from release_channels.gate.provider_probe import choose_provider
from release_channels.gate.providers import Provider, in_order, key_names, provider_statuses
from release_channels.gate.sandbox.daytona import KEY, DaytonaSandboxes, connect_daytona
from release_channels.gate.test_run import NotGateable, TestedCommit, fetch_tested_commit, tested_commit_of_event
from release_channels.model.observed import Commit
from release_channels.model.outcome import Outcome, Result, markdown_table
from release_channels.model.redact import SecretRedactor, without
from release_channels.model.session_names import after_step
from release_channels.model.tested_commit import PROVENANCE, GateRun, Provenance
from release_channels.project.commit_url import commit_url, repository_url

_README = ("README.md", "README.rst", "README.txt", "README")
_DAYTONA_KEYS = (KEY, "DAYTONA_JWT_TOKEN")
_MOST_README = 64_000  # characters
_REMOTE = "origin"  # as a job's checkout calls it
_RETRY = "nothing has passed; run the gate again"


@dataclass(frozen=True, slots=True)
class GateRequest:
    """The repository, the target, its test run and the providers of one run of the gate."""

    root: Path
    git: Git
    target: GateTarget
    tested: TestedCommit
    providers: tuple[Provider, ...]
    env: Mapping[str, str]


def run_gate(
    words: Sequence[str], *, root: Path, dry_run: bool = False, env: Mapping[str, str] = os.environ, pause: float = 2.0
) -> Outcome:
    """Run the gate from its options to its outcome; errors become an outcome, never a traceback.

    `pause` is the delay in seconds before a provider is queried again.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """
    redactor = SecretRedactor(env, {*key_names(()), *_DAYTONA_KEYS})
    console.set_redactor(redactor)
    try:
        with session_run("gate", root, env, dry_run=dry_run, redact=redactor, retry_hint=_RETRY) as run:
            run.outcome = _run(run.parse(GateOptions, words), root, env, redactor, pause)
            if run.outcome.result.is_good and not run.actions.runs:
                run.outcome = replace(run.outcome, next=after_step("gate", ""))
        return run.outcome
    finally:
        console.set_redactor(str)


def _run(options: GateOptions, root: Path, env: Mapping[str, str], redactor: SecretRedactor, pause: float) -> Outcome:
    """Determine the target and the checks, show them, and run the checks unless this is a dry run."""
    git, event, branch = Git.open(root), read_event_run(env), read_optional_input(env, "branch")
    commit = _commit(git, options, event, branch)
    project = open_project(git, commit, index=LOCAL if event is None else DEFAULT, env=env)
    project = with_own_gate(project, git, env) if branch else project
    if not project.config.gate.enabled:
        why = "tool.release-channels.gate.enabled is false: previews follow the tests directly"
        return Outcome(Result.SKIPPED, why, project=project.name, commit=commit.sha)
    tested: TestedCommit | NotGateable = TestedCommit(missing="a dry run queries no server")
    if event is not None:
        tested = tested_commit_of_event(event, project.config)
    elif branch:
        tested = TestedCommit(missing=f"the branch {branch} is gated on demand, which proves nothing for a release")
    elif not options.dry_run:
        tested = fetch_tested_commit(commit.sha, project.config, git.remote_url(project.config.remote), env)
    if isinstance(tested, NotGateable):
        return Outcome(Result.SKIPPED, f"nothing to gate: {tested.why}", project=project.name, commit=commit.sha)
    base = repository_url(project, git.remote_url(project.config.remote))
    target = target_of(project, commit, _run_number(options, tested), commit_url(base, commit.sha) if base else None)
    providers = in_order(project.config.gate)
    redactor.add(env, key_names(providers))
    request = GateRequest(root, git, target, tested, _providers(options, providers), env)
    withheld = key_names(providers) | set(_DAYTONA_KEYS)
    _check_request(request)
    _show(request, options.dry_run)
    if options.dry_run:
        return _outcome(request, Result.PLANNED, f"{project.name} {target.version} would be gated")
    with ExitStack() as stack:
        stack.enter_context(checkout_lock(root))
        kept, workplace = _remove_old_results(root), stack.enter_context(temporary_directory("gate"))
        context = GateContext(project.config.gate, kept, workplace, without(env, withheld), env, redactor, pause)
        return _gated(request, context)


def _commit(git: Git, options: GateOptions, event: EventRun | None, branch: str) -> Commit:
    """Return the commit of the run that started this, of the branch that somebody named, or else of the options.

    Raises: UsageError if an option names another one.
    """
    if event is None and not branch:
        return git.commit(options.commit or "HEAD")
    if options.commit is not None:
        asked = f"the commit of its event, {event.sha[:12]}" if event else f"the branch {branch}"
        raise UsageError(
            f"--commit {options.commit} in a job that gates {asked}", hint="leave --commit out of the workflow"
        )
    return git.commit(event.sha) if event else commit_of_branch(git, branch, _REMOTE)


def _run_number(options: GateOptions, tested: TestedCommit) -> int | None:
    """Return the run number: the test run's, or else the option's.

    Raises: UsageError if they differ.
    """
    if tested.test_run is None:
        return options.run
    if options.run not in (None, tested.test_run.number):
        raise UsageError(
            f"--run-number {options.run}, but the test run of this commit has the number {tested.test_run.number}",
            hint="leave --run-number out",
        )
    return tested.test_run.number


def _providers(options: GateOptions, providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
    """Return the providers, or only the requested one.

    Raises: UsageError if its name is unknown.
    """
    if options.provider is None:
        return providers
    chosen = tuple(provider for provider in providers if provider.name == options.provider)
    if not chosen:
        names = ", ".join(provider.name for provider in providers)
        raise UsageError(f"unknown provider: {options.provider}", hint=f"known providers: {names}")
    return chosen


def _check_request(request: GateRequest) -> None:
    """Refuse a gate without any check, and a path of the provenance that is in use for something else."""
    gate = request.target.project.config.gate
    if not gate.model and not gate.commands:
        raise RefusedError(
            "tool.release-channels.gate has neither a model nor commands, so it would pass everything",
            hint="set `commands`, or turn the gate off with `enabled = false`",
        )
    path = request.root / PROVENANCE
    if request.git.tracks(PROVENANCE) or path.is_symlink() or (path.exists() and not path.is_file()):
        raise RefusedError(
            f"{PROVENANCE} is in use, and the gate writes it", hint=f"rename it, or `git rm --cached {PROVENANCE}`"
        )


def _show(request: GateRequest, dry_run: bool) -> None:
    """Show the target and the settings, the same in a dry run and in a real one."""
    target, gate = request.target, request.target.project.config.gate
    test = request.tested.test_run
    console.say(f"{target.project.name} {target.version}: the integration gate", style="bold")
    rows = [
        ("commit", f"{target.commit.short}, {warn_uncommitted(request.git.uncommitted())}"),
        ("declares", str(target.project.version)),
    ]
    rows.append(("tests", f"run {test.number} of {test.path}" if test else f"none known: {request.tested.missing}"))
    if gate.model:
        rows.append(
            ("rollout", f"the project's own: {' '.join(gate.rollout)}" if gate.rollout else "the built-in agent")
        )
        limits = f"{gate.max_turns} turns, {gate.max_tokens} tokens, {gate.max_seconds} s"
        rows.append(("limits", f"{limits}, {gate.command_seconds} s and {gate.max_output} bytes a command"))
        rows.append(("network", "allowed" if gate.network else "not allowed"))
    if gate.commands:
        rows.append(("commands", str(len(gate.commands))))
    for name, value in rows:
        console.say(f"  {name:<13}{value}")
    if gate.model and dry_run:
        for status in provider_statuses(request.providers, request.env):
            value = f"not configured: {status.missing}"
            if chosen := status.configured:
                value = f"configured: {chosen.model} at {chosen.base_url}"
            console.say(f"  {status.provider.name:<15}{value}")
    if test is None and not dry_run:
        console.warn(f"there will be no {PROVENANCE}: {request.tested.missing}")


def _gated(request: GateRequest, context: GateContext) -> Outcome:
    """Run the checks, and write the provenance if they pass."""
    try:
        candidate = _checked(request, context)
    except ReleaseError as stop:
        console.error(stop)
        result = Result.REFUSED if isinstance(stop, RefusedError) else Result.FAILED
        _summarize(request, context)
        return replace(_outcome(request, result, f"gate: {stop}"), hint=stop.hint)
    _summarize(request, context)
    written = _write_provenance(request, candidate, context)
    message = f"{candidate.name} {candidate.version} passed the gate" + (
        f"; {PROVENANCE} was written" if written else f"; no {PROVENANCE} was written: {request.tested.missing}"
    )
    return _outcome(request, Result.DONE, message)


def _summarize(request: GateRequest, context: GateContext) -> None:
    """Show the result of each check that has passed on the job's summary page, the judge's reason among them."""
    results = {name: context.redactor(result) for name, result in context.results.items()}
    write_summary(read_actions(request.env), markdown_table(results))


def _remove_old_results(root: Path) -> Path:
    """Remove the files of an earlier run, whose provenance must not count for this one, and return their directory."""
    (root / PROVENANCE).unlink(missing_ok=True)
    kept = state_directory(root) / "gate"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    return kept


def _checked(request: GateRequest, context: GateContext) -> Candidate:
    """Run the checks in order, those without costs first."""
    gate, results = context.gate, context.results
    chosen = None
    if gate.model:
        _begin("provider", "the first configured one that answers")
        secret = request.target.project.config.github_models_secret
        chosen = choose_provider(
            provider_statuses(request.providers, request.env), request.env, seconds=gate.probe_seconds, secret=secret,
            pause=context.pause,
        )  # fmt: skip
        results["provider"] = f"{chosen.name}, {chosen.model}"
    daytona = _daytona(request)
    sandboxes = find_sandboxes(gate, request.env, daytona) if gate.needs_sandbox else None
    if gate.model:
        _begin("daytona", "remove sandboxes of killed runs, and compare its results with those here")
        check_daytona(daytona, context)
    _begin("candidate", "build it as it would be published, and install it")
    candidate = make_candidate(request.target, request.root, context.workplace, context.env)
    for file in candidate.files:
        console.say(f"  {file.sha256}  {file.name}")
    if gate.commands:
        assert sandboxes is not None
        _begin("commands", f"run the project's own in {sandboxes.name}")
        results["commands"] = check_commands(candidate, sandboxes, context)
    if chosen is not None:
        where = f"in {sandboxes.name}" if sandboxes and not gate.rollout else "without a sandbox"
        _begin("rollout", f"{chosen.name} works {where}")
        rollout = check_rollout(candidate, sandboxes, chosen, _readme(request), context)
        results["rollout"] = f"reward {rollout.result.reward:g}, {rollout.result.tokens} tokens"
        _begin("judge", "the same model grades the trajectory")
        results["judge"] = check_judgement(rollout, chosen, context)
    return candidate


def _daytona(request: GateRequest) -> DaytonaSandboxes | None:
    """Connect to Daytona if there is a key; its sandboxes are labelled with the repository, or else the project."""
    if not request.env.get(KEY, "").strip():
        return None
    project = request.tested.repository or request.target.project.normalized_name
    own = read_own_run(request.env)
    run = f"{own[0]}.{own[1]}" if own else secrets.token_hex(8)
    return DaytonaSandboxes(connect_daytona(request.env), request.target.project.config.gate, project, run)


def _begin(name: str, title: str) -> None:
    console.say(f"{name}: {title}", style="bold")


def _readme(request: GateRequest) -> str:
    texts = (request.git.read_file(request.target.commit.sha, name) for name in _README)
    return (next(filter(None, texts), None) or b"").decode("utf-8", "replace")[:_MOST_README]


def _write_provenance(request: GateRequest, candidate: Candidate, context: GateContext) -> bool:
    """Write the provenance and return True, if the test run is known."""
    test_run, repository = request.tested.test_run, request.tested.repository
    if test_run is None or repository is None:
        return False
    own = read_own_run(request.env)
    provenance = Provenance(
        repository=repository,
        commit=request.target.commit.sha,
        test_run=test_run,
        gate_run=GateRun(*own) if own else None,
        results={name: context.redactor(result) for name, result in context.results.items()},
        tool=f"release-channels {running_version()}",
        version=candidate.version,
        files=candidate.files,
    )
    atomic_write(request.root / PROVENANCE, provenance.to_json())
    return True


def _outcome(request: GateRequest, result: Result, message: str) -> Outcome:
    target = request.target
    return Outcome(
        result, message, channel=target.channel.value, project=target.project.name, version=str(target.version),
        commit=target.commit.sha,
    )  # fmt: skip
