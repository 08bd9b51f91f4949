"""What the client asked GitHub and what it answered, one exchange to a line, without secrets: recorded, and replayed.

A line has the request below its repository, the version of the API, what was sent, the status and the answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from release_channels.model.redact import SecretRedactor, is_secret_name, redact_urls
from release_channels.rehearsal.github import Answer
from release_channels.rehearsal.github.contract import VERSION_HEADER, load_contract
from release_channels.rehearsal.github.routes import url_map

RECORDINGS = Path(__file__).parents[1] / "github"
_JSON = "application/json"
_BASES = ("/api/v3/repos/owner/name", "/api/uploads/repos/owner/name")


@dataclass(frozen=True)
class Recorder:
    """Appends each exchange about one repository to a file; no header but the version is kept, and no file."""

    path: Path
    repository: str
    redact: SecretRedactor

    def __call__(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        """Hear an exchange; what others than GitHub's API are asked, such as an index or a store, is not kept."""
        parts = urlsplit(request.url or "")
        _, found, below = parts.path.partition(f"/repos/{self.repository}")
        if not found:
            return
        query = f"?{parts.query}" if parts.query else ""
        exchange = {
            "request": f"{request.method} {below}{query}",
            "version": request.headers.get(VERSION_HEADER, ""),
            "sent": _parse(request.body, str(request.headers.get("Content-Type", ""))),
            "status": answer.status_code,
            "answer": _parse(answer.content, answer.headers.get("Content-Type", "")),
        }
        line = redact_urls(self.redact(json.dumps(_without_secrets(exchange), ensure_ascii=False)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(f"{line}\n")


def _parse(body: Any, kind: str) -> Any:
    """Read a JSON body; any other is replaced by a note."""
    if not body:
        return None
    return json.loads(body) if kind.startswith(_JSON) else "not JSON"


def _without_secrets(value: Any, name: str = "") -> Any:
    """Take away the texts of fields that are named like a secret, such as the token that a clone may use."""
    if isinstance(value, dict):
        return {key: _without_secrets(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_secrets(one, name) for one in value]
    return "***" if isinstance(value, str) and value and is_secret_name(name) else value


def replay(path: Path) -> Iterator[str]:
    """Check a recording against the contract, and yield what breaks it."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        exchange = json.loads(line)
        problem = _problem(exchange)
        if problem:
            yield f"{path.name}, line {number}: {exchange['request']}: {problem}"


def operation_of(exchange: Mapping[str, Any]) -> tuple[str, Request]:
    """Return the operation of an exchange, which is empty where the contract has none, and its request."""
    method, path = exchange["request"].split(" ", 1)
    headers = [(VERSION_HEADER, exchange["version"])]
    for base in _BASES:
        request = Request(EnvironBuilder(base + path, method=method, headers=headers).get_environ())
        try:
            return url_map().bind_to_environ(request.environ).match()[0].operation, request
        except HTTPException:
            continue
    return "", request


def _problem(exchange: Mapping[str, Any]) -> str:
    contract, sent = load_contract(), exchange["sent"]
    operation, request = operation_of(exchange)
    if not operation:
        return "the contract has no such operation"
    body = b"" if sent is None else json.dumps(sent).encode()
    answer = Answer(exchange["status"], b"" if exchange["answer"] is None else exchange["answer"])
    return contract.check_request(operation, request, body) or contract.check_answer(operation, answer)
