"""The GitHub Release: whatever exists and whatever fails, it is complete or refused with a hint."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from release_channels.adapters.index import Credentials, Index
from release_channels.model.github import MAX_BODY
from release_channels.model.outcome import Outcome, Result
from release_channels.model.version import Channel
from release_channels.project.pyproject import parse_project
from release_channels.rehearsal.github.http import broken, rate_limited
from release_channels.rehearsal.github.state import Answer, StoredAsset, StoredRelease
from release_channels.release.github_release import GITHUB_RELEASE
from tests.conftest import RunSession
from tests.github.hubs import READER, WRITER, GitHubDouble, open_github
from tests.support.distributions import Recipe
from tests.support.releasing import CHANGELOG, TAG, put_on_index, release_once, sample, tagged
from tests.support.repo import Repo
from tests.support.verifying import release_of

WHEEL, SDIST, MANIFEST = "demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz", "manifest.json"
NAMES = {WHEEL, SDIST, MANIFEST}
Announce = Callable[[Repo], Outcome]


@pytest.fixture
def announce(run_session: RunSession) -> Announce:
    """Create the GitHub Release of dist/ on the double."""

    def run(repo: Repo) -> Outcome:
        return run_session(repo, "--offline", steps=("github-release",), channel=Channel.PUBLIC)

    return run


def only_release(github: GitHubDouble) -> StoredRelease:
    """Return GitHub's only release."""
    (one,) = github.state.releases.values()
    return one


def contents(one: StoredRelease) -> dict[str, bytes]:
    return {asset.name: asset.content for asset in one.assets}


def assert_complete(repo: Repo, github: GitHubDouble) -> None:
    """Assert one published release with the files of dist/ and the manifest."""
    one = only_release(github)
    assert (one.tag, one.is_draft, set(contents(one))) == (TAG, False, NAMES)
    assert all(contents(one)[name] == (repo.root / "dist" / name).read_bytes() for name in (WHEEL, SDIST))


def draft(github: GitHubDouble, **assets: bytes) -> StoredRelease:
    """Create the draft of an earlier run."""
    state = github.state
    made = StoredRelease(state.new_id(), TAG, TAG, "words of its own", "main", True, False, state.clock())
    for name, content in assets.items():
        kind = "application/octet-stream"
        made.assets.append(StoredAsset(state.new_id(), name, "", content, kind, state.clock()))
    state.releases[made.id] = made
    return made


def refuses(repo: Repo, github: GitHubDouble, announce: Announce) -> Outcome:
    """Run `github-release`, and assert that it is refused and that nothing moved here or on GitHub."""
    before = github.fingerprint()
    outcome = announce(repo)
    assert outcome.result is Result.REFUSED
    assert outcome.hint
    assert github.fingerprint() == before
    return outcome


def test_a_github_release_has_its_files(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """Distributions, manifest and changelog section; it is the latest, and a second run changes nothing."""
    outcome = announce(released)

    assert outcome.result is Result.PUBLISHED
    assert_complete(released, github)
    assert only_release(github).body == "### Added\n\n- A thing."
    assert github.state.latest_id == only_release(github).id
    before = github.fingerprint()
    again = announce(released)
    assert (again.result, again.message) == (
        Result.ALREADY,
        f"the GitHub Release {TAG} is published, with the same files: "
        f"{github.running.url}/acme/demo-tool/releases/tag/{TAG}",
    )
    assert github.fingerprint() == before


def test_the_published_manifest_is_deterministic(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """Project, version, commit and files; a second run writes the same bytes."""
    announce(released)
    first = contents(only_release(github))[MANIFEST]
    github.state.releases.clear()
    kept = json.loads((released.root / "release.json").read_text())
    (released.root / "release.json").write_text(
        json.dumps(kept | {"tools": {"uv": "9.9"}, "files": kept["files"][::-1]})
    )
    announce(released)

    assert contents(only_release(github))[MANIFEST] == first
    manifest = json.loads(first)
    assert sorted(manifest) == ["commit", "files", "project", "version"]
    assert (manifest["project"], manifest["version"]) == ("demo-tool", "1.2.0")
    assert manifest["commit"] == released.git("rev-parse", "HEAD")
    for file in manifest["files"]:
        content = (released.root / "dist" / file["name"]).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_file_missing_on_the_index_is_refused(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """Before GitHub changes."""
    (released.root / ".release-channels" / "index" / SDIST).unlink()
    outcome = refuses(released, github, announce)
    assert outcome.message == f"github-release: the local index does not contain {SDIST} with these bytes"
    assert "nox -s public-publish" in outcome.hint


def test_a_missing_token_is_refused_without_a_request(
    released: Repo, github: GitHubDouble, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GH_TOKEN")
    outcome = refuses(released, github, announce)
    assert "there is no token for the GitHub Release of acme/demo-tool" in outcome.message
    assert "GH_TOKEN" in outcome.hint
    assert github.running.requests == ()


def test_a_token_without_write_permission_is_refused(
    released: Repo, github: GitHubDouble, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message contains the missing permission."""
    monkeypatch.setenv("GH_TOKEN", READER)
    outcome = refuses(released, github, announce)
    assert "forbids it with the token from GH_TOKEN" in outcome.message
    assert "contents: write" in outcome.hint


def test_practice_creates_no_real_github_release(
    released: Repo, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No request goes to a GitHub outside this machine."""
    monkeypatch.setenv("GH_TOKEN", WRITER)
    outcome = announce(released)
    assert (outcome.result, outcome.message) == (
        Result.SKIPPED, "no GitHub Release for the local index, which is for practice",
    )  # fmt: skip


def test_a_project_outside_github_skips_the_github_release(
    tmp_path: Path, offline_environment: dict[str, str], announce: Announce, offline: None
) -> None:
    made = sample()
    text = str(made.files["pyproject.toml"]).replace('repository = "acme/demo-tool"\n', "")
    made.files["pyproject.toml"] = text
    outcome = announce(release_once(tmp_path / "elsewhere", made, offline_environment))
    assert (outcome.result, outcome.message) == (
        Result.SKIPPED, "no GitHub Release: the remote origin is not on GitHub",
    )  # fmt: skip


def test_a_release_that_no_list_shows_yet_is_made_once(
    released: Repo, github: GitHubDouble, announce: Announce
) -> None:
    """The draft is read by its number; a second run that sees nothing of the first one deletes its own draft."""
    github.state.lag_behind(3600)
    assert announce(released).result is Result.PUBLISHED
    assert_complete(released, github)
    before = github.fingerprint()
    again = announce(released)
    assert again.result is Result.REFUSED
    assert f"another GitHub Release {TAG} is published, and GitHub does not list it yet" in again.message
    assert "resume" in again.hint
    assert github.fingerprint() == before
    github.state.lag_behind(0)
    assert announce(released).result is Result.ALREADY


def lists_later(github: GitHubDouble, looks: int) -> None:
    """Make GitHub's lists show what is new after some looks at them, without a wait."""
    state, began, seen = github.state, github.state.clock(), 0
    state.clock = lambda: began + timedelta(seconds=seen)
    state.lag_behind(looks)

    def look(method: str, path: str) -> None:
        nonlocal seen
        seen += method == "GET" and path.endswith("/releases")

    state.faults.append(look)


def test_a_draft_that_no_list_shows_yet_is_completed(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """A run that comes a moment after one that stopped completes its draft, and deletes its own."""
    lists_later(github, 3)
    left = draft(github, **{SDIST: b"half"})
    assert announce(released).result is Result.PUBLISHED
    assert_complete(released, github)
    assert only_release(github).id == left.id


def test_a_release_that_is_listed_a_moment_later_is_not_made_again(
    released: Repo, github: GitHubDouble, announce: Announce
) -> None:
    """The same files are there: nothing is left to do."""
    announce(released)
    before = only_release(github)
    lists_later(github, 3)
    before.created_at = github.state.clock()
    assert announce(released).result is Result.ALREADY
    assert only_release(github) == before


def test_the_files_of_a_release_that_is_listed_later_are_not_touched(
    released: Repo, github: GitHubDouble, announce: Announce
) -> None:
    """It is published with other files: refused as where it is seen at once."""
    announce(released)
    before = only_release(github)
    before.assets[0].content = b"other"
    lists_later(github, 3)
    before.created_at = github.state.clock()
    outcome = refuses(released, github, announce)
    assert f"the published GitHub Release {TAG} has another" in outcome.message


def test_a_second_draft_of_the_tag_is_named(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """A maintainer may still want it: it is reported beside the published release, and kept."""
    announce(released)
    left = draft(github)
    before = github.fingerprint()
    outcome = announce(released)
    assert outcome.result is Result.ALREADY
    (said,) = outcome.warnings
    assert f"GitHub also has a draft of {TAG}" in said
    assert "untagged-" in said
    assert github.fingerprint() == before
    assert left.id in github.state.releases


def test_an_earlier_runs_draft_is_completed(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """Correct files stay, others are replaced; no second draft is created."""
    left = draft(github, **{WHEEL: (released.root / "dist" / WHEEL).read_bytes(), SDIST: b"half"})
    kept = left.assets[0].id
    assert announce(released).result is Result.PUBLISHED
    assert_complete(released, github)
    assert only_release(github).id == left.id
    assert kept in {asset.id for asset in only_release(github).assets}


def test_a_hand_written_draft_gets_the_releases_own_text(
    released: Repo, github: GitHubDouble, announce: Announce
) -> None:
    """Name, text and pre-release mark, with a warning of what was replaced."""
    left = draft(github)
    left.name, left.body, left.is_prerelease = "wip", "TODO\r\nmore", True
    outcome = announce(released)
    assert outcome.result is Result.PUBLISHED
    one = only_release(github)
    assert (one.id, one.name, one.body, one.is_prerelease) == (left.id, TAG, "### Added\n\n- A thing.", False)
    assert github.state.latest_id == one.id
    (said,) = outcome.warnings
    assert "replaced in it: the name 'wip', the text that begins 'TODO', the mark of a pre-release" in said


def test_an_incomplete_asset_is_replaced(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    github.state.broken_uploads = 1
    assert announce(released).result is Result.REFUSED
    assert [asset.state for asset in only_release(github).assets] == ["starter"]
    assert announce(released).result is Result.PUBLISHED
    assert_complete(released, github)


def test_an_unexpected_file_in_a_draft_is_refused(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """It is neither published nor deleted."""
    draft(github, **{"notes.pdf": b"foreign"})
    outcome = refuses(released, github, announce)
    assert f"the draft of the GitHub Release {TAG} has notes.pdf, which this release does not" in outcome.message


WRONG = {
    "lacks one": (lambda assets: assets.pop(), f"lacks {MANIFEST}"),
    "other bytes": (
        lambda assets: setattr(assets[0], "content", assets[0].content[::-1]),
        "has another demo_tool-1.2.0",
    ),
    "one more": (
        lambda assets: assets.append(StoredAsset(1, "more.txt", "", b"x", "text/plain", assets[0].created_at)),
        "also has more.txt",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("immutable", [pytest.param(False, marks=pytest.mark.full), True], ids=["mutable", "immutable"])
def test_a_published_release_that_differs_is_refused(
    released: Repo,
    github: GitHubDouble,
    announce: Announce,
    spoil: Callable[[object], object],
    message: str,
    immutable: bool,
) -> None:
    """It is never changed; the hint contains what is possible, which is little for an immutable one."""
    announce(released)
    one = only_release(github)
    spoil(one.assets)
    one.is_immutable = immutable
    outcome = refuses(released, github, announce)
    assert message in outcome.message
    assert ("cannot be fixed" in outcome.hint) is immutable
    assert (f"release-channels resume {TAG}" in outcome.hint) is not immutable


def test_an_immutable_release_is_published_once(
    released: Repo, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The draft gets the files first, and a second run finds them."""
    with open_github(released, immutable_releases=True) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        assert [announce(released).result for _ in range(2)] == [Result.PUBLISHED, Result.ALREADY]
        assert only_release(github).is_immutable
        assert_complete(released, github)


LATEST = {
    "the first": ((), (), True),
    "a newer one": (("1.3.0",), (), False),
    "a newer one that is yanked": ((), ("1.3.0",), True),
    "newer pre-releases": (("1.3.0rc1", "1.3.0.dev7"), (), True),
    "a post-release": (("1.2.0.post1",), (), False),
}


@pytest.mark.parametrize(("there", "yanked", "latest"), LATEST.values(), ids=LATEST)
def test_only_the_newest_final_is_marked_latest(
    released: Repo,
    github: GitHubDouble,
    announce: Announce,
    there: tuple[str, ...],
    yanked: tuple[str, ...],
    latest: bool,
) -> None:
    """By the index and not by time; yanked releases do not count."""
    put_on_index(released, *there)
    put_on_index(released, *yanked, yanked=True)
    assert announce(released).result is Result.PUBLISHED
    assert (github.state.latest_id == only_release(github).id) is latest


@contextmanager
def fail_after(github: GitHubDouble, calls: int, *, lost: bool = False) -> Iterator[None]:
    """Make GitHub answer this many calls; with `lost` it carries out later ones without an answer."""
    count = 0

    def fail(_method: str, _path: str) -> Answer | None:
        nonlocal count
        count += 1
        return broken() if count > calls else None

    where = github.state.lost if lost else github.state.faults
    where.append(fail)
    try:
        yield
    finally:
        where.remove(fail)


def calls_of_a_whole_run(released: Repo, github: GitHubDouble, announce: Announce) -> int:
    announce(released)
    return len(github.running.requests)


@pytest.mark.parametrize("lost", [False, True], ids=["no answer", "lost answer"])
@pytest.mark.parametrize("calls", [pytest.param(n, marks=() if n in (3, 10) else pytest.mark.full) for n in range(11)])
def test_a_failure_between_any_two_calls_is_recovered(
    released: Repo, github: GitHubDouble, announce: Announce, calls: int, lost: bool
) -> None:
    """The run is reported and nothing is half public; the next run ends in the same state."""
    with fail_after(github, calls, lost=lost):
        stopped = announce(released)
    assert stopped.result is Result.REFUSED
    assert "failed with 502" in stopped.message
    public = [one for one in github.state.releases.values() if not one.is_draft]
    assert all(set(contents(one)) == NAMES for one in public)

    assert announce(released).result is (Result.ALREADY if public else Result.PUBLISHED)
    assert_complete(released, github)
    assert github.state.latest_id == only_release(github).id


def test_the_failures_cover_every_call(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    assert calls_of_a_whole_run(released, github, announce) == 11


def test_a_rate_limit_is_reported_with_its_end(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """Without a retry."""
    github.state.faults.append(lambda *_: rate_limited(1_800_000_000))
    outcome = refuses(released, github, announce)
    assert "rejects requests until 2027-01-15 08:10:00 UTC" in outcome.message


@pytest.mark.parametrize("moment", ["before the draft", "before it is published"])
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_a_tag_changed_meanwhile_is_not_recreated(
    released: Repo, github: GitHubDouble, announce: Announce, moment: str, moved: bool
) -> None:
    """Moved or deleted during the run: nothing is published, and no tag appears elsewhere."""
    first = released.git("rev-parse", "HEAD")
    other = released.commit("later")
    released.git("push", "--quiet", "origin", "main")
    released.git("checkout", "--quiet", first)

    def touch(method: str, path: str) -> Answer | None:
        begins = moment == "before the draft" and path.endswith("/releases")
        if begins or (method == "POST" and path.endswith("/assets")):
            words = ("update-ref", f"refs/tags/{TAG}", other) if moved else ("update-ref", "-d", f"refs/tags/{TAG}")
            released.git("--git-dir", str(released.remote), *words)
        return None

    github.state.faults.append(touch)
    outcome = announce(released)
    assert outcome.result is Result.REFUSED
    assert f"the tag {TAG} {'points to commit' if moved else 'is gone'}" in outcome.message
    assert len(github.state.releases) == (moment != "before the draft")
    assert all(one.is_draft for one in github.state.releases.values())
    shown = released.git("ls-remote", "--tags", "origin", TAG)
    assert shown.partition("\t")[0] == (other if moved else "")


def change_workflows_on_main(released: Repo) -> str:
    """Change a workflow file on main after the tag, and return to the tagged commit."""
    tagged_commit = released.git("rev-parse", "HEAD")
    released.commit("Update an action", {".github/workflows/test.yml": "on: push\njobs: {}\n"})
    released.git("push", "--quiet", "origin", "HEAD:main")
    released.git("checkout", "--quiet", tagged_commit)
    return tagged_commit


@pytest.mark.parametrize("has_draft", [False, True])
@pytest.mark.parametrize("by_hand", [False, True])
def test_changed_workflows_on_main_do_not_stop_the_release(
    released: Repo, github: GitHubDouble, announce: Announce, has_draft: bool, by_hand: bool
) -> None:
    """GitHub allows no job such a commit as target, nor a person without the scope; and the tag exists."""
    commit = change_workflows_on_main(released)
    if by_hand:
        github.state.login_tokens.add(WRITER)
    if has_draft:
        draft(github)
    assert announce(released).result is Result.PUBLISHED
    assert_complete(released, github)
    assert released.git("ls-remote", "--tags", "origin", f"{TAG}^{{}}").partition("\t")[0] in ("", commit)


def test_a_tag_deleted_during_publication_is_reported(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """GitHub creates it again on main's tip."""
    change_workflows_on_main(released)

    def delete_tag(method: str, path: str) -> Answer | None:
        if method == "PATCH" and "/releases/" in path and not github.state.faults[1:]:
            github.state.faults.append(lambda *_: None)  # the first attempt names the target, and is refused
        elif method == "PATCH" and "/releases/" in path:
            released.git("--git-dir", str(released.remote), "update-ref", "-d", f"refs/tags/{TAG}")
        return None

    github.state.faults.append(delete_tag)
    outcome = announce(released)
    assert outcome.result is Result.FAILED
    assert f"GitHub has the tag {TAG} on commit" in outcome.message


def test_the_drafts_target_is_the_built_commit(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """So a tag that GitHub creates is not on main's tip."""
    left = draft(github)
    announce(released)
    assert left.target == released.git("rev-parse", "HEAD")
    github.state.releases.clear()
    announce(released)
    assert only_release(github).target == released.git("rev-parse", "HEAD")


def test_two_parallel_runs_create_one_github_release(
    released: Repo, github: GitHubDouble, announce: Announce, tmp_path: Path
) -> None:
    """At most one of them has to run again."""
    repos = [released, released.copy(tmp_path / "second")]
    outcomes: list[Outcome] = []
    threads = [threading.Thread(target=lambda repo=repo: outcomes.append(announce(repo))) for repo in repos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert {outcome.result for outcome in outcomes} <= {Result.PUBLISHED, Result.ALREADY, Result.REFUSED}
    assert announce(released).result in (Result.PUBLISHED, Result.ALREADY)
    assert_complete(released, github)


def test_a_draft_of_a_parallel_run_is_used(released: Repo, github: GitHubDouble, announce: Announce) -> None:
    """Our own is deleted."""
    theirs: list[StoredRelease] = []

    def meanwhile(method: str, path: str) -> Answer | None:
        if method == "POST" and path.endswith("/releases") and not theirs:
            theirs.append(draft(github))
        return None

    github.state.faults.append(meanwhile)
    assert announce(released).result is Result.PUBLISHED
    assert only_release(github).id == theirs[0].id
    assert_complete(released, github)


def test_a_long_section_is_shortened_with_a_link(
    tmp_path: Path,
    offline_environment: dict[str, str],
    announce: Announce,
    offline: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """To the changelog at the commit, within GitHub's limit."""
    long = CHANGELOG.replace("- A thing.\n", "- A thing.\n" * 20_000)
    repo = release_once(tmp_path / "long", sample(CHANGELOG_md=long), offline_environment)
    with open_github(repo) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        assert announce(repo).result is Result.PUBLISHED
        body = str(only_release(github).body)
    assert MAX_BODY - 200 < len(body) <= MAX_BODY
    assert body.endswith(f"(https://github.com/acme/demo-tool/blob/{repo.git('rev-parse', 'HEAD')}/CHANGELOG.md)")


def history(directory: Path, env: dict[str, str]) -> Repo:
    """Create a repository without a changelog: finals, a candidate and a side branch."""
    repo = Repo.create(directory, sample("1.0.0").tree())
    for tag, subject in (("v1.0.0", "First work"), ("v1.1.0", "Second work"), ("v1.2.0rc1", "Third work")):
        tagged(repo, tag)
        repo.commit(subject)
    repo.git("switch", "--quiet", "--create", "side", "v1.0.0")
    repo.commit("Elsewhere")
    tagged(repo, "v1.1.5")
    repo.git("switch", "--quiet", "main")
    repo.commit("Release 1.2.0", sample().tree())
    repo.git("push", "--quiet", "origin", "main")
    return tagged(repo)


@pytest.mark.parametrize(
    "shallow", [pytest.param(False, marks=pytest.mark.full), True], ids=["whole history", "depth 1"]
)
def test_generated_notes_begin_at_the_previous_final(
    tmp_path: Path,
    run_session: RunSession,
    announce: Announce,
    monkeypatch: pytest.MonkeyPatch,
    shallow: bool,
) -> None:
    """At an ancestor: not a candidate or a tag of a side branch."""
    repo = history(tmp_path / "history", dict(os.environ))
    if shallow:
        place = tmp_path / "shallow"
        repo.git("clone", "--quiet", "--depth", "1", "--branch", TAG, repo.remote.as_uri(), str(place))
        repo = Repo(place, repo.remote)
    with open_github(repo) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        for step in ("build", "public-publish"):
            assert run_session(repo, "--offline", steps=(step,), channel=Channel.PUBLIC).result.is_good
        assert announce(repo).result is Result.PUBLISHED
        body = str(only_release(github).body)
    assert body.endswith("/compare/v1.1.0...v1.2.0")
    assert "Second work" in body
    assert "First work" not in body


def test_public_reports_the_upload(released: Repo, github: GitHubDouble, run_session: RunSession) -> None:
    """Or, where the files were already published, the GitHub Release."""
    steps = ("public-publish", "github-release")
    first = run_session(released, "--offline", steps=steps, channel=Channel.PUBLIC)
    assert (first.result, first.message.partition(":")[0]) == (
        Result.PUBLISHED,
        f"the GitHub Release {TAG} is published",
    )
    second = run_session(released, "--offline", steps=steps, channel=Channel.PUBLIC)
    assert (second.result, second.message) == (
        Result.ALREADY, "demo-tool 1.2.0 on the local index: all 2 files are there",
    )  # fmt: skip
    github.state.releases.clear()
    (released.root / ".release-channels" / "index" / SDIST).unlink()
    third = run_session(released, "--offline", steps=steps, channel=Channel.PUBLIC)
    assert (third.result, third.message) == (Result.PUBLISHED, "demo-tool 1.2.0 on the local index")


def test_a_failure_after_the_upload_reports_the_published_files(
    released: Repo, github: GitHubDouble, run_session: RunSession
) -> None:
    (released.root / ".release-channels" / "index" / SDIST).unlink()
    with fail_after(github, 0):
        outcome = run_session(released, "--offline", steps=("public-publish", "github-release"), channel=Channel.PUBLIC)
    assert outcome.result is Result.FAILED
    assert outcome.message.startswith(
        "demo-tool 1.2.0 on the local index was published, but afterwards github-release: "
    )


def test_a_draft_published_by_a_parallel_run_is_accepted(
    released: Repo, github: GitHubDouble, announce: Announce
) -> None:
    """Nothing more is written."""
    written: list[str] = []

    def meanwhile(method: str, path: str) -> Answer | None:
        for one in github.state.releases.values():
            if method == "GET" and one.is_draft and set(contents(one)) == NAMES:
                one.is_draft = False
                written.clear()
        written.extend([path] if method != "GET" else [])
        return None

    github.state.faults.append(meanwhile)
    outcome = announce(released)
    assert outcome.result is Result.ALREADY
    assert f"someone else published the GitHub Release {TAG} by now" in outcome.message
    assert_complete(released, github)
    assert written == []


@pytest.mark.parametrize("name", ["local", "testpypi"])
def test_a_practice_index_gets_no_real_github_release(released: Repo, name: str) -> None:
    """The test index as well as the local one; no token is requested."""
    dead = "http://127.0.0.1:9/"
    project = parse_project((released.root / "pyproject.toml").read_bytes())
    index = Index(name, dead, dead, Credentials.USER)
    release = replace(release_of(released.root, Recipe(), index, dead, {}), project=project)
    report = GITHUB_RELEASE.act(release)
    assert (report.result, report.message) == (
        Result.SKIPPED, f"no GitHub Release for {index.title}, which is for practice",
    )  # fmt: skip
