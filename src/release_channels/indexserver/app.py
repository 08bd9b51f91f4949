"""The local index as a WSGI application: simple API, files, uploads, and the token exchange."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from packaging.utils import NormalizedName, canonicalize_name

from release_channels.indexserver import pages
from release_channels.indexserver.merged import MergedIndex
from release_channels.indexserver.oidc import TokenIssuer, TokenRefused, TrustedPublishing
from release_channels.indexserver.pages import PageFile
from release_channels.indexserver.storage import StoredFile
from release_channels.indexserver.upload_rules import Limits, UploadRefused
from release_channels.indexserver.uploads import Uploads

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_MAX_STATUS = 1000  # characters
_MAX_JSON = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer of text; werkzeug, half of the start of a local command, is imported for files and forms alone."""

    body: str | bytes
    content_type: str = "text/plain; charset=utf-8"
    status: str | int = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Send the answer; that of a HEAD has no body."""
        status = f"{self.status} {HTTPStatus(self.status).phrase}" if isinstance(self.status, int) else self.status
        body = self.body.encode() if isinstance(self.body, str) else self.body
        length = ("Content-Length", str(len(body)))
        start_response(status, [("Content-Type", self.content_type), length, *self.headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


# An endpoint gets the request and the parts of its path.
_Endpoint = Callable[..., "WSGIApplication"]


class IndexApp:
    """A package index over one directory; with a project it serves only that, and redirects the rest upstream."""

    def __init__(
        self,
        root: Path,
        *,
        project: str | None = None,
        upstream: str | None = None,
        limits: Limits | None = None,
        trusted: TrustedPublishing | None = None,
        front: Callable[[], str] | None = None,
    ) -> None:
        self._front = front
        self._project = canonicalize_name(project) if project is not None else None
        self._upstream_url = upstream.rstrip("/") if upstream else None
        self._merged = MergedIndex(root, self._project, upstream)
        self._storage = self._merged.storage
        self._exchange = TokenIssuer(trusted, lambda name: bool(self.listing(name))) if trusted else None
        self._uploads = Uploads(
            self._storage, self.listing, limits=limits or Limits(), served=self._project, exchange=self._exchange
        )
        self._failures: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; whatever happens, a client sees no traceback."""
        return self._answer(environ)(environ, start_response)

    def warnings(self) -> tuple[str, ...]:
        """Return the problems so far that did not stop the index."""
        return (*self._merged.warnings(), *self._failures)

    def listing(self, project: NormalizedName) -> Sequence[PageFile]:
        """List a project's files by name."""
        return self._merged.files(project)

    def _routes(self) -> Iterator[tuple[str, str, _Endpoint]]:
        if self._front:
            yield "GET", "/", self._front_page
        yield "GET", "/simple/", self._root
        yield "GET", "/simple/([^/]+)(/?)", self._page
        yield "GET", "/own/([^/]+)/", self._own_page
        yield "GET", "/files/([^/]+)", self._file
        yield "POST", "/legacy/?", self._upload
        if self._exchange:
            yield "GET", "/_/oidc/audience", self._audience
            yield "POST", "/_/oidc/mint-token", self._mint
            yield "POST", "/_/oidc/burn-token", self._burn
            yield "GET", "/github/oidc/token", self._identity

    def _front_page(self, _environ: WSGIEnvironment) -> WSGIApplication:
        return _Answer(self._front() if self._front else "", "text/html; charset=utf-8")

    def _answer(self, environ: WSGIEnvironment) -> WSGIApplication:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")  # as WSGI passes text on
        method = environ["REQUEST_METHOD"]
        try:
            matches = [
                (verb, found, endpoint)
                for verb, route, endpoint in self._routes()
                if (found := re.fullmatch(route, path))
            ]
            if not matches:
                return _Answer("not found\n", status=HTTPStatus.NOT_FOUND)
            verb, found, endpoint = matches[0]
            if method != verb and (method, verb) != ("HEAD", "GET"):
                return _Answer("not allowed\n", status=HTTPStatus.METHOD_NOT_ALLOWED, headers=(("Allow", verb),))
            return endpoint(environ, *found.groups())
        except UploadRefused as err:
            return _refusal(environ, err)
        except Exception as err:  # noqa: BLE001  (the last resort of a server: this request fails, the index lives on)
            self._failures.append(f"{method} {path} failed: {type(err).__name__}: {err}")
            return _Answer("The local index failed here; its warnings say why.\n", status=500)

    def _root(self, environ: WSGIEnvironment) -> WSGIApplication:
        projects = {file.project for file in self._storage.files()}
        if self._project is not None:
            projects = {self._project} if self.listing(self._project) else set()
        return _page(environ, lambda form: pages.root_page(sorted(projects), form))

    def _page(self, environ: WSGIEnvironment, name: str, slash: str) -> WSGIApplication:
        project = canonicalize_name(name)
        if self._upstream_url and self._project not in (None, project):
            return _redirect(f"{self._upstream_url}/{quote(project)}/", HTTPStatus.FOUND)
        if project != name or not slash:
            return _redirect(f"/simple/{quote(project)}/", HTTPStatus.MOVED_PERMANENTLY)
        return self._own_page(environ, project)

    def _own_page(self, environ: WSGIEnvironment, name: str) -> WSGIApplication:
        """Show a project that is served here; other names are not known, and an installer asks its next index."""
        project = canonicalize_name(name)
        files = self.listing(project)
        if not files or self._project not in (None, project):
            return _Answer(f"No files of the project {project}.\n", status=HTTPStatus.NOT_FOUND)
        return _page(environ, lambda form: pages.project_page(project, files, form))

    def _file(self, environ: WSGIEnvironment, name: str) -> WSGIApplication:
        file = self._storage.find(name.removesuffix(".metadata"))
        if file is None or (name.endswith(".metadata") and file.metadata_sha256 is None):
            return _Answer(f"No file {name}.\n", status=HTTPStatus.NOT_FOUND)
        if name.endswith(".metadata"):
            return _Answer(self._storage.metadata(file.name))
        return self._send_file(environ, file)

    def _send_file(self, environ: WSGIEnvironment, file: StoredFile) -> WSGIApplication:
        """Send a file or a part of it, or say that it is unchanged."""
        from werkzeug.exceptions import RequestedRangeNotSatisfiable
        from werkzeug.utils import send_file

        try:
            response = send_file(
                self._storage.root / file.name, environ, "application/octet-stream",
                etag=file.sha256, last_modified=file.stored,
            )  # fmt: skip
        except RequestedRangeNotSatisfiable as err:
            return err.get_response(environ)
        if environ["REQUEST_METHOD"] == "HEAD" or response.status_code == HTTPStatus.NOT_MODIFIED:
            response.close()  # no server iterates over the body of these, so nothing else closes the file
        return response

    def _upload(self, environ: WSGIEnvironment) -> WSGIApplication:
        self._uploads.receive(environ)
        return _Answer("")

    def _audience(self, _environ: WSGIEnvironment) -> WSGIApplication:
        return _json({"audience": self._trusting.trusted.audience})

    def _mint(self, environ: WSGIEnvironment) -> WSGIApplication:
        try:
            minted = self._trusting.mint(_token_of(environ))
        except TokenRefused as err:
            errors = [{"code": err.code, "description": str(err)}]
            return _json({"message": "Token request failed", "errors": errors}, status=422)
        return _json({"success": True, "token": minted.token, "expires": minted.expires})

    def _burn(self, environ: WSGIEnvironment) -> WSGIApplication:
        try:
            self._trusting.burn(_token_of(environ))
        except TokenRefused as err:
            return _json({"message": "Token request failed", "errors": [{"code": err.code}]}, status=422)
        return _json({"success": True})

    def _identity(self, environ: WSGIEnvironment) -> WSGIApplication:
        """Issue an identity token, as GitHub would, to a job that shows its request token."""
        issuer = self._trusting.trusted.issuer
        if environ.get("HTTP_AUTHORIZATION", "").partition(" ")[2] != issuer.request_token:
            return _json({"message": "the request token is wrong"}, status=401)
        audience = parse_qs(environ.get("QUERY_STRING", "")).get("audience", [""])[0]
        return _json({"value": issuer.token({"aud": audience})})

    @property
    def _trusting(self) -> TokenIssuer:
        assert self._exchange is not None  # the routes that need it exist only with it
        return self._exchange


def _page(environ: WSGIEnvironment, render: Callable[[str], str]) -> WSGIApplication:
    """Answer in the form that the client likes best; installers ask again each time, since an index changes."""
    form = pages.OFFERED[pages.best_match(environ.get("HTTP_ACCEPT", ""), pages.OFFERED, pages.PLAIN_HTML)]
    headers = (("Cache-Control", "no-cache"), ("Vary", "Accept"))
    return _Answer(render(form), form if form == pages.JSON else f"{form}; charset=utf-8", headers=headers)


def _redirect(address: str, status: HTTPStatus) -> WSGIApplication:
    return _Answer(f"It is at {address}\n", status=status, headers=(("Location", address),))


def _refusal(environ: WSGIEnvironment, err: UploadRefused) -> WSGIApplication:
    """Refuse in the status line, where old clients look, and in the body, where new ones do."""
    printable = "".join(sign if sign.isprintable() else " " for sign in str(err))
    message = printable.encode("latin-1", "replace").decode("latin-1")[:_MAX_STATUS]
    status = f"{err.status} {message}"
    kinds = ("text/html", "application/json")
    if pages.best_match(environ.get("HTTP_ACCEPT", ""), kinds, kinds[0]) == "application/json":
        title = "Forbidden" if err.status == 403 else "Bad Request"
        return _json({"message": message, "code": status, "title": title}, status=status)
    return _Answer(f"{status}\n\n{message}\n", status=status)


def _token_of(environ: WSGIEnvironment) -> str:
    try:
        token = json.loads(environ["wsgi.input"].read(_MAX_JSON))["token"]
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise TokenRefused("invalid-payload", "the body is not a JSON object with a token") from err
    if not isinstance(token, str) or not token.isascii():
        raise TokenRefused("invalid-payload", "the token is not an ASCII text")
    return token


def _json(value: object, status: int | str = 200) -> WSGIApplication:
    return _Answer(json.dumps(value), "application/json", status)
