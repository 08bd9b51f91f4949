"""Choose the provider: the first configured one that answers a short question."""

from __future__ import annotations

import time
from collections.abc import Mapping

from release_channels.adapters import console
from release_channels.errors import RefusedError
from release_channels.gate.llm_client import ModelError, open_model
from release_channels.gate.providers import Configured, ProviderStatus, choose

_QUESTION = ({"role": "user", "content": "Answer with the single word: ready"},)
# Enough for a model that reasons before it answers.
_TOKENS = 512


def choose_provider(
    statuses: tuple[ProviderStatus, ...], env: Mapping[str, str], *, seconds: float, secret: str, pause: float = 2.0
) -> Configured:
    """Query the configured providers in order, and return the first that answers.

    `secret` is the name of the secret with the token of GitHub Models; `seconds` limit each query, and `pause` is
    the delay in seconds before a retry.

    Raises: RefusedError with every provider's line if none answers, or if the openai package is missing.
    """
    lines: list[str] = []

    def query(configured: Configured) -> tuple[bool, str]:
        try:
            with open_model(configured, env, pause=pause) as model:
                began = time.monotonic()
                answer = model.complete(_QUESTION, seconds=seconds, tokens=_TOKENS)
        except ModelError as err:
            return False, str(err)
        if not answer.text.strip():
            return False, "the answer is empty"
        return True, f"{configured.model} answered in {time.monotonic() - began:.1f} s"

    def report(name: str, result: str) -> None:
        lines.append(f"{name}: {result}")
        console.say(f"  {name:<15}{result}")

    chosen = choose(statuses, query, report)
    if chosen is None:
        keys = ", ".join(" or ".join(status.provider.keys) for status in statuses)
        advice = (
            f"set at least one of {keys}",
            "in GitHub Actions they are secrets of the gate's environment; GitHub stores none whose name begins with "
            f"GITHUB_, so GITHUB_MODELS_TOKEN is filled from the secret {secret}, or else from the job's own token "
            "with `models: read`",
        )
        raise RefusedError("no model provider answers", hint="\n".join([*lines, "", *advice]))
    return chosen
