"""The client's errors after refusals, failures and silence: plain, with a hint, and without a token."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release_channels.adapters.github import Pauses, connect
from release_channels.adapters.github.client import GitHub
from release_channels.adapters.github.errors import NotFoundError
from release_channels.errors import RefusedError, ReleaseError, UnansweredError
from release_channels.model.github import Asset, GitHubRelease
from release_channels.rehearsal.github import Answer
from release_channels.rehearsal.github.http import broken, rate_limited, slow_down
from tests.github.hubs import NAME, NOW, READER, RIGHTLESS, WRITER, GitHubDouble, open_github, write
from tests.support.repo import Repo

SHA = "a" * 40
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
Ask = Callable[[GitHub, Path], object]
RELEASE = GitHubRelease(7, "v1.2.0", "1.2.0", True, False, False, "", "")
READS: dict[str, Ask] = {
    "newest_run": lambda client, _: client.newest_run("test.yml", SHA),
    "find_run": lambda client, _: client.find_run("test.yml", "a title", event="push", since=LONG_AGO),
    "run": lambda client, _: client.run(7),
    "jobs": lambda client, _: client.jobs(7),
    "pending_reviewers": lambda client, _: client.pending_reviewers(7),
    "artifacts": lambda client, _: client.artifacts(7),
    "download_artifact": lambda client, path: client.download_artifact(7, path / "a.zip", 9),
    "compare": lambda client, _: client.compare("main", SHA),
    "releases": lambda client, _: client.releases(),
    "release": lambda client, _: client.release(7),
    "find_releases": lambda client, _: client.find_releases("v1.2.0"),
    "generate_notes": lambda client, _: client.generate_notes("v1.2.0", "v1.1.0", "main"),
    "deployments": lambda client, _: client.deployments("pypi-public", 3),
}
WRITES: dict[str, Ask] = {
    "create_draft": lambda client, _: client.create_draft("v1.2.0", "1.2.0", "body"),
    "delete_asset": lambda client, _: client.delete_asset(Asset(7, "a.whl", 1, None)),
    "publish": lambda client, _: client.publish(RELEASE, latest=True),
    "open_pull_request": lambda client, _: client.open_pull_request("bump", "main", "Bump", ""),
}
ALL = {**READS, **WRITES, "upload_asset": lambda client, path: client.upload_asset(RELEASE, write(path / "a.whl"))}
# The typical one of each kind always runs.
SOME = {"newest_run", "pending_reviewers", "create_draft", "upload_asset"}


def cases(asks: dict[str, Ask]) -> pytest.MarkDecorator:
    """Build a case of each method."""
    marks = {name: () if name in SOME else (pytest.mark.full,) for name in asks}
    return pytest.mark.parametrize("ask", [pytest.param(ask, id=name, marks=marks[name]) for name, ask in asks.items()])


def refusal(ask: Ask, client: GitHub, path: Path) -> ReleaseError:
    """Send a request and return its refusal, which has a hint and no token."""
    with pytest.raises(RefusedError) as refused:
        ask(client, path)
    text = f"{refused.value} {refused.value.hint}"
    assert "SECRET" not in text
    assert "Authorization" not in text
    assert refused.value.hint
    return refused.value


@cases(ALL)
def test_an_invalid_token_is_refused_with_its_source(github: GitHubDouble, tmp_path: Path, ask: Ask) -> None:
    """Without a retry."""
    before = github.fingerprint()
    error = refusal(ask, github.client("SECRET-unknown"), tmp_path)

    assert "does not accept the token from GH_TOKEN" in str(error)
    assert not isinstance(error, UnansweredError)
    assert (github.sleeps.taken, len(github.running.requests)) == ([], 1)
    assert github.fingerprint() == before


@cases(ALL)
def test_an_invisible_private_repository_is_a_404(repo: Repo, tmp_path: Path, ask: Ask) -> None:
    """The message contains both possible causes."""
    with open_github(repo, private=True) as github:
        before = github.fingerprint()
        error = refusal(ask, github.client(RIGHTLESS), tmp_path)

        assert isinstance(error, NotFoundError)
        assert f"not found in {NAME}, or not visible with the token from GH_TOKEN" in str(error)
        assert "private" in error.hint
        assert github.fingerprint() == before


@cases(WRITES)
def test_a_write_without_permission_is_refused(github: GitHubDouble, tmp_path: Path, ask: Ask) -> None:
    """The message contains the missing right."""
    before = github.fingerprint()
    error = refusal(ask, github.client(READER), tmp_path)

    assert "GitHub at 127.0.0.1 forbids it with the token from GH_TOKEN" in str(error)
    assert "Resource not accessible by integration" in str(error)
    assert ": write`" in error.hint
    assert github.fingerprint() == before


@cases(READS)
def test_a_failing_read_is_retried_after_each_pause(github: GitHubDouble, tmp_path: Path, ask: Ask) -> None:
    """And then refused."""
    github.state.faults.append(lambda *_: broken(503))

    error = refusal(ask, github.client(), tmp_path)

    assert isinstance(error, UnansweredError)
    assert "failed with 503" in str(error)
    assert "nothing was changed" in error.hint
    assert (github.sleeps.taken, len(github.running.requests)) == ([0.1, 0.2], 3)


@cases(WRITES)
def test_a_failed_write_is_never_retried(github: GitHubDouble, tmp_path: Path, ask: Ask) -> None:
    """It may have been done, and the message says that."""
    github.state.faults.append(lambda *_: broken())

    error = refusal(ask, github.client(), tmp_path)

    assert isinstance(error, UnansweredError)
    assert "failed with 502 when asked to " in str(error)
    assert "it may have been done all the same" in error.hint
    assert (github.sleeps.taken, len(github.running.requests)) == ([], 1)


def test_a_write_with_a_lost_answer_is_found_by_a_read(github: GitHubDouble) -> None:
    github.state.lost.append(lambda method, _: broken() if method == "POST" else None)

    with pytest.raises(UnansweredError):
        github.client().create_draft("v1.2.0", "1.2.0", "")
    assert [one.is_draft for one in github.client().find_releases("v1.2.0")] == [True]


def test_a_read_succeeds_after_two_failures(github: GitHubDouble) -> None:
    run_id = github.state.add_run("test.yml", SHA)
    answers = [broken(500), broken()]
    github.state.faults.append(lambda *_: answers.pop() if answers else None)

    assert github.client().run(run_id).id == run_id
    assert github.sleeps.taken == [0.1, 0.2]


@cases(ALL)
def test_an_unreachable_host_is_reported(tmp_path: Path, offline: None, ask: Ask) -> None:
    """With host and reason, without the library's objects."""
    env = {"GITHUB_API_URL": "http://127.0.0.1:9/api/v3", "GH_TOKEN": WRITER}
    sleeps: list[float] = []
    error = refusal(ask, connect(NAME, env, pauses=Pauses((0.1,), 0, sleeps.append)), tmp_path)

    assert isinstance(error, UnansweredError)
    assert str(error).startswith("GitHub at 127.0.0.1 did not answer when ")
    assert str(error).endswith(": the connection failed")


RESET = "2027-01-15 08:10:00 UTC"  # ten minutes after NOW
DOCUMENTED = {"documentation_url": "https://docs.github.com/rest"}
SOON = "2027-01-15 08:02:00 UTC"


@pytest.mark.parametrize(
    ("answer", "until"),
    [
        pytest.param(rate_limited(NOW), RESET, id="used up"),
        pytest.param(slow_down(120), SOON, id="too fast"),
        pytest.param(
            Answer(429, {"message": "Too many", **DOCUMENTED}), "2027-01-15 08:01:00 UTC", id="without headers"
        ),
        pytest.param(
            Answer(403, {"message": "Wait", **DOCUMENTED}, {"Retry-After": "120"}), SOON, id="secondary with 403"
        ),
    ],
)
@pytest.mark.parametrize("name", ["releases", "create_draft"])
def test_the_rate_limit_is_reported_with_its_reset_time(
    github: GitHubDouble, tmp_path: Path, answer: Answer, until: str, name: str
) -> None:
    """Without a retry before it."""
    github.state.faults.append(lambda *_: answer)

    error = refusal(ALL[name], github.client(), tmp_path)

    assert f"rejects requests until {until}: its rate limit is used up" in str(error)
    assert (github.sleeps.taken, len(github.running.requests)) == ([], 1)


def test_the_limit_without_a_token_hints_at_one(github: GitHubDouble, tmp_path: Path) -> None:
    """With a token there is no such hint."""
    github.state.hourly_limit = 1
    for client, helps in ((github.client(None), True), (github.client(), False)):
        client.releases()
        error = refusal(READS["releases"], client, tmp_path)
        assert "rate limit is used up" in str(error)
        assert ("GH_TOKEN" in error.hint) is helps


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"message": "no", "errors": [{"resource": "R", "code": "custom", "message": WRITER}]}, id="token"),
        pytest.param({"message": f"no {WRITER}\x1b[31m\n::error::x", "errors": ["text"]}, id="control characters"),
        pytest.param({"message": "n" * 5000}, id="long"),
        pytest.param({"message": None, "errors": {"a": "b"}}, id="no message"),
    ],
)
def test_foreign_text_is_one_short_printable_line(github: GitHubDouble, tmp_path: Path, content: object) -> None:
    """And contains no token."""
    github.state.faults.append(lambda *_: Answer(422, content, is_githubs=False))

    message = str(refusal(WRITES["create_draft"], github.client(), tmp_path))

    assert message.isprintable()
    assert len(message) < 500
    assert "refused with 422" in message


@pytest.mark.parametrize("status", [200, 422])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param([1, 2], id="numbers"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param({"id": 7}, id="an object with gaps"),
        pytest.param({"id": "seven", "run_number": "x"}, id="an object of wrong types"),
    ],
)
def test_a_malformed_answer_is_refused(github: GitHubDouble, tmp_path: Path, content: object, status: int) -> None:
    """A missing field is never read as a value."""
    github.state.faults.append(lambda *_: Answer(status, content, is_githubs=False))

    message = str(refusal(READS["run"], github.client(), tmp_path))
    assert "when asked for run 7" in message
    assert status == 422 or "gave an answer that cannot be used" in message


def test_a_renamed_repository_is_read_by_its_old_name(github: GitHubDouble) -> None:
    """A redirected read without a filter is safe."""
    run_id = github.state.add_run("test.yml", SHA)
    github.state.former_names.add("acme/old-name")

    assert github.client(repository="acme/old-name").run(run_id).sha == SHA


@pytest.mark.parametrize("name", ["newest_run", "create_draft", "delete_asset", "publish", "open_pull_request"])
def test_an_unsafe_redirect_of_a_renamed_repository_is_refused(github: GitHubDouble, tmp_path: Path, name: str) -> None:
    """One that loses a read's filter, or ignores a write."""
    github.state.add_run("test.yml", "b" * 40)
    github.state.former_names.add("acme/old-name")
    before = github.fingerprint()

    error = refusal(ALL[name], github.client(repository="acme/old-name"), tmp_path)

    assert "cannot be used" in str(error)
    assert "acme/old-name" in error.hint
    assert "rename" in error.hint
    assert github.fingerprint() == before


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://uploads.example.org/assets{?name,label}", id="another site"),
        pytest.param("http://127.0.0.1:9/assets{?name,label}", id="another port"),
        pytest.param("https://127.0.0.1/assets", id="another scheme"),
    ],
)
def test_an_upload_to_another_host_is_refused(github: GitHubDouble, tmp_path: Path, address: str) -> None:
    """Neither the file nor the token is sent."""
    release = github.client().create_draft("v1.2.0", "1.2.0", "")
    url = f"{github.running.api_url}/repos/{NAME}/releases/{release.id}"
    answer = Answer(200, {"id": release.id, "url": url, "upload_url": address}, is_githubs=False)
    github.state.faults.append(lambda method, _: answer if method == "GET" else None)

    error = refusal(ALL["upload_asset"], github.client(), tmp_path)
    assert "cannot be used" in str(error)


def test_the_librarys_log_is_silenced(github: GitHubDouble, caplog: pytest.LogCaptureFixture) -> None:
    """It would contain whole answers."""
    import github as library  # which sets a level itself when it is imported first

    caplog.set_level(logging.DEBUG, library.__name__)

    github.client().releases()

    assert [record.name for record in caplog.records if record.name.startswith("github")] == []
