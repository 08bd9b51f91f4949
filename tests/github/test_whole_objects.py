"""The double's objects have every field that the client library reads, which would read a gap as None."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from release_channels.rehearsal.github import Answer
from release_channels.rehearsal.github.contract import load_contract
from release_channels.rehearsal.github.routes import url_map
from tests.github.hubs import NAME, GitHubDouble, api, write

SHA = "a" * 40
# What the library knows beyond the documented answer: other media types, old names, webhooks, one-to-one redirects.
BEYOND = {
    "WorkflowRun": {"head_repository_id", "repository_id"},
    "Artifact": {"head_sha"},
    "GitRelease": {
        *("body_html", "body_text", "discussion_url", "documentation_url"),
        *("mentions_count", "message", "reactions", "status", "title"),
    },
    "Environment": {"environments_url"},
    "Commit": {"repository", "text_matches"},
}
PATHS = {
    "WorkflowRun": "/actions/runs/{run}",
    "WorkflowJob": "/actions/runs/{run}/jobs jobs",
    "Artifact": "/actions/runs/{run}/artifacts artifacts",
    "GitRelease": "/releases 0",
    "GitReleaseAsset": "/releases/{release}/assets 0",
    "Deployment": "/deployments 0",
    "DeploymentStatus": "/deployments/{deployment}/statuses 0",
    "PullRequest": "/pulls/1",
    "Comparison": "/compare/main...side",
    "Environment": "/environments/pypi-public",
    "GitRef": "/git/ref/tags/v1.0.0",
    "GitTag": "/git/tags/{tag}",
    "Commit": "/commits/side",
}


@pytest.fixture
def full(github: GitHubDouble, tmp_path: Path) -> dict[str, Any]:
    """A GitHub with one object of each kind, and their numbers."""
    state, repo = github.state, github.repo
    state.add_environment("pypi-public", reviewers=("alice",))
    run = state.add_run("test.yml", SHA)
    state.add_job(run, "tests")
    state.add_artifact(run, "release", {"a": b"b"})
    repo.git("checkout", "--quiet", "-b", "side")
    repo.commit("More", {"more.txt": "more"})
    repo.tag("v1.0.0")
    repo.git("push", "--quiet", "origin", "side", "v1.0.0")
    client = github.client()
    release = client.create_draft("v1.0.0", "1.0.0", "words")
    client.upload_asset(release, write(tmp_path / "a.txt"))
    client.open_pull_request("side", "main", "Title", "words")
    return {
        "run": run,
        "release": release.id,
        "deployment": state.add_deployment("pypi-public", SHA, "success", run_id=run),
        "tag": repo.git("rev-parse", "v1.0.0"),
    }


@pytest.mark.parametrize("name", PATHS)
def test_no_documented_field_is_missing(github: GitHubDouble, full: dict[str, Any], name: str) -> None:
    """Except for fields that the documented answer lacks too."""
    path, _, part = PATHS[name].partition(" ")
    shown = api(github, "GET", path.format_map(full)).json()
    if part:
        shown = shown[0] if part == "0" else shown[part][0]

    known = vars(getattr(import_module(f"github.{name}"), name))
    fields = {field for field, kind in known.items() if isinstance(kind, property) and not field.startswith("_")}

    assert fields - set(shown) == BEYOND.get(name, set())


def test_a_missing_or_extra_field_is_found(github: GitHubDouble, full: dict[str, Any]) -> None:
    """It breaks the contract."""
    contract = load_contract()
    for wanted in PATHS.values():
        path, _, part = wanted.format_map(full).partition(" ")
        route = url_map().bind("").match(f"/api/v3/repos/{NAME}{path}")[0]
        shown = api(github, "GET", path).json()
        one = shown if not part else shown[0] if part == "0" else shown[part][0]
        assert contract.check_answer(route.operation, Answer(200, shown)) == ""

        one["made_up"] = 1
        assert "'made_up' was unexpected" in contract.check_answer(route.operation, Answer(200, shown)), path
        del one["made_up"]
        for name, value in list(one.items()):
            del one[name]
            problem = contract.check_answer(route.operation, Answer(200, shown))
            assert problem in ("", f"{problem.partition(':')[0]}: {name!r} is a required property"), path
            one[name] = value
        del one["url" if "url" in one else "id"]
        assert contract.check_answer(route.operation, Answer(200, shown)), path


def test_a_list_is_read_with_one_request(github: GitHubDouble, full: dict[str, Any]) -> None:
    """For a gap the library would request each entry again."""
    asked = len(github.running.requests)

    github.client().releases()
    github.client().newest_run("test.yml", SHA)
    github.client().compare("main", "side")

    assert len(github.running.requests) - asked == 3
