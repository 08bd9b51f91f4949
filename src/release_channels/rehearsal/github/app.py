"""WSGI application of the GitHub double: authentication, permissions, faults, rate limits, pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from release_channels.adapters.github.connect import USER_AGENT
from release_channels.rehearsal.github import artifacts
from release_channels.rehearsal.github.contract import load_contract
from release_channels.rehearsal.github.http import (
    Call,
    Listing,
    Refused,
    broken,
    no_access,
    not_found,
    rate_limited,
    slow_down,
)
from release_channels.rehearsal.github.payloads import Site, repository_id
from release_channels.rehearsal.github.routes import Route, url_map
from release_channels.rehearsal.github.state import Answer, GitHubState

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_POINTS = {"read": 1, "write": 5}
_PAUSE = 60


class GitHubApp:
    """The API of one repository as a WSGI application."""

    def __init__(self, state: GitHubState) -> None:
        self.failures: list[str] = []
        self.breaches: list[str] = []
        self.unchecked: list[str] = []
        self._state = state
        self._routes = url_map()
        self._contract = load_contract()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; a fault of ours is noted and never looks like GitHub's."""
        request = Request(environ)
        sent = request.get_data()  # read even what is refused: a client reads no answer while it still sends
        with self._state.lock:
            breach = self._breach(request, sent)
            answer = self._fault(self._state.faults, request) or self._answer(request, sent, breach)
            answer = self._judged(request, self._fault(self._state.lost, request) or answer)
        headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
        return Response(answer.body(), status=answer.status, headers=headers)(environ, start_response)

    def _breach(self, request: Request, sent: bytes) -> str:
        """Return what a request of the client does against the contract, and note it; nothing where it keeps it.

        What others ask in a rehearsal, such as a step of a project's own, GitHub would take as it is: it is listed.
        """
        try:
            route, _ = self._match(request)
            if route is None:  # the storage, which is not the API
                return ""
        except HTTPException:
            route = None
        if (agent := request.headers.get("User-Agent")) != USER_AGENT:
            self.unchecked.append(f"{request.method} {request.path} by {agent}")
            return ""
        breach = "GitHub describes no such operation, or the double has none"
        if route:
            breach = self._contract.check_request(route.operation, request, sent)
        if breach:
            self.breaches.append(f"{request.method} {request.path} breaks GitHub's contract: {breach}")
        return breach

    def _fault(self, faults: Iterable[Callable[[str, str], Answer | None]], request: Request) -> Answer | None:
        return next((answer for fault in faults if (answer := fault(request.method, request.path))), None)

    def _match(self, request: Request) -> tuple[Route | None, Mapping[str, Any]]:
        """Find the row for a request, which is None for the storage.

        Raises: HTTPException if there is none.
        """
        return self._routes.bind_to_environ(request.environ).match()

    def _answer(self, request: Request, sent: bytes, breach: str) -> Answer:
        try:
            route, matched = self._match(request)
            if route is None:
                return artifacts.blob(self._state, matched, request.headers)
            return self._serve(request, route, matched, sent, breach)
        except HTTPException:  # no such route
            return not_found().answer()
        except Exception as err:  # noqa: BLE001  (the last resort of a server: this request fails, the rest live on)
            return self._failed(request, f"{type(err).__name__}: {err}")

    def _judged(self, request: Request, answer: Answer) -> Answer:
        """Hold an answer against the contract, a fault's too, unless it stands for something in front of GitHub."""
        try:
            route, _ = self._match(request)
        except HTTPException:
            return answer
        wrong = self._contract.check_answer(route.operation, answer) if route and answer.is_githubs else ""
        return self._failed(request, wrong) if wrong else answer

    def _failed(self, request: Request, wrong: str) -> Answer:
        self.failures.append(f"{request.method} {request.path} failed: {wrong}")
        return broken(500)

    def _serve(self, request: Request, route: Route, matched: Mapping[str, Any], sent: bytes, breach: str) -> Answer:
        state = self._state
        try:
            token = self._authenticate(request)
            state.asked[token] = state.asked.get(token, 0) + 1
            now = state.clock().timestamp()
            left = state.hourly_limit - state.asked[token]
            if left < 0:
                return rate_limited(now)
            if state.is_too_fast(token, _POINTS[route.level]):
                return slow_down(_PAUSE if state.shows_pause else None)
            site = Site(request.host_url.rstrip("/"), state.repository, state.private, state.default_branch)
            call = Call(state, site, dict(matched), request.args.to_dict(), sent, token)
            answer = _redirect(request, call) or _dispatch(request, route, call, breach)
        except Refused as err:
            return err.answer()
        return Answer(answer.status, answer.content, {**_limits(state.hourly_limit, left, now), **answer.headers})

    def _authenticate(self, request: Request) -> str:
        """Return the token, which may be absent; an unknown one is refused even for what anybody may read."""
        if not request.headers.get("User-Agent"):
            raise Refused(403, "Request forbidden by administrative rules. Send a User-Agent header.")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return ""
        if kind.lower() not in ("bearer", "token") or token not in self._state.tokens:
            raise Refused(401, "Bad credentials")
        return token


def _limits(limit: int, left: int, now: float) -> dict[str, str]:
    """Format the headers that count the requests.

    Source: GitHub's REST reference, rate limits.
    """
    counts = {"Limit": limit, "Remaining": left, "Reset": int(now + 3600)}
    return {f"X-RateLimit-{name}": str(count) for name, count in counts.items()}


def _redirect(request: Request, call: Call) -> Answer | None:
    """Lead from a former name of the repository to its number.

    Source: GitHub's REST reference, redirects: 301 for reads, 307 for the rest.
    """
    if call.repository not in call.state.former_names:
        return None
    query = f"?{request.query_string.decode()}" if request.query_string else ""
    number = repository_id(call.state.repository)
    location = call.site.url + request.path.replace(f"/repos/{call.repository}", f"/repositories/{number}") + query
    content = {"message": "Moved Permanently", "url": location, "documentation_url": ""}
    return Answer(301 if request.method == "GET" else 307, content, {"Location": location})


def _dispatch(request: Request, route: Route, call: Call, breach: str) -> Answer:
    served = call.state.repository
    if call.repository.lower() != served.lower() and call.values.get("number") != repository_id(served):
        raise not_found()
    _authorize(call, route)
    if breach:
        if route.level == "write" and not route.uploads:
            call.sent()  # what is no JSON object is refused as that
        raise Refused(422, f"Invalid request.\n\n{breach}")
    reply = route.handler(call)
    if isinstance(reply, Listing):
        return _page(request, call, reply)
    return reply if isinstance(reply, Answer) else Answer(200, reply)


def _authorize(call: Call, route: Route) -> None:
    """Refuse a token that lacks the right: private things look absent to tokens without any."""
    if call.state.private and not call.rights:
        raise not_found()
    if route.level == "write" or route.with_token:
        if not call.token:
            raise Refused(401, "Requires authentication")
        if not call.may(route.area, route.level):
            raise no_access()
    elif call.state.private and not call.may(route.area, "read"):
        raise no_access()


def _page(request: Request, call: Call, listing: Listing) -> Answer:
    """Send one page of a list, with links to the others.

    Source: GitHub's REST reference, pagination: 30 entries unless asked otherwise, 100 at most.
    """
    size, page = min(call.number("per_page", 30), 100), call.number("page", 1)
    reached = listing.items[: listing.most]
    last = max(math.ceil(len(reached) / size), 1)
    items = [listing.show(item) for item in reached[(page - 1) * size : page * size]]
    content = {"total_count": len(listing.items), listing.key: items} if listing.key else items
    links = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
    shown = {rel: to for rel, to in links.items() if 1 <= to <= last and to != page}
    header = ", ".join(f'<{_with_page(request, call.site, to)}>; rel="{rel}"' for rel, to in shown.items())
    return Answer(200, content, {"Link": header} if header else {})


def _with_page(request: Request, site: Site, page: int) -> str:
    query: Mapping[str, str] = {**request.args.to_dict(), "page": str(page)}
    return f"{site.url}{request.path}?{urlencode(query)}"
