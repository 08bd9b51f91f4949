"""The contract of the GitHub double: requests and responses must match GitHub's own API description.

`contract.json` is taken from that description by a script beside the tests; nothing in it is written by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from release_channels.errors import RefusedError

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from werkzeug.datastructures import MultiDict
    from werkzeug.wrappers import Request

    from release_channels.rehearsal.github.state import Answer

VERSION_HEADER = "X-GitHub-Api-Version"
_SHOWN = 300  # characters
_BOOLEANS = {"true": True, "false": False}


class Contract:
    """GitHub's description of its operations, with a validator."""

    def __init__(self, described: Mapping[str, Any], validator: Draft202012Validator) -> None:
        self.api_version: str = described["about"]["api_version"]
        self.operations: Mapping[str, Any] = described["operations"]
        self._undeclared = described["undeclared"]
        self._validator = validator

    def check_request(self, operation: str, request: Request, body: bytes) -> str:
        """Return how a request breaks the contract; empty if it does not."""
        described = self.operations[operation]
        if request.headers.get(VERSION_HEADER) != self.api_version:
            return f"{VERSION_HEADER} is not {self.api_version}"
        if repeated := [key for key, values in request.args.lists() if len(values) > 1]:
            return f"the parameter {repeated[0]} is there twice"
        query = _parse_query(request.args, described["query"]["properties"])
        if problem := self._problem(query, described["query"]):
            return f"the query: {problem}"
        if "body" not in described:
            return "a body where none belongs" if body else ""
        if not described["body"]:  # bytes
            return ""
        try:
            return self._problem(json.loads(body or b"{}"), described["body"])
        except ValueError:
            return "the body is not JSON"

    def check_answer(self, operation: str, answer: Answer) -> str:
        """Return how a response breaks the contract; empty if it does not, or for a server error.

        Source: GitHub's description, and for the statuses that it leaves out the list in `contract.json`.
        """
        described, status = self.operations[operation], str(answer.status)
        if answer.status >= 500:
            return ""
        if status in described["answers"]:
            schema = described["answers"][status]
        elif status in described["refusals"] or status in self._undeclared:
            schema = {"$ref": "#/$defs/error"}
        else:
            return f"the status {status} is not described"
        if schema is None:
            return "a body where none belongs" if answer.body() else ""
        return self._problem(json.loads(answer.body()), schema)

    def _problem(self, value: Any, schema: Mapping[str, Any]) -> str:
        from jsonschema.exceptions import best_match

        error = best_match(self._validator.evolve(schema=schema).iter_errors(value))
        return f"{error.json_path}: {error.message[:_SHOWN]}" if error else ""


@cache
def load_contract() -> Contract:
    """Read the contract once per process.

    Raises: RefusedError if the library is missing.
    """
    try:
        from jsonschema import Draft202012Validator
    except ImportError as err:
        hint = "install the extra: `pip install 'release-channels[rehearsal]'`"
        raise RefusedError("jsonschema, which validates what GitHub is asked, is not installed", hint=hint) from err
    described = json.loads(files(__package__).joinpath("contract.json").read_text(encoding="utf-8"))
    return Contract(described, Draft202012Validator({"$defs": described["$defs"]}))


def _parse_query(query: MultiDict[str, str], described: Mapping[str, Any]) -> dict[str, Any]:
    """Read the parameters as what they are described to be, where their text allows it."""
    return {key: _parse(value, described.get(key, {}).get("type")) for key, value in query.items()}


def _parse(text: str, kind: str | Iterable[str] | None) -> Any:
    if kind == "integer" and text.isdecimal():
        return int(text)
    return _BOOLEANS.get(text, text) if kind == "boolean" else text
