"""`nox -s rehearse` with an adopter's workflow files: the scenario, its faults, and the refusals."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.model.outcome import Outcome, Result
from release_channels.model.version import Channel
from release_channels.rehearsal.end_users import Resolved
from release_channels.rehearsal.faults.run import select_faults
from release_channels.rehearsal.report import end_of
from release_channels.rehearsal.session import run_rehearsal
from release_channels.rehearsal.stages import Stage
from tests.cli.screen import table
from tests.rehearsal.stages import runner_of
from tests.support.repo import Repo

Adopted = Callable[[bool], Repo]


def rehearse_unchanged(repo: Repo, *words: str) -> Outcome:
    """Rehearse, and assert that the project is unchanged."""
    before = repo.fingerprint()
    outcome = run_rehearsal(words, root=repo.root, env=dict(os.environ))
    assert repo.fingerprint() == before
    assert outcome.rehearsal
    return outcome


@pytest.mark.full
def test_a_preview_is_rehearsed_with_a_fault(
    adopted: Adopted, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its permission nothing is published, with a hint; with it, the end is as without a fault."""
    outcome = rehearse_unchanged(adopted(False), "--quick", "--fault", "oidc-permission")
    shown = capsys.readouterr().out
    assert outcome.result is Result.DONE, shown
    assert outcome.line.endswith("1 faults fired, and each ended converged or unchanged (rehearsal)")
    fired, seen, then, world, _ = table(shown)["oidc-permission"]
    assert (fired, world) == ("the job publish, 1 x", "converged")
    assert "did not take the upload" in seen
    assert "give the publishing job `permissions: id-token: write`" in seen
    assert then.startswith("grant it, then re-run")
    assert list(directory.iterdir()) == []


@pytest.mark.full
def test_a_redirect_to_another_machine_is_refused(adopted: Adopted, directory: Path, tmp_path: Path) -> None:
    """The one file that redirects `--index pypi` is broken by hand: no step continues."""
    with runner_of(adopted(False), tmp_path / "world") as runner:
        addresses = Path(runner.environment.env["RELEASE_CHANNELS_REHEARSAL"])
        broken = json.loads(addresses.read_text()) | {"upload": "https://192.0.2.1/legacy/"}
        addresses.write_text(json.dumps(broken))
        runner.push()
        tests, preview = runner.dispatcher.run_all(runner.dispatcher.pushed())
        assert (tests.conclusion, preview.workflow.file) == ("success", "internal-preview-release.yml")
        assert "--index pypi" in preview.workflow.text
        assert preview.conclusion == "failure"
        assert preview.jobs["publish"] == "skipped"
        assert 'has a "upload" that is not an http(s) address on this machine' in preview.act_result.said("build")
        assert [line for line in runner.environment.index.requests if not line.startswith("GET ")] == []
        assert not runner.environment.index_root.exists()


def test_a_failed_background_stage_stops_the_scenario(
    adopted: Adopted, directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release that does not build, while the maintainer continues."""
    repo = adopted(False).copy(tmp_path / "copy")
    path = Path(".github/workflows/internal-preview-release.yml")
    text = (repo.root / path).read_text()
    repo.commit(
        "misspell", {str(path): text.replace("-s build-and-check -- --index pypi", "-s build-and-check -- --indx pypi")}
    )
    outcome = rehearse_unchanged(repo, "--quick", "--only", "preview")
    shown, err = capsys.readouterr()
    assert outcome.result is Result.FAILED, shown
    assert "preview: internal-preview-release.yml #1 ended with failure" in outcome.message
    rows = table(shown)
    assert rows["preview"][1].startswith(("failed: ", "refused: "))
    assert rows["preview"][2] == ""
    assert rows["compare"][1] == "skipped: nothing was published"
    lines = err.splitlines()
    for stage in rows:
        assert [line for line in lines if line.startswith((f"{stage} …", f"{stage}: ended after "))][1:], err
    assert "stopping the doubles and removing the rehearsal's files …" in lines
    assert list(directory.iterdir()) == []


def test_a_release_workflow_that_never_starts_is_reported(adopted: Adopted, directory: Path, tmp_path: Path) -> None:
    """Its `on:` contains another workflow than the one before it."""
    repo = adopted(False).copy(tmp_path / "copy")
    path = Path(".github/workflows/internal-preview-release.yml")
    text = (repo.root / path).read_text()
    repo.commit("misspell", {str(path): text.replace("workflows: [test]", "workflows: [tests]")})
    outcome = rehearse_unchanged(repo, "--quick", "--only", "preview")
    assert outcome.result is Result.REFUSED
    assert f"{path}:" in outcome.message
    assert "init --update" in outcome.hint
    assert list(directory.iterdir()) == []


REFUSED = {
    "inside another": ({"RELEASE_CHANNELS_REHEARSAL": "x"}, (), "already inside a rehearsal"),
    "unknown option": ({}, ("--nonsense",), "unrecognized arguments: --nonsense"),
    "unknown part": ({}, ("--only", "gate"), "invalid choice"),
    "no workflow files": (
        {},
        (),
        "lacks .github/workflows/integration-eval.yml, .github/workflows/internal-preview-release.yml, "
        ".github/workflows/public-release.yml, .github/workflows/test.yml",
    ),
    "no workflow files for a part": ({}, ("--only", "public"), "public-release.yml, .github/workflows/test.yml (reh"),
    "unknown fault": ({}, ("--fault", "earthquake"), "unknown fault: 'earthquake'"),
}


@pytest.mark.parametrize(("env", "words", "message"), REFUSED.values(), ids=REFUSED)
def test_an_impossible_rehearsal_is_refused_first(
    repo: Repo, directory: Path, env: dict[str, str], words: tuple[str, ...], message: str
) -> None:
    """Nothing is written."""
    before = repo.fingerprint()
    outcome = run_rehearsal(words, root=repo.root, env={**os.environ, **env})
    assert outcome.result is Result.REFUSED
    assert message in outcome.line
    assert outcome.line.endswith("(rehearsal)")
    assert outcome.hint
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_a_clone_without_its_history_is_refused_at_once(repo: Repo, directory: Path) -> None:
    """Its remote could not be made, and git's own message does not help."""
    sha = repo.commit("later")
    (repo.root / ".git" / "shallow").write_text(f"{sha}\n")
    before = repo.fingerprint()
    outcome = run_rehearsal((), root=repo.root, env=dict(os.environ))
    assert outcome.line == "refused: history is cut off in this clone, so its remote cannot be made (rehearsal)"
    assert "git fetch --unshallow" in outcome.hint
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_a_project_below_the_top_is_refused_by_name(repo: Repo, directory: Path) -> None:
    """A rehearsal plays the repository as a project, and the hint says what can be practised."""
    below = "packages/one"
    settings = f'[tool.release-channels]\ndirectory = "{below}"\n'
    repo.commit("move", {f"{below}/pyproject.toml": (repo.root / "pyproject.toml").read_text() + settings})
    before = repo.fingerprint()
    outcome = run_rehearsal((), root=repo.root / below, env=dict(os.environ))
    assert outcome.result is Result.REFUSED
    assert f"this one is in {below}" in outcome.message
    assert "`nox -s preview`" in outcome.hint
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_a_dry_run_of_rehearse_writes_nothing(adopted: Adopted, directory: Path) -> None:
    """nox's --install-only runs nothing."""
    repo = adopted(False)
    before = repo.fingerprint()
    outcome = run_rehearsal((), root=repo.root, env=dict(os.environ), dry_run=True)
    assert outcome.line == "planned: demo-tool 1.2.0.dev0 would be rehearsed (rehearsal)"
    assert outcome.next == "nox -s rehearse"
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_the_outcome_contains_the_versions_of_users() -> None:
    """On a main that waits for its tag the preview is skipped and no version is published."""
    tested = Stage("test", "test.yml #1", "success", (), 1)
    released = Stage(
        "public", "public-release.yml #1", "published", (Resolved("uv", Channel.PUBLIC, Version("1.2")),), 1
    )
    assert end_of([tested]) == "nothing was published (see the table)"
    assert end_of([tested, released, tested]).startswith("in the end users get public: 1.2")


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", ["", "preview", "public"])
def test_the_scenario_runs_from_stage_to_stage(
    adopted: Adopted, directory: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    """With the gate: preview, final, next preview, and what pip and uv install at each stage."""
    outcome = rehearse_unchanged(adopted(True), *(("--only", part) if part else ()))
    shown = capsys.readouterr()
    assert outcome.result is Result.DONE, shown.out + shown.err
    expected = {"": "public: 1.2.0, preview: 1.2.1.dev3", "public": "public: 1.2.0, preview: 1.2.0"}
    assert expected.get(part, "public: 1.2.0.dev1, preview: 1.2.0.dev1") in outcome.message
    act_result = "public-release.yml" if part == "public" else "internal-preview-release.yml"
    assert f"concurrency.queue: {act_result}" in shown.err
    assert list(directory.iterdir()) == []


PLAYED = {channel: ",".join(one.name for one in select_faults("all") if one.channel is channel) for channel in Channel}


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("names", ["kills", *PLAYED.values()], ids=["kills", *PLAYED])
def test_every_fault_converges_or_changes_nothing(
    adopted: Adopted, directory: Path, capsys: pytest.CaptureFixture[str], names: str
) -> None:
    """All faults, and a kill between any two steps of both release workflows: `--fault all`."""
    outcome = rehearse_unchanged(adopted(True), "--quick", "--fault", names)
    assert outcome.result is Result.DONE, capsys.readouterr().out
    assert list(directory.iterdir()) == []
