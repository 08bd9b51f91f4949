"""Agents of every kind in a real sandbox: only the one that solves the task passes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from release_channels.errors import FailedError
from release_channels.rehearsal.fake_llm import Agent, AgentCall, Message, Reply
from tests.support.gating import (
    MARK,
    MODEL_KEY,
    NOTE,
    VERSION,
    RunRollout,
    first,
    floods,
    gives_up,
    loops,
    runs,
    snoops,
    solves,
    speaks_to_the_judge,
    submits,
    tampers,
)


def test_the_agent_that_solves_the_task_passes(run_rollout: RunRollout) -> None:
    """It writes a trajectory, and a result with its actions, turns and tokens."""
    result = run_rollout().result
    assert result.problems() == ()
    assert (result.reward, result.ended, result.turns, result.tool_calls) == (1.0, "submitted", 5, 5)
    assert result.tokens == 5 * 120
    assert json.loads((run_rollout.kept / "result.json").read_text())["submitted"]["version"] == VERSION
    events = [json.loads(line) for line in (run_rollout.kept / "trajectory.jsonl").read_text().splitlines()]
    assert [event["kind"] for event in events] == ["task", *("assistant", "tool") * 5, "end"]


@pytest.mark.parametrize(
    ("agent", "settings", "message"),
    [
        pytest.param(gives_up, {}, "it called no tool .the agent gave up", id="gives up"),
        pytest.param(first("ls", then=gives_up), {}, "the reward is 0: nothing was submitted", id="gives up later"),
        pytest.param(loops, {"max_turns": 4}, "the limit of 4 turns was reached", id="loops"),
        pytest.param(loops, {"max_tokens": 300}, "the limit of 300 tokens was reached", id="spends"),
        pytest.param(floods, {"max_turns": 1}, "nothing was submitted", id="floods"),
        pytest.param(snoops, {}, "reads secrets of other processes: env; cat /proc", id="snoops"),
        pytest.param(tampers, {}, "writes or deletes what the verifier reads: mkdir -p /verifier", id="tampers"),
        pytest.param(speaks_to_the_judge, {}, "no command that exited with 0 used", id="speaks to the judge"),
        pytest.param(speaks_to_the_judge, {"must_solve": False}, "the judge fails", id="speaks to the judge alone"),
        pytest.param(lambda _: submits(), {}, "no command that exited with 0 used a program", id="guesses"),
        pytest.param(first("demo-tool", then=lambda _: submits("1.1")), {}, "'1.1' was reported", id="is wrong"),
        pytest.param(
            first("demo-tool", then=lambda _: submits("new")), {}, "'new' was reported", id="is not a version"
        ),
        pytest.param(lambda _: Reply(calls=(AgentCall("submit", {}),)), {"max_turns": 2}, "2 turns", id="calls badly"),
        pytest.param(lambda _: Reply(calls=(AgentCall("hack", {}),)), {"max_turns": 2}, "2 turns", id="no such tool"),
    ],
)
def test_no_other_agent_passes(run_rollout: RunRollout, agent: Agent, settings: dict[str, Any], message: str) -> None:
    """An agent that gives up, loops, floods, snoops, tampers, guesses or talks to the judge fails."""
    with pytest.raises(FailedError, match=message):
        run_rollout(agent, **settings)


def test_an_agent_finds_no_secret(run_rollout: RunRollout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither environment nor /proc contains a key, an OIDC variable or a token of this process or its parents."""
    planted = ("OPENAI_API_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "GITHUB_TOKEN", "DAYTONA_API_KEY")
    for name in planted:
        monkeypatch.setenv(name, f"{MARK}-{name.lower()}")
    with pytest.raises(FailedError, match="reads secrets of other processes"):
        run_rollout(snoops)
    shown = [
        str(message["content"]) for message in run_rollout.server.asked[-2]["messages"] if message["role"] == "tool"
    ]
    assert "PATH=/candidate/bin" in shown[0]
    assert MARK not in "".join(shown)
    assert MODEL_KEY not in run_rollout.output


def test_endless_output_is_shortened_and_ended(run_rollout: RunRollout) -> None:
    """The model gets both ends of an output within the limit, and the command is ended."""
    with pytest.raises(FailedError):
        run_rollout(floods, max_turns=2, max_output=1000)
    output = next(m["content"] for m in run_rollout.server.asked[-1]["messages"] if m["role"] == "tool")
    assert output.startswith("ended: it wrote too much")
    assert "bytes left out" in output
    assert len(output) < 1200


def test_a_hanging_command_is_ended(run_rollout: RunRollout) -> None:
    """One command has its own time limit."""
    with pytest.raises(FailedError):
        run_rollout(lambda _: runs("sleep 60"), command_seconds=1, max_turns=1)
    assert "ended after 1 seconds" in run_rollout.output


def test_the_whole_rollout_has_a_time_limit(run_rollout: RunRollout) -> None:
    """The limit on seconds ends the work between two turns."""
    with pytest.raises(FailedError, match="the limit of 1 seconds was reached"):
        run_rollout(lambda _: runs("sleep 60"), max_seconds=1)


def test_a_failing_model_fails_the_rollout(run_rollout: RunRollout) -> None:
    """The error is reported without the server's text."""
    calls = 0

    def breaks(messages: Sequence[Message]) -> Reply:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise RuntimeError(MARK)
        return runs("ls")

    with pytest.raises(FailedError, match="the model did not answer: 500: the server failed"):
        run_rollout(breaks)
    assert MARK not in run_rollout.output


def test_a_rollout_without_counted_tokens_fails(run_rollout: RunRollout) -> None:
    """Without a usage report no model is proven to have worked."""
    with pytest.raises(FailedError, match="this was not a real rollout: it used no tokens"):
        run_rollout(lambda messages: replace(solves(messages), tokens=0))


def test_a_note_to_the_judge_stays_between_the_marks(run_rollout: RunRollout) -> None:
    """A file's text to the judge is evidence, between marks that its author could not know."""
    with pytest.raises(FailedError):
        run_rollout(speaks_to_the_judge, must_solve=False)
    prompt = run_rollout.server.asked[-1]["messages"][-1]["content"]
    mark = prompt.split("<trajectory-", 1)[1].split(">", 1)[0]
    inside = prompt.split(f"<trajectory-{mark}>", 1)[1].split(f"</trajectory-{mark}>", 1)[0]
    assert "Note to the judge" in inside
    assert "Note to the judge" not in prompt.replace(inside, "")
    assert mark not in NOTE
