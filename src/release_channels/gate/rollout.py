"""One real rollout: the built-in agent in a sandbox, or the project's own command."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release_channels.adapters import console
from release_channels.adapters.process import Excerpt, run_bounded
from release_channels.errors import FailedError, RefusedError
from release_channels.gate.agent import AgentSession
from release_channels.gate.candidate import Candidate
from release_channels.gate.context import GateContext
from release_channels.gate.llm_client import ChatModel
from release_channels.gate.providers import Configured
from release_channels.gate.sandbox.base import Sandboxes
from release_channels.gate.smoke_task import README, reward_of, task_text
from release_channels.gate.trajectory import Recorder, RolloutResult
from release_channels.model.gate_config import GateConfig

_MOST = 32 * 2**20  # bytes


@dataclass(frozen=True, slots=True)
class Rollout:
    """The result of a rollout, and the events of its trajectory."""

    result: RolloutResult
    events: Sequence[Mapping[str, Any]]


def built_in(
    model: ChatModel,
    candidate: Candidate,
    sandboxes: Sandboxes,
    context: GateContext,
    recorder: Recorder,
    readme: str,
) -> Rollout:
    """Run the built-in agent in a sandbox, and decide its reward.

    Raises: FailedError if a sandbox itself fails.
    """
    with sandboxes.open(candidate.contents) as sandbox:
        sandbox.put(README, readme.encode("utf-8"))
        session = AgentSession(model, sandbox, context.gate, recorder)
        session.work(task_text(candidate, sandbox, context.gate, readme))
        seconds = round(session.seconds, 1)
        reward, why = reward_of(session, candidate, sandboxes, context.source)
    configured = model.configured
    result = RolloutResult(
        configured.name, configured.model, session.turns, session.tool_calls, session.tokens, reward,
        seconds, session.ended, session.submitted, why,
    )  # fmt: skip
    return Rollout(result, recorder.events)


def fill_placeholders(gate: GateConfig, configured: Configured, jobs_dir: Path) -> list[str]:
    """Fill the placeholders of the project's own command, each within one argument, whatever its value.

    Raises: RefusedError for an unknown placeholder.
    """
    values = {
        "agent": gate.agent,
        "model": configured.litellm_model,
        "jobs_dir": str(jobs_dir),
        "provider": configured.name,
        "model_id": configured.model,
    }
    try:
        return [word.format_map(values) for word in gate.rollout]
    except (KeyError, ValueError, IndexError, AttributeError) as err:
        raise RefusedError(
            f"tool.release-channels.gate.rollout cannot be filled in: {err}",
            hint="it may contain " + ", ".join(f"{{{name}}}" for name in values) + "; write {{ for a brace",
        ) from err


def own_environment(configured: Configured, candidate: Candidate, env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the project's own command: only the chosen provider's key, and the candidate on PATH.

    A LiteLLM-style client also finds the key in its own variable.
    """
    provider = configured.provider
    programs = candidate.contents.environment / "bin"
    own = {
        "PATH": f"{programs}:{env.get('PATH', '')}",
        configured.key_name: configured.key,
        provider.litellm_key: configured.key,
        f"{provider.prefix}_BASE_URL": configured.base_url,
        f"{provider.prefix}_MODEL": configured.model,
    }
    if provider.litellm == "litellm_proxy":
        own["LITELLM_PROXY_API_BASE"] = configured.base_url
    return {**env, **own}


def own_command(candidate: Candidate, configured: Configured, context: GateContext, recorder: Recorder) -> Rollout:
    """Run the project's own rollout, and read its result and its trajectory from its directory.

    Raises: FailedError if it fails, or does not write exactly one of each.
    """
    gate, jobs_dir, log = context.gate, context.workplace / "jobs", context.kept / "rollout.log"
    words = fill_placeholders(gate, configured, jobs_dir)
    env = own_environment(configured, candidate, context.env)
    jobs_dir.mkdir()
    with console.progress(f"the project's own rollout: {words[0]}"):
        ran = run_bounded(*words, cwd=context.source, env=env, timeout=gate.max_seconds, keep=gate.max_output)
    log.write_text(context.redactor(ran.output.decode("utf-8", "replace")), encoding="utf-8")
    if ran.code != 0:
        raise FailedError(f"the project's own rollout {ending(ran)}", hint=f"see {log}")
    table, directory = _only_result(jobs_dir)
    for event in _trajectory(directory):
        recorder.add(str(event.pop("kind", "event")), **event)
    return Rollout(_result(table, configured), recorder.events)


def ending(ran: Excerpt) -> str:
    """Format how a command ended."""
    return f"exited {ran.code}" if ran.code is not None else "was ended: it took too long or wrote too much"


def _only_result(jobs_dir: Path) -> tuple[Mapping[str, Any], Path]:
    results = []
    for path in sorted(jobs_dir.rglob("result.json")):
        table = _json(_text(path))
        if isinstance(table, dict) and ("reward" in table or "rewards" in table):
            results.append((table, path.parent))
    if len(results) != 1:
        raise FailedError(
            f"the project's own rollout left {len(results)} results, not one",
            hint="it must write one result.json below {jobs_dir}, with `reward`, or `rewards` with `reward` in it",
        )
    return results[0]


def _trajectory(directory: Path) -> list[dict[str, Any]]:
    paths = sorted({*directory.glob("*trajectory*.jsonl"), *directory.glob("trajectory/*.jsonl")})
    if len(paths) != 1:
        raise FailedError(
            f"the project's own rollout left {len(paths)} trajectories next to its result, not one",
            hint="it must write trajectory.jsonl next to result.json, or one file in a directory `trajectory` there",
        )
    events = [_json(line) for line in _text(paths[0]).splitlines() if line.strip()]
    if not events or not all(isinstance(event, dict) for event in events):
        raise FailedError(f"{paths[0].name} is not a trajectory", hint="it must contain one JSON object in each line")
    return events


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(_MOST + 1)
    if len(content) > _MOST:
        raise FailedError(f"{path.name} is larger than {_MOST} bytes", hint="write a shorter one")
    return content.decode("utf-8", "replace")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _result(table: Mapping[str, Any], configured: Configured) -> RolloutResult:
    """Parse a result with our own keys or with BenchFlow's.

    Source: BenchFlow's result.json, `rewards`, `n_tool_calls` and `agent_result`.
    """
    agent = table.get("agent_result")
    tables = (agent, table) if isinstance(agent, dict) else (table,)
    rewards = table.get("rewards")
    reward = rewards.get("reward") if isinstance(rewards, dict) else table.get("reward")
    tokens = _count(tables, "tokens", "total_tokens", "n_total_tokens")
    tokens = tokens or _count(tables, "n_input_tokens") + _count(tables, "n_output_tokens")
    return RolloutResult(
        configured.name, configured.model,
        turns=_count(tables, "turns", "n_turns", "n_prompts"),
        tool_calls=_count(tables, "tool_calls", "n_tool_calls"),
        tokens=tokens,
        reward=_number(reward),
        seconds=_number(table.get("seconds")) or 0.0,
        ended=str(table.get("ended", "the command finished"))[:200],
        why="reported by the project's own rollout",
    )  # fmt: skip


def _count(tables: Sequence[Mapping[str, Any]], *names: str) -> int:
    values = (table.get(name) for table in tables for name in names)
    return next((value for value in values if type(value) is int and value > 0), 0)


def _number(value: object) -> float | None:
    """Return a number as a float; None for anything else, booleans and what no float can be included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
