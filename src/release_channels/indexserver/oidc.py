"""Trusted Publishing on the local index: the issuer, the claims of a workflow, and the publishers they fit.

Source: the index's user documentation on Trusted Publishers; GitHub's documentation of the OIDC token's claims.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import canonicalize_name

from release_channels.errors import RefusedError

Claims = Mapping[str, object]
_ISSUER = "https://token.actions.githubusercontent.com"
_ISSUED_FOR = 300
_WORKFLOW_FILE = re.compile(r"\.github/workflows/([^/@]+\.ya?ml)@")


class TokenRefused(RefusedError):
    """A token is not exchanged; `code` is the reason that clients know."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, hint="compare the publisher's four fields with the workflow's claims")
        self.code = code


@dataclass(frozen=True, slots=True)
class Issuer:
    """A stand-in for GitHub's token service, with the claims of one job.

    GitHub signs with RS256 and publishes its keys; this one signs with HS256 and a key that only the same process
    knows, which lets a client notice no difference: clients never check the signature, the index does.
    """

    claims: Claims
    request_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    clock: Callable[[], float] = time.time

    def token(self, claims: Claims | None = None) -> str:
        """Sign the configured claims, with fresh `iat`, `exp` and `jti`; the given claims win over all of these."""
        now = int(self.clock())
        standard = {"iss": _ISSUER, "iat": now, "nbf": now, "exp": now + _ISSUED_FOR, "jti": secrets.token_hex(16)}
        body = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode({**standard, **self.claims, **(claims or {})})}"
        return f"{body}.{_base64(self._signature(body))}"

    def read(self, token: str, *, audience: str, now: float) -> Claims:
        """Return the claims of a token that this issuer signed for this audience and that is still good.

        Raises: TokenRefused with `invalid-token` for any other.
        """
        body, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _base64(self._signature(body)).encode()):
            raise TokenRefused("invalid-token", "the token is malformed or not signed by a known issuer")
        claims = _decode(body.partition(".")[2])
        if claims.get("iss") != _ISSUER or claims.get("aud") != audience:
            raise TokenRefused("invalid-token", "the token is of another issuer or for another audience")
        if not _seconds(claims, "nbf") <= now < _seconds(claims, "exp"):
            raise TokenRefused("invalid-token", "the token has expired or is not valid yet")
        return claims

    def _signature(self, body: str) -> bytes:
        return hmac.new(self.key, body.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Publisher:
    """One Trusted Publisher as registered with the index; without an environment it fits every one."""

    repository: str
    owner_id: str
    workflow: str
    environment: str | None
    project: str

    def fits(self, claims: Claims) -> bool:
        """Return whether a job with these claims is this publisher's, whatever its environment."""
        repository = _text(claims, "repository")
        return (
            repository.lower() == self.repository.lower()
            and _text(claims, "repository_owner").lower() == self.repository.partition("/")[0].lower()
            and _text(claims, "repository_owner_id") == self.owner_id
            and _text(claims, "job_workflow_ref") in self._workflow_refs(repository, claims)
        )

    def _workflow_refs(self, repository: str, claims: Claims) -> set[str]:
        ends = [end for key in ("ref", "sha") if (end := _text(claims, key))]
        return {f"{repository}/.github/workflows/{self.workflow}@{end}" for end in ends}


@dataclass(frozen=True, slots=True)
class TrustedPublishing:
    """The publishers, and the issuer whose tokens are trusted."""

    publishers: Sequence[Publisher]
    issuer: Issuer
    audience: str = "pypi"
    clock: Callable[[], float] = time.time


def allowed_projects(publishers: Sequence[Publisher], claims: Claims) -> frozenset[str]:
    """Return the normalized names of the projects that a job with these claims may publish.

    A publisher with the job's environment wins over one without.

    Raises: TokenRefused with `invalid-publisher` if no publisher fits, or the event is one that forks can cause.
    """
    if _text(claims, "event_name") == "pull_request_target":
        raise TokenRefused("invalid-publisher", "workflows of the event pull_request_target may not publish")
    fitting = [publisher for publisher in publishers if publisher.fits(claims)]
    environment = _text(claims, "environment").lower()
    named = [
        publisher for publisher in fitting if publisher.environment and publisher.environment.lower() == environment
    ]
    chosen = named or [publisher for publisher in fitting if publisher.environment is None]
    if not chosen:
        raise TokenRefused("invalid-publisher", f"no publisher fits: {_summary(claims)}")
    return frozenset(canonicalize_name(publisher.project) for publisher in chosen)


def _summary(claims: Claims) -> str:
    workflow = _WORKFLOW_FILE.search(_text(claims, "job_workflow_ref"))
    shown = {
        "repository": _text(claims, "repository"),
        "repository_owner_id": _text(claims, "repository_owner_id"),
        "workflow": workflow[1] if workflow else _text(claims, "job_workflow_ref"),
        "environment": _text(claims, "environment"),
    }
    return ", ".join(f"{key}={value!r}" for key, value in shown.items())


def _text(claims: Claims, key: str) -> str:
    value = claims.get(key)
    return value if isinstance(value, str) else ""


def _seconds(claims: Claims, key: str) -> float:
    value = claims.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _encode(value: Claims) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> Claims:
    claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not isinstance(claims, dict):
        raise TokenRefused("invalid-token", "the token contains no claims")
    return claims


LIFETIME = 900


@dataclass(frozen=True, slots=True)
class Minted:
    """A token that may upload to some projects until it expires."""

    token: str
    projects: frozenset[str]
    expires: int


class TokenIssuer:
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
        """Return the token in a Basic `Authorization` header, if it is one of ours and has not expired."""
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
