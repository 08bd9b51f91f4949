"""The names of secrets, and the redaction of their values in output. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

_SECRET_NAME = re.compile(
    r"TOKEN|PASS|SECRET|CREDENTIAL|CREDS|APIKEY|PRIVATE|WEBHOOK|BEARER|JWT|KUBECONFIG|_DSN$|CONN(ECTION)?_?STR(ING)?"
    r"|(^|_)(KEYS?|PAT|AUTH|SESSION|PW|OTP|TOTP|COOKIES?|HMAC|SALT|MNEMONIC)(_|$)|_PWD$|[A-Z](AI|API|ACCESS|SIGN)KEY$"
    # The URL of a database or a broker usually contains a login.
    r"|(DATABASE|DB|SQL|MARIA|PG|POSTGRES|MONGO|REDIS|VALKEY|AMQP|RABBIT|BROKER|ELASTIC|SENTRY)\w*_UR[IL]($|_)",
    re.IGNORECASE,
)
# A desktop session's values, such as `ubuntu` and `wayland`, are ordinary words that output must not lose.
_DESKTOP = re.compile(r"XDG_SESSION_\w+|DESKTOP_SESSION")
_MIN_LENGTH = 6  # characters
_REDACTED = "***"
# `git` is a user name that everybody knows; any other name without a password may be a token.
# What steers a terminal, and what turns the direction of the text after it; line breaks and tabs are harmless.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_USERINFO = re.compile(r"(?<=://)(?!git@)[^/\s'\"<>]+@")


def is_secret_name(name: str) -> bool:
    """Check whether an environment variable is named like a secret."""
    return _SECRET_NAME.search(name) is not None


class SecretRedactor:
    """Replace the values of secret environment variables in text; a provider or an agent may echo them."""

    def __init__(self, env: Mapping[str, str], names: Collection[str] = ()) -> None:
        self._values: list[str] = []
        self.add(env, names)

    def add(self, env: Mapping[str, str], names: Collection[str]) -> None:
        """Redact also the variables of `env` that are named like a secret or listed in `names`."""
        found = {value.strip() for name, value in env.items() if name in names or _is_redacted(name)}
        values = {value for value in found if len(value) >= _MIN_LENGTH} | set(self._values)
        # The longest first: one secret may be the beginning of another.
        self._values = sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return the text with every secret replaced by `***`."""
        for value in self._values:
            text = text.replace(value, _REDACTED)
        return text


def without(env: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Return an environment without these variables."""
    return {name: value for name, value in env.items() if name not in names}


def redact_urls(text: str) -> str:
    """Replace user names, passwords and tokens in every URL of a text by `***`.

    Source: RFC 3986, userinfo; the last `@` before the path counts, for passwords in which one was not encoded.
    """
    return _USERINFO.sub(f"{_REDACTED}@", text)


def printable(text: str) -> str:
    """Remove from foreign text what steers a terminal, and escape what no encoding can carry.

    Half a surrogate pair is such a thing: JSON can contain one.
    """
    return _CONTROLS.sub("", text).encode(errors="backslashreplace").decode()


def _is_redacted(name: str) -> bool:
    return is_secret_name(name) and not _DESKTOP.fullmatch(name)
