"""The task of the built-in agent and its reward. Pure but for the verifier's sandbox."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from packaging.version import InvalidVersion, Version

from release_channels.adapters.files import temporary_directory
from release_channels.gate.agent import AgentSession
from release_channels.gate.candidate import Candidate
from release_channels.gate.sandbox.base import Sandbox, Sandboxes
from release_channels.gate.trajectory import Command
from release_channels.model.gate_config import GateConfig

README = "README.md"
_SHOWN = 6000  # characters


def task_text(candidate: Candidate, sandbox: Sandbox, gate: GateConfig, readme: str) -> str:
    """Format the task, with the beginning of the project's README as material."""
    root = sandbox.root
    return (
        f"You are a new user of the Python project `{candidate.name}`.\n\n{(gate.task or _TASK).strip()}\n\n"
        f"You are in {root / 'work'}, where you may write, as in /tmp. An environment with the project and "
        f"with pip is on PATH. pip installs only from {root / 'wheelhouse'}. "
        f"{'There is a network.' if gate.network else 'There is no network.'}\n\n"
        f"{README} is in your directory. It begins:\n\n<readme>\n{readme[:_SHOWN]}\n</readme>\n"
    )


_TASK = (
    "Install the project with pip, find out what it does, use it once (run its program, or import it if it has none), "
    "and find out which version you have. Then call `submit` with that version and one sentence on what you did."
)


def reward_of(
    session: AgentSession, candidate: Candidate, sandboxes: Sandboxes, project: Path
) -> tuple[float | None, str]:
    """Return the reward and its reason; None if the verifier did not finish.

    The project's own verifier runs in a sandbox that the agent has never used.
    """
    gate, agent = session.gate, session.sandbox.results
    if session.submitted is None:
        return 0.0, "nothing was submitted"
    if not gate.verifier:
        return _built_in(session.submitted["version"], session.commands, candidate)
    with temporary_directory("verifier") as directory:
        submission = {"expected": str(candidate.version), **session.submitted}
        (directory / "submission.json").write_text(json.dumps(submission), encoding="utf-8")
        lines = (json.dumps({"command": command.text, "code": command.code}) + "\n" for command in session.commands)
        (directory / "commands.jsonl").write_text("".join(lines), encoding="utf-8")
        more = {"verifier": directory, "project": project} | ({"agent": agent} if agent else {})
        with sandboxes.open(replace(candidate.contents, more=more)) as sandbox:
            ran = sandbox.run(gate.verifier, seconds=gate.command_seconds, keep=gate.max_output)
    if ran.code is None:
        return None, "the verifier did not finish"
    output = ran.output.decode("utf-8", "replace").strip().splitlines()
    return float(ran.code == 0), f"the verifier exited with {ran.code}" + (f": {output[-1]}" if output else "")


def _built_in(reported: str, commands: Sequence[Command], candidate: Candidate) -> tuple[float, str]:
    try:
        is_right = Version(reported.strip()) == candidate.version
    except InvalidVersion:
        is_right = False
    if not is_right:
        return 0.0, f"the version {reported.strip()[:80]!r} was reported, and {candidate.version} was installed"
    scripts, modules = candidate.wheel.scripts + candidate.wheel.ready_made, candidate.wheel.modules
    if not any(command.code == 0 and uses(scripts, modules, command.text) for command in commands):
        return 0.0, "no command that exited with 0 used a program of the project or imported it"
    return 1.0, f"{candidate.version} was reported, and the project was used"


def uses(scripts: Sequence[str], modules: Sequence[str], command: str) -> bool:
    """Return whether a command uses a project: starts one of its programs, or imports one of its packages."""
    parts = []
    if scripts:
        names = "|".join(map(re.escape, scripts))
        parts.append(rf"(?:^|[;&|(\n`]|\bthen|\bdo)\s*(?:[^\s;&|()]*/)?(?:{names})(?=[\s;&|)`<>]|$)")
    if modules:
        names = "|".join(map(re.escape, modules))
        parts.append(rf"\b(?:import|from)\s+(?:{names})(?![\w-])|-m\s+(?:{names})(?![\w-])")
    return bool(parts) and re.search("|".join(parts), command) is not None
