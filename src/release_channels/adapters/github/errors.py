"""Turn GitHub's responses into a retry, or an error with a hint; no message contains a token."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from release_channels.errors import RefusedError, UnansweredError

if TYPE_CHECKING:
    from github import GithubException

_T = TypeVar("_T")
_SHOWN = 300  # characters
_LATEST = datetime(9000, 1, 1, tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Token:
    """A token, which is never shown, and its source, which is."""

    value: str = field(repr=False)
    source: str


class ForbiddenError(RefusedError):
    """GitHub forbids the request, or forbids it for this token."""


class NotFoundError(RefusedError):
    """GitHub does not have the object, or hides it from this token."""


class TakenError(RefusedError):
    """GitHub has another object under this name."""


class _Unsettled(UnansweredError):
    """No answer this time; the next try may get one."""


@dataclass(frozen=True, slots=True)
class RetryingClient:
    """The host, repository and token of all requests, and the waits in seconds before a read is repeated."""

    host: str
    repository: str
    token: Token | None
    pauses: tuple[float, ...]
    sleep: Callable[[float], None]
    clock: Callable[[], float]

    def read(self, what: str, act: Callable[[], _T], *, needs: str = "", is_fresh: bool = False) -> _T:
        """Read something, with retries if GitHub does not respond; `needs` is the required permission.

        What was made a moment ago (`is_fresh`) may not be seen yet, and is asked for again too.

        Raises: UnansweredError if no try was answered or the rate limit is used up; RefusedError if GitHub said no.
        """
        again = "check the network, or GitHub's status page, and try again; nothing was changed"
        for pause in self.pauses:
            try:
                with self._settled(f"asked for {what}", again, needs):
                    return act()
            except _Unsettled:
                self.sleep(pause)
            except NotFoundError:
                if not is_fresh:
                    raise
                self.sleep(pause)
        with self._settled(f"asked for {what}", again, needs):
            return act()

    def write(self, what: str, act: Callable[[], _T], *, needs: str) -> _T:
        """Write something without a retry, since after no response it may have been done.

        Raises: UnansweredError if there was no answer or the rate limit is used up; RefusedError if GitHub said no.
        """
        again = "it may have been done all the same: run the same command again, which looks first"
        with self._settled(f"asked to {what}", again, needs):
            return act()

    @contextmanager
    def _settled(self, doing: str, again: str, needs: str) -> Iterator[None]:
        import github
        import requests

        try:
            yield
        except github.GithubException as err:
            raise self._worded(err, doing, again, needs) from err
        except requests.RequestException as err:
            raise _Unsettled(f"{self._who} did not answer when {doing}: {_why(err)}", hint=again) from err
        except (github.BadAttributeException, *_UNUSABLE) as err:
            raise RefusedError(
                f"{self._who} gave an answer that cannot be used when {doing}: {type(err).__name__}",
                hint=f"was {self.repository} renamed? Set `repository` in [tool.release-channels] to the new name",
            ) from err

    @property
    def _who(self) -> str:
        return "GitHub" if self.host == "api.github.com" else f"GitHub at {self.host}"

    def _worded(self, err: GithubException, doing: str, again: str, needs: str) -> RefusedError:
        status, headers = err.status, err.headers or {}
        if status >= 500:
            return _Unsettled(f"{self._who} failed with {status} when {doing}", hint=again)
        if until := _limited_until(status, headers, err.message or _message(err.data), self.clock()):
            return UnansweredError(
                f"{self._who} rejects requests until {until}: its rate limit is used up ({doing})",
                hint="try again after that time"
                + ("" if self.token else "; with a token in GH_TOKEN the limit is higher"),
            )
        reason = self._clean(_message(err.data))
        if status == 401:
            return self._unknown(doing)
        if status == 403:
            return ForbiddenError(
                f"{self._who} forbids it{self._with_token} when {doing}: {reason or 'no reason given'}",
                hint=_rights(needs),
            )
        if status == 404:
            more = "" if reason.lower() in ("", "not found") else f" ({reason})"
            return NotFoundError(
                f"{self._who}: not found in {self.repository}, or not visible{self._with_token}, when {doing}{more}",
                hint="check the name of the repository and what the token may read; "
                "a private repository is invisible without a token that may read it",
            )
        kind = TakenError if _is_taken(err.data) else RefusedError
        return kind(f"{self._who} refused with {status} when {doing}: {reason or 'no reason given'}", hint=_LOOK)

    def _unknown(self, doing: str) -> RefusedError:
        if self.token is None:
            return RefusedError(
                f"{self._who} requires a token when {doing}", hint="set GH_TOKEN, or log in with `gh auth login`"
            )
        return RefusedError(
            f"{self._who} does not accept the token from {self.token.source} when {doing}",
            hint="it is wrong, expired or revoked: set another one in GH_TOKEN, or log in with `gh auth login`",
        )

    @property
    def _with_token(self) -> str:
        return f" with the token from {self.token.source}" if self.token else " without a token"

    def _clean(self, text: str) -> str:
        """Bring foreign words into one short printable line that contains no token."""
        if self.token:
            text = text.replace(self.token.value, "***")
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
        return line if len(line) <= _SHOWN else f"{line[:_SHOWN]} …"


# What the library lets through when an answer has another form than it believes.
_UNUSABLE = (AssertionError, RuntimeError, LookupError, ValueError, TypeError, AttributeError)
_LOOK = "fix what it names and try again; `release-channels status` shows the current state"


def _rights(needs: str) -> str:
    if not needs:
        return "the token lacks a permission, or the organization must authorize it first (single sign-on)"
    return (
        f"it requires `{needs}`: in a workflow under the job's `permissions:`, by hand as a permission of the token "
        "in GH_TOKEN"
    )


def _limited_until(status: int, headers: Mapping[str, str], message: str, now: float) -> str:
    """Return the time until which GitHub answers no more, or nothing if it is not the rate limit that speaks.

    Source: GitHub's REST reference, exceeding the rate limit.
    """
    if status not in (403, 429):
        return ""
    wait, reset = _number(headers.get("retry-after")), _number(headers.get("x-ratelimit-reset"))
    used_up = headers.get("x-ratelimit-remaining") == "0"
    if wait is None and not used_up and status == 403 and "rate limit" not in message.lower():
        return ""
    if wait is not None:
        until = min(now + wait, _LATEST)
    elif used_up and reset is not None:
        until = reset
    else:
        until = now + 60  # what the reference asks for where no header tells
    return datetime.fromtimestamp(math.ceil(until), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    # A header may say 1e400, which is no time that a clock can show, or nan.
    return min(number, _LATEST) if number is not None and number >= 0 else None


def _message(data: object) -> str:
    """Join GitHub's message and its list of errors.

    Source: GitHub's REST reference, client errors.
    """
    if not isinstance(data, dict):
        return ""
    parts = [data.get("message")]
    errors = data.get("errors")
    for error in errors if isinstance(errors, list) else []:
        if isinstance(error, dict):
            field = ".".join(str(error[key]) for key in ("resource", "field") if error.get(key))
            parts.append(error.get("message") or f"{field} {error.get('code', '')}".strip())
        else:
            parts.append(str(error))
    return "; ".join(part for part in parts if isinstance(part, str) and part)


def _is_taken(data: object) -> bool:
    """Return whether GitHub refuses because there is one already. Source: GitHub's REST reference, client errors."""
    errors = data.get("errors") if isinstance(data, dict) else None
    listed = errors if isinstance(errors, list) else []
    return any(isinstance(error, dict) and error.get("code") == "already_exists" for error in listed)


def _why(err: Exception) -> str:
    """Explain why there was no answer, without the library's own words: they hold addresses of objects and queries."""
    import requests

    if isinstance(err, requests.exceptions.SSLError):
        return "its certificate is not trusted here"
    if isinstance(err, requests.exceptions.ProxyError):
        return "the proxy does not let it through"
    if isinstance(err, requests.Timeout):
        return "it took too long"
    return "the connection failed" if isinstance(err, requests.ConnectionError) else "the response was truncated"
