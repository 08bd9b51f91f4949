"""Objects are read through one git process: every name as git itself reads it, and nothing left running."""

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
def odd(repo: Repo) -> Repo:
    """A repository with odd file names, links, and a submodule."""
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
def test_a_path_is_a_name_and_never_a_pattern_or_an_option(odd: Repo, path: str, content: bytes | None) -> None:
    """Each file is read under its own name alone; directories, submodules and missing files are none."""
    git = Git.open(odd.root)
    assert git.read_file(git.commit("HEAD").sha, path) == content


def test_an_absolute_path_in_the_repository_is_read(odd: Repo) -> None:
    """A path may begin with the repository's own."""
    assert Git.open(odd.root).read_file("HEAD", str(odd.root / "docs" / "a.md")) == b"page"


@pytest.mark.parametrize("path", ["", "..", "../x", "docs/../../x", "/etc/passwd"])
def test_a_path_out_of_the_repository_is_an_error(odd: Repo, path: str) -> None:
    """A path that no tree can contain is not a missing file."""
    with pytest.raises(CommandError, match="outside the repository"):
        Git.open(odd.root).read_file("HEAD", path)


@pytest.mark.parametrize("path", ["link", "linked-docs"])
def test_a_symbolic_link_is_refused(odd: Repo, path: str) -> None:
    """A link is refused, whatever it leads to."""
    with pytest.raises(RefusedError, match=f"{path} is a symbolic link"):
        Git.open(odd.root).read_file("HEAD", path)


def test_files_are_listed_by_their_names(odd: Repo) -> None:
    """Plain files alone, each name whole; what is not UTF-8 is replaced."""
    listed = set(Git.open(odd.root).files_at("HEAD"))
    assert {*FILES, "\ufffd.md", "README.md"} - {NOT_UTF_8} <= listed
    assert not listed & {"link", "linked-docs", "submodule"}


@pytest.mark.parametrize("revision", ["0" * 40, "missing", "--help", "HEAD..HEAD", "HEAD\nHEAD", ""])
def test_a_file_of_a_revision_that_is_not_here_is_an_error(odd: Repo, revision: str) -> None:
    """A missing commit is not a commit without the file."""
    git = Git.open(odd.root)
    with pytest.raises(CommandError, match="names no tree here"):
        git.read_file(revision, "README.md")
    with pytest.raises(CommandError, match="names no tree here"):
        git.files_at(revision)


@pytest.mark.parametrize(
    "revision", ["^HEAD", "HEAD..HEAD", "HEAD^{tree}", "a\nb", "\0", "HEAD\0", "-1", ":/absent", "^", "  HEAD", "HEAD "]
)
def test_a_revision_is_one_commit_or_a_wrong_request(odd: Repo, revision: str) -> None:
    """Neither a range, nor a tree, nor a second line is a commit, and the next question gets its own answer."""
    git = Git.open(odd.root)
    with pytest.raises(UsageError, match="names no commit here"):
        git.commit(revision)
    assert git.commit("HEAD").sha == odd.git("rev-parse", "HEAD")


def test_a_ref_that_moves_is_read_again(repo: Repo) -> None:
    """The open process keeps no ref: branches and tags are as they are now, packed or not."""
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


def test_400_files_take_two_processes(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One process lists the commit, one reads every file of it."""
    sha = repo.commit("pages", {f"docs/{number}.md": str(number) for number in range(400)})
    git = Git.open(repo.root)
    with counted_git(monkeypatch, tmp_path / "traces") as processes:
        pages = [git.read_file(sha, path) for path in git.files_at(sha) if path.startswith("docs/")]
    assert len(pages) == 400
    assert sorted(words[0] for words in processes.commands()) == ["cat-file", "ls-tree"]


def test_threads_share_the_process(repo: Repo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each thread gets its own file, and there is one process for all."""
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


def test_an_object_that_cannot_be_read_is_an_error_with_git_s_words(repo: Repo) -> None:
    """A damaged object ends the process; the error tells why, and the next file is read."""
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
    """Requests go to the same process; closed, it has ended, and the next request starts another."""
    process = replies(tmp_path)
    first = number(process)
    assert number(process) == first
    process.close()
    process.close()
    assert survivors([first], seconds=0) == []
    second = number(process)
    assert second != first
    process.close()


def test_a_process_ends_with_its_object(tmp_path: Path) -> None:
    """Nobody has to close it: without an owner it ends."""
    process = replies(tmp_path)
    pid = number(process)
    del process
    gc.collect()
    assert survivors([pid], seconds=0) == []


def test_a_process_that_was_killed_meanwhile_is_started_again(tmp_path: Path) -> None:
    """An interrupt on the terminal reaches it, too: what comes after that still gets its reply."""
    process = replies(tmp_path)
    first = number(process)
    os.kill(first, signal.SIGKILL)
    assert number(process) != first
    process.close()


def test_a_process_that_ends_without_a_reply_is_an_error(tmp_path: Path) -> None:
    """It is tried once more, and what it wrote to stderr is in the hint."""
    process = replies(tmp_path)
    number(process)
    with pytest.raises(CommandError, match="ended without a reply") as caught:
        number(process, b"end\n")
    assert caught.value.hint == "ended on request"
    assert number(process)
    process.close()


def test_a_reply_that_takes_too_long_is_an_error(tmp_path: Path) -> None:
    """The process is killed, and the next request is replied to by another."""
    process = replies(tmp_path, timeout=1)
    first = number(process)
    with pytest.raises(SlowError, match="took longer than 1 s"):
        number(process, b"wait\n")
    assert survivors([first], seconds=0) == []
    assert number(process) != first
    process.close()


def test_a_reply_that_cannot_be_parsed_starts_the_process_again(tmp_path: Path) -> None:
    """The rest of a reply is never taken for the next one."""
    process = replies(tmp_path)
    first = number(process)

    def fail(stream: IO[bytes]) -> int:
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        process.request(b"number\n", fail)
    assert survivors([first], seconds=0) == []
    assert number(process) != first
    process.close()


def test_a_reader_in_a_thread_is_ended_with_the_block(tmp_path: Path) -> None:
    """What waits for a reply in the background is interrupted when the block is left."""
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
def test_no_git_process_is_left_whatever_ends_python(repo: Repo, end: str) -> None:
    """Git ends with the program, also if the program has no time to end it."""
    program = [sys.executable, "-c", PROGRAM.format(end=end)]
    done = subprocess.run(program, cwd=repo.root, capture_output=True, text=True, check=False)
    assert survivors([int(done.stdout)]) == []
