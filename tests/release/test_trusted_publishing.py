"""Publishing from GitHub Actions: only by Trusted Publishing, against an index that verifies it as the real one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from release_channels.indexserver.oidc import Issuer, Publisher, TrustedPublishing
from release_channels.indexserver.server import Tls
from release_channels.model.outcome import Outcome, Result
from tests.conftest import RunSession
from tests.indexserver.servers import make_tls
from tests.support.repo import Repo
from tests.support.staging import Staging, build_sample, copy_repo, serve_staging

# Any workflow can be a publisher; the preview workflow itself would have to prove its commit, too.
WORKFLOW = "previews.yml"
CLAIMS = {
    "repository": "example/demo-tool",
    "repository_owner": "example",
    "repository_owner_id": "4242",
    "job_workflow_ref": f"example/demo-tool/.github/workflows/{WORKFLOW}@refs/heads/main",
    "ref": "refs/heads/main",
    "sha": "c" * 40,
    "environment": "pypi-internal-preview",
    "event_name": "workflow_run",
}
PUBLISHER = Publisher("example/demo-tool", "4242", WORKFLOW, "pypi-internal-preview", "demo-tool")
AT_PYPI = ("--index", "pypi", "--run-number", "7")


@dataclass(frozen=True)
class Job:
    """A job of the preview workflow: its checkout, an index in place of the real one, and its files."""

    repo: Repo
    staging: Staging
    summary: Path
    output: Path


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tls, Path]:
    """A certificate for localhost and its CA."""
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def built(offline_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """One build for all tests here; they work on copies."""
    return build_sample(tmp_path_factory.mktemp("built"), ("--run-number", "7"), offline_environment)


MakeJob = Callable[..., Job]


@pytest.fixture
def make_job(
    built: Repo, tls: tuple[Tls, Path], tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeJob]:
    """Build the job of a workflow with these publishers and claims."""
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(publishers: tuple[Publisher, ...] = (PUBLISHER,), **claims: str) -> Job:
            issuer = Issuer({**CLAIMS, **claims})
            trusted = TrustedPublishing(publishers, issuer)
            staging = stack.enter_context(serve_staging(tmp_path / "index", trusted=trusted, tls=tls[0]))
            addresses = {"simple": staging.index.simple_url, "upload": staging.index.upload_url}
            (tmp_path / "rehearsal.json").write_text(json.dumps(addresses))
            job = Job(copy_repo(built, tmp_path), staging, tmp_path / "summary.md", tmp_path / "output")
            env = {
                "GITHUB_ACTIONS": "true",
                "GITHUB_WORKFLOW_REF": f"example/demo-tool/.github/workflows/{WORKFLOW}@refs/heads/main",
                "GITHUB_STEP_SUMMARY": str(job.summary),
                "GITHUB_OUTPUT": str(job.output),
                "ACTIONS_ID_TOKEN_REQUEST_URL": f"{staging.index.url}/github/oidc/token?x=1",
                "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
                "RELEASE_CHANNELS_REHEARSAL": str(tmp_path / "rehearsal.json"),
                "SSL_CERT_FILE": str(tls[1]),
                "REQUESTS_CA_BUNDLE": str(tls[1]),
            }
            for name, value in env.items():
                monkeypatch.setenv(name, value)
            return job

        yield make


def _publish(job: Job, run_session: RunSession, *words: str) -> Outcome:
    return run_session(job.repo, *(words or AT_PYPI), steps=("preview-publish",))


def test_the_trusted_workflow_publishes(make_job: MakeJob, run_session: RunSession) -> None:
    """Without a stored token; the outcome contains that it was a rehearsal."""
    job = make_job()
    outcome = _publish(job, run_session)
    assert outcome.line == "published: demo-tool 1.2.0.dev7 on the index pypi (rehearsal)"
    assert job.staging.names == ["demo_tool-1.2.0.dev7-py3-none-any.whl", "demo_tool-1.2.0.dev7.tar.gz"]
    assert "### demo-tool: published (rehearsal)" in job.summary.read_text()
    assert _publish(job, run_session).result is Result.ALREADY


COMPARE = "compare owner, repository, workflow file name and environment with the trusted publisher"
UNTRUSTED: dict[str, tuple[tuple[Publisher, ...], dict[str, str], str]] = {
    "wrong environment": ((PUBLISHER,), {"environment": "pypi-public"}, COMPARE),
    "wrong workflow file": ((replace(PUBLISHER, workflow="release.yml"),), {}, COMPARE),
    "missing publisher": ((), {}, COMPARE),
    "repository in another case": ((replace(PUBLISHER, repository="Example/Demo-Tool"),), {}, COMPARE),
    "other project's publisher": (
        (replace(PUBLISHER, project="other"), replace(PUBLISHER, workflow="release.yml")), {},
        "the index does not accept these credentials: check the token and what it may upload",
    ),
    "pending publisher of another name": (
        (replace(PUBLISHER, project="other", pending=True),), {},
        "the pending publisher has made a project of another name: correct the project name in it or in "
        "pyproject.toml",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("publishers", "claims", "advice"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_an_untrusted_workflow_uploads_nothing(
    make_job: MakeJob,
    run_session: RunSession,
    publishers: tuple[Publisher, ...],
    claims: dict[str, str],
    advice: str,
) -> None:
    """The hint contains the values to compare."""
    job = make_job(publishers, **claims)
    before = job.repo.fingerprint(), job.staging.snapshot()
    outcome = _publish(job, run_session)
    assert outcome.result is Result.FAILED
    assert outcome.hint.splitlines()[-1] == advice
    assert (job.repo.fingerprint(), job.staging.snapshot()) == before


def test_a_job_without_id_token_permission_gets_a_hint(
    make_job: MakeJob, run_session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It contains the one line to add."""
    job = make_job()
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    monkeypatch.delenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    before = job.repo.fingerprint(), job.staging.snapshot()
    outcome = _publish(job, run_session)
    assert not outcome.result.is_good
    assert outcome.hint.splitlines()[-1] == "give the publishing job `permissions: id-token: write`"
    assert (job.repo.fingerprint(), job.staging.snapshot()) == before


@pytest.mark.parametrize(
    "name", ["UV_PUBLISH_TOKEN", "UV_PUBLISH_PASSWORD", "TWINE_PASSWORD", "HATCH_INDEX_AUTH", "PYPI_API_TOKEN"]
)
def test_a_stored_token_in_ci_is_refused_first(
    make_job: MakeJob, run_session: RunSession, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Before the built files are read."""
    job = make_job()
    monkeypatch.setenv(name, "secret-word")
    (job.repo.root / "release.json").unlink()
    before = job.repo.fingerprint(), job.staging.snapshot()
    outcome = _publish(job, run_session)
    assert (outcome.result, outcome.message) == (
        Result.REFUSED, f"preview-publish: a stored index token is set ({name})",
    )  # fmt: skip
    assert "delete it" in outcome.hint
    assert "secret-word" not in job.summary.read_text()
    assert (job.repo.fingerprint(), job.staging.snapshot()) == before


@pytest.mark.parametrize("workflow", ["internal-preview-release.yml", "public-release.yml"])
def test_a_release_workflow_requires_an_index(
    make_job: MakeJob, run_session: RunSession, monkeypatch: pytest.MonkeyPatch, workflow: str
) -> None:
    """It never practises by accident."""
    job = make_job()
    monkeypatch.setenv("GITHUB_WORKFLOW_REF", f"example/demo-tool/.github/workflows/{workflow}@refs/heads/main")
    before = job.repo.fingerprint(), job.staging.snapshot()
    outcome = _publish(job, run_session, "--run-number", "7")
    assert outcome.line == f"refused: no --index in the release workflow {workflow} (rehearsal)"
    assert outcome.hint == "end the line with `-- --index pypi`"
    assert (job.repo.fingerprint(), job.staging.snapshot()) == before


def test_other_workflows_use_the_local_index(
    make_job: MakeJob, run_session: RunSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an option."""
    job = make_job()
    monkeypatch.setenv("GITHUB_WORKFLOW_REF", "example/demo-tool/.github/workflows/test.yml@refs/heads/main")
    outcome = _publish(job, run_session, "--run-number", "7")
    assert (outcome.result, outcome.index) == (Result.PUBLISHED, "local")
    assert job.staging.received == []


@pytest.mark.parametrize("index", ["testpypi", "staging"])
def test_a_rehearsal_reaches_no_other_index(make_job: MakeJob, run_session: RunSession, index: str) -> None:
    """Only pypi is redirected, so every other remote index is refused."""
    job = make_job()
    before = job.repo.fingerprint(), job.staging.snapshot()
    outcome = _publish(job, run_session, "--index", index, "--run-number", "7")
    assert outcome.line == f"refused: a rehearsal cannot publish to {index} (rehearsal)"
    assert (job.repo.fingerprint(), job.staging.snapshot()) == before


@pytest.mark.parametrize("key", ["simple", "upload"])
def test_a_rehearsal_with_a_remote_address_is_refused(
    make_job: MakeJob, run_session: RunSession, tmp_path: Path, key: str
) -> None:
    """One such address is enough."""
    job = make_job()
    addresses = json.loads((tmp_path / "rehearsal.json").read_text())
    (tmp_path / "rehearsal.json").write_text(json.dumps(addresses | {key: "https://index.example/"}))
    before = job.repo.fingerprint(), job.staging.snapshot()
    outcome = _publish(job, run_session)
    assert outcome.result is Result.REFUSED
    assert f'has a "{key}" that is not an http(s) address on this machine: https://index.example/' in outcome.message
    assert (job.repo.fingerprint(), job.staging.snapshot()) == before
