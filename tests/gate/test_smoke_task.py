"""The reward: by the built-in verifier, or by the project's own in a fresh sandbox."""

from __future__ import annotations

import pytest

from release_channels.errors import FailedError
from release_channels.gate.smoke_task import uses
from tests.support.gating import RunRollout, first, submits


@pytest.mark.parametrize(
    "command",
    [
        "demo-tool", "demo-tool --help | head", "cd x && demo-tool", "/candidate/bin/demo-tool x", "(demo-tool)",
        "for i in 1 2; do demo-tool; done", "true\ndemo-tool", "echo a; ./v/bin/demo-tool>out",
        "python -c 'import demo_tool'", "python -m demo_tool", "echo 'from demo_tool import main' | python",
    ],
)  # fmt: skip
def test_starting_a_program_or_importing_uses_the_project(command: str) -> None:
    """In every way to write it in a shell."""
    assert uses(("demo-tool",), ("demo_tool",), command)


@pytest.mark.parametrize(
    "command",
    [
        "pip show demo-tool", "pip install demo-tool", "cat $(which demo-tool)", "demo-toolbox", "ls demo_tool",
        "python -c 'import demo_tools'", "python -m demo_tool2", "echo demo-tool", "true",
    ],
)  # fmt: skip
def test_only_mentioning_the_project_does_not_use_it(command: str) -> None:
    """Such as an installation, or reading a file."""
    assert not uses(("demo-tool",), ("demo_tool",), command)


def test_a_project_without_programs_and_packages_is_never_used() -> None:
    assert not uses((), (), "true")


_OWN = "import json, pathlib; submission = json.load(open('/verifier/submission.json')); "


@pytest.mark.parametrize(
    ("script", "passes"),
    [
        ("assert submission['version'] == submission['expected'] == '1.2.0.dev42'", True),
        ("import demo_tool; assert pathlib.Path('/project/pyproject.toml').is_file()", True),
        ("assert pathlib.Path('/agent/made.txt').read_text() == 'made\\n'", True),
        ("lines = open('/verifier/commands.jsonl').readlines(); assert json.loads(lines[0])['code'] == 0", True),
        ("assert False, 'not good enough'", False),
        ("open('/agent/mine', 'w')", False),
        ("open('/verifier/mine', 'w')", False),
    ],
)
def test_the_projects_own_verifier_decides(run_rollout: RunRollout, script: str, passes: bool) -> None:
    """By its exit code; it gets submission, commands, project and the agent's work, all read-only."""
    agent = first("umask 077; echo made > made.txt", then=lambda _: submits())
    verifier = ("python", "-c", _OWN + script)
    if passes:
        assert run_rollout(agent, verifier=verifier).result.reward == 1.0
    else:
        with pytest.raises(FailedError, match=r"the reward is 0: the verifier exited with 1: "):
            run_rollout(agent, verifier=verifier)


def test_the_agents_programs_do_not_affect_the_verifier(run_rollout: RunRollout) -> None:
    """In `work` or /tmp."""
    agent = first("echo 'exit 0' > /tmp/python; echo 'raise SystemExit(0)' > json.py", then=lambda _: submits("9.9"))
    with pytest.raises(FailedError, match="the reward is 0: the verifier exited with 1"):
        run_rollout(agent, verifier=("python", "-c", _OWN + "assert submission['version'] == submission['expected']"))


def test_an_endless_verifier_gives_no_reward(run_rollout: RunRollout) -> None:
    """The rollout fails."""
    agent = first("true", then=lambda _: submits())
    with pytest.raises(FailedError, match="it has no reward"):
        run_rollout(agent, verifier=("sleep", "60"), command_seconds=1)
