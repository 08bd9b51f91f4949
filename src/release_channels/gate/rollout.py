"""One real rollout: the built-in agent in a sandbox, or the project's own command."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from release_channels.adapters import console
from release_channels.adapters.process import run_bounded
from release_channels.errors import FailedError, RefusedError
from release_channels.gate.agent import work
from release_channels.gate.candidate import Candidate
from release_channels.gate.llm_client import ChatModel
from release_channels.gate.providers import Configured
from release_channels.gate.sandbox.base import Sandboxes
from release_channels.gate.smoke_task import README, reward_of, task_text
from release_channels.gate.trajectory import Recorder, RolloutResult
from release_channels.model.gate_config import GateConfig

_PLACEHOLDERS = ("agent", "model", "jobs_dir", "provider", "model_id")
_MOST = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Rollout:
    """What a rollout came to, and what the agent did."""

    result: RolloutResult
    events: Sequence[Mapping[str, Any]]


def built_in(
    model: ChatModel,
    candidate: Candidate,
    sandboxes: Sandboxes,
    gate: GateConfig,
    recorder: Recorder,
    *,
    readme: str,
    project: Path,
) -> Rollout:
    """Make the built-in agent work in a sandbox, and decide its reward.

    Raises: FailedError if a sandbox does not do its part.
    """
    with sandboxes.open(candidate.contents) as sandbox:
        sandbox.put(README, readme.encode("utf-8"))
        session = work(model, sandbox, task_text(candidate, sandbox, gate, readme), gate, recorder)
        reward, why = reward_of(session, candidate, sandboxes, gate, project=project, agent=sandbox.results)
    configured = model.configured
    result = RolloutResult(
        configured.name, configured.model, session.turns, session.tool_calls, session.tokens, reward,
        round(session.seconds, 1), session.ended, session.submitted, why,
    )  # fmt: skip
    return Rollout(result, recorder.events)


def words_of(gate: GateConfig, configured: Configured, jobs_dir: Path) -> list[str]:
    """Fill the placeholders of the project's own command; each stays within its word, whatever it holds.

    Raises: RefusedError for a placeholder that there is not.
    """
    values = dict(
        zip(
            _PLACEHOLDERS,
            (gate.agent, configured.litellm_model, str(jobs_dir), configured.name, configured.model),
            strict=True,
        )
    )
    try:
        return [word.format_map(values) for word in gate.rollout]
    except (KeyError, ValueError, IndexError, AttributeError) as err:
        raise RefusedError(
            f"tool.release-channels.gate.rollout cannot be filled in: {err}",
            hint="it may hold " + ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS) + "; write {{ for a brace",
        ) from err


def own_environment(configured: Configured, candidate: Candidate, env: Mapping[str, str]) -> dict[str, str]:
    """The environment of the project's own command: of all keys the chosen provider's alone, and the candidate first.

    A LiteLLM-style client finds the key under its own name for it as well.
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


def own_command(
    words: Sequence[str],
    env: Mapping[str, str],
    configured: Configured,
    gate: GateConfig,
    recorder: Recorder,
    *,
    cwd: Path,
    jobs_dir: Path,
    log: Path,
) -> Rollout:
    """Run the project's own rollout, and read the one result and the trajectory that it leaves in its directory.

    Raises: FailedError if it fails, or leaves anything else than one of each.
    """
    jobs_dir.mkdir()
    with console.progress(f"the project's own rollout: {words[0]}"):
        ran = run_bounded(*words, cwd=cwd, env=env, timeout=gate.max_seconds, keep=gate.max_output)
    log.write_text(recorder.redactor(ran.output.decode("utf-8", "replace")), encoding="utf-8")
    if ran.code != 0:
        how = f"exited {ran.code}" if ran.code is not None else "was ended: it took too long or wrote too much"
        raise FailedError(f"the project's own rollout {how}", hint=f"see {log}")
    table, place = _only_result(jobs_dir)
    for event in _trajectory(place):
        recorder.add(str(event.pop("kind", "event")), **event)
    return Rollout(_result(table, configured), recorder.events)


def _only_result(jobs_dir: Path) -> tuple[Mapping[str, Any], Path]:
    found = []
    for path in sorted(jobs_dir.rglob("result.json")):
        table = _json(_text(path))
        if isinstance(table, dict) and ("reward" in table or "rewards" in table):
            found.append((table, path.parent))
    if len(found) != 1:
        raise FailedError(
            f"the project's own rollout left {len(found)} results, not one",
            hint="below {jobs_dir} it leaves one result.json with `reward`, or `rewards` and `reward` in it",
        )
    return found[0]


def _trajectory(place: Path) -> list[dict[str, Any]]:
    found = sorted({*place.glob("*trajectory*.jsonl"), *place.glob("trajectory/*.jsonl")})
    if len(found) != 1:
        raise FailedError(
            f"the project's own rollout left {len(found)} trajectories beside its result, not one",
            hint="it leaves trajectory.jsonl beside result.json, or one file in a directory trajectory there",
        )
    events = [_json(line) for line in _text(found[0]).splitlines() if line.strip()]
    if not events or not all(isinstance(event, dict) for event in events):
        raise FailedError(f"{found[0].name} is not a trajectory", hint="it contains one JSON object a line")
    return [event for event in events if isinstance(event, dict)]


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        content = stream.read(_MOST + 1)
    if len(content) > _MOST:
        raise FailedError(f"{path.name} is larger than {_MOST} bytes", hint="the judge reads both ends of less")
    return content.decode("utf-8", "replace")


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _result(table: Mapping[str, Any], configured: Configured) -> RolloutResult:
    """Read a result in our own words or in BenchFlow's.

    Source: BenchFlow's result.json, `rewards`, `n_tool_calls` and `agent_result`.
    """
    text = table.get("agent_result")
    places: tuple[Mapping[str, Any], ...] = (text, table) if isinstance(text, dict) else (table,)
    rewards = table.get("rewards")
    reward = rewards.get("reward") if isinstance(rewards, dict) else table.get("reward")
    tokens = _count(places, "tokens", "total_tokens", "n_total_tokens")
    tokens = tokens or _count(places, "n_input_tokens") + _count(places, "n_output_tokens")
    duration = table.get("seconds")
    return RolloutResult(
        configured.name, configured.model,
        turns=_count(places, "turns", "n_turns", "n_prompts"),
        tool_calls=_count(places, "tool_calls", "n_tool_calls"),
        tokens=tokens,
        reward=_number(reward),
        seconds=_number(duration) or 0.0,
        ended=str(table.get("ended", "the command came to its end"))[:200],
        why="as the project's own rollout tells",
    )  # fmt: skip


def _count(places: Sequence[Mapping[str, Any]], *names: str) -> int:
    values = (place.get(name) for place in places for name in names)
    return next((value for value in values if type(value) is int and value > 0), 0)


def _number(value: object) -> float | None:
    """Read a number; NaN is none."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return float(value) if is_one and isinstance(value, int | float) else None
