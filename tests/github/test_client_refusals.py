"""What the client makes of refusals, failures and silence: plain words, what to do, and never a token."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release_channels.adapters.github import GitHub, Pauses, connect
from release_channels.adapters.github.errors import NotFoundError
from release_channels.errors import RefusedError, ReleaseError, UnansweredError
from release_channels.model.github import Asset, GitHubRelease
from release_channels.rehearsal.github import Answer
from release_channels.rehearsal.github.http import broken, rate_limited, slow_down
from tests.github.hubs import NAME, NOBODY, NOW, READER, WRITER, Hub, open_hub, write
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
    """Make a case of each method."""
    marks = {name: () if name in SOME else (pytest.mark.full,) for name in asks}
    return pytest.mark.parametrize("ask", [pytest.param(ask, id=name, marks=marks[name]) for name, ask in asks.items()])


def refusal(ask: Ask, client: GitHub, path: Path) -> ReleaseError:
    """Ask, and give the refusal, which names no token and says what to do."""
    with pytest.raises(RefusedError) as refused:
        ask(client, path)
    told = f"{refused.value} {refused.value.hint}"
    assert "SECRET" not in told
    assert "Authorization" not in told
    assert refused.value.hint
    return refused.value


@cases(ALL)
def test_a_bad_token_is_refused_by_its_source(hub: Hub, tmp_path: Path, ask: Ask) -> None:
    """A token that GitHub does not know is refused at once, and the message says where it came from."""
    before = hub.fingerprint()
    told = refusal(ask, hub.client("SECRET-unknown"), tmp_path)

    assert "does not accept the token from GH_TOKEN" in str(told)
    assert not isinstance(told, UnansweredError)
    assert (hub.naps.taken, len(hub.running.requests)) == ([], 1)
    assert hub.fingerprint() == before


@cases(ALL)
def test_a_private_repository_is_not_visible(repo: Repo, tmp_path: Path, ask: Ask) -> None:
    """Without a right to it a private repository looks absent, and both readings are told."""
    with open_hub(repo, private=True) as hub:
        before = hub.fingerprint()
        told = refusal(ask, hub.client(NOBODY), tmp_path)

        assert isinstance(told, NotFoundError)
        assert f"not found in {NAME}, or not visible with the token from GH_TOKEN" in str(told)
        assert "private" in told.hint
        assert hub.fingerprint() == before


@cases(WRITES)
def test_a_right_that_is_missing_is_named(hub: Hub, tmp_path: Path, ask: Ask) -> None:
    """Whoever may only read is refused what changes something, and told which right it takes."""
    before = hub.fingerprint()
    told = refusal(ask, hub.client(READER), tmp_path)

    assert "GitHub at 127.0.0.1 forbids it with the token from GH_TOKEN" in str(told)
    assert "Resource not accessible by integration" in str(told)
    assert ": write`" in told.hint
    assert hub.fingerprint() == before


@cases(READS)
def test_a_read_is_repeated_and_then_given_up(hub: Hub, tmp_path: Path, ask: Ask) -> None:
    """A GitHub that fails is asked again after each pause, and no more often."""
    hub.state.faults.append(lambda *_: broken(503))

    told = refusal(ask, hub.client(), tmp_path)

    assert isinstance(told, UnansweredError)
    assert "failed with 503" in str(told)
    assert "nothing was changed" in told.hint
    assert (hub.naps.taken, len(hub.running.requests)) == ([0.1, 0.2], 3)


@cases(WRITES)
def test_a_write_is_never_repeated(hub: Hub, tmp_path: Path, ask: Ask) -> None:
    """After a failure nobody knows whether it was done, so it is not done again, and that is said."""
    hub.state.faults.append(lambda *_: broken())

    told = refusal(ask, hub.client(), tmp_path)

    assert isinstance(told, UnansweredError)
    assert "failed with 502 when asked to " in str(told)
    assert "it may have been done all the same" in told.hint
    assert (hub.naps.taken, len(hub.running.requests)) == ([], 1)


def test_a_write_whose_answer_is_lost_was_done(hub: Hub) -> None:
    """The state after a lost answer is the one that a second look finds."""
    hub.state.lost.append(lambda method, _: broken() if method == "POST" else None)

    with pytest.raises(UnansweredError):
        hub.client().create_draft("v1.2.0", "1.2.0", "")
    assert [one.is_draft for one in hub.client().find_releases("v1.2.0")] == [True]


def test_a_read_that_is_answered_at_last_is_a_read(hub: Hub) -> None:
    """Two failures and an answer are an answer."""
    run_id = hub.state.add_run("test.yml", SHA)
    answers = [broken(500), broken()]
    hub.state.faults.append(lambda *_: answers.pop() if answers else None)

    assert hub.client().run(run_id).id == run_id
    assert hub.naps.taken == [0.1, 0.2]


@cases(ALL)
def test_nobody_listening_is_no_answer(tmp_path: Path, offline: None, ask: Ask) -> None:
    """Where nobody listens, the message names the host and the reason, not the library's objects."""
    env = {"GITHUB_API_URL": "http://127.0.0.1:9/api/v3", "GH_TOKEN": WRITER}
    naps: list[float] = []
    told = refusal(ask, connect(NAME, env, pauses=Pauses((0.1,), 0, naps.append)), tmp_path)

    assert isinstance(told, UnansweredError)
    assert str(told).startswith("GitHub at 127.0.0.1 did not answer when ")
    assert str(told).endswith(": the connection failed")


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
def test_the_rate_limit_is_named_with_its_time(hub: Hub, tmp_path: Path, answer: Answer, until: str, name: str) -> None:
    """Whoever asked too often learns when asking helps again; nothing is tried before."""
    hub.state.faults.append(lambda *_: answer)

    told = refusal(ALL[name], hub.client(), tmp_path)

    assert f"rejects requests until {until}: its rate limit is used up" in str(told)
    assert (hub.naps.taken, len(hub.running.requests)) == ([], 1)


def test_the_limit_without_a_token_is_lower_and_that_is_said(hub: Hub, tmp_path: Path) -> None:
    """Who asks without a token is told that one helps; who has one is not."""
    hub.state.hourly_limit = 1
    for client, helps in ((hub.client(None), True), (hub.client(), False)):
        client.releases()
        told = refusal(READS["releases"], client, tmp_path)
        assert "rate limit is used up" in str(told)
        assert ("GH_TOKEN" in told.hint) is helps


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"message": "no", "errors": [{"resource": "R", "code": "custom", "message": WRITER}]}, id="token"),
        pytest.param({"message": f"no {WRITER}\x1b[31m\n::error::x", "errors": ["text"]}, id="control characters"),
        pytest.param({"message": "n" * 5000}, id="long"),
        pytest.param({"message": None, "errors": {"a": "b"}}, id="no message"),
    ],
)
def test_foreign_words_come_as_one_short_line(hub: Hub, tmp_path: Path, content: object) -> None:
    """Whatever GitHub or something in front of it says, it is printable, short, one line, and contains no token."""
    hub.state.faults.append(lambda *_: Answer(422, content, is_githubs=False))

    told = str(refusal(WRITES["create_draft"], hub.client(), tmp_path))

    assert told.isprintable()
    assert len(told) < 500
    assert "refused with 422" in told


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
def test_an_answer_that_makes_no_sense_is_refused(hub: Hub, tmp_path: Path, content: object, status: int) -> None:
    """A gap in an answer is never read as a value, nor is it a traceback."""
    hub.state.faults.append(lambda *_: Answer(status, content, is_githubs=False))

    told = str(refusal(READS["run"], hub.client(), tmp_path))
    assert "when asked for run 7" in told
    assert status == 422 or "gave an answer that cannot be used" in told


def test_a_renamed_repository_is_read_under_its_old_name_where_that_is_safe(hub: Hub) -> None:
    """A redirected read without a filter is answered; it is about the same repository."""
    run_id = hub.state.add_run("test.yml", SHA)
    hub.state.former_names.add("acme/old-name")

    assert hub.client(repository="acme/old-name").run(run_id).sha == SHA


@pytest.mark.parametrize("name", ["newest_run", "create_draft", "delete_asset", "publish", "open_pull_request"])
def test_a_renamed_repository_is_never_half_understood(hub: Hub, tmp_path: Path, name: str) -> None:
    """A redirect that loses the filter of a read, or turns a write into nothing, is refused and explained."""
    hub.state.add_run("test.yml", "b" * 40)
    hub.state.former_names.add("acme/old-name")
    before = hub.fingerprint()

    told = refusal(ALL[name], hub.client(repository="acme/old-name"), tmp_path)

    assert "cannot be used" in str(told)
    assert "acme/old-name" in told.hint
    assert "rename" in told.hint
    assert hub.fingerprint() == before


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("https://uploads.example.org/assets{?name,label}", id="another site"),
        pytest.param("http://127.0.0.1:9/assets{?name,label}", id="another port"),
        pytest.param("https://127.0.0.1/assets", id="another scheme"),
    ],
)
def test_a_file_and_a_token_never_go_to_another_site(hub: Hub, tmp_path: Path, address: str) -> None:
    """An upload address that is not GitHub's gets neither."""
    release = hub.client().create_draft("v1.2.0", "1.2.0", "")
    url = f"{hub.running.api_url}/repos/{NAME}/releases/{release.id}"
    answer = Answer(200, {"id": release.id, "url": url, "upload_url": address}, is_githubs=False)
    hub.state.faults.append(lambda method, _: answer if method == "GET" else None)

    told = refusal(ALL["upload_asset"], hub.client(), tmp_path)
    assert "cannot be used" in str(told)


def test_the_library_keeps_its_log_to_itself(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    """The library, which logs whole answers where somebody lets it, is kept quiet by connecting."""
    import github  # which sets a level itself when it is imported first

    caplog.set_level(logging.DEBUG, github.__name__)

    hub.client().releases()

    assert [record.name for record in caplog.records if record.name.startswith("github")] == []
