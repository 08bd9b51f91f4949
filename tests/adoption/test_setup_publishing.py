"""The one-time set-up: the reference document's table, GitHub's environments, and the trial of each workflow."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from release_channels import tasks
from release_channels.adapters.github.follow_run import Waiting
from release_channels.adoption.publishers import plan_environments, publisher_table, publishers, wanted_environments
from release_channels.adoption.setup_publishing import setup_publishing, translate
from release_channels.cli.context import open_context
from release_channels.errors import FailedError
from release_channels.model.config import Config, GateConfig
from release_channels.model.github_settings import DeploymentRefs, Environment, Policy, Reviewer
from release_channels.model.outcome import Outcome, Result
from release_channels.rehearsal.github.http import broken
from release_channels.rehearsal.github.state import Answer, StoredPolicy
from tests.commands.doing import on_github, on_index, run_task
from tests.conftest import MakeRepo
from tests.github.hubs import NAME, READER, GitHubDouble
from tests.support.projects import Sample

ADMIN = "SECRET-admin-token"
RIGHTS = ("administration: write", "actions: write", "checks: read", "contents: read", "secrets: read")
MAIN, TAGS = Policy("branch", "main"), Policy("tag", "v[0-9]*")
WORKFLOW = """on:
  workflow_dispatch:
    inputs:
      do:
        type: choice
        required: true
        options: [preflight, resume]
"""
FILES: dict[str, str | bytes] = {
    ".github/workflows/internal-preview-release.yml": WORKFLOW,
    ".github/workflows/public-release.yml": WORKFLOW,
    ".gitignore": ".release-channels/\n",
}


def test_benchflows_table_matches_the_reference_document() -> None:
    """With the default configuration."""
    table = publisher_table(publishers(Config(), "benchflow-ai/benchflow"))
    assert [tuple(re.split(r" {2,}", line)) for line in table] == [
        ("Channel", "Repository", "Workflow filename", "Environment"),
        ("Internal preview", "benchflow-ai/benchflow", "internal-preview-release.yml", "pypi-internal-preview"),
        ("Public", "benchflow-ai/benchflow", "public-release.yml", "pypi-public"),
    ]
    purposes = {wanted.name: wanted.purpose for wanted in wanted_environments(Config())}
    assert purposes == {
        "pypi-internal-preview": "used for automatic preview publishing from main",
        "pypi-public": "used for tag-driven public releases",
    }


def test_a_gates_own_environment_is_created() -> None:
    """Only with a gate."""
    config = Config(gate_environment="evals")
    assert [one.name for one in wanted_environments(config)][2:] == ["evals"]
    without = Config(gate_environment="evals", gate=GateConfig(enabled=False))
    assert len(wanted_environments(without)) == 2


ADA = Reviewer("User", 7, "ada")


@pytest.mark.parametrize(
    ("before", "put", "add"),
    [
        pytest.param(None, Environment("pypi-public", DeploymentRefs.NAMED), TAGS, id="not there"),
        pytest.param(
            Environment("pypi-public", reviewers=(ADA,), wait_minutes=5),
            Environment("pypi-public", DeploymentRefs.NAMED, reviewers=(ADA,), wait_minutes=5),
            TAGS,
            id="allows everything",
        ),
        pytest.param(
            Environment("pypi-public", DeploymentRefs.PROTECTED),
            Environment("pypi-public", DeploymentRefs.NAMED),
            TAGS,
            id="allows protected branches",
        ),
        pytest.param(Environment("pypi-public", DeploymentRefs.NAMED, (MAIN,)), None, TAGS, id="allows something else"),
        pytest.param(Environment("pypi-public", DeploymentRefs.NAMED, (TAGS,)), None, None, id="as it should be"),
    ],
)
def test_missing_parts_of_an_environment_are_planned(
    before: Environment | None, put: Environment | None, add: Policy | None
) -> None:
    """With its existing reviewers and waits, which GitHub would delete."""
    plan = plan_environments({"pypi-public": before}, Config())[1]
    assert (plan.put, plan.add) == (put, add)
    assert TAGS in plan.after.policies
    assert bool(list(plan.remarks())) == (before is not None and MAIN in before.policies)


@pytest.mark.parametrize(
    ("said", "setting"),
    [
        pytest.param(
            'Branch "main" is not allowed to deploy to pypi-public due to environment protection rules.',
            "the environment pypi-public on GitHub has to allow tag v[0-9]*",
            id="environment",
        ),
        pytest.param("invalid-publisher: valid token", "no publisher of demo has these values", id="publisher"),
        pytest.param("invalid-pending-publisher: valid token", "demo already exists", id="pending"),
        pytest.param("is the `id-token: write` permission missing?", "needs `id-token: write`", id="permission"),
        pytest.param("not-enabled: off", "Trusted Publishing is disabled", id="switched off"),
        pytest.param("a comet", "public-release.yml reported: a comet", id="unknown"),
        pytest.param("", "reported nothing", id="nothing"),
    ],
)
def test_each_refusal_hints_the_one_setting_to_change(said: str, setting: str) -> None:
    """With the values to compare; an unknown refusal is printed unchanged."""
    publisher = publishers(Config(), "acme/demo-tool")[1]
    hint = translate([said] if said else [], publisher, TAGS, "demo")
    assert setting in hint
    if "publisher of" in hint:
        assert "owner acme, repository demo-tool, workflow public-release.yml, environment pypi-public" in hint


@pytest.fixture
def github(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubDouble]:
    """A project with both release workflows and a release tag, on GitHub, with its first release on the index."""
    repo = make_repo(Sample(files=FILES))
    repo.tag("v1.1.0")
    repo.git("push", "--quiet", "origin", "v1.1.0")
    on_index(repo, "1.1.0")
    with on_github(repo, monkeypatch, ADMIN) as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        yield github


def set_up(github: GitHubDouble) -> None:
    """Create the environments."""
    github.state.add_environment("pypi-internal-preview", branch_policies=["main"])
    github.state.add_environment("pypi-public", tag_policies=["v[0-9]*"])


def ends(github: GitHubDouble, conclusion: str = "success", said: str = "", workflow: str = "") -> None:
    """Make started runs end at once, with a message if they fail."""

    def end(run_id: int, inputs: Mapping[str, str]) -> None:
        assert inputs == {"do": "preflight"}
        bad = workflow in ("", github.state.runs[run_id].workflow) and conclusion != "success"
        github.state.add_job(run_id, "build", conclusion="skipped")
        job = github.state.add_job(run_id, "preflight", conclusion=conclusion if bad else "success")
        if bad and said:
            github.state.annotate(job, said)
        github.state.set_run(run_id, "completed", conclusion if bad else "success")

    github.state.on_dispatch = end


def apply(github: GitHubDouble, *, dry_run: bool = False) -> Outcome:
    waiting = Waiting(longest=1, pause=1, sleep=github.sleeps, clock=github.sleeps.clock)
    with open_context(github.repo.root, os.environ, index="local") as context:
        return setup_publishing(context, apply=True, dry_run=dry_run, waiting=waiting)


def policies(github: GitHubDouble) -> dict[str, list[tuple[str, str]]]:
    return {
        name: [(one.kind, one.name) for one in environment.policies]
        for name, environment in github.state.environments.items()
    }


def test_apply_creates_environments_and_tries_both_workflows(
    github: GitHubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """The old and new state is shown; a second time nothing is written, and both are tried again."""
    github.state.add_environment("pypi-public", reviewers=["ada"], wait_minutes=5)
    ends(github)
    assert apply(github).result is Result.DONE
    assert policies(github) == {"pypi-public": [("tag", "v[0-9]*")], "pypi-internal-preview": [("branch", "main")]}
    public = github.state.environments["pypi-public"]
    assert (public.reviewers, public.wait_minutes) == (("ada",), 5)
    printed = capsys.readouterr().out
    assert "now:   allows every branch and tag; waits 5 minutes; asks ada" in printed
    assert "then:  allows tag v[0-9]*; waits 5 minutes; asks ada" in printed
    assert "now:   not there" in printed
    assert "pypi-internal-preview is set up: allows branch main" in printed
    started = {(run.workflow, run.branch) for run in github.state.runs.values()}
    assert started == {("internal-preview-release.yml", "main"), ("public-release.yml", "v1.1.0")}
    before = repr(github.state.environments)
    asked = len(github.running.requests)
    assert apply(github).result is Result.DONE
    assert repr(github.state.environments) == before
    assert "nothing to do: the environments are as they should be" in capsys.readouterr().out
    writes = [line for line in github.running.requests[asked:] if not line.startswith("GET")]
    assert [line.split()[0] for line in writes] == ["POST", "POST"], "the two trials and nothing else"


EXISTING: dict[str, dict[str, object]] = {
    "all refs": {"policy": ""},
    "protected branches": {"policy": "protected"},
    "custom, without a policy": {"policy": "named"},
    "custom, with another policy": {"policy": "named", "policies": [StoredPolicy(901, "branch", "release/*")]},
    "custom, as wanted": {"policy": "named", "policies": [StoredPolicy(902, "tag", "v[0-9]*")]},
}


@pytest.mark.parametrize("kind", EXISTING)
@pytest.mark.parametrize("admins_bypass", [True, False])
def test_apply_keeps_existing_environment_rules(github: GitHubDouble, kind: str, admins_bypass: bool) -> None:
    """Reviewers, wait timer, self-review, the admins' bypass and other policies."""
    ends(github)
    public = github.state.add_environment(
        "pypi-public", reviewers=["ada", "team Release"], wait_minutes=30, admins_bypass=admins_bypass
    )
    public.prevents_self_review = True
    for name, value in EXISTING[kind].items():
        setattr(public, name, list(value) if isinstance(value, list) else value)
    before = replace(public, policies=list(public.policies))
    assert apply(github).result is Result.DONE
    after = github.state.environments["pypi-public"]
    kept = [policy for policy in after.policies if policy in before.policies]
    assert kept == before.policies
    assert [(policy.kind, policy.name) for policy in after.policies if policy not in kept or policy.kind == "tag"] == [
        ("tag", "v[0-9]*")
    ]
    assert after == replace(before, policy="named", policies=after.policies)


LOST: dict[str, tuple[str, object, str]] = {
    "bypass": ("admins_bypass", True, "administrators may bypass it now"),
    "reviewers": ("reviewers", (), "it does not ask ada any more"),
    "wait timer": ("wait_minutes", 0, "it does not wait 30 minutes any more"),
    "self-review": ("prevents_self_review", False, "whoever starts a run may approve it now"),
}


@pytest.mark.parametrize("fails", [False, True], ids=["", "and then refuses the pattern"])
@pytest.mark.parametrize(("rule", "value", "message"), LOST.values(), ids=LOST)
def test_a_rule_that_github_drops_is_reported(
    github: GitHubDouble, rule: str, value: object, message: str, fails: bool
) -> None:
    """GitHub takes no setting of the admins' bypass, and does not say what becomes of it."""
    public = github.state.add_environment("pypi-public", reviewers=["ada"], wait_minutes=30, admins_bypass=False)
    public.prevents_self_review = True

    def drop(method: str, path: str) -> None:
        if method == "PUT" and path.endswith("/pypi-public"):
            setattr(public, rule, value)

    def refuse(method: str, path: str) -> Answer | None:
        ends = path.endswith("/pypi-public/deployment-branch-policies")
        return broken(502) if method == "POST" and ends else None

    github.state.lost.append(drop)
    github.state.faults += [refuse] if fails else []
    with pytest.raises(FailedError, match=message) as stopped:
        apply(github)
    assert "set it again by hand" in stopped.value.hint
    assert not github.state.runs


@pytest.mark.parametrize("dry_run", [False, True])
def test_nothing_is_written_without_apply(
    github: GitHubDouble, dry_run: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor with a dry run: plan and trial commands are shown."""
    before = github.fingerprint()
    if dry_run:
        assert apply(github, dry_run=True).result is Result.PLANNED
    else:
        assert run_task(github.repo.root, tasks.setup_publishing, index="local") == 0
    assert github.fingerprint() == before
    printed = capsys.readouterr().out
    assert f"Internal preview  {NAME}" in printed
    assert "count letter by letter: type them as GitHub spells them" in " ".join(printed.split())
    assert "gh workflow run internal-preview-release.yml --ref main -f do=preflight" in printed
    assert "gh workflow run public-release.yml --ref v1.1.0 -f do=preflight" in printed
    assert all(line.startswith("GET") for line in github.running.requests)


PUBLIC_FILE = ".github/workflows/public-release.yml"
TAGGED: dict[str, tuple[str | None, str]] = {
    "with a preflight": (WORKFLOW, "v1.1.0"),
    "with an input of any text": (
        "on:\n  workflow_dispatch:\n    inputs:\n      do:\n        type: string\n",
        "v1.1.0",
    ),
    "without the file": (None, "main"),
    "without a dispatch": ("on:\n  push:\n    tags: ['v*']\n", "main"),
    "with a dispatch without inputs": ("on: [push, workflow_dispatch]\n", "main"),
    "with another input": (WORKFLOW.replace("do:", "version:"), "main"),
    "with other choices": (WORKFLOW.replace("preflight, ", ""), "main"),
    "with a file that is not YAML": ("on: [\n", "main"),
}


@pytest.mark.parametrize(("tagged", "ref"), TAGGED.values(), ids=TAGGED)
def test_a_preflight_command_uses_a_ref_with_the_workflow(
    make_repo: MakeRepo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tagged: str | None,
    ref: str,
) -> None:
    """The newest release tag may be older than the workflow; no run is started there then."""
    repo = make_repo(Sample(files={".gitignore": ".release-channels/\n", **({PUBLIC_FILE: tagged} if tagged else {})}))
    repo.tag("v1.1.0")
    repo.write(FILES)
    repo.commit("adopt")
    repo.git("push", "--quiet", "origin", "main", "v1.1.0")
    on_index(repo, "1.1.0")
    with on_github(repo, monkeypatch, ADMIN) as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        set_up(github)
        assert run_task(repo.root, tasks.setup_publishing, index="local") == 0
        printed = capsys.readouterr().out
        assert f"gh workflow run public-release.yml --ref {ref} -f do=preflight" in printed
        assert ("only while pypi-public allows branch main" in printed) == (ref == "main")
        ends(github)
        assert apply(github).result is Result.DONE
        tried = {run.branch for run in github.state.runs.values() if run.workflow == "public-release.yml"}
        assert tried == (set() if ref == "main" else {"v1.1.0"})
    assert ("public-release.yml: not tried: v1.1.0 has no preflight in" in capsys.readouterr().out) == (ref == "main")


def test_a_refused_trial_hints_the_setting(github: GitHubDouble, capsys: pytest.CaptureFixture[str]) -> None:
    """The task fails; the other workflow is still tried."""
    set_up(github)
    ends(
        github,
        "failure",
        "refused: invalid-publisher: valid token, but no corresponding publisher",
        "public-release.yml",
    )
    assert run_task(github.repo.root, tasks.setup_publishing, index="local", apply=True) == 1
    printed = capsys.readouterr()
    assert "internal-preview-release.yml: the index accepts it" in printed.out
    assert "public-release.yml: no publisher of demo-tool has these values" in printed.out
    assert printed.out.strip().splitlines()[-1].startswith("failed: the index does not accept public-release.yml")


def test_an_untried_workflow_is_reported(make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file on GitHub or no release tag is neither a failure nor a success."""
    repo = make_repo(Sample(files={".gitignore": ".release-channels/\n"}))
    with on_github(repo, monkeypatch, ADMIN) as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        set_up(github)
        outcome = apply(github)
    assert outcome.result is Result.DONE
    assert outcome.message.endswith("not tried: internal-preview-release.yml, public-release.yml")


def test_a_trial_of_a_new_project_does_not_confirm_the_publisher(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stops before the index is reached."""
    repo = make_repo(Sample(files=FILES))
    with on_github(repo, monkeypatch, ADMIN) as github:
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        set_up(github)
        ends(github)
        outcome = apply(github)
    assert outcome.message.endswith("not tried: internal-preview-release.yml, public-release.yml")
    printed = capsys.readouterr().out
    assert "the index itself answers at the first release" in printed
    assert "the index accepts it" not in printed


def test_an_endless_trial_run_is_given_up(github: GitHubDouble) -> None:
    """With its state and the next command."""
    assert run_task(github.repo.root, tasks.setup_publishing, index="nowhere", apply=True) == 2
    set_up(github)
    with pytest.raises(FailedError, match=r"internal-preview-release\.yml is queued after 1 s"):
        apply(github)


def test_a_trial_that_github_does_not_show_yet_is_waited_for(
    github: GitHubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run has a number and is not there a moment later; it is followed once it is."""
    set_up(github)
    ends(github)
    began = github.state.clock()
    github.state.clock = lambda: began + timedelta(seconds=sum(github.sleeps.taken))
    github.state.lag_behind(1)
    assert apply(github).result is Result.DONE
    assert "internal-preview-release.yml has not started" in capsys.readouterr().err
    assert github.sleeps.taken == [1, 1]


def test_a_token_without_permission_is_refused_before_writing(
    github: GitHubDouble, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message contains the missing permission."""
    monkeypatch.setenv("GH_TOKEN", READER)
    before = github.fingerprint()
    assert run_task(github.repo.root, tasks.setup_publishing, index="local", apply=True) == 1
    assert github.fingerprint() == before
    assert "it requires `administration: write`" in capsys.readouterr().err


def test_a_new_project_gets_one_pending_publisher(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For the public channel, with the project's name; the other one comes after the first release."""
    repo = make_repo(Sample(files={".gitignore": ".release-channels/\n"}))
    with on_github(repo, monkeypatch, None):
        assert run_task(repo.root, tasks.setup_publishing, index="local") == 0
    printed = capsys.readouterr().out
    pending = printed.index("PyPI Project Name: demo-tool".replace(": ", ":  "))
    assert printed.count("PyPI Project Name") == 1
    assert "there is no release tag yet: this works only while pypi-public allows branch main" in printed
    assert (
        printed.index("pending publisher for one channel only") < pending < printed.index("does not reserve the name")
    )
    assert printed.index("public-release.yml", pending) < printed.index("After the first release add the other one")


def test_the_repository_is_found_by_its_project_urls(
    make_repo: MakeRepo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its remote is a directory."""
    repo = make_repo(Sample(urls=f'[project.urls]\nSource = "https://github.com/{NAME}"\n', files=FILES))
    with on_github(repo, monkeypatch, ADMIN) as github:
        monkeypatch.delenv("GITHUB_REPOSITORY")
        github.state.tokens[ADMIN] = frozenset(RIGHTS)
        set_up(github)
        assert run_task(repo.root, tasks.setup_publishing, index="local") == 0
        printed = capsys.readouterr().out
        assert f"Internal preview  {NAME}" in printed
        assert "now:   allows branch main" in printed
        ends(github)
        assert apply(github).result is Result.DONE


def test_an_unknown_repository_hints_the_setting(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a GitHub remote or URL, no GitHub request is sent."""
    repo = make_repo(Sample(urls="", files={".gitignore": ".release-channels/\n"}))
    before = repo.fingerprint()
    assert run_task(repo.root, tasks.setup_publishing, apply=True) == 1
    assert repo.fingerprint() == before
    printed = capsys.readouterr()
    assert "cannot determine the GitHub repository" in printed.err
    assert 'repository = "owner/name"' in printed.err


@pytest.mark.parametrize("apply", [False, True])
def test_the_local_index_has_no_publishing_to_set_up(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str], apply: bool
) -> None:
    """What it would set up on GitHub is real; nothing is asked there."""
    repo = make_repo(Sample(urls=f'[project.urls]\nSource = "https://github.com/{NAME}"\n'))
    before = repo.fingerprint()
    assert run_task(repo.root, tasks.setup_publishing, index="local", apply=apply) == 2
    assert repo.fingerprint() == before
    printed = capsys.readouterr()
    assert "setup-publishing sets up an index that others use, and --index local is for practice" in printed.err


def test_a_directory_without_a_repository_is_refused(tmp_path: Path, offline: None) -> None:
    assert run_task(tmp_path, tasks.setup_publishing, index="local") == 1
