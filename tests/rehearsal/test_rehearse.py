"""`nox -s rehearse`, with the workflow files of an adopter: the train, its faults, and what is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.process import CompletedProcess
from release_channels.model.outcome import Outcome, Result
from release_channels.model.version import Channel
from release_channels.rehearsal.end_users import Resolved
from release_channels.rehearsal.faults.run import select_faults
from release_channels.rehearsal.maintainer import outcome_line
from release_channels.rehearsal.report import end_of
from release_channels.rehearsal.session import run_rehearsal
from release_channels.rehearsal.stages import Stage
from tests.cli.screen import table
from tests.rehearsal.stages import stage_of
from tests.support.repo import Repo

Adopted = Callable[[bool], Repo]


def practise(repo: Repo, *words: str) -> Outcome:
    """Rehearse, and see that the project itself is as it was."""
    before = repo.fingerprint()
    outcome = run_rehearsal(words, root=repo.root, env=dict(os.environ))
    assert repo.fingerprint() == before
    assert outcome.rehearsal
    return outcome


@pytest.mark.full
def test_a_preview_is_rehearsed_and_a_fault_is_seen(
    adopted: Adopted, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its permission nothing is published and the line to add is shown; granted, it ends as without a fault."""
    outcome = practise(adopted(False), "--quick", "--fault", "oidc-permission")
    shown = capsys.readouterr().out
    assert outcome.result is Result.DONE, shown
    assert outcome.line.endswith("1 faults fired, and each ended converged or unchanged (rehearsal)")
    fired, seen, then, world, _ = table(shown)["oidc-permission"]
    assert (fired, world) == ("the job publish, 1 x", "converged")
    assert "did not take the upload" in seen
    assert "give the publishing job `permissions: id-token: write`" in seen
    assert then.startswith("grant it, then re-run")
    assert list(directory.iterdir()) == []


def test_a_redirect_that_leads_away_is_refused_and_uploads_nothing(
    adopted: Adopted, directory: Path, tmp_path: Path
) -> None:
    """The YAML says `--index pypi`, and the one place that redirects it is broken by hand: no step goes on."""
    with stage_of(adopted(False), tmp_path / "world") as stage:
        addresses = Path(stage.environment.env["RELEASE_CHANNELS_REHEARSAL"])
        broken = json.loads(addresses.read_text()) | {"upload": "https://192.0.2.1/legacy/"}
        addresses.write_text(json.dumps(broken))
        stage.push()
        tests, preview = stage.dispatcher.run_all(stage.dispatcher.pushed())
        assert (tests.conclusion, preview.workflow.file) == ("success", "internal-preview-release.yml")
        assert "--index pypi" in preview.workflow.text
        assert preview.conclusion == "failure"
        assert preview.jobs["publish"] == "skipped"
        assert 'has a "upload" that is not an http(s) address on this machine' in preview.act_result.said("build")
        assert [line for line in stage.environment.index.requests if not line.startswith("GET ")] == []
        assert not stage.environment.index_root.exists()


def test_a_station_that_goes_wrong_beside_the_train_is_told_and_stops_it(
    adopted: Adopted, directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A release that does not build is red, although the maintainer has gone on meanwhile."""
    repo = adopted(False).copy(tmp_path / "copy")
    path = Path(".github/workflows/internal-preview-release.yml")
    text = (repo.root / path).read_text()
    repo.commit(
        "misspell", {str(path): text.replace("-s build-and-check -- --index pypi", "-s build-and-check -- --indx pypi")}
    )
    outcome = practise(repo, "--quick", "--only", "preview")
    shown = capsys.readouterr().out
    assert outcome.result is Result.FAILED, shown
    assert "preview: internal-preview-release.yml #1 ended with failure" in outcome.message
    rows = table(shown)
    assert rows["preview"][1].startswith(("failed: ", "refused: "))
    assert rows["preview"][2] == ""
    assert rows["compare"][1] == "skipped: nothing was published"
    assert list(directory.iterdir()) == []


def test_a_release_workflow_that_does_not_listen_is_told(adopted: Adopted, directory: Path, tmp_path: Path) -> None:
    """Its `on:` names another workflow than the one before it: on GitHub nothing would ever happen."""
    repo = adopted(False).copy(tmp_path / "copy")
    path = Path(".github/workflows/internal-preview-release.yml")
    text = (repo.root / path).read_text()
    repo.commit("misspell", {str(path): text.replace("workflows: [test]", "workflows: [tests]")})
    outcome = practise(repo, "--quick", "--only", "preview")
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
def test_what_cannot_be_rehearsed_is_refused_at_once(
    repo: Repo, directory: Path, env: dict[str, str], words: tuple[str, ...], message: str
) -> None:
    """Nothing is made before it is refused, and the outcome says why."""
    before = repo.fingerprint()
    outcome = run_rehearsal(words, root=repo.root, env={**os.environ, **env})
    assert outcome.result is Result.REFUSED
    assert message in outcome.line
    assert outcome.line.endswith("(rehearsal)")
    assert outcome.hint
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_a_clone_without_its_history_is_refused_at_once(repo: Repo, directory: Path) -> None:
    """Its remote could not be made, and git's own words for that help nobody."""
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


def test_a_dry_run_says_what_would_be_rehearsed_and_makes_nothing(adopted: Adopted, directory: Path) -> None:
    """nox's --install-only promises that nothing is run."""
    repo = adopted(False)
    before = repo.fingerprint()
    outcome = run_rehearsal((), root=repo.root, env=dict(os.environ), dry_run=True)
    assert outcome.line == "planned: demo-tool 1.2.0.dev0 would be rehearsed (rehearsal)"
    assert repo.fingerprint() == before
    assert list(directory.iterdir()) == []


def test_the_outcome_says_what_users_get_or_that_nothing_came() -> None:
    """On a main that waits for its tag the preview is skipped, and no station brings anything."""
    tested = Stage("test", "test.yml #1", "success", (), 1)
    released = Stage(
        "public", "public-release.yml #1", "published", (Resolved("uv", Channel.PUBLIC, Version("1.2")),), 1
    )
    assert end_of([tested]) == "nothing was published (see the table)"
    assert end_of([tested, released, tested]).startswith("in the end users get public: 1.2")


@pytest.mark.parametrize(
    ("said", "outcome"), [("a\ndone: b\n\nnext: c\n", "done: b"), ("done: b", "done: b"), ("", "")]
)
def test_a_task_is_told_by_its_outcome_and_not_by_what_comes_next(said: str, outcome: str) -> None:
    """The table of stages says what was done; the next step is the scenario's own affair."""
    assert outcome_line(CompletedProcess((), 0, said.encode(), b"")) == outcome


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", ["", "preview", "public"])
def test_the_train_runs_from_station_to_station(
    adopted: Adopted, directory: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    """With the gate: preview, final, next preview, and what pip and uv bring from each channel at each station."""
    outcome = practise(adopted(True), *(("--only", part) if part else ()))
    shown = capsys.readouterr()
    assert outcome.result is Result.DONE, shown.out + shown.err
    brings = {"": "public: 1.2.0, preview: 1.2.1.dev3", "public": "public: 1.2.0, preview: 1.2.0"}
    assert brings.get(part, "public: 1.2.0.dev1, preview: 1.2.0.dev1") in outcome.message
    act_result = "public-release.yml" if part == "public" else "internal-preview-release.yml"
    assert f"concurrency.queue: {act_result}" in shown.err
    assert list(directory.iterdir()) == []


PLAYED = {channel: ",".join(one.name for one in select_faults("all") if one.channel is channel) for channel in Channel}


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("names", ["kills", *PLAYED.values()], ids=["kills", *PLAYED])
def test_every_fault_ends_converged_or_leaves_the_world_unchanged(
    adopted: Adopted, directory: Path, capsys: pytest.CaptureFixture[str], names: str
) -> None:
    """All of them, and a kill between any two steps of both release workflows: together they are `--fault all`."""
    outcome = practise(adopted(True), "--quick", "--fault", names)
    assert outcome.result is Result.DONE, capsys.readouterr().out
    assert list(directory.iterdir()) == []
