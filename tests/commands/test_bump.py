"""`bump` and `bump-dev` on real git: every file with the version, all or none, in one commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from release_channels.adapters.edit_journal import on_record
from release_channels.adapters.edits import apply_edits
from release_channels.adapters.files import checkout_lock
from release_channels.adapters.git import Git
from release_channels.errors import RefusedError
from release_channels.project.edit import Edit
from tests.cli.screen import BIN, run
from tests.commands.doing import bump, bump_dev, hook, on_github, on_index, public, some_of, tag
from tests.conftest import MakeRepo
from tests.github.hubs import RIGHTLESS, WRITER
from tests.support.projects import Sample
from tests.support.repo import Repo

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- Everything.\n"
CITATION = "\ufeffcff-version: 1.2.0\r\nversion: 1.2.0.dev0\r\ntitle: demo\r\n"
COPY = '[[tool.release-channels.version-files]]\npath = "CITATION.cff"\npattern = "version: {version}"\n'
LOCK = (
    'version = 1\nrequires-python = ">=3.10"\n\n[[package]]\nname = "demo-tool"\nversion = "1.2.0.dev0"\n'
    'source = { editable = "." }\n'
)
EVERYWHERE = {"pyproject.toml", "CITATION.cff", "uv.lock", "CHANGELOG.md"}


def four_files(**changes: object) -> Sample:
    """A project with its version in four files, one of them with a byte order mark and CRLF."""
    files = {"CITATION.cff": CITATION, "uv.lock": LOCK, "CHANGELOG.md": CHANGELOG}
    return Sample(tail=COPY, files=files, **changes)  # type: ignore[arg-type]


@pytest.fixture
def project(make_repo: MakeRepo) -> Repo:
    """A repository with its version in four files."""
    return make_repo(four_files())


def test_bump_changes_every_version_file_and_nothing_else(project: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Source, copy, lock entry and changelog, after the diff of each was shown."""
    before = {name: (project.root / name).read_bytes() for name in EVERYWHERE}
    assert bump(project) == 0
    after = {name: (project.root / name).read_bytes() for name in EVERYWHERE}
    for name in EVERYWHERE - {"CHANGELOG.md"}:
        assert after[name] == before[name].replace(b"1.2.0.dev0", b"1.2.0"), name
    today = datetime.now(UTC).date().isoformat()
    assert f"## [1.2.0] - {today}\n".encode() in after["CHANGELOG.md"]
    assert set(project.git("diff", "--name-only").splitlines()) == EVERYWHERE
    shown = capsys.readouterr()
    assert all(f"+++ b/{name}" in shown.err for name in EVERYWHERE)
    assert '-version = "1.2.0.dev0"' in shown.err
    assert '+version = "1.2.0"' in shown.err
    assert shown.out.splitlines()[-1].startswith("done: 1.2.0.dev0 becomes 1.2.0 in pyproject.toml, ")


def test_the_diff_is_coloured_on_a_terminal(project: Repo) -> None:
    """Removed lines are red, added ones green."""
    screen = run(
        BIN / "release-channels", "bump", "--index", "local", "--dry-run", cwd=project.root,
        env={"NO_COLOR": "", "FORCE_COLOR": "1"},
    )  # fmt: skip
    assert '\x1b[31m-version = "1.2.0.dev0"\x1b[0m' in screen.err
    assert '\x1b[32m+version = "1.2.0"\x1b[0m' in screen.err


def test_commit_contains_exactly_the_version_files(project: Repo) -> None:
    """Other staged, changed and new files stay uncommitted."""
    project.write({"README.md": "# changed\n", "src/demo_tool/data.txt": "staged\n", "new.txt": "new\n"})
    project.git("add", "src/demo_tool/data.txt")
    start = project.git("rev-parse", "HEAD")
    assert bump(project, commit=True) == 0
    assert project.git("rev-parse", "HEAD^") == start
    assert set(project.git("diff", "--name-only", "HEAD^", "HEAD").splitlines()) == EVERYWHERE
    assert project.git("log", "-1", "--format=%s") == "Release 1.2.0"
    assert project.git("diff", "--cached", "--name-only") == "src/demo_tool/data.txt"
    assert project.git("diff", "--name-only") == "README.md"
    assert (project.root / "new.txt").exists()


def test_a_commit_that_a_hook_refuses_leaves_the_edits(project: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """HEAD stays; the hook's output and both next commands are shown."""
    hook(project.root / ".git", "pre-commit", "echo 'not on a Friday' >&2; exit 1")
    head = project.git("rev-parse", "HEAD")
    assert bump(project, commit=True) == 1
    assert project.git("rev-parse", "HEAD") == head
    assert set(project.git("diff", "--name-only").splitlines()) == EVERYWHERE
    said = " ".join(capsys.readouterr().err.split())
    assert "git did not make the commit" in said
    assert "contain 1.2.0 now, uncommitted" in said
    assert "not on a Friday" in said
    back = re.search(r"take the edits back with `(.*?)`", said)
    assert back
    assert run("sh", "-c", back[1], cwd=project.root).code == 0
    assert project.git("status", "--porcelain") == ""


@pytest.mark.parametrize("staged", [False, True], ids=["changed", "staged"])
def test_a_version_file_with_other_changes_is_refused(project: Repo, staged: bool) -> None:
    """Nothing is edited or committed."""
    project.write({"CHANGELOG.md": CHANGELOG + "- And more.\n"})
    if staged:
        project.git("add", "CHANGELOG.md")
    before = project.fingerprint()
    assert bump(project, commit=True) == 1
    assert project.fingerprint() == before


def test_untracked_changelog_and_lock_are_not_edited(make_repo: MakeRepo) -> None:
    repo = make_repo()
    repo.write({"CHANGELOG.md": CHANGELOG, "uv.lock": LOCK})
    assert bump(repo) == 0
    assert repo.git("diff", "--name-only") == "pyproject.toml"
    assert (repo.root / "CHANGELOG.md").read_text() == CHANGELOG
    assert (repo.root / "uv.lock").read_text() == LOCK


def test_a_symlinked_version_file_is_refused(make_repo: MakeRepo, tmp_path: Path) -> None:
    """Its target is outside the project."""
    outside = tmp_path / "CITATION.cff"
    outside.write_text("cff: 1\nversion: 1.2.0.dev0\n")
    repo = make_repo(Sample(tail=COPY))
    (repo.root / "CITATION.cff").symlink_to(outside)
    repo.commit("a link")
    before = repo.fingerprint()
    assert bump(repo) == 1
    assert repo.fingerprint() == before
    assert outside.read_text() == "cff: 1\nversion: 1.2.0.dev0\n"


def test_a_failed_write_undoes_the_earlier_ones(tmp_path: Path) -> None:
    long = "x" * 250  # a name that leaves no room for that of a temporary file beside it
    for name in ("one.txt", long):
        (tmp_path / name).write_bytes(b"old\r\n")
    with pytest.raises(RefusedError, match="cannot be written"):
        apply_edits(tmp_path, [Edit("one.txt", "old\r\n", "new\r\n"), Edit(long, "old\r\n", "new\r\n")])
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one.txt": b"old\r\n", long: b"old\r\n"}


@pytest.mark.parametrize("meanwhile", [b"mine\n", None], ids=["changed", "gone"])
def test_a_file_that_changed_after_planning_is_refused(tmp_path: Path, meanwhile: bytes | None) -> None:
    """Before the first edit."""
    (tmp_path / "one.txt").write_bytes(b"old\n")
    if meanwhile is not None:
        (tmp_path / "two.txt").write_bytes(meanwhile)
    with pytest.raises(RefusedError, match=r"two\.txt changed"):
        apply_edits(tmp_path, [Edit("one.txt", "old\n", "new\n"), Edit("two.txt", "old\n", "new\n")])
    assert (tmp_path / "one.txt").read_bytes() == b"old\n"


def _remote_tag(name: str) -> Callable[[Repo], None]:
    def do(repo: Repo) -> None:
        repo.tag(name)
        repo.git("push", "--quiet", "origin", name)
        repo.git("tag", "--delete", name)

    return do


REFUSED = {
    # what was done before, the options, the exit code, what is said
    "on the index": (lambda repo: on_index(repo, "1.2.0"), {}, 1, "1.2.0 is taken"),
    "tagged here": (lambda repo: repo.tag("v1.2.0"), {}, 1, "1.2.0 is taken"),
    "tagged on the remote": (_remote_tag("v1.2.0"), {}, 1, "1.2.0 is taken"),
    "below the newest": (lambda repo: on_index(repo, "1.3.0"), {}, 1, "1.2.0 is below 1.3.0"),
    "below a tag on the remote": (_remote_tag("v1.3.0"), {}, 1, "1.2.0 is below 1.3.0"),
    "down": (lambda repo: None, {"to": "1.1.0"}, 1, "1.1.0 is below 1.2.0.dev0"),
    "no version": (lambda repo: None, {"to": "9" * 5000}, 2, "is not a version"),
    "no part": (lambda repo: None, {"part": "huge"}, 2, "'huge' is not a part"),
    "remote unreadable": (lambda repo: repo.remote.rename(repo.remote.with_name("away")), {}, 1, "cannot be read"),
}


@pytest.mark.parametrize(("prepare", "options", "code", "said"), REFUSED.values(), ids=REFUSED)
def test_a_taken_or_lower_version_is_refused(
    project: Repo,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Repo], None],
    options: dict[str, Any],
    code: int,
    said: str,
) -> None:
    """Released or tagged, locally or on the remote; nothing moves."""
    prepare(project)
    head, files = project.git("rev-parse", "HEAD"), project.git("status", "--porcelain")
    assert bump(project, commit=True, **options) == code
    assert said in capsys.readouterr().err
    assert (project.git("rev-parse", "HEAD"), project.git("status", "--porcelain")) == (head, files)


NOTHING = {
    "a final": (
        "1.2.0",
        [],
        bump,
        "main declares 1.2.0, which is final already; `release-channels tag --index local` releases it",
    ),
    "released": (
        "1.2.0",
        ["1.2.0"],
        bump,
        "main declares 1.2.0, which is released; `release-channels bump-dev --index local`",
    ),
    "a dev line": (
        "1.2.0.dev0",
        ["1.1.0"],
        bump_dev,
        "main is on the dev line 1.2.0.dev0 already; `release-channels bump --index local`",
    ),
}


@pytest.mark.parametrize(("version", "index", "task", "said"), NOTHING.values(), ids=NOTHING)
def test_a_bump_with_nothing_to_do_shows_the_next_command(
    make_repo: MakeRepo,
    capsys: pytest.CaptureFixture[str],
    version: str,
    index: list[str],
    task: Callable[[Repo], int],
    said: str,
) -> None:
    """It succeeds and writes nothing."""
    repo = make_repo(Sample(version=version))
    on_index(repo, *index)
    before = repo.fingerprint()
    assert task(repo) == 0
    assert repo.fingerprint() == before
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("skipped: nothing to write: ")
    assert said in last


@pytest.mark.parametrize(
    ("task", "options", "target"),
    [(bump, {}, "1.0.0"), (bump_dev, {}, "1.0.0.dev0"), (bump_dev, {"to": "1.1.0"}, "1.1.0.dev0")],
)
def test_a_candidate_on_main_is_bumped_in_one_command(
    make_repo: MakeRepo, task: Callable[..., int], options: dict[str, str], target: str
) -> None:
    """To its final, or to its dev line."""
    repo = make_repo(Sample(version="1.0.0rc1"))
    assert task(repo, **options) == 0
    assert f'version = "{target}"' in (repo.root / "pyproject.toml").read_text()


def test_a_second_bump_hints_to_commit_the_first(project: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """Not to tag main."""
    assert bump(project) == 0
    capsys.readouterr()
    assert bump(project, commit=True) == 0
    assert "commit and push that, then" in capsys.readouterr().out


def test_a_tag_version_needs_no_bump(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is written, and the hint is `tag --version`."""
    repo = make_repo(Sample(files={"pyproject.toml": vcs_pyproject()}))
    before = repo.fingerprint()
    assert (bump(repo, commit=True), bump_dev(repo, commit=True)) == (0, 0)
    assert repo.fingerprint() == before
    out = capsys.readouterr().out
    assert "its version lives in the git tags (hatch-vcs); `release-channels tag --version X.Y.Z --index local`" in out
    assert "`release-channels bump --to X.Y.Z --index local` writes changelog and copies" in out
    assert bump(repo, to="1.2.0") == 0
    assert "no file has to change for 1.2.0, which lives in the git tags" in capsys.readouterr().out
    assert repo.fingerprint() == before


def test_bump_of_a_tag_version_writes_changelog_and_copies(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """`tag --version` hints at that command, and then succeeds."""
    citation = {"CITATION.cff": "version: 1.1.0\n", "CHANGELOG.md": CHANGELOG}
    repo = make_repo(Sample(files={**citation, "pyproject.toml": vcs_pyproject() + COPY}))
    repo.tag("v1.1.0")
    repo.commit("more")
    repo.git("push", "--quiet", "origin", "main", "v1.1.0")
    before = repo.fingerprint()
    assert tag(repo, version="1.2.0") == 1
    assert repo.fingerprint() == before
    said = capsys.readouterr().err
    assert "CHANGELOG.md has no section for 1.2.0" in said
    assert "`release-channels bump --to 1.2.0 --index local` creates it from the unreleased changes" in said
    assert "`release-channels bump --to 1.2.0 --index local` writes them all" in said
    assert bump(repo, to="1.2.0", commit=True) == 0
    assert "done: 1.2.0 is written into CITATION.cff, CHANGELOG.md" in capsys.readouterr().out
    assert (repo.root / "CITATION.cff").read_text() == "version: 1.2.0\n"
    assert bump(repo, to="1.2.0") == 0
    assert "; `release-channels tag --version 1.2.0 --index local`" in capsys.readouterr().out
    repo.git("push", "--quiet")
    assert tag(repo, version="1.2.0", dry_run=True) == 0


def test_an_existing_tag_version_is_refused(make_repo: MakeRepo) -> None:
    repo = make_repo(Sample(files={"CHANGELOG.md": CHANGELOG, "pyproject.toml": vcs_pyproject()}))
    repo.tag("v1.2.0")
    before = repo.fingerprint()
    assert (bump(repo, to="1.2.0"), bump(repo, to="1.1.0")) == (1, 1)
    assert repo.fingerprint() == before


def vcs_pyproject() -> str:
    """Build a project whose version hatch-vcs reads from the tags."""
    return (
        Sample(backend="hatchling").pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]')
        .replace('requires = ["hatchling"]', 'requires = ["hatchling", "hatch-vcs"]')
        + '\n[tool.hatch.version]\nsource = "vcs"\n'
    )  # fmt: skip


LATE = '\n[[tool.release-channels.version-files]]\npath = "VERSION"\npattern = "{version}"\n'
DRY = {"--dry": ["--dry", "bump"], "-R": ["-R", "bump"], "--dry-run": ["bump", "--dry-run"]}


def test_bump_refuses_an_unlisted_copy(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The entry to paste is shown; `tag` would refuse the copy after the push."""
    repo = make_repo(Sample(version="1.2.0.dev0", files={"src/demo_tool/_version.py": '__version__ = "1.2.0.dev0"\n'}))
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    assert repo.fingerprint() == before
    shown = " ".join(capsys.readouterr().err.split())
    assert "src/demo_tool/_version.py has 1.2.0.dev0, and no setting lists it" in shown
    assert "list it in pyproject.toml, as here:" in shown
    assert 'path = "src/demo_tool/_version.py"' in shown


def test_a_newly_listed_copy_is_written_on_a_final(make_repo: MakeRepo) -> None:
    """In one commit; the version stays, and a second run has nothing to do."""
    repo = make_repo(Sample(version="1.2.0", files={"VERSION": "1.1.0\n"}, tail=LATE))
    assert bump(repo, commit=True) == 0
    assert (repo.root / "VERSION").read_text() == "1.2.0\n"
    assert repo.git("log", "-1", "--format=%s") == "Write 1.2.0 everywhere"
    head = repo.git("rev-parse", "HEAD")
    assert bump(repo, commit=True) == 0
    assert repo.git("rev-parse", "HEAD") == head


@pytest.mark.parametrize("words", some_of(DRY, "-R"))
def test_a_dry_run_of_bump_moves_nothing(project: Repo, words: list[str]) -> None:
    """In each of three spellings; the diff is shown, and the outcome is planned."""
    before = project.fingerprint()
    screen = run(BIN / "release-channels", *words, "--commit", "--index", "local", cwd=project.root)
    assert screen.code == 0
    assert screen.last.startswith("planned: 1.2.0.dev0 becomes 1.2.0 in ")
    assert "+++ b/CITATION.cff" in screen.err
    assert project.fingerprint() == before


def test_a_pull_request_is_opened_from_a_new_branch(
    project: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one pushed commit; main stays."""
    main = project.git("rev-parse", "main")
    with on_github(project, monkeypatch) as github:
        assert bump(project, pull_request=True) == 0
        (pull,) = github.state.pulls.values()
        asked = [line.partition("/repos/acme/demo-tool")[2] for line in github.running.requests]
    # A branch may be seen only a moment after its push.
    assert asked.index("/git/ref/heads/release-1.2.0 200") < asked.index("/pulls 201")
    assert (pull.head, pull.base, pull.title) == ("release-1.2.0", "main", "Release 1.2.0")
    assert project.git("ls-remote", "origin", "main").split()[0] == main == project.git("rev-parse", "main")
    assert project.git("rev-parse", "release-1.2.0^") == main
    assert project.git("ls-remote", "origin", "release-1.2.0").split()[0] == project.git("rev-parse", "release-1.2.0")
    assert "you are on its branch release-1.2.0" in capsys.readouterr().out


def _branch_here(repo: Repo) -> None:
    repo.git("branch", "release-1.2.0")


def _branch_there(repo: Repo) -> None:
    repo.git("push", "--quiet", "origin", "main:release-1.2.0")


def _ahead_of_main(repo: Repo) -> None:
    repo.commit("half a feature")


def _behind_main(repo: Repo) -> None:
    repo.commit("somebody else's")
    repo.git("push", "--quiet")
    repo.git("reset", "--quiet", "--hard", "HEAD^")


NO_PULL = {
    "more on HEAD": (WRITER, _ahead_of_main, "1 more would come along into the pull request: ", "half a feature"),
    "HEAD behind": (WRITER, _behind_main, "HEAD is behind origin/main, which has moved on", "`git pull origin main`"),
    "no token": (None, lambda repo: None, "needs a token", "GH_TOKEN"),
    "branch here": (WRITER, _branch_here, "there is a branch release-1.2.0 already", "merge that"),
    "branch there": (WRITER, _branch_there, "there is a branch release-1.2.0 already", "merge that"),
}


@pytest.mark.parametrize(("token", "prepare", "said", "hint"), NO_PULL.values(), ids=NO_PULL)
@pytest.mark.parametrize("dry_run", [False, pytest.param(True, marks=pytest.mark.full)])
def test_an_impossible_pull_request_is_refused_first(
    project: Repo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    token: str | None,
    prepare: Callable[[Repo], None],
    said: str,
    hint: str,
    dry_run: bool,
) -> None:
    """No branch, no edit, no commit, no push."""
    prepare(project)
    with on_github(project, monkeypatch, token) as github:
        before = github.fingerprint()
        assert bump(project, pull_request=True, dry_run=dry_run) == 1
        assert github.fingerprint() == before
    printed = capsys.readouterr().err
    assert said in printed
    assert hint in printed


def test_a_pull_request_requires_github(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """The hint is to bump without one."""
    repo = make_repo(Sample(urls=""))
    before = repo.fingerprint()
    assert bump(repo, pull_request=True) == 1
    assert repo.fingerprint() == before
    printed = capsys.readouterr().err
    assert "origin is not one" in printed
    assert "--commit" in printed


def test_a_refused_branch_push_is_reported(
    project: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commit is on the local branch, and the hint contains the next command."""
    hook(project.remote, "pre-receive", "echo 'branches are closed'; exit 1")
    with on_github(project, monkeypatch) as github:
        assert bump(project, pull_request=True) == 1
        assert not github.state.pulls
    assert project.git("ls-remote", "origin", "release-1.2.0") == ""
    said = " ".join(capsys.readouterr().err.split())
    assert "origin refused the branch release-1.2.0; the commit is on the branch release-1.2.0, where you are" in said
    assert "branches are closed" in said
    undo = re.search(r"go back with `(.*?)` and `(.*?)`", said)
    assert undo
    project.git(*undo[1].split()[1:])
    project.git(*undo[2].split()[1:])
    assert project.git("branch", "--format=%(refname:short)") == "main"
    assert project.git("status", "--porcelain") == ""


def test_a_refused_pull_request_is_reported_with_its_branch(
    project: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The branch is on the remote."""
    with on_github(project, monkeypatch, RIGHTLESS) as github:
        assert bump(project, pull_request=True) == 1
        assert not github.state.pulls
    assert project.git("ls-remote", "origin", "release-1.2.0")
    assert "the branch release-1.2.0 is on origin, without a pull request" in capsys.readouterr().err


def _hatch_path() -> Sample:
    text = Sample(backend="hatchling").pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]')
    init = '"""A sample."""\n\n__version__ = "1.2.0.dev0"  # kept\n\n\ndef main() -> None:\n    """Run."""\n'
    tail = '\n[tool.hatch.version]\npath = "src/demo_tool/__init__.py"\n'
    return Sample(files={"pyproject.toml": text + tail, "src/demo_tool/__init__.py": init})


def _setuptools_attr() -> Sample:
    text = Sample(backend="setuptools").pyproject().replace('version = "1.2.0.dev0"', 'dynamic = ["version"]')
    tail = '\n[tool.setuptools.dynamic]\nversion = { attr = "demo_tool.version.VERSION" }\n'
    return Sample(files={"pyproject.toml": text + tail, "src/demo_tool/version.py": "VERSION = '1.2.0.dev0'\n"})


def _poetry() -> Sample:
    text = (
        '[build-system]\nrequires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"\n\n'
        '[tool.poetry]\nname = "demo-tool"\nversion = "1.2.0.dev0"\ndescription = "A sample."\nauthors = []\n'
        'readme = "README.md"\npackages = [{ include = "demo_tool", from = "src" }]\n\n'
        '[tool.poetry.dependencies]\npython = ">=3.10"\n'
    )
    return Sample(files={"pyproject.toml": text})


SOURCES = {
    "hatch path": (_hatch_path, "src/demo_tool/__init__.py"),
    "setuptools attr": (_setuptools_attr, "src/demo_tool/version.py"),
    "poetry": (_poetry, "pyproject.toml"),
}


@pytest.mark.parametrize(("sample", "path"), some_of(SOURCES, "hatch path"))
def test_every_version_source_reaches_the_public_build(
    make_repo: MakeRepo, sample: Callable[[], Sample], path: str
) -> None:
    """Bumped, committed, tagged, and built with exactly that version."""
    repo = make_repo(sample())
    assert bump(repo, commit=True) == 0
    assert repo.git("diff", "--name-only", "HEAD^", "HEAD") == path
    repo.git("push", "--quiet", "origin", "main")
    assert tag(repo) == 0
    built = public(repo, steps=("build",))
    assert (str(built.result), built.version) == ("done", "1.2.0")
    assert {file.name for file in built.files} == {"demo_tool-1.2.0-py3-none-any.whl", "demo_tool-1.2.0.tar.gz"}


@pytest.mark.full
def test_a_cargo_version_is_bumped_in_cargo_toml(make_repo: MakeRepo) -> None:
    """With its entry in Cargo.lock."""
    text = (
        '[build-system]\nrequires = ["maturin>=1"]\nbuild-backend = "maturin"\n\n'
        '[project]\nname = "demo-tool"\ndynamic = ["version"]\n'
    )
    cargo = '[package]\nname = "demo-tool"\nversion = "1.2.0-dev0" # kept\n'
    lock = 'version = 4\n\n[[package]]\nname = "demo-tool"\nversion = "1.2.0-dev0"\n'
    repo = make_repo(Sample(files={"pyproject.toml": text, "Cargo.toml": cargo, "Cargo.lock": lock}))
    code = bump(repo, to="1.3.0", commit=True)
    assert code == 0
    assert (repo.root / "Cargo.toml").read_text() == cargo.replace("1.2.0-dev0", "1.3.0")
    assert (repo.root / "Cargo.lock").read_text() == lock.replace("1.2.0-dev0", "1.3.0")
    assert repo.git("status", "--porcelain") == ""


def test_bump_dev_refuses_an_unreleased_final(make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be lost silently."""
    repo = make_repo(Sample(version="1.2.0"))
    before = repo.fingerprint()
    assert bump_dev(repo) == 1
    assert "`release-channels tag --index local` releases it" in capsys.readouterr().err
    assert repo.fingerprint() == before
    assert bump_dev(repo, part="patch") == 0


def test_a_changelog_that_is_also_a_version_file_is_refused(
    make_repo: MakeRepo, capsys: pytest.CaptureFixture[str]
) -> None:
    """One of two edits of the same text would be lost."""
    tail = COPY.replace("CITATION.cff", "CHANGELOG.md")
    changelog = f"Newest version: 1.2.0.dev0\n\n{CHANGELOG}"
    repo = make_repo(Sample(tail=tail.replace('"version: ', '"Newest version: '), files={"CHANGELOG.md": changelog}))
    before = repo.fingerprint()
    assert bump(repo, commit=True) == 1
    assert "CHANGELOG.md is both a copy of the version and the changelog" in capsys.readouterr().err
    assert repo.fingerprint() == before


def test_a_file_changed_by_a_checkout_hook_leaves_no_branch(
    project: Repo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """main is checked out again, without a pull request."""
    hook(project.root / ".git", "post-checkout", "echo 'by a hook' >> CITATION.cff")
    refs, head = project.git("show-ref"), project.git("rev-parse", "HEAD")
    remote = project.git("ls-remote", "origin")
    with on_github(project, monkeypatch) as github:
        assert bump(project, pull_request=True) == 1
        assert github.state.pulls == {}
    assert "CITATION.cff changed while the edit was planned" in capsys.readouterr().err
    assert project.git("symbolic-ref", "--short", "HEAD") == "main"
    assert (project.git("show-ref"), project.git("rev-parse", "HEAD")) == (refs, head)
    assert project.git("ls-remote", "origin") == remote
    assert "1.2.0.dev0" in (project.root / "pyproject.toml").read_text()


@pytest.mark.full
def test_an_interrupted_pull_request_leaves_no_branch(project: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command again does it, as the outcome says."""
    # The hook's parent is git, whose own parent is the task.
    hook(project.root / ".git", "pre-commit", "kill -INT $(cut -d' ' -f4 /proc/$PPID/stat); sleep 1; exit 1")
    refs, text = project.git("show-ref"), (project.root / "pyproject.toml").read_text()
    with on_github(project, monkeypatch) as github:
        screen = run(BIN / "release-channels", "bump", "--pull-request", "--index", "local", cwd=project.root)
        assert screen.code == 130
        assert "interrupted" in screen.last
        assert project.git("symbolic-ref", "--short", "HEAD") == "main"
        assert project.git("show-ref") == refs
        assert (project.root / "pyproject.toml").read_text() == text
        (project.root / ".git" / "hooks" / "pre-commit").unlink()
        assert bump(project, pull_request=True) == 0
        assert len(github.state.pulls) == 1


def test_a_dry_run_calls_no_living_run_killed(project: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    """It says that another one is at work, and leaves that one's record where it is."""
    text = (project.root / "CHANGELOG.md").read_text()
    with checkout_lock(project.root), on_record(Git.open(project.root), [Edit("CHANGELOG.md", text, "# new\n")]):
        (project.root / "CHANGELOG.md").write_text("# new\n")
        before = project.fingerprint()
        assert bump(project, dry_run=True) == 1
        assert project.fingerprint() == before
    assert "another release run is at work in this checkout" in capsys.readouterr().err
