"""The token exchange of Trusted Publishing: a job's OIDC token for an upload token, which is revoked after use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from release_channels.adapters.actions_env import is_loopback
from release_channels.adapters.index import Index, reason_of
from release_channels.errors import RefusedError, ReleaseError, UnansweredError

if TYPE_CHECKING:
    from requests import Response

    from release_channels.adapters.bounded_http import Limits

_PATIENCE = 30.0  # seconds
_ANSWER_BYTES = 2**20
_URL, _TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"


class PublisherRejected(ReleaseError):
    """The index refuses a token for this job; `code` is the error code of the index."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """The token exchange of one index, on the host that takes its uploads."""

    index: Index

    def audience(self) -> str:
        """Request the audience that the OIDC token must have.

        Raises: UnansweredError if the index does not answer; PublisherRejected if Trusted Publishing is switched off.
        """
        answer = self._ask("GET", "audience")
        if answer.status_code == 403:
            raise PublisherRejected("not-enabled", "Trusted Publishing is switched off")
        return str(_field(answer, "audience", self.index.title))

    def mint(self, identity: str) -> str:
        """Exchange an OIDC token for an upload token, which is valid for 15 minutes.

        Raises: PublisherRejected with the index's code and message; UnansweredError if the index does not answer.
        """
        answer = self._ask("POST", "mint-token", {"token": identity})
        if answer.status_code in (400, 403, 422):
            raise _refusal(answer)
        return str(_field(answer, "token", self.index.title))

    def burn(self, token: str) -> str:
        """Revoke an upload token; return a warning if that failed, since the token then expires by itself.

        Raises: RefusedError if the upload URL is not https.
        """
        try:
            answer = self._ask("POST", "burn-token", {"token": token})
        except UnansweredError as stop:
            return str(stop)
        return "" if answer.ok else f"{self.index.title} answered {answer.status_code} when the token was revoked"

    def _ask(self, verb: str, what: str, content: dict[str, str] | None = None) -> Response:
        import requests

        from release_channels.adapters.bounded_http import bounded_session

        parts = urlsplit(self.index.upload_url)
        if parts.scheme != "https":
            raise RefusedError(
                f"{self.index.title} takes uploads without encryption", hint="an OIDC token is sent over https only"
            )
        url = f"https://{parts.netloc}/_/oidc/{what}"
        try:
            with bounded_session(_limits(self.index.patience)) as session:
                answer = session.request(verb, url, json=content, timeout=self.index.patience, allow_redirects=False)
        except requests.RequestException as err:
            raise UnansweredError(f"{self.index.title} did not answer: {reason_of(err)}", hint=_LATER) from err
        if answer.status_code >= 500 or answer.status_code == 429:
            raise UnansweredError(f"{self.index.title} answered {answer.status_code}", hint=_LATER)
        return answer


def fetch_identity(env: Mapping[str, str], audience: str, *, rehearsal: bool, patience: float = _PATIENCE) -> str:
    """Fetch this job's OIDC token from GitHub, with a timeout of `patience` seconds.

    Raises: RefusedError if the job may not have one; UnansweredError if GitHub does not give it.
    Source: GitHub's reference of OpenID Connect, requesting the token with the two variables.
    """
    import requests

    from release_channels.adapters.bounded_http import bounded_session

    url, token = env.get(_URL), env.get(_TOKEN)
    if not url or not token:
        raise RefusedError("this job may not request an OIDC token", hint="give the job `permissions: id-token: write`")
    if rehearsal and not is_loopback(url):
        raise RefusedError(
            "a rehearsal would request an OIDC token from the real GitHub", hint=f"point {_URL} to this machine"
        )
    try:
        with bounded_session(_limits(patience)) as session:
            answer = session.get(
                url, params={"audience": audience}, headers={"Authorization": f"Bearer {token}"}, timeout=patience,
                allow_redirects=False,
            )  # fmt: skip
    except requests.RequestException as err:
        raise UnansweredError(f"GitHub issued no OIDC token: {reason_of(err)}", hint=_LATER) from err
    return str(_field(answer, "value", "GitHub"))


def _limits(patience: float) -> Limits:
    from release_channels.adapters.bounded_http import Limits

    return Limits(_ANSWER_BYTES, 2 * patience)


_LATER = "nothing was uploaded; try again later"


def _field(answer: Response, name: str, who: str) -> object:
    value = _table(answer).get(name)
    if answer.status_code != 200 or not isinstance(value, str) or not value:
        raise UnansweredError(f"{who} answered {answer.status_code} without {name}", hint=_LATER)
    return value


def _refusal(answer: Response) -> PublisherRejected:
    content = _table(answer)
    errors = content.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    description = first.get("description") or content.get("message") or f"status {answer.status_code}"
    return PublisherRejected(_plain(first.get("code")), _plain(description))


def _table(answer: Response) -> dict[str, Any]:
    try:
        content = answer.json()
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _plain(value: object) -> str:
    """Bring foreign words into one short printable line."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in str(value or "")).split())
    return text[:300]
