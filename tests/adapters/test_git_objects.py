"""Objects are read through one git process, by git's own names, and no process is left."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest

from release_channels.adapters.git import Git
from release_channels.adapters.process import RequestProcess, background, run_parallel
from release_channels.errors import CommandError, RefusedError, ReleaseError, SlowError, UsageError
from tests.support.git_processes import counted_git
from tests.support.processes import survivors
from tests.support.repo import Repo

NOT_UTF_8 = os.fsdecode(b"\xff.md")
FILES = {
    "docs/a.md": "page",
    "-x": "dash",
    "--help": "option",
    "two\nlines": "newline",
    "with space": "space",
    "ü": "composed",
    "*.md": "star",
    ":(top)q": "magic",
    NOT_UTF_8: "latin",
}


@pytest.fixture
def odd_repo(repo: Repo) -> Repo:
    """A repository with unusual file names, links, and a submodule."""
    (repo.root / "link").symlink_to("README.md")
    (repo.root / "linked-docs").symlink_to("docs")
    repo.commit("odd", FILES)
    repo.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},submodule")
    repo.git("commit", "--quiet", "--message", "submodule")
    return repo


@pytest.mark.parametrize(
    ("path", "content"),
    [
        *((path, content.encode()) for path, content in FILES.items()),
        ("./docs/a.md", b"page"),
        ("src/../docs/a.md", b"page"),
        ("docs//a.md", b"page"),
        ("docs", None),
        ("docs/", None),
        (".", None),
        ("docs/a.md/x", None),
        ("docs/A.md", None),
        ("u\u0308", None),
        ("\ufffd.md", None),
        ("--", None),
        ("linked-docs/a.md", None),
        ("submodule", None),
        ("submodule/x", None),
        (".git/config", None),
        ("no\0thing", None),
    ],
)
def test_a_path_is_never_a_pattern_or_an_option(odd_repo: Repo, path: str, content: bytes | None) -> None:
    """Directories, submodules and missing files are not files."""
    git = Git.open(odd_repo.root)
    assert git.read_file(git.commit("HEAD").sha, path) == content


def test_an_absolute_path_in_the_repository_is_read(odd_repo: Repo) -> None:
    assert Git.open(odd_repo.root).read_file("HEAD", str(odd_repo.root / "docs" / "a.md")) == b"page"


@pytest.mark.parametrize("path", ["", "..", "../x", "docs/../../x", "/etc/passwd"])
def test_a_path_out_of_the_repository_is_an_error(odd_repo: Repo, path: str) -> None:
    """It does not count as a missing file."""
    with pytest.raises(CommandError, match="outside the repository"):
        Git.open(odd_repo.root).read_file("HEAD", path)


@pytest.mark.parametrize("path", ["link", "linked-docs"])
def test_reading_a_symlink_is_refused(odd_repo: Repo, path: str) -> None:
    """Whatever its target is."""
    with pytest.raises(RefusedError, match=f"{path} is a symbolic link"):
        Git.open(odd_repo.root).read_file("HEAD", path)


def test_only_plain_files_are_listed(odd_repo: Repo) -> None:
    """By their whole names; bytes that are not UTF-8 are replaced."""
    listed = set(Git.open(odd_repo.root).files_at("HEAD"))
    assert {*FILES, "\ufffd.md", "README.md"} - {NOT_UTF_8} <= listed
    assert not listed & {"link", "linked-docs", "submodule"}


@pytest.mark.parametrize("revision", ["0" * 40, "missing", "--help", "HEAD..HEAD", "HEAD\nHEAD", ""])
def test_a_file_of_a_missing_revision_is_an_error(odd_repo: Repo, revision: str) -> None:
    """It does not count as a missing file."""
    git = Git.open(odd_repo.root)
    with pytest.raises(CommandError, match="names no tree here"):
        git.read_file(revision, "README.md")
    with pytest.raises(CommandError, match="names no tree here"):
        git.files_at(revision)


@pytest.mark.parametrize(
    "revision", ["^HEAD", "HEAD..HEAD", "HEAD^{tree}", "a\nb", "\0", "HEAD\0", "-1", ":/absent", "^", "  HEAD", "HEAD "]
)
def test_a_revision_is_one_commit_or_a_usage_error(odd_repo: Repo, revision: str) -> None:
    """Not a range, a tree or a second line; the next request gets its own reply."""
    git = Git.open(odd_repo.root)
    with pytest.raises(UsageError, match="names no commit here"):
        git.commit(revision)
    assert git.commit("HEAD").sha == odd_repo.git("rev-parse", "HEAD")


def test_a_moved_ref_is_read_again(repo: Repo) -> None:
    """The open process caches no ref, packed or not."""
    git = Git.open(repo.root)
    first = git.commit("HEAD").sha
    assert git.local_tag("v1", first) is None
    repo.tag("v1")
    tag = git.local_tag("v1", first)
    assert tag is not None
    assert (tag.commit, tag.annotated) == (first, True)
    second = repo.commit("second", {"README.md": "second"})
    repo.git("tag", "--force", "v1")
    repo.git("pack-refs", "--all")
    repo.git("gc", "--quiet", "--prune=now")
    moved = git.local_tag("v1", first)
    assert moved is not None
    assert (moved.commit, moved.annotated) == (second, False)
    assert git.commit("HEAD").sha == second
    assert git.read_file("HEAD", "README.md") == b"second"
    repo.git("tag", "--delete", "v1")
    assert git.local_tag("v1", first) is None


def test_400_files_are_read_with_two_processes(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One lists the commit, one reads its files."""
    sha = repo.commit("pages", {f"docs/{number}.md": str(number) for number in range(400)})
    git = Git.open(repo.root)
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        pages = [git.read_file(sha, path) for path in git.files_at(sha) if path.startswith("docs/")]
    assert len(pages) == 400
    assert sorted(words[0] for words in processes.commands()) == ["cat-file", "ls-tree"]


def test_threads_share_one_process(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each thread gets its own file."""
    files = {f"{number}.txt": str(number) * 5000 for number in range(8)}
    sha = repo.commit("files", files)
    git = Git.open(repo.root)
    git.read_file(sha, "0.txt")

    def reader(path: str) -> Callable[[], list[bytes | None]]:
        return lambda: [git.read_file(sha, path) for _ in range(25)]

    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        pages = run_parallel(*map(reader, files))
    assert pages == [[content.encode()] * 25 for content in files.values()]
    assert processes.commands() == []


def test_a_damaged_object_is_an_error_with_gits_message(repo: Repo) -> None:
    """The process ends then, and the next file is read by another."""
    sha = repo.commit("files", {"bad.txt": "bad", "good.txt": "good"})
    name = repo.git("rev-parse", "HEAD:bad.txt")
    damaged = repo.root / ".git" / "objects" / name[:2] / name[2:]
    damaged.chmod(0o600)
    damaged.write_bytes(b"damaged")
    git = Git.open(repo.root)
    assert git.read_file(sha, "good.txt") == b"good"
    with pytest.raises(ReleaseError) as caught:
        git.read_file(sha, "bad.txt")
    assert name in caught.value.hint or "git fsck" in caught.value.hint
    assert git.read_file(sha, "good.txt") == b"good"


# A program that replies to each line with its own process number, and to some in another way.
REPLIES = """
import os, sys, time
for line in sys.stdin:
    if line == "end\\n":
        sys.exit("ended on request")
    if line == "wait\\n":
        time.sleep(60)
    print(os.getpid(), flush=True)
"""


def replies(tmp_path: Path, timeout: float = 60) -> RequestProcess:
    """Return a process that runs that program."""
    return RequestProcess(sys.executable, "-c", REPLIES, cwd=tmp_path, env=lambda: os.environ, timeout=timeout)


def number(process: RequestProcess, line: bytes = b"number\n") -> int:
    """Request the process number."""

    def read(stream: IO[bytes]) -> int:
        text = stream.readline()
        if not text:
            raise EOFError
        return int(text)

    return process.request(line, read)


def test_a_process_stays_open_until_it_is_closed(tmp_path: Path) -> None:
    """After that, the next request starts another."""
    process = replies(tmp_path)
    first = number(process)
    assert number(process) == first
    process.close()
    process.close()
    assert survivors([first], seconds=0) == []
    second = number(process)
    assert second != first
    process.close()


def test_a_process_ends_when_its_object_is_deleted(tmp_path: Path) -> None:
    process = replies(tmp_path)
    pid = number(process)
    del process
    gc.collect()
    assert survivors([pid], seconds=0) == []


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    """An interrupt on the terminal reaches it, too."""
    process = replies(tmp_path)
    first = number(process)
    os.kill(first, signal.SIGKILL)
    assert number(process) != first
    process.close()


def test_a_process_that_ends_without_a_reply_is_an_error(tmp_path: Path) -> None:
    """After a second try; its stderr is in the hint."""
    process = replies(tmp_path)
    number(process)
    with pytest.raises(CommandError, match="ended without a reply") as caught:
        number(process, b"end\n")
    assert caught.value.hint == "ended on request"
    assert number(process)
    process.close()


def test_a_late_reply_is_an_error(tmp_path: Path) -> None:
    """The process is killed, and the next request is replied to by another."""
    process = replies(tmp_path, timeout=1)
    first = number(process)
    with pytest.raises(SlowError, match="took longer than 1 s"):
        number(process, b"wait\n")
    assert survivors([first], seconds=0) == []
    assert number(process) != first
    process.close()


def test_a_malformed_reply_restarts_the_process(tmp_path: Path) -> None:
    """The rest of it is never read as the next reply."""
    process = replies(tmp_path)
    first = number(process)

    def fail(stream: IO[bytes]) -> int:
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        process.request(b"number\n", fail)
    assert survivors([first], seconds=0) == []
    assert number(process) != first
    process.close()


def test_a_background_reader_ends_with_its_block(tmp_path: Path) -> None:
    """Its pending request is interrupted."""
    process = replies(tmp_path)
    pid = number(process)
    start = time.monotonic()
    with background(lambda: number(process, b"wait\n")) as future:
        time.sleep(0.3)
    assert time.monotonic() - start < 30
    assert isinstance(future.exception(), KeyboardInterrupt)
    assert survivors([pid], seconds=0) == []


PROGRAM = """
import os, signal, sys
from pathlib import Path
from release_channels.adapters.git import Git
git = Git.open(Path.cwd())
git.commit("HEAD")
print(Path(f"/proc/self/task/{{os.getpid()}}/children").read_text(), flush=True)
{end}
"""


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("", id="end of the program"),
        pytest.param("raise KeyboardInterrupt", id="interrupt"),
        pytest.param("sys.exit(3)", id="exit"),
        pytest.param("os._exit(3)", id="exit at once"),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", id="kill"),
    ],
)
def test_no_git_process_outlives_python(repo: Repo, end: str) -> None:
    """Also when Python is killed."""
    program = [sys.executable, "-c", PROGRAM.format(end=end)]
    done = subprocess.run(program, cwd=repo.root, capture_output=True, text=True, check=False)
    assert survivors([int(done.stdout)]) == []
