"""WSGI application of the GitHub double: authentication, permissions, faults, rate limits, pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from release_channels.rehearsal.github import artifacts, deployments, pulls, releases, repository, runs, settings
from release_channels.rehearsal.github.http import Call, Listing, Refused, Route, broken, no_access, not_found
from release_channels.rehearsal.github.http import rate_limited as limited
from release_channels.rehearsal.github.payloads import Site
from release_channels.rehearsal.github.state import Answer, GitHubState

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_PARTS = (repository, pulls, runs, artifacts, deployments, settings, releases)
ROUTES = tuple(route for part in _PARTS for route in part.ROUTES)
_PREFIXES = ("/api/v3/repos/<owner>/<name>", "/api/v3/repositories/<int:number>")
_UPLOADS = "/api/uploads/repos/<owner>/<name>"


@dataclass(frozen=True, slots=True)
class _Asker:
    """The requester: its token, if any, and permissions."""

    token: str | None
    rights: frozenset[str]


@cache
def _url_map() -> Map:
    """Compile the rules of every address once in a process: it takes a tenth of a second."""
    rules = [
        Rule(prefix + route.path, endpoint=route, methods=[route.method])
        for prefix, uploads in (*((prefix, False) for prefix in _PREFIXES), (_UPLOADS, True))
        for route in ROUTES
        if route.uploads is uploads
    ]
    blob = Rule("/blobs/<int:artifact_id>/<secret>", endpoint=None, methods=["GET"])
    return Map([*rules, blob], merge_slashes=False)


class GitHubApp:
    """One repository as GitHub would serve it."""

    def __init__(self, state: GitHubState) -> None:
        self.failures: list[str] = []
        self._state = state
        self._routes = _url_map()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; a fault of ours is noted and never looks like GitHub's."""
        request = Request(environ)
        sent = request.get_data()  # read whatever is decided: a client cannot hear while it still speaks
        with self._state.lock:
            answer = self._fault(self._state.faults, request) or self._answer(request, sent)
            answer = self._fault(self._state.lost, request) or answer
        headers = {"Content-Type": "application/json; charset=utf-8", **answer.headers}
        return Response(answer.body(), status=answer.status, headers=headers)(environ, start_response)

    def _fault(self, faults: Iterable[Callable[[str, str], Answer | None]], request: Request) -> Answer | None:
        return next((answer for fault in faults if (answer := fault(request.method, request.path))), None)

    def _answer(self, request: Request, sent: bytes) -> Answer:
        try:
            route, matched = self._routes.bind_to_environ(request.environ).match()
            if route is None:
                return artifacts.blob(self._state, matched, request.headers)
            values = dict(matched)
            asker = self._let_in(request)
            limits = self._count(asker)
            answer = self._moved(request, values) or self._carry_out(request, route, values, asker, sent)
        except Refused as err:
            return err.answer()
        except HTTPException:  # no such route
            return not_found().answer()
        except Exception as err:  # noqa: BLE001  (the last resort of a server: one request fails, the rest live on)
            self.failures.append(f"{request.method} {request.path} failed: {type(err).__name__}: {err}")
            return broken(500)
        return Answer(answer.status, answer.content, {**limits, **answer.headers})

    def _let_in(self, request: Request) -> _Asker:
        """Inspect the token; one that is not known is refused even for what anybody may read."""
        if not request.headers.get("User-Agent"):
            raise Refused(403, "Request forbidden by administrative rules. Send a User-Agent header.")
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if not kind:
            return _Asker(None, frozenset())
        if kind.lower() not in ("bearer", "token") or token not in self._state.tokens:
            raise Refused(401, "Bad credentials")
        return _Asker(token, self._state.tokens[token])

    def _count(self, asker: _Asker) -> dict[str, str]:
        """Count the question and give the headers that tell what is left.

        Source: GitHub's REST reference, rate limits.
        """
        name = asker.token or ""
        asked = self._state.asked[name] = self._state.asked.get(name, 0) + 1
        now = self._state.clock().timestamp()
        if asked > self._state.hourly_limit:
            raise _Limited(limited(now))
        left = self._state.hourly_limit - asked
        return {
            "X-RateLimit-Limit": str(self._state.hourly_limit),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(int(now + 3600)),
        }

    def _moved(self, request: Request, values: dict[str, Any]) -> Answer | None:
        """Lead from a former name of the repository to its number.

        Source: GitHub's REST reference, redirects: 301 for reads, 307 for the rest.
        """
        name = f"{values.get('owner')}/{values.get('name')}"
        if name not in self._state.former_names:
            return None
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        site = self._site(request)
        number = site.minimal_repository(self._state.repository)["id"]
        location = request.path.replace(f"/repos/{name}", f"/repositories/{number}") + query
        content = {"message": "Moved Permanently", "url": site.url + location, "documentation_url": ""}
        return Answer(301 if request.method == "GET" else 307, content, {"Location": site.url + location})

    def _carry_out(self, request: Request, route: Route, values: dict[str, Any], asker: _Asker, sent: bytes) -> Answer:
        site = self._site(request)
        number = site.minimal_repository(self._state.repository)["id"]
        name = f"{values.pop('owner', '')}/{values.pop('name', '')}"
        if name.lower() != self._state.repository.lower() and values.pop("number", None) != number:
            raise not_found()
        call = Call(self._state, site, values, request.args.to_dict(), sent, asker.rights)
        self._allow(call, route, asker)
        found = route.handler(call)
        return found if isinstance(found, Answer) else _page(request, site, found)

    def _allow(self, call: Call, route: Route, asker: _Asker) -> None:
        """Keep out who may not: private things look absent to those who may see nothing at all."""
        if self._state.private and not asker.rights:
            raise not_found()
        if route.level == "write" or route.with_token:
            if asker.token is None:
                raise Refused(401, "Requires authentication")
            if not call.may(route.area, route.level):
                raise no_access()
        elif self._state.private and not call.may(route.area, "read"):
            raise no_access()

    def _site(self, request: Request) -> Site:
        return Site(
            request.host_url.rstrip("/"), self._state.repository, self._state.private, self._state.default_branch
        )


class _Limited(Refused):
    """Response to a request above the rate limit."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status, "")
        self._answer = answer

    def answer(self) -> Answer:
        return self._answer


def _page(request: Request, site: Site, listing: Listing) -> Answer:
    """Send one page of a list, with links to the others.

    Source: GitHub's REST reference, pagination: 30 entries unless asked otherwise, 100 at most.
    """
    size = min(max(request.args.get("per_page", 30, int), 1), 100)
    page = max(request.args.get("page", 1, int), 1)
    last = max(math.ceil(len(listing.items) / size), 1)
    items = list(listing.items[(page - 1) * size : page * size])
    content = {"total_count": len(listing.items), listing.key: items} if listing.key else items
    links = {"prev": page - 1, "next": page + 1, "first": 1, "last": last}
    shown = {rel: to for rel, to in links.items() if 1 <= to <= last and to != page}
    header = ", ".join(f'<{_with_page(request, site, to)}>; rel="{rel}"' for rel, to in shown.items())
    return Answer(200, content, {"Link": header} if header else {})


def _with_page(request: Request, site: Site, page: int) -> str:
    query: Mapping[str, str] = {**request.args.to_dict(), "page": str(page)}
    return f"{site.url}{request.path}?{urlencode(query)}"
