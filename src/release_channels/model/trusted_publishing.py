"""Trusted Publishing: the claims of a job's OIDC token compared with the configured publisher. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Self

from release_channels.errors import FailedError, RefusedError
from release_channels.model.index_refusals import advise

_WORKFLOW = re.compile(r"(?P<repository>[^/]+/[^/]+)/\.github/workflows/(?P<file>[^/@]+)@.+")


@dataclass(frozen=True, slots=True)
class PublisherValues:
    """The values of one trusted publisher, as the index's form has them."""

    project: str
    repository: str
    workflow: str
    environment: str

    def with_spelling_of(self, claims: Mapping[str, str]) -> Self:
        """Return the values with the repository in GitHub's own upper and lower case.

        Source: warehouse/oidc/models/github.py: owner, repository and workflow file are looked up letter by letter,
        while git and GitHub take any spelling of the repository.
        """
        github = claims.get("repository", "")
        return replace(self, repository=github) if github.lower() == self.repository.lower() else self

    @property
    def form_fields(self) -> tuple[tuple[str, str], ...]:
        """Return the fields of the index's form and their values.

        Source: the index's form for a GitHub publisher, which wants the owner and the repository's name apart.
        """
        owner, _, name = self.repository.partition("/")
        return (
            ("project name", self.project),
            ("owner", owner),
            ("repository name", name),
            ("workflow name", self.workflow),
            ("environment name", self.environment),
        )


@dataclass(frozen=True, slots=True)
class ClaimCheck:
    """One claim that has to match: the claimed value, the configured value, and what to change if they differ."""

    what: str
    claimed: str
    wanted: str
    change: str
    ignores_case: bool = False

    @property
    def matches(self) -> bool:
        """Compare the values as the index does."""
        return self.claimed == self.wanted or (self.ignores_case and self.claimed.lower() == self.wanted.lower())


def read_claims(token: str) -> Mapping[str, str]:
    """Decode the claims of an OIDC token; the index checks its signature.

    Raises: FailedError if it cannot be decoded.
    Source: RFC 7519, three parts in base64url, of which the second contains the claims.
    """
    try:
        body = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, RecursionError) as err:
        raise FailedError("GitHub issued an OIDC token that cannot be decoded", hint="run the job again") from err
    if not isinstance(claims, dict):
        raise FailedError("GitHub issued an OIDC token without claims", hint="run the job again")
    return {str(name): value for name, value in claims.items() if isinstance(value, str)}


def compare_claims(claims: Mapping[str, str], wanted: PublisherValues) -> tuple[ClaimCheck, ...]:
    """Compare a job's claims with the configured publisher.

    Source: warehouse/oidc/models/github.py: repository and workflow file of `job_workflow_ref` letter by letter, the
    environment in any case.
    """
    reference = _WORKFLOW.fullmatch(claims.get("job_workflow_ref", ""))
    file = reference["file"] if reference else claims.get("job_workflow_ref", "")
    return (
        ClaimCheck(
            "repository", claims.get("repository", ""), wanted.repository,
            "`repository` in [tool.release-channels], or was the repository renamed?",
        ),
        ClaimCheck(
            "workflow file", file, wanted.workflow,
            "the job is in another file than the configured one: publish from that file itself, "
            "never from a reusable workflow",
        ),
        ClaimCheck(
            "environment", claims.get("environment", ""), wanted.environment,
            f"`environment: {wanted.environment}` of the job", ignores_case=True,
        ),
    )  # fmt: skip


def explain_refusal(code: str, response: str, compared: tuple[ClaimCheck, ...], index: str) -> RefusedError:
    """Build the error for the index's refusal, with the setting to change."""
    wrong = next((value for value in compared if not value.matches), None)
    if code in ("invalid-publisher", "invalid-pending-publisher") and wrong is not None:
        message = f"the {wrong.what} is {wrong.claimed or 'missing'} in this job, but should be {wrong.wanted}"
        return RefusedError(f"{index} does not trust this job: {message}", hint=f"change {wrong.change}")
    hint = _HINTS.get(code) or advise(f"{code}: {response}") or "check the index's response and its status page"
    return RefusedError(f"{index} does not trust this job: {code or 'no code'}: {response}", hint=hint)


def mismatches(compared: tuple[ClaimCheck, ...]) -> Iterator[str]:
    """Yield a message for every claim that does not match."""
    for value in compared:
        if not value.matches:
            yield f"the {value.what} is {value.claimed or 'missing'} in this job, but should be {value.wanted}"


# A preflight shows the values that the publisher has to have, so its advice can point at them.
_HINTS = {
    "invalid-publisher": "the job matches the settings, so the publisher on the index is missing or differs, if only "
    "in upper and lower case: add it there with the values above (the project's page, Publishing)",
    "invalid-pending-publisher": "the project already exists, and its publisher is only a pending one: "
    "add it to the project itself with the values above (the project's page, Publishing)",
}
