"""GitHub's API description against both the double and the client's requests."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from release_channels.errors import FailedError, RefusedError
from release_channels.rehearsal.github import Answer, GitHubState, serve_github
from release_channels.rehearsal.github.contract import load_contract
from release_channels.rehearsal.github.http import no_access, rate_limited, slow_down
from release_channels.rehearsal.github.routes import ROUTES
from tests.github.contract import extract
from tests.github.hubs import NAME, TOKENS, GitHubDouble, api, open_github
from tests.support.repo import Repo

SHA = "a" * 40


def test_every_operation_is_described() -> None:
    """The double has exactly the operations of the contract, with numbers where GitHub has them."""
    contract = load_contract()
    assert {route.operation for route in ROUTES} == set(contract.operations)
    for route in ROUTES:
        numbers = [variable.startswith("int:") for variable in re.findall("<([^>]*)>", route.path)]
        assert numbers == [kind.get("type") == "integer" for kind in contract.operations[route.operation]["path"]], (
            route
        )


def test_the_contract_is_the_scripts_output() -> None:
    """Package, digest, API version and the list of exceptions are equal, and no line was changed by hand."""
    assert hashlib.sha256(extract.TARGET.read_bytes()).hexdigest() == extract.TAKEN_SHA256
    stored = json.loads(extract.TARGET.read_text(encoding="utf-8"))
    assert stored["about"] == {"source": extract.PACKAGE, "sha256": extract.SHA256, "api_version": "2022-11-28"}
    assert stored["undeclared"] == extract.UNDECLARED
    assert stored["undescribed"] == {name: reason for name, (_, reason) in extract.UNDESCRIBED.items()}
    assert extract.write(stored) == extract.TARGET.read_text(encoding="utf-8")


def test_a_description_is_translated_once() -> None:
    """From OpenAPI to plain JSON Schema, without unused parts."""
    user = {"type": "object", "title": "U", "required": ["id"], "properties": {"id": {"type": "integer"}}}
    deep = {"type": "object", "properties": {"a": {"type": "string"}}, "description": "not read"}
    schema = {
        "type": "object",
        "x-more": 1,
        "required": ["when", "who", "how"],
        "properties": {
            "when": {"type": "string", "format": "date-time", "nullable": True, "example": "today"},
            "who": {"nullable": True, "oneOf": [{"$ref": "#/components/schemas/user"}]},
            "how": {"type": "string", "enum": ["a"], "nullable": True},
            "deep": deep,
            "rules": {"type": "array", "items": {"type": "string"}},
        },
    }
    responses = {"200": {"content": {"application/json": {"schema": schema}}}, "204": {}, "404": {}}
    body = {"content": {"application/json": {"schema": deep}}}
    described = {
        "components": {"schemas": {"user": user}},
        "paths": {"/repos/{owner}/{repo}/x/{id}": {"put": {"responses": responses, "requestBody": body}}},
    }
    extractor = extract.Extractor(described)

    taken = extractor.operation("PUT /x/{}")

    fields = taken["answers"]["200"].pop("properties")
    closed = {"type": "object", "additionalProperties": False}
    assert fields.pop("when")["type"] == ["string", "null"]
    assert fields == {
        "who": {"anyOf": [{"anyOf": [{"$ref": "#/$defs/user"}]}, {"type": "null"}]},
        "how": {"type": ["string", "null"], "enum": ["a", None]},
        "deep": {"type": "object"},
        "rules": {"type": "array", "items": {"type": "string"}},
    }
    assert taken["answers"] == {"200": {**closed, "required": ["when", "who", "how"]}, "204": None}
    assert taken["body"] == {**closed, "properties": {"a": {"type": "string"}}, "required": []}
    assert taken["refusals"] == ["404"]
    assert extractor.shared == {"user": {**closed, "required": ["id"], "properties": {"id": {"type": "integer"}}}}


def test_a_missing_schema_library_hints_at_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it nothing is served."""
    monkeypatch.setitem(sys.modules, "jsonschema", None)
    load_contract.cache_clear()
    with pytest.raises(RefusedError, match="jsonschema") as caught, serve_github(GitHubState(NAME)):
        pass
    assert "release-channels[rehearsal]" in caught.value.hint


RELEASE = {"tag_name": "v1.0.0", "draft": True}
VERSION = "X-GitHub-Api-Version"


@pytest.mark.parametrize(
    ("method", "path", "options", "message"),
    [
        pytest.param("POST", "/releases", {"json": {**RELEASE, "latest": "true"}}, "'latest' was unexpected", id="key"),
        pytest.param("POST", "/releases", {"json": {**RELEASE, "draft": "yes"}}, "$.draft: 'yes'", id="type"),
        pytest.param("POST", "/releases", {"json": {**RELEASE, "make_latest": "no"}}, "$.make_latest", id="value"),
        pytest.param("POST", "/releases", {"json": {"draft": True}}, "'tag_name' is a required", id="required"),
        pytest.param("POST", "/releases?dry=1", {"json": RELEASE}, "'dry' was unexpected", id="parameter of a write"),
        pytest.param("GET", "/actions/runs?sha=a", {}, "'sha' was unexpected", id="parameter"),
        pytest.param("GET", "/releases?per_page=many", {}, "$.per_page: 'many' is not of type", id="number"),
        pytest.param("GET", "/compare/main...main?page=x", {}, "$.page: 'x' is not of type", id="number of compare"),
        pytest.param("GET", "/actions/runs?status=fine", {}, "$.status: 'fine'", id="value of a parameter"),
        pytest.param("GET", "/releases?page=1&page=2", {}, "page is there twice", id="twice"),
        pytest.param("GET", "/releases", {"data": b"x"}, "a body where none belongs", id="body"),
        pytest.param("GET", "/releases", {"headers": {VERSION: None}}, f"{VERSION} is not", id="no version"),
        pytest.param("GET", "/releases", {"headers": {VERSION: "2026-03-10"}}, f"{VERSION} is not", id="other version"),
    ],
)
def test_an_undescribed_request_is_refused(
    github: GitHubDouble, method: str, path: str, options: dict[str, Any], message: str
) -> None:
    """Nothing changes, and the double records a breach."""
    before = github.fingerprint()

    answer = api(github, method, path, **options)

    assert answer.status_code == 422
    assert message in answer.json()["message"]
    (warning,) = github.running.warnings()
    assert warning == github.running.take_breaches()[0]
    assert message in warning
    assert f"{method} /api/v3/repos/{NAME}" in warning
    assert github.fingerprint() == before


@pytest.mark.parametrize("path", ["/branches", "/releases/first", "/actions/runs/", "/environments/a/b"])
def test_an_unknown_operation_is_a_breach(github: GitHubDouble, path: str) -> None:
    """Not only a 404."""
    assert api(github, "GET", path).status_code == 404
    (breach,) = github.running.take_breaches()
    assert "describes no such operation" in breach


@pytest.mark.parametrize("path", ["/compare/main...main?page=x&per_page=0", "/releases?per_page=many&dry=1", ""])
def test_requests_of_other_programs_are_not_checked(github: GitHubDouble, path: str) -> None:
    """They have no API version, and GitHub ignores unknown keys; a test has to say that it sends them."""
    answer = api(github, "GET", path, headers={"User-Agent": "curl", VERSION: None})
    assert (answer.status_code, github.running.warnings()) == (200, ())
    (seen,) = github.running.take_unchecked()
    assert seen == f"GET /api/v3/repos/{NAME}{path.partition('?')[0]} by curl"


@pytest.mark.parametrize(("ask", "status"), [("/releases?size=3", 422), ("/releases", 500)])
def test_an_unexpected_breach_fails_the_test(repo: Repo, ask: str, status: int) -> None:
    """Of a request or of an answer, at the end of every double: no test has to look for it."""
    state = GitHubState(NAME, git=repo.remote, tokens=TOKENS)
    if status == 500:
        state.faults.append(lambda *_: Answer(200, {"releases": []}))
    with pytest.raises(FailedError, match="internal error of the GitHub double") as failed, serve_github(state) as run:
        assert api(GitHubDouble(state, run, repo), "GET", ask).status_code == status
    assert "/releases" in failed.value.hint


def test_a_request_that_escapes_the_contract_fails_the_test(repo: Repo) -> None:
    """One of the product that does not give the client's name."""
    with pytest.raises(AssertionError, match="by other"), open_github(repo) as github:
        api(github, "GET", "/releases", headers={"User-Agent": "other"})


# Where a test leads the client to something else than the double, and why that keeps no contract.
UNSERVED = {
    "tests/adapters/test_hostile_server.py": "a server that answers with garbage",
    "tests/github/test_client_refusals.py": "a closed port",
    "tests/github/test_connect.py": "addresses to which nothing is sent",
    "tests/unit/test_bad_inputs.py": "addresses and answers that are garbage",
}


def test_every_github_of_tests_and_rehearsals_is_validated() -> None:
    """One function starts the double, and each address that is given to the client is that double's."""
    root = Path(__file__).parents[2]
    made, addresses = set(), dict[str, list[str]]()
    for path in sorted([*root.glob("src/**/*.py"), *root.glob("tests/**/*.py")]):
        name = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("GitHubApp"):
                made.add(name)
            addresses.setdefault(name, []).extend(_addresses(node))
    assert made == {"src/release_channels/rehearsal/github/server.py"}
    elsewhere = {name for name, values in addresses.items() if any(not v.endswith(".api_url") for v in values)}
    assert elsewhere == UNSERVED.keys()
    assert sum(bool(values) for values in addresses.values()) > 2 * len(UNSERVED)


def _addresses(node: ast.AST) -> Iterator[str]:
    """Find the values that a piece of code gives GITHUB_API_URL: in a table, or in the environment."""
    pairs: Iterable[tuple[ast.expr | None, ast.expr]] = ()
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
    elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("setenv"):
        pairs = [(node.args[0], node.args[1])]
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
        pairs = [(node.targets[0].slice, node.value)]
    for key, value in pairs:
        if isinstance(key, ast.Constant) and key.value == "GITHUB_API_URL":
            yield ast.unparse(value)


def test_a_breach_is_recorded_also_where_a_fault_answers(github: GitHubDouble) -> None:
    github.state.faults.append(lambda *_: Answer(503))
    api(github, "GET", "/releases?size=3")
    assert len(github.running.take_breaches()) == 1


def test_the_answer_of_a_fault_is_held_against_the_contract_too(github: GitHubDouble) -> None:
    """Only the answer of a proxy may be one that GitHub never gives."""
    for answer, status in (
        (Answer(403, {"message": "no"}, is_githubs=False), 403),
        (Answer(403, {"message": "no"}), 500),
    ):
        for where in (github.state.faults, github.state.lost):
            where.append(lambda *_, answer=answer: answer)
            assert api(github, "GET", "/releases").status_code == status
            where.clear()
    assert ["documentation_url" in warning for warning in github.running.take_failures()] == [True, True]


@pytest.mark.parametrize("fault", [rate_limited(0), slow_down(), slow_down(None), no_access().answer()])
def test_a_refusal_that_any_operation_may_meet_is_described(fault: Answer) -> None:
    """The refusals that the faults of a rehearsal and of the tests use are those that GitHub has."""
    assert {load_contract().check_answer(route.operation, fault) for route in ROUTES} == {""}


def test_an_undescribed_answer_of_the_double_fails() -> None:
    """It is a bug of the double."""
    state = GitHubState(NAME, tokens=TOKENS)
    deployment = state.add_deployment("pypi-public", SHA, "dancing")
    with serve_github(state) as running:
        github = GitHubDouble(state, running, Repo(Path(), Path()))
        assert api(github, "GET", f"/deployments/{deployment}").status_code == 200
        assert running.warnings() == ()
        assert api(github, "GET", f"/deployments/{deployment}/statuses").status_code == 500
        (warning,) = running.take_failures()
    assert "$[0].state: 'dancing' is not one of" in warning


@pytest.mark.parametrize(
    ("operation", "answer", "message"),
    [
        pytest.param("GET /git/ref/{}", Answer(201, {}), "the status 201 is not described", id="status"),
        pytest.param("GET /git/ref/{}", Answer(404, {"message": "no"}), "documentation_url", id="form of a refusal"),
        pytest.param("DELETE /releases/{}", Answer(204, {}), "a body where none belongs", id="body"),
        pytest.param("GET /actions/secrets", Answer(200, {"total_count": 0}), "'secrets' is a required", id="required"),
        pytest.param("GET /releases", Answer(200, {"releases": []}), "is not of type 'array'", id="type"),
        pytest.param("DELETE /releases/{}", Answer(502, b"<html>"), "", id="page of a failing server"),
        pytest.param("DELETE /releases/{}", Answer(204), "", id="nothing"),
    ],
)
def test_an_answer_is_checked_against_its_description(operation: str, answer: Answer, message: str) -> None:
    """By status, and by the form of the body for it."""
    problem = load_contract().check_answer(operation, answer)
    assert bool(problem) == bool(message)
    assert message in problem
