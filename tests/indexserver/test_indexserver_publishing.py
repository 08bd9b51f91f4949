"""Trusted Publishing over TLS with the real client, and what the exchange refuses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from release_channels.errors import CommandError
from release_channels.indexserver.oidc import Issuer, Publisher, TrustedPublishing
from release_channels.indexserver.server import RunningIndex, Tls, serve
from tests.indexserver.servers import PLAIN, fingerprint, make_tls, post, publish
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
PUBLISHER = Publisher("acme/demo", "4242", "preview-publish.yml", "pypi-preview", "demo-tool")


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
    trusted = TrustedPublishing((PUBLISHER,), Issuer(CLAIMS, clock=clock), clock=clock)
    with serve(tmp_path / "root", trusted=trusted) as index:
        yield Site(index, tmp_path / "root", trusted, clock)


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
    certificates: Path, tmp_path: Path, claims: dict[str, str], publisher: dict[str, str] | None, refusal: str
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
            assert [path.name for path in (tmp_path / "root").iterdir()] == ["demo_tool-1.0.0-py3-none-any.whl"]
            assert [line.rpartition(" ")[0] for line in index.requests] == [
                "GET /_/oidc/audience", "GET /github/oidc/token", "POST /_/oidc/mint-token",
                "POST /legacy/", "POST /_/oidc/burn-token",
            ]  # fmt: skip


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        pytest.param({"event_name": "pull_request_target"}, "invalid-publisher", id="pull_request_target"),
        pytest.param({"repository": "acme/other"}, "invalid-publisher", id="other repository"),
        pytest.param({"repository_owner_id": "1"}, "invalid-publisher", id="resurrected owner"),
        pytest.param({"repository_owner": "evil"}, "invalid-publisher", id="other owner"),
        pytest.param({"ref": "refs/heads/x", "sha": "0"}, "invalid-publisher", id="ref that is not the workflow's"),
        pytest.param({"environment": None}, "invalid-publisher", id="no environment"),
        pytest.param({"aud": "testpypi"}, "invalid-token", id="other audience"),
        pytest.param({"iss": "https://issuer.example"}, "invalid-token", id="other issuer"),
        pytest.param({"exp": 1}, "invalid-token", id="expired"),
        pytest.param({"nbf": 1e12}, "invalid-token", id="not yet valid"),
        pytest.param({"jti": None}, "invalid-token", id="no jti"),
    ],
)
def test_a_claim_that_does_not_fit_mints_nothing(site: Site, claims: dict[str, object], code: str) -> None:
    """Each claim that is checked makes the exchange fail with the code that clients know."""
    answer = site.mint(**claims)
    assert answer.status_code == 422
    assert answer.json()["message"] == "Token request failed"
    assert answer.json()["errors"][0]["code"] == code


@pytest.mark.parametrize("claims", [{"repository": "ACME/DEMO", "sub": "x"}, {"environment": "PyPI-Preview"}])
def test_spelling_does_not_matter_where_github_ignores_it(site: Site, claims: dict[str, str]) -> None:
    """Repository and environment are compared without case; the subject is not compared at all."""
    refs = {"job_workflow_ref": CLAIMS["job_workflow_ref"].replace("Acme/Demo", claims.get("repository", "Acme/Demo"))}
    assert site.mint(**claims, **refs).status_code == 200


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


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "..", "e30.e30.AAAA"])
def test_a_forged_identity_is_refused(site: Site, token: str) -> None:
    """A token that the issuer did not sign is refused, however broken."""
    assert site.post("mint-token", {"token": token}).json()["errors"][0]["code"] == "invalid-token"


def test_without_a_good_token_nothing_is_uploaded(site: Site, tmp_path: Path) -> None:
    """A missing, unknown, burnt, expired or other project's token is a 403, and nothing changes."""
    path, other = make_wheel(tmp_path, PLAIN), make_wheel(tmp_path, PLAIN, name="other")
    burnt, expired = site.token(), site.token()
    assert site.post("burn-token", {"token": burnt}).status_code == 200
    site.clock.now += 901
    before = fingerprint(site.root, site.index)
    for token in (None, "pypi-unknown", burnt, expired):
        assert post(site.index, path, token=token).status_code == 403
    refused = post(site.index, other, token=site.token())
    assert (refused.status_code, refused.json()["title"]) == (403, "Forbidden")
    assert "isn't allowed to upload to project 'other'" in refused.reason
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
