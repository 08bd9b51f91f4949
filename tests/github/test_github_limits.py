"""What GitHub leaves open or forbids by other things than rights: its pace, its delay, and the owner's plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.github_settings import DeploymentRefs, Environment
from tests.github.hubs import NOW, WRITES, GitHubDouble, api, open_github
from tests.support.repo import Repo

SHA = "a" * 40
RESTRICTED = Environment("pypi-public", DeploymentRefs.NAMED)


class Clock:
    """A clock that moves only when the client waits."""

    def __init__(self, github: GitHubDouble) -> None:
        self.now = datetime.fromtimestamp(NOW, UTC)
        github.state.clock = lambda: self.now

    def wait(self, seconds: float) -> None:
        """Move the clock."""
        self.now += timedelta(seconds=seconds)


def test_reading_costs_one_point_and_writing_five(github: GitHubDouble) -> None:
    """A client that has spent a minute's points is refused until the minute is over, and nothing moves."""
    clock = Clock(github)
    github.state.minute_limit = 6
    assert [api(github, "GET", "/releases").status_code for _ in range(2)] == [200, 200]
    before = github.fingerprint()
    refused = api(github, "POST", "/releases", json={"tag_name": "v1", "draft": True})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert github.fingerprint() == before
    assert api(github, "GET", "/releases", token=None).status_code == 200, "others are not slowed"
    clock.wait(61)
    assert api(github, "POST", "/releases", json={"tag_name": "v1", "draft": True}).status_code == 201


@pytest.mark.parametrize("shows_pause", [True, False])
def test_a_fast_client_retries_when_allowed(github: GitHubDouble, shows_pause: bool) -> None:
    """With the pause that GitHub names, or with the minute that it asks for where it names none."""
    github.state.minute_limit, github.state.shows_pause = 0, shows_pause
    before = github.fingerprint()
    for ask in (github.client().releases, lambda: github.client().create_draft("v1.2.0", "1.2.0", "")):
        with pytest.raises(UnansweredError, match="rejects requests until 2027-01-15 08:01:00 UTC"):
            ask()
    assert github.sleeps.taken == []
    assert github.fingerprint() == before


def test_what_is_fresh_is_seen_later(github: GitHubDouble) -> None:
    """A run, a release and a ref, in lists and by their own address; what was there before is seen all the time."""
    clock = Clock(github)
    paths = [
        "/actions/runs",
        "/releases",
        f"/actions/runs/{github.state.add_run('test.yml', SHA)}",
        "/git/ref/heads/main",
    ]
    github.state.lag_behind(30)
    clock.wait(30)
    old = [api(github, "GET", path).content for path in paths]
    run_id = github.state.add_run("test.yml", SHA)
    made = api(github, "POST", "/releases", json={"tag_name": "v1", "draft": True}).json()
    github.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/fresh")
    assert [api(github, "GET", path).content for path in paths] == old
    by_name = [f"/actions/runs/{run_id}", "/git/ref/heads/fresh"]
    assert [api(github, "GET", path).status_code for path in by_name] == [404, 404]
    opened = {"head": "fresh", "base": "main", "title": "x"}
    assert api(github, "POST", "/pulls", json=opened).json()["errors"][0]["field"] == "head"
    clock.wait(30)
    assert [api(github, "GET", path).status_code for path in by_name] == [200, 200]
    assert api(github, "GET", "/actions/runs").json()["total_count"] == 2
    assert [release["id"] for release in api(github, "GET", "/releases").json()] == [made["id"]]
    assert "No commits between" in api(github, "POST", "/pulls", json=opened).text


def _open_after_waiting(github: GitHubDouble, branch: str) -> int:
    """Open a pull request as `bump` does."""
    client = github.client()
    client.await_branch(branch)
    return client.open_pull_request(branch, "main", branch, "").number


def test_a_pull_request_waits_until_its_branch_is_seen(github: GitHubDouble) -> None:
    """It is asked for as often as anything that is read; of a branch that never comes GitHub says so itself."""
    github.state.clock = lambda: datetime.fromtimestamp(NOW + sum(github.sleeps.taken), UTC)
    github.state.lag_behind(0.25)
    (github.repo.root / "new.txt").write_text("new")
    github.repo.commit("more")
    github.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/fresh")
    assert _open_after_waiting(github, "fresh") == 1
    assert github.sleeps.taken == [0.1, 0.2]
    with pytest.raises(RefusedError, match=r"PullRequest\.head invalid"):
        _open_after_waiting(github, "absent")
    assert github.sleeps.taken == [0.1, 0.2, 0.1, 0.2]
    assert len(github.state.pulls) == 1


@pytest.mark.full
def test_a_run_beyond_the_first_thousand_is_not_found(github: GitHubDouble) -> None:
    """GitHub shows no more results of a search; no other run is taken, and no page is read twice."""
    github.state.add_run("gate.yml", SHA, event="workflow_run", title="the one")
    for _ in range(1000):
        github.state.add_run("gate.yml", SHA, event="workflow_run", title="another")
    since = datetime.now(UTC) - timedelta(days=1)
    assert github.client().find_run("gate.yml", "the one", event="workflow_run", since=since) is None
    assert len(github.running.requests) == 10


ADMIN = "SECRET-admin-token"
RIGHTS = (*WRITES, "administration: write", "metadata: read")
ASKED = {"type": "User", "id": sum(b"ada")}
RULES = {
    "required reviewers": {"reviewers": [ASKED]},
    "wait timer": {"wait_timer": 5},
    "branch policy": {"deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}},
}
PLANS = {"free": {"required reviewers", "wait timer", "branch policy"}, "team": {"required reviewers", "wait timer"}}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("plan", ["free", "team", "enterprise"])
@pytest.mark.parametrize("private", [True, False])
def test_a_plan_has_rules_of_environments_or_not(repo: Repo, private: bool, plan: str, rule: str) -> None:
    """A rule that a private repository's plan lacks is refused; the environment is still made, without it."""
    with open_github(repo, private=private, plan=plan) as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        github.state.add_environment("other", reviewers=["ada"])
        is_refused = private and rule in PLANS.get(plan, ())
        answer = api(github, "PUT", "/environments/new", token=ADMIN, json=RULES[rule])
        assert answer.status_code == (422 if is_refused else 200)
        assert (f"the billing plan supports the {rule} protection rule" in answer.text) is is_refused
        assert bool(api(github, "GET", "/environments/new", token=ADMIN).json()["protection_rules"]) is not is_refused
        listed = api(github, "GET", "/rulesets", token=ADMIN).status_code
        assert listed == (403 if private and plan == "free" else 200)


def test_a_rule_that_the_plan_lacks_is_explained(repo: Repo) -> None:
    """It is said what is left open and what helps, and that nothing of the environment was changed."""
    with open_github(repo, private=True, plan="free") as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        github.state.add_environment("pypi-public")
        before = github.fingerprint()
        with pytest.raises(RefusedError, match="supports the branch policy protection rule") as refused:
            github.client(ADMIN).settings.put_environment(RESTRICTED)
        assert "make the repository public, or take a plan" in refused.value.hint
        assert "any branch" in refused.value.hint
        assert github.fingerprint() == before


def test_a_plan_without_rulesets_protects_no_tag(repo: Repo) -> None:
    """The plan has no rules; another refusal leaves that unknown."""
    with open_github(repo, private=True, plan="free") as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        assert github.client(ADMIN).settings.tag_rulesets() == ()
        with pytest.raises(RefusedError, match="Resource not accessible"):
            github.client().settings.tag_rulesets()
