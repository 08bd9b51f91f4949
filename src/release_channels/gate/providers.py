"""The model providers in order of choice, and which of them an environment configures. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from release_channels.errors import RefusedError
from release_channels.model.gate_config import BUILT_IN_KEYS, ExtraProvider, GateConfig, variable_prefix
from release_channels.model.grammar import LINE


@dataclass(frozen=True, slots=True)
class Provider:
    """A service with the OpenAI API; the first of the variables in `keys` that is set contains its key."""

    name: str
    keys: tuple[str, ...]
    base_url: str
    model: str
    litellm: str
    """The prefix of the model for a LiteLLM-style client."""
    litellm_key: str
    """The variable from which such a client reads the key."""
    limit: str = "max_tokens"
    """The request field that limits the tokens of a response."""

    @property
    def prefix(self) -> str:
        """The prefix of its variables: `<PREFIX>_BASE_URL` and `<PREFIX>_MODEL` replace the defaults."""
        return variable_prefix(self.name)


def _provider(name: str, base_url: str, model: str, litellm: str | None = None, limit: str = "max_tokens") -> Provider:
    litellm = litellm or name
    return Provider(name, BUILT_IN_KEYS[name], base_url, model, litellm, f"{litellm.upper()}_API_KEY", limit)


# Source: each provider's own API reference, for address and model; LiteLLM's provider pages, for its prefix and key.
PROVIDERS = (
    _provider("deepseek", "https://api.deepseek.com", "deepseek-v4-flash"),
    _provider("glm", "https://open.bigmodel.cn/api/paas/v4", "glm-4-flash", "zai"),
    _provider("qwen", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "qwen-flash", "dashscope"),
    _provider("litellm", "", "gpt-5.4-nano", "litellm_proxy"),
    _provider("openai", "https://api.openai.com/v1", "gpt-5.4-nano", limit="max_completion_tokens"),
    _provider("github-models", "https://models.github.ai/inference", "openai/gpt-4o-mini", "github"),
)


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
class ProviderStatus:
    """A provider, and its configuration or the reason why it has none."""

    provider: Provider
    configured: Configured | None
    missing: str = ""


def in_order(gate: GateConfig) -> tuple[Provider, ...]:
    """Return the providers in order of choice: the project's own order, or the default one and then its own providers.

    Raises: RefusedError for a name that is unknown or duplicate.
    """
    known = {provider.name: provider for provider in PROVIDERS}
    for extra in gate.extra_providers:
        if extra.name in known:
            raise RefusedError(
                f"the gate has two providers with the name {extra.name}", hint="rename the one in extra-providers"
            )
        known[extra.name] = _extra_provider(extra)
    names = gate.providers or tuple(known)
    for number, name in enumerate(names):
        if name not in known:
            raise RefusedError(f"unknown provider: {name!r}", hint="known providers: " + ", ".join(known))
        if name in names[:number]:
            raise RefusedError(f"the gate's providers name {name} twice", hint="name each once, in the order of choice")
    return tuple(known[name] for name in names)


def _extra_provider(extra: ExtraProvider) -> Provider:
    return Provider(extra.name, (extra.key,), extra.base_url, extra.model, extra.litellm, extra.key)


def provider_statuses(providers: tuple[Provider, ...], env: Mapping[str, str]) -> tuple[ProviderStatus, ...]:
    """Return which providers an environment configures; an empty or blank key configures nothing."""
    return tuple(_status(provider, env) for provider in providers)


def _status(provider: Provider, env: Mapping[str, str]) -> ProviderStatus:
    key_name = next((name for name in provider.keys if env.get(name, "").strip()), None)
    if key_name is None:
        return ProviderStatus(provider, None, f"{' or '.join(provider.keys)} is not set")
    base_url = env.get(f"{provider.prefix}_BASE_URL", "").strip() or provider.base_url
    if not base_url:
        return ProviderStatus(provider, None, f"{provider.prefix}_BASE_URL is not set")
    model = env.get(f"{provider.prefix}_MODEL", "").strip() or provider.model
    if not LINE.takes(model):  # it goes into the words of the project's own rollout
        return ProviderStatus(provider, None, f"{provider.prefix}_MODEL is {model!r}: {LINE.form}")
    return ProviderStatus(provider, Configured(provider, env[key_name].strip(), key_name, base_url, model))


def key_names(providers: tuple[Provider, ...]) -> frozenset[str]:
    """List every variable that may contain a provider's key."""
    return frozenset(name for provider in (*PROVIDERS, *providers) for name in (*provider.keys, provider.litellm_key))


def choose(
    statuses: tuple[ProviderStatus, ...],
    query: Callable[[Configured], tuple[bool, str]],
    report: Callable[[str, str], None],
) -> Configured | None:
    """Query the configured providers in order and return the first that answers; report each one's name and result."""
    for status in statuses:
        name, configured = status.provider.name, status.configured
        if configured is None:
            report(name, f"not configured: {status.missing}")
            continue
        answered, result = query(configured)
        report(name, result)
        if answered:
            return configured
    return None
