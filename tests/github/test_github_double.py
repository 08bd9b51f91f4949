"""The double enforces GitHub's rules, also those that the client never meets; without the client library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from release_channels.errors import RefusedError
from release_channels.rehearsal.github import Answer, GitHubState, serve_github
from tests.github.hubs import NAME, READER, RIGHTLESS, WRITER, GitHubDouble, api, open_github
from tests.support.repo import Repo

SHA = "a" * 40


def create(github: GitHubDouble, tag: str, **more: Any) -> dict[str, Any]:
    """Create a release."""
    answer = api(github, "POST", "/releases", json={"tag_name": tag, **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def upload(github: GitHubDouble, release: Mapping[str, Any], name: str, content: bytes = b"x") -> requests.Response:
    """Add a file to a release at its upload address."""
    return api(github, "POST", str(release["upload_url"]).partition("{")[0], params={"name": name}, data=content)


def test_a_draft_has_no_tag_and_another_page_name(github: GitHubDouble) -> None:
    """After publication it is found by its tag, which is created if missing."""
    draft = create(github, "v1.0.0", draft=True)
    assert api(github, "GET", "/releases/tags/v1.0.0").status_code == 404
    assert re.search(r"/releases/tag/untagged-[0-9a-f]+$", draft["html_url"])
    assert api(github, "GET", "/git/ref/tags/v1.0.0").status_code == 404

    done = api(github, "PATCH", f"/releases/{draft['id']}", json={"draft": False}).json()

    assert done["html_url"].endswith("/releases/tag/v1.0.0")
    assert done["published_at"]
    assert api(github, "GET", "/releases/tags/v1.0.0").json()["id"] == draft["id"]
    ref = api(github, "GET", "/git/ref/tags/v1.0.0").json()
    assert ref["object"] == {
        "sha": github.repo.git("rev-parse", "main"),
        "type": "commit",
        "url": ref["object"]["url"],
    }


def test_a_draft_is_hidden_by_every_address(github: GitHubDouble) -> None:
    """With its files, without write permission."""
    draft = create(github, "v1.0.0", draft=True)
    asset = upload(github, draft, "a.txt").json()

    for path in (f"/releases/{draft['id']}", f"/releases/{draft['id']}/assets", f"/releases/assets/{asset['id']}"):
        assert api(github, "GET", path).status_code == 200
        assert api(github, "GET", path, token=READER).status_code == 404
        assert api(github, "GET", path, token=None).status_code == 404


def test_publishing_without_tag_and_target_is_refused(github: GitHubDouble) -> None:
    answer = api(github, "POST", "/releases", json={"tag_name": "v1.0.0", "target_commitish": "gone"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "target_commitish")
    assert github.state.releases == {}


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
def test_the_latest_release(github: GitHubDouble, published: list[tuple[str, str | None]], latest: str | None) -> None:
    """By `make_latest`; never a draft or pre-release."""
    now = github.state.clock()
    github.state.clock = lambda: now
    for tag, how in published:
        create(github, tag, **({"make_latest": how} if how else {}))
    create(github, "v9.0.0", draft=True)
    create(github, "v8.0.0rc1", prerelease=True)

    answer = api(github, "GET", "/releases/latest", token=None)
    assert (answer.json().get("tag_name") if answer.ok else None) == latest


def test_only_title_and_notes_of_an_immutable_release_change(repo: Repo) -> None:
    with open_github(repo, immutable_releases=True) as github:
        done = create(github, "v1.0.0", body="old")
        path = f"/releases/{done['id']}"
        assert api(github, "PATCH", path, json={"name": "n", "body": "new"}).json()["body"] == "new"
        before = github.fingerprint()
        for change in ({"tag_name": "v2.0.0"}, {"draft": True}, {"target_commitish": "main"}):
            assert api(github, "PATCH", path, json=change).status_code == 422
        assert upload(github, done, "a.txt").status_code == 422
        assert github.fingerprint() == before


def test_a_deleted_mutable_release_frees_its_tag(github: GitHubDouble) -> None:
    """And is no longer the latest."""
    done = create(github, "v1.0.0")
    assert api(github, "DELETE", f"/releases/{done['id']}").status_code == 204
    assert api(github, "GET", "/releases/latest").status_code == 404
    assert create(github, "v1.0.0")["id"] != done["id"]


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
def test_asset_names_are_rewritten(github: GitHubDouble, name: str, kept: str) -> None:
    """The stored name is taken."""
    release = create(github, "v1.0.0", draft=True)
    assert upload(github, release, name).json()["name"] == kept
    again = upload(github, release, kept)
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
def test_an_invalid_request_has_githubs_error(
    github: GitHubDouble, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    """A message, and the documented status."""
    before = github.fingerprint()
    answer = api(github, method, path, **options)
    assert (answer.status_code, bool(answer.json()["message"])) == (status, True)
    assert github.fingerprint() == before
    github.running.take_breaches()  # some of these GitHub does not describe
    github.running.take_unchecked()  # and one gives no name


def test_other_repositories_are_404(github: GitHubDouble) -> None:
    """The name is compared in any case."""
    assert api(github, "GET", f"{github.running.api_url}/repos/ACME/Demo-Tool").json()["full_name"] == NAME
    assert api(github, "GET", f"{github.running.api_url}/repos/acme/other").status_code == 404


def test_a_former_name_redirects_to_the_repository(github: GitHubDouble) -> None:
    """Reads with 301, writes with 307, with the query."""
    github.state.former_names.add("acme/old")
    base = f"{github.running.api_url}/repos/acme/old"

    read = api(github, "GET", f"{base}/releases?per_page=1")
    write = api(github, "POST", f"{base}/releases", json={"tag_name": "v1"})

    assert (read.status_code, write.status_code) == (301, 307)
    assert read.headers["Location"].endswith("/releases?per_page=1")
    assert api(github, "GET", read.headers["Location"]).json() == []
    assert github.state.releases == {}


def test_a_private_repository_requires_permission(repo: Repo) -> None:
    """Without any it is a 404, with too few a 403."""
    with open_github(repo, private=True) as github:
        github.state.tokens["only-actions"] = frozenset({"actions: read"})
        assert api(github, "GET", "", token=None).status_code == 404
        assert api(github, "GET", "/releases", token=RIGHTLESS).status_code == 404
        assert api(github, "GET", "/releases", token="only-actions").status_code == 403
        assert api(github, "GET", "/actions/runs", token="only-actions").status_code == 200
        assert api(github, "GET", "/releases", token=READER).status_code == 200


def test_a_write_requires_its_own_permission(github: GitHubDouble) -> None:
    """Without a token it is a 401."""
    github.state.tokens["pulls"] = frozenset({"pull-requests: write", "contents: read"})
    before = github.fingerprint()
    for token, status in ((None, 401), ("pulls", 403), (READER, 403)):
        assert api(github, "POST", "/releases", token=token, json={"tag_name": "v1"}).status_code == status
    assert github.fingerprint() == before


def test_lists_are_paged_with_links(github: GitHubDouble) -> None:
    """Of 30 by default, 100 at most."""
    for _ in range(205):
        github.state.add_run("test.yml", SHA)

    first = api(github, "GET", "/actions/runs")
    second = api(github, "GET", "/actions/runs?per_page=500&page=2&event=push")
    third = api(github, "GET", second.links["next"]["url"])

    assert (first.json()["total_count"], len(first.json()["workflow_runs"])) == (205, 30)
    assert set(first.links) == {"next", "last"}
    assert (len(second.json()["workflow_runs"]), set(second.links)) == (100, {"prev", "next", "first", "last"})
    assert (len(third.json()["workflow_runs"]), set(third.links)) == (5, {"prev", "first"})
    assert "event=push" in third.url


def test_runs_are_filtered(github: GitHubDouble) -> None:
    """By each documented filter."""
    github.state.add_run("test.yml", SHA)
    wanted = github.state.add_run("test.yml", "b" * 40, event="workflow_dispatch", branch="side", conclusion="failure")
    for query in ("head_sha=" + "b" * 40, "event=workflow_dispatch", "branch=side", "status=failure"):
        listed = api(github, "GET", f"/actions/workflows/test.yml/runs?{query}").json()
        assert [run["id"] for run in listed["workflow_runs"]] == [wanted], query
    workflow_id = api(github, "GET", f"/actions/runs/{wanted}").json()["workflow_id"]
    assert api(github, "GET", f"/actions/workflows/{workflow_id}/runs").json()["total_count"] == 2


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
def test_runs_are_filtered_by_time(github: GitHubDouble, wanted: str, found: list[int]) -> None:
    """By a time or a day, in GitHub's search syntax, in whole seconds."""
    for day in (1, 2, 3):
        github.state.clock = lambda day=day: datetime(2026, 11, day, 12, 0, 0, 7, tzinfo=UTC)  # type: ignore[misc]
        github.state.add_run("test.yml", SHA)
    listed = api(github, "GET", "/actions/workflows/test.yml/runs", params={"created": wanted}).json()["workflow_runs"]
    assert sorted(run["run_number"] for run in listed) == found


def test_a_filtered_list_has_at_most_1000_runs(github: GitHubDouble) -> None:
    """Although more are counted."""
    for _ in range(1003):
        github.state.add_run("test.yml", SHA)
    path = "/actions/runs?per_page=100&page="
    assert len(api(github, "GET", f"{path}11").json()["workflow_runs"]) == 3
    tenth, after = (api(github, "GET", f"{path}{page}&event=push") for page in (10, 11))
    assert (tenth.json()["total_count"], tenth.json()["workflow_runs"][-1]["run_number"]) == (1003, 4)
    assert "next" not in tenth.links
    assert after.json()["workflow_runs"] == []


def test_earlier_attempts_stay_visible(github: GitHubDouble) -> None:
    """With their jobs; the run itself shows the newest."""
    run_id = github.state.add_run("test.yml", SHA, conclusion="failure")
    github.state.add_job(run_id, "tests", conclusion="failure")
    github.state.rerun(run_id)
    github.state.add_job(run_id, "tests")
    path = f"/actions/runs/{run_id}"

    assert api(github, "GET", path).json()["conclusion"] == "success"
    assert api(github, "GET", f"{path}/attempts/1").json()["conclusion"] == "failure"
    assert api(github, "GET", f"{path}/attempts/3").status_code == 404
    shown = [job["conclusion"] for job in api(github, "GET", f"{path}/attempts/1/jobs").json()["jobs"]]
    assert shown == ["failure"]
    assert api(github, "GET", f"{path}/jobs?filter=all").json()["total_count"] == 2


def test_the_artifact_store_requires_its_address_and_no_token(github: GitHubDouble) -> None:
    """A guessed address is refused, and so is a token."""
    artifact = github.state.add_artifact(github.state.add_run("test.yml", SHA), "release", {"a": b"b"})
    answer = api(github, "GET", f"/actions/artifacts/{artifact}/zip")
    store = answer.headers["Location"]

    assert answer.status_code == 302
    assert api(github, "GET", store, token=None).content == github.state.artifacts[artifact].archive
    assert api(github, "GET", store).status_code == 400
    assert api(github, "GET", store[:-1] + "_", token=None).status_code == 403
    github.state.expire_artifact(artifact)
    assert api(github, "GET", f"/actions/artifacts/{artifact}/zip").status_code == 410
    assert api(github, "GET", "/actions/artifacts?name=release").json()["artifacts"][0]["expired"] is True


@pytest.mark.parametrize("gone", ["side", "trunk"])
def test_a_pull_request_of_a_deleted_branch_is_kept(github: GitHubDouble, gone: str) -> None:
    """It is closed and keeps its last commits; lists contain it in short."""
    repo = github.repo
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit("More", {"more.txt": "more"})
    repo.git("push", "--quiet", "origin", "side", "main:trunk")
    sent = {"title": "More", "head": "side", "base": "trunk"}
    before = api(github, "POST", "/pulls", json=sent).json()
    repo.git("push", "--quiet", "--delete", "origin", gone)

    after = api(github, "GET", "/pulls/1").json()

    assert (before["state"], after["state"], after["commits"]) == ("open", "closed", 1)
    assert [after[end]["sha"] for end in ("head", "base")] == [before[end]["sha"] for end in ("head", "base")]
    assert api(github, "GET", "/pulls").json() == []
    (listed,) = api(github, "GET", "/pulls?state=closed").json()
    assert (listed["number"], "commits" in listed) == (1, False)


def test_annotated_and_lightweight_tags_differ(github: GitHubDouble) -> None:
    """An annotated tag is an object that contains its commit."""
    repo = github.repo
    repo.tag("v1.0.0")
    repo.git("tag", "light")
    repo.git("push", "--quiet", "origin", "v1.0.0", "light")
    head = repo.git("rev-parse", "HEAD")

    annotated = api(github, "GET", "/git/ref/tags/v1.0.0").json()["object"]
    light = api(github, "GET", "/git/ref/tags/light").json()["object"]

    assert (annotated["type"], light["type"], light["sha"]) == ("tag", "commit", head)
    assert api(github, "GET", f"/git/tags/{annotated['sha']}").json()["object"]["sha"] == head
    assert api(github, "GET", "/commits/v1.0.0").json()["sha"] == head


def test_a_comparison_is_complete(github: GitHubDouble) -> None:
    """Commits, files and merge base; unrelated histories are refused."""
    repo = github.repo
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit("More", {"more.txt": "more"})
    repo.git("checkout", "--quiet", "--orphan", "alone")
    repo.commit("Alone")
    repo.git("push", "--quiet", "origin", "main", "alone")

    comparison = api(github, "GET", f"/compare/{first}...main").json()

    assert (comparison["merge_base_commit"]["sha"], comparison["base_commit"]["sha"]) == (first, first)
    assert [commit["sha"] for commit in comparison["commits"]] == [second]
    assert [(file["filename"], file["status"]) for file in comparison["files"]] == [("more.txt", "added")]
    answer = api(github, "GET", "/compare/main...alone")
    assert (answer.status_code, "No common ancestor" in answer.text) == (404, True)


def test_environments_contain_their_rules(github: GitHubDouble) -> None:
    """Reviewers and branch policies."""
    github.state.add_environment("pypi-public", reviewers=("alice", "team Crew"), branch_policies=("v*",))
    github.state.add_environment("plain")

    listed = api(github, "GET", "/environments").json()["environments"]
    rules = {rule["type"]: rule for rule in listed[0]["protection_rules"]}

    assert [environment["name"] for environment in listed] == ["pypi-public", "plain"]
    assert [entry["type"] for entry in rules["required_reviewers"]["reviewers"]] == ["User", "Team"]
    assert listed[0]["deployment_branch_policy"] == {"protected_branches": False, "custom_branch_policies": True}
    assert listed[1]["protection_rules"] == []
    policies = api(github, "GET", "/environments/pypi-public/deployment-branch-policies").json()["branch_policies"]
    assert [policy["name"] for policy in policies] == ["v*"]


def test_the_name_of_an_environment_is_compared_without_case(github: GitHubDouble) -> None:
    """A request in another case finds it, and makes no second one."""
    github.state.tokens[WRITER] |= {"administration: write"}
    github.state.add_environment("PyPI")
    assert api(github, "GET", "/environments/pypi").json()["name"] == "PyPI"
    assert api(github, "PUT", "/environments/pypi", json={"wait_timer": 5}).status_code == 200
    assert [one.wait_minutes for one in github.state.environments.values()] == [5]


def test_the_rate_limit_is_counted_per_token(github: GitHubDouble) -> None:
    """Above it requests are refused until the reset."""
    github.state.hourly_limit = 2
    left = [api(github, "GET", "").headers["X-RateLimit-Remaining"] for _ in range(3)]
    refused = api(github, "GET", "")

    assert left == ["1", "0", "0"]
    assert (refused.status_code, refused.json()["message"].startswith("API rate limit exceeded")) == (403, True)
    assert int(refused.headers["X-RateLimit-Reset"]) > github.state.clock().timestamp()
    assert api(github, "GET", "", token=READER).status_code == 200


@pytest.mark.parametrize("path", ["", "/{}"], ids=["created", "changed"])
def test_a_target_with_other_workflow_files_requires_the_workflows_permission(github: GitHubDouble, path: str) -> None:
    """No job's token has it; a target whose workflow files are those of the default branch needs none."""
    draft = api(github, "POST", "/releases", json={"tag_name": "v1", "draft": True}).json()["id"]
    same = github.repo.git("rev-parse", "HEAD")
    changed = github.repo.commit("bump an action", {".github/workflows/test.yml": "on: push\n"})
    github.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
    method, address = ("PATCH" if path else "POST"), f"/releases{path.format(draft)}"
    sent = {"tag_name": "v2", "draft": True}
    before = github.fingerprint()
    refused = api(github, method, address, json={**sent, "target_commitish": changed})
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert github.fingerprint() == before
    assert api(github, method, address, json={**sent, "target_commitish": same}).status_code in (200, 201)
    github.state.tokens[WRITER] |= {"workflows: write"}
    assert api(github, method, address, json={**sent, "target_commitish": changed}).status_code in (200, 201)


def test_faults_apply_before_or_after_the_work(github: GitHubDouble) -> None:
    """One in `faults` prevents the work, one in `lost` hides its answer."""
    fault = Answer(500, {"message": "no"})
    github.state.faults.append(lambda method, path: fault if method == "POST" and path.endswith("/releases") else None)
    assert api(github, "POST", "/releases", json={"tag_name": "v1"}).status_code == 500
    assert github.state.releases == {}

    github.state.lost.append(github.state.faults.pop())
    assert api(github, "POST", "/releases", json={"tag_name": "v1"}).status_code == 500
    assert len(github.state.releases) == 1
    assert github.running.requests[-1] == f"POST /api/v3/repos/{NAME}/releases 500"


def test_an_internal_error_of_the_double_is_reported(repo: Repo) -> None:
    """It is never taken for an answer of GitHub."""
    state = GitHubState(NAME, tokens={WRITER: ()})

    def burst(method: str, path: str) -> Answer | None:
        raise ZeroDivisionError("marked")

    state.clock = lambda: 1 // 0  # type: ignore[assignment,return-value]
    with serve_github(state) as running:
        answer = requests.get(f"{running.api_url}/repos/{NAME}", timeout=20)
        assert answer.status_code == 500
        (warning,) = running.take_failures()
    assert "ZeroDivisionError" in warning


def test_the_double_closes_its_port(github: GitHubDouble) -> None:
    """A taken port is refused."""
    with serve_github(github.state) as running:
        port = int(running.url.rpartition(":")[2])
        with (
            pytest.raises(RefusedError, match="the GitHub double cannot listen"),
            serve_github(github.state, port=port),
        ):
            pass
    with pytest.raises(requests.ConnectionError):
        requests.get(running.api_url, timeout=5)
