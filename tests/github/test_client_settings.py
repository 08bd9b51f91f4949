"""A repository's settings: read completely, changed once, and refused as GitHub refuses them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from release_channels.errors import RefusedError
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy, TagRuleset
from release_channels.rehearsal.github import Answer
from tests.github.hubs import READER, WRITER, GitHubDouble, api

ADMIN = "SECRET-admin-token"
RIGHTS = (
    *("administration: write", "actions: write", "checks: read", "contents: read"),
    *("secrets: read", "environments: read"),
)
TAGS = Policy("tag", "v*")
DISPATCH = "on:\n  workflow_dispatch:\n    inputs:\n      do: {type: choice, required: true, options: [preflight]}\n"


@pytest.fixture
def admin(github: GitHubDouble) -> GitHubDouble:
    """A GitHub with an administrator's token."""
    github.state.tokens[ADMIN] = frozenset(RIGHTS)
    return github


def test_an_environment_is_written_and_read_back(admin: GitHubDouble) -> None:
    """With its rules; a tag policy stays one for tags."""
    admin.state.add_environment("other", reviewers=["ada", "team Crew"])
    client = admin.client(ADMIN)
    people = client.settings.environment("other")
    assert people is not None
    wanted = Environment(
        "a/b", DeploymentRefs.NAMED, (), people.reviewers, 7, prevents_self_review=True, admins_bypass=True
    )
    client.settings.put_environment(wanted)
    client.settings.add_policy("a/b", TAGS)
    assert client.settings.environment("a/b") == replace(wanted, policies=(TAGS,))
    client.settings.put_environment(replace(wanted, deployment_refs=DeploymentRefs.ALL, reviewers=(), wait_minutes=0))
    again = client.settings.environment("a/b")
    assert again is not None
    assert (again.deployment_refs, again.policies, again.reviewers, again.wait_minutes) == (
        DeploymentRefs.ALL,
        (),
        (),
        0,
    )
    assert client.settings.environment("nowhere") is None


def test_every_page_of_a_list_is_read(admin: GitHubDouble) -> None:
    """More than 100 names."""
    admin.state.secrets[""] = {f"NAME_{number}" for number in range(130)}
    assert len(admin.client(ADMIN).settings.secret_names()) == 130


def test_rulesets_and_immutability_are_read(admin: GitHubDouble) -> None:
    """Only rulesets for tags, with their restrictions."""
    admin.state.add_ruleset("tags", "refs/tags/v*", rules=["deletion"], enforcement="disabled")
    settings = admin.client(ADMIN).settings
    assert settings.tag_rulesets() == (TagRuleset("tags", False, ("refs/tags/v*",), (), frozenset({"deletion"})),)
    assert settings.immutable_releases() is False
    admin.state.immutable_releases = True
    assert settings.immutable_releases() is True


def test_a_workflow_is_started_and_its_failures_are_read(admin: GitHubDouble) -> None:
    """With the run's id, and the failures among a job's annotations."""
    admin.repo.commit("workflow", {".github/workflows/go.yml": DISPATCH})
    admin.repo.git("push", "--quiet", "origin", "main")
    settings = admin.client(ADMIN).settings
    run_id = settings.dispatch("go.yml", "main", {"do": "preflight"})
    assert run_id is not None
    assert admin.client(ADMIN).run(run_id).event == "workflow_dispatch"
    job = admin.state.add_job(run_id, "preflight", conclusion="failure")
    admin.state.annotate(job, "a hint", level="notice")
    admin.state.annotate(job, "what went wrong")
    assert settings.complaints(job) == ("what went wrong",)
    assert [one.id for one in admin.client(ADMIN).jobs(run_id)] == [job]


@pytest.mark.parametrize(
    ("workflow", "ref", "inputs", "message"),
    [
        ("nowhere.yml", "main", {"do": "preflight"}, "not found in"),
        ("go.yml", "nowhere", {"do": "preflight"}, "No ref found for: nowhere"),
        ("go.yml", "main", {}, "Required input 'do' not provided"),
        ("go.yml", "main", {"do": "dance"}, "not in the list of allowed values"),
        ("go.yml", "main", {"do": "preflight", "more": "x"}, "Unexpected inputs provided"),
        ("still.yml", "main", {}, "does not have 'workflow_dispatch' trigger"),
    ],
)
def test_an_invalid_dispatch_is_refused(
    admin: GitHubDouble, workflow: str, ref: str, inputs: dict[str, str], message: str
) -> None:
    """With GitHub's reason, and without a run."""
    files = {".github/workflows/go.yml": DISPATCH, ".github/workflows/still.yml": "on: push\n"}
    admin.repo.commit("workflows", files)
    admin.repo.git("push", "--quiet", "origin", "main")
    before = admin.fingerprint()
    with pytest.raises(RefusedError, match=message):
        admin.client(ADMIN).settings.dispatch(workflow, ref, inputs)
    assert admin.fingerprint() == before


@pytest.mark.parametrize("token", [READER, WRITER])
def test_settings_require_their_permission(github: GitHubDouble, token: str) -> None:
    """The refusal contains its name, and nothing changes."""
    github.state.add_environment("pypi-public")
    settings, before = github.client(token).settings, github.fingerprint()
    for act, right in (
        (lambda: settings.put_environment(Environment("new")), "administration: write"),
        (lambda: settings.add_policy("pypi-public", TAGS), "administration: write"),
        (lambda: settings.dispatch("go.yml", "main", {}), "actions: write"),
        (settings.secret_names, "secrets: read"),
        (lambda: settings.secret_names("pypi-public"), "environments: read"),
        (settings.immutable_releases, "administration: read"),
    ):
        with pytest.raises(RefusedError, match="forbids it") as caught:
            act()
        assert right in caught.value.hint
    assert github.fingerprint() == before


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"wait_timer": 50_000}, 422),
        ({"reviewers": [{"type": "User", "id": 1}]}, 422),
        ({"reviewers": [{"type": "User", "id": 1}] * 7}, 422),
        ({"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": True}}, 422),
    ],
)
def test_the_double_refuses_invalid_environments(admin: GitHubDouble, sent: dict[str, Any], status: int) -> None:
    """Nothing is created."""
    assert api(admin, "PUT", "/environments/new", token=ADMIN, json=sent).status_code == status
    assert "new" not in admin.state.environments


def test_the_double_enforces_the_rules_of_policies(admin: GitHubDouble) -> None:
    """None where all refs are allowed, none of an unknown kind, and an existing one is returned."""
    admin.state.add_environment("open")
    admin.state.add_environment("named", branch_policies=["main"])
    path = "/environments/{}/deployment-branch-policies"
    assert api(admin, "POST", path.format("open"), token=ADMIN, json={"name": "x"}).status_code == 404
    assert api(admin, "POST", path.format("named"), token=ADMIN, json={"name": "x", "type": "ref"}).status_code == 422
    assert len(admin.running.take_breaches()) == 1
    assert api(admin, "POST", path.format("named"), token=ADMIN, json={"name": "main"}).status_code == 303
    assert len(admin.state.environments["named"].policies) == 1


def answer_without(github: GitHubDouble, path: str, *left_out: str, is_githubs: bool = True, **changed: object) -> None:
    """Answer one path as before, without some fields, and with others changed."""
    shown = api(github, "GET", path, token=ADMIN).json()
    content = {key: value for key, value in shown.items() if key not in left_out} | changed
    answer = Answer(200, content, is_githubs=is_githubs)
    github.state.faults.append(lambda _, asked: answer if asked.endswith(path) else None)


def test_an_environment_without_a_name_is_refused(admin: GitHubDouble) -> None:
    """GitHub always sends the field."""
    admin.state.add_environment("x")
    answer_without(admin, "/environments/x", "name", is_githubs=False)
    with pytest.raises(RefusedError, match="cannot be used"):
        admin.client(ADMIN).settings.environment("x")


OPTIONAL = ("protection_rules", "deployment_branch_policy", "can_admins_bypass")
EMPTY_REVIEWERS = {"id": 1, "node_id": "GA_1", "type": "required_reviewers"}


@pytest.mark.parametrize(
    ("changed", "read"),
    [
        pytest.param({}, Environment("x", has_rules=False), id="name alone"),
        pytest.param({"protection_rules": []}, Environment("x"), id="no policy"),
        pytest.param(
            {"deployment_branch_policy": {"protected_branches": True, "custom_branch_policies": False}},
            Environment("x", DeploymentRefs.PROTECTED, has_rules=False),
            id="no rules",
        ),
        pytest.param({"protection_rules": [EMPTY_REVIEWERS]}, None, id="reviewers of nobody"),
    ],
)
def test_optional_fields_of_an_environment(
    admin: GitHubDouble, changed: dict[str, Any], read: Environment | None
) -> None:
    """A missing one does not protect; an environment with unknown rules is never overwritten."""
    admin.state.add_environment("x")
    answer_without(admin, "/environments/x", *OPTIONAL, **changed)
    settings = admin.client(ADMIN).settings
    if read is None:
        with pytest.raises(RefusedError, match="cannot be used"):
            settings.environment("x")
        return
    assert settings.environment("x") == read
    assert read.allows("tag", "anything") is (read.deployment_refs is DeploymentRefs.ALL)
    before = admin.fingerprint()
    if not read.has_rules:
        with pytest.raises(RefusedError, match="does not report the reviewers and the wait timer of x"):
            settings.put_environment(read)
    assert admin.fingerprint() == before


@pytest.mark.parametrize(
    ("left_out", "changed"),
    [
        pytest.param((), {}, id="whole"),
        pytest.param(("conditions",), {}, id="no conditions"),
        pytest.param((), {"conditions": None}, id="conditions of none"),
        pytest.param((), {"conditions": {"ref_name": {}}}, id="no patterns"),
        pytest.param(("rules",), {}, id="no rules"),
    ],
)
def test_optional_fields_of_a_ruleset(admin: GitHubDouble, left_out: tuple[str, ...], changed: dict[str, Any]) -> None:
    """A ruleset without targets or restrictions protects no tag."""
    admin.state.add_ruleset("tags", "~ALL", rules=["deletion"])
    (number,) = admin.state.rulesets
    answer_without(admin, f"/rulesets/{number}", *left_out, **changed)
    (ruleset,) = admin.client(ADMIN).settings.tag_rulesets()
    assert (ruleset.covers("v1.0.0") and bool(ruleset.restricts)) is not bool(left_out or changed)


@pytest.mark.parametrize(
    ("include", "tag", "covered"),
    [
        ("~ALL", "v1.0.0", True),
        ("refs/tags/v*", "v1.0.0", True),
        ("refs/tags/v*", "v1/0", False),
        ("refs/tags/**/*", "v1.0.0", True),
        ("refs/tags/**/*", "a/b/v1.0.0", True),
        ("refs/tags/**", "v1.0.0", True),
        ("refs/tags/**", "a/v1.0.0", False),
        ("refs/**/v*", "a/v1.0.0", True),
        ("**/*", "v1.0.0", True),
        ("refs/tags/**/v1", "v1.0.0", False),
        ("refs/heads/**/*", "v1.0.0", False),
        ("refs/tags/[^v]*", "v1.0.0", False),
        ("refs/tags/[^x]*", "v1.0.0", True),
        ("v*", "v1.0.0", False),
        ("refs/tags/V*", "v1.0.0", False),
    ],
)
def test_a_ruleset_covers_the_tags_that_its_patterns_match(include: str, tag: str, covered: bool) -> None:
    """A star stops at a slash; `**/` is any number of directories, also none."""
    nothing = frozenset[str]()
    assert TagRuleset("tags", True, (include,), (), nothing).covers(tag) is covered
    assert TagRuleset("tags", True, ("~ALL",), (include,), nothing).covers(tag) is not covered
    assert TagRuleset("tags", False, (include,), (), nothing).covers(tag) is False
