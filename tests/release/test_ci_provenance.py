"""`ci-provenance` verifies the tested commit with real git and the GitHub double, against every kind of lie."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from release_channels.model.outcome import Outcome, Result
from release_channels.model.tested_commit import ARTIFACT, MAX_BYTES, PROVENANCE, GateRun
from release_channels.release.ci_provenance import run_ci_provenance
from tests.conftest import MakeRepo
from tests.github.hubs import NAME, READER, RIGHTLESS, GitHubDouble, open_github
from tests.support.projects import Sample
from tests.support.proofs import GATE, Chain, add_chain, event_of


@pytest.fixture
def github(make_repo: MakeRepo) -> Iterator[GitHubDouble]:
    """GitHub over a repository whose second commit is the tip of main."""
    repo = make_repo(Sample(settings=f'repository = "{NAME}"\n'))
    repo.commit("a later change")
    repo.git("push", "--quiet", "origin", "main")
    with open_github(repo) as opened:
        yield opened


@pytest.fixture
def tested_commit(github: GitHubDouble) -> str:
    """A tested commit that is no longer the tip of main."""
    return github.repo.git("rev-parse", "HEAD^")


@pytest.fixture
def chain(github: GitHubDouble, tested_commit: str) -> Chain:
    """The runs of the tested commit."""
    return add_chain(github.state, tested_commit, tip=github.repo.git("rev-parse", "HEAD"))


def prove(github: GitHubDouble, tmp_path: Path, run: int, *words: str, token: str = READER, **event: Any) -> Outcome:
    """Run the session in a job that a run started."""
    env = {
        **os.environ, **event_of(github.state, run, tmp_path / "event.json", **event),
        "GITHUB_API_URL": github.running.api_url, "GH_TOKEN": token, "GITHUB_OUTPUT": str(tmp_path / "output"),
        "RUNNER_TEMP": str(tmp_path / "temp"),
    }  # fmt: skip
    (tmp_path / "temp").mkdir(exist_ok=True)
    return run_ci_provenance(words, root=github.repo.root, env=env)


def outputs(tmp_path: Path) -> dict[str, str]:
    """Read the outputs for later steps of the job."""
    lines = (tmp_path / "output").read_text().splitlines()
    return {line.partition("<<")[0]: lines[at + 1] for at, line in enumerate(lines) if "<<" in line}


def test_the_tested_commit_and_its_run_number_are_verified(
    github: GitHubDouble, chain: Chain, tested_commit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not main's tip or the gate's own number; each value has its source, and no file is left."""
    before = github.fingerprint()
    outcome = prove(github, tmp_path, chain.gate)
    assert (
        outcome.line == f"done: test.yml and integration-eval.yml passed for commit {tested_commit[:12]}, test run 41"
    )
    values = outputs(tmp_path)
    assert (values["commit"], values["run-number"], values["version"]) == (tested_commit, "41", "1.2.0.dev41")
    said = capsys.readouterr().err
    assert f"test.yml passed for commit {tested_commit[:12]}: run 41, attempt 1" in said
    assert f"integration-eval.yml passed for it: run {chain.gate}, attempt 1" in said
    assert "the commit comes from the event" in said
    assert github.fingerprint() == before
    assert not list((tmp_path / "temp").iterdir())


Spoil = Callable[[Chain], None]
LIES: dict[str, tuple[Spoil, str]] = {
    "forged number": (
        lambda chain: chain.falsify(test_run=replace(chain.claim.test_run, number=999)),
        "it gives the test run the number 999, but GitHub has 41",
    ),
    "forged commit": (
        lambda chain: chain.falsify(commit="f" * 40), f"not {'f' * 12}",
    ),
    "forged test run": (
        lambda chain: chain.falsify(test_run=replace(chain.claim.test_run, id=999)), "not found in acme/demo-tool",
    ),
    "copied from an older gate run": (
        lambda chain: chain.falsify(gate_run=GateRun(999, 1)), "it states run 999 as its origin",
    ),
    "another repository's": (
        lambda chain: chain.falsify(repository="mallory/demo-tool"), "it is of the repository mallory/demo-tool",
    ),
    "expired": (
        lambda chain: chain.state.expire_artifact(chain.artifact), f"the artifact {ARTIFACT} of the gate's run",
    ),
    "no artifact": (
        lambda chain: chain.leave({PROVENANCE: b"{}"}, name="other"), f"left no artifact {ARTIFACT}",
    ),
    "two artifacts": (
        lambda chain: chain.leave_another({PROVENANCE: b"{}"}),
        f"left 2 artifacts {ARTIFACT}, not one",
    ),
    "not JSON": (lambda chain: chain.leave({PROVENANCE: b"{"}), "the provenance is not JSON"),
    "one key more": (
        lambda chain: chain.leave({PROVENANCE: json.dumps({**json.loads(chain.claim.to_json()), "x": 1}).encode()}),
        "the provenance is not usable",
    ),
    "a second file": (
        lambda chain: chain.leave({PROVENANCE: b"{}", "noxfile.py": b""}),
        "contains 2 files, not provenance.json alone",
    ),
    "a path that leads out": (
        lambda chain: chain.leave({f"../{PROVENANCE}": b"{}"}), "contains 1 files, not provenance.json alone",
    ),
    "too large when unpacked": (
        lambda chain: chain.leave({PROVENANCE: b" " * (MAX_BYTES + 1)}), f"is larger than {MAX_BYTES} bytes",
    ),
    "too large an archive": (
        lambda chain: chain.leave({PROVENANCE: os.urandom(3 * MAX_BYTES)}), "is larger than",
    ),
    "the gate runs again": (
        lambda chain: chain.state.rerun(chain.gate, status="in_progress"),
        "started this, and its newest attempt is 2",
    ),
    "the tests ran again and failed": (
        lambda chain: chain.state.rerun(chain.test, conclusion="failure"), "ended failure in attempt 2",
    ),
    "the tests ran again": (
        lambda chain: chain.state.rerun(chain.test), "it is about attempt 1 of the test run, whose newest attempt is 2",
    ),
}  # fmt: skip
STALE: dict[str, dict[str, Any]] = {"the gate runs again": {"run_attempt": 1, "conclusion": "success"}}
_ALWAYS = ("forged number", "expired", "two artifacts", "a second file", "the tests ran again")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in _ALWAYS else pytest.mark.full) for name in LIES]
)
def test_a_lying_tested_commit_is_refused(github: GitHubDouble, chain: Chain, tmp_path: Path, name: str) -> None:
    """Each lie has its own message; nothing changes here, on GitHub or in the runner's directory."""
    spoil, reason = LIES[name]
    spoil(chain)
    before = github.fingerprint()
    outcome = prove(github, tmp_path, chain.gate, **STALE.get(name, {}))
    assert outcome.result is Result.REFUSED
    assert reason in outcome.message
    assert outcome.hint
    assert outputs(tmp_path)["commit"] == ""
    assert github.fingerprint() == before
    assert not list((tmp_path / "temp").iterdir())


FOREIGN: dict[str, tuple[dict[str, object], str]] = {
    "a run of a fork whose branch is called main": ({"gate": {"head_repository": "mallory/demo-tool"}}, "mallory"),
    "a run of another workflow with the same name": ({"gate": {"workflow": "gate.yml"}}, "workflows/gate.yml, not of"),
    "a gate that somebody started by hand": ({"gate": {"event": "workflow_dispatch"}}, "by workflow_dispatch, not"),
    "a nightly gate": ({"gate": {"event": "schedule"}}, "by schedule, not by workflow_run"),
    "a gate that failed": ({"gate": {"conclusion": "failure"}}, "ended failure in attempt 1"),
    "a gate on another branch": ({"gate": {"branch": "side"}}, "is of the branch side, not of main"),
    "tests of a pull request": ({"test": {"event": "pull_request"}}, "by pull_request, not by push"),
    "tests of a fork": ({"test": {"head_repository": "mallory/demo-tool"}}, "of a commit of mallory/demo-tool"),
    "tests that failed": ({"test": {"conclusion": "failure"}}, "the test run"),
}  # fmt: skip
_SOME = ("a run of a fork whose branch is called main", "a run of another workflow with the same name")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in _SOME else pytest.mark.full) for name in FOREIGN]
)
def test_an_unrelated_run_is_refused(github: GitHubDouble, tested_commit: str, tmp_path: Path, name: str) -> None:
    """Its valid artifact is not even opened."""
    spoilt, reason = FOREIGN[name]
    chain = add_chain(github.state, tested_commit, **spoilt)  # type: ignore[arg-type]
    before = github.fingerprint()
    outcome = prove(github, tmp_path, chain.gate)
    assert outcome.result is Result.REFUSED
    assert reason in outcome.message
    assert github.fingerprint() == before
    asked = [request for request in github.running.requests if request.endswith("/zip 302")]
    assert bool(asked) is ("test" in spoilt)


def test_the_event_does_not_override_githubs_answer(github: GitHubDouble, chain: Chain, tmp_path: Path) -> None:
    """GitHub lists a failed run where the event has a passed one."""
    github.state.set_run(chain.gate, "completed", "failure")
    outcome = prove(github, tmp_path, chain.gate, conclusion="success")
    assert outcome.result is Result.REFUSED
    assert f"the gate's run {chain.gate} ended failure in attempt 1" in outcome.message


def test_a_commit_that_is_not_on_main_is_refused(github: GitHubDouble, tmp_path: Path) -> None:
    """Main may have been rewritten after the tests."""
    github.repo.git("switch", "--quiet", "-c", "side", "HEAD^")
    github.repo.commit("aside")
    side = github.repo.git("rev-parse", "HEAD")
    github.repo.git("switch", "--quiet", "main")
    outcome = prove(github, tmp_path, add_chain(github.state, side).gate)
    assert outcome.line == f"refused: the proven commit {side[:12]} is not contained in origin/main"


def test_a_commit_outside_the_clone_is_refused(github: GitHubDouble, tmp_path: Path) -> None:
    """The hint is to fetch more than the tip."""
    outcome = prove(github, tmp_path, add_chain(github.state, "e" * 40).gate)
    assert outcome.result is Result.REFUSED
    assert f"the proven commit {'e' * 12} is not in this clone" in outcome.message
    assert "fetch-depth: 0" in outcome.hint


def test_a_token_without_a_right_is_refused_with_its_name(github: GitHubDouble, chain: Chain, tmp_path: Path) -> None:
    """Downloading the artifact requires it."""
    github.state.private = True
    github.state.tokens[RIGHTLESS] = frozenset({"contents: read"})
    outcome = prove(github, tmp_path, chain.gate, token=RIGHTLESS)
    assert outcome.result is Result.REFUSED
    assert "actions: read" in outcome.hint


@pytest.mark.parametrize("broken", ["", "{", '{"workflow_run": {}}'])
def test_a_malformed_event_is_refused(github: GitHubDouble, chain: Chain, tmp_path: Path, broken: str) -> None:
    env = {**os.environ, **event_of(github.state, chain.gate, tmp_path / "event.json")}
    (tmp_path / "event.json").write_text(broken)
    outcome = run_ci_provenance((), root=github.repo.root, env=env)
    assert outcome.result is Result.REFUSED


def test_without_a_gate_the_test_run_is_verified(
    make_repo: MakeRepo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The preview workflow follows the tests then; no artifact is read."""
    settings = f'repository = "{NAME}"\ngate = {{ enabled = false }}\nrun-offset = 100\n'
    repo = make_repo(Sample(settings=settings))
    sha = repo.git("rev-parse", "HEAD")
    with open_github(repo) as github:
        good = github.state.add_run("test.yml", sha, number=7)
        assert prove(github, tmp_path, good).line == f"done: test.yml passed for commit {sha[:12]}, test run 7"
        values = outputs(tmp_path)
        assert (values["commit"], values["run-number"], values["version"]) == (sha, "7", "1.2.0.dev107")
        assert "artifacts" not in " ".join(github.running.requests)
        fork = github.state.add_run("test.yml", sha, head_repository="mallory/demo-tool")
        assert "of a commit of mallory/demo-tool" in prove(github, tmp_path, fork).message
        gate = github.state.add_run(GATE, sha, event="workflow_run")
        assert "is of .github/workflows/integration-eval.yml, not of" in prove(github, tmp_path, gate).message


def test_by_hand_a_commit_is_verified_by_the_gates_run_name(
    github: GitHubDouble, chain: Chain, tested_commit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """GitHub lists the run under main's tip; its name identifies it, artifact and API verify it."""
    env = {**os.environ, "GITHUB_API_URL": github.running.api_url, "GH_TOKEN": READER}
    outcome = run_ci_provenance(("--commit", tested_commit), root=github.repo.root, env=env)
    assert (outcome.result, outcome.commit, outcome.run_number) == (Result.DONE, tested_commit, 41)
    assert "the commit comes from --commit" in capsys.readouterr().err
    tip = run_ci_provenance((), root=github.repo.root, env=env)
    assert tip.line.startswith("refused: test.yml has not run for commit")


def test_a_run_name_alone_verifies_nothing(github: GitHubDouble, chain: Chain, tested_commit: str) -> None:
    """Another workflow can use the same name, and a run can upload another run's artifact."""
    env = {**os.environ, "GITHUB_API_URL": github.running.api_url, "GH_TOKEN": READER}
    chain.falsify(gate_run=GateRun(chain.gate + 1, 1))
    outcome = run_ci_provenance(("--commit", tested_commit), root=github.repo.root, env=env)
    assert f"it states run {chain.gate + 1} as its origin" in outcome.message


def test_the_candidates_version_is_reported(github: GitHubDouble, tested_commit: str, tmp_path: Path) -> None:
    """On a commit that waits for its tag the gate tests the final."""
    chain = add_chain(github.state, tested_commit, version="1.2.0")
    assert prove(github, tmp_path, chain.gate).version == str(Version("1.2.0"))
