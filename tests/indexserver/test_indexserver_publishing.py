"""Trusted Publishing over TLS with the real client, and what the exchange refuses."""

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
    """A clock that a test moves."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class Site:
    """An index with Trusted Publishing, and what a test does with it."""

    index: RunningIndex
    root: Path
    trusted: TrustedPublishing
    publishers: list[Publisher]
    clock: Clock

    def mint(self, **claims: object) -> requests.Response:
        """Exchange an identity token with these claims instead of the usual ones."""
        return self.post("mint-token", {"token": self.trusted.issuer.token({"aud": "pypi", **claims})})

    def token(self, **claims: object) -> str:
        """Return an upload token."""
        token: str = self.mint(**claims).json()["token"]
        return token

    def post(self, action: str, body: Any) -> requests.Response:
        """Ask one of the two token endpoints."""
        return requests.post(f"{self.index.url}/_/oidc/{action}", json=body, timeout=20)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """An index without TLS on which one workflow may publish."""
    clock = Clock(time.time())
    publishers = [PUBLISHER]
    trusted = TrustedPublishing(publishers, Issuer(CLAIMS, clock=clock), clock=clock)
    with serve(tmp_path / "root", trusted=trusted) as index:
        yield Site(index, tmp_path / "root", trusted, publishers, clock)


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
def test_uv_publishes_as_its_workflow_is_trusted(
    certificates: Path, tmp_path: Path, claims: dict[str, str], publisher: dict[str, Any] | None, refusal: str
) -> None:
    """The real exchange lets the registered workflow upload, and nothing else changes the index."""
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
    """Claim to be a job of a workflow file at a ref."""
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
def test_a_publisher_fits_as_on_the_real_index(claims: Claims, publishers: tuple[Publisher, ...], reason: str) -> None:
    """Owner, repository and workflow file letter by letter, the environment in any case, and never a part of it."""
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
def test_the_publisher_of_the_environment_comes_first(environment: str | None, projects: set[str]) -> None:
    """One that names the job's environment hides those that name none, so their projects are not given."""
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
def test_a_token_that_is_not_good_mints_nothing(site: Site, claims: Claims, code: str, words: str) -> None:
    """The exchange fails with the code that clients know, and with the index's words."""
    answer = site.mint(**claims)
    assert (answer.status_code, answer.json()["message"]) == (422, "Token request failed")
    (error,) = answer.json()["errors"]
    assert (error["code"], words in error["description"]) == (code, True)


def test_a_pending_publisher_makes_its_project_once(tmp_path: Path) -> None:
    """Its first token makes the project, and a second one of the same project fails once and is gone."""
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


def test_a_pending_publisher_comes_too_late_for_a_project_with_files(site: Site, tmp_path: Path) -> None:
    """The project exists, so nothing is made and nothing is uploaded."""
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
def test_a_token_uploads_to_its_own_project_alone(
    site: Site, tmp_path: Path, more: list[Publisher], status: int, words: str, pending: bool
) -> None:
    """A project that does not exist is a wrong name, a 400; one that exists is somebody else's, a 403."""
    site.publishers[:] = [replace(PUBLISHER, pending=pending), *more]
    path, token = make_wheel(tmp_path, PLAIN, name="other"), site.token()
    before = fingerprint(site.root, site.index)
    refused = post(site.index, path, token=token)
    assert (refused.status_code, refused.reason.startswith(words)) == (status, True)
    assert fingerprint(site.root, site.index) == before


def test_an_identity_is_used_once(site: Site) -> None:
    """The second exchange of one identity token fails."""
    assert site.mint(jti="same").status_code == 200
    assert site.mint(jti="same").json()["errors"][0]["code"] == "invalid-reuse-token"


@pytest.mark.parametrize("body", [{}, [], {"token": 1}, {"token": "ä"}, "x"])
def test_a_body_without_a_token_is_refused(site: Site, body: object) -> None:
    """A malformed request is a 422 like every other refusal, at both endpoints."""
    answers = [site.post("mint-token", body), site.post("burn-token", body)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[0].json()["errors"][0]["code"] == "invalid-payload"


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "e30.e30.AAAA", f"e30.{'W1tb' * 9000}.AAAA"])
def test_what_is_no_token_is_refused(site: Site, token: str) -> None:
    """A text that names no issuer is malformed, however broken."""
    error = {"code": "invalid-payload", "description": "malformed JWT"}
    assert site.post("mint-token", {"token": token}).json()["errors"] == [error]


def test_a_forged_identity_is_refused(site: Site) -> None:
    """A token that the issuer did not sign is not good, whatever it claims."""
    token = Issuer(CLAIMS).token({"aud": "pypi"})
    assert site.post("mint-token", {"token": token}).json()["errors"][0]["code"] == "invalid-token"


def test_without_a_good_token_nothing_is_uploaded(site: Site, tmp_path: Path) -> None:
    """A missing, unknown, burnt or expired token is a 403, and nothing changes."""
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


def test_a_token_lives_fifteen_minutes(site: Site, tmp_path: Path) -> None:
    """A second before its end it still uploads."""
    token = site.token()
    site.clock.now += 899
    assert post(site.index, make_wheel(tmp_path, PLAIN), token=token).status_code == 200


def test_only_the_job_gets_its_identity(site: Site) -> None:
    """GitHub's side asks for the job's request token."""
    wrong = requests.get(f"{site.index.url}/github/oidc/token", headers={"Authorization": "bearer x"}, timeout=20)
    assert wrong.status_code == 401


def test_secrets_are_not_shown(site: Site) -> None:
    """Neither the issuer's repr nor the request log contains a secret."""
    token = site.token()
    shown = repr(site.trusted) + "".join(site.index.requests)
    assert not any(secret in shown for secret in (token, site.trusted.issuer.request_token))
    assert repr(site.trusted.issuer.key) not in shown
