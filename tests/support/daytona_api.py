"""A double of Daytona's API for its SDK: sandboxes are directories, commands run for real."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from release_channels.adapters.http_server import Served, serve_wsgi

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

KEY = "SECRET-daytona-key"
_ROUTES = Map(
    [
        Rule("/api/sandbox", endpoint="create", methods=["POST"]),
        Rule("/api/sandbox", endpoint="list", methods=["GET"]),
        Rule("/api/sandbox/<name>", endpoint="get", methods=["GET"]),
        Rule("/api/sandbox/<name>", endpoint="delete", methods=["DELETE"]),
        Rule("/toolbox/<name>/user-home-dir", endpoint="home", methods=["GET"]),
        Rule("/toolbox/<name>/process/execute", endpoint="execute", methods=["POST"]),
        Rule("/toolbox/<name>/files/bulk-upload", endpoint="upload", methods=["POST"]),
    ]
)


@dataclass
class Daytona:
    """The API's state: its sandboxes, its faults, and the PATH of their commands."""

    directory: Path
    sandboxes: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, tuple[int, str]] = field(default_factory=dict)
    path: str = "/usr/local/bin:/usr/bin:/bin"
    created: int = 0
    failures: list[str] = field(default_factory=list)
    page_size: int = 2
    ignores_labels: bool = False

    def add(self, *, labels: dict[str, str], created_at: datetime | None = None, url: str = "") -> dict[str, Any]:
        """Add a sandbox, and return it as the API does."""
        self.created += 1
        name = f"sandbox-{self.created}"
        (self.directory / name).mkdir()
        self.sandboxes[name] = {
            "id": name, "organizationId": "organization", "name": name, "user": "daytona", "env": {}, "labels": labels,
            "public": False, "networkBlockAll": True, "kvm": False, "target": "us", "cpu": 1, "gpu": 0, "memory": 1,
            "disk": 3, "state": "started", "toolboxProxyUrl": f"{url}/toolbox",
            "createdAt": (created_at or datetime.now(UTC)).isoformat().replace("+00:00", "Z"),
        }  # fmt: skip
        return self.sandboxes[name]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        with Request(environ) as request:
            request.get_data(parse_form_data=request.path.endswith("bulk-upload"))
            try:
                endpoint, values = _ROUTES.bind_to_environ(environ).match()
                response = self._answer(endpoint, request, **values)
            except HTTPException as err:
                response = _error(err.code or 500, err.name)
            except Exception as err:  # noqa: BLE001 - the last resort of a server
                self.failures.append(f"{request.path}: {type(err).__name__}: {err}")
                response = _error(500, "broken")
        return response(environ, start_response)

    def _answer(self, endpoint: str, request: Request, **values: str) -> Response:
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            return _error(401, "Unauthorized")
        if endpoint in self.faults:
            return _error(*self.faults[endpoint])
        if "name" in values and values["name"] not in self.sandboxes:
            return _error(404, "Sandbox not found")
        handler: Callable[..., Response] = getattr(self, f"_{endpoint}")
        return handler(request, **values)

    def _create(self, request: Request) -> Response:
        content = json.loads(request.get_data())
        made = self.add(labels=content["labels"], url=request.host_url.rstrip("/"))
        made["networkBlockAll"] = content.get("networkBlockAll", False)
        return _json(made)

    def _list(self, request: Request) -> Response:
        wanted = {} if self.ignores_labels else json.loads(request.args.get("labels", "{}"))
        found = [one for one in self.sandboxes.values() if wanted.items() <= one["labels"].items()]
        begin = int(request.args.get("cursor") or 0)
        page = found[begin : begin + self.page_size]
        more = begin + self.page_size < len(found)
        return _json({"items": page, "nextCursor": str(begin + self.page_size) if more else None})

    def _get(self, request: Request, name: str) -> Response:
        return _json(self.sandboxes[name])

    def _delete(self, request: Request, name: str) -> Response:
        shutil.rmtree(self.directory / name)
        return _json({**self.sandboxes.pop(name), "state": "destroyed"})

    def _home(self, request: Request, name: str) -> Response:
        return _json({"dir": str(self.directory / name)})

    def _execute(self, request: Request, name: str) -> Response:
        content = json.loads(request.get_data())
        home = self.directory / name
        env = {"PATH": self.path, "HOME": str(home)}
        ran = subprocess.run(
            ["sh", "-c", content["command"]],
            cwd=home, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=content.get("timeout") or 60,
        )  # fmt: skip
        return _json({"exitCode": ran.returncode, "result": ran.stdout.decode("utf-8", "replace")})

    def _upload(self, request: Request, name: str) -> Response:
        for key, path in request.form.items():
            target = Path(path)
            assert target.is_relative_to(self.directory / name), "a file outside of its sandbox"
            target.write_bytes(request.files[key.replace(".path", ".file")].read())
        return _json({})


@contextmanager
def serve_daytona(state: Daytona) -> Iterator[Served]:
    """Serve the API on loopback; an internal error of the double fails the test."""
    with serve_wsgi(state, "the Daytona stand-in") as served:
        yield served
        assert state.failures == []
        assert served.errors == ()


def _json(content: object) -> Response:
    return Response(json.dumps(content), content_type="application/json")


def _error(status: int, message: str) -> Response:
    content = {"statusCode": status, "message": message, "error": message, "errors": [message]}
    return Response(json.dumps(content), status=status, content_type="application/json")
