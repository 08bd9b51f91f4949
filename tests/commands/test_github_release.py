"""The GitHub Release: whatever stands there and whatever breaks, it ends whole or is refused with what to do."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from tests.github.hubs import READER, WRITER, Hub, open_hub
from tests.support.distributions import Recipe
from tests.support.releasing import CHANGELOG, TAG, put_on_index, release_once, sample, tagged
from tests.support.repo import Repo
from tests.support.verifying import release_of

WHEEL, SDIST, MANIFEST = "demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz", "manifest.json"
NAMES = {WHEEL, SDIST, MANIFEST}
Announce = Callable[[Repo], Outcome]


@pytest.fixture
def announce(run_session: RunSession) -> Announce:
    """Announce what is in dist/ on the stand-in."""

    def run(repo: Repo) -> Outcome:
        return run_session(repo, "--offline", steps=("github-release",), channel=Channel.PUBLIC)

    return run


def only(hub: Hub) -> StoredRelease:
    """The one release that GitHub has."""
    (one,) = hub.state.releases.values()
    return one


def contents(one: StoredRelease) -> dict[str, bytes]:
    return {asset.name: asset.content for asset in one.assets}


def assert_whole(repo: Repo, hub: Hub) -> None:
    """One published release with the files of dist/ and the manifest."""
    one = only(hub)
    assert (one.tag, one.is_draft, set(contents(one))) == (TAG, False, NAMES)
    assert all(contents(one)[name] == (repo.root / "dist" / name).read_bytes() for name in (WHEEL, SDIST))


def draft(hub: Hub, **assets: bytes) -> StoredRelease:
    """Leave a draft as an earlier run would."""
    state = hub.state
    made = StoredRelease(state.new_id(), TAG, TAG, "words of its own", "main", True, False, state.clock())
    for name, content in assets.items():
        kind = "application/octet-stream"
        made.assets.append(StoredAsset(state.new_id(), name, "", content, kind, state.clock()))
    state.releases[made.id] = made
    return made


def refuses(repo: Repo, hub: Hub, announce: Announce) -> Outcome:
    """Announce, and prove that it was refused and that nothing moved here or on GitHub."""
    before = hub.fingerprint()
    outcome = announce(repo)
    assert outcome.result is Result.REFUSED
    assert outcome.hint
    assert hub.fingerprint() == before
    return outcome


def test_a_release_is_announced_with_its_files(released: Repo, hub: Hub, announce: Announce) -> None:
    """It has the distributions, the manifest and the changelog's section, and is the latest; again, nothing moves."""
    outcome = announce(released)

    assert outcome.result is Result.PUBLISHED
    assert_whole(released, hub)
    assert only(hub).body == "### Added\n\n- A thing."
    assert hub.state.latest_id == only(hub).id
    before = hub.fingerprint()
    again = announce(released)
    assert (again.result, again.message) == (
        Result.ALREADY,
        f"the GitHub Release {TAG} is published, with the same files: "
        f"{hub.running.url}/acme/demo-tool/releases/tag/{TAG}",
    )
    assert hub.fingerprint() == before


def test_the_manifest_tells_what_was_released_and_nothing_else(released: Repo, hub: Hub, announce: Announce) -> None:
    """Project, version, commit and files stand in it; a second run from nothing writes the same bytes."""
    announce(released)
    first = contents(only(hub))[MANIFEST]
    hub.state.releases.clear()
    kept = json.loads((released.root / "release.json").read_text())
    (released.root / "release.json").write_text(
        json.dumps(kept | {"tools": {"uv": "9.9"}, "files": kept["files"][::-1]})
    )
    announce(released)

    assert contents(only(hub))[MANIFEST] == first
    told = json.loads(first)
    assert sorted(told) == ["commit", "files", "project", "version"]
    assert (told["project"], told["version"]) == ("demo-tool", "1.2.0")
    assert told["commit"] == released.git("rev-parse", "HEAD")
    for file in told["files"]:
        content = (released.root / "dist" / file["name"]).read_bytes()
        assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_nothing_is_announced_that_the_index_lacks(released: Repo, hub: Hub, announce: Announce) -> None:
    """A file that is not on the index stops it before GitHub is touched."""
    (released.root / ".release-channels" / "index" / SDIST).unlink()
    outcome = refuses(released, hub, announce)
    assert outcome.message == f"github-release: the local index does not contain {SDIST} with these bytes"
    assert "nox -s public-publish" in outcome.hint


def test_without_a_token_nothing_is_asked(
    released: Repo, hub: Hub, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No token is refused in plain words, before GitHub hears of it."""
    monkeypatch.delenv("GH_TOKEN")
    outcome = refuses(released, hub, announce)
    assert "there is no token for the GitHub Release of acme/demo-tool" in outcome.message
    assert "GH_TOKEN" in outcome.hint
    assert hub.running.requests == ()


def test_a_token_that_may_not_write_is_refused(
    released: Repo, hub: Hub, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token without the right is named with the right that it lacks."""
    monkeypatch.setenv("GH_TOKEN", READER)
    outcome = refuses(released, hub, announce)
    assert "forbids it with the token from GH_TOKEN" in outcome.message
    assert "contents: write" in outcome.hint


def test_practice_makes_no_release_on_the_real_github(
    released: Repo, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is on the local index is practice: nothing is asked of a GitHub that is not on this machine."""
    monkeypatch.setenv("GH_TOKEN", WRITER)
    outcome = announce(released)
    assert (outcome.result, outcome.message) == (
        Result.SKIPPED, "no GitHub Release for the local index, which is for practice",
    )  # fmt: skip


def test_without_a_repository_on_github_it_is_skipped(
    tmp_path: Path, offline_environment: dict[str, str], announce: Announce, offline: None
) -> None:
    """A remote elsewhere has no GitHub Release, which is said and is not a failure."""
    made = sample()
    text = str(made.files["pyproject.toml"]).replace('repository = "acme/demo-tool"\n', "")
    made.files["pyproject.toml"] = text
    outcome = announce(release_once(tmp_path / "elsewhere", made, offline_environment))
    assert (outcome.result, outcome.message) == (
        Result.SKIPPED, "no GitHub Release: the remote origin is not on GitHub",
    )  # fmt: skip


def test_a_release_that_no_list_shows_yet_is_made_once(released: Repo, hub: Hub, announce: Announce) -> None:
    """The draft is read by its number; a second run that sees nothing of the first one publishes nothing."""
    hub.state.lag_behind(3600)
    assert announce(released).result is Result.PUBLISHED
    assert_whole(released, hub)
    published = only(hub)
    assert announce(released).result is Result.REFUSED
    assert [one for one in hub.state.releases.values() if not one.is_draft] == [published]
    hub.state.lag_behind(0)
    assert announce(released).result is Result.ALREADY


def test_a_draft_of_an_earlier_run_is_adopted(released: Repo, hub: Hub, announce: Announce) -> None:
    """What an earlier run left is kept where it is right and replaced where it is not; no second draft is made."""
    left = draft(hub, **{WHEEL: (released.root / "dist" / WHEEL).read_bytes(), SDIST: b"half"})
    kept = left.assets[0].id
    assert announce(released).result is Result.PUBLISHED
    assert_whole(released, hub)
    assert only(hub).id == left.id
    assert kept in {asset.id for asset in only(hub).assets}


def test_a_draft_that_somebody_wrote_is_published_with_the_releases_own_words(
    released: Repo, hub: Hub, announce: Announce
) -> None:
    """Name, text and the mark of a pre-release are set again, and a warning says what was replaced."""
    left = draft(hub)
    left.name, left.body, left.is_prerelease = "wip", "TODO\r\nmore", True
    outcome = announce(released)
    assert outcome.result is Result.PUBLISHED
    one = only(hub)
    assert (one.id, one.name, one.body, one.is_prerelease) == (left.id, TAG, "### Added\n\n- A thing.", False)
    assert hub.state.latest_id == one.id
    (said,) = outcome.warnings
    assert "replaced in it: the name 'wip', the text that begins 'TODO', the mark of a pre-release" in said


def test_an_upload_that_broke_off_is_replaced(released: Repo, hub: Hub, announce: Announce) -> None:
    """An asset without content, as a broken upload leaves one, does not count as a file."""
    hub.state.broken_uploads = 1
    assert announce(released).result is Result.REFUSED
    assert [asset.state for asset in only(hub).assets] == ["starter"]
    assert announce(released).result is Result.PUBLISHED
    assert_whole(released, hub)


def test_a_foreign_file_in_a_draft_is_refused(released: Repo, hub: Hub, announce: Announce) -> None:
    """What somebody put into the draft by hand is not published along, and not deleted either."""
    draft(hub, **{"notes.pdf": b"foreign"})
    outcome = refuses(released, hub, announce)
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
    released: Repo, hub: Hub, announce: Announce, spoil: Callable[[object], object], message: str, immutable: bool
) -> None:
    """What is published is never fixed; the hint says what is possible, which for an immutable one is little."""
    announce(released)
    one = only(hub)
    spoil(one.assets)
    one.is_immutable = immutable
    outcome = refuses(released, hub, announce)
    assert message in outcome.message
    assert ("cannot be fixed" in outcome.hint) is immutable
    assert (f"release-channels resume {TAG}" in outcome.hint) is not immutable


def test_an_immutable_release_that_agrees_is_success(
    released: Repo, announce: Announce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where releases are immutable the files go into the draft first, and a second run finds them."""
    with open_hub(released, immutable_releases=True) as hub:
        monkeypatch.setenv("GITHUB_API_URL", hub.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        assert [announce(released).result for _ in range(2)] == [Result.PUBLISHED, Result.ALREADY]
        assert only(hub).is_immutable
        assert_whole(released, hub)


LATEST = {
    "the first": ((), (), True),
    "a newer one": (("1.3.0",), (), False),
    "a newer one that is yanked": ((), ("1.3.0",), True),
    "newer pre-releases": (("1.3.0rc1", "1.3.0.dev7"), (), True),
    "a post-release": (("1.2.0.post1",), (), False),
}


@pytest.mark.parametrize(("there", "yanked", "latest"), LATEST.values(), ids=LATEST)
def test_only_the_newest_final_is_the_latest(
    released: Repo, hub: Hub, announce: Announce, there: tuple[str, ...], yanked: tuple[str, ...], latest: bool
) -> None:
    """The index decides and not the clock; a yanked release is offered to nobody and does not count."""
    put_on_index(released, *there)
    put_on_index(released, *yanked, yanked=True)
    assert announce(released).result is Result.PUBLISHED
    assert (hub.state.latest_id == only(hub).id) is latest


@contextmanager
def dead_after(hub: Hub, calls: int, *, lost: bool = False) -> Iterator[None]:
    """Let GitHub answer so many calls and then none; with `lost` later ones are carried out and their answers lost."""
    count = 0

    def fail(_method: str, _path: str) -> Answer | None:
        nonlocal count
        count += 1
        return broken() if count > calls else None

    where = hub.state.lost if lost else hub.state.faults
    where.append(fail)
    try:
        yield
    finally:
        where.remove(fail)


def calls_of_a_whole_run(released: Repo, hub: Hub, announce: Announce) -> int:
    announce(released)
    return len(hub.running.requests)


@pytest.mark.parametrize("lost", [False, True], ids=["no answer", "lost answer"])
@pytest.mark.parametrize("calls", [pytest.param(n, marks=() if n in (3, 10) else pytest.mark.full) for n in range(11)])
def test_after_a_break_between_any_two_calls_the_next_run_ends_the_same(
    released: Repo, hub: Hub, announce: Announce, calls: int, lost: bool
) -> None:
    """Wherever GitHub goes away, a run says so and nothing half is public; the next run ends in the one same state."""
    with dead_after(hub, calls, lost=lost):
        stopped = announce(released)
    assert stopped.result is Result.REFUSED
    assert "failed with 502" in stopped.message
    public = [one for one in hub.state.releases.values() if not one.is_draft]
    assert all(set(contents(one)) == NAMES for one in public)

    assert announce(released).result is (Result.ALREADY if public else Result.PUBLISHED)
    assert_whole(released, hub)
    assert hub.state.latest_id == only(hub).id


def test_the_breaks_cover_every_call(released: Repo, hub: Hub, announce: Announce) -> None:
    """A whole run asks as often as the test above breaks it off, so that none of its calls is left out."""
    assert calls_of_a_whole_run(released, hub, announce) == 11


def test_a_rate_limit_is_told_with_its_end(released: Repo, hub: Hub, announce: Announce) -> None:
    """A used-up rate limit stops at once and names the time after which a run makes sense."""
    hub.state.faults.append(lambda *_: rate_limited(1_800_000_000))
    outcome = refuses(released, hub, announce)
    assert "rejects requests until 2027-01-15 08:10:00 UTC" in outcome.message


@pytest.mark.parametrize("moment", ["before the draft", "before it is published"])
@pytest.mark.parametrize("moved", [True, False], ids=["moved", "deleted"])
def test_a_tag_that_is_touched_meanwhile_is_not_made_anew_by_github(
    released: Repo, hub: Hub, announce: Announce, moment: str, moved: bool
) -> None:
    """Somebody moves or deletes the tag while it is announced: nothing is published, and no tag appears elsewhere."""
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

    hub.state.faults.append(touch)
    outcome = announce(released)
    assert outcome.result is Result.REFUSED
    assert f"the tag {TAG} {'points to commit' if moved else 'is gone'}" in outcome.message
    assert len(hub.state.releases) == (moment != "before the draft")
    assert all(one.is_draft for one in hub.state.releases.values())
    shown = released.git("ls-remote", "--tags", "origin", TAG)
    assert shown.partition("\t")[0] == (other if moved else "")


def change_workflows_on_main(released: Repo) -> str:
    """Change a workflow file on main after the tag, as the update of an action does; return to the tagged commit."""
    tagged_commit = released.git("rev-parse", "HEAD")
    released.commit("Update an action", {".github/workflows/test.yml": "on: push\njobs: {}\n"})
    released.git("push", "--quiet", "origin", "HEAD:main")
    released.git("checkout", "--quiet", tagged_commit)
    return tagged_commit


@pytest.mark.parametrize("has_draft", [False, True])
def test_a_release_is_announced_though_workflows_on_main_have_changed(
    released: Repo, hub: Hub, announce: Announce, has_draft: bool
) -> None:
    """GitHub lets no job name a commit with other workflow files as a target, and the tag is there anyway."""
    commit = change_workflows_on_main(released)
    if has_draft:
        draft(hub)
    assert announce(released).result is Result.PUBLISHED
    assert_whole(released, hub)
    assert released.git("ls-remote", "--tags", "origin", f"{TAG}^{{}}").partition("\t")[0] in ("", commit)


def test_a_tag_that_vanishes_while_such_a_release_is_published_is_reported(
    released: Repo, hub: Hub, announce: Announce
) -> None:
    """GitHub then makes the tag on main's tip: nobody is told that the release is right."""
    change_workflows_on_main(released)

    def delete_tag(method: str, path: str) -> Answer | None:
        if method == "PATCH" and "/releases/" in path and not hub.state.faults[1:]:
            hub.state.faults.append(lambda *_: None)  # the first attempt names the target, and is refused
        elif method == "PATCH" and "/releases/" in path:
            released.git("--git-dir", str(released.remote), "update-ref", "-d", f"refs/tags/{TAG}")
        return None

    hub.state.faults.append(delete_tag)
    outcome = announce(released)
    assert outcome.result is Result.FAILED
    assert f"GitHub has the tag {TAG} on commit" in outcome.message


def test_the_draft_is_of_the_commit_that_was_built(released: Repo, hub: Hub, announce: Announce) -> None:
    """Should GitHub make the tag all the same, it makes it on that commit, and not on main's tip."""
    left = draft(hub)
    announce(released)
    assert left.target == released.git("rev-parse", "HEAD")
    hub.state.releases.clear()
    announce(released)
    assert only(hub).target == released.git("rev-parse", "HEAD")


def test_two_runs_at_once_make_one_release(released: Repo, hub: Hub, announce: Announce, tmp_path: Path) -> None:
    """Two machines announce together: at most one waits for a next run, and there is one whole release."""
    repos = [released, released.copy(tmp_path / "second")]
    told: list[Outcome] = []
    threads = [threading.Thread(target=lambda repo=repo: told.append(announce(repo))) for repo in repos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert {outcome.result for outcome in told} <= {Result.PUBLISHED, Result.ALREADY, Result.REFUSED}
    assert announce(released).result in (Result.PUBLISHED, Result.ALREADY)
    assert_whole(released, hub)


def test_a_second_draft_that_somebody_made_meanwhile_is_shared(released: Repo, hub: Hub, announce: Announce) -> None:
    """Where another run made its draft a moment earlier, ours is taken away and theirs is filled."""
    theirs: list[StoredRelease] = []

    def meanwhile(method: str, path: str) -> Answer | None:
        if method == "POST" and path.endswith("/releases") and not theirs:
            theirs.append(draft(hub))
        return None

    hub.state.faults.append(meanwhile)
    assert announce(released).result is Result.PUBLISHED
    assert only(hub).id == theirs[0].id
    assert_whole(released, hub)


def test_a_long_section_is_cut_with_a_link_to_the_whole(
    tmp_path: Path,
    offline_environment: dict[str, str],
    announce: Announce,
    offline: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What GitHub would refuse for its length ends with a link to the changelog at the very commit."""
    long = CHANGELOG.replace("- A thing.\n", "- A thing.\n" * 20_000)
    repo = release_once(tmp_path / "long", sample(CHANGELOG_md=long), offline_environment)
    with open_hub(repo) as hub:
        monkeypatch.setenv("GITHUB_API_URL", hub.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        assert announce(repo).result is Result.PUBLISHED
        body = str(only(hub).body)
    assert MAX_BODY - 200 < len(body) <= MAX_BODY
    assert body.endswith(f"(https://github.com/acme/demo-tool/blob/{repo.git('rev-parse', 'HEAD')}/CHANGELOG.md)")


def history(directory: Path, env: dict[str, str]) -> Repo:
    """A repository without a changelog: finals, a candidate and a side branch before the release."""
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
def test_without_a_changelog_the_notes_begin_at_the_previous_final(
    tmp_path: Path,
    run_session: RunSession,
    announce: Announce,
    monkeypatch: pytest.MonkeyPatch,
    shallow: bool,
) -> None:
    """GitHub's notes begin at the final that is an ancestor: no candidate, no tag of a side branch."""
    repo = history(tmp_path / "history", dict(os.environ))
    if shallow:
        place = tmp_path / "shallow"
        repo.git("clone", "--quiet", "--depth", "1", "--branch", TAG, repo.remote.as_uri(), str(place))
        repo = Repo(place, repo.remote)
    with open_hub(repo) as hub:
        monkeypatch.setenv("GITHUB_API_URL", hub.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        for step in ("build", "public-publish"):
            assert run_session(repo, "--offline", steps=(step,), channel=Channel.PUBLIC).result.is_good
        assert announce(repo).result is Result.PUBLISHED
        body = str(only(hub).body)
    assert body.endswith("/compare/v1.1.0...v1.2.0")
    assert "Second work" in body
    assert "First work" not in body


def test_public_tells_of_the_upload_and_not_of_the_announcement(
    released: Repo, hub: Hub, run_session: RunSession
) -> None:
    """Published stays published; where the files were there, what was published is the GitHub Release."""
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
    hub.state.releases.clear()
    (released.root / ".release-channels" / "index" / SDIST).unlink()
    third = run_session(released, "--offline", steps=steps, channel=Channel.PUBLIC)
    assert (third.result, third.message) == (Result.PUBLISHED, "demo-tool 1.2.0 on the local index")


def test_a_failure_after_the_upload_says_what_is_out(released: Repo, hub: Hub, run_session: RunSession) -> None:
    """When GitHub fails after files were uploaded, the outcome says that they are out."""
    (released.root / ".release-channels" / "index" / SDIST).unlink()
    with dead_after(hub, 0):
        outcome = run_session(released, "--offline", steps=("public-publish", "github-release"), channel=Channel.PUBLIC)
    assert outcome.result is Result.FAILED
    assert outcome.message.startswith(
        "demo-tool 1.2.0 on the local index was published, but afterwards github-release: "
    )


def test_a_draft_that_somebody_else_publishes_meanwhile_is_not_published_again(
    released: Repo, hub: Hub, announce: Announce
) -> None:
    """Between our last file and our last look another run was faster: it is out, and nothing more is written."""
    written: list[str] = []

    def meanwhile(method: str, path: str) -> Answer | None:
        for one in hub.state.releases.values():
            if method == "GET" and one.is_draft and set(contents(one)) == NAMES:
                one.is_draft = False
                written.clear()
        written.extend([path] if method != "GET" else [])
        return None

    hub.state.faults.append(meanwhile)
    outcome = announce(released)
    assert outcome.result is Result.ALREADY
    assert f"someone else published the GitHub Release {TAG} by now" in outcome.message
    assert_whole(released, hub)
    assert written == []


@pytest.mark.parametrize("name", ["local", "testpypi"])
def test_no_index_for_practice_is_announced_on_the_real_github(released: Repo, name: str) -> None:
    """The test index is as much for practice as the local one; GitHub is not even asked for a token."""
    dead = "http://127.0.0.1:9/"
    project = parse_project((released.root / "pyproject.toml").read_bytes())
    index = Index(name, dead, dead, Credentials.USER)
    release = replace(release_of(released.root, Recipe(), index, dead, {}), project=project)
    report = GITHUB_RELEASE.act(release)
    assert (report.result, report.message) == (
        Result.SKIPPED, f"no GitHub Release for {index.title}, which is for practice",
    )  # fmt: skip
