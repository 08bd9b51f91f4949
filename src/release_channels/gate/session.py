"""One run of the gate: what is gated, the checks in order, the provenance, and one named outcome."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from pathlib import Path

from release_channels.adapters import console
from release_channels.adapters.actions_event import EventRun, read_event_run, read_own_run
from release_channels.adapters.files import atomic_write, checkout_lock, state_directory, temporary_directory
from release_channels.adapters.git import Git
from release_channels.adapters.index import DEFAULT, LOCAL
from release_channels.cli.context import open_project
from release_channels.cli.options import GateOptions
from release_channels.cli.report import warn_uncommitted
from release_channels.cli.run import session_run
from release_channels.errors import RefusedError, ReleaseError, UsageError
from release_channels.gate.candidate import Candidate, GateTarget, make_candidate, target_of
from release_channels.gate.checks import (
    GateContext,
    check_commands,
    check_daytona,
    check_judgement,
    check_rollout,
    find_sandboxes,
)
from release_channels.gate.provider_probe import choose_provider
from release_channels.gate.providers import Provider, in_order, key_names, provider_statuses
from release_channels.gate.sandbox.daytona import KEY, DaytonaSandboxes, connect_daytona
from release_channels.gate.test_run import NotGateable, TestedCommit, ask_for_tested_commit, tested_commit_of_event
from release_channels.model.outcome import Outcome, Result
from release_channels.model.redact import SecretRedactor, without
from release_channels.model.tested_commit import PROVENANCE, GateRun, Provenance
from release_channels.project.commit_url import commit_url, repository_url

_README = ("README.md", "README.rst", "README.txt", "README")
_DAYTONA_KEYS = (KEY, "DAYTONA_JWT_TOKEN")
_MOST_README = 64_000
_RETRY = "nothing has passed; run the gate again"


@dataclass(frozen=True, slots=True)
class GateRequest:
    """What a run of the gate is about."""

    root: Path
    git: Git
    target: GateTarget
    origin: TestedCommit
    providers: tuple[Provider, ...]
    env: Mapping[str, str]


def run_gate(
    words: Sequence[str], *, root: Path, dry_run: bool = False, env: Mapping[str, str] = os.environ, pause: float = 2.0
) -> Outcome:
    """Run the gate from its options to its outcome; errors end in an outcome, never in a traceback.

    `pause` is how long a provider is given before it is asked again, in seconds.

    Raises: KeyboardInterrupt, after the outcome was reported.
    """
    redactor = SecretRedactor(env, {*key_names(()), *_DAYTONA_KEYS})
    console.set_redactor(redactor)
    try:
        with session_run("gate", root, env, dry_run=dry_run, redact=redactor, retry_hint=_RETRY) as run:
            run.outcome = _run(run.parse(GateOptions, words), root, env, redactor, pause)
        return run.outcome
    finally:
        console.set_redactor(str)


def _run(options: GateOptions, root: Path, env: Mapping[str, str], redactor: SecretRedactor, pause: float) -> Outcome:
    """Find out what is to be gated and how, show it, and do it unless this is a dry run."""
    git, event = Git.open(root), read_event_run(env)
    commit = git.commit(_revision(options, event))
    project = open_project(git, commit, index=LOCAL if event is None else DEFAULT, env=env)
    if not project.config.gate.enabled:
        why = "tool.release-channels.gate.enabled is false: previews follow the tests directly"
        return Outcome(Result.SKIPPED, why, project=project.name, commit=commit.sha)
    found = tested_commit_of_event(event, project.config) if event else TestedCommit(missing="a dry run asks nobody")
    if isinstance(found, NotGateable):
        return Outcome(Result.SKIPPED, f"nothing to gate: {found.why}", project=project.name, commit=commit.sha)
    if event is None and not options.dry_run:
        found = ask_for_tested_commit(commit.sha, project.config, git.remote_url(project.config.remote), env)
    base = repository_url(project, git.remote_url(project.config.remote))
    target = target_of(project, commit, _run_number(options, found), commit_url(base, commit.sha) if base else None)
    providers = in_order(project.config.gate)
    redactor.add(env, key_names(providers))
    request = GateRequest(root, git, target, found, _providers(options, providers), env)
    withheld = key_names(providers) | set(_DAYTONA_KEYS)
    _refuse_nothing(request)
    _show(request, options.dry_run)
    if options.dry_run:
        return _outcome(request, Result.PLANNED, f"{project.name} {target.version} would be gated")
    with ExitStack() as stack:
        stack.enter_context(checkout_lock(root))
        kept, workplace = _make_room(root), stack.enter_context(temporary_directory("gate"))
        context = GateContext(project.config.gate, kept, workplace, without(env, withheld), env, redactor, pause)
        return _gated(request, context)


def _revision(options: GateOptions, event: EventRun | None) -> str:
    if event is None:
        return options.commit or "HEAD"
    if options.commit is not None:
        raise UsageError(
            f"--commit {options.commit} in a job that gates the commit of its event, {event.sha[:12]}",
            hint="leave --commit out of the workflow",
        )
    return event.sha


def _run_number(options: GateOptions, origin: TestedCommit) -> int | None:
    """Return the run number: the test run's, which no option can change, or the one that was given."""
    if origin.test_run is None:
        return options.run
    if options.run not in (None, origin.test_run.number):
        raise UsageError(
            f"--run-number {options.run}, but the test run of this commit has the number {origin.test_run.number}",
            hint="leave --run-number out: it is known",
        )
    return origin.test_run.number


def _providers(options: GateOptions, providers: tuple[Provider, ...]) -> tuple[Provider, ...]:
    """Narrow the providers to the one that was asked for.

    Raises: UsageError if there is none of that name.
    """
    if options.provider is None:
        return providers
    chosen = tuple(provider for provider in providers if provider.name == options.provider)
    if not chosen:
        names = ", ".join(provider.name for provider in providers)
        raise UsageError(f"unknown provider: {options.provider}", hint=f"known providers: {names}")
    return chosen


def _refuse_nothing(request: GateRequest) -> None:
    """Refuse a gate that would let everything through, and a place for the provenance that is something else's."""
    gate = request.target.project.config.gate
    if not gate.model and not gate.commands:
        raise RefusedError(
            "tool.release-channels.gate asks no model and has no commands: it would let everything through",
            hint="give it `commands`, or leave the gate out with `enabled = false`",
        )
    path = request.root / PROVENANCE
    if request.git.tracks(PROVENANCE) or path.is_symlink() or (path.exists() and not path.is_file()):
        raise RefusedError(
            f"{PROVENANCE} is something else's, and is written here", hint=f"rename it, or git rm --cached {PROVENANCE}"
        )


def _show(request: GateRequest, dry_run: bool) -> None:
    """Show what is gated and how; a dry run and a real one show the same."""
    target, gate = request.target, request.target.project.config.gate
    test = request.origin.test_run
    console.say(f"{target.project.name} {target.version}: the integration gate", style="bold")
    rows = [
        ("commit", f"{target.commit.short}, {warn_uncommitted(request.git.uncommitted())}"),
        ("it holds", str(target.project.version)),
    ]
    rows.append(("tests", f"run {test.number} of {test.path}" if test else f"none known: {request.origin.missing}"))
    if gate.model:
        rows.append(
            ("rollout", "the project's own: " + " ".join(gate.rollout) if gate.rollout else "the built-in agent")
        )
        limits = f"{gate.max_turns} turns, {gate.max_tokens} tokens, {gate.max_seconds} s"
        rows.append(("limits", f"{limits}, {gate.command_seconds} s and {gate.max_output} bytes a command"))
        rows.append(("network", "open to the agent" if gate.network else "closed to the agent"))
    if gate.commands:
        rows.append(("commands", str(len(gate.commands))))
    for name, value in rows:
        console.say(f"  {name:<13}{value}")
    if gate.model and dry_run:
        for candidate in provider_statuses(request.providers, request.env):
            found = candidate.configured
            said = f"configured: {found.model} at {found.base_url}" if found else f"not configured: {candidate.missing}"
            console.say(f"  {candidate.provider.name:<15}{said}")
    if test is None and not dry_run:
        console.warn(f"there will be no {PROVENANCE}: {request.origin.missing}")


def _gated(request: GateRequest, context: GateContext) -> Outcome:
    """Do the checks, and write down that they passed."""
    try:
        candidate = _checked(request, context)
    except ReleaseError as stop:
        console.error(stop)
        result = Result.REFUSED if isinstance(stop, RefusedError) else Result.FAILED
        return replace(_outcome(request, result, f"gate: {stop}"), hint=stop.hint)
    written = _write_provenance(request, candidate, context)
    message = f"{candidate.name} {candidate.version} passed the gate" + (
        f", and {PROVENANCE} says so" if written else f"; no {PROVENANCE} was written: {request.origin.missing}"
    )
    return _outcome(request, Result.DONE, message)


def _make_room(root: Path) -> Path:
    """Take away what an earlier run left: its provenance must not stand for this one."""
    (root / PROVENANCE).unlink(missing_ok=True)
    kept = state_directory(root) / "gate"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    return kept


def _checked(request: GateRequest, context: GateContext) -> Candidate:
    """Do the checks in order: what costs nothing first."""
    gate, results = context.gate, context.results
    chosen = None
    if gate.model:
        _begin("provider", "the first that is configured and answers")
        secret = request.target.project.config.github_models_secret
        chosen = choose_provider(
            provider_statuses(request.providers, request.env), request.env, seconds=gate.probe_seconds, secret=secret,
            pause=context.pause,
        )  # fmt: skip
        results["provider"] = f"{chosen.name}, {chosen.model}"
    needs_sandbox = bool(gate.commands) or (gate.model and not gate.rollout)
    daytona = _daytona(request)
    sandboxes = find_sandboxes(gate, request.env, daytona) if needs_sandbox else None
    if gate.model:
        _begin("daytona", "leftovers of killed runs, and the same results there as here")
        check_daytona(daytona, context)
    _begin("candidate", "built as it would be published, and installed")
    candidate = make_candidate(request.target, request.root, context.workplace, context.env)
    for file in candidate.files:
        console.say(f"  {file.sha256}  {file.name}")
    if gate.commands:
        assert sandboxes is not None
        _begin("commands", f"the project's own, in {sandboxes.name}")
        results["commands"] = check_commands(candidate, sandboxes, context)
    if chosen is not None:
        where = sandboxes.name if sandboxes and not gate.rollout else "its own place"
        _begin("rollout", f"{chosen.name} at work in {where}")
        rollout = check_rollout(candidate, sandboxes, chosen, _readme(request), context)
        results["rollout"] = f"reward {rollout.result.reward:g}, {rollout.result.tokens} tokens"
        _begin("judge", "the same model grades the trajectory")
        results["judge"] = check_judgement(rollout, chosen, context)
    return candidate


def _daytona(request: GateRequest) -> DaytonaSandboxes | None:
    """Reach Daytona where there is a key for it; its sandboxes carry the repository's name, or else the project's."""
    if not request.env.get(KEY, "").strip():
        return None
    project = request.origin.repository or request.target.project.normalized_name
    own = read_own_run(request.env)
    run = f"{own[0]}.{own[1]}" if own else secrets.token_hex(8)
    return DaytonaSandboxes(connect_daytona(request.env), request.target.project.config.gate, project, run)


def _begin(name: str, title: str) -> None:
    console.say(f"{name}: {title}", style="bold")


def _readme(request: GateRequest) -> str:
    texts = (request.git.read_file(request.target.commit.sha, name) for name in _README)
    return (next(filter(None, texts), None) or b"").decode("utf-8", "replace")[:_MOST_README]


def _write_provenance(request: GateRequest, candidate: Candidate, context: GateContext) -> bool:
    """Write down what passed, if there is a test run that it can be tied to."""
    test_run, repository = request.origin.test_run, request.origin.repository
    if test_run is None or repository is None:
        return False
    own = read_own_run(request.env)
    provenance = Provenance(
        repository=repository,
        commit=request.target.commit.sha,
        test_run=test_run,
        gate_run=GateRun(*own) if own else None,
        results={name: context.redactor(said) for name, said in context.results.items()},
        tool=f"release-channels {installed_version('release-channels')}",
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
