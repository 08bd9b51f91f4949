"""Every refusal of the real index: the local one refuses alike where it can, and each has a hint.

Source: warehouse/forklift (legacy.py, decorators.py, forms.py, metadata.py), warehouse/packaging/services.py,
warehouse/macaroons/security_policy.py and warehouse/oidc/views.py, as of 2026-08.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path

import pytest

from release_channels.indexserver.app import IndexApp
from release_channels.indexserver.oidc import Claims, Issuer, Publisher, TokenIssuer, TokenRefused, TrustedPublishing
from release_channels.indexserver.upload_rules import Limits
from release_channels.model.index_refusals import advise
from tests.indexserver.servers import PLAIN, form_of, post_in_process, stored
from tests.support.distributions import make_sdist, make_wheel

# The limits of the index in these tests, in bytes.
LIMITS = Limits(file=20_000, project=30_000)
# Prepares the directory of the index, and gives the file that comes, with its form.
Prepare = Callable[[Path, Path], tuple[Path, Mapping[str, str] | None]]


@dataclass(frozen=True)
class Refusal:
    """A refusal of an upload: status, fixed words, a part of the hint, and how to provoke it."""

    status: int
    words: str
    advice: str
    prepare: Prepare | str
    """What makes the local index refuse so, or the reason why it cannot."""


def upload(make: Callable[..., Path] = make_wheel, **options: object) -> Prepare:
    """Upload a distribution of version 2.0.0 with an unchanged form."""
    return lambda _root, directory: (make(directory, PLAIN, **{"version": "2.0.0", **options}), None)


def form(**changes: str) -> Prepare:
    """Upload a valid wheel with a changed form."""

    def prepare(_root: Path, directory: Path) -> tuple[Path, Mapping[str, str]]:
        path = make_wheel(directory, PLAIN, version="2.0.0")
        return path, form_of(path, **changes)

    return prepare


def after(change: Callable[[Path], object], upload_after: Prepare) -> Prepare:
    """Change the index, which has the wheel of version 1.0.0, before the upload."""

    def prepare(root: Path, directory: Path) -> tuple[Path, Mapping[str, str] | None]:
        change(root / "demo_tool-1.0.0-py3-none-any.whl")
        return upload_after(root, directory)

    return prepare


def grow_old(path: Path) -> None:
    """Set the time of a stored file to 15 days ago."""
    uploaded = time.time() - 15 * 86400
    os.utime(path, (uploaded, uploaded))


def delete_by_rename(path: Path) -> None:
    """Delete a file of the local index."""
    path.rename(f"{path}.deleted")


RANDOM = os.urandom(25_000)
CHECKED = "`check` refuses the build before"
ACCOUNT = "there are no accounts here"
OPERATORS = "only the index's operators switch it"
BY_UV = "no form of uv's lacks it"
UPLOADS: dict[str, Refusal] = {
    "read only": Refusal(403, "Read-only mode: Uploads are temporarily disabled.", "again later", OPERATORS),
    "uploads disabled": Refusal(403, "New uploads are temporarily disabled. See", "again later", OPERATORS),
    "user's e-mail": Refusal(
        403, "User 'x', associated with the API token used, does not have a verified primary email address.",
        "account on the index", ACCOUNT,
    ),
    "user's second factor": Refusal(
        403, "User 'x', associated with the API token used, does not have two-factor authentication enabled.",
        "account on the index", ACCOUNT,
    ),
    "user's project": Refusal(403, "The user 'x' isn't allowed to upload to project 'y'.", "may upload", ACCOUNT),
    "damaged or narrow token": Refusal(403, "Invalid API Token: missing scope", "may upload", ACCOUNT),
    "organization": Refusal(400, "Organization account owning this project is inactive.", "an owner of the", ACCOUNT),
    "too many projects": Refusal(429, "Too many new projects created", "in an hour", ACCOUNT),
    "no new projects": Refusal(403, "New project registration temporarily disabled.", "no new projects", OPERATORS),
    "name invalid": Refusal(400, "The name 'x-' is invalid.", "choose another one", CHECKED),
    "name prohibited": Refusal(400, "The name 'x' isn't allowed. See", "choose another one", OPERATORS),
    "name similar": Refusal(400, "The name 'x' is too similar to an existing project.", "choose another", ACCOUNT),
    "name taken": Refusal(409, "The name 'x' conflicts with an existing project.", "choose another one", ACCOUNT),
    "protocol": Refusal(400, "Unknown protocol version.", "update uv", form(protocol_version="2")),
    "no name": Refusal(
        400, "'' is an invalid value for Name. Error: This field is required.", "field of [project]", form(name=""),
    ),
    "no file type": Refusal(
        400, "Invalid value for filetype. Error: This field is required.", "update uv", form(filetype=""),
    ),
    "unknown file type": Refusal(
        400, "Invalid value for filetype. Error: Use a known file type.", "update uv", form(filetype="bdist_egg"),
    ),
    "no digest": Refusal(400, "Error: Include at least one message digest.", "update uv", form(sha256_digest="")),
    "no Python version": Refusal(
        400, "Invalid value for pyversion. Error: Python version is required for binary distribution uploads.",
        "update uv", BY_UV,
    ),
    "a file for a text": Refusal(400, "name: Should not be a tuple.", "update uv", BY_UV),
    "no file": Refusal(400, "Upload payload does not have a file.", "update uv", BY_UV),
    "no version": Refusal(400, "'version' is a required field.", "field of [project]", form(version="")),
    "no good version": Refusal(400, "'two' is invalid for 'version'.", "field of [project]", form(version="two")),
    "local version": Refusal(
        400, "The use of local versions in '2.0.0+g1' is not allowed.", "behind the +", upload(version="2.0.0+g1"),
    ),
    "metadata version": Refusal(400, "'9.0' is not a valid metadata version", "field of [project]", CHECKED),
    "summary": Refusal(400, "'summary' field must be 512 characters or less.", "field of [project]", CHECKED),
    "e-mail": Refusal(400, "'x' is not a valid email address: no @", "field of [project]", CHECKED),
    "unknown classifier": Refusal(
        400, "'Private :: Do Not Upload' is not a valid classifier.", "field of [project]",
        upload(extra=["Classifier: Private :: Do Not Upload"]),
    ),
    "deprecated classifier": Refusal(
        400, "The classifier 'Natural Language :: Ukranian' has been deprecated", "field of [project]", CHECKED,
    ),
    "home page": Refusal(400, "'x' is not a valid url.", "field of [project]", CHECKED),
    "label of a URL": Refusal(400, "Must have a label", "field of [project]", CHECKED),
    "length of a label": Refusal(400, "'label' must be 32 characters or less.", "field of [project]", CHECKED),
    "no URL": Refusal(400, "Must have a URL", "field of [project]", CHECKED),
    "broken dependency": Refusal(
        400, "'???' is invalid for 'requires-dist'.", "field of [project]", upload(extra=["Requires-Dist: ???"]),
    ),
    "direct dependency": Refusal(
        400, "Can't have direct dependency: x @ https://x.example/x", "instead of an address",
        upload(extra=["Requires-Dist: x @ https://x.example/x"]),
    ),
    "dynamic": Refusal(400, "Dynamic field 'x' is not a valid dynamic field.", "field of [project]", CHECKED),
    "license twice": Refusal(
        400, "License is deprecated when License-Expression is present. Only License-Expression should be present.",
        "field of [project]", CHECKED,
    ),
    "description": Refusal(400, "The description failed to render for 'text/x-rst'.", "readme", CHECKED),
    "unprintable name": Refusal(400, "Cannot upload a file with non-printable characters", "repack", BY_UV),
    "path in a name": Refusal(400, "Cannot upload a file with '/' or '\\' in the name.", "repack", BY_UV),
    "extension": Refusal(
        400, "Invalid file extension: Extension .whl is invalid for filetype sdist.", "repack", form(filetype="sdist"),
    ),
    "file size": Refusal(
        400, "File too large. Limit for project 'demo-tool' is ", "`file-limit`", upload(files={"x.bin": RANDOM}),
    ),
    "project size": Refusal(
        400, "Project size too large. Limit for project 'demo-tool' total size is ", "`project-limit`",
        after(lambda path: path.with_name("demo_tool-0.9-py3-none-any.whl").write_bytes(make_wheel(
            path.parent.parent / "big", PLAIN, version="0.9", files={"x.bin": RANDOM + RANDOM[:4000]},
        ).read_bytes()), upload()),
    ),
    "digest": Refusal(
        400, "The digest supplied does not match a digest calculated from the uploaded file.", "damaged in transit",
        form(sha256_digest="0" * 64),
    ),
    "taken name": Refusal(
        400, "File already exists ('demo_tool-1.0.0-py3-none-any.whl', with blake2_256 hash '", "the next number",
        upload(version="1.0.0", extra=["Keywords: x"]),
    ),
    "same bytes under another name": Refusal(
        400, "File already exists ('demo_tool-1.0.0-py2-none-any.whl', with blake2_256 hash '", "the next number",
        upload(version="1.0.0", file_name="demo_tool-1.0.0-py2-none-any.whl"),
    ),
    "name of a deleted file": Refusal(
        400, "This filename was previously used by a file that has since been deleted. Use a different version.",
        "never be used again", after(delete_by_rename, upload(version="1.0.0")),
    ),
    "closed release": Refusal(
        400, "Uploading new files to releases older than 14 days is not allowed.", "after 14 days",
        after(grow_old, upload(make_sdist, version="1.0.0")),
    ),
    "second sdist": Refusal(
        400, "Only one sdist may be uploaded per release.", "an sdist of another name",
        after(
            lambda path: make_sdist(path.parent, PLAIN),
            upload(make_sdist, version="1.0.0", file_name="Demo_Tool-1.0.0.tar.gz", extra=["Keywords: x"]),
        ),
    ),
    "no metadata inside": Refusal(
        400, "Invalid distribution file. ", "repack", upload(make_sdist, instead={"PKG-INFO": ""}),
    ),
    "sdist that does not parse": Refusal(400, "Invalid source distribution filename: x.tar.gz", "repack", BY_UV),
    "wheel that does not parse": Refusal(
        400, "Invalid wheel filename (wrong number of parts): 'x-1.whl'", "repack", BY_UV,
    ),
    "sdist name": Refusal(
        400, "Filename 'demo-tool-2.0.0.tar.gz' is invalid, should be 'demo_tool-2.0.0.tar.gz'.", "repack",
        upload(make_sdist, file_name="demo-tool-2.0.0.tar.gz"),
    ),
    "wheel of another project": Refusal(
        400, "Start filename for 'demo-tool' with 'demo_tool'.", "repack",
        lambda _root, directory: (path := make_wheel(directory, PLAIN, name="other"), form_of(path, name="demo-tool")),
    ),
    "wheel name": Refusal(
        400, "Filename 'Demo_Tool-2.0.0-py3-none-any.whl' should contain the normalized project name 'demo_tool', not "
        "'Demo_Tool'.", "repack", upload(file_name="Demo_Tool-2.0.0-py3-none-any.whl"),
    ),
    "wheel version": Refusal(
        400, "Version in filename should be '2.0.1' not '2.0.0'.", "repack", form(version="2.0.1"),
    ),
    "platform": Refusal(
        400, "Binary wheel 'x-1-cp314-cp314-linux_x86_64.whl' has an unsupported platform tag 'linux_x86_64'.",
        "manylinux", CHECKED,
    ),
    "license file": Refusal(
        400, "License-File LICENSE does not exist in distribution file x-1.tar.gz at x-1/LICENSE", "license-files",
        CHECKED,
    ),
    "no RECORD": Refusal(
        400, "Wheel 'x-1.whl' does not contain the required RECORD file: x-1.dist-info/RECORD", "repack", CHECKED,
    ),
    "no METADATA": Refusal(
        400, "Wheel 'x-1.whl' does not contain the required METADATA file: x-1.dist-info/METADATA", "repack", CHECKED,
    ),
    "entry points": Refusal(
        400, "Wheel 'x-1.whl' has invalid entry points defined in the entry_points.txt file", "scripts", CHECKED,
    ),
    "long name": Refusal(400, "Filename is too long: 'x'", "repack", CHECKED),
    "attestations": Refusal(
        400, "Invalid attestations supplied during upload: x", "not of these files", "nothing here is attested",
    ),
}  # fmt: skip


@pytest.mark.parametrize("refusal", UPLOADS.values(), ids=UPLOADS)
def test_a_refused_upload_has_a_hint(refusal: Refusal) -> None:
    """It is found in uv's output, wherever its lines are wrapped."""
    status = f"{refusal.status} {HTTPStatus(refusal.status).phrase}"
    said = (
        "error: Failed to publish `x-1.tar.gz` to `https://index.example/`\n  cause: Server returned status code "
        f"{status}. Server says: {refusal.status} {refusal.words}"
    )
    assert refusal.advice in advise(said)
    assert advise(said.replace(" ", "\n    ")) == advise(said)


REPRODUCED = {name: (one, one.prepare) for name, one in UPLOADS.items() if not isinstance(one.prepare, str)}


@pytest.mark.parametrize(("refusal", "prepare"), REPRODUCED.values(), ids=REPRODUCED)
def test_the_local_index_refuses_an_upload_as_the_real_one(tmp_path: Path, refusal: Refusal, prepare: Prepare) -> None:
    """With the real index's status and words; nothing changes."""
    root = tmp_path / "root"
    app = IndexApp(root, project="demo-tool", limits=LIMITS)
    assert post_in_process(app, make_wheel(tmp_path / "first", PLAIN)) == (200, "OK")
    path, fields = prepare(root, tmp_path / "then")
    before = stored(root, app)
    status, words = post_in_process(app, path, fields)
    assert (status, words[: len(refusal.words)]) == (refusal.status, refusal.words)
    assert stored(root, app) == before


CLAIMS = {
    "repository": "acme/demo", "repository_owner": "acme", "repository_owner_id": "1", "ref": "refs/heads/main",
    "job_workflow_ref": "acme/demo/.github/workflows/public.yml@refs/heads/main", "sha": "c" * 40,
    "event_name": "push", "environment": "pypi", "aud": "pypi", "jti": "once",
}  # fmt: skip
PUBLISHER = Publisher("acme/demo", "1", "public.yml", "pypi", "demo-tool")


@dataclass(frozen=True)
class TokenRefusal:
    """A refusal of the token exchange: code, fixed words, a part of the hint, and how to provoke it."""

    code: str
    words: str
    advice: str
    claims: Claims | str
    """What is claimed beside the usual, or why the local index cannot refuse so."""
    publishers: tuple[Publisher, ...] = (PUBLISHER,)


EXCHANGES: dict[str, TokenRefusal] = {
    "not enabled": TokenRefusal(
        "not-enabled", "github trusted publishing functionality not enabled", "try again later", OPERATORS
    ),
    "no JSON": TokenRefusal("invalid-payload", "1 validation error for TokenPayload", "cannot read", BY_UV),
    "malformed": TokenRefusal("invalid-payload", "malformed JWT", "damaged in transit", {"iss": None}),
    "issuer": TokenRefusal(
        "invalid-payload", "unknown trusted publishing issuer", "Enterprise Server", {"iss": "https://github.example"}
    ),
    "name of a standard module": TokenRefusal(
        "invalid-payload", "The name 'json' isn't allowed (conflict with Python Standard Library module name).",
        "choose another one", "no names are reserved here",
    ),
    "expired": TokenRefusal("invalid-token", "malformed or invalid token", "run the job again", {"exp": 1}),
    "audience": TokenRefusal("invalid-token", "malformed or invalid token", "another index", {"aud": "testpypi"}),
    "used": TokenRefusal("invalid-reuse-token", "invalid token: already used", "used before", {}),
    "project exists": TokenRefusal(
        "invalid-pending-publisher", "valid token, but project already exists", "to the project itself", {},
        (replace(PUBLISHER, pending=True), replace(PUBLISHER, workflow="other.yml")),
    ),
    "no publisher": TokenRefusal(
        "invalid-publisher",
        "valid token, but no corresponding publisher (Publisher with matching claims was not found)", "compare owner",
        {"environment": "other"},
    ),
    "pull_request_target": TokenRefusal(
        "invalid-publisher", "valid token, but no corresponding publisher (Publishing from a workflow invoked via "
        "'pull_request_target' is not supported.)", "from another event", {"event_name": "pull_request_target"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("refusal", EXCHANGES.values(), ids=EXCHANGES)
def test_a_refused_token_has_a_hint(refusal: TokenRefusal) -> None:
    """uv's output contains code and words in the index's JSON."""
    assert refusal.advice in advise(f'{{"code":"{refusal.code}","description":"{refusal.words}"}}')


EXCHANGED = {name: (one, one.claims) for name, one in EXCHANGES.items() if not isinstance(one.claims, str)}


@pytest.mark.parametrize(("refusal", "claims"), EXCHANGED.values(), ids=EXCHANGED)
def test_the_local_index_refuses_a_token_as_the_real_one(refusal: TokenRefusal, claims: Claims) -> None:
    """With the real index's code and words."""
    issuer = Issuer(CLAIMS)
    exchange = TokenIssuer(TrustedPublishing(refusal.publishers, issuer), lambda _project: False)
    if refusal.code == "invalid-reuse-token":
        exchange.mint(issuer.token())
    with pytest.raises(TokenRefused) as caught:
        exchange.mint(issuer.token(claims))
    assert (caught.value.code, str(caught.value)) == (refusal.code, refusal.words)


def test_an_unknown_refusal_has_no_hint() -> None:
    assert advise("error: something entirely new") == ""
