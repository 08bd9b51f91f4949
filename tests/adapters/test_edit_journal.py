"""The record of edits: a killed run is undone, and later changes are left alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from release_channels.adapters.edit_journal import on_record, take_back_unfinished
from release_channels.adapters.edits import apply_edits
from release_channels.adapters.git import Git
from release_channels.errors import RefusedError
from release_channels.project.edit import Change, Creation, Edit
from tests.support.repo import Repo

RECORD = ".release-channels/unfinished-edits.json"


@pytest.fixture
def killed(repo: Repo) -> Repo:
    """A checkout in which a run was killed after its edits, before their commit."""
    text = (repo.root / "README.md").read_text()
    changes: list[Change] = [Edit("README.md", text, "# new\n"), Creation("new.txt", "new\n")]
    with on_record(Git.open(repo.root), changes):
        apply_edits(repo.root, changes)
        repo.git("add", "--intent-to-add", "new.txt")
        kept = (repo.root / RECORD).read_bytes()
    (repo.root / RECORD).write_bytes(kept)  # nobody takes it away in a run that is killed
    return repo


def test_the_edits_of_a_killed_run_are_taken_back(killed: Repo) -> None:
    """Files, git's index and the record are as before."""
    assert set(take_back_unfinished(Git.open(killed.root))) == {"README.md", "new.txt"}
    assert killed.git("status", "--porcelain") == ""
    assert not (killed.root / RECORD).exists()
    assert take_back_unfinished(Git.open(killed.root)) == ()


def test_edits_that_were_committed_stay(killed: Repo) -> None:
    """HEAD has moved: the run had come to its end but for the record."""
    killed.commit("all of it")
    assert take_back_unfinished(Git.open(killed.root)) == ()
    assert (killed.root / "README.md").read_text() == "# new\n"
    assert not (killed.root / RECORD).exists()


def test_edits_that_another_commit_left_uncommitted_are_refused(killed: Repo) -> None:
    """HEAD moved, as by `git pull`, and the files still contain what the killed run wrote."""
    killed.git("commit", "--quiet", "--allow-empty", "--message", "pulled")
    before = killed.fingerprint()
    with pytest.raises(RefusedError, match=r"README\.md.*uncommitted"):
        take_back_unfinished(Git.open(killed.root))
    assert killed.fingerprint() == before


def test_a_dry_run_keeps_the_record_of_committed_edits(killed: Repo) -> None:
    killed.commit("all of it")
    assert take_back_unfinished(Git.open(killed.root), dry_run=True) == ()
    assert (killed.root / RECORD).exists()


def _change(root: Path) -> None:
    (root / "README.md").write_text("# mine\n")


def _damage(root: Path) -> None:
    (root / RECORD).write_text("[" * 2000)


@pytest.mark.parametrize(
    ("meanwhile", "dry_run", "said"),
    [
        pytest.param(_change, False, r"README\.md changed since then", id="changed since"),
        pytest.param(_damage, False, "cannot be read", id="damaged record"),
        pytest.param(lambda _: None, True, "killed while it edited", id="dry run"),
    ],
)
def test_what_cannot_be_taken_back_is_refused_by_name(
    killed: Repo, meanwhile: Callable[[Path], None], dry_run: bool, said: str
) -> None:
    """Nothing moves."""
    meanwhile(killed.root)
    before = killed.fingerprint()
    with pytest.raises(RefusedError, match=said):
        take_back_unfinished(Git.open(killed.root), dry_run=dry_run)
    assert killed.fingerprint() == before


def test_an_interrupt_takes_the_edits_back_at_once(repo: Repo) -> None:
    """Nothing waits for the next run then."""
    text = (repo.root / "README.md").read_text()
    changes: list[Change] = [Edit("README.md", text, "# new\n"), Creation("new.txt", "new\n")]
    before = repo.fingerprint()

    def interrupted() -> None:
        with on_record(Git.open(repo.root), changes):
            apply_edits(repo.root, changes)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert repo.fingerprint() == before


def test_a_file_that_github_reads_is_taken_back_below_the_top(repo: Repo) -> None:
    """Its place is the top, for git's index as for the file."""
    repo.commit("add one", {"one/pyproject.toml": '[tool.release-channels]\ndirectory = "one"\n'})
    git, changes = Git.open(repo.root / "one"), [Creation(".github/new.md", "new\n")]
    before = repo.git("status", "--porcelain")

    def interrupted() -> None:
        with on_record(git, changes):
            apply_edits(git.root, changes)
            repo.git("add", "--intent-to-add", ".github/new.md")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert repo.git("status", "--porcelain") == before
