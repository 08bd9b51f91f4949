"""Choose the provider: the first configured one that really answers a tiny question."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from release_channels.adapters import console
from release_channels.errors import RefusedError
from release_channels.gate.llm_client import ModelError, open_model
from release_channels.gate.providers import Candidate, Configured, Tried, choose

_QUESTION = ({"role": "user", "content": "Answer with the single word: ready"},)
# Enough for a model that thinks before it speaks.
_TOKENS = 512


def choose_provider(
    candidates: tuple[Candidate, ...],
    env: Mapping[str, str],
    *,
    seconds: float,
    secret: str,
    pause: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
) -> Configured:
    """Query the configured providers in order, and give the first that answers; `secret` is GitHub Models' in Actions.

    Raises: RefusedError with every candidate's line if none answers, or the openai package is missing.
    """
    lines: list[str] = []

    def ask(configured: Configured) -> tuple[bool, str]:
        try:
            with open_model(configured, env, pause=pause) as model:
                began = clock()
                answer = model.complete(_QUESTION, seconds=seconds, tokens=_TOKENS)
                took = clock() - began
        except ModelError as err:
            return False, str(err)
        if not answer.text.strip():
            return False, "the answer is empty"
        return True, f"{configured.model} answered in {took:.1f} s"

    def tell(tried: Tried) -> None:
        lines.append(f"{tried.name}: {tried.said}")
        console.say(f"  {tried.name:<15}{tried.said}")

    chosen = choose(candidates, ask, tell)
    if chosen is None:
        raise RefusedError("no model provider answers", hint="\n".join([*lines, "", *_advice(candidates, secret)]))
    return chosen


def _advice(candidates: tuple[Candidate, ...], secret: str) -> list[str]:
    names = [" or ".join(candidate.provider.keys) for candidate in candidates]
    return [
        "set at least one of " + ", ".join(names),
        "in GitHub Actions they are secrets of the gate's environment; GitHub stores none whose name begins with "
        f"GITHUB_, so GITHUB_MODELS_TOKEN is filled from the secret {secret}, or else from the job's own token with "
        "`models: read`",
    ]
