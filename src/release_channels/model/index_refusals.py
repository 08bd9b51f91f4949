"""What to do about each refusal of an index, by the index's own words: one table for preflight and upload. Pure.

Source: the refusals in warehouse/oidc/views.py, warehouse/packaging/services.py, warehouse/forklift/legacy.py and
warehouse/forklift/decorators.py of the index's own implementation; how uv passes them on was tried with uv 0.13.9.
"""

from __future__ import annotations

import re


def advise(said: str) -> str:
    """Return what to do about a refusal of the index; empty for an unknown one. Line breaks are ignored."""
    text = " ".join(said.split())
    return next((advice for sign, advice in _ADVICE if re.search(sign, text)), "")


OVERLOADED = r"status code (429|500|502|503|504)\b"
"""What uv says when an index is overloaded: uv tries again when a connection breaks, and not then."""

_RUN_AGAIN = "run the job again to get a new one"
_LATER = "the index accepts no uploads for now: run the same again later, and see its status page"
_NEXT = "publish under the next number"
_METADATA = f"correct this field of [project] in pyproject.toml (`nox -s check` names it), and {_NEXT}"
_REBUILD = f"build it again with the build session, and do not repack or rename files: `nox -s check`, then {_NEXT}"
# In this order: what is special comes before what it contains.
_ADVICE = (
    # The exchange of Trusted Publishing.
    ("id-token: write", "give the publishing job `permissions: id-token: write`"),
    (
        "invalid-pending-publisher",
        "the project already exists, so a pending publisher has no effect: add a publisher to the project itself "
        "(the project's page, Publishing)",
    ),
    (
        "pull_request_target",
        "the index takes no upload of a workflow that `pull_request_target` starts: publish from another event",
    ),
    (
        "invalid-publisher",
        "compare owner, repository, workflow file name and environment with the trusted publisher",
    ),
    ("invalid-reuse-token", f"this OIDC token was used before: {_RUN_AGAIN}"),
    ("invalid-token", f"the OIDC token has expired or is for another index: {_RUN_AGAIN}"),
    (
        "unknown trusted publishing issuer",
        "the index takes no tokens of this server: publish from GitHub itself, not from GitHub Enterprise Server",
    ),
    ("malformed JWT", f"the OIDC token was damaged in transit: {_RUN_AGAIN}"),
    (
        "publishing functionality not enabled|not-enabled",
        "Trusted Publishing is disabled on the index: try again later",
    ),
    # A new project.
    ("New project registration temporarily disabled", "the index accepts no new projects for now: try again later"),
    (
        "Too many new projects created",
        "the index accepts no more projects from this account or address: try again in an hour",
    ),
    (
        "conflicts with an existing project|too similar to an existing project|The name .* is(n't allowed| invalid)",
        "the index does not allow this project name: choose another one, here and in the pending publisher",
    ),
    (
        "Non-user identities cannot create new projects",
        "the pending publisher has made a project of another name: correct the project name in it or in pyproject.toml",
    ),
    ("invalid-payload", "the index cannot read the request: check what it says, and its status page"),
    # Who may upload.
    ("[Uu]ploads are temporarily disabled", _LATER),
    (
        "does not have a verified primary email|does not have two-factor",
        "verify the e-mail address of the account on the index and enable two-factor authentication",
    ),
    (
        "Organization account owning this project is inactive",
        "an owner of the organization must reactivate it on the index",
    ),
    ("Missing credentials", "this index requires credentials: set UV_PUBLISH_TOKEN, or publish from CI"),
    (r"status code 40[13]\b", "the index does not accept these credentials: check the token and what it may upload"),
    # What was there before.
    ("File already exists", f"someone else uploaded this version in the meantime: {_NEXT}"),
    ("previously used by a file", f"a deleted file's name can never be used again: {_NEXT}"),
    (
        "releases older than 14 days",
        f"a release accepts no new files after 14 days: its files stay as they are, and {_NEXT}",
    ),
    ("Only one sdist may be uploaded per release", f"the release has an sdist of another name: {_NEXT}"),
    # Sizes.
    (
        "File too large",
        "make the file smaller, or ask the index for a larger limit and set `file-limit` to it",
    ),
    (
        "Project size too large",
        "delete old previews on the index's own page, or ask it for more room (`project-limit` then)",
    ),
    # What is uploaded.
    ("digest supplied does not match", "the file was damaged in transit: run the same again"),
    ("use of local versions", f"take the part behind the + out of the version, and {_NEXT}"),
    ("description failed to render", f"correct the readme (`nox -s check` renders it), and {_NEXT}"),
    ("Can't have direct dependency", f"depend on a project of the index instead of an address, and {_NEXT}"),
    ("License-File .* does not exist", f"correct `license-files` in pyproject.toml, and {_NEXT}"),
    ("invalid entry points", f"correct the scripts and entry points in pyproject.toml, and {_NEXT}"),
    (
        "unsupported platform tag",
        f"a wheel with compiled code needs a tag such as manylinux, of auditwheel for instance; then {_NEXT}",
    ),
    ("Invalid attestations", "the attestations are not of these files: run the job again"),
    (
        "valid classifier|classifier .* deprecated|characters or less|valid email address|valid url|[Mm]ust have a "
        "(URL|label)|metadata version|dynamic field|Only License-Expression|is invalid for '|is a required field|"
        "[Ii]nvalid value for (Name|Version)|is invalid:",
        _METADATA,
    ),
    (
        "Invalid distribution file|Invalid (wheel|source distribution) filename|Invalid file extension|Cannot upload a "
        "file with|Start filename for|is invalid, should be|should contain the normalized|Version in filename|does not "
        "contain the required|Filename is too long",
        _REBUILD,
    ),
    (
        "Unknown protocol version|Upload payload|message digest|Invalid value for|Python version|Should not be a tuple",
        "uv and the index do not understand each other: update uv, or report it",
    ),
    (
        f"{OVERLOADED}|error sending request",
        "run the same again when the index responds: uploaded files stay, and the rest is added",
    ),
)
