"""The local index as a WSGI application: simple API, files, uploads, and the token exchange."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from packaging.utils import NormalizedName, canonicalize_name
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.utils import redirect, send_file
from werkzeug.wrappers import Request, Response

from release_channels.indexserver import pages
from release_channels.indexserver.oidc import TokenIssuer, TokenRefused, TrustedPublishing
from release_channels.indexserver.pages import PageFile
from release_channels.indexserver.storage import Storage, StoredFile
from release_channels.indexserver.upload_rules import Limits, UploadRefused
from release_channels.indexserver.uploads import Uploads
from release_channels.indexserver.upstream import Upstream

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_MAX_STATUS = 1000


class IndexApp:
    """One index over one directory; with a project it serves that one alone and sends the rest upstream."""

    def __init__(
        self,
        root: Path,
        *,
        project: str | None = None,
        upstream: str | None = None,
        limits: Limits | None = None,
        trusted: TrustedPublishing | None = None,
    ) -> None:
        self._project = canonicalize_name(project) if project is not None else None
        self._upstream_url = upstream.rstrip("/") if upstream else None
        self._storage = Storage(root)
        self._upstream = Upstream(upstream, self._project) if upstream and self._project else None
        self._exchange = TokenIssuer(trusted, lambda name: bool(self.listing(name))) if trusted else None
        self._uploads = Uploads(
            self._storage, self.listing, limits=limits or Limits(), served=self._project, exchange=self._exchange
        )
        self._failures: list[str] = []
        self._routes = self._map()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request; whatever happens, a client sees no traceback."""
        request = Request(environ)
        response = self._answer(request)
        if request.method == "HEAD" or response.status_code == 304:
            response.close()  # no server iterates over the body of these, so nothing else closes the file
        return response(environ, start_response)

    def warnings(self) -> tuple[str, ...]:
        """Report what went wrong so far and did not stop the index."""
        upstream = self._upstream.warnings() if self._upstream else ()
        return (*upstream, *self._storage.warnings(), *self._failures)

    def listing(self, project: NormalizedName) -> Sequence[PageFile]:
        """List the files of a project by name: upstream's and the local ones, of which the local ones win."""
        upstream = self._upstream.files() if self._upstream and project == self._project else ()
        files = {file.name: file for file in upstream}
        files |= {file.name: _page_file(file) for file in self._storage.files() if file.project == project}
        return [files[name] for name in sorted(files)]

    def _map(self) -> Map:
        rules = [
            Rule("/simple/", endpoint=self._root, methods=["GET"]),
            Rule("/simple/<name>/", endpoint=self._page, methods=["GET"]),
            Rule("/own/<name>/", endpoint=self._own_page, methods=["GET"]),
            Rule("/files/<name>", endpoint=self._file, methods=["GET"]),
            Rule("/legacy/", endpoint=self._upload, methods=["POST"], strict_slashes=False),
        ]
        if self._exchange:
            rules += [
                Rule("/_/oidc/audience", endpoint=self._audience, methods=["GET"]),
                Rule("/_/oidc/mint-token", endpoint=self._mint, methods=["POST"]),
                Rule("/_/oidc/burn-token", endpoint=self._burn, methods=["POST"]),
                Rule("/github/oidc/token", endpoint=self._identity, methods=["GET"]),
            ]
        return Map(rules)

    def _answer(self, request: Request) -> Response:
        try:
            endpoint, values = self._routes.bind_to_environ(request.environ).match()
            answer: Callable[..., Response] = endpoint
            return answer(request, **values)
        except UploadRefused as err:
            return _refusal(request, err)
        except HTTPException as err:
            response = err.get_response(request.environ)
            assert isinstance(response, Response)
            return response
        except Exception as err:  # noqa: BLE001  (the last resort of a server: this request fails, the index lives on)
            self._failures.append(f"{request.method} {request.path} failed: {type(err).__name__}: {err}")
            return Response("The local index failed here; its warnings say why.\n", status=500)

    def _root(self, request: Request) -> Response:
        projects = {file.project for file in self._storage.files()}
        if self._project is not None:
            projects = {self._project} if self.listing(self._project) else set()
        return _page(request, lambda form: pages.root_page(sorted(projects), form))

    def _page(self, request: Request, name: str) -> Response:
        project = canonicalize_name(name)
        if self._upstream_url and self._project not in (None, project):
            return redirect(f"{self._upstream_url}/{quote(project)}/", 302)
        if project != name:
            return redirect(f"/simple/{quote(project)}/", 301)
        return self._own_page(request, project)

    def _own_page(self, request: Request, name: str) -> Response:
        """Show a project that is served here; other names are not known, and an installer asks its next index."""
        project = canonicalize_name(name)
        files = self.listing(project)
        if not files or self._project not in (None, project):
            raise NotFound(f"No files of the project {project}.")
        return _page(request, lambda form: pages.project_page(project, files, form))

    def _file(self, request: Request, name: str) -> Response:
        file = self._storage.find(name.removesuffix(".metadata"))
        if file is None or (name.endswith(".metadata") and file.metadata_sha256 is None):
            raise NotFound(f"No file {name}.")
        if name.endswith(".metadata"):
            return Response(self._storage.metadata(file.name), mimetype="text/plain")
        return send_file(
            self._storage.root / file.name, request.environ, "application/octet-stream",
            etag=file.sha256, last_modified=file.stored,
        )  # fmt: skip

    def _upload(self, request: Request) -> Response:
        self._uploads.receive(request.environ)
        return Response("")

    def _audience(self, _request: Request) -> Response:
        return _json({"audience": self._trusting.trusted.audience})

    def _mint(self, request: Request) -> Response:
        try:
            minted = self._trusting.mint(_token_of(request))
        except TokenRefused as err:
            errors = [{"code": err.code, "description": str(err)}]
            return _json({"message": "Token request failed", "errors": errors}, status=422)
        return _json({"success": True, "token": minted.token, "expires": minted.expires})

    def _burn(self, request: Request) -> Response:
        try:
            self._trusting.burn(_token_of(request))
        except TokenRefused as err:
            return _json({"message": "Token request failed", "errors": [{"code": err.code}]}, status=422)
        return _json({"success": True})

    def _identity(self, request: Request) -> Response:
        """Issue an identity token, as GitHub would, to a job that shows its request token."""
        issuer = self._trusting.trusted.issuer
        if request.headers.get("Authorization", "").partition(" ")[2] != issuer.request_token:
            return _json({"message": "the request token is wrong"}, status=401)
        return _json({"value": issuer.token({"aud": request.args.get("audience", "")})})

    @property
    def _trusting(self) -> TokenIssuer:
        assert self._exchange is not None  # the routes that need it exist only with it
        return self._exchange


def _page(request: Request, render: Callable[[str], str]) -> Response:
    """Answer in the form that the client likes best; installers ask again each time, since an index changes."""
    form = pages.OFFERED[request.accept_mimetypes.best_match(pages.OFFERED, pages.PLAIN_HTML)]
    headers = {"Cache-Control": "no-cache", "Vary": "Accept"}
    return Response(
        render(form), content_type=form if form == pages.JSON else f"{form}; charset=utf-8", headers=headers
    )


def _page_file(file: StoredFile) -> PageFile:
    digest = file.metadata_sha256
    return PageFile(
        name=file.name,
        url=f"../../files/{quote(file.name)}",
        version=file.version,
        hashes={"sha256": file.sha256},
        size=file.size,
        upload_time=file.stored,
        requires_python=file.requires_python,
        yanked=file.yanked,
        metadata={"sha256": digest} if digest else None,
    )


def _refusal(request: Request, err: UploadRefused) -> Response:
    """Refuse in the status line, where old clients look, and in the body, where new ones do."""
    printable = "".join(sign if sign.isprintable() else " " for sign in str(err))
    message = printable.encode("latin-1", "replace").decode("latin-1")[:_MAX_STATUS]
    status = f"{err.status} {message}"
    if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
        title = "Forbidden" if err.status == 403 else "Bad Request"
        return _json({"message": message, "code": status, "title": title}, status=status)
    return Response(f"{status}\n\n{message}\n", status=status, mimetype="text/plain")


def _token_of(request: Request) -> str:
    try:
        token = json.loads(request.get_data())["token"]
    except (ValueError, KeyError, TypeError) as err:
        raise TokenRefused("invalid-payload", "the body is not a JSON object with a token") from err
    if not isinstance(token, str) or not token.isascii():
        raise TokenRefused("invalid-payload", "the token is not an ASCII text")
    return token


def _json(value: object, status: int | str = 200) -> Response:
    return Response(json.dumps(value), status=status, mimetype="application/json")
