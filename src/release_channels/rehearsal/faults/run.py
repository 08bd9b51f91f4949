"""Run faults: one environment per channel, restored before each fault, and a result for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from release_channels.adapters import console
from release_channels.errors import FailedError, UsageError
from release_channels.model.tags import tag_of
from release_channels.model.version import Channel, final_of
from release_channels.rehearsal.actions.run import WorkflowRunResult
from release_channels.rehearsal.faults import forged_inputs, github, index, oidc, runner_kills, tags
from release_channels.rehearsal.faults.fault import End, Fault, FaultContext
from release_channels.rehearsal.scenario import Scenario, tail
from release_channels.rehearsal.snapshot import PublishedState, published_state, restore, take

FAULTS: tuple[Fault, ...] = tuple(
    fault for part in (index, oidc, runner_kills, tags, forged_inputs, github) for fault in part.FAULTS
)
ALL = "all"
KILLS = "kills"
"""A kill of the runner before each line that is run; part of `all`."""
MakeScenario = Callable[[], AbstractContextManager[Scenario]]


@dataclass(frozen=True, slots=True)
class FaultResult:
    """Result of one fault."""

    fault: Fault
    fired: str
    seen: str
    then: str
    world: str
    wrong: tuple[str, ...]
    seconds: float


def select_faults(name: str) -> tuple[Fault, ...]:
    """Return the faults with these names, including the kills of each step of the workflow.

    Raises: UsageError for an unknown name.
    """
    names = set(name.split(","))
    known = (ALL, KILLS, *(fault.name for fault in FAULTS))
    if names - {*known}:
        raise UsageError(f"unknown fault: {name!r}", hint=f"known: {', '.join(known)}")
    return FAULTS if ALL in names else tuple(fault for fault in FAULTS if fault.name in names)


def run_faults(name: str, make_scenario: MakeScenario) -> Iterator[FaultResult]:
    """Run the named faults and compare each with its expected end.

    Raises: FailedError if a release without any fault does not go well.
    """
    faults = select_faults(name)
    every_kill = not {ALL, KILLS}.isdisjoint(name.split(","))
    for channel in Channel:
        ours = tuple(fault for fault in faults if fault.channel is channel)
        if ours or every_kill:
            with make_scenario() as scenario:
                if ALL in name.split(",") and not scenario.environment.config.gate.enabled:
                    gateless = tuple(fault for fault in ours if not fault.needs_gate)
                    for fault in set(ours) - set(gateless):
                        console.warn(f"left out, since there is no gate: {fault.name}")
                    ours = gateless
                yield from _play_in(scenario, channel, ours, every_kill=every_kill)


def _play_in(
    scenario: Scenario, channel: Channel, faults: Sequence[Fault], *, every_kill: bool
) -> Iterator[FaultResult]:
    environment = scenario.environment
    console.say(f"preparing the {channel} channel", style="bold")
    with console.spinner(scenario.log):
        context = _set_up_context(scenario, channel)
    with console.progress(f"the {channel} release without a fault"):
        before = take(environment, scenario.dispatcher, "before")
        clean = scenario.dispatcher.run(context.workflow, context.event)
    if not clean.is_green:
        raise FailedError(f"without a fault, {clean} ended with {clean.conclusion}", hint=tail(environment, clean))
    reference = published_state(environment)
    for fault in (*faults, *(runner_kills.kills(context.workflow, channel) if every_kill else ())):
        restore(environment, scenario.dispatcher, before)
        scenario.maintainer.reset()
        yield run_fault(fault, context, reference)


def _set_up_context(scenario: Scenario, channel: Channel) -> FaultContext:
    """Run everything before the channel's release workflow.

    Raises: FailedError if something before it does not go well.
    """
    config = scenario.environment.config
    last = scenario.begin()
    if channel is Channel.PREVIEW:
        event = scenario.dispatcher.completed(last)
        workflow = scenario.dispatcher.workflow(config.preview_workflow)
        return FaultContext(
            scenario.environment, scenario.dispatcher, scenario.maintainer, channel, workflow, event, last
        )
    final = final_of(scenario.version)
    bumped = scenario.bump("bump", "bump", "--pull-request")
    event = scenario.tag(final, is_bumped=bool(bumped))
    workflow = scenario.dispatcher.workflow(config.public_workflow, event.sha)
    tag = tag_of(config.tag_format, final)
    return FaultContext(
        scenario.environment, scenario.dispatcher, scenario.maintainer, channel, workflow, event, None, tag
    )


def run_fault(fault: Fault, context: FaultContext, reference: PublishedState) -> FaultResult:
    """Run one fault and compare it with its expected end; `reference` is the state after a clean release."""
    begun = time.monotonic()
    console.say(f"{fault.name}: {fault.what}", style="bold")
    at_first = published_state(context.environment)
    with console.progress(f"{fault.name}: the release with it"), fault.inject(context) as injection:
        ran = fault.action(context, injection)
    wrong = list(_unlike(fault, ran, injection.fired))
    last = ran
    if fault.recover:
        with console.progress(f"{fault.name}: the way to recover"):
            last = fault.recover(context, ran)
        if not last.is_green:
            wrong.append(f"after it, {last} ended with {last.conclusion}: {last.outcome()}")
    world, fits = _compare(fault.end, published_state(context.environment), at_first, reference)
    if not fits:
        wrong.append(f"the published state is {world}, not {fault.end}")
    if wrong:
        console.warn("; ".join(wrong))
        console.say(tail(context.environment, last if fault.recover and not last.is_green else ran))
    then = fault.then.format(file=context.workflow.file, tag=context.tag)
    text = f"{then}: {last.outcome()}" if fault.recover else then
    return FaultResult(
        fault,
        f"{injection.where}, {injection.fired} x",
        _shown(fault, ran),
        text,
        world,
        tuple(wrong),
        time.monotonic() - begun,
    )


def require_expected_ends(results: Sequence[FaultResult]) -> None:
    """Raise an error for faults that did not fire, or did not end as expected.

    Raises: FailedError that names each with what was wrong.
    """
    wrong = [f"{one.fault.name}: {'; '.join(one.wrong)}" for one in results if one.wrong]
    if wrong:
        raise FailedError(f"{len(wrong)} of {len(results)} faults did not end as expected", hint="\n".join(wrong))


def _unlike(fault: Fault, ran: WorkflowRunResult, fired: int) -> Iterator[str]:
    if not fired:
        yield "the fault did not fire"
    if fault.sees and fault.sees not in " ".join(ran.act_result.said().split()):
        yield f"no output contains {fault.sees!r}"
    if fault.recover and ran.is_green:
        yield f"{ran} succeeded in spite of it"


def _compare(end: End, now: PublishedState, before: PublishedState, reference: PublishedState) -> tuple[str, bool]:
    """Describe the published state, and return whether it is the expected one."""
    match end:
        case End.MORE:
            return (str(end), True) if reference.items() <= now.items() else (_difference(now, reference), False)
        case End.CONVERGED:
            return (str(end), True) if now == reference else (_difference(now, reference), False)
        case End.UNCHANGED:
            return (str(end), True) if now == before else (_difference(now, before), False)


def _difference(now: PublishedState, wanted: PublishedState) -> str:
    parts = [f"without {name}" for name in sorted(wanted.keys() - now.keys())]
    parts += [f"with {name}" for name in sorted(now.keys() - wanted.keys())]
    parts += [f"with another {name}" for name in sorted(now.keys() & wanted.keys()) if now[name] != wanted[name]]
    return ", ".join(parts)


def _shown(fault: Fault, ran: WorkflowRunResult) -> str:
    """Describe what a user sees: how the run ended, and the sentence that matters where that does not contain it."""
    if ran.act_result.broke_off:
        return "the run broke off"
    outcome = ran.outcome().removesuffix(" (rehearsal)")
    return outcome if fault.sees in outcome else f"{outcome}; {fault.sees}"
