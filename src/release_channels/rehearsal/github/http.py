"""Requests and responses of the GitHub double, with GitHub's error messages."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from release_channels.rehearsal.github.state import Answer, GitHubState

if TYPE_CHECKING:
    from release_channels.rehearsal.github.payloads import Site


_Stored = TypeVar("_Stored")
DOCS = "https://docs.github.com/rest"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that is sent in pages; with a key it is wrapped as `{total_count, key: […]}`.

    `show` writes an item as it is sent; of a long list no page shows more than the first `most`, which are all counted.
    """

    items: Sequence[Any]
    key: str = ""
    show: Callable[[Any], Any] = lambda item: item
    most: int | None = None


# A handler returns a whole answer, a list to be sent in pages, or the content of an answer with status 200.
Reply = Answer | Listing | dict[str, Any] | list[Any]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API; without a token, `token` and its rights are empty."""

    state: GitHubState
    site: Site
    values: Mapping[str, Any]
    query: Mapping[str, str]
    body: bytes
    token: str

    @property
    def rights(self) -> frozenset[str]:
        """The rights of the token."""
        return self.state.tokens.get(self.token, frozenset())

    @property
    def repository(self) -> str:
        """The repository that the request's path names."""
        return f"{self.values.get('owner')}/{self.values.get('name')}"

    def may(self, area: str, level: str) -> bool:
        """Check whether the token has a permission; write includes read."""
        return f"{area}: write" in self.rights or (level == "read" and f"{area}: read" in self.rights)

    def number(self, key: str, default: int) -> int:
        """Return a positive number from the query; any other value counts as not sent."""
        text = self.query.get(key, "")
        return int(text) if text.isdecimal() and int(text) else default

    def sent(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises: Refused with 400 if it is none.
        """
        try:
            content = json.loads(self.body or b"{}")
        except ValueError as err:
            raise Refused(400, "Problems parsing JSON") from err
        if not isinstance(content, dict):
            raise Refused(400, "Body should be a JSON object")
        return content


class Refused(Exception):
    """An error response in GitHub's format: a message, and the error of each field."""

    def __init__(self, status: int, message: str, *errors: Mapping[str, str]) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors

    def answer(self) -> Answer:
        """Format the response.

        Source: GitHub's REST reference, client errors.
        """
        content: dict[str, Any] = {"message": self.message, "documentation_url": DOCS, "status": str(self.status)}
        if self.errors:
            content["errors"] = list(self.errors)
        return Answer(self.status, content)


def not_found() -> Refused:
    """Build the 404 response for missing and for hidden objects."""
    return Refused(404, "Not Found")


def require(stored: _Stored | None) -> _Stored:
    """Return a value that must exist.

    Raises: Refused with 404 if there is none.
    """
    if stored is None:
        raise not_found()
    return stored


def find_ref(call: Call, name: str) -> tuple[str, str] | None:
    """Return the object that a full ref name points to, and its type; a fresh ref may not be seen yet."""
    found = call.state.history.ref(name)
    return found if found and call.state.is_ref_seen(name) else None


def invalid(**error: str) -> Refused:
    """Build the 422 response for a field, with `resource`, `field`, `code` and `message`."""
    return Refused(422, "Validation Failed", error)


def no_access() -> Refused:
    """Build the response for a token without a permission."""
    return Refused(403, "Resource not accessible by integration")


def rate_limited(now: float, seconds: float = 600) -> Answer:
    """Build the response to a request above the rate limit, which is reset after some seconds.

    Source: GitHub's REST reference, rate limits.
    """
    reset = str(int(now + seconds))
    headers = {"X-RateLimit-Limit": "60", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    message = "API rate limit exceeded for 127.0.0.1."
    return Answer(403, {"message": message, "documentation_url": DOCS}, headers)


def slow_down(seconds: int | None = 60) -> Answer:
    """Make the answer to requests that come too fast; without seconds it does not say how long to wait, and is a 403.

    Source: GitHub's REST reference, rate limits: a secondary limit answers 403 or 429, with or without the header.
    """
    message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    content = {"message": message, "documentation_url": DOCS}
    return Answer(403, content) if seconds is None else Answer(429, content, {"Retry-After": str(seconds)})


def broken(status: int = 502) -> Answer:
    """Build the HTML page of a failing server, with an HTTP status."""
    return Answer(status, b"<html><body>Unicorn!</body></html>", {"Content-Type": "text/html"})
