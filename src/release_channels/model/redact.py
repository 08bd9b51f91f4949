"""Keeps secrets out of everything that a gate says and writes, whoever brought them up. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_SHORTEST = 6
_SECRET = re.compile(r"TOKEN|PASSW|SECRET|CREDENTIAL|APIKEY|PRIVATE|(^|_)(KEY|PAT|AUTH)(_|$)|_PWD$", re.IGNORECASE)
_HIDDEN = "***"


class SecretRedactor:
    """Replaces the values of secret variables in texts; a provider or an agent may echo what it was sent."""

    def __init__(self, env: Mapping[str, str], names: Collection[str] = ()) -> None:
        self._values: list[str] = []
        self.learn(env, names)

    def learn(self, env: Mapping[str, str], names: Collection[str]) -> None:
        """Hide these variables' values as well: which they are may be known later than the first ones."""
        found = {value.strip() for name, value in env.items() if name in names or _SECRET.search(name)}
        values = {value for value in found if len(value) >= _SHORTEST} | set(self._values)
        # The longest first: one secret may be the beginning of another.
        self._values = sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Give a text without secrets."""
        for value in self._values:
            text = text.replace(value, _HIDDEN)
        return text


def without(env: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Give an environment without these variables."""
    return {name: value for name, value in env.items() if name not in names}


# `git` is a name that everybody knows; any other name without a password may be a token.
_USER = re.compile(r"(?<=://)(?!git@)[^/\s'\"<>]+@")


def redact_urls(text: str) -> str:
    """Take user names, passwords and tokens out of every address in a text.

    Source: RFC 3986, userinfo; the last `@` before the path counts, for passwords in which one was not encoded.
    """
    return _USER.sub("***@", text)
