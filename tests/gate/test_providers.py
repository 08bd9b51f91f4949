"""The providers: their order, what configures them, and which of them is chosen."""

from __future__ import annotations

import itertools

import pytest

from release_channels.errors import RefusedError
from release_channels.gate.providers import PROVIDERS, Candidate, Configured, Tried, choose, in_order, read_candidates
from release_channels.model.gate_config import ExtraProvider, GateConfig

_NAMES = [provider.name for provider in PROVIDERS]
_ACME = ExtraProvider("acme", "ACME_KEY", "https://models.example/v1", "acme-1")


def _candidates(env: dict[str, str], **gate: object) -> dict[str, Candidate]:
    found = read_candidates(in_order(GateConfig(**gate)), env)  # type: ignore[arg-type]
    return {candidate.provider.name: candidate for candidate in found}


def _configured(env: dict[str, str], name: str, **gate: object) -> Configured:
    configured = _candidates(env, **gate)[name].configured
    assert configured is not None
    return configured


def test_the_order_is_the_reference_documents() -> None:
    """Providers and key variables stand as the reference document lists them."""
    keys = [" or ".join(provider.keys) for provider in PROVIDERS]
    assert keys == [
        "DEEPSEEK_API_KEY", "GLM_API_KEY", "QWEN_API_KEY", "LITELLM_API_KEY or BF_TOKEN", "OPENAI_API_KEY",
        "GITHUB_MODELS_TOKEN",
    ]  # fmt: skip


def test_the_first_that_is_configured_and_answers_is_chosen_whatever_the_others_do() -> None:
    """For each of the 729 ways in which six providers are unset, silent or answering, the first answer is chosen."""
    states = ("unset", "silent", "answers")
    for combination in itertools.product(states, repeat=len(PROVIDERS)):
        env = {"LITELLM_BASE_URL": "https://proxy.example/v1"}
        env |= {p.keys[0]: "a-key" for p, state in zip(PROVIDERS, combination, strict=True) if state != "unset"}
        state_of = dict(zip(_NAMES, combination, strict=True))
        told: list[Tried] = []
        asked: list[str] = []

        def ask(
            configured: Configured, state_of: dict[str, str] = state_of, asked: list[str] = asked
        ) -> tuple[bool, str]:
            asked.append(configured.name)
            return state_of[configured.name] == "answers", state_of[configured.name]

        chosen = choose(read_candidates(in_order(GateConfig()), env), ask, told.append)
        first = next((name for name in _NAMES if state_of[name] == "answers"), None)
        assert (chosen and chosen.name) == first
        upto = _NAMES if first is None else _NAMES[: _NAMES.index(first) + 1]
        assert asked == [name for name in upto if state_of[name] != "unset"]
        assert [one.name for one in told] == upto
        assert [one.said.startswith("not configured") for one in told] == [state_of[name] == "unset" for name in upto]


@pytest.mark.parametrize("value", ["", " ", "\t\n"])
def test_an_empty_or_blank_key_configures_nothing(value: str) -> None:
    """GitHub gives a secret that does not exist as an empty text."""
    assert all(one.configured is None for one in _candidates({k: value for p in PROVIDERS for k in p.keys}).values())


def test_a_key_is_taken_without_the_blanks_around_it_and_never_shown() -> None:
    """A secret that was pasted with its line's end works; no representation contains it."""
    configured = _configured({"DEEPSEEK_API_KEY": " SECRET-key\n"}, "deepseek")
    assert configured.key == "SECRET-key"
    assert "SECRET" not in repr(configured)


def test_litellm_needs_an_address_and_takes_bf_token() -> None:
    """LiteLLM has no default address, and two variables for its key, the first of which wins."""
    assert _candidates({"BF_TOKEN": "b"})["litellm"].missing == "LITELLM_BASE_URL is not set"
    env = {"BF_TOKEN": "b", "LITELLM_BASE_URL": "https://proxy.example"}
    assert _configured(env, "litellm").key_name == "BF_TOKEN"
    assert _configured(env | {"LITELLM_API_KEY": "l"}, "litellm").key == "l"


def test_address_and_model_can_be_replaced() -> None:
    """<NAME>_BASE_URL and <NAME>_MODEL replace the defaults of each."""
    for one in PROVIDERS:
        prefix = one.name.upper().replace("-", "_")
        env = {one.keys[0]: "k", f"{prefix}_BASE_URL": "https://other.example/v1", f"{prefix}_MODEL": "other"}
        configured = _configured(env, one.name)
        assert (configured.base_url, configured.model) == ("https://other.example/v1", "other")
        assert configured.litellm_model == f"{one.litellm}/other"


def test_a_project_reorders_drops_and_adds() -> None:
    """The project's own list is the order; its own providers are as good as ours."""
    gate = GateConfig(providers=("acme", "openai"), extra_providers=(_ACME,))
    assert [provider.name for provider in in_order(gate)] == ["acme", "openai"]
    configured = _configured({"ACME_KEY": "k"}, "acme", extra_providers=(_ACME,))
    assert (configured.base_url, configured.litellm_model) == ("https://models.example/v1", "openai/acme-1")
    assert [p.name for p in in_order(GateConfig(extra_providers=(_ACME,)))] == [*_NAMES, "acme"]


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (GateConfig(providers=("opnai",)), "no provider 'opnai'"),
        (GateConfig(providers=("openai", "glm", "openai")), "openai twice"),
        (GateConfig(extra_providers=(_ACME, _ACME)), "two providers with the name acme"),
        (GateConfig(extra_providers=(ExtraProvider("glm", "K", "https://x.example", "m"),)), "two providers"),
    ],
)
def test_an_order_that_says_two_things_is_refused(gate: GateConfig, said: str) -> None:
    """A name that is unknown or duplicate is a mistake, not a wish."""
    with pytest.raises(RefusedError, match=said):
        in_order(gate)
