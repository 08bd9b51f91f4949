"""GitHub's records of a commit that passed tests and gate, each of which a test can change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.version import Version

from release_channels.model.strict_json import ManifestFile
from release_channels.model.tested_commit import ARTIFACT, PROVENANCE, GateRun, Provenance, TestRun
from release_channels.model.verification import gate_title
from release_channels.rehearsal.github import GitHubState

TEST, GATE, PREVIEW = "test.yml", "integration-eval.yml", "internal-preview-release.yml"
FILES = (ManifestFile("demo_tool-1.2.0.dev41.tar.gz", 3, "b" * 64),)


@dataclass
class Chain:
    """The runs of one commit on the GitHub double, and the file of the tested commit that the gate uploaded."""

    state: GitHubState
    test: int
    gate: int
    artifact: int
    claim: Provenance
    changed: dict[str, object] = field(default_factory=dict)

    def falsify(self, **changes: object) -> None:
        """Replace the file of the tested commit."""
        self.claim = replace(self.claim, **changes)  # type: ignore[arg-type]
        self.leave({PROVENANCE: self.claim.to_json().encode()})

    def leave(self, files: Mapping[str, bytes], name: str = ARTIFACT) -> None:
        """Replace the gate's artifact by this one."""
        del self.state.artifacts[self.artifact]
        self.artifact = self.state.add_artifact(self.gate, name, files)

    def leave_another(self, files: Mapping[str, bytes]) -> None:
        """Add a second artifact of the same name to the gate's run."""
        self.state.add_artifact(self.gate, ARTIFACT, files)


def add_chain(
    state: GitHubState,
    sha: str,
    *,
    number: int = 41,
    version: str = "1.2.0.dev41",
    files: tuple[ManifestFile, ...] = FILES,
    tip: str | None = None,
    test: Mapping[str, object] | None = None,
    gate: Mapping[str, object] | None = None,
) -> Chain:
    """Add the runs of a commit; `tip` was main's tip when the gate started, `test` and `gate` change a run."""
    test_id = state.add_run(TEST, sha, **{"number": number, **(test or {})})  # type: ignore[arg-type]
    facts = {"event": "workflow_run", "title": gate_title(sha, test_id), **(gate or {})}
    gate_id = state.add_run(str(facts.pop("workflow", GATE)), tip or sha, **facts)  # type: ignore[arg-type]
    claim = Provenance(
        state.repository, sha, TestRun(test_id, number, 1, f".github/workflows/{TEST}"), GateRun(gate_id, 1),
        {"rollout": "passed"}, "release-channels", Version(version), files,
    )  # fmt: skip
    artifact = state.add_artifact(gate_id, ARTIFACT, {PROVENANCE: claim.to_json().encode()})
    return Chain(state, test_id, gate_id, artifact, claim)


def event_of(state: GitHubState, run_id: int, path: Path, **changes: object) -> dict[str, str]:
    """Write the event of a run that ended, and return the variables of a job that it started."""
    run = state.runs[run_id]
    head = {"full_name": run.head_repository}
    workflow_run: dict[str, object] = {
        "id": run.id, "run_number": run.number, "run_attempt": len(run.attempts), "name": "a name",
        "path": f".github/workflows/{run.workflow}", "event": run.event, "status": "completed",
        "conclusion": run.now.conclusion, "head_sha": run.sha, "head_branch": run.branch, "head_repository": head,
        "display_title": run.title, **changes,
    }  # fmt: skip
    payload = {"action": "completed", "workflow_run": workflow_run, "repository": {"full_name": state.repository}}
    path.write_text(json.dumps(payload))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": "workflow_run",
        "GITHUB_EVENT_PATH": str(path),
        "GITHUB_REPOSITORY": state.repository,
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_WORKFLOW_REF": f"{state.repository}/.github/workflows/{PREVIEW}@refs/heads/main",
    }
