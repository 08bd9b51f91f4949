"""What to do about each refusal of an index, by the index's own words: one table for preflight and upload. Pure.

Source: the refusals in warehouse/oidc/views.py, warehouse/packaging/services.py, warehouse/forklift/legacy.py and
warehouse/forklift/decorators.py of the index's own implementation; how uv passes them on was tried with uv 0.13.9.
"""

from __future__ import annotations

import re


def advise(said: str) -> str:
    """Return what to do about a refusal, or nothing for one that is not known; line breaks do not matter."""
    text = " ".join(said.split())
    return next((advice for sign, advice in _ADVICE if re.search(sign, text)), "")


OVERLOADED = r"status code (429|500|502|503|504)\b"
"""What uv says when an index is overloaded: uv tries again when a connection breaks, and not then."""

_RUN_AGAIN = "run the job again to get a new one"
# In this order: what is special comes before what it contains.
_ADVICE = (
    ("id-token: write", "give the publishing job `permissions: id-token: write`"),
    (
        "invalid-pending-publisher",
        "the project exists already, and a pending publisher does no more: add a publisher to the project itself "
        "(the project's page, Publishing)",
    ),
    (
        "invalid-publisher",
        "compare owner, repository, workflow file name and environment with the trusted publisher",
    ),
    ("invalid-reuse-token", f"this OIDC token was used before: {_RUN_AGAIN}"),
    ("invalid-token", f"the OIDC token has expired or is for another index: {_RUN_AGAIN}"),
    (
        "unknown trusted publishing issuer",
        "the index takes no tokens of this server: use GitHub itself, not GitHub Enterprise Server",
    ),
    ("malformed JWT", f"the OIDC token was damaged on its way: {_RUN_AGAIN}"),
    (
        "conflicts with an existing project|too similar to an existing project|The name .* is(n't allowed| invalid)",
        "the index does not allow this project name: choose another one, here and in the pending publisher",
    ),
    ("New project registration temporarily disabled", "the index makes no new projects for now: try again later"),
    (
        "Non-user identities cannot create new projects",
        "the pending publisher has made a project of another name: correct the project name in it or in pyproject.toml",
    ),
    (
        "not-enabled|publishing functionality not enabled",
        "Trusted Publishing is disabled on the index: try again later",
    ),
    ("invalid-payload", "the index cannot read the request: check what it says, and its status page"),
    ("File already exists", "someone else uploaded this version in the meantime: publish under the next number"),
    ("previously used by a file", "a deleted file's name can never be used again: publish under the next number"),
    ("Missing credentials", "this index wants credentials: set UV_PUBLISH_TOKEN, or publish from CI"),
    (r"status code 40[13]\b", "the index does not accept these credentials: check the token and what it may upload"),
    (
        f"{OVERLOADED}|error sending request",
        "run the same again when the index is well: what has arrived stays, and the rest is added",
    ),
)
