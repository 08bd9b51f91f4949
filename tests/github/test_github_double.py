"""The stand-in keeps GitHub's rules, also those that our client never touches; asked without the client library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from release_channels.errors import RefusedError
from release_channels.rehearsal.github import Answer, GitHubState, serve_github
from tests.github.hubs import NAME, NOBODY, READER, WRITER, Hub, api, open_hub
from tests.support.repo import Repo

SHA = "a" * 40


def create(hub: Hub, tag: str, **more: Any) -> dict[str, Any]:
    """Create a release."""
    answer = api(hub, "POST", "/releases", json={"tag_name": tag, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def upload(hub: Hub, release: Mapping[str, Any], name: str, content: bytes = b"x") -> requests.Response:
    """Add a file to a release at the address that the release names."""
    return api(hub, "POST", str(release["upload_url"]).partition("{")[0], params={"name": name}, data=content)


def test_a_draft_has_no_tag_and_its_page_another_name(hub: Hub) -> None:
    """A look-up by tag finds a release from its publication on, and publishing makes the tag where it is missing."""
    draft = create(hub, "v1.0.0", draft=True)
    assert api(hub, "GET", "/releases/tags/v1.0.0").status_code == 404
    assert re.search(r"/releases/tag/untagged-[0-9a-f]+$", draft["html_url"])
    assert api(hub, "GET", "/git/ref/tags/v1.0.0").status_code == 404

    done = api(hub, "PATCH", f"/releases/{draft['id']}", json={"draft": False}).json()

    assert done["html_url"].endswith("/releases/tag/v1.0.0")
    assert done["published_at"]
    assert api(hub, "GET", "/releases/tags/v1.0.0").json()["id"] == draft["id"]
    ref = api(hub, "GET", "/git/ref/tags/v1.0.0").json()
    assert ref["object"] == {
        "sha": hub.repo.git("rev-parse", "main"),
        "type": "commit",
        "url": ref["object"]["url"],
    }


def test_a_draft_is_hidden_by_number_too(hub: Hub) -> None:
    """A token that may not write finds neither a draft nor its files, by whatever address."""
    draft = create(hub, "v1.0.0", draft=True)
    asset = upload(hub, draft, "a.txt").json()

    for path in (f"/releases/{draft['id']}", f"/releases/{draft['id']}/assets", f"/releases/assets/{asset['id']}"):
        assert api(hub, "GET", path).status_code == 200
        assert api(hub, "GET", path, token=READER).status_code == 404
        assert api(hub, "GET", path, token=None).status_code == 404


def test_publishing_towards_nothing_is_refused(hub: Hub) -> None:
    """A release whose tag and target are both missing cannot be published."""
    answer = api(hub, "POST", "/releases", json={"tag_name": "v1.0.0", "target_commitish": "gone"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "target_commitish")
    assert hub.state.releases == {}


@pytest.mark.parametrize(
    ("published", "latest"),
    [
        pytest.param([("v1.0.0", "true"), ("v0.9.1", "false")], "v1.0.0", id="false keeps it"),
        pytest.param([("v1.0.0", "true"), ("v0.9.1", "true")], "v0.9.1", id="true takes it"),
        pytest.param([("v1.0.0", "legacy"), ("v0.9.1", "legacy")], "v1.0.0", id="legacy goes by version"),
        pytest.param([("v0.9.1", None)], "v0.9.1", id="a new one takes it"),
        pytest.param([("v0.9.1", "false")], None, id="none"),
    ],
)
def test_the_latest_release(hub: Hub, published: list[tuple[str, str | None]], latest: str | None) -> None:
    """`make_latest` decides which release is the latest; drafts and pre-releases never are."""
    now = hub.state.clock()
    hub.state.clock = lambda: now
    for tag, how in published:
        create(hub, tag, **({"make_latest": how} if how else {}))
    create(hub, "v9.0.0", draft=True)
    create(hub, "v8.0.0rc1", prerelease=True)

    answer = api(hub, "GET", "/releases/latest", token=None)
    assert (answer.json().get("tag_name") if answer.ok else None) == latest


def test_an_immutable_release_keeps_its_tag_and_its_words_can_change(repo: Repo) -> None:
    """Title and notes of an immutable release can be edited; its tag, its state and its files cannot."""
    with open_hub(repo, immutable_releases=True) as hub:
        done = create(hub, "v1.0.0", body="old")
        path = f"/releases/{done['id']}"
        assert api(hub, "PATCH", path, json={"name": "n", "body": "new"}).json()["body"] == "new"
        before = hub.fingerprint()
        for change in ({"tag_name": "v2.0.0"}, {"draft": True}, {"target_commitish": "main"}):
            assert api(hub, "PATCH", path, json=change).status_code == 422
        assert upload(hub, done, "a.txt").status_code == 422
        assert hub.fingerprint() == before


def test_a_release_that_is_not_immutable_is_forgotten_when_deleted(hub: Hub) -> None:
    """Its tag can be used again, and it is not the latest any more."""
    done = create(hub, "v1.0.0")
    assert api(hub, "DELETE", f"/releases/{done['id']}").status_code == 204
    assert api(hub, "GET", "/releases/latest").status_code == 404
    assert create(hub, "v1.0.0")["id"] != done["id"]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("demo_tool-1.0-py3-none-any.whl", "demo_tool-1.0-py3-none-any.whl"),
        ("demo-1.0+local.tar.gz", "demo-1.0+local.tar.gz"),
        ("a b.txt", "a.b.txt"),
        ("a (1).txt", "a.1.txt"),
        ("..hidden..txt.", "hidden.txt"),
        ("naïve.txt", "na.ve.txt"),
    ],
)
def test_asset_names_are_rewritten(hub: Hub, name: str, kept: str) -> None:
    """A file is stored under the name that GitHub writes, and that name is then taken."""
    release = create(hub, "v1.0.0", draft=True)
    assert upload(hub, release, name).json()["name"] == kept
    again = upload(hub, release, kept)
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "already_exists")


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        pytest.param("POST", "/releases", {"json": {}}, 422, id="no tag"),
        pytest.param("POST", "/releases", {"data": b"{"}, 400, id="no JSON"),
        pytest.param("POST", "/releases", {"json": [1]}, 400, id="no object"),
        pytest.param("POST", "/releases", {"json": {"tag_name": "v1", "make_latest": "yes"}}, 422, id="make_latest"),
        pytest.param("POST", "/releases/generate-notes", {"json": {}}, 422, id="notes of nothing"),
        pytest.param("POST", "/pulls", {"json": {"head": "main", "base": "main"}}, 422, id="pull without title"),
        pytest.param("GET", "/git/ref/tags/v9", {}, 404, id="no such tag"),
        pytest.param("GET", "/git/tags/" + SHA, {}, 404, id="no such tag object"),
        pytest.param("GET", "/commits/gone", {}, 422, id="no such commit"),
        pytest.param("GET", "/compare/main", {}, 404, id="nothing to compare"),
        pytest.param("GET", "/environments/gone", {}, 404, id="no such environment"),
        pytest.param("GET", "/deployments/1", {}, 404, id="no such deployment"),
        pytest.param("GET", "/actions/runs/1", {}, 404, id="no such run"),
        pytest.param("GET", "/actions/artifacts/1/zip", {}, 404, id="no such artifact"),
        pytest.param("GET", "/pulls/1", {}, 404, id="no such pull request"),
        pytest.param("GET", "/no/such/route", {}, 404, id="no such route"),
        pytest.param("PUT", "/releases", {}, 404, id="no such method"),
        pytest.param("GET", "/releases", {"headers": {"User-Agent": ""}}, 403, id="no user agent"),
        pytest.param("GET", "/releases", {"headers": {"Authorization": "Bearer x"}}, 401, id="bad token"),
        pytest.param("GET", "/releases", {"headers": {"Authorization": "Basic x"}}, 401, id="no bearer"),
    ],
)
def test_what_cannot_be_answered(hub: Hub, method: str, path: str, options: dict[str, Any], status: int) -> None:
    """A wrong question has an answer of GitHub's form: a message, and the status that it documents."""
    before = hub.fingerprint()
    answer = api(hub, method, path, **options)
    assert (answer.status_code, bool(answer.json()["message"])) == (status, True)
    assert hub.fingerprint() == before
    hub.running.take_breaches()  # some of these GitHub does not describe


def test_other_repositories_are_not_there(hub: Hub) -> None:
    """One repository is served, whatever the case of its name."""
    assert api(hub, "GET", f"{hub.running.api_url}/repos/ACME/Demo-Tool").json()["full_name"] == NAME
    assert api(hub, "GET", f"{hub.running.api_url}/repos/acme/other").status_code == 404


def test_a_former_name_leads_to_the_repository(hub: Hub) -> None:
    """Reads of a renamed repository are sent on with 301, everything else with 307, query and all."""
    hub.state.former_names.add("acme/old")
    base = f"{hub.running.api_url}/repos/acme/old"

    read = api(hub, "GET", f"{base}/releases?per_page=1")
    write = api(hub, "POST", f"{base}/releases", json={"tag_name": "v1"})

    assert (read.status_code, write.status_code) == (301, 307)
    assert read.headers["Location"].endswith("/releases?per_page=1")
    assert api(hub, "GET", read.headers["Location"]).json() == []
    assert hub.state.releases == {}


def test_private_things_need_a_right(repo: Repo) -> None:
    """A private repository is absent to tokens without rights, and closed where a token lacks the right."""
    with open_hub(repo, private=True) as hub:
        hub.state.tokens["only-actions"] = frozenset({"actions: read"})
        assert api(hub, "GET", "", token=None).status_code == 404
        assert api(hub, "GET", "/releases", token=NOBODY).status_code == 404
        assert api(hub, "GET", "/releases", token="only-actions").status_code == 403
        assert api(hub, "GET", "/actions/runs", token="only-actions").status_code == 200
        assert api(hub, "GET", "/releases", token=READER).status_code == 200


def test_a_write_needs_its_own_right(hub: Hub) -> None:
    """The right to write one thing is none to write another; without a token it is not even discussed."""
    hub.state.tokens["pulls"] = frozenset({"pull-requests: write", "contents: read"})
    before = hub.fingerprint()
    for token, status in ((None, 401), ("pulls", 403), (READER, 403)):
        assert api(hub, "POST", "/releases", token=token, json={"tag_name": "v1"}).status_code == status
    assert hub.fingerprint() == before


def test_lists_come_in_pages_with_links(hub: Hub) -> None:
    """Thirty to a page unless asked otherwise, a hundred at most; the links lead to the other pages."""
    for _ in range(205):
        hub.state.add_run("test.yml", SHA)

    first = api(hub, "GET", "/actions/runs")
    second = api(hub, "GET", "/actions/runs?per_page=500&page=2&event=push")
    third = api(hub, "GET", second.links["next"]["url"])

    assert (first.json()["total_count"], len(first.json()["workflow_runs"])) == (205, 30)
    assert set(first.links) == {"next", "last"}
    assert (len(second.json()["workflow_runs"]), set(second.links)) == (100, {"prev", "next", "first", "last"})
    assert (len(third.json()["workflow_runs"]), set(third.links)) == (5, {"prev", "first"})
    assert "event=push" in third.url


def test_runs_are_filtered(hub: Hub) -> None:
    """Each documented filter leaves only what it names."""
    hub.state.add_run("test.yml", SHA)
    wanted = hub.state.add_run("test.yml", "b" * 40, event="workflow_dispatch", branch="side", conclusion="failure")
    for query in ("head_sha=" + "b" * 40, "event=workflow_dispatch", "branch=side", "status=failure"):
        listed = api(hub, "GET", f"/actions/workflows/test.yml/runs?{query}").json()
        assert [run["id"] for run in listed["workflow_runs"]] == [wanted], query
    workflow_id = api(hub, "GET", f"/actions/runs/{wanted}").json()["workflow_id"]
    assert api(hub, "GET", f"/actions/workflows/{workflow_id}/runs").json()["total_count"] == 2


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (">=2026-11-02T12:00:00Z", [2, 3]),
        (">2026-11-02T12:00:00Z", [3]),
        ("<2026-11-02T14:00:00+02:00", [1]),
        ("<=2026-11-02T14:00:00+02:00", [1, 2]),
        ("2026-11-02T12:00:00Z", [2]),
        ("2026-11-02", [2]),
        (">2026-11-02", [3]),
        (">=2026-11-04", []),
    ],
)
def test_runs_are_filtered_by_their_time(hub: Hub, wanted: str, found: list[int]) -> None:
    """A time or a day, as GitHub's search has them; a fraction of a second does not count."""
    for day in (1, 2, 3):
        hub.state.clock = lambda day=day: datetime(2026, 11, day, 12, 0, 0, 7, tzinfo=UTC)  # type: ignore[misc]
        hub.state.add_run("test.yml", SHA)
    listed = api(hub, "GET", "/actions/workflows/test.yml/runs", params={"created": wanted}).json()["workflow_runs"]
    assert sorted(run["run_number"] for run in listed) == found


def test_a_search_shows_a_thousand_runs(hub: Hub) -> None:
    """Where a filter is given, the tenth page of a hundred is the last, though more are counted."""
    for _ in range(1003):
        hub.state.add_run("test.yml", SHA)
    path = "/actions/runs?per_page=100&page="
    assert len(api(hub, "GET", f"{path}11").json()["workflow_runs"]) == 3
    tenth, after = (api(hub, "GET", f"{path}{page}&event=push") for page in (10, 11))
    assert (tenth.json()["total_count"], tenth.json()["workflow_runs"][-1]["run_number"]) == (1003, 4)
    assert "next" not in tenth.links
    assert after.json()["workflow_runs"] == []


def test_earlier_attempts_stay_visible(hub: Hub) -> None:
    """The run shows its newest attempt; the first one can still be asked for, with its jobs."""
    run_id = hub.state.add_run("test.yml", SHA, conclusion="failure")
    hub.state.add_job(run_id, "tests", conclusion="failure")
    hub.state.rerun(run_id)
    hub.state.add_job(run_id, "tests")
    path = f"/actions/runs/{run_id}"

    assert api(hub, "GET", path).json()["conclusion"] == "success"
    assert api(hub, "GET", f"{path}/attempts/1").json()["conclusion"] == "failure"
    assert api(hub, "GET", f"{path}/attempts/3").status_code == 404
    shown = [job["conclusion"] for job in api(hub, "GET", f"{path}/attempts/1/jobs").json()["jobs"]]
    assert shown == ["failure"]
    assert api(hub, "GET", f"{path}/jobs?filter=all").json()["total_count"] == 2


def test_the_artifact_store_wants_its_address_and_no_token(hub: Hub) -> None:
    """The address is the key: a guess is refused, and so is whoever shows a token there."""
    artifact = hub.state.add_artifact(hub.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    answer = api(hub, "GET", f"/actions/artifacts/{artifact}/zip")
    store = answer.headers["Location"]

    assert answer.status_code == 302
    assert api(hub, "GET", store, token=None).content == hub.state.artifacts[artifact].archive
    assert api(hub, "GET", store).status_code == 400
    assert api(hub, "GET", store[:-1] + "_", token=None).status_code == 403
    hub.state.expire_artifact(artifact)
    assert api(hub, "GET", f"/actions/artifacts/{artifact}/zip").status_code == 410
    assert api(hub, "GET", "/actions/artifacts?name=release").json()["artifacts"][0]["expired"] is True


@pytest.mark.parametrize("gone", ["side", "trunk"])
def test_a_pull_request_outlives_its_branches(hub: Hub, gone: str) -> None:
    """Deleting a branch closes the pull request, which keeps its last commits; in a list it is shown in short."""
    repo = hub.repo
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit("More", {"more.txt": "more"})
    repo.git("push", "--quiet", "origin", "side", "main:trunk")
    sent = {"title": "More", "head": "side", "base": "trunk"}
    before = api(hub, "POST", "/pulls", json=sent).json()
    repo.git("push", "--quiet", "--delete", "origin", gone)

    after = api(hub, "GET", "/pulls/1").json()

    assert (before["state"], after["state"], after["commits"]) == ("open", "closed", 1)
    assert [after[end]["sha"] for end in ("head", "base")] == [before[end]["sha"] for end in ("head", "base")]
    assert api(hub, "GET", "/pulls").json() == []
    (listed,) = api(hub, "GET", "/pulls?state=closed").json()
    assert (listed["number"], "commits" in listed) == (1, False)


def test_annotated_and_lightweight_tags_differ(hub: Hub) -> None:
    """An annotated tag is an object of its own that names its commit; a lightweight one is just a name."""
    repo = hub.repo
    repo.tag("v1.0.0")
    repo.git("tag", "light")
    repo.git("push", "--quiet", "origin", "v1.0.0", "light")
    head = repo.git("rev-parse", "HEAD")

    annotated = api(hub, "GET", "/git/ref/tags/v1.0.0").json()["object"]
    light = api(hub, "GET", "/git/ref/tags/light").json()["object"]

    assert (annotated["type"], light["type"], light["sha"]) == ("tag", "commit", head)
    assert api(hub, "GET", f"/git/tags/{annotated['sha']}").json()["object"]["sha"] == head
    assert api(hub, "GET", "/commits/v1.0.0").json()["sha"] == head


def test_a_comparison_is_whole(hub: Hub) -> None:
    """Commits, files and the merge base come along; histories without a common commit are refused."""
    repo = hub.repo
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit("More", {"more.txt": "more"})
    repo.git("checkout", "--quiet", "--orphan", "alone")
    repo.commit("Alone")
    repo.git("push", "--quiet", "origin", "main", "alone")

    comparison = api(hub, "GET", f"/compare/{first}...main").json()

    assert (comparison["merge_base_commit"]["sha"], comparison["base_commit"]["sha"]) == (first, first)
    assert [commit["sha"] for commit in comparison["commits"]] == [second]
    assert [(file["filename"], file["status"]) for file in comparison["files"]] == [("more.txt", "added")]
    answer = api(hub, "GET", "/compare/main...alone")
    assert (answer.status_code, "No common ancestor" in answer.text) == (404, True)


def test_environments_show_their_rules(hub: Hub) -> None:
    """Reviewers and branch policies are shown as the API documents them."""
    hub.state.add_environment("pypi-public", reviewers=("alice", "team Crew"), branch_policies=("v*",))
    hub.state.add_environment("plain")

    listed = api(hub, "GET", "/environments").json()["environments"]
    rules = {rule["type"]: rule for rule in listed[0]["protection_rules"]}

    assert [environment["name"] for environment in listed] == ["pypi-public", "plain"]
    assert [entry["type"] for entry in rules["required_reviewers"]["reviewers"]] == ["User", "Team"]
    assert listed[0]["deployment_branch_policy"] == {"protected_branches": False, "custom_branch_policies": True}
    assert listed[1]["protection_rules"] == []
    policies = api(hub, "GET", "/environments/pypi-public/deployment-branch-policies").json()["branch_policies"]
    assert [policy["name"] for policy in policies] == ["v*"]


def test_the_limit_is_counted_per_token(hub: Hub) -> None:
    """Every answer counts what is left; a request above the limit is refused until the reset, for this token alone."""
    hub.state.hourly_limit = 2
    left = [api(hub, "GET", "").headers["X-RateLimit-Remaining"] for _ in range(3)]
    refused = api(hub, "GET", "")

    assert left == ["1", "0", "0"]
    assert (refused.status_code, refused.json()["message"].startswith("API rate limit exceeded")) == (403, True)
    assert int(refused.headers["X-RateLimit-Reset"]) > hub.state.clock().timestamp()
    assert api(hub, "GET", "", token=READER).status_code == 200


def test_faults_stand_before_and_after_the_work(hub: Hub) -> None:
    """A fault in `faults` keeps the work from being done, one in `lost` hides that it was."""
    fault = Answer(500, {"message": "no"})
    hub.state.faults.append(lambda method, path: fault if method == "POST" and path.endswith("/releases") else None)
    assert api(hub, "POST", "/releases", json={"tag_name": "v1"}).status_code == 500
    assert hub.state.releases == {}

    hub.state.lost.append(hub.state.faults.pop())
    assert api(hub, "POST", "/releases", json={"tag_name": "v1"}).status_code == 500
    assert len(hub.state.releases) == 1
    assert hub.running.requests[-1] == f"POST /api/v3/repos/{NAME}/releases 500"


def test_a_fault_of_the_stand_in_itself_is_reported(repo: Repo) -> None:
    """A test never takes a bug of the stand-in for an answer of GitHub's."""
    state = GitHubState(NAME, tokens={WRITER: ()})

    def burst(method: str, path: str) -> Answer | None:
        raise ZeroDivisionError("marked")

    state.clock = lambda: 1 // 0  # type: ignore[assignment,return-value]
    with serve_github(state) as running:
        answer = requests.get(f"{running.api_url}/repos/{NAME}", timeout=20)
        assert answer.status_code == 500
        (warning,) = running.warnings()
    assert "ZeroDivisionError" in warning


def test_nothing_is_left_behind(hub: Hub) -> None:
    """After the block the port is closed, and one that is taken is refused."""
    with serve_github(hub.state) as running:
        port = int(running.url.rpartition(":")[2])
        with pytest.raises(RefusedError, match="the GitHub double cannot listen"), serve_github(hub.state, port=port):
            pass
    with pytest.raises(requests.ConnectionError):
        requests.get(running.api_url, timeout=5)
