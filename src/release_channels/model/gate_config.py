"""The `[tool.release-channels.gate]` table as a frozen value, with the defaults of the reference document. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from release_channels.errors import RefusedError

_PROVIDER = re.compile(r"[a-z][a-z0-9-]*")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def _key(default: Any, help: str) -> Any:
    """Declare a key with its default and one sentence of help for the reference page and the error messages."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class ExtraProvider:
    """A model provider of the project's own that implements the OpenAI API."""

    name: str = field(metadata={"help": "what it is called here: small letters, digits and dashes"})
    key: str = field(metadata={"help": "the environment variable that holds its key"})
    base_url: str = field(metadata={"help": "the address of its API"})
    model: str = field(metadata={"help": "the model that is asked"})
    litellm: str = field(default="openai", metadata={"help": "what stands before the model for a LiteLLM-style client"})


class SandboxKind(StrEnum):
    """The kind of sandbox that the agent's commands run in."""

    AUTO = "auto"
    BUBBLEWRAP = "bubblewrap"
    DAYTONA = "daytona"


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The settings of the integration gate."""

    enabled: bool = _key(True, "whether there is a gate; without one, previews follow the tests directly")
    model: bool = _key(True, "whether a model is asked: provider, rollout and judge; without one, `commands` decide")
    commands: tuple[tuple[str, ...], ...] = _key(
        (), "commands, each a list of words, that must exit with 0 where the candidate is installed"
    )
    providers: tuple[str, ...] = _key((), "the providers in the order of choice; empty means all, in the usual order")
    extra_providers: tuple[ExtraProvider, ...] = _key((), "more providers that speak the OpenAI API")
    rollout: tuple[str, ...] = _key(
        (), "the words of the project's own rollout, with `{agent}`, `{model}`, `{jobs_dir}`; empty means the built-in"
    )
    agent: str = _key("openhands", "what `{agent}` stands for in `rollout`")
    task: str = _key("", "what the built-in agent is asked to do; empty means: install, find out, use, report")
    verifier: tuple[str, ...] = _key(
        (), "the words of the command whose exit code decides the reward; empty means the built-in"
    )
    must_solve: bool = _key(
        True, "whether the rollout must have earned its whole reward; else being real and the judge's word are enough"
    )
    rubric: str = _key("", "what the judge looks at besides the usual")
    sandbox: SandboxKind = _key(SandboxKind.AUTO, "where the agent's commands run: `auto`, `bubblewrap` or `daytona`")
    network: bool = _key(False, "whether the agent's commands may reach the network")
    max_turns: int = _key(30, "how often the model is asked in a rollout")
    max_tokens: int = _key(200_000, "how many tokens a rollout may take, prompts and answers together")
    max_seconds: int = _key(900, "how long a rollout may take")
    max_output: int = _key(16_000, "how many bytes of one command's output the model sees")
    command_seconds: int = _key(120, "how long one command may take")
    max_memory: int = _key(4 * 2**30, "how much memory one process of the sandbox may have, in bytes")
    max_disk: int = _key(2**30, "how much the sandbox may write, in bytes")
    probe_seconds: int = _key(30, "how long a provider may take to answer the probe, and the judge at five times that")
    daytona_snapshot: str = _key("", "the Daytona snapshot of the sandboxes; empty means Daytona's own default")
    daytona_max_age: int = _key(120, "after how many minutes a sandbox that a killed run left behind is removed")


def check_gate(gate: GateConfig, path: str) -> None:
    """Refuse values that the gate cannot run with.

    Raises: RefusedError that names the key by its table path.
    """
    for item in fields(gate):
        value = getattr(gate, item.name)
        if type(value) is int and value < 1:
            raise RefusedError(f"{path}.{item.name.replace('_', '-')} is {value}", hint="it is 1 or above")
    for number, words in enumerate(gate.commands):
        if not words or not words[0]:
            raise RefusedError(
                f"{path}.commands[{number}] is empty", hint='it is a list of words: ["demo-tool", "--version"]'
            )
    for number, extra in enumerate(gate.extra_providers):
        for key, shape in (("name", _PROVIDER), ("key", _VARIABLE)):
            if not shape.fullmatch(getattr(extra, key)):
                help = next(item.metadata["help"] for item in fields(extra) if item.name == key)
                raise RefusedError(f'{path}.extra-providers[{number}].{key} is "{getattr(extra, key)}"', hint=help)
