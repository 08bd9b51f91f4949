"""The model providers in their order, and which of them an environment configures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from release_channels.errors import RefusedError
from release_channels.model.gate_config import ExtraProvider, GateConfig


@dataclass(frozen=True, slots=True)
class Provider:
    """A service that speaks the OpenAI API; of the variables in `keys` the first that is set contains its key."""

    name: str
    keys: tuple[str, ...]
    base_url: str
    model: str
    litellm: str
    """What a LiteLLM-style client writes before the model."""
    litellm_key: str
    """The variable in which such a client looks for the key."""
    limit: str = "max_tokens"
    """How the limit of an answer's tokens is written."""

    @property
    def prefix(self) -> str:
        """What its variables begin with: `<PREFIX>_BASE_URL` and `<PREFIX>_MODEL` replace the defaults."""
        return self.name.upper().replace("-", "_")


# Source: each provider's own API reference, for address and model; LiteLLM's provider pages, for the last two.
PROVIDERS = (
    Provider(
        "deepseek", ("DEEPSEEK_API_KEY",), "https://api.deepseek.com", "deepseek-v4-flash", "deepseek",
        "DEEPSEEK_API_KEY",
    ),
    Provider("glm", ("GLM_API_KEY",), "https://open.bigmodel.cn/api/paas/v4", "glm-4-flash", "zai", "ZAI_API_KEY"),
    Provider(
        "qwen", ("QWEN_API_KEY",), "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen-flash",
        "dashscope", "DASHSCOPE_API_KEY",
    ),
    Provider(
        "litellm", ("LITELLM_API_KEY", "BF_TOKEN"), "", "gpt-5.4-nano", "litellm_proxy", "LITELLM_PROXY_API_KEY",
    ),
    Provider(
        "openai", ("OPENAI_API_KEY",), "https://api.openai.com/v1", "gpt-5.4-nano", "openai", "OPENAI_API_KEY",
        limit="max_completion_tokens",
    ),
    Provider(
        "github-models", ("GITHUB_MODELS_TOKEN",), "https://models.github.ai/inference", "openai/gpt-4o-mini", "github",
        "GITHUB_API_KEY",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Configured:
    """A provider with its key, address and model; the key is never shown."""

    provider: Provider
    key: str = field(repr=False)
    key_name: str
    base_url: str
    model: str

    @property
    def name(self) -> str:
        """The provider's name."""
        return self.provider.name

    @property
    def litellm_model(self) -> str:
        """The model as a LiteLLM-style client writes it."""
        return f"{self.provider.litellm}/{self.model}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A provider in its place of the order: configured, or why not."""

    provider: Provider
    configured: Configured | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one candidate, in words that hold no secret."""

    name: str
    said: str


def in_order(gate: GateConfig) -> tuple[Provider, ...]:
    """Return the providers in order of choice: the project's own order, or the default one and then its own providers.

    Raises: RefusedError for a name that is unknown or named twice.
    """
    known = {provider.name: provider for provider in PROVIDERS}
    for extra in gate.extra_providers:
        if extra.name in known:
            raise RefusedError(
                f"the gate has two providers with the name {extra.name}", hint="rename the one in extra-providers"
            )
        known[extra.name] = _provider(extra)
    names = gate.providers or tuple(known)
    for number, name in enumerate(names):
        if name not in known:
            raise RefusedError(f"the gate knows no provider {name!r}", hint="it knows: " + ", ".join(known))
        if name in names[:number]:
            raise RefusedError(f"the gate's providers name {name} twice", hint="name each once, in the order of choice")
    return tuple(known[name] for name in names)


def _provider(extra: ExtraProvider) -> Provider:
    return Provider(extra.name, (extra.key,), extra.base_url, extra.model, extra.litellm, extra.key)


def read_candidates(providers: tuple[Provider, ...], env: Mapping[str, str]) -> tuple[Candidate, ...]:
    """Report which providers an environment configures; an empty or blank key configures nothing."""
    return tuple(_candidate(provider, env) for provider in providers)


def _candidate(provider: Provider, env: Mapping[str, str]) -> Candidate:
    key_name = next((name for name in provider.keys if env.get(name, "").strip()), None)
    if key_name is None:
        return Candidate(provider, None, f"{' or '.join(provider.keys)} is not set")
    base_url = env.get(f"{provider.prefix}_BASE_URL", "").strip() or provider.base_url
    if not base_url:
        return Candidate(provider, None, f"{provider.prefix}_BASE_URL is not set")
    model = env.get(f"{provider.prefix}_MODEL", "").strip() or provider.model
    return Candidate(provider, Configured(provider, env[key_name].strip(), key_name, base_url, model))


def key_names(providers: tuple[Provider, ...]) -> frozenset[str]:
    """List every variable that may hold a provider's key."""
    return frozenset(name for provider in (*PROVIDERS, *providers) for name in (*provider.keys, provider.litellm_key))


def choose(
    candidates: tuple[Candidate, ...], ask: Callable[[Configured], tuple[bool, str]], tell: Callable[[Tried], None]
) -> Configured | None:
    """Query the configured candidates in order until one answers, and give that one; each one's line is told."""
    for candidate, tried, answered in _asked(candidates, ask):
        tell(tried)
        if answered:
            return candidate.configured
    return None


def _asked(
    candidates: tuple[Candidate, ...], ask: Callable[[Configured], tuple[bool, str]]
) -> Iterator[tuple[Candidate, Tried, bool]]:
    for candidate in candidates:
        if candidate.configured is None:
            yield candidate, Tried(candidate.provider.name, f"not configured: {candidate.missing}"), False
        else:
            answered, said = ask(candidate.configured)
            yield candidate, Tried(candidate.provider.name, said), answered
