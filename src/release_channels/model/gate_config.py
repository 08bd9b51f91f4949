"""The `[tool.release-channels.gate]` table as a frozen value, with its defaults. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from release_channels.errors import RefusedError
from release_channels.model import grammar
from release_channels.model.grammar import Grammar


def setting(default: Any, help: str, form: Grammar | None = None) -> Any:
    """Declare a key with its default, one sentence of help for the reference page, and the grammar of its text."""
    return field(default=default, metadata={"help": help, "grammar": form})


def required(help: str, form: Grammar | None = None) -> Any:
    """Declare a key without a default."""
    return field(metadata={"help": help, "grammar": form})


@dataclass(frozen=True, slots=True)
class ExtraProvider:
    """A model provider of the project's own that implements the OpenAI API."""

    name: str = required("its name: lower-case letters, digits and dashes", grammar.PROVIDER)
    key: str = required("the environment variable with its API key", grammar.VARIABLE)
    base_url: str = required("the base URL of its API", grammar.WEB_ADDRESS)
    model: str = required("the name of the model", grammar.LINE)
    litellm: str = setting("openai", "the provider prefix of the model for a LiteLLM-style client", grammar.LINE)


MODELS_TOKEN = "GITHUB_MODELS_TOKEN"
BUILT_IN_KEYS: Mapping[str, tuple[str, ...]] = {
    "deepseek": ("DEEPSEEK_API_KEY",),
    "glm": ("GLM_API_KEY",),
    "qwen": ("QWEN_API_KEY",),
    "litellm": ("LITELLM_API_KEY", "BF_TOKEN"),
    "openai": ("OPENAI_API_KEY",),
    "github-models": (MODELS_TOKEN,),
}
"""The variables with the API key of each built-in provider, in the default order; the first that is set counts.

Source: the reference document, "Required GitHub Secrets".
"""


def variable_prefix(provider: str) -> str:
    """Return the prefix of a provider's variables: `<PREFIX>_BASE_URL` and `<PREFIX>_MODEL` replace its defaults."""
    return provider.upper().replace("-", "_")


def stored_name(variable: str) -> str:
    """Return the name under which GitHub stores a variable or secret.

    Source: GitHub's documentation of secrets and variables: no name begins with GITHUB_.
    """
    return variable.removeprefix("GITHUB_")


class SandboxKind(StrEnum):
    """The kind of sandbox that the agent's commands run in."""

    AUTO = "auto"
    BUBBLEWRAP = "bubblewrap"
    DAYTONA = "daytona"


@dataclass(frozen=True, slots=True)
class GateConfig:
    """The settings of the integration gate."""

    enabled: bool = setting(True, "run the gate; without it, previews follow the tests directly")
    model: bool = setting(True, "use a model: provider, rollout and judge; without it, `commands` decide")
    commands: tuple[tuple[str, ...], ...] = setting(
        (), "commands, each a list of arguments, that must exit with 0 in an environment with the candidate"
    )
    providers: tuple[str, ...] = setting(
        (), "the providers in order of preference; empty means all, in the default order"
    )
    extra_providers: tuple[ExtraProvider, ...] = setting((), "additional providers that implement the OpenAI API")
    rollout: tuple[str, ...] = setting(
        (), "the project's own rollout command, with `{agent}`, `{model}`, `{jobs_dir}`; empty means the built-in"
    )
    agent: str = setting("openhands", "the value of `{agent}` in `rollout`", grammar.LINE)
    task: str = setting("", "the task of the built-in agent; empty means: install, explore, use, report")
    verifier: tuple[str, ...] = setting(
        (), "the arguments of the command whose exit code decides the reward; empty means the built-in"
    )
    must_solve: bool = setting(
        True, "require the full reward; otherwise a real rollout and the judge's approval are enough"
    )
    rubric: str = setting("", "additional criteria for the judge")
    sandbox: SandboxKind = setting(
        SandboxKind.AUTO, "the sandbox of the agent's commands: `auto`, `bubblewrap` or `daytona`"
    )
    network: bool = setting(False, "allow network access for the agent's commands")
    max_turns: int = setting(30, "the limit of model requests in a rollout")
    max_tokens: int = setting(200_000, "the limit of tokens in a rollout, prompts and completions together")
    max_seconds: int = setting(900, "the time limit of a rollout, in seconds")
    max_output: int = setting(16_000, "the limit of one command's output that the model sees, in bytes")
    command_seconds: int = setting(120, "the time limit of one command, in seconds")
    max_memory: int = setting(4 * 2**30, "the memory limit of one process in the sandbox, in bytes")
    max_disk: int = setting(2**30, "the limit of what the sandbox may write, in bytes")
    probe_seconds: int = setting(30, "the time limit of a provider's probe, in seconds; the judge gets five times that")
    daytona_snapshot: str = setting(
        "", "the Daytona snapshot of the sandboxes; empty means Daytona's own default", grammar.LINE
    )
    daytona_max_age: int = setting(120, "the age in minutes at which a sandbox left by a killed run is removed")

    @property
    def needs_sandbox(self) -> bool:
        """True if foreign commands run in a sandbox of the gate's: an own rollout brings what it needs."""
        return self.enabled and (bool(self.commands) or (self.model and not self.rollout))


def provider_keys(gate: GateConfig) -> Mapping[str, tuple[str, ...]]:
    """Return the variables with the API key of each provider that the gate may use, in the order of choice.

    A name that the gate does not know has no variables; the gate itself refuses it.
    """
    known = {**BUILT_IN_KEYS, **{extra.name: (extra.key,) for extra in gate.extra_providers}}
    return {name: known.get(name, ()) for name in gate.providers or known}


def check_gate(gate: GateConfig, path: str) -> None:
    """Refuse invalid values.

    Raises: RefusedError that names the key by its table path.
    """
    for item in fields(gate):
        value = getattr(gate, item.name)
        if type(value) is int and value < 1:
            raise RefusedError(f"{path}.{item.name.replace('_', '-')} is {value}", hint="it must be 1 or above")
    for number, command in enumerate(gate.commands):
        if not command or not command[0]:
            raise RefusedError(
                f"{path}.commands[{number}] is empty", hint='it must be a list of arguments: ["demo-tool", "--version"]'
            )
