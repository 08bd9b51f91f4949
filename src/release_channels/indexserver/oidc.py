"""Trusted Publishing on the local index: the token issuer, a workflow's claims, and matching publishers.

Source: warehouse/oidc (views.py, services.py, models/github.py, forms/github.py) in the index's own implementation;
GitHub's documentation of the OIDC token's claims.
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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from packaging.utils import NormalizedName, canonicalize_name

from release_channels.errors import RefusedError

Claims = Mapping[str, object]
_ISSUER = "https://token.actions.githubusercontent.com"
_ISSUED_FOR = 300  # seconds
_LEEWAY = 30
"""The seconds by which the clocks of issuer and index may differ."""
_WORKFLOW_FILE = re.compile(r"([^/]+\.ya?ml)@")
_REQUIRED = (
    "repository", "repository_owner", "repository_owner_id", "job_workflow_ref", "jti", "event_name", "ref", "sha",
)  # fmt: skip


class TokenRefused(RefusedError):
    """A token is not exchanged; `code` is the index's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, hint="compare the publisher's four fields with the workflow's claims")
        self.code = code


@dataclass(frozen=True, slots=True)
class Issuer:
    """A double of GitHub's token service, with the claims of one job.

    GitHub signs with RS256 and publishes its keys; this one signs with HS256 and a key that only the same process
    knows, which lets a client notice no difference: clients never check the signature, the index does.
    """

    claims: Claims
    request_token: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    clock: Callable[[], float] = time.time

    def token(self, claims: Claims | None = None) -> str:
        """Sign the configured claims with fresh `iat`, `exp` and `jti`; the given claims override all of them."""
        now = int(self.clock())
        standard = {"iss": _ISSUER, "iat": now, "nbf": now, "exp": now + _ISSUED_FOR, "jti": secrets.token_hex(16)}
        body = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode({**standard, **self.claims, **(claims or {})})}"
        return f"{body}.{_base64(self._signature(body))}"

    def read(self, token: str, *, audience: str, now: float) -> Claims:
        """Return the claims of a token that this issuer signed for this audience, if valid at `now` (epoch seconds).

        Raises: TokenRefused with `invalid-payload` for one of another issuer or of none, `invalid-token` for one that
        is not good here.
        """
        body, _, signature = token.rpartition(".")
        claims = _decode(body.partition(".")[2])
        if claims["iss"] != _ISSUER:
            raise TokenRefused("invalid-payload", "unknown trusted publishing issuer")
        is_signed = hmac.compare_digest(signature.encode(), _base64(self._signature(body)).encode())
        if not is_signed or claims.get("aud") != audience or not _is_in_time(claims, now):
            raise TokenRefused("invalid-token", "malformed or invalid token")
        return claims

    def _signature(self, body: str) -> bytes:
        return hmac.new(self.key, body.encode(), hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class Publisher:
    """A trusted publisher as registered on the index; without an environment it matches every one.

    A pending one belongs to an account, and makes its project at the first exchange.
    """

    repository: str
    owner_id: str
    workflow: str
    environment: str | None
    project: str
    pending: bool = False

    @property
    def project_name(self) -> NormalizedName:
        """Return the normalized name of its project."""
        return canonicalize_name(self.project)

    def is_found_by(self, claims: Claims) -> bool:
        """Check whether repository and workflow file equal a job's claims, letter case included."""
        file = _WORKFLOW_FILE.search(_text(claims, "job_workflow_ref"))
        return (self.repository, self.owner_id, self.workflow) == (
            _text(claims, "repository"), _text(claims, "repository_owner_id"), file[1] if file else "",
        )  # fmt: skip

    def check(self, claims: Claims) -> None:
        """Check the remaining claims, which do not identify the publisher.

        Raises: TokenRefused with `invalid-publisher` for the first one that differs.
        """
        if _text(claims, "repository_owner") != self.repository.partition("/")[0]:
            raise _unfit("Check failed for required claim 'repository_owner'")
        path = f"{self.repository}/.github/workflows/{self.workflow}"
        expected = sorted({f"{path}@{end}" for key in ("ref", "sha") if (end := _text(claims, key))})
        there = _text(claims, "job_workflow_ref")
        if there not in expected:
            raise _unfit(f"The job_workflow_ref claim does not match, expecting one of {expected!r}, got {there!r}")
        if _text(claims, "event_name") == "pull_request_target":
            raise _unfit("Publishing from a workflow invoked via 'pull_request_target' is not supported.")


@dataclass(frozen=True, slots=True)
class TrustedPublishing:
    """The publishers, and the issuer whose tokens are trusted."""

    publishers: Sequence[Publisher]
    issuer: Issuer
    audience: str = "pypi"
    clock: Callable[[], float] = time.time


def find_publishers(publishers: Iterable[Publisher], claims: Claims) -> tuple[Publisher, ...]:
    """Return the publishers that match a job's claims; they differ only in their project.

    Those with the job's environment win over those without one. Owner, repository and workflow file are compared
    letter by letter, the environment is not.

    Raises: TokenRefused with `invalid-publisher` if there is none, or a claim does not fit it.
    """
    missing = next((name for name in _REQUIRED if claims.get(name) is None), None)
    if missing:
        raise _unfit(f"Missing claim {missing!r}")
    found = [publisher for publisher in publishers if publisher.is_found_by(claims)]
    environment = _text(claims, "environment").lower()
    named = [one for one in found if one.environment and one.environment.lower() == environment]
    chosen = named or [one for one in found if not one.environment]
    if not chosen:
        raise _unfit("Publisher with matching claims was not found")
    for publisher in chosen:
        publisher.check(claims)
    return tuple(chosen)


def _unfit(why: str) -> TokenRefused:
    return TokenRefused("invalid-publisher", f"valid token, but no corresponding publisher ({why})")


def _text(claims: Claims, key: str) -> str:
    value = claims.get(key)
    return value if isinstance(value, str) else ""


def _is_in_time(claims: Claims, now: float) -> bool:
    return _seconds(claims, "nbf") - _LEEWAY <= now < _seconds(claims, "exp") + _LEEWAY


def _seconds(claims: Claims, key: str) -> float:
    value = claims.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _encode(value: Claims) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> Claims:
    """Decode the claims of a token; one that cannot be decoded, or names no issuer, is malformed."""
    try:
        claims = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        claims = None
    if not isinstance(claims, dict) or not isinstance(claims.get("iss"), str):
        raise TokenRefused("invalid-payload", "malformed JWT")
    return claims


LIFETIME = 900  # seconds


@dataclass(frozen=True, slots=True)
class Minted:
    """An upload token, valid for some projects until it expires, in seconds since the epoch."""

    token: str
    projects: frozenset[str]
    expires: int


class TokenIssuer:
    """The index's side of Trusted Publishing; it remembers its tokens and the used OIDC tokens.

    `has_files` tells whether the index has files of a project.
    """

    def __init__(self, trusted: TrustedPublishing, has_files: Callable[[NormalizedName], bool]) -> None:
        self.trusted = trusted
        self._has_files = has_files
        self._lock = threading.Lock()
        self._minted: dict[str, Minted] = {}
        self._used: set[str] = set()
        self._made, self._void = set[Publisher](), set[Publisher]()
        """The pending publishers that made their projects, and those that came too late."""

    def mint(self, identity: str) -> Minted:
        """Exchange an OIDC token once for an upload token; a pending publisher creates its project.

        Raises: TokenRefused with the code that says why not.
        Source: warehouse/oidc/views.py: pending publishers first, 15 minutes of life, each `jti` once.
        """
        now = self.trusted.clock()
        claims = self.trusted.issuer.read(identity, audience=self.trusted.audience, now=now)
        with self._lock:
            self._make_project(claims)
            found = find_publishers(filter(self._is_active, self.trusted.publishers), claims)
            self._use_up(str(claims["jti"]))
            projects = frozenset(publisher.project_name for publisher in found)
            minted = Minted(f"pypi-{secrets.token_urlsafe(48)}", projects, int(now) + LIFETIME)
            self._minted[minted.token] = minted
        return minted

    def knows(self, project: NormalizedName) -> bool:
        """Check whether a project exists here: it has files, or a publisher that is not pending."""
        named = (one.project_name == project for one in self.trusted.publishers if self._is_active(one))
        return any(named) or self._has_files(project)

    def _is_active(self, publisher: Publisher) -> bool:
        return not publisher.pending or publisher in self._made

    def _make_project(self, claims: Claims) -> None:
        """Make the project of a pending publisher.

        Raises: TokenRefused with `invalid-pending-publisher`, once, where the project exists.
        """
        gone = self._made | self._void
        try:
            pending = find_publishers(
                (one for one in self.trusted.publishers if one.pending and one not in gone), claims
            )
        except TokenRefused:
            return
        if any(self.knows(publisher.project_name) for publisher in pending):
            self._void.update(pending)
            raise TokenRefused("invalid-pending-publisher", "valid token, but project already exists")
        self._made.update(pending)

    def burn(self, token: str) -> None:
        """Revoke a token; an unknown one is ignored."""
        with self._lock:
            self._minted.pop(token, None)

    def holder(self, authorization: str | None) -> Minted | None:
        """Return the unexpired token in a Basic `Authorization` header; None for any other."""
        user, _, password = _basic(authorization or "").partition(":")
        with self._lock:
            minted = self._minted.get(password) if user == "__token__" else None
        return minted if minted and self.trusted.clock() < minted.expires else None

    def _use_up(self, jti: str) -> None:
        if jti in self._used:
            raise TokenRefused("invalid-reuse-token", "invalid token: already used")
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
