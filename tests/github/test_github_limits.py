"""What GitHub leaves open or forbids by other things than rights: its pace, its delay, and the owner's plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from release_channels.errors import RefusedError, UnansweredError
from release_channels.model.github_settings import DeploymentRefs, Environment
from tests.github.hubs import NOW, WRITES, Hub, api, open_hub
from tests.support.repo import Repo

SHA = "a" * 40
RESTRICTED = Environment("pypi-public", DeploymentRefs.NAMED)


class Clock:
    """A clock that goes on only when somebody waits."""

    def __init__(self, hub: Hub) -> None:
        self.now = datetime.fromtimestamp(NOW, UTC)
        hub.state.clock = lambda: self.now

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


def test_reading_costs_one_point_and_writing_five(hub: Hub) -> None:
    """Whoever has spent a minute's points is refused until that minute is over, and nothing moves meanwhile."""
    clock = Clock(hub)
    hub.state.minute_limit = 6
    assert [api(hub, "GET", "/releases").status_code for _ in range(2)] == [200, 200]
    before = hub.fingerprint()
    refused = api(hub, "POST", "/releases", json={"tag_name": "v1", "draft": True})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert hub.fingerprint() == before
    assert api(hub, "GET", "/releases", token=None).status_code == 200, "others are not slowed"
    clock.wait(61)
    assert api(hub, "POST", "/releases", json={"tag_name": "v1", "draft": True}).status_code == 201


@pytest.mark.parametrize("tells_pause", [True, False])
def test_whoever_asks_too_fast_is_told_when_to_come_back(hub: Hub, tells_pause: bool) -> None:
    """With the pause that GitHub names, or with the minute that it asks for where it names none."""
    hub.state.minute_limit, hub.state.tells_pause = 0, tells_pause
    before = hub.fingerprint()
    for ask in (hub.client().releases, lambda: hub.client().create_draft("v1.2.0", "1.2.0", "")):
        with pytest.raises(UnansweredError, match="rejects requests until 2027-01-15 08:01:00 UTC"):
            ask()
    assert hub.naps.taken == []
    assert hub.fingerprint() == before


def test_what_is_fresh_is_seen_later(hub: Hub) -> None:
    """A run, a release and a ref, in lists and by their own address; what was there before is seen all the time."""
    clock = Clock(hub)
    paths = ["/actions/runs", "/releases", f"/actions/runs/{hub.state.add_run('test.yml', SHA)}", "/git/ref/heads/main"]
    hub.state.lag_behind(30)
    clock.wait(30)
    old = [api(hub, "GET", path).content for path in paths]
    run_id = hub.state.add_run("test.yml", SHA)
    made = api(hub, "POST", "/releases", json={"tag_name": "v1", "draft": True}).json()
    hub.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/fresh")
    assert [api(hub, "GET", path).content for path in paths] == old
    by_name = [f"/actions/runs/{run_id}", "/git/ref/heads/fresh"]
    assert [api(hub, "GET", path).status_code for path in by_name] == [404, 404]
    opened = {"head": "fresh", "base": "main", "title": "x"}
    assert api(hub, "POST", "/pulls", json=opened).json()["errors"][0]["field"] == "head"
    clock.wait(30)
    assert [api(hub, "GET", path).status_code for path in by_name] == [200, 200]
    assert api(hub, "GET", "/actions/runs").json()["total_count"] == 2
    assert [release["id"] for release in api(hub, "GET", "/releases").json()] == [made["id"]]
    assert "No commits between" in api(hub, "POST", "/pulls", json=opened).text


def _open_after_waiting(hub: Hub, branch: str) -> int:
    """Open a pull request as `bump` does."""
    client = hub.client()
    client.await_branch(branch)
    return client.open_pull_request(branch, "main", branch, "").number


def test_a_pull_request_waits_until_its_branch_is_seen(hub: Hub) -> None:
    """It is asked for as often as anything that is read; of a branch that never comes GitHub says so itself."""
    hub.state.clock = lambda: datetime.fromtimestamp(NOW + sum(hub.naps.taken), UTC)
    hub.state.lag_behind(0.25)
    (hub.repo.root / "new.txt").write_text("new")
    hub.repo.commit("more")
    hub.repo.git("push", "--quiet", "origin", "HEAD:refs/heads/fresh")
    assert _open_after_waiting(hub, "fresh") == 1
    assert hub.naps.taken == [0.1, 0.2]
    with pytest.raises(RefusedError, match=r"PullRequest\.head invalid"):
        _open_after_waiting(hub, "absent")
    assert hub.naps.taken == [0.1, 0.2, 0.1, 0.2]
    assert len(hub.state.pulls) == 1


@pytest.mark.full
def test_a_run_beyond_the_first_thousand_is_not_found(hub: Hub) -> None:
    """GitHub shows no more of a search; nobody takes another run for it, and none is asked for twice."""
    hub.state.add_run("gate.yml", SHA, event="workflow_run", title="the one")
    for _ in range(1000):
        hub.state.add_run("gate.yml", SHA, event="workflow_run", title="another")
    since = datetime.now(UTC) - timedelta(days=1)
    assert hub.client().find_run("gate.yml", "the one", event="workflow_run", since=since) is None
    assert len(hub.running.requests) == 10


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
    """A rule that a private repository's plan lacks is refused; the environment is made all the same, without it."""
    with open_hub(repo, private=private, plan=plan) as hub:
        hub.state.tokens[ADMIN] = frozenset(RIGHTS)
        hub.state.add_environment("other", reviewers=["ada"])
        is_refused = private and rule in PLANS.get(plan, ())
        answer = api(hub, "PUT", "/environments/new", token=ADMIN, json=RULES[rule])
        assert answer.status_code == (422 if is_refused else 200)
        assert (f"the billing plan supports the {rule} protection rule" in answer.text) is is_refused
        assert bool(api(hub, "GET", "/environments/new", token=ADMIN).json()["protection_rules"]) is not is_refused
        listed = api(hub, "GET", "/rulesets", token=ADMIN).status_code
        assert listed == (403 if private and plan == "free" else 200)


def test_a_rule_that_the_plan_lacks_is_explained(repo: Repo) -> None:
    """It is said what is left open and what helps, and that nothing of the environment was changed."""
    with open_hub(repo, private=True, plan="free") as hub:
        hub.state.tokens[ADMIN] = frozenset(RIGHTS)
        hub.state.add_environment("pypi-public")
        before = hub.fingerprint()
        with pytest.raises(RefusedError, match="supports the branch policy protection rule") as refused:
            hub.client(ADMIN).settings.put_environment(RESTRICTED)
        assert "make the repository public, or take a plan" in refused.value.hint
        assert "any branch" in refused.value.hint
        assert hub.fingerprint() == before


def test_a_plan_without_rulesets_protects_no_tag(repo: Repo) -> None:
    """It is known that there are none, which another refusal does not tell."""
    with open_hub(repo, private=True, plan="free") as hub:
        hub.state.tokens[ADMIN] = frozenset(RIGHTS)
        assert hub.client(ADMIN).settings.tag_rulesets() == ()
        with pytest.raises(RefusedError, match="Resource not accessible"):
            hub.client().settings.tag_rulesets()
