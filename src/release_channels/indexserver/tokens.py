"""Upload tokens: exchanged for a workflow's identity, good for a quarter of an hour, burnt after use."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass

from release_channels.indexserver.oidc import Claims, TokenRefused, TrustedPublishing, allowed_projects

LIFETIME = 900


@dataclass(frozen=True, slots=True)
class Minted:
    """A token that may upload to some projects until it expires."""

    token: str
    projects: frozenset[str]
    expires: int


class Exchange:
    """The index's side of Trusted Publishing; it remembers its tokens and which identities were used up."""

    def __init__(self, trusted: TrustedPublishing) -> None:
        self.trusted = trusted
        self._lock = threading.Lock()
        self._minted: dict[str, Minted] = {}
        self._used: set[str] = set()

    def mint(self, identity: str) -> Minted:
        """Exchange a workflow's identity token, once, for an upload token.

        Raises: TokenRefused with the code that says why not.
        Source: the index's documentation of the token exchange: 15 minutes of life, each `jti` once.
        """
        now = self.trusted.clock()
        claims = self.trusted.issuer.read(identity, audience=self.trusted.audience, now=now)
        projects = allowed_projects(self.trusted.publishers, claims)
        minted = Minted(f"pypi-{secrets.token_urlsafe(48)}", projects, int(now) + LIFETIME)
        with self._lock:
            self._use_up(claims)
            self._minted[minted.token] = minted
        return minted

    def burn(self, token: str) -> None:
        """Make a token useless; one that is unknown already is."""
        with self._lock:
            self._minted.pop(token, None)

    def holder(self, authorization: str | None) -> Minted | None:
        """Give the token in a Basic `Authorization` header, if it is one of ours and has not expired."""
        user, _, password = _basic(authorization or "").partition(":")
        with self._lock:
            minted = self._minted.get(password) if user == "__token__" else None
        return minted if minted and self.trusted.clock() < minted.expires else None

    def _use_up(self, claims: Claims) -> None:
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise TokenRefused("invalid-token", "the token has no jti")
        if jti in self._used:
            raise TokenRefused("invalid-reuse-token", "the token was exchanged before; ask the issuer for a new one")
        self._used.add(jti)


def _basic(header: str) -> str:
    """Decode the user and password of a Basic header; anything else is an empty text."""
    scheme, _, coded = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(coded, validate=True).decode()
    except ValueError:
        return ""
