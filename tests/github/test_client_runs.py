"""Runs, jobs, approvals and artifacts, read with the client from the double."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.github import WorkflowRun
from release_channels.rehearsal.github import Answer
from tests.github.hubs import NAME, READER, GitHubDouble, api

SHA, OTHER = "a" * 40, "b" * 40
LIMIT = 1 << 20


def test_every_field_of_a_run_is_read(github: GitHubDouble) -> None:
    github.state.clock = lambda: datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    run_id = github.state.add_run("test.yml", SHA, number=41, title="Mend it")

    assert github.client().run(run_id) == WorkflowRun(
        id=run_id,
        number=41,
        attempt=1,
        path=".github/workflows/test.yml",
        repository=NAME,
        event="push",
        status="completed",
        conclusion="success",
        sha=SHA,
        branch="main",
        head_repository=NAME,
        url=f"{github.running.url}/{NAME}/actions/runs/{run_id}",
        title="Mend it",
        created_at=datetime(2026, 11, 1, 12, 0, tzinfo=UTC),
    )


def test_a_run_without_an_attempt_has_none(github: GitHubDouble) -> None:
    """GitHub may omit the attempt; no other number replaces it."""
    shown = api(github, "GET", f"/actions/runs/{github.state.add_run('test.yml', SHA)}").json()
    del shown["run_attempt"]
    github.state.faults.append(lambda *_: Answer(200, shown))
    assert github.client().run(shown["id"]).attempt == 0


def test_the_newest_run_matches_workflow_commit_and_event(github: GitHubDouble) -> None:
    github.state.add_run("test.yml", SHA, conclusion="failure")
    wanted = github.state.add_run("test.yml", SHA)
    github.state.add_run("test.yml", SHA, event="pull_request", head_repository="mallory/demo-tool")
    github.state.add_run("test.yml", OTHER)
    github.state.add_run("other-test.yml", SHA)

    found = github.client().newest_run("test.yml", SHA)

    assert found is not None
    assert (found.id, found.is_green) == (wanted, True)


def test_a_run_is_found_by_its_exact_title_since_a_time(github: GitHubDouble) -> None:
    """The newest one; older ones are not requested."""
    since = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
    for day in (1, 2, 3):
        github.state.clock = lambda day=day: datetime(2026, 11, day, 12, 0, tzinfo=UTC)  # type: ignore[misc]
        github.state.add_run("gate.yml", SHA, title="gate of a", event="workflow_run")
        github.state.add_run("gate.yml", SHA, title=f"gate of day {day}", event="workflow_run")

    def number(title: str) -> int | None:
        found = github.client().find_run("gate.yml", title, event="workflow_run", since=since)
        return found.number if found else None

    assert [number(title) for title in ("gate of a", "gate of day 2", "gate of day 1", "gate")] == [5, 4, None, None]


def test_without_an_event_the_newest_run_of_any_is_found(github: GitHubDouble) -> None:
    github.state.add_run("test.yml", SHA)
    by_hand = github.state.add_run("test.yml", SHA, event="workflow_dispatch")

    found = github.client().newest_run("test.yml", SHA, None)

    assert found is not None
    assert found.id == by_hand


def test_a_commit_without_runs_has_no_newest_run(github: GitHubDouble) -> None:
    github.state.add_run("test.yml", OTHER)

    assert github.client().newest_run("test.yml", SHA) is None


@pytest.mark.parametrize(
    ("status", "conclusion", "done", "green"),
    [
        pytest.param("completed", "success", True, True, id="success"),
        pytest.param("completed", "failure", True, False, id="failure"),
        pytest.param("completed", "skipped", True, False, id="skipped"),
        pytest.param("completed", "cancelled", True, False, id="cancelled"),
        pytest.param("in_progress", None, False, False, id="running"),
        pytest.param("waiting", None, False, False, id="waiting"),
    ],
)
def test_the_newest_attempt_replaces_the_first(
    github: GitHubDouble, status: str, conclusion: str | None, done: bool, green: bool
) -> None:
    """With the same run number."""
    run_id = github.state.add_run("test.yml", SHA, number=7, conclusion="failure" if green else "success")
    github.state.rerun(run_id, status=status, conclusion=conclusion)

    found = github.client().newest_run("test.yml", SHA)

    assert found is not None
    assert (found.number, found.attempt, found.is_done, found.is_green) == (7, 2, done, green)


def test_an_unknown_workflow_is_refused(github: GitHubDouble) -> None:
    """It does not count as one without runs."""
    with pytest.raises(RefusedError, match="the runs of tset"):
        github.client().newest_run("tset.yml", SHA)


def test_a_workflow_that_never_ran_has_no_runs(github: GitHubDouble) -> None:
    """GitHub knows a workflow file from the moment it is on the default branch, and from no other branch."""
    github.repo.commit("new", {".github/workflows/new.yml": "on: push\n"})
    github.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/side")
    with pytest.raises(RefusedError, match=r"the runs of new\.yml"):
        github.client().newest_run("new.yml", SHA)
    github.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    assert github.client().newest_run("new.yml", SHA) is None


def test_the_newest_attempts_jobs_are_listed(github: GitHubDouble) -> None:
    """Over all pages, without those of earlier attempts."""
    run_id = github.state.add_run("test.yml", SHA)
    github.state.add_job(run_id, "old", conclusion="failure")
    github.state.rerun(run_id)
    for number in range(105):
        github.state.add_job(run_id, f"job {number}", status="queued" if number == 3 else "completed")

    jobs = github.client().jobs(run_id)

    assert [job.name for job in jobs] == [f"job {number}" for number in range(105)]
    assert (jobs[3].status, jobs[3].conclusion) == ("queued", None)
    assert jobs[4].conclusion == "success"
    assert jobs[0].url.startswith(f"{github.running.url}/{NAME}/actions/runs/{run_id}/job/")


def test_reviewers_of_a_waiting_run_are_listed(github: GitHubDouble) -> None:
    """Users and teams; an approved run has none."""
    github.state.add_environment("pypi-public", reviewers=("alice", "team Release Crew"))
    run_id = github.state.add_run("public-release.yml", SHA, status="in_progress")
    assert github.client().pending_reviewers(run_id) == ()

    github.state.wait_for_approval(run_id, "pypi-public")
    assert github.client().pending_reviewers(run_id) == ("alice", "team Release Crew")
    assert github.client().run(run_id).status == "waiting"

    github.state.set_run(run_id, "completed", "success")
    assert github.client().pending_reviewers(run_id) == ()


def test_an_artifact_is_listed_and_downloaded(github: GitHubDouble, tmp_path: Path) -> None:
    """The artifact store gets no token."""
    run_id = github.state.add_run("test.yml", SHA)
    artifact_id = github.state.add_artifact(run_id, "release", {"dist/a.whl": b"wheel", "release.json": b"{}"})
    github.state.add_artifact(github.state.add_run("test.yml", OTHER), "release", {"x": b"y"})
    client = github.client()

    (artifact,) = client.artifacts(run_id)
    client.download_artifact(artifact.id, tmp_path / "release.zip", LIMIT)

    content = (tmp_path / "release.zip").read_bytes()
    assert (artifact.id, artifact.name, artifact.expired) == (artifact_id, "release", False)
    assert (artifact.size, artifact.digest) == (len(content), hashlib.sha256(content).hexdigest())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("dist/a.whl") == b"wheel"


def test_an_expired_artifact_is_refused(github: GitHubDouble, tmp_path: Path) -> None:
    """Although it is listed; the hint contains the fix."""
    run_id = github.state.add_run("test.yml", SHA)
    artifact_id = github.state.add_artifact(run_id, "release", {"a": b"b"})
    github.state.expire_artifact(artifact_id)

    assert [artifact.expired for artifact in github.client().artifacts(run_id)] == [True]
    with pytest.raises(RefusedError, match="release has expired") as refused:
        github.client().download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)
    assert "built again" in refused.value.hint
    assert list(tmp_path.glob("*.zip")) == []


def test_an_oversized_artifact_is_refused_before_the_download(github: GitHubDouble, tmp_path: Path) -> None:
    """By the size that GitHub lists."""
    artifact_id = github.state.add_artifact(github.state.add_run("test.yml", SHA), "release", {"a": b"b" * 100})

    with pytest.raises(RefusedError, match="larger than 20 bytes"):
        github.client().download_artifact(artifact_id, tmp_path / "a.zip", 20)
    assert not any("/zip" in line or "/blobs/" in line for line in github.running.requests)
    assert list(tmp_path.glob("*.zip")) == []


def test_a_download_above_the_announced_size_is_stopped(github: GitHubDouble, tmp_path: Path) -> None:
    """No byte of it is kept."""
    artifact_id = github.state.add_artifact(github.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    limit = len(github.state.artifacts[artifact_id].archive)
    flood = Answer(200, b"\0" * (limit + 1), {"Content-Type": "application/zip"})
    github.state.faults.append(lambda _, path: flood if path.startswith("/blobs/") else None)

    with pytest.raises(RefusedError, match=f"larger than {limit} bytes"):
        github.client().download_artifact(artifact_id, tmp_path / "a.zip", limit)
    assert list(tmp_path.glob("*.zip")) == []


def test_an_artifact_with_another_digest_is_refused(github: GitHubDouble, tmp_path: Path) -> None:
    """No byte of it is kept."""
    artifact_id = github.state.add_artifact(github.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    other = Answer(200, b"other bytes", {"Content-Type": "application/zip"})
    github.state.faults.append(lambda _, path: other if path.startswith("/blobs/") else None)

    with pytest.raises(UnansweredError, match="sha256"):
        github.client().download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)
    assert list(tmp_path.glob("*.zip")) == []


def test_an_interrupted_download_is_retried(github: GitHubDouble, tmp_path: Path) -> None:
    """With a new address."""
    artifact_id = github.state.add_artifact(github.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    answers = [Answer(503), Answer(403)]
    github.state.faults.append(lambda _, path: answers.pop() if answers and path.startswith("/blobs/") else None)

    github.client(READER).download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)

    assert (tmp_path / "a.zip").read_bytes() == github.state.artifacts[artifact_id].archive
    assert github.sleeps.taken == [0.1, 0.2]


def test_a_download_requires_a_token(github: GitHubDouble, tmp_path: Path) -> None:
    """Even from a public repository; the hint is how to get one."""
    artifact_id = github.state.add_artifact(github.state.add_run("test.yml", SHA), "release", {"a": b"b"})

    with pytest.raises(RefusedError, match="requires a token") as refused:
        github.client(None).download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)
    assert "gh auth login" in refused.value.hint
