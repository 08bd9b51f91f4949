"""The gate's checks in order; each reports its result, and the first failure ends the gate."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping

from release_channels.adapters import console
from release_channels.errors import FailedError, RefusedError
from release_channels.gate.candidate import Candidate
from release_channels.gate.context import GateContext
from release_channels.gate.judge import request_judgement
from release_channels.gate.llm_client import open_model
from release_channels.gate.providers import Configured
from release_channels.gate.rollout import Rollout, built_in, ending, own_command
from release_channels.gate.sandbox.base import Sandboxes
from release_channels.gate.sandbox.bubblewrap import bundled_program, find_bubblewrap
from release_channels.gate.sandbox.daytona import KEY, DaytonaSandboxes, reap
from release_channels.gate.sandbox.parity import check_parity
from release_channels.gate.tampering import find_tampering
from release_channels.gate.trajectory import RESULT, TRAJECTORY, Recorder
from release_channels.model.gate_config import GateConfig, SandboxKind

_JUDGE_TIMES = 5


def find_sandboxes(
    gate: GateConfig,
    env: Mapping[str, str],
    daytona: Sandboxes | None,
    bundled: Callable[[], str | None] = bundled_program,
) -> Sandboxes:
    """Find the sandboxes for foreign commands: bubblewrap, otherwise Daytona.

    Raises: RefusedError with what to install if there is neither.
    """
    reasons = []
    if gate.sandbox is not SandboxKind.DAYTONA:
        bubblewrap, missing = find_bubblewrap(gate, env, bundled)
        if bubblewrap is not None:
            return bubblewrap
        reasons.append(missing)
    if gate.sandbox is not SandboxKind.BUBBLEWRAP:
        if daytona is not None:
            return daytona
        reasons.append(f"{KEY} is not set")
    raise RefusedError(
        "there is no sandbox for the agent: " + "; ".join(reasons),
        hint="install bubblewrap (the `gate` extra brings it for x86-64 and ARM, else `apt-get install bubblewrap`); "
        f"where the system forbids user namespaces it also needs `sudo -n`; or set {KEY}",
    )


def check_daytona(daytona: DaytonaSandboxes | None, context: GateContext) -> None:
    """Run the parity and reaper checks; without a key for Daytona they are skipped.

    Raises: FailedError
    """
    if daytona is None:
        context.results.update(dict.fromkeys(("daytona-parity", "daytona-reaper"), f"skipped: {KEY} is not set"))
    else:
        context.results["daytona-reaper"] = reap(daytona.client, daytona.project, context.gate.daytona_max_age)
        local, missing = find_bubblewrap(context.gate, context.env)
        parity = check_parity(local, daytona) if local else f"skipped: there is nothing to compare with: {missing}"
        context.results["daytona-parity"] = parity
    for name in ("daytona-reaper", "daytona-parity"):
        console.say(f"  {name.partition('-')[2]}: {context.results[name]}")


def check_commands(candidate: Candidate, sandboxes: Sandboxes, context: GateContext) -> str:
    """Run the project's own commands against the installed candidate.

    Raises: FailedError at the first that does not exit with 0.
    """
    with sandboxes.open(candidate.contents) as sandbox:
        for words in context.gate.commands:
            ran = sandbox.run(words, seconds=context.gate.command_seconds, keep=context.gate.max_output)
            if ran.code != 0:
                output = context.redactor(ran.output.decode("utf-8", "replace").strip())
                raise FailedError(f"`{shlex.join(words)}` {ending(ran)}", hint="\n".join(output.splitlines()[-20:]))
            console.say(f"  `{shlex.join(words)}` exited 0")
    return f"{len(context.gate.commands)} of {len(context.gate.commands)} exited 0"


def check_rollout(
    candidate: Candidate, sandboxes: Sandboxes | None, chosen: Configured, readme: str, context: GateContext
) -> Rollout:
    """Run one rollout, keep its files, and fail it if it is not real or lacks the full reward.

    Raises: FailedError
    """
    recorder = Recorder(context.kept / TRAJECTORY, context.redactor)
    if context.gate.rollout:
        rollout = own_command(candidate, chosen, context, recorder)
    else:
        assert sandboxes is not None
        with open_model(chosen, context.whole, pause=context.pause) as model:
            rollout = built_in(model, candidate, sandboxes, context, recorder, readme)
    result = rollout.result
    (context.kept / RESULT).write_text(context.redactor(result.to_json()), encoding="utf-8")
    problems = result.problems()
    if problems:
        raise FailedError(f"this was not a real rollout: {', '.join(problems)} ({result.ended})", hint=_SEE)
    if context.gate.must_solve and (result.reward or 0.0) < 1.0:
        raise FailedError(f"the reward is {result.reward:g}: {result.why} ({result.ended})", hint=_SEE)
    return rollout


_SEE = "see .release-channels/gate/trajectory.jsonl and result.json"


def check_judgement(rollout: Rollout, chosen: Configured, context: GateContext) -> str:
    """Run the fixed check and the judge over the trajectory; each of them can fail the gate.

    Raises: FailedError
    """
    findings = find_tampering(rollout.events, context.gate.verifier)
    with open_model(chosen, context.whole, pause=context.pause) as model:
        judgement = request_judgement(
            model, rollout.events, rollout.result, findings,
            rubric=context.gate.rubric, seconds=_JUDGE_TIMES * context.gate.probe_seconds,
        )  # fmt: skip
    console.say(f"  the judge: {'pass' if judgement.passed else 'fail'}: {judgement.reason}")
    if findings:
        raise FailedError(f"the agent broke the rules: {findings[0]}", hint="\n".join((*findings[1:], _SEE)))
    if not judgement.passed:
        raise FailedError(f"the judge fails the rollout: {judgement.reason}", hint=_SEE)
    return f"passed: {judgement.reason}"
