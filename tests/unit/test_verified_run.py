"""A tested commit is a claim: it passes only where GitHub confirms both runs; each lie has its own message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from packaging.version import Version

from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.github import WorkflowRun
from release_channels.model.manifest import Manifest
from release_channels.model.strict_json import ManifestFile
from release_channels.model.tested_commit import GateRun, Provenance, TestRun
from release_channels.model.verification import gate_title, verify_gated, verify_provenance
from release_channels.model.version import Channel

REPOSITORY, SHA, TIP = "acme/demo-tool", "a" * 40, "c" * 40
FILES = (ManifestFile("x-1.0.tar.gz", 1, "b" * 64), ManifestFile("x-1.0-py3-none-any.whl", 1, "d" * 64))
TEST = WorkflowRun(
    id=7, number=41, attempt=1, path=".github/workflows/test.yml", repository=REPOSITORY, event="push",
    status="completed", conclusion="success", sha=SHA, branch="main", head_repository=REPOSITORY, url="", title="",
    created_at=datetime(2026, 11, 1, tzinfo=UTC),
)  # fmt: skip
GATE = replace(
    TEST, id=8, number=3, path=".github/workflows/integration-eval.yml", event="workflow_run", sha=TIP
)  # fmt: skip
CLAIM = Provenance(REPOSITORY, SHA, TestRun(7, 41, 1, TEST.path), GateRun(8, 1), {}, "x", Version("1.0.dev41"), FILES)

Lie = tuple[Provenance, WorkflowRun, WorkflowRun]
LIES: dict[str, tuple[Lie, str]] = {
    "forged commit": (
        (replace(CLAIM, commit=TIP), TEST, GATE), f"the test run 7 tested commit {SHA[:12]}, not {TIP[:12]}",
    ),
    "forged number": (
        (replace(CLAIM, test_run=replace(CLAIM.test_run, number=999)), TEST, GATE),
        "it gives the test run the number 999, but GitHub has 41",
    ),
    "another test run": (
        (replace(CLAIM, test_run=replace(CLAIM.test_run, id=6)), TEST, GATE),
        "it names the test run 6, not 7",
    ),
    "another repository": (
        (replace(CLAIM, repository="mallory/demo-tool"), TEST, GATE),
        "it is of the repository mallory/demo-tool, not of acme/demo-tool",
    ),
    "stale test attempt": (
        (CLAIM, replace(TEST, attempt=2), GATE), "it is about attempt 1 of the test run, whose newest attempt is 2",
    ),
    "another path": (
        (replace(CLAIM, test_run=replace(CLAIM.test_run, path=".github/workflows/t.yml")), TEST, GATE),
        "it names .github/workflows/t.yml, but the test run is of .github/workflows/test.yml",
    ),
    "test of another workflow with the same name": (
        (replace(CLAIM, test_run=replace(CLAIM.test_run, path=".github/workflows/t.yml")),
         replace(TEST, path=".github/workflows/t.yml"), GATE),
        "the test run 7 is of .github/workflows/t.yml, not of .github/workflows/test.yml",
    ),
    "test of a pull request": (
        (CLAIM, replace(TEST, event="pull_request"), GATE), "the test run 7 was started by pull_request, not by push",
    ),
    "test of a fork whose branch is called main": (
        (CLAIM, replace(TEST, head_repository="mallory/demo-tool"), GATE),
        "the test run 7 is of a commit of mallory/demo-tool, not of acme/demo-tool",
    ),
    "test of a fork that is gone": (
        (CLAIM, replace(TEST, head_repository=None), GATE),
        "the test run 7 is of a commit of a deleted repository, not of acme/demo-tool",
    ),
    "test of another branch": (
        (CLAIM, replace(TEST, branch="side"), GATE), "the test run 7 is of the branch side, not of main",
    ),
    "test that belongs elsewhere": (
        (CLAIM, replace(TEST, repository="acme/other"), GATE),
        "the test run 7 belongs to acme/other, not to acme/demo-tool",
    ),
    "failed test": ((CLAIM, replace(TEST, conclusion="failure"), GATE), "the test run 7 ended failure in attempt 1"),
    "running test": (
        (CLAIM, replace(TEST, status="in_progress", conclusion=None), GATE),
        "the test run 7 is in_progress again, in attempt 1",
    ),
    "gate of another workflow with the same name": (
        (CLAIM, TEST, replace(GATE, path=".github/workflows/other.yml")),
        "the gate's run 8 is of .github/workflows/other.yml, not of .github/workflows/integration-eval.yml",
    ),
    "gate by hand": (
        (CLAIM, TEST, replace(GATE, event="workflow_dispatch")),
        "the gate's run 8 was started by workflow_dispatch, not by workflow_run",
    ),
    "gate of a fork": (
        (CLAIM, TEST, replace(GATE, head_repository="mallory/demo-tool")),
        "the gate's run 8 is of a commit of mallory/demo-tool, not of acme/demo-tool",
    ),
    "failed gate": ((CLAIM, TEST, replace(GATE, conclusion="failure")), "the gate's run 8 ended failure in attempt 1"),
    "stale gate attempt": (
        (CLAIM, TEST, replace(GATE, attempt=2)), "it is from attempt 1 of the gate's run, whose newest attempt is 2",
    ),
    "copied from another gate run": (
        (replace(CLAIM, gate_run=GateRun(5, 1)), TEST, GATE),
        "it states run 5 as its origin, but it was found in run 8",
    ),
    "made on no runner": (
        (replace(CLAIM, gate_run=None), TEST, GATE), "it states that no GitHub Actions run created it",
    ),
}  # fmt: skip


def test_an_agreeing_claim_is_verified() -> None:
    """The repository's name is compared in any case."""
    proof = verify_provenance(CLAIM, TEST, GATE, "Acme/Demo-Tool", Config())
    assert (proof.commit, proof.run, proof.version, proof.files) == (SHA, 41, Version("1.0.dev41"), FILES)
    capital = "ACME/Demo-Tool"
    claim, test = replace(CLAIM, repository=capital), replace(TEST, repository=capital, head_repository=capital)
    assert verify_provenance(claim, test, GATE, REPOSITORY, Config()) == proof
    assert proof.origins == (
        "test.yml passed for commit aaaaaaaaaaaa: run 41, attempt 1",
        "integration-eval.yml passed for it: run 8, attempt 1",
    )


@pytest.mark.parametrize(("lie", "reason"), LIES.values(), ids=LIES)
def test_each_lie_is_refused_with_its_own_message(lie: Lie, reason: str) -> None:
    with pytest.raises(RefusedError) as stop:
        verify_provenance(*lie, REPOSITORY, Config())
    assert str(stop.value) == f"the provenance of run 8 is not proven: {reason}"
    assert "run the test workflow again" in stop.value.hint


def test_all_lies_are_in_one_message() -> None:
    with pytest.raises(RefusedError, match=r"started by schedule.*ended failure.*number 1, but GitHub has 41"):
        verify_provenance(
            replace(CLAIM, test_run=replace(CLAIM.test_run, number=1)), replace(TEST, conclusion="failure"),
            replace(GATE, event="schedule"), REPOSITORY, Config(),
        )  # fmt: skip


def test_workflows_and_branch_come_from_the_settings() -> None:
    config = Config(test_workflow="ci.yml", gate_workflow="live.yml", main_branch="trunk")
    path, gate = ".github/workflows/ci.yml", ".github/workflows/live.yml"
    claim = replace(CLAIM, test_run=replace(CLAIM.test_run, path=path))
    runs = replace(TEST, path=path, branch="trunk"), replace(GATE, path=gate, branch="trunk")
    assert verify_provenance(claim, *runs, REPOSITORY, config).run == 41


def test_the_gate_runs_title_contains_commit_and_test_run() -> None:
    """The gate's run is found by it."""
    assert gate_title(SHA, 7) == f"gate of {SHA}, test run 7"


MANIFEST = Manifest(Channel.PUBLIC, "x", Version("1.0"), SHA, None, {}, FILES)
Change = Callable[[tuple[ManifestFile, ...]], tuple[ManifestFile, ...]]
OTHERS: dict[str, tuple[Change, str]] = {
    "other bytes": (
        lambda files: (replace(files[0], sha256="e" * 64), files[1]),
        f"x-1.0.tar.gz has sha256 {'e' * 64} here, and {'b' * 64} in the gate",
    ),
    "a file more": (
        lambda files: (*files, ManifestFile("x-1.0-cp311-none-any.whl", 1, "f" * 64)),
        f"x-1.0-cp311-none-any.whl has sha256 {'f' * 64} here, and none in the gate",
    ),
    "a file less": (
        lambda files: files[:1], f"x-1.0-py3-none-any.whl has sha256 none here, and {'d' * 64} in the gate",
    ),
}  # fmt: skip


def test_gated_files_pass_and_without_a_gate_any_file_does() -> None:
    """In any order."""
    assert verify_gated(MANIFEST, FILES[::-1]) is MANIFEST
    assert verify_gated(MANIFEST, ()) is MANIFEST


@pytest.mark.parametrize(("change", "reason"), OTHERS.values(), ids=OTHERS)
def test_files_that_differ_from_the_gated_ones_are_refused(change: Change, reason: str) -> None:
    """Another file, another digest, a missing file; the message contains both digests."""
    with pytest.raises(RefusedError) as stop:
        verify_gated(replace(MANIFEST, files=change(FILES)), FILES)
    assert str(stop.value) == f"the files differ from those that the gate tested: {reason}"
