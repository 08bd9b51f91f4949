"""An interrupted public release is completed with the same bytes, or reported as unrecoverable."""

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
from tests.github.hubs import WRITER, GitHubDouble, open_github
from tests.support.releasing import TAG, index_of, public_steps, release_once, sample, tagged
from tests.support.repo import Repo

WHEEL, SDIST = "demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz"
PATIENCE = Timeouts(tries=(0.1, 0.1), visible=1.0, first_pause=0.05)
# Every build gives other bytes.
RANDOM = "import os\nEXTRA['demo_tool/noise.txt'] = os.urandom(8).hex()\n"
UNREPRODUCIBLE = f"{RANDOM}def during(kind):\n    Path('noise.txt').write_text(os.urandom(8).hex())\n"


def finish(repo: Repo, tag: str = TAG, *, publishes: bool = True, dry_run: bool = False) -> Outcome:
    """Resume on the local index, with waits cut short."""
    with suppress(Exit), open_task("resume", repo.root, "local", read_next) as task:
        resume(task, tag, publishes=publishes, dry_run=dry_run, patience=PATIENCE)
    return task.run.outcome


def lose_everything_local(repo: Repo) -> None:
    """Delete every file of the build, as a lost runner does."""
    for path in (repo.root / "dist").iterdir():
        path.unlink()
    (repo.root / "dist").rmdir()
    (repo.root / "release.json").unlink()


def on_index(repo: Repo) -> dict[str, str]:
    files = (path for path in index_of(repo).iterdir() if path.suffix in (".whl", ".gz"))
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def assert_finished(repo: Repo, github: GitHubDouble, index: Mapping[str, str]) -> None:
    """Assert that the index has both files with the first bytes, and that the GitHub Release is published."""
    assert on_index(repo) == dict(index)
    (one,) = github.state.releases.values()
    assert not one.is_draft
    assets = {asset.name: hashlib.sha256(asset.content).hexdigest() for asset in one.assets}
    assert {name: assets[name] for name in (WHEEL, SDIST)} == dict(index)


@pytest.mark.full
def test_resume_completes_upload_and_github_release(
    released: Repo, github: GitHubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a rebuild with the same bytes; a second run moves nothing."""
    index = on_index(released)
    (index_of(released) / SDIST).unlink()
    lose_everything_local(released)
    outcome = finish(released)
    assert outcome.result is Result.PUBLISHED
    assert_finished(released, github, index)
    before = github.fingerprint()
    capsys.readouterr()
    assert finish(released).result is Result.ALREADY
    assert capsys.readouterr().err.count(": public channel, ") == 1
    assert github.fingerprint() == before


@pytest.mark.full
def test_resume_publishes_a_draft(released: Repo, github: GitHubDouble) -> None:
    index, state = on_index(released), github.state
    made = StoredRelease(state.new_id(), TAG, TAG, "words", "main", True, False, state.clock())
    state.releases[made.id] = made
    lose_everything_local(released)
    assert finish(released).result is Result.PUBLISHED
    assert_finished(released, github, index)


@pytest.mark.full
@pytest.mark.parametrize("calls", [1, 3, 5, 7, 9])
def test_an_interrupted_resume_is_resumed(released: Repo, github: GitHubDouble, calls: int) -> None:
    """It ends in the same state."""
    index, asked = on_index(released), 0
    (index_of(released) / WHEEL).unlink()

    def fail(_method: str, _path: str) -> object:
        nonlocal asked
        asked += 1
        return broken() if asked > calls else None

    github.state.faults.append(fail)  # type: ignore[arg-type]
    stopped = finish(released)
    assert stopped.result is Result.FAILED
    assert "was published, but afterwards github-release" in stopped.message
    github.state.faults.clear()
    lose_everything_local(released)
    assert finish(released).result is Result.PUBLISHED
    assert_finished(released, github, index)


def test_resume_without_an_index_only_shows_the_plan(
    released: Repo, github: GitHubDouble, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the command and the last day."""
    (index_of(released) / SDIST).unlink()
    before = github.fingerprint()
    outcome = finish(released, publishes=False)
    shown = capsys.readouterr()
    assert (outcome.result, outcome.message) == (
        Result.PLANNED, f"nothing was done; `release-channels resume {TAG} --index local` does what is named above",
    )  # fmt: skip
    until = datetime.now(UTC) + timedelta(days=14)
    assert f"until         {until:%Y-%m-%d}" in shown.err
    assert f"on the index  {WHEEL}" in shown.err
    assert github.fingerprint() == before


def test_a_dry_run_of_resume_moves_nothing(released: Repo, github: GitHubDouble) -> None:
    (index_of(released) / SDIST).unlink()
    before = github.fingerprint()
    assert finish(released, dry_run=True).result is Result.PLANNED
    assert github.fingerprint() == before


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
def test_an_unresumable_release_is_refused(
    released: Repo, github: GitHubDouble, tag: str, spoil: Callable[[Repo], None], message: str, hint: str
) -> None:
    """A wrong or moved tag, a release that is too old; nothing moves."""
    spoil(released)
    before = github.fingerprint()
    outcome = finish(released, tag)
    assert outcome.result is Result.REFUSED
    assert message in outcome.message
    assert hint in outcome.hint
    assert github.fingerprint() == before


def test_a_file_that_was_deleted_on_the_index_is_never_completed(released: Repo, github: GitHubDouble) -> None:
    """Its name is used up, as on the real index: the next version is named, and nothing is announced."""
    (index_of(released) / SDIST).rename(index_of(released) / f"{SDIST}.deleted")
    index, before = on_index(released), github.fingerprint()
    outcome = finish(released)
    assert outcome.result in (Result.REFUSED, Result.FAILED)
    assert "previously used by a file that has since been deleted" in f"{outcome.message} {outcome.hint}"
    assert "a deleted file's name can never be used again: publish under the next number" in outcome.hint
    assert (on_index(released), github.fingerprint()) == (index, before)


@pytest.mark.full
def test_an_old_complete_release_still_gets_its_github_release(released: Repo, github: GitHubDouble) -> None:
    """Only files have 14 days."""
    index = on_index(released)
    age(released, 40)
    assert finish(released).result is Result.PUBLISHED
    assert_finished(released, github, index)


@pytest.fixture(scope="module")
def unreproducible_once(tmp_path_factory: pytest.TempPathFactory, offline_environment: Mapping[str, str]) -> Repo:
    """The same release of a project whose builds differ each time."""
    made = sample(body=UNREPRODUCIBLE)
    return release_once(tmp_path_factory.mktemp("unsteady"), made, offline_environment)


@pytest.fixture
def unreproducible(unreproducible_once: Repo, tmp_path: Path, offline: None) -> Repo:
    return unreproducible_once.copy(tmp_path / "unsteady")


def artifact(repo: Repo) -> dict[str, bytes]:
    """Return the workflow's own files of the build."""
    files = {f"dist/{path.name}": path.read_bytes() for path in (repo.root / "dist").iterdir()}
    return files | {"release.json": (repo.root / "release.json").read_bytes()}


@pytest.fixture
def unreproducible_on_github(unreproducible: Repo, monkeypatch: pytest.MonkeyPatch) -> object:
    with open_github(unreproducible) as opened:
        monkeypatch.setenv("GITHUB_API_URL", opened.running.api_url)
        monkeypatch.setenv("GH_TOKEN", WRITER)
        yield opened


@pytest.mark.full
def test_an_unreproducible_build_is_taken_from_the_workflow(
    unreproducible: Repo, unreproducible_on_github: GitHubDouble
) -> None:
    """It still has the first bytes."""
    index, github = on_index(unreproducible), unreproducible_on_github
    run = github.state.add_run("public-release.yml", unreproducible.git("rev-parse", "HEAD"), branch=TAG)
    github.state.add_artifact(run, "logs", {"log.txt": b"x"})
    github.state.add_artifact(run, "distributions", artifact(unreproducible))
    (index_of(unreproducible) / SDIST).unlink()
    lose_everything_local(unreproducible)
    assert finish(unreproducible).result is Result.PUBLISHED
    assert_finished(unreproducible, github, index)


@pytest.mark.full
def test_an_unreproducible_build_is_taken_from_the_index(
    unreproducible: Repo, unreproducible_on_github: GitHubDouble
) -> None:
    """Where the index has every file."""
    index = on_index(unreproducible)
    lose_everything_local(unreproducible)
    assert finish(unreproducible).result is Result.PUBLISHED
    assert_finished(unreproducible, unreproducible_on_github, index)


@pytest.mark.parametrize(
    "kind", [*(pytest.param(kind, marks=pytest.mark.full) for kind in ("none", "expired")), "another build"]
)
def test_lost_bytes_make_the_version_unrecoverable(
    unreproducible: Repo, unreproducible_on_github: GitHubDouble, kind: str
) -> None:
    """Nothing changes, and the hint is the next version."""
    state = unreproducible_on_github.state
    run = state.add_run("public-release.yml", unreproducible.git("rev-parse", "HEAD"), branch=TAG)
    if kind == "expired":
        state.expire_artifact(state.add_artifact(run, "distributions", artifact(unreproducible)))
    (index_of(unreproducible) / SDIST).unlink()
    if kind == "another build":
        wheel = index_of(unreproducible) / WHEEL
        with zipfile.ZipFile(wheel, "a") as changed:
            changed.comment = b"another"
        state.add_artifact(run, "distributions", artifact(unreproducible))
    index, refs, github = on_index(unreproducible), unreproducible.git("ls-remote", "origin"), repr(state.releases)
    outcome = finish(unreproducible)
    assert outcome.result is Result.REFUSED
    assert "1.2.0 cannot be completed: its build differs from the files on the index" in outcome.message
    assert outcome.hint.startswith("the next version is 1.2.1")
    assert (on_index(unreproducible), unreproducible.git("ls-remote", "origin"), repr(state.releases)) == (
        index,
        refs,
        github,
    )


def test_resume_reports_one_outcome(
    released: Repo,
    github: GitHubDouble,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Not that of the build in it; one for the job's later steps."""
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    lose_everything_local(released)
    assert finish(released).result is Result.PUBLISHED
    lines = capsys.readouterr().out.splitlines()
    reported = [line for line in lines if line.startswith(tuple(f"{result}: " for result in Result))]
    assert reported == [lines[-1]]
    assert output.read_text().count("outcome<<") == 1


@pytest.mark.parametrize("how", ["resume", "public"])
def test_a_yanked_release_is_not_resumed(released: Repo, github: GitHubDouble, how: str) -> None:
    """An upload would restore it."""
    (index_of(released) / WHEEL).unlink()
    (index_of(released) / f"{SDIST}.yanked").write_text("broken")
    before = github.fingerprint()
    outcome = finish(released) if how == "resume" else public_steps(released, *PUBLIC)
    assert outcome.result is Result.REFUSED
    assert f"1.2.0 is yanked on the index ({SDIST})" in outcome.message
    assert "the next version is 1.2.1" in outcome.hint
    assert github.fingerprint() == before


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "without the sdist"])
def test_different_bytes_alone_are_not_unrecoverable(unreproducible: Repo, whole: bool) -> None:
    """A complete release is fine, and another one may still be completed."""
    if not whole:
        (index_of(unreproducible) / SDIST).unlink()
    index = on_index(unreproducible)
    lose_everything_local(unreproducible)
    outcome = public_steps(unreproducible, "build", "public-publish")
    assert outcome.result is Result.REFUSED
    assert on_index(unreproducible) == index
    assert f"`release-channels resume {TAG} --index local`" in outcome.hint
    assert "yank" not in outcome.hint
    assert ("1.2.0 is complete on the local index, built with other bytes here" in outcome.message) is whole
    assert (f"has {WHEEL} with other bytes: sha256" in outcome.message) is not whole


MISMATCHING = {
    "commit": {"commit": "b" * 40},
    "version": {"version": "1.2.1"},
    "channel": {"channel": "preview"},
    "project": {"project": "another-tool"},
}


@pytest.mark.parametrize("changes", some_of(MISMATCHING, "commit"))
def test_an_artifact_with_another_manifest_is_refused(
    unreproducible: Repo, unreproducible_on_github: GitHubDouble, changes: dict[str, object]
) -> None:
    """Although its bytes are right; nothing moves."""
    state = unreproducible_on_github.state
    run = state.add_run("public-release.yml", unreproducible.git("rev-parse", "HEAD"), branch=TAG)
    kept = artifact(unreproducible)
    manifest = json.loads(kept["release.json"]) | changes
    state.add_artifact(run, "distributions", kept | {"release.json": json.dumps(manifest).encode()})
    (index_of(unreproducible) / SDIST).unlink()
    index, github = on_index(unreproducible), repr(state.releases)
    outcome = finish(unreproducible)
    assert outcome.result is Result.REFUSED
    assert "1.2.0 cannot be completed: its build differs from the files on the index" in outcome.message
    assert (on_index(unreproducible), repr(state.releases)) == (index, github)


def test_a_refused_resume_exits_with_1(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The outcome is the last line."""
    repo = tagged(make_repo(sample()))
    assert run_task(repo.root, tasks.resume, tag="v7.7.7", index="local") == 1
    assert capsys.readouterr().out.splitlines()[-1] == "refused: there is no tag v7.7.7"


def zip_artifact(directory: Path, *members: tuple[zipfile.ZipInfo | str, bytes], content: bytes = b"wheel") -> Path:
    """Write an archive with a manifest of one file, and these members."""
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
def test_a_mismatching_artifact_is_refused(
    tmp_path: Path, members: tuple[tuple[zipfile.ZipInfo | str, bytes], ...], message: str
) -> None:
    """Only regular files of the manifest's size and digest are unpacked, and none elsewhere."""
    target = tmp_path / "inside" / "target"
    target.mkdir(parents=True)
    archive = zip_artifact(tmp_path, *members)
    with pytest.raises(RefusedError, match=message):
        unpack_build_artifact(archive, target)
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file() and target not in path.parents) == [archive]
    assert sum(path.stat().st_size for path in target.iterdir()) <= 5


def test_other_members_of_an_artifact_are_not_unpacked(tmp_path: Path) -> None:
    """Nor a path that leads out."""
    target = tmp_path / "inside" / "target"
    target.mkdir(parents=True)
    archive = zip_artifact(tmp_path, (NAME, b"wheel"), ("../../evil", b"x"), ("dist/extra.whl", b"x"))
    assert unpack_build_artifact(archive, target) is not None
    assert [path.name for path in target.iterdir()] == ["x-1-py3-none-any.whl"]
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken"], ids=["empty", "broken"])
def test_an_artifact_that_is_not_a_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    with pytest.raises(RefusedError, match="not a readable ZIP archive"):
        unpack_build_artifact(archive, tmp_path)


def test_ctrl_c_is_reported_once(make_repo: MakeRepo, tmp_path: Path) -> None:
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
