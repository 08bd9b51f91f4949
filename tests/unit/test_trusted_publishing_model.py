"""What a job claims beside what the settings imply, and what each refusal of an index means."""

from __future__ import annotations

import base64
import json

import pytest

from release_channels.errors import FailedError
from release_channels.model.trusted_publishing import (
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
FITTING = compare_claims(CLAIMS, WANTED)


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


def test_claims_that_fit_are_compared_without_regard_to_case() -> None:
    """As the index does."""
    assert all(value.matches for value in FITTING)
    assert not list(mismatches(FITTING))


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
    stop = explain_refusal(
        "invalid-publisher", "no publisher fits", compare_claims({**CLAIMS, **changes}, WANTED), "pypi"
    )
    assert message in str(stop)
    assert hint in stop.hint


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("invalid-pending-publisher", "the project already exists"),
        ("invalid-token", "run the job again"),
        ("invalid-reuse-token", "used before"),
        ("invalid-payload", "Enterprise Server"),
        ("not-enabled", "try again later"),
        ("something-new", "the index's response"),
    ],
)
def test_each_refusal_has_its_cure(code: str, hint: str) -> None:
    """Also one that nobody knows yet."""
    stop = explain_refusal(code, "its own words", FITTING, "pypi")
    assert f"pypi does not trust this job: {code}: its own words" in str(stop)
    assert hint in stop.hint
