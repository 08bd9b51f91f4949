"""The providers: their order, their configuration, and which one is chosen."""

from __future__ import annotations

import itertools

import pytest

from release_channels.errors import RefusedError
from release_channels.gate.providers import (
    PROVIDERS,
    Configured,
    ProviderStatus,
    choose,
    in_order,
    provider_statuses,
)
from release_channels.model.gate_config import ExtraProvider, GateConfig

_NAMES = [provider.name for provider in PROVIDERS]
_ACME = ExtraProvider("acme", "ACME_KEY", "https://models.example/v1", "acme-1")


def _statuses(env: dict[str, str], **gate: object) -> dict[str, ProviderStatus]:
    found = provider_statuses(in_order(GateConfig(**gate)), env)  # type: ignore[arg-type]
    return {status.provider.name: status for status in found}


def _configured(env: dict[str, str], name: str, **gate: object) -> Configured:
    configured = _statuses(env, **gate)[name].configured
    assert configured is not None
    return configured


def test_the_provider_order_matches_the_reference_document() -> None:
    """With their key variables."""
    keys = [" or ".join(provider.keys) for provider in PROVIDERS]
    assert keys == [
        "DEEPSEEK_API_KEY", "GLM_API_KEY", "QWEN_API_KEY", "LITELLM_API_KEY or BF_TOKEN", "OPENAI_API_KEY",
        "GITHUB_MODELS_TOKEN",
    ]  # fmt: skip


def test_the_first_configured_provider_that_answers_is_chosen() -> None:
    """In all 729 combinations of six unset, silent and answering providers."""
    states = ("unset", "silent", "answers")
    for combination in itertools.product(states, repeat=len(PROVIDERS)):
        env = {"LITELLM_BASE_URL": "https://proxy.example/v1"}
        env |= {p.keys[0]: "a-key" for p, state in zip(PROVIDERS, combination, strict=True) if state != "unset"}
        state_of = dict(zip(_NAMES, combination, strict=True))
        reported: list[tuple[str, str]] = []
        queried: list[str] = []

        def query(
            configured: Configured, state_of: dict[str, str] = state_of, queried: list[str] = queried
        ) -> tuple[bool, str]:
            queried.append(configured.name)
            return state_of[configured.name] == "answers", state_of[configured.name]

        statuses = provider_statuses(in_order(GateConfig()), env)
        chosen = choose(statuses, query, lambda *line, reported=reported: reported.append(line))
        first = next((name for name in _NAMES if state_of[name] == "answers"), None)
        assert (chosen and chosen.name) == first
        upto = _NAMES if first is None else _NAMES[: _NAMES.index(first) + 1]
        assert queried == [name for name in upto if state_of[name] != "unset"]
        assert [name for name, _ in reported] == upto
        unset = [name for name, line in reported if line.startswith("not configured")]
        assert unset == [name for name in upto if state_of[name] == "unset"]


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_or_blank_key_configures_nothing(value: str) -> None:
    """GitHub passes a missing secret as an empty string."""
    statuses = _statuses({key: value for provider in PROVIDERS for key in provider.keys})
    assert all(status.configured is None for status in statuses.values())


def test_a_key_is_stripped_and_never_shown() -> None:
    """A secret that was pasted with a newline works; no representation contains it."""
    configured = _configured({"DEEPSEEK_API_KEY": " SECRET-key\n"}, "deepseek")
    assert configured.key == "SECRET-key"
    assert "SECRET" not in repr(configured)


def test_litellm_requires_an_address_and_accepts_bf_token() -> None:
    """It has two variables for its key, of which the first is preferred."""
    assert _statuses({"BF_TOKEN": "b"})["litellm"].missing == "LITELLM_BASE_URL is not set"
    env = {"BF_TOKEN": "b", "LITELLM_BASE_URL": "https://proxy.example"}
    assert _configured(env, "litellm").key_name == "BF_TOKEN"
    assert _configured(env | {"LITELLM_API_KEY": "l"}, "litellm").key == "l"


def test_address_and_model_can_be_configured() -> None:
    """<NAME>_BASE_URL and <NAME>_MODEL replace the defaults of each."""
    for provider in PROVIDERS:
        prefix = provider.name.upper().replace("-", "_")
        env = {provider.keys[0]: "k", f"{prefix}_BASE_URL": "https://other.example/v1", f"{prefix}_MODEL": "other"}
        configured = _configured(env, provider.name)
        assert (configured.base_url, configured.model) == ("https://other.example/v1", "other")
        assert configured.litellm_model == f"{provider.litellm}/other"


def test_a_project_reorders_drops_and_adds_providers() -> None:
    """The project's list is the order; its own providers work like the built-in ones."""
    gate = GateConfig(providers=("acme", "openai"), extra_providers=(_ACME,))
    assert [provider.name for provider in in_order(gate)] == ["acme", "openai"]
    configured = _configured({"ACME_KEY": "k"}, "acme", extra_providers=(_ACME,))
    assert (configured.base_url, configured.litellm_model) == ("https://models.example/v1", "openai/acme-1")
    assert [p.name for p in in_order(GateConfig(extra_providers=(_ACME,)))] == [*_NAMES, "acme"]


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (GateConfig(providers=("opnai",)), "unknown provider: 'opnai'"),
        (GateConfig(providers=("openai", "glm", "openai")), "openai twice"),
        (GateConfig(extra_providers=(_ACME, _ACME)), "two providers with the name acme"),
        (GateConfig(extra_providers=(ExtraProvider("glm", "K", "https://x.example", "m"),)), "two providers"),
    ],
)
def test_an_unknown_or_repeated_provider_is_refused(gate: GateConfig, message: str) -> None:
    with pytest.raises(RefusedError, match=message):
        in_order(gate)
