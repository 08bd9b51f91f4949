"""Trusted Publishing over TLS with uv, and the refusals of the token exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
from packaging.utils import canonicalize_name

from release_channels.errors import CommandError
from release_channels.indexserver.oidc import (
    Claims,
    Issuer,
    Publisher,
    TokenIssuer,
    TokenRefused,
    TrustedPublishing,
)
from release_channels.indexserver.server import RunningIndex, Tls, serve
from tests.indexserver.servers import PLAIN, distributions_in, fingerprint, make_tls, post, publish
from tests.support.distributions import make_wheel

CLAIMS = {
    "repository": "Acme/Demo",
    "repository_owner": "Acme",
    "repository_owner_id": "4242",
    "job_workflow_ref": "Acme/Demo/.github/workflows/preview-publish.yml@refs/heads/main",
    "workflow_ref": "Acme/Demo/.github/workflows/preview-publish.yml@refs/heads/main",
    "ref": "refs/heads/main",
    "sha": "c" * 40,
    "environment": "pypi-preview",
    "event_name": "workflow_run",
    "sub": "repo:Acme/Demo:environment:pypi-preview",
}
PUBLISHER = Publisher("Acme/Demo", "4242", "preview-publish.yml", "pypi-preview", "demo-tool")


@dataclass
class Clock:
    """A clock that the test sets."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class TrustedIndex:
    """An index with Trusted Publishing, and its requests."""

    index: RunningIndex
    root: Path
    trusted: TrustedPublishing
    publishers: list[Publisher]
    clock: Clock

    def mint(self, **claims: object) -> requests.Response:
        """Exchange an identity token with these claims in place of the usual ones."""
        return self.post("mint-token", {"token": self.trusted.issuer.token({"aud": "pypi", **claims})})

    def token(self, **claims: object) -> str:
        """Return an upload token."""
        token: str = self.mint(**claims).json()["token"]
        return token

    def post(self, action: str, body: Any) -> requests.Response:
        """Send a request to one of the two token endpoints."""
        return requests.post(f"{self.index.url}/_/oidc/{action}", json=body, timeout=20)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[TrustedIndex]:
    """An index without TLS with one trusted workflow."""
    clock = Clock(time.time())
    publishers = [PUBLISHER]
    trusted = TrustedPublishing(publishers, Issuer(CLAIMS, clock=clock), clock=clock)
    with serve(tmp_path / "root", trusted=trusted) as index:
        yield TrustedIndex(index, tmp_path / "root", trusted, publishers, clock)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a certificate for localhost and its CA."""
    directory = tmp_path_factory.mktemp("tls")
    make_tls(directory)
    return directory


@pytest.mark.parametrize(
    ("claims", "publisher", "refusal"),
    [
        pytest.param({}, {}, "", id="all fits"),
        pytest.param({}, {"environment": None}, "", id="publisher for every environment"),
        pytest.param({"environment": "pypi"}, {}, "invalid-publisher", id="wrong environment"),
        pytest.param({}, {"workflow": "public-release.yml"}, "invalid-publisher", id="wrong workflow file"),
        pytest.param({}, None, "invalid-publisher", id="missing publisher"),
    ],
)
def test_uv_publishes_only_from_the_trusted_workflow(
    certificates: Path, tmp_path: Path, claims: dict[str, str], publisher: dict[str, Any] | None, refusal: str
) -> None:
    """Otherwise the exchange refuses, and the index does not change."""
    issuer = Issuer({**CLAIMS, **claims})
    publishers = () if publisher is None else (replace(PUBLISHER, **publisher),)
    tls = Tls(certificates / "cert.pem", certificates / "key.pem")
    with serve(tmp_path / "root", project="demo-tool", trusted=TrustedPublishing(publishers, issuer), tls=tls) as index:
        env = {
            "SSL_CERT_FILE": str(certificates / "ca.pem"),
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{index.url}/github/oidc/token?x=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
        }
        if refusal:
            with pytest.raises(CommandError) as caught:
                publish(index, make_wheel(tmp_path, PLAIN), env=env)
            assert refusal in caught.value.hint
            assert not (tmp_path / "root").exists()
        else:
            publish(index, make_wheel(tmp_path, PLAIN), env=env)
            assert [path.name for path in distributions_in(tmp_path / "root")] == ["demo_tool-1.0.0-py3-none-any.whl"]
            assert [line.rpartition(" ")[0] for line in index.requests] == [
                "GET /_/oidc/audience", "GET /github/oidc/token", "POST /_/oidc/mint-token",
                "POST /legacy/", "POST /_/oidc/burn-token",
            ]  # fmt: skip


def refs(repository: str = "Acme/Demo", file: str = "preview-publish.yml", ref: str = "refs/heads/main") -> Claims:
    """Build the claims of a job of a workflow file at a ref."""
    return {"repository": repository, "job_workflow_ref": f"{repository}/.github/workflows/{file}@{ref}"}


FOR_ANY = replace(PUBLISHER, environment=None)
NONE = "Publisher with matching claims was not found"
# Claims, the registered publishers, and why no token is given; an empty reason is a token.
# Source: warehouse/oidc/models/github.py and warehouse/oidc/services.py.
FITTING: dict[str, tuple[Claims, tuple[Publisher, ...], str]] = {
    "all fits": ({}, (PUBLISHER,), ""),
    "another subject": ({"sub": "x"}, (PUBLISHER,), ""),
    "at a commit": ({**refs(ref="c" * 40), "ref": ""}, (PUBLISHER,), ""),
    "owner in another case": (
        {**refs("ACME/Demo"), "repository_owner": "ACME"}, (PUBLISHER,), NONE,
    ),
    "owner's claim in another case": (
        {"repository_owner": "ACME"}, (PUBLISHER,), "Check failed for required claim 'repository_owner'",
    ),
    "repository in another case": (refs("Acme/demo"), (PUBLISHER,), NONE),
    "registered in another case": ({}, (replace(PUBLISHER, repository="acme/demo"),), NONE),
    "another repository": (refs("Acme/other"), (PUBLISHER,), NONE),
    "resurrected owner": ({"repository_owner_id": "1"}, (PUBLISHER,), NONE),
    "workflow file in another case": (refs(file="Preview-Publish.yml"), (PUBLISHER,), NONE),
    "workflow file with another ending": (refs(file="preview-publish.yaml"), (PUBLISHER,), NONE),
    "reusable workflow of another repository": (
        {**refs("Acme/shared"), "repository": "Acme/Demo"}, (PUBLISHER,), "The job_workflow_ref claim does not match",
    ),
    "a ref that is not the workflow's": (
        {"ref": "refs/heads/x", "sha": "0"}, (PUBLISHER,), "The job_workflow_ref claim does not match",
    ),
    "environment in another case": ({"environment": "PyPI-Preview"}, (PUBLISHER,), ""),
    "registered environment in another case": ({}, (replace(PUBLISHER, environment="PyPI-Preview"),), ""),
    "another environment": ({"environment": "pypi"}, (PUBLISHER,), NONE),
    "no environment": ({"environment": None}, (PUBLISHER,), NONE),
    "a publisher of every environment": ({"environment": "pypi"}, (FOR_ANY,), ""),
    "a publisher of every environment, no environment": ({"environment": None}, (FOR_ANY,), ""),
    "pull_request_target": (
        {"event_name": "pull_request_target"}, (PUBLISHER,), "Publishing from a workflow invoked via",
    ),
    **{
        f"no {name}": ({name: None}, (PUBLISHER,), f"Missing claim {name!r}")
        for name in ("repository", "repository_owner", "repository_owner_id", "job_workflow_ref", "jti", "event_name",
                     "ref", "sha")
    },
}  # fmt: skip


@pytest.mark.parametrize(("claims", "publishers", "reason"), FITTING.values(), ids=FITTING)
def test_a_publisher_matches_as_on_the_real_index(
    claims: Claims, publishers: tuple[Publisher, ...], reason: str
) -> None:
    """Case-sensitively, except for the environment, and only whole values."""
    identity = Issuer(CLAIMS)
    exchange = TokenIssuer(TrustedPublishing(publishers, identity), lambda _project: False)
    token = identity.token({"aud": "pypi", **claims})
    if not reason:
        assert exchange.mint(token).projects == {"demo-tool"}
        return
    with pytest.raises(TokenRefused) as caught:
        exchange.mint(token)
    assert caught.value.code == "invalid-publisher"
    assert str(caught.value).startswith(f"valid token, but no corresponding publisher ({reason}")


PICKED: dict[str, tuple[str | None, set[str]]] = {
    "its own environment": ("pypi-preview", {"narrow"}),
    "another environment": ("pypi", {"wide", "wide-too"}),
    "no environment": (None, {"wide", "wide-too"}),
}


@pytest.mark.parametrize(("environment", "projects"), PICKED.values(), ids=PICKED)
def test_a_publisher_with_the_environment_comes_first(environment: str | None, projects: set[str]) -> None:
    """It hides publishers without an environment, and so their projects."""
    issuer = Issuer(CLAIMS)
    publishers = (
        replace(FOR_ANY, project="wide"), replace(PUBLISHER, project="narrow"), replace(FOR_ANY, project="wide-too"),
    )  # fmt: skip
    exchange = TokenIssuer(TrustedPublishing(publishers, issuer), lambda _project: False)
    assert exchange.mint(issuer.token({"aud": "pypi", "environment": environment})).projects == projects


@pytest.mark.parametrize(
    ("claims", "code", "words"),
    [
        pytest.param({"aud": "testpypi"}, "invalid-token", "malformed or invalid token", id="other audience"),
        pytest.param({"aud": ["pypi"]}, "invalid-token", "malformed or invalid token", id="several audiences"),
        pytest.param({"exp": 1}, "invalid-token", "malformed or invalid token", id="expired"),
        pytest.param({"nbf": 1e12}, "invalid-token", "malformed or invalid token", id="not yet valid"),
        pytest.param(
            {"iss": "https://github.example.com"}, "invalid-payload", "unknown trusted publishing issuer",
            id="other issuer",
        ),
        pytest.param({"iss": None}, "invalid-payload", "malformed JWT", id="no issuer"),
        pytest.param({"environment": "x"}, "invalid-publisher", f"publisher ({NONE})", id="no publisher"),
    ],
)  # fmt: skip
def test_an_invalid_token_is_not_exchanged(site: TrustedIndex, claims: Claims, code: str, words: str) -> None:
    """With the index's code and words."""
    answer = site.mint(**claims)
    assert (answer.status_code, answer.json()["message"]) == (422, "Token request failed")
    (error,) = answer.json()["errors"]
    assert (error["code"], words in error["description"]) == (code, True)


def test_a_pending_publisher_creates_its_project_once(tmp_path: Path) -> None:
    """A second one of the same project fails once and is deleted."""
    issuer = Issuer(CLAIMS)
    late = replace(PUBLISHER, environment="pypi-late", pending=True)
    exchange = TokenIssuer(
        TrustedPublishing((replace(PUBLISHER, pending=True), late), issuer), lambda _project: False
    )  # fmt: skip
    assert not exchange.knows(canonicalize_name("demo-tool"))
    assert exchange.mint(issuer.token({"aud": "pypi"})).projects == {"demo-tool"}
    assert exchange.knows(canonicalize_name("demo-tool"))
    assert exchange.mint(issuer.token({"aud": "pypi"})).projects == {"demo-tool"}
    codes = []
    for _ in range(2):
        with pytest.raises(TokenRefused) as caught:
            exchange.mint(issuer.token({"aud": "pypi", "environment": "pypi-late"}))
        codes.append(caught.value.code)
    assert codes == ["invalid-pending-publisher", "invalid-publisher"]


def test_a_pending_publisher_of_an_existing_project_is_refused(site: TrustedIndex, tmp_path: Path) -> None:
    """Nothing is created or uploaded."""
    make_wheel(site.root, PLAIN)
    site.publishers[:] = [replace(PUBLISHER, pending=True)]
    before = fingerprint(site.root, site.index)
    error = site.mint().json()["errors"][0]
    assert error == {"code": "invalid-pending-publisher", "description": "valid token, but project already exists"}
    assert fingerprint(site.root, site.index) == before


NOT_ITS_OWN: dict[str, tuple[list[Publisher], int, str]] = {
    "no such project": ([], 400, "Non-user identities cannot create new projects."),
    "a project of another publisher": (
        [replace(PUBLISHER, workflow="other.yml", project="other")], 403,
        "The given token isn't allowed to upload to project 'other'.",
    ),
    "only pending, of another workflow": (
        [replace(PUBLISHER, workflow="other.yml", project="other", pending=True)], 400, "Non-user identities",
    ),
}  # fmt: skip


@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize(("more", "status", "words"), NOT_ITS_OWN.values(), ids=NOT_ITS_OWN)
def test_a_token_uploads_only_to_its_own_project(
    site: TrustedIndex, tmp_path: Path, more: list[Publisher], status: int, words: str, pending: bool
) -> None:
    """An unknown project is a 400, one of another owner a 403."""
    site.publishers[:] = [replace(PUBLISHER, pending=pending), *more]
    path, token = make_wheel(tmp_path, PLAIN, name="other"), site.token()
    before = fingerprint(site.root, site.index)
    refused = post(site.index, path, token=token)
    assert (refused.status_code, refused.reason.startswith(words)) == (status, True)
    assert fingerprint(site.root, site.index) == before


def test_an_identity_token_is_exchanged_once(site: TrustedIndex) -> None:
    assert site.mint(jti="same").status_code == 200
    assert site.mint(jti="same").json()["errors"][0]["code"] == "invalid-reuse-token"


@pytest.mark.parametrize("body", [{}, [], {"token": 1}, {"token": "ä"}, "x"])
def test_a_malformed_request_is_a_422(site: TrustedIndex, body: object) -> None:
    """At both endpoints."""
    answers = [site.post("mint-token", body), site.post("burn-token", body)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json()["errors"][0]["code"] == "invalid-payload"


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "e30.e30.AAAA", f"e30.{'W1tb' * 9000}.AAAA"])
def test_a_token_without_an_issuer_is_malformed(site: TrustedIndex, token: str) -> None:
    error = {"code": "invalid-payload", "description": "malformed JWT"}
    assert site.post("mint-token", {"token": token}).json()["errors"] == [error]


def test_a_token_with_a_forged_signature_is_refused(site: TrustedIndex) -> None:
    token = Issuer(CLAIMS).token({"aud": "pypi"})
    assert site.post("mint-token", {"token": token}).json()["errors"][0]["code"] == "invalid-token"


def test_an_upload_without_a_valid_token_is_a_403(site: TrustedIndex, tmp_path: Path) -> None:
    """Missing, unknown, burnt or expired; nothing changes."""
    path = make_wheel(tmp_path, PLAIN)
    burnt, expired = site.token(), site.token()
    assert site.post("burn-token", {"token": burnt}).status_code == 200
    site.clock.now += 901
    before = fingerprint(site.root, site.index)
    for token in (None, "pypi-unknown", burnt, expired):
        refused = post(site.index, path, token=token)
        assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
        assert refused.reason.startswith("Invalid or non-existent authentication information.")
    assert fingerprint(site.root, site.index) == before
    assert post(site.index, path, token=site.token()).status_code == 200


def test_an_upload_token_expires_after_15_minutes(site: TrustedIndex, tmp_path: Path) -> None:
    """A second before that it still uploads."""
    token = site.token()
    site.clock.now += 899
    assert post(site.index, make_wheel(tmp_path, PLAIN), token=token).status_code == 200


def test_only_the_job_gets_its_identity_token(site: TrustedIndex) -> None:
    """The request needs the job's own token."""
    wrong = requests.get(f"{site.index.url}/github/oidc/token", headers={"Authorization": "bearer x"}, timeout=20)
    assert wrong.status_code == 401


def test_no_secret_is_in_the_repr_or_the_log(site: TrustedIndex) -> None:
    token = site.token()
    shown = repr(site.trusted) + "".join(site.index.requests)
    assert not any(secret in shown for secret in (token, site.trusted.issuer.request_token))
    assert repr(site.trusted.issuer.key) not in shown
