"""The release sessions in the jobs of the release workflows: what is proven decides, and only what was gated ships."""

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
from tests.github.hubs import NAME, READER, Hub, open_hub
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
    """A repository with a dev line, its preview of run 41 in dist/, then the final, tagged, then a later commit."""
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
    """A checkout, GitHub over its remote, and the index that stands for the real one."""

    repo: Repo
    hub: Hub
    staging: Staging
    place: Path

    @property
    def dev(self) -> str:
        """The commit of the preview."""
        return self.repo.git("rev-parse", "dev")

    def gated(self) -> tuple[ManifestFile, ...]:
        """The files that lie in dist/."""
        return tuple(ManifestFile(**file) for file in read_manifest(self.repo)["files"])

    def fingerprint(self) -> object:
        """Everything that a refusal must leave as it is."""
        return self.hub.fingerprint(), self.staging.picture(), self.repo.fingerprint()

    def follow(self, monkeypatch: pytest.MonkeyPatch, run_id: int) -> None:
        """Let this be a job that a run started."""
        for name, value in event_of(self.hub.state, run_id, self.place / "event.json").items():
            monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tls, Path]:
    """A certificate for localhost, and its CA."""
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def world(
    certificate: tuple[Tls, Path], built: Repo, tmp_path: Path, offline: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """A job with every right that the publishing job has."""
    with ExitStack() as stack:
        tls, bundle = certificate
        issuer = Issuer(CLAIMS)
        trusted = TrustedPublishing((PUBLISHER,), issuer)
        staging = stack.enter_context(serve_staging(tmp_path / "index", trusted=trusted, tls=tls))
        repo = copy_repo(built, tmp_path)
        hub = stack.enter_context(open_hub(repo))
        addresses = {"simple": staging.index.simple_url, "upload": staging.index.upload_url}
        (tmp_path / "rehearsal.json").write_text(json.dumps(addresses))
        env = {
            "RELEASE_CHANNELS_REHEARSAL": str(tmp_path / "rehearsal.json"),
            "GITHUB_API_URL": hub.running.api_url,
            "GH_TOKEN": READER,
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{staging.index.url}/github/oidc/token?x=1",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": issuer.request_token,
            "SSL_CERT_FILE": str(bundle),
            "REQUESTS_CA_BUNDLE": str(bundle),
        }
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        yield World(repo, hub, staging, tmp_path)


def passed(world: World, **changes: object) -> Chain:
    """Let tests and gate have passed for the preview's commit, with the files that lie in dist/."""
    facts = {"files": world.gated(), "tip": world.repo.git("rev-parse", "HEAD"), **changes}
    return add_chain(world.hub.state, world.dev, **facts)  # type: ignore[arg-type]


def test_the_preview_workflow_builds_and_publishes_what_is_proven(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With nothing but `--index pypi` on the line: commit, run number and bytes are the proven ones, in both jobs."""
    world.follow(monkeypatch, passed(world).gate)
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
    told = (world.place / "output").read_text()
    assert f"\n{world.dev}\n" in told
    assert "run-number<<" in told


@pytest.mark.parametrize("step", ["build", "preview-publish"])
def test_other_bytes_than_the_gates_are_refused(world: World, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Neither handed on nor uploaded: both digests are in the message."""
    files = world.gated()
    world.follow(monkeypatch, passed(world, files=(replace(files[0], sha256="e" * 64), *files[1:])).gate)
    before = world.fingerprint()
    outcome = run(world.repo, step, "--index", "pypi")
    assert outcome.result is Result.REFUSED
    assert f"{step}: the files differ from those that the gate tested: " in outcome.message
    assert files[0].sha256 in outcome.message
    assert "e" * 64 in outcome.message
    assert world.fingerprint() == before


def test_another_version_than_the_gates_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate tested another number, so it tested other bytes."""
    world.follow(monkeypatch, passed(world, version="1.2.0.dev40").gate)
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
def test_nothing_by_hand_goes_past_what_is_proven(
    world: World, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], reason: str
) -> None:
    """In the preview workflow an option cannot name another commit or number."""
    world.follow(monkeypatch, passed(world).gate)
    before = world.fingerprint()
    outcome = run(world.repo, "preview-publish", "--index", "pypi", *words)
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith(reason)
    assert world.fingerprint() == before


@pytest.mark.parametrize(
    "event", ["push", *(pytest.param(name, marks=pytest.mark.full) for name in ("workflow_dispatch", ""))]
)
def test_another_event_publishes_no_preview(world: World, monkeypatch: pytest.MonkeyPatch, event: str) -> None:
    """Whoever adds a trigger to the preview workflow gets no way around the gate, whatever stands on the line."""
    world.follow(monkeypatch, passed(world).gate)
    monkeypatch.setenv("GITHUB_EVENT_NAME", event)
    before = world.fingerprint()
    outcome = run(world.repo, "preview-publish", "--index", "pypi", "--run-number", "41", "--commit", "dev")
    assert outcome.result is Result.REFUSED
    assert "a preview follows a run of integration-eval.yml" in outcome.message
    assert world.fingerprint() == before


def test_a_commit_that_waits_for_its_tag_is_skipped(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gate tested the final, and the tag will publish it."""
    final = world.repo.git("rev-parse", "main")
    world.follow(monkeypatch, add_chain(world.hub.state, final, version="1.2.0").gate)
    outcome = run(world.repo, "build", "--index", "pypi")
    assert outcome.result is Result.SKIPPED
    assert outcome.to_outputs()["publish"] == "false"


def public(world: World, *words: str) -> Outcome:
    """Build the tagged commit for the real index."""
    return run(world.repo, "build", "--index", "pypi", *words, channel=Channel.PUBLIC)


def final_files(world: World) -> tuple[ManifestFile, ...]:
    """The files that the tagged commit gives."""
    assert run(world.repo, "build", "--offline", "--index", "local", channel=Channel.PUBLIC).result is Result.DONE
    return world.gated()


def test_the_public_channel_asks_for_tests_and_gate_of_the_tagged_commit(world: World) -> None:
    """Both passed, and what is built is what was gated."""
    final = world.repo.git("rev-parse", "main")
    add_chain(world.hub.state, final, version="1.2.0", files=final_files(world))
    assert public(world).result is Result.DONE


def test_a_public_build_that_is_not_what_was_gated_is_refused(world: World) -> None:
    """A release is what the gate has seen, or it is none."""
    final = world.repo.git("rev-parse", "main")
    files = final_files(world)
    add_chain(world.hub.state, final, version="1.2.0", files=(replace(files[0], sha256="e" * 64), *files[1:]))
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
def test_an_unproven_tag_is_refused_or_warned_about(
    world: World, spoilt: dict[str, object] | None, reason: str
) -> None:
    """`public-proof` says which; the warning contains the same reason, and nothing moves where it is refused."""
    final = world.repo.git("rev-parse", "main")
    world.hub.state.workflows |= {"test.yml", "integration-eval.yml"}
    if spoilt is not None:
        add_chain(world.hub.state, final, version="1.2.0", **spoilt)  # type: ignore[arg-type]
    before = world.fingerprint()
    outcome = public(world)
    assert outcome.result is Result.REFUSED
    assert outcome.message.startswith("not proven: ")
    assert reason in outcome.message
    assert 'public-proof = "warn"' in outcome.hint
    assert world.fingerprint() == before


def test_the_proof_can_be_made_a_warning(world: World) -> None:
    """Then the release goes on, and its outcome carries the reason."""
    pyproject = (world.repo.root / "pyproject.toml").read_text()
    world.repo.write({"pyproject.toml": pyproject.replace("rebuild = false", 'rebuild = false\npublic-proof = "warn"')})
    world.repo.commit("only warn")
    world.repo.git("tag", "--force", "--message", "1.2.0", "v1.2.0")
    world.repo.git("push", "--quiet", "--force", "origin", "main", "v1.2.0")
    world.hub.state.workflows |= {"test.yml"}
    outcome = public(world)
    assert outcome.result is Result.DONE
    assert [warning for warning in outcome.warnings if warning.startswith("not proven: test.yml has not run for")]


def test_resume_on_a_branch_is_refused_with_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is carried on is a tag's release, and the environment admits tags alone."""
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
    add_chain(world.hub.state, world.repo.git("rev-parse", "main"), version="1.2.0", files=final_files(world))
    assert run(world.repo, "build", "--index", "pypi").result is Result.DONE


BAD_HANDOVERS = {
    "no directory": (None, "there is no directory"),
    "no manifest": ({}, "there is no release.json"),
    "a file less": ({"release.json": None}, "is in the manifest and not in"),
}


@pytest.mark.parametrize(("files", "reason"), BAD_HANDOVERS.values(), ids=BAD_HANDOVERS)
def test_what_was_not_handed_on_whole_is_refused(world: World, files: Mapping[str, None] | None, reason: str) -> None:
    """Nothing is uploaded from half a build, and the checkout's own dist/ stays."""
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


def test_what_is_built_is_not_taken_over_as_well(world: World) -> None:
    """A session that builds has no use for another job's files."""
    outcome = run(world.repo, "build", "--from", "x")
    assert outcome.line.startswith("refused: --from cannot be used with a session that builds")
