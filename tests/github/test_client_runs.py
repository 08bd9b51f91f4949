"""Runs, jobs, approvals and artifacts, as the real client library reads them from the stand-in."""

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
from tests.github.hubs import NAME, READER, Hub, api

SHA, OTHER = "a" * 40, "b" * 40
LIMIT = 1 << 20


def test_a_run_is_read_whole(hub: Hub) -> None:
    """Every field of a run arrives as the API shows it."""
    hub.state.clock = lambda: datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    run_id = hub.state.add_run("test.yml", SHA, number=41, title="Mend it")

    assert hub.client().run(run_id) == WorkflowRun(
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
        url=f"{hub.running.url}/{NAME}/actions/runs/{run_id}",
        title="Mend it",
        created_at=datetime(2026, 11, 1, 12, 0, tzinfo=UTC),
    )


def test_a_run_without_an_attempt_has_none(hub: Hub) -> None:
    """GitHub may leave out the attempt, and no number that anything states is taken for it."""
    shown = api(hub, "GET", f"/actions/runs/{hub.state.add_run('test.yml', SHA)}").json()
    del shown["run_attempt"]
    hub.state.faults.append(lambda *_: Answer(200, shown))
    assert hub.client().run(shown["id"]).attempt == 0


def test_the_newest_run_is_of_this_workflow_commit_and_event(hub: Hub) -> None:
    """Runs of another file, commit or event are never taken for the one that is asked for."""
    hub.state.add_run("test.yml", SHA, conclusion="failure")
    wanted = hub.state.add_run("test.yml", SHA)
    hub.state.add_run("test.yml", SHA, event="pull_request", head_repository="mallory/demo-tool")
    hub.state.add_run("test.yml", OTHER)
    hub.state.add_run("other-test.yml", SHA)

    found = hub.client().newest_run("test.yml", SHA)

    assert found is not None
    assert (found.id, found.is_green) == (wanted, True)


def test_a_run_is_found_by_its_title_since_a_time(hub: Hub) -> None:
    """The newest of exactly this title counts, and none that is older; GitHub is asked for no older ones."""
    since = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
    for day in (1, 2, 3):
        hub.state.clock = lambda day=day: datetime(2026, 11, day, 12, 0, tzinfo=UTC)  # type: ignore[misc]
        hub.state.add_run("gate.yml", SHA, title="gate of a", event="workflow_run")
        hub.state.add_run("gate.yml", SHA, title=f"gate of day {day}", event="workflow_run")

    def number(title: str) -> int | None:
        found = hub.client().find_run("gate.yml", title, event="workflow_run", since=since)
        return found.number if found else None

    assert [number(title) for title in ("gate of a", "gate of day 2", "gate of day 1", "gate")] == [5, 4, None, None]


def test_any_event_counts_where_none_is_named(hub: Hub) -> None:
    """Without an event the newest run of the commit is given, whatever started it."""
    hub.state.add_run("test.yml", SHA)
    by_hand = hub.state.add_run("test.yml", SHA, event="workflow_dispatch")

    found = hub.client().newest_run("test.yml", SHA, None)

    assert found is not None
    assert found.id == by_hand


def test_no_run_of_a_commit_is_none(hub: Hub) -> None:
    """A commit that the workflow has not seen has no newest run."""
    hub.state.add_run("test.yml", OTHER)

    assert hub.client().newest_run("test.yml", SHA) is None


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
def test_the_newest_attempt_counts(hub: Hub, status: str, conclusion: str | None, done: bool, green: bool) -> None:
    """A re-run replaces what the first attempt said, and keeps the run's number."""
    run_id = hub.state.add_run("test.yml", SHA, number=7, conclusion="failure" if green else "success")
    hub.state.rerun(run_id, status=status, conclusion=conclusion)

    found = hub.client().newest_run("test.yml", SHA)

    assert found is not None
    assert (found.number, found.attempt, found.is_done, found.is_green) == (7, 2, done, green)


def test_an_unknown_workflow_is_refused(hub: Hub) -> None:
    """A workflow file that GitHub does not know is named, not taken for one without runs."""
    with pytest.raises(RefusedError, match="the runs of tset"):
        hub.client().newest_run("tset.yml", SHA)


def test_a_workflow_that_never_ran_has_no_runs(hub: Hub) -> None:
    """GitHub knows a workflow file from the moment it is on the default branch, and from no other branch."""
    hub.repo.commit("new", {".github/workflows/new.yml": "on: push\n"})
    hub.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/side")
    with pytest.raises(RefusedError, match=r"the runs of new\.yml"):
        hub.client().newest_run("new.yml", SHA)
    hub.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    assert hub.client().newest_run("new.yml", SHA) is None


def test_the_newest_attempts_jobs_are_listed(hub: Hub) -> None:
    """Jobs of an attempt that was repeated are left out; more than one page arrives whole."""
    run_id = hub.state.add_run("test.yml", SHA)
    hub.state.add_job(run_id, "old", conclusion="failure")
    hub.state.rerun(run_id)
    for number in range(105):
        hub.state.add_job(run_id, f"job {number}", status="queued" if number == 3 else "completed")

    jobs = hub.client().jobs(run_id)

    assert [job.name for job in jobs] == [f"job {number}" for number in range(105)]
    assert (jobs[3].status, jobs[3].conclusion) == ("queued", None)
    assert jobs[4].conclusion == "success"
    assert jobs[0].url.startswith(f"{hub.running.url}/{NAME}/actions/runs/{run_id}/job/")


def test_people_and_teams_who_may_approve_are_named(hub: Hub) -> None:
    """A run that waits names its reviewers; approved, it waits for nobody."""
    hub.state.add_environment("pypi-public", reviewers=("alice", "team Release Crew"))
    run_id = hub.state.add_run("public-release.yml", SHA, status="in_progress")
    assert hub.client().pending_reviewers(run_id) == ()

    hub.state.wait_for_approval(run_id, "pypi-public")
    assert hub.client().pending_reviewers(run_id) == ("alice", "team Release Crew")
    assert hub.client().run(run_id).status == "waiting"

    hub.state.set_run(run_id, "completed", "success")
    assert hub.client().pending_reviewers(run_id) == ()


def test_an_artifact_is_listed_and_downloaded(hub: Hub, tmp_path: Path) -> None:
    """What a run uploaded arrives byte for byte, from a store that is shown no token."""
    run_id = hub.state.add_run("test.yml", SHA)
    artifact_id = hub.state.add_artifact(run_id, "release", {"dist/a.whl": b"wheel", "release.json": b"{}"})
    hub.state.add_artifact(hub.state.add_run("test.yml", OTHER), "release", {"x": b"y"})
    client = hub.client()

    (artifact,) = client.artifacts(run_id)
    client.download_artifact(artifact.id, tmp_path / "release.zip", LIMIT)

    content = (tmp_path / "release.zip").read_bytes()
    assert (artifact.id, artifact.name, artifact.expired) == (artifact_id, "release", False)
    assert (artifact.size, artifact.digest) == (len(content), hashlib.sha256(content).hexdigest())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("dist/a.whl") == b"wheel"


def test_an_expired_artifact_is_refused(hub: Hub, tmp_path: Path) -> None:
    """An artifact whose time is over is still listed; asked for, it is refused with what to do."""
    run_id = hub.state.add_run("test.yml", SHA)
    artifact_id = hub.state.add_artifact(run_id, "release", {"a": b"b"})
    hub.state.expire_artifact(artifact_id)

    assert [artifact.expired for artifact in hub.client().artifacts(run_id)] == [True]
    with pytest.raises(RefusedError, match="release has expired") as refused:
        hub.client().download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)
    assert "built again" in refused.value.hint
    assert list(tmp_path.glob("*.zip")) == []


def test_an_artifact_that_is_too_large_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    """The size that GitHub tells is looked at first."""
    artifact_id = hub.state.add_artifact(hub.state.add_run("test.yml", SHA), "release", {"a": b"b" * 100})

    with pytest.raises(RefusedError, match="larger than 20 bytes"):
        hub.client().download_artifact(artifact_id, tmp_path / "a.zip", 20)
    assert not any("/zip" in line or "/blobs/" in line for line in hub.running.requests)
    assert list(tmp_path.glob("*.zip")) == []


def test_an_archive_that_is_larger_than_announced_is_cut_off(hub: Hub, tmp_path: Path) -> None:
    """What comes is counted as well, and nothing of it is kept."""
    artifact_id = hub.state.add_artifact(hub.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    limit = len(hub.state.artifacts[artifact_id].archive)
    flood = Answer(200, b"\0" * (limit + 1), {"Content-Type": "application/zip"})
    hub.state.faults.append(lambda _, path: flood if path.startswith("/blobs/") else None)

    with pytest.raises(RefusedError, match=f"larger than {limit} bytes"):
        hub.client().download_artifact(artifact_id, tmp_path / "a.zip", limit)
    assert list(tmp_path.glob("*.zip")) == []


def test_an_archive_of_other_bytes_is_refused(hub: Hub, tmp_path: Path) -> None:
    """An archive that does not have the digest which GitHub tells is not kept."""
    artifact_id = hub.state.add_artifact(hub.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    other = Answer(200, b"other bytes", {"Content-Type": "application/zip"})
    hub.state.faults.append(lambda _, path: other if path.startswith("/blobs/") else None)

    with pytest.raises(UnansweredError, match="sha256"):
        hub.client().download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)
    assert list(tmp_path.glob("*.zip")) == []


def test_a_store_that_fails_is_asked_again(hub: Hub, tmp_path: Path) -> None:
    """A download that broke off begins again, with a new address."""
    artifact_id = hub.state.add_artifact(hub.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    answers = [Answer(503), Answer(403)]
    hub.state.faults.append(lambda _, path: answers.pop() if answers and path.startswith("/blobs/") else None)

    hub.client(READER).download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)

    assert (tmp_path / "a.zip").read_bytes() == hub.state.artifacts[artifact_id].archive
    assert hub.naps.taken == [0.1, 0.2]


def test_a_download_wants_a_token(hub: Hub, tmp_path: Path) -> None:
    """Without a token the archive is refused even of a public repository, and the message says how to get one."""
    artifact_id = hub.state.add_artifact(hub.state.add_run("test.yml", SHA), "release", {"a": b"b"})

    with pytest.raises(RefusedError, match="requires a token") as refused:
        hub.client(None).download_artifact(artifact_id, tmp_path / "a.zip", LIMIT)
    assert "gh auth login" in refused.value.hint
