"""Take the part of GitHub's own API description that the double answers to, as plain JSON Schema.

    npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
    uv run python -m tests.github.contract.extract package/generated/api.github.com.json

What is kept, for each operation in the double's table of routes:

- the types of the path's parameters, the query parameters, the body of the request, and the body of each answer;
- of a request everything, and no other key is allowed;
- of a refusal the statuses that are described, and one form for all of them;
- of another answer every field by name, and no other is allowed: a required one with all that is below it, an optional
  one with its type alone, unless `READ` has its name because the client looks into it;
- no descriptions, titles, examples, defaults and `x-` extensions.

OpenAPI 3.0 is translated here, once: `nullable` becomes a type, a date-time a pattern, `oneOf` becomes `anyOf`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from release_channels.rehearsal.github.routes import ROUTES

PACKAGE = "@octokit/openapi 23.0.2"
SHA256 = "829b4bebb19a53133289f7b0bc819f4f1118115821db2ca9f25e9ee995a7da2a"
TARGET = Path("src/release_channels/rehearsal/github/contract.json")
# Of what was taken: no line of it is changed by hand.
TAKEN_SHA256 = "c80d0be3c79a7653ac1032db3ff02d617570bec564a4e5f9fbac05df2a61e206"
# The description is of this version; what a later one changes is annotated there and not applied.
API_VERSION = "2022-11-28"
READ = {"conditions", "deployment_branch_policy", "environments", "protection_rules", "ref_name", "reviewer", "rules"}
READ |= {"reviewers", "wait_timer"}
# Where GitHub breaks its own description: any operation may answer so, few name it. Source: GitHub's REST reference.
UNDECLARED = {
    "301": "a repository that was renamed, for reads",
    "307": "a repository that was renamed, for the rest",
    "400": "a body that is not a JSON object, and an unknown version of the API",
    "401": "a token that is unknown, or missing where one is needed",
    "403": "a token that lacks a right, and a rate limit that is used up",
    "404": "what is not there or not visible",
    "422": "a body or a parameter that is not valid",
    "429": "requests that come too fast",
}
# Likewise fields and parameters: the form that they have in truth, and where that is known from.
UNDESCRIBED = {
    "query created": (
        {"type": "string", "pattern": r"^([<>]=?)?\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d))?$"},
        "the reference has it in the syntax of GitHub's search, its schema as one moment",
    ),
    "environment can_admins_bypass": ({"type": "boolean"}, "not in the description, and read by the clients of others"),
    "release-asset state": (
        {"enum": ["uploaded", "open", "starter"]},
        "the reference of the upload names `starter`, its schema does not",
    ),
}
_KEPT = {"additionalProperties", "enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength"}
_KEPT |= {"minimum", "pattern", "type"}
_DATE_TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"
Translator = Callable[[Mapping[str, Any]], dict[str, Any]]


class Extractor:
    """One description, and the shared schemas that were taken from it so far."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.shared: dict[str, Any] = {}
        self._components = description["components"]
        # The names of a path's variables are not always those of the double.
        self._paths = {_anonymous(path): methods for path, methods in description["paths"].items()}

    def operation(self, name: str) -> dict[str, Any]:
        """Take the operation with this method and path.

        Raises: KeyError if GitHub describes none.
        """
        method, _, path = name.partition(" ")
        described = self._paths[f"/repos/{{}}/{{}}{path}"][method.lower()]
        parameters = [self._follow(parameter)[1] for parameter in described.get("parameters", ())]
        query = [one for one in parameters if one["in"] == "query"]
        keys = {
            "properties": {one["name"]: one["schema"] for one in query},
            "required": [one["name"] for one in query if one.get("required")],
        }
        taken: dict[str, Any] = {
            "path": [self._whole(one["schema"]) for one in parameters if one["in"] == "path"][2:],
            "query": self._whole(keys),
            "answers": {
                status: self._content(answer) for status, answer in described["responses"].items() if status < "400"
            },
            "refusals": [status for status in described["responses"] if status >= "400"],
        }
        if body := described.get("requestBody"):
            json_body = body["content"].get("application/json")
            taken["body"] = self._whole(json_body["schema"]) if json_body else {}
        return taken

    def error(self) -> dict[str, Any]:
        """Take the form of a refusal; GitHub adds a status to it that is not described."""
        return self._whole(self._components["schemas"]["validation-error"]) | {"additionalProperties": True}

    def _content(self, answer: Mapping[str, Any]) -> dict[str, Any] | None:
        content = self._follow(answer)[1].get("content", {}).get("application/json")
        return self._needed(content["schema"]) if content else None

    def _whole(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Translate all of a schema, with what it refers to in its place."""
        return _translate(self._follow(schema)[1], self._whole, self._whole)

    def _needed(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Translate what is required of a schema; what it refers to is taken once, to be shared."""
        name, schema = self._follow(schema)
        if not name:
            return _translate(schema, self._needed, self._type_alone)
        if name not in self.shared:
            self.shared[name] = {}  # it may contain itself
            self.shared[name] = _translate(schema, self._needed, self._type_alone)
        return {"$ref": f"#/$defs/{name}"}

    def _type_alone(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Translate an optional field: of an object or a list nothing but that it is one."""
        schema = self._follow(schema)[1]
        if schema.get("type") in (None, "array", "object"):
            schema = {key: schema[key] for key in ("nullable", "type") if key in schema}
        return _translate(schema, self._type_alone, self._type_alone)

    def _follow(self, value: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        """Return what a reference leads to and its name, which is empty for anything else."""
        if "$ref" not in value:
            return "", value
        _, _, kind, name = value["$ref"].split("/")
        return name, self._components[kind][name]


def _translate(schema: Mapping[str, Any], inner: Translator, optional: Translator) -> dict[str, Any]:
    """Translate one level of a schema; `optional` is for the fields that it does not require."""
    taken = {key: value for key, value in schema.items() if key in _KEPT}
    if schema.get("format") == "date-time":
        taken["pattern"] = _DATE_TIME
    if branches := schema.get("anyOf") or schema.get("oneOf"):
        taken["anyOf"] = [inner(branch) for branch in branches]
    if "items" in schema:
        taken["items"] = inner(schema["items"])
    if "properties" in schema:
        required = {*schema.get("required", ()), *READ}
        fields = schema["properties"].items()
        taken["properties"] = {name: (inner if name in required else optional)(field) for name, field in fields}
        taken["required"] = schema.get("required", [])
        taken.setdefault("additionalProperties", False)
    if schema.get("nullable"):
        return _nullable(taken)
    return taken


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]} if schema else {}
    more = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return schema | more | {"type": [schema["type"], "null"]}


def _anonymous(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def extract(description: Mapping[str, Any]) -> dict[str, Any]:
    """Take the operations that the double serves."""
    extractor = Extractor(description)
    operations = {route.operation: extractor.operation(route.operation) for route in ROUTES}
    for name, (schema, _) in UNDESCRIBED.items():
        shared, field = name.split()
        queries = [one["query"] for one in operations.values() if field in one["query"]["properties"]]
        for described in queries if shared == "query" else [extractor.shared[shared]]:
            described["properties"][field] = schema
    return {
        "about": {"source": PACKAGE, "sha256": SHA256, "api_version": API_VERSION},
        "undeclared": UNDECLARED,
        "undescribed": {name: reason for name, (_, reason) in UNDESCRIBED.items()},
        "operations": operations,
        "$defs": extractor.shared | {"error": extractor.error()},
    }


def write(contract: Mapping[str, Any]) -> str:
    """Write each operation and each schema on a line of its own, so that a difference can be read."""
    parts = []
    for title, entries in contract.items():
        lines = [f"{json.dumps(name)}: {json.dumps(entry, sort_keys=True)}" for name, entry in sorted(entries.items())]
        parts.append(f"{json.dumps(title)}: {{\n" + ",\n".join(lines) + "\n}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main(path: Path) -> None:
    """Write the contract from a description, which must be the one named here."""
    text = path.read_bytes()
    if hashlib.sha256(text).hexdigest() != SHA256:
        sys.exit(f"{path} is not that of {PACKAGE}")
    taken = write(extract(json.loads(text))).encode()
    TARGET.write_bytes(taken)
    if (digest := hashlib.sha256(taken).hexdigest()) != TAKEN_SHA256:
        sys.exit(f"the contract has changed: read the difference, then set TAKEN_SHA256 to {digest}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
