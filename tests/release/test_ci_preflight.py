"""`ci-preflight`: the whole token exchange against an index that checks every claim, without an upload."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from werkzeug.wrappers import Response

from release_channels.indexserver.oidc import Issuer, Publisher, TrustedPublishing
from release_channels.indexserver.server import Tls
from release_channels.model.outcome import Outcome, Result
from release_channels.release.ci_preflight import run_ci_preflight
from tests.conftest import MakeRepo
from tests.indexserver.servers import make_tls
from tests.support.distributions import make_wheel
from tests.support.projects import Sample
from tests.support.repo import Repo
from tests.support.staging import Staging, serve_staging

NAME, PREVIEW, PUBLIC = "acme/demo-tool", "internal-preview-release.yml", "public-release.yml"
PUBLISHERS = (
    Publisher(NAME, "4242", PREVIEW, "pypi-internal-preview", "demo-tool"),
    Publisher(NAME, "4242", PUBLIC, "pypi-public", "demo-tool"),
)
ENVIRONMENTS = {PREVIEW: "pypi-internal-preview", PUBLIC: "pypi-public"}


@dataclass(frozen=True)
class Job:
    """A job that may request an identity, and the index of its exchange."""

    repo: Repo
    staging: Staging
    env: dict[str, str]

    def run(self, *words: str, **changes: str | None) -> Outcome:
        """Run the session with these variables changed; None removes one."""
        env = {name: value for name, value in {**self.env, **changes}.items() if value is not None}
        return run_ci_preflight(words or ("--index", "pypi"), root=self.repo.root, env=env)

    @property
    def requests(self) -> list[str]:
        """The requests of the exchange that the index got, in order."""
        return [request.path.rpartition("/")[2] for request in self.staging.received if "/_/oidc/" in request.path]

    def fingerprint(self) -> object:
        """The state that a preflight must not change."""
        return self.repo.fingerprint(), self.staging.snapshot()


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tls, Path]:
    """A certificate for localhost and its CA."""
    return make_tls(tmp_path_factory.mktemp("tls"))


MakeJob = Callable[..., Job]


@pytest.fixture
def make_job(
    make_repo: MakeRepo, tls: tuple[Tls, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeJob]:
    """Build the preflight job of a workflow with these publishers and claims."""
    with ExitStack() as stack:

        def make(
            publishers: tuple[Publisher, ...] = PUBLISHERS,
            *,
            workflow: str = PREVIEW,
            there: bool = True,
            **claims: str,
        ) -> Job:
            facts = {
                "repository": NAME, "repository_owner": "acme", "repository_owner_id": "4242",
                "job_workflow_ref": f"{NAME}/.github/workflows/{workflow}@refs/heads/main", "ref": "refs/heads/main",
                "sha": "c" * 40,
                "environment": ENVIRONMENTS.get(workflow, ""), "event_name": "workflow_dispatch", **claims,
            }  # fmt: skip
            issuer = Issuer(facts)
            index = tmp_path / "index"
            if there:
                make_wheel(index, version="1.1.0")
            trusted = TrustedPublishing(publishers, issuer)
            staging = stack.enter_context(serve_staging(index, trusted=trusted, tls=tls[0]))
            addresses = {"simple": staging.index.simple_url, "upload": staging.index.upload_url}
            (tmp_path / "rehearsal.json").write_text(json.dumps(addresses))
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls[1]))
            env = {
                "GITHUB_ACTIONS": "true",
                "GITHUB_REPOSITORY": NAME,
                "GITHUB_WORKFLOW_REF": f"{NAME}/.github/workflows/{workflow}@refs/heads/main",
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{staging.index.url}/github/oidc/token?x=1",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
                "RELEASE_CHANNELS_REHEARSAL": str(tmp_path / "rehearsal.json"),
            }
            repo = make_repo(Sample(settings=f'repository = "{NAME}"\n'))
            return Job(repo, staging, {**os.environ, **env})

        yield make


@pytest.mark.parametrize("workflow", [PREVIEW, PUBLIC])
def test_a_trusted_job_succeeds_and_burns_its_token(
    make_job: MakeJob, workflow: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Audience, identity, mint, burn, for either channel; claims and settings are shown, the token is not."""
    job = make_job(workflow=workflow)
    before = job.fingerprint()
    outcome = job.run()
    assert outcome.line == "done: the index pypi (rehearsal) trusts this job; nothing was uploaded"
    assert outcome.warnings == ()
    assert job.requests == ["audience", "mint-token", "burn-token"]
    shown = capsys.readouterr()
    assert f"ok  workflow file  {workflow}  |  {workflow}" in shown.err
    assert f"ok  environment    {ENVIRONMENTS[workflow]}  |  {ENVIRONMENTS[workflow]}" in shown.err
    assert not re.search(r"pypi-[\w-]{20,}|eyJ", shown.out + shown.err)
    assert job.fingerprint() == before


WRONG: dict[str, tuple[tuple[Publisher, ...], dict[str, str], str, str]] = {
    "another environment": (
        PUBLISHERS, {"environment": "production"},
        "the environment is production in this job, but should be pypi-internal-preview",
        "change `environment: pypi-internal-preview` of the job",
    ),
    "no environment": (
        PUBLISHERS, {"environment": ""}, "the environment is missing in this job", "change `environment: ",
    ),
    "another file": (
        PUBLISHERS, {"job_workflow_ref": f"{NAME}/.github/workflows/reusable.yml@refs/heads/main"},
        "the workflow file is reusable.yml in this job", "never from a reusable workflow",
    ),
    "renamed repository": (
        PUBLISHERS, {"repository": "acme/new", "job_workflow_ref": f"acme/new/.github/workflows/{PREVIEW}@x"},
        "the repository is acme/new in this job, but should be acme/demo-tool", "`repository` in",
    ),
    "no publisher": (
        (), {}, "does not trust this job: invalid-publisher", "the publisher on the index is missing or differs",
    ),
    "publisher of another file": (
        (replace(PUBLISHERS[0], workflow="release.yml"),), {}, "invalid-publisher", "missing or differs",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("publishers", "claims", "reason", "hint"), WRONG.values(), ids=WRONG)
def test_an_untrusted_job_gets_the_one_setting_to_change(
    make_job: MakeJob, publishers: tuple[Publisher, ...], claims: dict[str, str], reason: str, hint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The values for the index's form are shown."""
    job = make_job(publishers, **claims)
    before = job.fingerprint()
    outcome = job.run()
    assert outcome.result is Result.REFUSED
    assert reason in outcome.message
    assert hint in outcome.hint
    assert f"workflow name      {PREVIEW}" in capsys.readouterr().err
    assert "burn-token" not in job.requests
    assert job.fingerprint() == before


def test_the_values_to_type_have_githubs_spelling(make_job: MakeJob, capsys: pytest.CaptureFixture[str]) -> None:
    """The index compares case-sensitively, whatever spelling settings and remote have."""
    github = "Acme/Demo-Tool"
    file = f"{github}/.github/workflows/{PREVIEW}@refs/heads/main"
    job = make_job(repository=github, repository_owner="Acme", job_workflow_ref=file)
    before = job.fingerprint()
    outcome = job.run()
    assert outcome.result is Result.REFUSED
    assert "invalid-publisher" in outcome.message
    assert "if only in upper and lower case" in outcome.hint
    shown = capsys.readouterr().err
    assert "  owner              Acme\n  repository name    Demo-Tool\n" in shown
    assert job.fingerprint() == before


def test_a_publisher_without_an_environment_is_refused(make_job: MakeJob) -> None:
    """It trusts every environment, and so other jobs than the settings imply."""
    job = make_job((replace(PUBLISHERS[0], environment=None),), environment="production")
    outcome = job.run()
    assert outcome.result is Result.REFUSED
    assert "trusts this job although the environment is production" in outcome.message
    assert job.requests == ["audience", "mint-token", "burn-token"]


def test_a_new_project_is_not_created(make_job: MakeJob, capsys: pytest.CaptureFixture[str]) -> None:
    """The exchange stops before minting, which would create it, and shows the values to type."""
    job = make_job(there=False)
    before = job.fingerprint()
    outcome = job.run()
    assert outcome.result is Result.SKIPPED
    assert "demo-tool is not on the index pypi (rehearsal) yet, and a token would make it" in outcome.message
    assert job.requests == ["audience"]
    shown = capsys.readouterr().err
    for line in ("project name       demo-tool", "owner              acme", "environment name   pypi-internal-preview"):
        assert line in shown
    assert job.fingerprint() == before


def test_a_wrong_job_of_a_new_project_is_refused(make_job: MakeJob) -> None:
    """Its values have to match before a publisher is registered."""
    outcome = make_job(there=False, environment="production").run()
    assert outcome.result is Result.REFUSED
    assert "put the job and the settings right first" in outcome.hint


REFUSED: dict[str, tuple[tuple[str, ...], dict[str, str | None], str]] = {
    "no permission": ((), {"ACTIONS_ID_TOKEN_REQUEST_URL": None}, "this job may not request an OIDC token"),
    "a GitHub elsewhere": (
        (), {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://github.example/token?x=1"},
        "a rehearsal would request an OIDC token",
    ),
    "a wrong request token": ((), {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "wrong"}, "GitHub answered 401 without value"),
    "no index": (("--verbose",), {}, "which index?"),
    "the local index": (("--index", "local"), {}, "the local index needs no OIDC token"),
    "another workflow": (
        (), {"GITHUB_WORKFLOW_REF": f"{NAME}/.github/workflows/test.yml@x"}, "test.yml is not a release workflow",
    ),
    "no workflow": ((), {"GITHUB_ACTIONS": None}, "no job of GitHub Actions runs here"),
}  # fmt: skip


@pytest.mark.parametrize(("words", "env", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_job_without_an_identity_is_refused(
    make_job: MakeJob, words: tuple[str, ...], env: dict[str, str | None], reason: str
) -> None:
    """No token is requested."""
    job = make_job()
    before = job.fingerprint()
    outcome = job.run(*words, **env)
    assert outcome.result is Result.REFUSED
    assert reason in outcome.message
    assert outcome.hint
    assert "mint-token" not in job.requests
    assert job.fingerprint() == before


def test_a_dry_run_shows_the_values_without_a_request(make_job: MakeJob, capsys: pytest.CaptureFixture[str]) -> None:
    job = make_job()
    assert job.run("--index", "pypi", "--dry-run").result is Result.PLANNED
    assert "environment name   pypi-internal-preview" in capsys.readouterr().err
    assert job.requests == []


@pytest.mark.parametrize(("path", "status"), [("audience", 503), ("audience", 403), ("mint-token", 429)])
def test_a_failing_index_is_not_reported_as_a_refusal(make_job: MakeJob, path: str, status: int) -> None:
    """Its hint is to try again later, not to change a setting."""
    job = make_job()
    job.staging.fault = lambda environ, _: (
        Response("unwell", status=status) if environ["PATH_INFO"].endswith(path) else None
    )
    outcome = job.run()
    assert outcome.result is Result.REFUSED
    assert "later" in outcome.hint


def test_a_token_that_is_not_burned_is_a_warning(make_job: MakeJob) -> None:
    """It expires automatically."""
    job = make_job()
    job.staging.fault = lambda environ, _: (
        Response("unwell", status=503) if environ["PATH_INFO"].endswith("burn-token") else None
    )
    outcome = job.run()
    assert outcome.result is Result.DONE
    assert outcome.warnings == ("the index pypi (rehearsal) answered 503",)
