"""What a job claims beside what the settings imply, and what each refusal of an index means."""

from __future__ import annotations

import base64
import json

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
    """Make a token whose signature nobody checks here."""
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.c2ln"


def test_claims_are_read_out_of_a_token() -> None:
    """The middle part, whatever its length; values that are no text are left out."""
    assert read_claims(token({"repository": "a/b", "iat": 1})) == {"repository": "a/b"}


@pytest.mark.parametrize("text", ["", "abc", "a.%%%.c", token([]), token(1)])
def test_what_is_no_token_is_a_failure(text: str) -> None:
    """Nothing is guessed from it."""
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
    "another repository": (
        {"repository": "acme/other"}, ["the repository is acme/other in this job, but should be acme/demo-tool"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "wrong"), SPELLINGS.values(), ids=SPELLINGS)
def test_each_claim_is_compared_as_the_index_does(changes: dict[str, str], wrong: list[str]) -> None:
    """Letter by letter, but for the environment; the repository is taken in the spelling that GitHub claims."""
    assert list(mismatches(_compare({**CLAIMS, **changes}))) == wrong


@pytest.mark.parametrize(
    ("claimed", "owner", "name"),
    [("Acme/Demo-Tool", "Acme", "Demo-Tool"), ("acme/other", "acme", "demo-tool"), ("", "acme", "demo-tool")],
)
def test_the_values_to_type_are_spelled_as_github_does(claimed: str, owner: str, name: str) -> None:
    """The index looks the repository up letter by letter, so the remote's spelling is not the one to type."""
    fields = dict(WANTED.with_spelling_of({"repository": claimed}).form_fields)
    assert (fields["owner"], fields["repository name"]) == (owner, name)


def test_the_form_is_filled_in_field_by_field() -> None:
    """Owner and name of the repository are two fields there."""
    assert WANTED.form_fields == (
        ("project name", "demo-tool"), ("owner", "acme"), ("repository name", "demo-tool"),
        ("workflow name", "public-release.yml"), ("environment name", "pypi-public"),
    )  # fmt: skip


REFUSALS = {
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
    "all fits": ({}, "invalid-publisher: no publisher fits", "the publisher on the index is missing or differs"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "message", "hint"), REFUSALS.values(), ids=REFUSALS)
def test_an_invalid_publisher_becomes_one_setting_to_change(changes: dict[str, str], message: str, hint: str) -> None:
    """The value that does not fit is named, with where it is set; if all fit, the index's side has to change."""
    stop = explain_refusal("invalid-publisher", "no publisher fits", _compare({**CLAIMS, **changes}), "pypi")
    assert message in str(stop)
    assert hint in stop.hint


CURES = {
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


@pytest.mark.parametrize(("code", "words", "hint"), CURES.values(), ids=CURES)
def test_each_refusal_has_its_cure(code: str, words: str, hint: str) -> None:
    """Also one that nobody knows yet; one code may have several causes."""
    stop = explain_refusal(code, words, FITTING, "pypi")
    assert f"pypi does not trust this job: {code}: {words}" in str(stop)
    assert hint in stop.hint
