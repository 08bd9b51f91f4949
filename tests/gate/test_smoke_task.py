"""The reward: by the built-in verifier, or by the project's own in a sandbox that the agent never used."""

from __future__ import annotations

import pytest

from release_channels.errors import FailedError
from release_channels.gate.smoke_task import uses
from tests.support.gating import Play, first, submits


@pytest.mark.parametrize(
    "command",
    [
        "demo-tool", "demo-tool --help | head", "cd x && demo-tool", "/candidate/bin/demo-tool x", "(demo-tool)",
        "for i in 1 2; do demo-tool; done", "true\ndemo-tool", "echo a; ./v/bin/demo-tool>out",
        "python -c 'import demo_tool'", "python -m demo_tool", "echo 'from demo_tool import main' | python",
    ],
)  # fmt: skip
def test_a_command_that_starts_a_program_or_imports_a_package_uses_the_project(command: str) -> None:
    """Every way to write it in a shell counts."""
    assert uses(("demo-tool",), ("demo_tool",), command)


@pytest.mark.parametrize(
    "command",
    [
        "pip show demo-tool", "pip install demo-tool", "cat $(which demo-tool)", "demo-toolbox", "ls demo_tool",
        "python -c 'import demo_tools'", "python -m demo_tool2", "echo demo-tool", "true",
    ],
)  # fmt: skip
def test_a_command_that_only_names_it_does_not(command: str) -> None:
    """Neither an installation nor reading a file is a use."""
    assert not uses(("demo-tool",), ("demo_tool",), command)


def test_a_project_without_programs_and_packages_is_never_used() -> None:
    """Without a program or package no command counts as a use."""
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
def test_the_projects_own_verifier_decides(play: Play, script: str, passes: bool) -> None:
    """Its exit code is the reward; it sees submission, commands, the project and the agent's work, all read-only."""
    agent = first("umask 077; echo made > made.txt", then=lambda _: submits())
    verifier = ("python", "-c", _OWN + script)
    if passes:
        assert play(agent, verifier=verifier).result.reward == 1.0
    else:
        with pytest.raises(FailedError, match=r"the reward is 0: the verifier exited with 1: "):
            play(agent, verifier=verifier)


def test_a_verifier_sees_nothing_that_the_agent_left(play: Play) -> None:
    """A program or module of the agent in `work` or /tmp does not affect the verifier."""
    agent = first("echo 'exit 0' > /tmp/python; echo 'raise SystemExit(0)' > json.py", then=lambda _: submits("9.9"))
    with pytest.raises(FailedError, match="the reward is 0: the verifier exited with 1"):
        play(agent, verifier=("python", "-c", _OWN + "assert submission['version'] == submission['expected']"))


def test_a_verifier_that_does_not_end_gives_no_reward(play: Play) -> None:
    """Without a reward the rollout fails."""
    agent = first("true", then=lambda _: submits())
    with pytest.raises(FailedError, match="it has no reward"):
        play(agent, verifier=("sleep", "60"), command_seconds=1)
