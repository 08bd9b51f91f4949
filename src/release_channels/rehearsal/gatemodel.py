"""Whom the gate asks in a rehearsal: the providers whose keys are there, else a model that plays by script."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from release_channels.adapters import console
from release_channels.adapters.http_server import Tls
from release_channels.gate.providers import in_order, read_candidates
from release_channels.model.config import Config
from release_channels.rehearsal.model import KEY, serve_model

_MODELS = "GITHUB_MODELS_TOKEN"


@dataclass(frozen=True, slots=True)
class GateModel:
    """What the gate is given: secrets by name, variables, and the hosts that it has to reach."""

    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset()


@contextmanager
def open_model(config: Config, env: Mapping[str, str], tls: Tls) -> Iterator[GateModel]:
    """Find the providers that the user's own keys configure, or serve the scripted model in place of the first one."""
    if not config.gate.enabled:
        yield GateModel()
        return
    providers = in_order(config.gate)
    live = [found.configured for found in read_candidates(providers, env) if found.configured]
    if live:
        console.say(f"the gate asks a live model, since {', '.join(one.key_name for one in live)} is set")
        names = {f"{one.provider.prefix}_{what}" for one in live for what in ("BASE_URL", "MODEL")}
        yield GateModel(
            secrets={_secret(config, one.key_name): one.key for one in live},
            variables={name: env[name] for name in sorted(names) if env.get(name)},
            hosts=frozenset(urlsplit(one.base_url).hostname or "" for one in live),
        )
        return
    first = providers[0]
    with serve_model(tls=tls) as served:
        yield GateModel(
            secrets={_secret(config, first.keys[0]): KEY}, variables={f"{first.prefix}_BASE_URL": f"{served.url}/v1"}
        )


def _secret(config: Config, key: str) -> str:
    """Name the secret that a workflow reads a key from; one of them has a name of its own."""
    return config.github_models_secret if key == _MODELS else key
