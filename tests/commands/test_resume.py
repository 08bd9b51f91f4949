"""A public release that broke half-way is finished from what the outside world shows, or spent."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import stat
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from invoke.exceptions import Exit

from release_channels import tasks
from release_channels.adapters.build_artifact import unpack_build_artifact
from release_channels.cli.run import open_task
from release_channels.commands.resume import resume
from release_channels.commands.status import read_next
from release_channels.errors import RefusedError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.outcome import Outcome, Result
from release_channels.model.session_names import PUBLIC
from release_channels.model.version import Channel
from release_channels.rehearsal.github.http import broken
from release_channels.rehearsal.github.state import StoredRelease
from release_channels.release.step import Timeouts
from tests.cli.screen import BIN, start, wait_until
from tests.commands.doing import run_task, some_of
from tests.conftest import MakeRepo
from tests.github.hubs import WRITER, Hub, open_hub
from tests.support.releasing import TAG, index_of, public_steps, release_once, sample, tagged
from tests.support.repo import Repo

WHEEL, SDIST = "demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz"
PATIENCE = Timeouts(tries=(0.1, 0.1), visible=1.0, first_pause=0.05)
# Every build gives other bytes.
RANDOM = "import os\nEXTRA['demo_tool/noise.txt'] = os.urandom(8).hex()\n"
UNSTEADY = f"{RANDOM}def during(kind):\n    Path('noise.txt').write_text(os.urandom(8).hex())\n"


def finish(repo: Repo, tag: str = TAG, *, publishes: bool = True, dry_run: bool = False) -> Outcome:
    """Resume on the local index, with waits cut short."""
    with suppress(Exit), open_task(repo.root, "local", read_next) as task:
        resume(task, tag, publishes=publishes, dry_run=dry_run, patience=PATIENCE)
    return task.run.outcome


def lose_everything_local(repo: Repo) -> None:
    """Let the runner be lost: nothing of the build is left."""
    for path in (repo.root / "dist").iterdir():
        path.unlink()
    (repo.root / "dist").rmdir()
    (repo.root / "release.json").unlink()


def on_index(repo: Repo) -> dict[str, str]:
    files = (path for path in index_of(repo).iterdir() if path.suffix in (".whl", ".gz"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def assert_finished(repo: Repo, hub: Hub, index: Mapping[str, str]) -> None:
    """The index has both files with the first bytes, and the GitHub Release is out with them."""
    assert on_index(repo) == dict(index)
    (one,) = hub.state.releases.values()
    assert not one.is_draft
    assets = {asset.name: hashlib.sha256(asset.content).hexdigest() for asset in one.assets}
    assert {name: assets[name] for name in (WHEEL, SDIST)} == dict(index)


def test_a_lost_upload_and_release_are_made_good(released: Repo, hub: Hub) -> None:
    """One file on the index and nothing local: the rest is built again, byte for byte; run twice, nothing moves."""
    index = on_index(released)
    (index_of(released) / SDIST).unlink()
    lose_everything_local(released)
    outcome = finish(released)
    assert outcome.result is Result.PUBLISHED
    assert_finished(released, hub, index)
    before = hub.fingerprint()
    assert finish(released).result is Result.ALREADY
    assert hub.fingerprint() == before


@pytest.mark.full
def test_a_draft_is_published(released: Repo, hub: Hub) -> None:
    """All files are out and the draft is left: it is filled and published."""
    index, state = on_index(released), hub.state
    made = StoredRelease(state.new_id(), TAG, TAG, "words", "main", True, False, state.clock())
    state.releases[made.id] = made
    lose_everything_local(released)
    assert finish(released).result is Result.PUBLISHED
    assert_finished(released, hub, index)


@pytest.mark.full
@pytest.mark.parametrize("calls", [1, 3, 5, 7, 9])
def test_after_a_break_it_is_resumed_again(released: Repo, hub: Hub, calls: int) -> None:
    """Where GitHub goes away in the middle, running it again ends in the same state."""
    index, asked = on_index(released), 0
    (index_of(released) / WHEEL).unlink()

    def fail(_method: str, _path: str) -> object:
        nonlocal asked
        asked += 1
        return broken() if asked > calls else None

    hub.state.faults.append(fail)  # type: ignore[arg-type]
    stopped = finish(released)
    assert stopped.result is Result.FAILED
    assert "was published, but afterwards github-release" in stopped.message
    hub.state.faults.clear()
    lose_everything_local(released)
    assert finish(released).result is Result.PUBLISHED
    assert_finished(released, hub, index)


def test_without_an_index_only_the_plan_is_shown(released: Repo, hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody publishes by accident: what is there and what would be done is shown, with command and last day."""
    (index_of(released) / SDIST).unlink()
    before = hub.fingerprint()
    outcome = finish(released, publishes=False)
    shown = capsys.readouterr()
    assert (outcome.result, outcome.message) == (
        Result.PLANNED, f"to finish {TAG}, `release-channels resume {TAG} --index local`",
    )  # fmt: skip
    until = datetime.now(UTC) + timedelta(days=14)
    assert f"until         {until:%Y-%m-%d}" in shown.err
    assert f"on the index  {WHEEL}" in shown.err
    assert hub.fingerprint() == before


def test_a_dry_run_moves_nothing(released: Repo, hub: Hub) -> None:
    """With --dry-run the plan of the release is shown and nothing else happens."""
    (index_of(released) / SDIST).unlink()
    before = hub.fingerprint()
    assert finish(released, dry_run=True).result is Result.PLANNED
    assert hub.fingerprint() == before


def move_tag(repo: Repo) -> None:
    repo.commit("other")
    repo.git("push", "--quiet", "origin", "main", f"+HEAD:refs/tags/{TAG}")


def age(repo: Repo, days: int) -> None:
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    for path in index_of(repo).iterdir():
        os.utime(path, (then, then))


def drop_sdist_and_age(repo: Repo) -> None:
    (index_of(repo) / SDIST).unlink()
    age(repo, 15)


def take_tag_from_remote(repo: Repo) -> None:
    repo.git("push", "--quiet", "origin", f":refs/tags/{TAG}")


def nothing(_repo: Repo) -> None:
    pass


REFUSED: dict[str, tuple[str, Callable[[Repo], None], str, str]] = {
    "no release tag": ("release-1", nothing, "'release-1' is not a release tag", "v{version}"),
    "a candidate": ("v1.2.0rc1", nothing, "'v1.2.0rc1' is not a release tag", "final"),
    "unknown": ("v9.9.9", nothing, "there is no tag v9.9.9", f"the newest is {TAG}"),
    "moved": (TAG, move_tag, f"the tag {TAG} was moved", "never moved"),
    "not pushed": (
        TAG,
        take_tag_from_remote,
        f"the tag {TAG} is in this clone but not on origin",
        "release-channels tag --commit",
    ),
    "too late": (
        TAG,
        drop_sdist_and_age,
        "1.2.0 cannot be completed: the index has taken no more files of it since",
        "1.2.1",
    ),
}


@pytest.mark.parametrize(("tag", "spoil", "message", "hint"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_resumed_is_refused(
    released: Repo, hub: Hub, tag: str, spoil: Callable[[Repo], None], message: str, hint: str
) -> None:
    """A wrong tag, a moved one and a release that is too old are refused with what to do, and nothing moves."""
    spoil(released)
    before = hub.fingerprint()
    outcome = finish(released, tag)
    assert outcome.result is Result.REFUSED
    assert message in outcome.message
    assert hint in outcome.hint
    assert hub.fingerprint() == before


def test_a_file_that_was_deleted_on_the_index_is_never_completed(released: Repo, hub: Hub) -> None:
    """Its name is used up, as on the real index: the next version is named, and nothing is announced."""
    (index_of(released) / SDIST).rename(index_of(released) / f"{SDIST}.deleted")
    index, before = on_index(released), hub.fingerprint()
    outcome = finish(released)
    assert outcome.result in (Result.REFUSED, Result.FAILED)
    assert "previously used by a file that has since been deleted" in f"{outcome.message} {outcome.hint}"
    assert "a deleted file's name can never be used again: publish under the next number" in outcome.hint
    assert (on_index(released), hub.fingerprint()) == (index, before)


@pytest.mark.full
def test_an_old_release_that_is_whole_can_still_be_announced(released: Repo, hub: Hub) -> None:
    """The 14 days are about files; a GitHub Release can be made at any time."""
    index = on_index(released)
    age(released, 40)
    assert finish(released).result is Result.PUBLISHED
    assert_finished(released, hub, index)


@pytest.fixture(scope="module")
def unsteady_once(tmp_path_factory: pytest.TempPathFactory, offline_environment: Mapping[str, str]) -> Repo:
    """The same release of a project whose builds differ each time."""
    made = sample(body=UNSTEADY)
    return release_once(tmp_path_factory.mktemp("unsteady"), made, offline_environment)


@pytest.fixture
def unsteady(unsteady_once: Repo, tmp_path: Path, offline: None) -> Repo:
    return unsteady_once.copy(tmp_path / "unsteady")


def artifact(repo: Repo) -> dict[str, bytes]:
    """What the workflow keeps of a build."""
    files = {f"dist/{path.name}": path.read_bytes() for path in (repo.root / "dist").iterdir()}
    return files | {"release.json": (repo.root / "release.json").read_bytes()}


@pytest.fixture
def unsteady_hub(unsteady: Repo, monkeypatch: pytest.MonkeyPatch) -> object:
    with open_hub(unsteady) as opened:
        monkeypatch.setenv("GITHUB_API_URL", opened.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        yield opened


def test_other_bytes_are_taken_from_the_workflow(unsteady: Repo, unsteady_hub: Hub) -> None:
    """A build that differs is not an obstacle while the workflow still has the first bytes."""
    index, hub = on_index(unsteady), unsteady_hub
    run = hub.state.add_run("public-release.yml", unsteady.git("rev-parse", "HEAD"), branch=TAG)
    hub.state.add_artifact(run, "logs", {"log.txt": b"x"})
    hub.state.add_artifact(run, "distributions", artifact(unsteady))
    (index_of(unsteady) / SDIST).unlink()
    lose_everything_local(unsteady)
    assert finish(unsteady).result is Result.PUBLISHED
    assert_finished(unsteady, hub, index)


@pytest.mark.full
def test_other_bytes_are_taken_from_the_index_that_has_them_all(unsteady: Repo, unsteady_hub: Hub) -> None:
    """Where the index is whole its own files go onto the GitHub Release."""
    index = on_index(unsteady)
    lose_everything_local(unsteady)
    assert finish(unsteady).result is Result.PUBLISHED
    assert_finished(unsteady, unsteady_hub, index)


@pytest.mark.parametrize(
    "kind", [*(pytest.param(kind, marks=pytest.mark.full) for kind in ("none", "expired")), "another build"]
)
def test_bytes_that_cannot_be_had_again_spend_the_version(unsteady: Repo, unsteady_hub: Hub, kind: str) -> None:
    """Without the first bytes the release stops: index, remote and GitHub stay, and the next version is named."""
    state = unsteady_hub.state
    run = state.add_run("public-release.yml", unsteady.git("rev-parse", "HEAD"), branch=TAG)
    if kind == "expired":
        state.expire_artifact(state.add_artifact(run, "distributions", artifact(unsteady)))
    (index_of(unsteady) / SDIST).unlink()
    if kind == "another build":
        wheel = index_of(unsteady) / WHEEL
        with zipfile.ZipFile(wheel, "a") as changed:
            changed.comment = b"another"
        state.add_artifact(run, "distributions", artifact(unsteady))
    index, refs, hub = on_index(unsteady), unsteady.git("ls-remote", "origin"), repr(state.releases)
    outcome = finish(unsteady)
    assert outcome.result is Result.REFUSED
    assert "1.2.0 cannot be completed: its build differs from the files on the index" in outcome.message
    assert outcome.hint.startswith("the next version is 1.2.1")
    assert (on_index(unsteady), unsteady.git("ls-remote", "origin"), repr(state.releases)) == (index, refs, hub)


def test_a_resumption_has_one_outcome(
    released: Repo, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build that it begins with tells none of its own: one line at the end, and one for the job's later steps."""
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    lose_everything_local(released)
    assert finish(released).result is Result.PUBLISHED
    lines = capsys.readouterr().out.splitlines()
    told = [line for line in lines if line.startswith(tuple(f"{result}: " for result in Result))]
    assert told == [lines[-1]]
    assert output.read_text().count("outcome<<") == 1


@pytest.mark.parametrize("how", ["resume", "public"])
def test_a_yanked_release_is_neither_completed_nor_announced(released: Repo, hub: Hub, how: str) -> None:
    """Its sdist is yanked and its wheel is missing: nothing is uploaded, which would bring it back, or announced."""
    (index_of(released) / WHEEL).unlink()
    (index_of(released) / f"{SDIST}.yanked").write_text("broken")
    before = hub.fingerprint()
    outcome = finish(released) if how == "resume" else public_steps(released, *PUBLIC)
    assert outcome.result is Result.REFUSED
    assert f"1.2.0 is yanked on the index ({SDIST})" in outcome.message
    assert "the next version is 1.2.1" in outcome.hint
    assert hub.fingerprint() == before


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "without the sdist"])
def test_other_bytes_alone_spend_no_version(unsteady: Repo, whole: bool) -> None:
    """Built again with other bytes: a release that is whole is healthy, and the other one may still be finished."""
    if not whole:
        (index_of(unsteady) / SDIST).unlink()
    index = on_index(unsteady)
    lose_everything_local(unsteady)
    outcome = public_steps(unsteady, "build", "public-publish")
    assert outcome.result is Result.REFUSED
    assert on_index(unsteady) == index
    assert f"`release-channels resume {TAG} --index local`" in outcome.hint
    assert "yank" not in outcome.hint
    assert ("1.2.0 is complete on the local index, built with other bytes here" in outcome.message) is whole
    assert (f"has {WHEEL} with other bytes: sha256" in outcome.message) is not whole


STRANGE = {
    "commit": {"commit": "b" * 40},
    "version": {"version": "1.2.1"},
    "channel": {"channel": "preview"},
    "project": {"project": "another-tool"},
}


@pytest.mark.parametrize("changes", some_of(STRANGE, "commit"))
def test_an_artifact_of_another_release_is_left_alone(
    unsteady: Repo, unsteady_hub: Hub, changes: dict[str, object]
) -> None:
    """The right bytes under another manifest are refused: the version cannot be completed, and nothing moves."""
    state = unsteady_hub.state
    run = state.add_run("public-release.yml", unsteady.git("rev-parse", "HEAD"), branch=TAG)
    kept = artifact(unsteady)
    told = json.loads(kept["release.json"]) | changes
    state.add_artifact(run, "distributions", kept | {"release.json": json.dumps(told).encode()})
    (index_of(unsteady) / SDIST).unlink()
    index, hub = on_index(unsteady), repr(state.releases)
    outcome = finish(unsteady)
    assert outcome.result is Result.REFUSED
    assert "1.2.0 cannot be completed: its build differs from the files on the index" in outcome.message
    assert (on_index(unsteady), repr(state.releases)) == (index, hub)


def test_the_task_refuses_with_1(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The task ends with exit code 1 and the outcome on the last line."""
    repo = tagged(make_repo(sample()))
    assert run_task(repo.root, tasks.resume, tag="v7.7.7", index="local") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "refused: there is no tag v7.7.7"


def bundle(directory: Path, *members: tuple[zipfile.ZipInfo | str, bytes], content: bytes = b"wheel") -> Path:
    """An archive with a manifest of one file, and these members."""
    file = ManifestFile("x-1-py3-none-any.whl", 5, hashlib.sha256(content).hexdigest())
    from packaging.version import Version

    manifest = Manifest(Channel.PUBLIC, "x", Version("1"), "a" * 40, None, {}, (file,))
    path = directory / "a.zip"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("release.json", manifest.to_json())
        for info, data in members:
            archive.writestr(info, data)
    path.write_bytes(packed.getvalue())
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


NAME = "dist/x-1-py3-none-any.whl"
BAD: dict[str, tuple[tuple[tuple[zipfile.ZipInfo | str, bytes], ...], str]] = {
    "missing": ((), "0 times"),
    "a link": (((link(NAME), b"/etc/"),), "not a regular file"),
    "too long": (((NAME, b"0" * 10_000_000),), "does not have the 5 bytes"),
    "too short": (((NAME, b"0"),), "does not have the 5 bytes"),
    "other bytes": (((NAME, b"other"),), "does not have the sha256"),
    "elsewhere alone": ((("../x-1-py3-none-any.whl", b"wheel"),), "0 times"),
}


@pytest.mark.parametrize(("members", "message"), BAD.values(), ids=BAD)
def test_an_artifact_that_does_not_hold_is_refused(
    tmp_path: Path, members: tuple[tuple[zipfile.ZipInfo | str, bytes], ...], message: str
) -> None:
    """Only regular files of exactly the manifest's size and digest are taken, and none lands elsewhere."""
    target = tmp_path / "inside" / "target"
    target.mkdir(parents=True)
    archive = bundle(tmp_path, *members)
    with pytest.raises(RefusedError, match=message):
        unpack_build_artifact(archive, target)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file() and target not in path.parents) == [archive]
    assert sum(path.stat().st_size for path in target.iterdir()) <= 5


def test_what_else_lies_in_an_artifact_is_left_there(tmp_path: Path) -> None:
    """A path that climbs out is never followed, because only the manifest's names are looked for."""
    target = tmp_path / "inside" / "target"
    target.mkdir(parents=True)
    archive = bundle(tmp_path, (NAME, b"wheel"), ("../../evil", b"x"), ("dist/extra.whl", b"x"))
    assert unpack_build_artifact(archive, target) is not None
    assert [path.name for path in target.iterdir()] == ["x-1-py3-none-any.whl"]
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken"], ids=["empty", "broken"])
def test_an_artifact_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is not a ZIP file is a sentence and no traceback."""
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    with pytest.raises(RefusedError, match="not a readable ZIP archive"):
        unpack_build_artifact(archive, tmp_path)


def test_ctrl_c_is_told_once(make_repo: MakeRepo, tmp_path: Path) -> None:
    """One line says how it ended and what continues it, though a release ran inside the task."""
    waiting, slow = tmp_path / "waiting", tmp_path / "slow"
    slow.touch()
    wait = f"Path({str(waiting)!r}).touch()\n    while Path({str(slow)!r}).exists():\n        time.sleep(0.05)"
    repo = tagged(make_repo(sample(body=f"import time\n\n\ndef during(kind):\n    {wait}\n")))
    before = repo.fingerprint()
    with start(BIN / "release-channels", "resume", TAG, "--index", "local", cwd=repo.root) as child:
        wait_until(waiting.exists, "the build is under way", 30)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert (child.returncode, "Traceback" in out + err) == (130, False)
    again = f"`release-channels resume {TAG} --index local` continues from the current state"
    assert [line for line in out.splitlines() if "interrupted" in line] == [f"failed: interrupted; {again}"]
    assert repo.fingerprint() == before
