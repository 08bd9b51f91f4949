"""A job's claims against the values that the settings imply, and the causes of an index's refusals."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from release_channels.errors import FailedError
from release_channels.model.trusted_publishing import (
    ClaimCheck,
    PublisherValues,
    compare_claims,
    explain_refusal,
    mismatches,
    read_claims,
)

WANTED = PublisherValues("demo-tool", "acme/demo-tool", "public-release.yml", "pypi-public")
CLAIMS = {
    "repository": "Acme/demo-tool",
    "job_workflow_ref": "Acme/demo-tool/.github/workflows/public-release.yml@refs/tags/v1.2.0",
    "environment": "PyPI-public",
}


def _compare(claims: dict[str, str]) -> tuple[ClaimCheck, ...]:
    return compare_claims(claims, WANTED.with_spelling_of(claims))


FITTING = _compare(CLAIMS)


def token(claims: object) -> str:
    """Build a token with an invalid signature, which is not verified here."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_claims_are_decoded_from_a_token() -> None:
    """The middle part, whatever its length; values that are not text are left out."""
    for length in range(1, 9):
        claims = {"repository": "a/" + "b" * length}
        assert read_claims(token({**claims, "iat": 1})) == claims


@pytest.mark.parametrize("text", ["", "abc", "a.%%%.c", token([]), token(1)])
def test_a_malformed_token_is_refused(text: str) -> None:
    with pytest.raises(FailedError, match="OIDC token"):
        read_claims(text)


WORKFLOWS = "Acme/demo-tool/.github/workflows"
SPELLINGS: dict[str, tuple[dict[str, str], list[str]]] = {
    "all as configured": ({}, []),
    "environment in another case": ({"environment": "PYPI-PUBLIC"}, []),
    "repository in another case": ({"repository": "ACME/Demo-Tool"}, []),
    "workflow file in another case": (
        {"job_workflow_ref": f"{WORKFLOWS}/Public-Release.yml@refs/tags/v1.2.0"},
        ["the workflow file is Public-Release.yml in this job, but should be public-release.yml"],
    ),
    "workflow file with another ending": (
        {"job_workflow_ref": f"{WORKFLOWS}/public-release.yaml@refs/tags/v1.2.0"},
        ["the workflow file is public-release.yaml in this job, but should be public-release.yml"],
    ),
    "a workflow of no usual form": (
        {"job_workflow_ref": f"{WORKFLOWS}/public-release.yml"},
        [f"the workflow file is {WORKFLOWS}/public-release.yml in this job, but should be public-release.yml"],
    ),
    "a workflow with a line break": (
        {"job_workflow_ref": f"{WORKFLOWS}/public-release.yml@x\ny"},
        [f"the workflow file is {WORKFLOWS}/public-release.yml@x\ny in this job, but should be public-release.yml"],
    ),
    "another repository": (
        {"repository": "acme/other"}, ["the repository is acme/other in this job, but should be acme/demo-tool"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "wrong"), SPELLINGS.values(), ids=SPELLINGS)
def test_each_claim_is_compared_as_the_index_does(changes: dict[str, str], wrong: list[str]) -> None:
    """Case-sensitively, except for the environment; the repository in the spelling of GitHub's claim."""
    assert list(mismatches(_compare({**CLAIMS, **changes}))) == wrong


def test_an_environment_with_capitals_matches_in_any_case() -> None:
    assert compare_claims({"environment": "pypi"}, replace(WANTED, environment="PyPI"))[2].matches


def test_a_publisher_in_another_case_does_not_match() -> None:
    """A repository that was typed as the remote spells it is not the one that GitHub names."""
    (wrong,) = mismatches(compare_claims({**CLAIMS, "repository": "Acme/Demo-Tool"}, WANTED))
    assert wrong == "the repository is Acme/Demo-Tool in this job, but should be acme/demo-tool"


@pytest.mark.parametrize(
    ("claimed", "owner", "name"),
    [("Acme/Demo-Tool", "Acme", "Demo-Tool"), ("acme/other", "acme", "demo-tool"), ("", "acme", "demo-tool")],
)
def test_the_values_to_type_have_githubs_spelling(claimed: str, owner: str, name: str) -> None:
    """The index compares the repository case-sensitively, so the remote's spelling is wrong."""
    assert replace(WANTED, repository="ACME/x").with_spelling_of({"repository": "Acme/X"}).repository == "Acme/X"
    fields = dict(WANTED.with_spelling_of({"repository": claimed}).form_fields)
    assert (fields["owner"], fields["repository name"]) == (owner, name)


def test_the_form_has_separate_owner_and_repository_fields() -> None:
    assert WANTED.form_fields == (
        ("project name", "demo-tool"), ("owner", "acme"), ("repository name", "demo-tool"),
        ("workflow name", "public-release.yml"), ("environment name", "pypi-public"),
    )  # fmt: skip


REFUSALS: dict[str, tuple[Any, ...]] = {
    "environment missing": (
        {"environment": ""}, "the environment is missing in this job, but should be pypi-public",
        "change `environment: pypi-public` of the job",
    ),
    "another environment": (
        {"environment": "production"}, "the environment is production in this job, but should be pypi-public",
        "change `environment: pypi-public` of the job",
    ),
    "another file": (
        {"job_workflow_ref": "acme/demo-tool/.github/workflows/reusable.yml@refs/tags/v1"},
        "the workflow file is reusable.yml in this job, but should be public-release.yml",
        "never from a reusable workflow",
    ),
    "renamed": (
        {"repository": "acme/new-name"}, "the repository is acme/new-name in this job, but should be acme/demo-tool",
        "`repository` in [tool.release-channels]",
    ),
    "a value of a pending publisher": (
        {"environment": "x"}, "the environment is x in this job", "change `environment", "invalid-pending-publisher",
    ),
    "another cause beside it": (
        {"environment": "x"}, "not-enabled: no publisher fits", "try again later", "not-enabled",
    ),
    "all fits": ({}, "invalid-publisher: no publisher fits", "the publisher on the index is missing or differs"),
}  # fmt: skip


@pytest.mark.parametrize("row", REFUSALS.values(), ids=REFUSALS)
def test_an_invalid_publisher_hints_the_one_setting_to_change(row: tuple[Any, ...]) -> None:
    """If all values match, the publisher on the index has to change."""
    changes, message, hint, code = *row[:3], row[3] if len(row) > 3 else "invalid-publisher"
    stop = explain_refusal(code, "no publisher fits", _compare({**CLAIMS, **changes}), "pypi")
    assert message in str(stop)
    assert hint in stop.hint


HINTS = {
    "pending": ("invalid-pending-publisher", "valid token, but project already exists", "add it to the project itself"),
    "no good token": ("invalid-token", "malformed or invalid token", "run the job again"),
    "token used": ("invalid-reuse-token", "invalid token: already used", "used before"),
    "other server": ("invalid-payload", "unknown trusted publishing issuer", "not from GitHub Enterprise Server"),
    "damaged token": ("invalid-payload", "malformed JWT", "damaged in transit: run the job again"),
    "name taken": (
        "invalid-payload", "The name 'demo' is too similar to an existing project. See there", "choose another one",
    ),
    "name of a standard module": ("invalid-payload", "The name 'json' isn't allowed (conflict", "choose another one"),
    "no new projects": ("invalid-payload", "New project registration temporarily disabled.", "try again later"),
    "request of another form": ("invalid-payload", "1 validation error for TokenPayload", "cannot read the request"),
    "switched off": ("not-enabled", "github trusted publishing functionality not enabled", "try again later"),
    "unknown": ("something-new", "its own words", "the index's response"),
}  # fmt: skip


@pytest.mark.parametrize(("code", "words", "hint"), HINTS.values(), ids=HINTS)
def test_each_refusal_has_its_hint(code: str, words: str, hint: str) -> None:
    """Unknown ones too; one code may have several causes."""
    stop = explain_refusal(code, words, FITTING, "pypi")
    assert f"pypi does not trust this job: {code}: {words}" in str(stop)
    assert hint in stop.hint
