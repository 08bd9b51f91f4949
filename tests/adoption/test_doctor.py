"""`doctor`: each finding fires, has its certainty, and reading moves nothing."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from packaging.version import Version

from release_channels import tasks
from release_channels.adapters.attestations import AttestedPublisher
from release_channels.adapters.tool_lock import LockedTool
from release_channels.adoption.doctor import examine, gate_secrets
from release_channels.adoption.doctor.diagnosis import Certainty, Diagnosis, DiagnosisSeverity
from release_channels.adoption.doctor.files import diagnose_project, diagnose_tool, diagnose_workflows
from release_channels.adoption.doctor.github import diagnose_github
from release_channels.adoption.doctor.index import diagnose_git, diagnose_index, diagnose_publishers
from release_channels.adoption.publishers import publishers
from release_channels.adoption.tool_source import own_workflows
from release_channels.cli.context import open_context
from release_channels.errors import RefusedError
from release_channels.model.config import Config, GateConfig
from release_channels.model.github_settings import (
    DeploymentRefs,
    Environment,
    Policy,
    RepositorySettings,
    Reviewer,
    TagRuleset,
)
from release_channels.model.observed import IndexFile, IndexState
from release_channels.model.outcome import Result
from release_channels.model.plan import Plan, Reason, Verdict
from release_channels.model.version import Channel
from release_channels.project.plan_edits import bumped_files
from release_channels.project.pyproject import parse_project
from release_channels.rehearsal.github.http import broken
from tests.adoption.adopting import TASKS, adopt
from tests.cli.screen import BIN, run
from tests.commands.doing import on_github, on_index, run_task, some_of
from tests.conftest import MakeRepo
from tests.github.hubs import NAME, GitHubDouble
from tests.support.projects import Sample
from tests.support.repo import Repo

PASSED, WARNING, ERROR = DiagnosisSeverity
ADMIN = "SECRET-admin-token"
RIGHTS = ("administration: read", "environments: read", "secrets: read", "contents: read", "actions: read")
MAIN, TAG = Policy("branch", "main"), Policy("tag", "v[0-9]*")
PREVIEWS = Environment("pypi-internal-preview", DeploymentRefs.NAMED, (MAIN,), admins_bypass=False)
ADA = Reviewer("User", 7, "ada")
PUBLIC = Environment("pypi-public", DeploymentRefs.NAMED, (TAG,), (ADA,), admins_bypass=False)
RULES = TagRuleset("releases", True, ("refs/tags/v*",), (), frozenset({"creation", "update", "deletion"}))
HEALTHY = RepositorySettings(
    NAME, False, "main", {environment.name: environment for environment in (PREVIEWS, PUBLIC)},
    {"": frozenset({"OPENAI_API_KEY"}), "pypi-internal-preview": frozenset(), "pypi-public": frozenset()},
    (RULES,), True,
)  # fmt: skip
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def with_github(
    settings: RepositorySettings, config: Config | None = None, tags: tuple[str, ...] = ("v1.0.0",)
) -> list[Diagnosis]:
    return list(diagnose_github(settings, config or Config(), tags, gate_secrets(config or Config())))


def with_environment(environment: Environment | None, name: str) -> RepositorySettings:
    return replace(HEALTHY, environments={**HEALTHY.environments, name: environment})


def test_a_healthy_repository_has_no_error_and_no_warning() -> None:
    """The control of the cases below."""
    assert {finding.severity for finding in with_github(HEALTHY)} == {PASSED}
    assert {finding.certainty for finding in with_github(HEALTHY)} == {Certainty.VERIFIED}


GITHUB_CASES: dict[str, tuple[RepositorySettings, DiagnosisSeverity, str]] = {
    "default branch": (replace(HEALTHY, default_branch="trunk"), ERROR, "it is trunk, and the settings say main"),
    "no environment": (with_environment(None, "pypi-public"), ERROR, "there is no such environment"),
    "every ref": (
        with_environment(replace(PREVIEWS, deployment_refs=DeploymentRefs.ALL, policies=()), PREVIEWS.name),
        ERROR,
        "allows every branch and tag, and should allow branch main alone",
    ),
    "protected branches": (
        with_environment(replace(PUBLIC, deployment_refs=DeploymentRefs.PROTECTED, policies=()), PUBLIC.name),
        ERROR,
        "allows protected branches",
    ),
    "one pattern too many": (
        with_environment(replace(PUBLIC, policies=(TAG, MAIN)), PUBLIC.name), ERROR, "also allows branch main",
    ),
    "another pattern": (
        with_environment(replace(PUBLIC, policies=(Policy("tag", "release-*"),)), PUBLIC.name), ERROR,
        "release tags that it keeps out: v1.0.0, v1.2.3",
    ),
    "previews wait": (
        with_environment(replace(PREVIEWS, reviewers=(ADA,), wait_minutes=9), PREVIEWS.name), ERROR,
        "previews publish by themselves, but it waits 9 minutes; asks ada",
    ),
    "nobody approves": (
        with_environment(replace(PUBLIC, reviewers=()), PUBLIC.name), WARNING, "no approval is required for",
    ),
    "administrators": (
        with_environment(replace(PUBLIC, admins_bypass=True), PUBLIC.name), WARNING, "administrators may bypass",
    ),
    "stored token": (
        replace(HEALTHY, secrets={**HEALTHY.secrets, "": frozenset({"PYPI_API_TOKEN", "OPENAI_API_KEY"})}), ERROR,
        "the repository stores PYPI_API_TOKEN: with Trusted Publishing no token is stored",
    ),
    "no provider": (
        replace(HEALTHY, secrets={**HEALTHY.secrets, "": frozenset({"DAYTONA_API_KEY"})}), ERROR,
        "there is no model provider's secret",
    ),
    "a provider without its address": (
        replace(HEALTHY, secrets={**HEALTHY.secrets, "": frozenset({"BF_TOKEN"})}), WARNING,
        "BF_TOKEN alone needs LITELLM_BASE_URL, which has no default",
    ),
    "no ruleset": (
        replace(HEALTHY, rulesets=()), WARNING, "not restricted for every release tag: creation, deletion, update",
    ),
    "ruleset switched off": (
        replace(HEALTHY, rulesets=(replace(RULES, is_active=False),)), WARNING, "not restricted for every",
    ),
    "ruleset of something else": (
        replace(HEALTHY, rulesets=(replace(RULES, includes=("refs/tags/x*",)),)), WARNING, "not restricted",
    ),
    "mutable releases": (replace(HEALTHY, immutable_releases=False), WARNING, "can still be changed"),
}  # fmt: skip


@pytest.mark.parametrize("case", GITHUB_CASES)
def test_each_wrong_github_setting_is_found(case: str) -> None:
    """As one finding with a hint."""
    settings, severity, message = GITHUB_CASES[case]
    findings = [finding for finding in with_github(settings) if finding.severity is not PASSED]
    assert [finding.severity for finding in findings if message in finding.message] == [severity], findings
    assert all(finding.fix for finding in findings)


UNSEEN: dict[str, RepositorySettings] = {
    "environments": replace(HEALTHY, environments={}),
    "bypass": with_environment(replace(PUBLIC, admins_bypass=None), PUBLIC.name),
    "secrets": replace(HEALTHY, secrets={"": None}),
    "rulesets": replace(HEALTHY, rulesets=None),
    "immutable": replace(HEALTHY, immutable_releases=None),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_an_unreadable_setting_is_unknown_with_a_hint(case: str) -> None:
    """It is neither passed nor an error."""
    findings = [finding for finding in with_github(UNSEEN[case]) if finding.severity is not PASSED]
    assert findings
    assert {(finding.severity, finding.certainty) for finding in findings} == {(WARNING, Certainty.UNKNOWN)}
    assert all(finding.verify for finding in findings)


def test_the_public_tag_pattern_is_tested_on_existing_tags() -> None:
    """A matching tag without a release is listed; nothing is published from it."""
    findings = [
        finding for finding in with_github(HEALTHY, tags=("v1.0.0", "v2-docs")) if finding.severity is not PASSED
    ]
    assert [finding.message for finding in findings] == ["its pattern also fits tags that are no releases: v2-docs"]


def test_unreported_github_rules_are_unknown() -> None:
    """Reviewers are neither present nor absent, on both channels."""
    for wanted in (PREVIEWS, PUBLIC):
        found = with_github(with_environment(replace(wanted, has_rules=False), wanted.name))
        (reviewers,) = [finding for finding in found if "reviewers" in finding.message]
        assert "are unknown: GitHub does not report them" in reviewers.message


def test_without_a_gate_no_provider_is_required() -> None:
    bare = replace(HEALTHY, secrets={"": frozenset()})
    assert {finding.severity for finding in with_github(bare, Config(gate=GateConfig(enabled=False)))} == {PASSED}


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("v[0-9]*", "v1.2.3", True), ("v[0-9]*", "vnext", False), ("v*", "v1/x", False), ("v*/*", "v1/x", True),
        ("*", "main", True), ("release/*", "release/1", True), ("V*", "v1", False),
    ],
)  # fmt: skip
def test_a_ref_pattern_matches_as_on_github(pattern: str, name: str, fits: bool) -> None:
    """A star stops at a slash, and case matters."""
    assert Policy("tag", pattern).allows("tag", name) is fits
    assert Policy("branch", pattern).allows("tag", name) is False


GIT_CASES: dict[str, tuple[str | None, tuple[str, ...], DiagnosisSeverity, str]] = {
    "no remote": (None, (), WARNING, "there is no remote origin"),
    "another format": ("url", ("v1.0.0", "1.1.0", "nightly"), WARNING, "not written as v{version}: 1.1.0"),
    "down": ("url", ("v1.0.0", "v2.0.0", "v1.1.0"), WARNING, "versions that went down: v1.1.0 after v2.0.0"),
}


@pytest.mark.parametrize("case", GIT_CASES)
def test_problems_of_git_are_found(case: str) -> None:
    """Remote, tags of another form, and versions that went down."""
    url, tags, severity, message = GIT_CASES[case]
    findings = [finding for finding in diagnose_git(Config(), url, tags) if finding.severity is not PASSED]
    assert [(finding.severity, message in finding.message) for finding in findings] == [(severity, True)]


def index_of(*versions: str, size: int = 1000, days: int = 100) -> IndexState:
    when = NOW - timedelta(days=days)
    return IndexState(
        "pypi", {Version(text): (IndexFile(f"d-{text}.whl", "", None, size, None, when),) for text in versions}
    )


def plan(verdict: Verdict = Verdict.PUBLISH, message: str = "above all", hint: str = "") -> Plan:
    return Plan(Channel.PREVIEW, "demo", "pypi", "a" * 40, verdict, Reason.OPEN, message, hint=hint)


INDEX_CASES: dict[str, tuple[IndexState, Plan, Config, DiagnosisSeverity, str]] = {
    "nothing there": (index_of(), plan(), Config(), WARNING, "has no file on pypi yet"),
    "no final": (index_of("1.0.dev1"), plan(), Config(), WARNING, "there is no final release"),
    "behind": (
        index_of("1.0"), plan(Verdict.REFUSE, "behind the index", "`bump-dev`"), Config(), ERROR, "behind",
    ),
    "full": (
        index_of("1.0", "1.1.dev1", size=900, days=2), plan(), Config(project_limit=2000), WARNING, "enough for",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INDEX_CASES)
def test_problems_of_the_index_are_found(case: str) -> None:
    """Channels, main's version above them, and quota."""
    state, decided, config, severity, message = INDEX_CASES[case]
    findings = [finding for finding in diagnose_index(state, decided, config, NOW) if finding.severity is not PASSED]
    assert [(finding.severity, message in finding.message) for finding in findings] == [(severity, True)]


@pytest.mark.parametrize(
    ("attested", "severity", "certainty"),
    [
        pytest.param(None, PASSED, Certainty.DECLARED, id="no attestation"),
        pytest.param(("Acme/Demo", "public-release.yml", "pypi-public"), PASSED, Certainty.VERIFIED, id="the same"),
        pytest.param(("acme/demo", "release.yml", "pypi-public"), ERROR, Certainty.VERIFIED, id="another file"),
        pytest.param(("acme/demo", "public-release.yml", ""), ERROR, Certainty.VERIFIED, id="no environment"),
        pytest.param(("old/demo", "public-release.yml", "pypi-public"), ERROR, Certainty.VERIFIED, id="moved"),
    ],
)
def test_the_publisher_of_the_newest_file_is_compared(
    attested: tuple[str, str, str] | None, severity: DiagnosisSeverity, certainty: Certainty
) -> None:
    """Without an attestation its certainty is declared."""
    finding = diagnose_publisher("acme/demo", attested)
    assert (finding.severity, finding.certainty) == (severity, certainty)
    assert finding.fix if severity is ERROR else (finding.verify or certainty is Certainty.VERIFIED)


@pytest.mark.parametrize(
    ("attested", "severity", "name"),
    [
        pytest.param(None, WARNING, "owner/name", id="no attestation"),
        pytest.param(("acme/demo", "public-release.yml", "pypi-public"), WARNING, "acme/demo", id="attested"),
        pytest.param(("acme/demo", "release.yml", "pypi-public"), ERROR, "", id="another file"),
        pytest.param(("acme/demo", "public-release.yml", ""), ERROR, "", id="no environment"),
    ],
)
def test_a_publisher_of_an_unknown_repository_never_passes(
    attested: tuple[str, str, str] | None, severity: DiagnosisSeverity, name: str
) -> None:
    """The setting to write is printed, with the name from an attested file."""
    finding = diagnose_publisher(None, attested)
    assert (finding.severity, "OWNER" in finding.message) == (severity, False)
    assert finding.certainty is (Certainty.UNKNOWN if severity is WARNING else Certainty.VERIFIED)
    assert f'`repository = "{name}"`' in finding.verify or severity is ERROR


def diagnose_publisher(repository: str | None, attested: tuple[str, str, str] | None) -> Diagnosis:
    """Compare the public publisher with an attestation."""
    public = publishers(Config(), repository)[1]
    file = AttestedPublisher("demo-1.whl", *attested) if attested else None
    (finding,) = diagnose_publishers([public], {Channel.PUBLIC: file}, "demo")
    return finding


TESTS = "on:\n  push:\n    branches: [main]\njobs: {}\n"
RELEASE = "on: {}\njobs:\n  go:\n    environment: ENV\n    permissions:\n      id-token: write\n    steps: []\n"
FILES = {
    ".github/workflows/test.yml": TESTS,
    ".github/workflows/internal-preview-release.yml": RELEASE.replace("ENV", "pypi-internal-preview"),
    ".github/workflows/public-release.yml": RELEASE.replace("ENV", "pypi-public"),
}
WORKFLOW_CASES: dict[str, tuple[dict[str, str], str]] = {
    "renamed environment": ({"public-release.yml": RELEASE.replace("ENV", "pypi")}, "from the environment pypi,"),
    "identity of the workflow": (
        {"public-release.yml": RELEASE.replace("ENV", "pypi-public") + "  more: {}\npermissions:\n  id-token: write\n"},
        "from the environment none, pypi-public,",
    ),
    "identity of the workflow, by write-all": (
        {"public-release.yml": RELEASE.replace("ENV", "pypi-public") + "  more: {}\npermissions: write-all\n"},
        "from the environment none, pypi-public,",
    ),
    "identity of another job": (
        {"public-release.yml": RELEASE.replace("ENV", "pypi-public") + "  more:\n    permissions: write-all\n"},
        "from the environment none, pypi-public,",
    ),
    "no identity": ({"public-release.yml": RELEASE.replace("id-token", "contents")}, "from the environment none"),
    "renamed file": ({"public-release.yml": ""}, "there is no .github/workflows/public-release.yml"),
    "no tests": ({"test.yml": ""}, "there is no .github/workflows/test.yml"),
    "tests of pull requests": ({"test.yml": "on: pull_request\n"}, "does not run for a push to main"),
    "tests of another branch": ({"test.yml": TESTS.replace("main", "dev")}, "does not run for a push to main"),
    "stored token": ({"x.yml": "jobs: {}\nenv: ${{ secrets.PYPI_TOKEN }}\n"}, "uses the secret PYPI_TOKEN"),
    "tags": (
        {"x.yml": "on: push\njobs:\n  a:\n    steps:\n      - run: git tag v1 && git push --tags\n"}, "x.yml:5 makes",
    ),
    "no yaml": ({"test.yml": "a: b: c"}, "test.yml"),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKFLOW_CASES)
def test_problems_of_the_workflow_files_are_found(case: str) -> None:
    """File names of the publishers, tests, tokens and tags."""
    changes, message = WORKFLOW_CASES[case]
    files = FILES | {f".github/workflows/{name}": text for name, text in changes.items()}
    wanted = publishers(Config(), "acme/demo")
    findings = diagnose_workflows({name: text for name, text in files.items() if text}, Config(), wanted)
    assert [message in finding.message for finding in findings if finding.severity is not PASSED] == [True]
    assert {finding.severity for finding in diagnose_workflows(FILES, Config(), wanted)} == {PASSED}


BUMPED = ("CHANGELOG.md", "pyproject.toml")
FILTERED: dict[str, tuple[str, DiagnosisSeverity, str]] = {
    "every push": (
        "push",
        PASSED,
        "test.yml runs for each push to main",
    ),
    "ignored branch": (
        "{push: {branches-ignore: [main]}}",
        ERROR,
        "no preview follows one: it has `branches-ignore: [main]`",
    ),
    "branch taken back": (
        "{push: {branches: ['**', '!main']}}",
        ERROR,
        "it has `branches: [**, !main]`",
    ),
    "tags": (
        "{push: {tags: ['v*']}}",
        ERROR,
        "it has `tags: [v*]`",
    ),
    "both filters": (
        "{push: {branches: [main], branches-ignore: [x]}}",
        ERROR,
        "it has `branches: [main]`, `branches-ignore: [x]`",
    ),
    "paths, not a bump's": (
        "{push: {paths: ['src/**']}}",
        WARNING,
        "by `paths: [src/**]`: the commit of `release-channels bump` (CHANGELOG.md, pyproject.toml) gets no run",
    ),
    "paths ignored, a bump's": (
        "{push: {branches: [main], paths-ignore: ['*.md', pyproject.toml]}}",
        WARNING,
        "gets no run, so `release-channels tag` refuses it",
    ),
    "paths, a bump's too": (
        "{push: {paths: ['src/**', '*.toml']}}",
        WARNING,
        "by `paths: [src/**, *.toml]`: a commit without a run gets no preview",
    ),
    "paths taken back": (
        "{push: {paths: ['**', '!*.toml', '!*.md']}}",
        WARNING,
        "gets no run, so `release-channels tag` refuses it",
    ),
    "paths ignored, not a bump's": (
        "{push: {paths-ignore: ['docs/**']}}",
        WARNING,
        "by `paths-ignore: [docs/**]`: a commit without a run",
    ),
}


@pytest.mark.parametrize(("on", "severity", "message"), FILTERED.values(), ids=FILTERED)
def test_a_path_filter_of_the_tests_is_found(on: str, severity: DiagnosisSeverity, message: str) -> None:
    """An error where a push to main starts no tests, otherwise a note with the filter."""
    files = FILES | {".github/workflows/test.yml": f"on: {on}\njobs: {{}}\n"}
    found = diagnose_workflows(files, Config(), publishers(Config(), "acme/demo"), lambda: BUMPED)
    (finding,) = (finding for finding in found if finding.topic == "tests")
    assert (finding.severity, message in finding.message) == (severity, True), finding.message


GROUPS: dict[str, tuple[str, DiagnosisSeverity]] = {
    "none": ("", PASSED),
    "of the branch": ("concurrency: {group: 'ci-${{ github.ref }}', cancel-in-progress: true}", WARNING),
    "of the branch, and pending": ("concurrency: '${{ github.workflow }}-${{ github.ref }}'", WARNING),
    "of a job": ("jobs: {a: {concurrency: one}}", WARNING),
    "of the commit": ("concurrency: {group: 'ci-${{ github.sha }}', cancel-in-progress: true}", PASSED),
    "of the pull request": ("concurrency: '${{ github.head_ref || github.run_id }}'", PASSED),
    "a queue": ("concurrency: {group: 'ci-${{ github.ref }}', queue: max}", PASSED),
}


@pytest.mark.parametrize(("declared", "severity"), GROUPS.values(), ids=GROUPS)
def test_tests_that_a_later_push_cancels_are_found(declared: str, severity: DiagnosisSeverity) -> None:
    """Two commits of main share a concurrency group."""
    files = FILES | {".github/workflows/test.yml": f"on: push\n{declared}\n"}
    found = diagnose_workflows(files, Config(), publishers(Config(), "acme/demo"))
    (finding,) = (finding for finding in found if finding.topic == "tests")
    assert finding.severity is severity
    assert severity is PASSED or "a later push to main may cancel .github/workflows/test.yml" in finding.message


def test_the_files_of_a_bump_are_listed() -> None:
    """Version, copies and changelog; none with tag versions, or where a copy cannot be read."""
    copies = '[[tool.release-channels.version-files]]\npath = "CITATION.cff"\npattern = "version: {version}"\n'
    files = {"CITATION.cff": b"version: 1.2.0.dev0\n", "CHANGELOG.md": b"# Changelog\n\n## [Unreleased]\n"}
    for sample, there, expected in (
        (Sample(tail=copies), files, ("CHANGELOG.md", "CITATION.cff", "pyproject.toml")),
        (Sample(), {}, ("pyproject.toml",)),
        (Sample(tail=copies), {}, ()),
    ):
        project = parse_project(sample.pyproject().encode(), "pyproject.toml")
        assert bumped_files(project, {**there, "pyproject.toml": project.text.encode()}.get) == expected


CHANGELOGS = {
    "nothing new": ("## [Unreleased]\n\n## [1.1.0]\n\n- Old.\n", WARNING, "nothing below its heading"),
    "no heading": ("## [1.1.0]\n\n- Old.\n", WARNING, "no heading for unreleased changes"),
    "a name and a date": (
        "## demo 1.2.0 (unreleased)\n\n- New.\n\n## demo 1.1.0 (2026-05-05)\n",
        PASSED,
        "can be read",
    ),
    "something new": ("## [Unreleased]\n\n- New.\n", PASSED, "CHANGELOG.md can be read"),
}


@pytest.mark.parametrize(("text", "severity", "message"), CHANGELOGS.values(), ids=CHANGELOGS)
def test_an_unreleasable_changelog_is_found(text: str, severity: DiagnosisSeverity, message: str) -> None:
    """`release-channels bump` would refuse it."""
    project = parse_project(Sample().pyproject().encode(), "pyproject.toml")
    read = {"CHANGELOG.md": f"# Changelog\n\n{text}".encode(), "pyproject.toml": project.text.encode()}.get
    finding = next(finding for finding in diagnose_project(project, read) if finding.topic == "changelog")
    assert (finding.severity, message in finding.message) == (severity, True)
    assert bool(finding.fix) is (severity is WARNING)


def test_no_changelog_entry_is_required_on_a_final() -> None:
    """`release-channels bump` has nothing to do there."""
    project = parse_project(Sample(version="1.2.0").pyproject().encode(), "pyproject.toml")
    text = "# Changelog\n\n## [Unreleased]\n\n## [1.1.0]\n\n- Old.\n"
    read = {"CHANGELOG.md": text.encode(), "pyproject.toml": project.text.encode()}.get
    finding = next(finding for finding in diagnose_project(project, read) if finding.topic == "changelog")
    assert (finding.severity, finding.message) == (PASSED, "CHANGELOG.md can be read")


TOOLS: dict[str, tuple[str, str | None, list[tuple[DiagnosisSeverity, str]]]] = {
    "the same": ("release-channels==1.1", "1.1", [(PASSED, "1.1 runs here and in CI")]),
    "another": ("release-channels==1.0", "1.0", [(WARNING, "1.1 runs here, and noxfile.py.lock has 1.0")]),
    "no lock": ("release-channels==1.1", None, []),
    "a checkout": ("release-channels @ file:///src/x", "1.1", [(ERROR, "noxfile.py names a tool of this machine")]),
    "a wheel": ("release-channels[gate] @ file:///x-1.1.whl", "1.1", [(ERROR, "a tool of this machine")]),
    "a local repository": ("release-channels @ git+file:///src/x", "1.1", [(ERROR, "a tool of this machine")]),
    "another checkout": (
        "release-channels @ file:///src/x",
        "1.0",
        [(ERROR, "a tool of this machine"), (WARNING, "1.1 runs here, and noxfile.py.lock has 1.0")],
    ),
    "a checkout without a lock": ("release-channels @ file:///x", None, [(ERROR, "a tool of this machine")]),
}


@pytest.mark.parametrize(("requirement", "locked", "expected"), TOOLS.values(), ids=TOOLS)
def test_a_tool_that_differs_from_cis_is_found(
    requirement: str, locked: str | None, expected: list[tuple[DiagnosisSeverity, str]]
) -> None:
    """CI runs the locked one, and cannot install a local one."""
    lock = LockedTool("noxfile.py.lock", Version(locked)) if locked else None
    findings = list(diagnose_tool("noxfile.py", requirement, lock, Version("1.1")))
    assert [finding.severity for finding in findings] == [severity for severity, _ in expected]
    assert all(message in finding.message for finding, (_, message) in zip(findings, expected, strict=True))
    assert all(finding.fix for finding in findings if finding.severity is not PASSED)


@pytest.fixture
def project(make_repo: MakeRepo, locking: None) -> Repo:
    """A project that has adopted the tool and has a final release on the local index."""
    urls = f'[project.urls]\nRepository = "https://github.com/{NAME}"\n'
    repo = make_repo(Sample(urls=urls, files={".gitignore": ".release-channels/\n"}))
    adopt(repo, gate=False)
    repo.commit("adopt")
    repo.git("push", "--quiet", "origin", "main")
    on_index(repo, "1.1.0")
    return repo


@pytest.fixture
def github(project: Repo, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubDouble]:
    """The same project on GitHub, correctly set up."""
    with on_github(project, monkeypatch, ADMIN, immutable_releases=True) as github:
        state = github.state
        state.tokens[ADMIN] = frozenset(RIGHTS)
        state.add_environment("pypi-internal-preview", branch_policies=["main"], admins_bypass=False)
        state.add_environment("pypi-public", tag_policies=["v[0-9]*"], reviewers=["ada"], admins_bypass=False)
        state.add_ruleset("releases", "refs/tags/v*", rules=["creation", "update", "deletion"])
        state.secrets[""] = {"OPENAI_API_KEY"}
        yield github


def diagnose(repo: Repo) -> list[Diagnosis]:
    """Examine a project, and assert that this moves nothing."""
    before = repo.fingerprint()
    with open_context(repo.root, os.environ, index="local") as context:
        findings = list(examine(context, TASKS))
    assert repo.fingerprint() == before
    return findings


def wrong(findings: list[Diagnosis]) -> list[str]:
    return [finding.message for finding in findings if finding.severity is not PASSED]


def test_a_correct_setup_has_nothing_to_fix(github: GitHubDouble) -> None:
    """Files, git, GitHub and index are read; only the publishers are declared."""
    before = github.fingerprint()
    findings = diagnose(github.repo)
    assert wrong(findings) == []
    assert {finding.area for finding in findings} == {"files", "git", "github", "index"}
    assert [finding.topic for finding in findings if finding.certainty is Certainty.DECLARED] == [
        "preview publisher",
        "public publisher",
    ]
    assert github.fingerprint() == before
    assert all(line.startswith("GET") for line in github.running.requests)
    assert run_task(github.repo.root, tasks.doctor, index="local") == 0


def test_the_repository_is_found_by_its_project_urls(github: GitHubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a setting or a GitHub remote."""
    monkeypatch.delenv("GITHUB_REPOSITORY")
    findings = diagnose(github.repo)
    assert wrong(findings) == []
    declared = [finding.message for finding in findings if finding.certainty is Certainty.DECLARED]
    assert [message.partition(",")[0] for message in declared] == [NAME, NAME]


def test_an_unknown_repository_is_reported_with_its_setting(make_repo: MakeRepo) -> None:
    """No GitHub request is sent, no publisher passes, and no value contains the placeholder."""
    repo = make_repo(Sample(urls="", files={".gitignore": ".release-channels/\n"}))
    on_index(repo, "1.1.0")
    findings = [finding for finding in diagnose(repo) if finding.topic.endswith(("publisher", "repository"))]
    assert {(finding.severity, finding.certainty) for finding in findings} == {(WARNING, Certainty.UNKNOWN)}
    assert len(findings) == 3
    assert all('`repository = "owner/name"` in [tool.release-channels]' in finding.verify for finding in findings)
    assert not any("OWNER/NAME" in finding.message for finding in findings)


def _set_on_the_remote_alone(repo: Repo) -> None:
    text = f'{(repo.root / "pyproject.toml").read_text()}\n[tool.release-channels]\ntag-format = "{{version}}"\n'
    repo.commit("another format", {"pyproject.toml": text})
    repo.git("push", "--quiet", "origin", "main")
    repo.git("reset", "--quiet", "--hard", "HEAD~1")


# What the remote says, whatever this clone had fetched before: its default branch was main, and its settings ours.
REMOTES: dict[str, tuple[Callable[[Repo], object], str, DiagnosisSeverity, str]] = {
    "another default branch": (
        lambda repo: (
            repo.git("push", "--quiet", "origin", "main:trunk"),
            repo.git(f"--git-dir={repo.remote}", "symbolic-ref", "HEAD", "refs/heads/trunk"),
        ),
        "default branch",
        ERROR,
        "origin's is trunk, and the settings say main",
    ),
    "other settings": (
        _set_on_the_remote_alone,
        "settings",
        ERROR,
        "tag-format is 'v{version}' in the commit and '{version}' in origin/main",
    ),
    "nothing pushed": (
        lambda repo: repo.git(f"--git-dir={repo.remote}", "update-ref", "-d", "refs/heads/main"),
        "default branch",
        WARNING,
        "origin has none: nothing is pushed there yet",
    ),
    "no answer": (
        lambda repo: repo.git("remote", "set-url", "origin", f"{repo.remote}-gone"),
        "default branch",
        WARNING,
        "origin does not report its default branch",
    ),
}


@pytest.mark.parametrize(("act", "topic", "severity", "message"), REMOTES.values(), ids=REMOTES)
def test_the_remotes_word_on_its_default_branch_counts(
    make_repo: MakeRepo, act: Callable[[Repo], object], topic: str, severity: DiagnosisSeverity, message: str
) -> None:
    """And the settings there, which `tag` and the publish jobs obey."""
    repo = make_repo(Sample())
    act(repo)
    found = [each for each in diagnose(repo) if each.area == "git" and each.topic == topic]
    assert [(each.severity, message in each.message) for each in found] == [(severity, True)], found
    assert all(each.fix or each.verify for each in found)


PROBLEMS: dict[str, tuple[Callable[[GitHubDouble], object], str]] = {
    "environment": (lambda github: github.state.environments.pop("pypi-public"), "there is no such environment"),
    "secret": (lambda github: github.state.secrets.update({"pypi-public": {"PYPI_TOKEN"}}), "stores PYPI_TOKEN"),
    "uncommitted": (lambda github: github.repo.write({"new.txt": ""}), "is not what a release contains: new.txt"),
    "unreadable changelog": (lambda github: github.repo.write({"CHANGELOG.md": b"\xff"}), "CHANGELOG.md is not UTF-8"),
    "workflow": (lambda github: (github.repo.root / ".github/workflows/test.yml").unlink(), "there is no"),
    "lock": (lambda github: (github.repo.root / "noxfile.py.lock").unlink(), "noxfile.py.lock is not there"),
    "no right": (
        lambda github: github.state.tokens.update({ADMIN: frozenset({"contents: read"})}),
        "secrets: GitHub at 127.0.0.1 forbids",
    ),
    "silence": (
        lambda github: github.state.faults.append(lambda *_: broken(502)),
        "GitHub at 127.0.0.1 failed with 502",
    ),
}


@pytest.mark.parametrize(("act", "expected"), some_of(PROBLEMS, "environment", "no right", "lock"))
def test_problems_of_a_real_project_are_found(
    github: GitHubDouble, act: Callable[[GitHubDouble], object], expected: str
) -> None:
    """Through git, the API and the index."""
    act(github)
    assert any(expected in message for message in wrong(diagnose(github.repo))), wrong(diagnose(github.repo))


def test_doctor_json_is_one_object(github: GitHubDouble) -> None:
    """With all findings, fixes and guarantees; the exit code reports an error."""
    github.state.tokens[ADMIN] = frozenset({"contents: read"})
    project = github.repo
    screen = run(BIN / "release-channels", "doctor", "--json", "--index", "local", cwd=project.root)
    report = json.loads(screen.out)
    assert screen.code == 0
    assert (report["errors"], report["warnings"] + report["passed"]) == (0, len(report["findings"]))
    assert {finding["certainty"] for finding in report["findings"]} == {"verified", "declared", "unknown"}
    assert len(report["guarantees"]) == 2
    (project.root / "noxfile.py.lock").unlink()
    screen = run(BIN / "release-channels", "doctor", "--index", "local", cwd=project.root)
    assert screen.code == 1
    screen.shows(
        "noxfile.py.lock is not there", "1 error", "set by the tagged commit itself", "set outside the repository"
    )


TEST_FILE, PREVIEW_FILE, GATE_FILE = (
    f".github/workflows/{name}.yml" for name in ("test", "internal-preview-release", "integration-eval")
)
BROKEN_CHAINS: dict[str, tuple[bool, str, str, str, str]] = {
    "renamed": (False, TEST_FILE, "name: test\n", "name: checks\n", "test.yml is named checks"),
    "unnamed": (False, TEST_FILE, "name: test\n", "", "is named .github/workflows/test.yml, and"),
    "special": (False, TEST_FILE, "name: test\n", "name: C++\n", r'`workflows: ["C\\+\\+"]`'),
    "list": (False, PREVIEW_FILE, "workflows: [test]", "workflows: [Test]", "follows Test, and"),
    "gate renamed": (True, GATE_FILE, "name: integration-eval\n", "name: live\n", "is named live, and"),
    "gate unnamed": (
        True,
        GATE_FILE,
        "name: integration-eval\n",
        "",
        "is named .github/workflows/integration-eval.yml",
    ),
    "gate's list": (True, GATE_FILE, "workflows: [test]", "workflows: [ci]", "follows ci, and"),
}


@pytest.mark.parametrize(("gate", "path", "old", "new", "expected"), some_of(BROKEN_CHAINS, "unnamed", "gate renamed"))
def test_doctor_and_init_find_a_broken_workflow_chain(
    make_repo: MakeRepo, locking: None, gate: bool, path: str, old: str, new: str, expected: str
) -> None:
    """Without changing a file; an update repairs the chain."""
    repo = make_repo(Sample(urls="", files={".gitignore": ".release-channels/\n"}))
    adopt(repo, gate=gate)
    text = (repo.root / path).read_text()
    assert old in text, "the case is out of date"
    repo.commit("adopt, and edit a name", {path: text.replace(old, new, 1)})
    assert any(expected in message for message in wrong(diagnose(repo)))
    before = repo.fingerprint()
    with pytest.raises(RefusedError, match="not as it should be"):
        adopt(repo, gate=gate, check=True)
    assert repo.fingerprint() == before
    adopt(repo, gate=gate, update=True)
    assert adopt(repo, gate=gate, check=True).result is Result.DONE
    assert not any(expected in message for message in wrong(diagnose(repo)))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        pytest.param("", '".github/workflows/ci.yml"', id="unnamed"),
        pytest.param("name: C++ [3.13]\n", r'"C\\+\\+ \\[3.13\\]"', id="special"),
    ],
)
def test_a_projects_test_workflow_is_followed_by_githubs_name(
    make_repo: MakeRepo, locking: None, name: str, pattern: str
) -> None:
    """Its path if it has no name, with special characters escaped; an older adoption is reported."""
    own = f"{name}{TESTS}"
    repo = make_repo(Sample(urls="", files={".gitignore": ".release-channels/\n", ".github/workflows/ci.yml": own}))
    adopt(repo, gate=False)
    text = (repo.root / PREVIEW_FILE).read_text()
    assert f"workflows: [{pattern}]\n" in text
    repo.commit("adopt")
    assert adopt(repo, gate=False, check=True).result is Result.DONE
    assert not any("follows" in message for message in wrong(diagnose(repo)))
    repo.commit("as an older adoption", {PREVIEW_FILE: text.replace(pattern, "ci")})
    assert any("follows ci, and .github/workflows/ci.yml is named" in message for message in wrong(diagnose(repo)))
    adopt(repo, gate=False, update=True)
    assert (repo.root / PREVIEW_FILE).read_text() == text


_COPIED = re.compile(r"`[^`]+`|\S*\w/\w\S*|\S+\.(?:yml|toml|lock|py)\b")


@pytest.mark.parametrize("columns", [60, *(pytest.param(wide, marks=pytest.mark.full) for wide in (80, 120))])
def test_commands_and_paths_are_printed_on_one_line(github: GitHubDouble, columns: int) -> None:
    """In any terminal width; a fix begins a new line."""
    project = github.repo
    (project.root / "noxfile.py.lock").unlink()
    (project.root / ".github/workflows/internal-preview-release.yml").unlink()
    findings = diagnose(project)
    screen = run(
        BIN / "release-channels", "doctor", "--index", "local", cwd=project.root, env={"COLUMNS": str(columns)}
    )
    lines = screen.out.splitlines()
    for finding in findings:
        assert any(
            line.startswith(finding.severity) and f"{finding.area}: {finding.topic}: {finding.message}" in line
            for line in lines
        )
        assert f"  fix: {finding.fix}" in lines or not finding.fix
        assert f"  to verify: {finding.verify}" in lines or not finding.verify
    copied = {text for finding in findings for text in _COPIED.findall(f"{finding.message} {finding.fix}")}
    assert {"`release-channels init`", ".github/workflows/internal-preview-release.yml,"} <= copied
    assert [text for text in copied if not any(text in line for line in lines)] == []


def test_the_tools_own_repository_is_checked_by_its_own_files(make_repo: MakeRepo) -> None:
    """It runs from its sources: other workflow files, and no locked noxfile."""
    repo = make_repo(Sample(name="release-channels", urls="", files=dict(own_workflows(Config()))))
    with open_context(repo.root, os.environ, index="local") as context:
        findings = [finding for finding in examine(context, TASKS) if finding.area == "files"]
    assert [finding for finding in findings if finding.severity is not PASSED] == []
    assert "every workflow keeps the rules" in [finding.message for finding in findings]
