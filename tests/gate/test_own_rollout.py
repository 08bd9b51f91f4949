"""The project's own rollout: its command, its environment, and the files that it must write."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from release_channels.errors import FailedError, RefusedError
from release_channels.gate.candidate import Candidate
from release_channels.gate.context import GateContext
from release_channels.gate.providers import Configured, in_order, key_names, provider_statuses
from release_channels.gate.rollout import Rollout, fill_placeholders, own_command, own_environment
from release_channels.gate.trajectory import Recorder
from release_channels.model.gate_config import GateConfig
from release_channels.model.redact import SecretRedactor, without
from tests.support.gating import MARK, Ready

_KEYS = {
    "DEEPSEEK_API_KEY": f"{MARK}-deepseek", "OPENAI_API_KEY": f"{MARK}-openai", "BF_TOKEN": f"{MARK}-bf",
    "DAYTONA_API_KEY": f"{MARK}-daytona", "GITHUB_MODELS_TOKEN": f"{MARK}-models",
}  # fmt: skip
_WRITE = """
import json, os, pathlib, sys
trial = pathlib.Path(sys.argv[1], "2026", "trial"); trial.mkdir(parents=True)
event = {"kind": "assistant", "text": os.environ["DEEPSEEK_API_KEY"]}
(trial / "trajectory.jsonl").write_text(json.dumps(event) + "\\n")
(trial / "result.json").write_text(json.dumps(%s))
print(json.dumps(dict(os.environ)))
"""
_RESULT = '{"reward": 1.0, "tool_calls": 3, "tokens": 900, "turns": 2, "seconds": 4.5}'


def _chosen(name: str = "deepseek") -> Configured:
    statuses = {status.provider.name: status.configured for status in provider_statuses(in_order(GateConfig()), _KEYS)}
    configured = statuses[name]
    assert configured is not None
    return configured


def _run(candidate: Candidate, directory: Path, script: str, **settings: int) -> Rollout:
    for name in ("source", "kept"):
        (directory / name).mkdir()
    (directory / "source" / "rollout.py").write_text(script)
    gate = GateConfig(rollout=("python3", "rollout.py", "{jobs_dir}"), **settings)  # type: ignore[arg-type]
    env = {**os.environ, **_KEYS, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": f"{MARK}-oidc"}
    redactor = SecretRedactor(env, key_names(()))
    bare = without(env, {*key_names(()), "DAYTONA_API_KEY", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"})
    context = GateContext(gate, directory / "kept", directory, bare, env, redactor)
    return own_command(candidate, _chosen(), context, Recorder(context.kept / "trajectory.jsonl", redactor))


def test_a_filled_placeholder_stays_one_argument() -> None:
    """Whatever its value is; the model is written as LiteLLM-style clients do."""
    gate = GateConfig(
        rollout=("context", "--agent", "{agent}", "--model={model}", "{jobs_dir}", "{provider}:{model_id}", "{{x}}"),
        agent="open hands",
    )
    words = fill_placeholders(gate, _chosen(), Path("/a b/jobs"))
    assert words == [
        "context", "--agent", "open hands", "--model=deepseek/deepseek-v4-flash", "/a b/jobs",
        "deepseek:deepseek-v4-flash", "{x}",
    ]  # fmt: skip


@pytest.mark.parametrize("word", ["{key}", "{", "{}", "{0}", "{model.nothing}", "{jobs_dir.parent}"])
def test_an_unknown_placeholder_is_refused(word: str) -> None:
    """Before the command runs."""
    with pytest.raises(RefusedError, match="cannot be filled in"):
        fill_placeholders(GateConfig(rollout=("context", word)), _chosen(), Path("jobs"))


def test_the_command_gets_only_the_chosen_providers_key(ready: Ready, offline: None, tmp_path: Path) -> None:
    """And the candidate's programs first on the PATH."""
    rollout = _run(ready.candidate, tmp_path, _WRITE % _RESULT.replace("true", "True"), max_output=100_000)
    log = (tmp_path / "kept" / "rollout.log").read_text()
    env = json.loads(log)
    assert {name for name, value in env.items() if value == "***"} == {"DEEPSEEK_API_KEY"}
    assert not {*_KEYS, "ACTIONS_ID_TOKEN_REQUEST_TOKEN"} & set(env) - {"DEEPSEEK_API_KEY"}
    assert env["PATH"].startswith(str(ready.candidate.contents.environment / "bin"))
    result = rollout.result
    assert (result.reward, result.tool_calls, result.tokens, result.turns, result.seconds) == (1.0, 3, 900, 2, 4.5)
    assert result.problems() == ()


def test_rollout_output_and_files_are_saved_without_secrets(ready: Ready, offline: None, tmp_path: Path) -> None:
    """Also a trajectory that contains a key."""
    _run(ready.candidate, tmp_path, _WRITE % _RESULT)
    kept = "".join(path.read_text() for path in (tmp_path / "kept").iterdir())
    assert MARK not in kept
    assert '"text": "***"' in kept


def test_a_litellm_style_client_finds_its_own_variables(ready: Ready) -> None:
    """The key is also in the variable that such a client reads."""
    env = own_environment(_chosen("github-models"), ready.candidate, {"PATH": "/bin"})
    assert env["GITHUB_API_KEY"] == env["GITHUB_MODELS_TOKEN"] == f"{MARK}-models"
    proxy = Configured(
        next(p for p in in_order(GateConfig()) if p.name == "litellm"), "k", "BF_TOKEN", "https://x", "m"
    )
    env = own_environment(proxy, ready.candidate, {})
    assert (env["LITELLM_PROXY_API_KEY"], env["LITELLM_PROXY_API_BASE"], env["BF_TOKEN"]) == ("k", "https://x", "k")


def test_benchflows_result_is_read(ready: Ready, offline: None, tmp_path: Path) -> None:
    """Rewards, tool calls and tokens, and the trajectory from its own directory."""
    script = """
import json, pathlib, sys
trial = pathlib.Path(sys.argv[1], "job", "trial"); (trial / "trajectory").mkdir(parents=True)
(trial / "trajectory" / "acp_trajectory.jsonl").write_text('{"type": "tool_call", "title": "ls"}\\n')
(trial / "result.json").write_text(json.dumps({"rewards": {"reward": 0.5}, "n_tool_calls": 7, "n_prompts": 1,
    "agent_result": {"n_input_tokens": 100, "n_output_tokens": 20}}))
(trial.parent / "result.json").write_text('{"n_trials": 1}')
"""
    rollout = _run(ready.candidate, tmp_path, script)
    assert (rollout.result.reward, rollout.result.tool_calls, rollout.result.tokens) == (0.5, 7, 120)
    assert rollout.events[0]["type"] == "tool_call"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; print('no'); sys.exit(3)", "exited 3"),
        ("pass", "left 0 results"),
        ("import time; time.sleep(60)", "took too long"),
        (_WRITE % "{}", "left 0 results"),
        (_WRITE % '{"reward": 1}' + "(trial.parent / 'result.json').write_text('{\"reward\": 1}')", "left 2 results"),
        (_WRITE % '{"reward": 1}' + "(trial / 'trajectory.jsonl').unlink()", "left 0 trajectories"),
        (_WRITE % '{"reward": 1}' + "(trial / 'trajectory.jsonl').write_text('prose')", "is not a trajectory"),
        (_WRITE % '{"reward": 1}' + "(trial / 'trajectory.jsonl').write_text('')", "is not a trajectory"),
    ],
)
def test_a_failure_or_missing_files_fail_the_gate(
    ready: Ready, offline: None, tmp_path: Path, script: str, message: str
) -> None:
    """The command must exit with 0 and write exactly one result with its trajectory."""
    with pytest.raises(FailedError, match=message):
        _run(ready.candidate, tmp_path, script, max_seconds=2)


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ('{"reward": None, "tool_calls": 3, "tokens": 900}', "it has no reward"),
        ('{"reward": True, "tool_calls": 3, "tokens": 900}', "it has no reward"),
        ('{"reward": "1", "tool_calls": 3, "tokens": 900}', "it has no reward"),
        ('{"reward": float("nan"), "tool_calls": 3, "tokens": 900}', "it has no reward"),
        ('{"reward": float("inf"), "tool_calls": 3, "tokens": 900}', "it has no reward"),
        ('{"reward": 10**400, "tool_calls": 3, "tokens": 900}', "it has no reward"),
        ('{"reward": 1, "tool_calls": 0, "tokens": 900}', "it called no tool"),
        ('{"reward": 1, "tokens": 900}', "it called no tool"),
        ('{"reward": 1, "tool_calls": 3}', "it used no tokens"),
        ('{"reward": 1, "tool_calls": 3, "tokens": -5}', "it used no tokens"),
    ],
)
def test_a_result_without_tools_tokens_or_reward_fails(
    ready: Ready, offline: None, tmp_path: Path, result: str, problem: str
) -> None:
    """Whatever the judge decides."""
    assert problem in _run(ready.candidate, tmp_path, _WRITE % result).result.problems()
