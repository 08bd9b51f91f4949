"""Release sessions in the jobs of the workflows: only what is verified and was gated is released."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from release_channels.indexserver.oidc import Issuer, Publisher, TrustedPublishing
from release_channels.indexserver.server import Tls
from release_channels.model.outcome import Outcome, Result
from release_channels.model.strict_json import ManifestFile
from release_channels.model.version import Channel
from release_channels.release import pipeline
from release_channels.release.step import Timeouts
from tests.commands.doing import some_of
from tests.github.hubs import NAME, READER, GitHubDouble, open_github
from tests.indexserver.servers import make_tls
from tests.support.backends import own_backend
from tests.support.proofs import PREVIEW, Chain, add_chain, event_of
from tests.support.releasing import environment
from tests.support.repo import Repo
from tests.support.staging import IGNORED, Staging, copy_repo, read_manifest, serve_staging

PUBLIC = "public-release.yml"
CLAIMS = {
    "repository": NAME, "repository_owner": "acme", "repository_owner_id": "4242", "ref": "refs/heads/main",
    "sha": "c" * 40,
    "job_workflow_ref": f"{NAME}/.github/workflows/{PREVIEW}@refs/heads/main", "environment": "pypi-internal-preview",
    "event_name": "workflow_run",
}  # fmt: skip
PUBLISHER = Publisher(NAME, "4242", PREVIEW, "pypi-internal-preview", "demo-tool")
PATIENCE = Timeouts(tries=(), visible=1.0, first_pause=0.05)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, offline_environment: Mapping[str, str]) -> Repo:
    """A repository with a dev line, its preview of run 41 in dist/, then the tagged final, then a later commit."""
    sample = own_backend(settings=f'repository = "{NAME}"\nrebuild = false\n')
    with environment(offline_environment):
        repo = Repo.create(tmp_path_factory.mktemp("proven"), {**sample.tree(), **IGNORED})
        dev = repo.git("rev-parse", "HEAD")
        assert run(repo, "build", "--offline", "--run-number", "41").result is Result.DONE
        pyproject = (repo.root / "pyproject.toml").read_text()
        repo.write({"pyproject.toml": pyproject.replace("1.2.0.dev0", "1.2.0")})
        repo.commit("the final")
        repo.tag("v1.2.0")
        repo.git("push", "--quiet", "origin", "main", "v1.2.0")
        repo.git("branch", "dev", dev)
    return repo


def run(repo: Repo, step: str, *words: str, **more: object) -> Outcome:
    """Run one step as its session does."""
    return pipeline.run_pipeline(
        step, (step,), words, root=repo.root, env=dict(os.environ), patience=PATIENCE, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@dataclass(frozen=True)
class World:
    """A checkout, GitHub over its remote, and a staging index in place of the real one."""

    repo: Repo
    github: GitHubDouble
    staging: Staging
    place: Path

    @property
    def dev(self) -> str:
        """The preview's commit."""
        return self.repo.git("rev-parse", "dev")

    def gated(self) -> tuple[ManifestFile, ...]:
        """The files in dist/."""
        return tuple(ManifestFile(**file) for file in read_manifest(self.repo)["files"])

    def fingerprint(self) -> object:
        """The state that a refusal must not change."""
        return self.github.fingerprint(), self.staging.snapshot(), self.repo.fingerprint()

    def follow(self, monkeypatch: pytest.MonkeyPatch, run_id: int) -> None:
        """Make this a job that a run started."""
        for name, value in event_of(self.github.state, run_id, self.place / "event.json").items():
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tls, Path]:
    """A certificate for localhost and its CA."""
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def world(
    certificate: tuple[Tls, Path], built: Repo, tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A job with every permission of the publishing job."""
    with ExitStack() as stack:
        tls, bundle = certificate
        issuer = Issuer(CLAIMS)
        trusted = TrustedPublishing((PUBLISHER,), issuer)
        staging = stack.enter_context(serve_staging(tmp_path / "index", trusted=trusted, tls=tls))
        repo = copy_repo(built, tmp_path)
        github = stack.enter_context(open_github(repo))
        addresses = {"simple": staging.index.simple_url, "upload": staging.index.upload_url}
        (tmp_path / "rehearsal.json").write_text(json.dumps(addresses))
        env = {
            "RELEASE_CHANNELS_REHEARSAL": str(tmp_path / "rehearsal.json"),
            "GITHUB_API_URL": github.running.api_url,
            "GH_TOKEN": READER,
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{staging.index.url}/github/oidc/token?x=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
            "SSL_CERT_FILE": str(bundle),
            "REQUESTS_CA_BUNDLE": str(bundle),
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield World(repo, github, staging, tmp_path)


def pass_gate(world: World, **changes: object) -> Chain:
    """Add passed runs of tests and gate for the preview's commit and the files in dist/."""
    facts = {"files": world.gated(), "tip": world.repo.git("rev-parse", "HEAD"), **changes}
    return add_chain(world.github.state, world.dev, **facts)  # type: ignore[arg-type]


def test_the_preview_workflow_publishes_the_verified_commit(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With only `--index pypi`: both jobs use the verified commit, run number and bytes."""
    world.follow(monkeypatch, pass_gate(world).gate)
    shutil.rmtree(world.repo.root / "dist")
    built = run(world.repo, "build", "--index", "pypi")
    assert (built.result, built.commit, built.version) == (Result.DONE, world.dev, "1.2.0.dev41")
    assert "number       41, of the proven test run" in capsys.readouterr().err

    handed_on = world.place / "handed-on"
    handed_on.mkdir()
    for name in ("dist", "release.json"):
        (world.repo.root / name).rename(handed_on / name)
    (handed_on / "noxfile.py").write_text("raise SystemExit\n")
    outcome = run(world.repo, "preview-publish", "--index", "pypi", "--from", str(handed_on), channel=Channel.PREVIEW)
    assert outcome.line == "published: demo-tool 1.2.0.dev41 on the index pypi (rehearsal)"
    assert world.staging.names == ["demo_tool-1.2.0.dev41-py3-none-any.whl", "demo_tool-1.2.0.dev41.tar.gz"]
    assert not (world.repo.root / "noxfile.py").exists()
    output = (world.place / "output").read_text()
    assert f"\n{world.dev}\n" in output
    assert "run-number<<" in output


@pytest.mark.parametrize("step", ["build", "preview-publish"])
def test_bytes_that_differ_from_the_gated_ones_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """In either job; the message contains both digests."""
    files = world.gated()
    world.follow(monkeypatch, pass_gate(world, files=(replace(files[0], sha256="e" * 64), *files[1:])).gate)
    before = world.fingerprint()
    outcome = run(world.repo, step, "--index", "pypi")
    assert outcome.result is Result.REFUSED
    assert f"{step}: the files differ from those that the gate tested: " in outcome.message
    assert files[0].sha256 in outcome.message
    assert "e" * 64 in outcome.message
    assert world.fingerprint() == before


def test_a_version_that_differs_from_the_gated_one_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.follow(monkeypatch, pass_gate(world, version="1.2.0.dev40").gate)
    before = world.fingerprint()
    outcome = run(world.repo, "build", "--index", "pypi")
    assert outcome.line == "refused: the gate tested 1.2.0.dev40, and this is 1.2.0.dev41 (rehearsal)"
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--run-number", "42"), "--run-number 42 was given, and 41 is proven"),
        (("--commit", "main"), "--commit main was given, and "),
    ],
)
def test_options_cannot_replace_the_verified_values(
    world: World, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], reason: str
) -> None:
    """In the preview workflow, for commit and number."""
    world.follow(monkeypatch, pass_gate(world).gate)
    before = world.fingerprint()
    outcome = run(world.repo, "preview-publish", "--index", "pypi", *words)
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith(reason)
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "event", ["push", *(pytest.param(name, marks=pytest.mark.full) for name in ("workflow_dispatch", ""))]
)
def test_other_events_publish_no_preview(world: World, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    """A trigger that is added to the workflow cannot bypass the gate."""
    world.follow(monkeypatch, pass_gate(world).gate)
    monkeypatch.setenv("GITHUB_EVENT_NAME", event)
    before = world.fingerprint()
    outcome = run(world.repo, "preview-publish", "--index", "pypi", "--run-number", "41", "--commit", "dev")
    assert outcome.result is Result.REFUSED
    assert "a preview follows a run of integration-eval.yml" in outcome.message
    assert world.fingerprint() == before


def test_a_commit_that_waits_for_its_tag_is_skipped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate tested the final, and the tag publishes it."""
    final = world.repo.git("rev-parse", "main")
    world.follow(monkeypatch, add_chain(world.github.state, final, version="1.2.0").gate)
    outcome = run(world.repo, "build", "--index", "pypi")
    assert outcome.result is Result.SKIPPED
    assert outcome.to_outputs()["publish"] == "false"


def public(world: World, *words: str) -> Outcome:
    """Build the tagged commit for the real index."""
    return run(world.repo, "build", "--index", "pypi", *words, channel=Channel.PUBLIC)


def final_files(world: World) -> tuple[ManifestFile, ...]:
    """Return the files of the tagged commit."""
    assert run(world.repo, "build", "--offline", "--index", "local", channel=Channel.PUBLIC).result is Result.DONE
    return world.gated()


def test_the_public_channel_requires_tests_and_gate(world: World) -> None:
    """Of the tagged commit; the built files are the gated ones."""
    final = world.repo.git("rev-parse", "main")
    add_chain(world.github.state, final, version="1.2.0", files=final_files(world))
    assert public(world).result is Result.DONE


def test_a_public_build_that_differs_from_the_gated_one_is_refused(world: World) -> None:
    final = world.repo.git("rev-parse", "main")
    files = final_files(world)
    add_chain(world.github.state, final, version="1.2.0", files=(replace(files[0], sha256="e" * 64), *files[1:]))
    before = world.fingerprint()
    outcome = public(world)
    assert outcome.result is Result.REFUSED
    assert "the files differ from those that the gate tested" in outcome.message
    assert world.fingerprint() == before


UNPROVEN: dict[str, tuple[dict[str, object] | None, str]] = {
    "not tested": (None, "test.yml"),
    "tests failed in their newest attempt": ({"test": {"conclusion": "failure"}}, "ended failure in attempt 1"),
    "the gate failed": ({"gate": {"conclusion": "failure"}}, "the gate's run"),
    "the gate is of another commit": (
        {"gate": {"title": "gate of something else"}},
        "integration-eval.yml has not run",
    ),
}


@pytest.mark.parametrize(("spoilt", "reason"), some_of(UNPROVEN, "not tested", "the gate failed"))
def test_an_unverified_tag_is_refused_or_a_warning(world: World, spoilt: dict[str, object] | None, reason: str) -> None:
    """As `public-proof` is set, with the same reason; a refusal moves nothing."""
    final = world.repo.git("rev-parse", "main")
    world.github.state.workflows |= {"test.yml", "integration-eval.yml"}
    if spoilt is not None:
        add_chain(world.github.state, final, version="1.2.0", **spoilt)  # type: ignore[arg-type]
    before = world.fingerprint()
    outcome = public(world)
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith("not proven: ")
    assert reason in outcome.message
    assert 'public-proof = "warn"' in outcome.hint
    assert world.fingerprint() == before


def test_missing_verification_can_be_configured_as_a_warning(world: World) -> None:
    """The outcome contains the reason."""
    pyproject = (world.repo.root / "pyproject.toml").read_text()
    world.repo.write({"pyproject.toml": pyproject.replace("rebuild = false", 'rebuild = false\npublic-proof = "warn"')})
    world.repo.commit("only warn")
    world.repo.git("tag", "--force", "--message", "1.2.0", "v1.2.0")
    world.repo.git("push", "--quiet", "--force", "origin", "main", "v1.2.0")
    world.github.state.workflows |= {"test.yml"}
    outcome = public(world)
    assert outcome.result is Result.DONE
    assert [warning for warning in outcome.warnings if warning.startswith("not proven: test.yml has not run for")]


def test_a_resume_on_a_branch_is_refused_with_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment allows tags only."""
    (world.place / "event.json").write_text(json.dumps({"inputs": {"do": "resume"}, "ref": "refs/heads/main"}))
    for name, value in {
        "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "workflow_dispatch", "GITHUB_REF": "refs/heads/main",
        "GITHUB_EVENT_PATH": str(world.place / "event.json"), "GITHUB_REPOSITORY": NAME,
        "GITHUB_WORKFLOW_REF": f"{NAME}/.github/workflows/{PUBLIC}@refs/heads/main",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    before = world.fingerprint()
    outcome = run(world.repo, "build", "--index", "pypi")
    assert outcome.result is Result.REFUSED
    assert "`resume` continues the release of a tag" in outcome.message
    assert outcome.hint == f"gh workflow run {PUBLIC} --ref v1.2.0 -f do=resume"
    assert world.fingerprint() == before
    monkeypatch.setenv("GITHUB_REF", "refs/tags/v1.2.0")
    add_chain(world.github.state, world.repo.git("rev-parse", "main"), version="1.2.0", files=final_files(world))
    assert run(world.repo, "build", "--index", "pypi").result is Result.DONE


INCOMPLETE_BUILDS = {
    "no directory": (None, "there is no directory"),
    "no manifest": ({}, "there is no release.json"),
    "a file less": ({"release.json": None}, "is in the manifest and not in"),
}


@pytest.mark.parametrize(("files", "reason"), INCOMPLETE_BUILDS.values(), ids=INCOMPLETE_BUILDS)
def test_an_incomplete_build_artifact_is_refused(world: World, files: Mapping[str, None] | None, reason: str) -> None:
    """Nothing is uploaded, and the checkout's own dist/ stays."""
    source = world.place / "handed-on"
    if files is not None:
        source.mkdir()
        for name in files:
            shutil.copy(world.repo.root / name, source / name)
    before = world.fingerprint()
    words = ("--offline", "--run-number", "41", "--commit", "dev", "--from", str(source))
    outcome = run(world.repo, "preview-publish", *words, channel=Channel.PREVIEW)
    assert outcome.result is Result.REFUSED
    assert reason in outcome.message
    assert world.fingerprint() == before


def test_a_session_that_builds_refuses_from(world: World) -> None:
    """It does not use another job's files."""
    outcome = run(world.repo, "build", "--from", "x")
    assert outcome.line.startswith("refused: --from cannot be used with a session that builds")
