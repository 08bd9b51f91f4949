"""Run git: read a repository, and make commits, branches and tags."""

from __future__ import annotations

import os
import posixpath
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO

from release_channels.adapters.files import GITHUB, locate, repository_top
from release_channels.adapters.process import CompletedProcess, RequestProcess, run, run_unchecked
from release_channels.errors import CommandError, RefusedError, UsageError
from release_channels.model.observed import Commit, Relation, Tag
from release_channels.project.files import Read, SymbolicLinkError

# Variables that point git at another repository, as they stand inside a hook or a rebase.
_OTHER_REPOSITORY = frozenset(
    (
        *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"),
        *("GIT_NAMESPACE", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_GRAFT_FILE", "GIT_SHALLOW_FILE"),
    )
)
# Replace refs and grafts show another history than the one that is pushed.
_PLAIN = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_REPLACE_OBJECTS": "1"}
_NEVER_DIRTY = ("dist/", "release.json", ".release-channels/", ".venv/", ".nox/", "__pycache__/", "uv.lock")
_REMOTE_SECONDS = 60
_SYMBOLIC_LINK = "120000"
_MOST_BYTES = 256 * 2**20
"""The size of the largest object that is read into memory."""
# Source: git's own manual, cat-file, batch output: a reply for a name that leads to no object ends with one of these.
_NO_OBJECT = (b" missing\n", b" ambiguous\n")
# What a name of this form leads to never changes, unlike a branch or `HEAD~1`.
_FULL_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def git_environment() -> dict[str, str]:
    """Return the user's environment without variables that redirect git or translate its messages."""
    return {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY} | _PLAIN


@dataclass(frozen=True, slots=True)
class GitObject:
    """A blob, a tree, a commit or an annotated tag."""

    sha: str
    kind: str
    content: bytes

    def committer_time(self) -> int:
        """Return the committer time of a commit, in seconds since the epoch."""
        header = self.content.partition(b"\n\n")[0]
        committer = next(line for line in header.splitlines() if line.startswith(b"committer "))
        return int(committer.split()[-2])


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A file, a symbolic link or a submodule in a commit."""

    mode: str
    kind: str
    sha: str


class GitObjects:
    """Read git objects by hash or ref; a ref is resolved on each call, a tree is listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._batch = RequestProcess("git", "cat-file", "--batch", cwd=root, env=git_environment)
        self._trees: dict[str, Mapping[bytes, TreeEntry]] = {}

    def find(self, name: str) -> GitObject | None:
        """Return the object that a revision currently names; None if there is none.

        Raises: CommandError if the object cannot be read.
        """
        # One request is one line, and git's own names hold no control characters.
        if any(character in name for character in "\n\r\0"):
            return None
        return self._batch.request(os.fsencode(name) + b"\n", _read_object)

    def find_commit(self, name: str) -> GitObject | None:
        """Return the commit that a revision currently names; None if there is none."""
        commit = self.find(f"{name}^{{commit}}")
        return commit if commit is not None and commit.kind == "commit" else None

    def files(self, revision: str) -> Mapping[bytes, TreeEntry]:
        """Return the entries of a commit by path.

        Raises: CommandError if there is no such commit.
        """
        if revision in self._trees:
            return self._trees[revision]
        tree = self.find(f"{revision}^{{tree}}")
        if tree is None or tree.kind != "tree":
            raise CommandError(f"{revision!r} names no tree here", hint="fetch it first, or check the spelling")
        words = ("ls-tree", "-r", "-z", "--full-tree", tree.sha)
        listed = run_unchecked("git", *words, cwd=self._root, env=git_environment())
        entries = (entry.partition(b"\t") for entry in listed.or_raise().stdout.split(b"\0") if entry)
        files = {path: TreeEntry(*fields.decode().split()) for fields, _, path in entries}
        if _FULL_NAME.fullmatch(revision):
            self._trees[revision] = files
        return files


def _read_object(stream: IO[bytes]) -> GitObject | None:
    header = stream.readline()
    if header.endswith(_NO_OBJECT):
        return None
    if not header.endswith(b"\n"):
        raise EOFError
    sha, kind, size = header.decode().split()
    if int(size) > _MOST_BYTES:
        raise RefusedError(
            f"the {kind} {sha[:12]} has {size} bytes", hint=f"no file of {_MOST_BYTES} bytes is read here"
        )
    content = stream.read(int(size))
    if stream.read(1) != b"\n":
        raise EOFError
    return GitObject(sha, kind, content)


@dataclass(frozen=True, slots=True)
class RemoteRefs:
    """The refs of a remote at one moment, shared by all queries of one decision.

    `head` is the ref of the default branch, and `messages` is what git wrote to stderr.
    """

    commits: Mapping[str, str]
    head: str
    is_answered: bool
    messages: str

    def commit_of_tag(self, name: str) -> str | None:
        """Return the commit that a tag points to; None if there is no such tag."""
        return self.commits.get(f"refs/tags/{name}^{{}}") or self.commits.get(f"refs/tags/{name}")

    def is_annotated(self, name: str) -> bool:
        """Check whether a tag is annotated."""
        return f"refs/tags/{name}^{{}}" in self.commits


@dataclass(frozen=True, slots=True)
class FirstParent:
    """A commit of a branch: its short hash and subject, its first parent (empty if none) and its changed paths."""

    title: str
    parent: str
    paths: frozenset[str]

    @property
    def name(self) -> str:
        """Return the commit's short hash."""
        return self.title.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Git:
    """One git repository, opened at its project: the top of the working tree, or a directory below it.

    Paths are the project's, except those in `.github/`, which begin at the top.
    """

    root: Path
    directory: str = field(init=False, default="")
    """The project's directory below the top of the working tree; empty for the top itself."""
    _objects: GitObjects = field(init=False, repr=False, compare=False)
    _relations: dict[tuple[str, str], Relation] = field(default_factory=dict, init=False, repr=False, compare=False)
    _urls: dict[str, str | None] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare to read objects; no process starts before the first is read."""
        object.__setattr__(self, "_objects", GitObjects(self.root))
        below = os.path.relpath(self.root.absolute(), repository_top(self.root).absolute()).replace(os.sep, "/")
        object.__setattr__(self, "directory", "" if below == "." else below)

    @classmethod
    def open(cls, directory: Path, *, adopts: bool = False) -> Git:
        """Open the repository of the project in a directory: the top of the working tree, or what its settings name.

        With `adopts`, the settings need not name it yet.

        Raises: RefusedError where there is none, or where the directory is neither.
        """
        asked = run_unchecked("git", "rev-parse", "--show-toplevel", cwd=directory, env=git_environment())
        if asked.code:
            raise _not_a_repository(directory, asked)
        top = Path(asked.text)
        if top.resolve() != directory.resolve():
            _check_sub_directory(directory, top, adopts=adopts)
        return cls(directory)

    def commit(self, revision: str) -> Commit:
        """Resolve a revision to its commit.

        Raises: RefusedError if there is no commit yet; UsageError if the revision names none.
        """
        commit = self._objects.find_commit(revision)
        if commit is None:
            if revision == "HEAD":
                raise RefusedError("this repository has no commit yet", hint="a release is made of a commit: make one")
            raise UsageError(f"{revision!r} names no commit here", hint="fetch it first, or check the spelling")
        return Commit(commit.sha, commit.committer_time())

    def files(self, sha: str) -> Read:
        """Return the function that reads a commit's files."""
        return partial(self.read_file, sha)

    def read_file(self, sha: str, path: str) -> bytes | None:
        """Read a file as a commit contains it, byte for byte; None if the commit has no such file.

        Raises: SymbolicLinkError if it is a symbolic link, which an edit would follow out of the clone; CommandError if
        the path leads out of the repository, or there is no such commit.
        """
        entry = self._objects.files(sha).get(os.fsencode(self._normal_path(path)))
        if entry is None or entry.kind != "blob":
            return None
        blob = self._objects.find(entry.sha)
        if blob is None:
            raise CommandError(
                f"{path} of {sha[:12]} cannot be read", hint="`git fsck` shows which objects are missing"
            )
        if entry.mode == _SYMBOLIC_LINK:
            message, hint = f"{path} is a symbolic link in the commit", "commit the file itself in its place"
            raise SymbolicLinkError(path, os.fsdecode(blob.content), message, hint=hint)
        return blob.content

    def _normal_path(self, path: str) -> str:
        """Return a path as a tree names it, relative to the top.

        Raises: CommandError if it is empty or leads out of the repository.
        """
        inside = os.path.relpath(self.root / path, self.root).replace(os.sep, "/")
        below = path if path.startswith(GITHUB) else posixpath.join(self.directory, inside)
        normal = posixpath.normpath(below) if path else ".."
        if normal.split("/")[0] == "..":
            raise CommandError(f"{path!r} is outside the repository {self.root}", hint="paths begin at its top")
        return normal

    def uncommitted(self) -> tuple[str, ...]:
        """List the project's uncommitted paths of the working tree, without the tool's own files."""
        words = ("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames", *self._our_paths())
        entries = (entry[:3] + self._name(entry[3:]) for entry in self._run(*words).split("\0") if entry)
        return tuple(_printable(entry[3:]) for entry in entries if not _is_ours(entry))

    def _our_paths(self) -> tuple[str, ...]:
        """Return the words that bring the project's own files to git, where the repository has others."""
        return ("--", ".", f":(top){GITHUB}") if self.directory else ()

    def _name(self, path: str) -> str:
        """Return the project's name of a path that begins at the top."""
        return path.removeprefix(f"{self.directory}/") if self.directory else path

    def relation(self, commit: str, other: str) -> Relation:
        """Return how a commit relates to another: same, ancestor, descendant or diverged; unknown if history is cut."""
        if commit == other:
            return Relation.SAME
        known = self._relations.get((commit, other)) or self._compare(commit, other)
        if known is not Relation.UNKNOWN:  # a fetch may bring what is missing
            self._relations[commit, other] = known
        return known

    def _compare(self, commit: str, other: str) -> Relation:
        if self._objects.find_commit(other) is None:
            return Relation.UNKNOWN
        if self._is_ancestor(commit, other):
            return Relation.ANCESTOR
        if self._is_ancestor(other, commit):
            return Relation.DESCENDANT
        return Relation.UNKNOWN if self.is_shallow() else Relation.DIVERGED

    def is_shallow(self) -> bool:
        """Check whether this clone is shallow."""
        return self._run("rev-parse", "--is-shallow-repository") == "true"

    def is_root(self, revision: str) -> bool:
        """Check whether a commit has no parent; the first commit of a shallow clone has one."""
        commit = self._objects.find_commit(revision)
        return commit is not None and b"\nparent " not in commit.content.partition(b"\n\n")[0]

    def tag(self, name: str, commit: str, remote: str, listed: RemoteRefs | None = None) -> Tag | None:
        """Find a tag, first in this clone, then on the remote, with the relation of a commit to it."""
        here = self.local_tag(name, commit)
        if here is not None or self.remote_url(remote) is None:
            return here
        return self.remote_tag(name, commit, remote, listed)

    def list_remote(self, remote: str, *refs: str) -> RemoteRefs:
        """List the current refs of a remote: the given ones, or all.

        Raises: SlowError if it takes more than a minute.
        """
        words = ("ls-remote", "--quiet", "--symref", "--", remote, *refs)
        asked = self._ask(*words, timeout=_REMOTE_SECONDS)
        pairs = [line.split("\t", 1) for line in asked.text.splitlines() if "\t" in line]
        head = next((value for value, name in pairs if name == "HEAD" and value.startswith("ref: ")), "")
        # A pattern matches the ends of longer names, too.
        commits = {name: value for value, name in pairs if not value.startswith("ref: ")}
        return RemoteRefs(commits, head.removeprefix("ref: "), asked.code == 0, asked.messages)

    def find_refs(self, remote: str) -> RemoteRefs:
        """List all current refs of a remote; one that takes more than a minute has not answered."""
        try:
            return self.list_remote(remote)
        except CommandError as stop:
            return RemoteRefs({}, "", is_answered=False, messages=str(stop))

    def remote_tag(self, name: str, commit: str, remote: str, listed: RemoteRefs | None = None) -> Tag | None:
        """Find a tag on the remote, now or in an earlier listing; None also if the remote does not answer."""
        listed = listed or self.find_refs(remote)
        target = listed.commit_of_tag(name)
        if target is None:
            return None
        try:
            self._fetch(remote, f"refs/tags/{name}", target)
        except CommandError:  # too slow: the same as no answer
            return None
        return Tag(name, target, self.relation(commit, target), annotated=listed.is_annotated(name))

    def commit_of_remote_tag(self, name: str, remote: str) -> str | None:
        """Return the commit that a tag currently points to on the remote, without fetching it.

        Raises: RefusedError or CommandError if the remote does not answer.
        """
        listed = self.list_remote(remote, *_tag_refs(name))
        if not listed.is_answered:
            raise RefusedError(f"the tags of {remote} cannot be read", hint=listed.messages)
        return listed.commit_of_tag(name)

    def local_tag(self, name: str, commit: str) -> Tag | None:
        """Find a tag of this clone, with the relation of a commit to it."""
        tag = self._objects.find(f"refs/tags/{name}")
        target = self._objects.find_commit(f"refs/tags/{name}")
        if tag is None or target is None:
            return None
        return Tag(name, target.sha, self.relation(commit, target.sha), annotated=tag.kind == "tag")

    def is_signed(self, name: str) -> bool:
        """Check whether a tag of this clone carries a signature, valid or not."""
        signature = self._ask("for-each-ref", "--format=%(contents:signature)", f"refs/tags/{name}")
        return bool(signature.or_raise().text.strip())

    def branch(self) -> str | None:
        """Return the name of the checked-out branch; None if HEAD is detached."""
        done = self._ask("symbolic-ref", "--quiet", "--short", "HEAD")
        return done.text.strip() if done.code == 0 else None

    def has_branch(self, branch: str, remote: str) -> bool:
        """Check whether a branch exists, in this clone or on the remote.

        Raises: RefusedError if the remote cannot be read.
        """
        ref = f"refs/heads/{branch}"
        if self._ask("rev-parse", "--quiet", "--verify", ref).code == 0:
            return True
        listed = self.list_remote(remote, ref)
        if not listed.is_answered:
            raise RefusedError(f"the branches of {remote} cannot be read", hint=listed.messages)
        return ref in listed.commits

    def tags_at(self, sha: str) -> tuple[str, ...]:
        """List the tags on a commit."""
        return tuple(self._run("tag", f"--points-at={sha}").splitlines())

    def tags_before(self, sha: str) -> tuple[str, ...]:
        """List the tags on a commit and its ancestors."""
        return tuple(self._run("tag", f"--merged={sha}").splitlines())

    def tag_names(self, remote: str, listed: RemoteRefs | None = None) -> frozenset[str]:
        """List all tags of this clone and of the remote, if it exists.

        Raises: RefusedError if the remote cannot be read.
        """
        here = self.tag_names_here()
        return here if self.remote_url(remote) is None else here | self.remote_tag_names(remote, listed)

    def remote_tag_names(self, remote: str, listed: RemoteRefs | None = None) -> frozenset[str]:
        """List all tags of a remote.

        Raises: RefusedError if it cannot be read.
        """
        listed = listed or self.list_remote(remote, "refs/tags/*")
        if not listed.is_answered:
            raise RefusedError(f"the tags of {remote} cannot be read", hint=listed.messages)
        tags = (ref for ref in listed.commits if ref.startswith("refs/tags/"))
        return frozenset(ref.removeprefix("refs/tags/").removesuffix("^{}") for ref in tags)

    def subjects(self, after: str, until: str) -> tuple[str, ...]:
        """List the short hash and subject of each commit in `until` but not in `after`, newest first."""
        revisions = f"{after}..{until}" if after else until
        return tuple(self._run("log", "--format=%h %s", "--end-of-options", revisions, "--").splitlines())

    def first_parents(self, sha: str, most: int) -> tuple[FirstParent, ...]:
        """List a commit and its ancestors along first parents, newest first, at most `most` commits.

        Raises: CommandError if there is no such commit.
        """
        words = ("--first-parent", "--diff-merges=first-parent", "--no-show-signature", "--name-only", f"-{most}")
        below = ("--relative",) if self.directory else ()
        listed = self._run(
            "-c", "core.quotePath=false", "log", *words, *below, "--format=%x00%h %s%n%P", "--end-of-options", sha, "--"
        )
        commits = []
        for entry in listed.split("\0")[1:]:
            title, parents, *paths = entry.split("\n")
            commits.append(FirstParent(title, parents.partition(" ")[0], frozenset(filter(None, paths))))
        return tuple(commits)

    def remote_tip(self, remote: str, branch: str, listed: RemoteRefs | None = None) -> str:
        """Fetch the tip of a remote branch without moving a local ref, and return its commit.

        Raises: RefusedError if the remote or the branch cannot be read.
        """
        ref = f"refs/heads/{branch}"
        listed = listed or self.list_remote(remote, ref)
        tip = listed.commits.get(ref)
        if not listed.is_answered or tip is None:
            raise RefusedError(
                f"{remote}/{branch} cannot be read",
                hint=listed.messages
                or f"is there a branch {branch} on {remote}? tool.release-channels.main-branch "
                "and remote say where to look",
            )
        self._fetch(remote, ref, tip)
        return tip

    def default_tip(self, remote: str, listed: RemoteRefs | None = None) -> tuple[str, str]:
        """Fetch the tip of a remote's default branch, and return the branch's name and its commit.

        Raises: RefusedError if the remote does not tell.
        """
        listed = listed or self.list_remote(remote, "HEAD")
        tip = listed.commits.get("HEAD")
        if not listed.is_answered or not listed.head or tip is None:
            raise RefusedError(
                f"{remote} does not report its default branch, whose settings count",
                hint=listed.messages or self._how_to_name_default(remote),
            )
        self._fetch(remote, listed.head, tip)
        return listed.head.removeprefix("refs/heads/"), tip

    def _how_to_name_default(self, remote: str) -> str:
        """Return what gives a remote its default branch; a directory, as for practice, gets it by one command."""
        url = self.remote_url(remote) or ""
        branches = self.list_remote(remote, "refs/heads/*").commits
        branch = next(iter(branches)).removeprefix("refs/heads/") if len(branches) == 1 else "NAME"
        place = (f"--git-dir={url}",) if (self.root / url).is_dir() else ()
        named = shlex.join(("git", *place, "symbolic-ref", "HEAD", f"refs/heads/{branch}"))
        return f"`{named}` names it" if place else f"on the remote, run {named}"

    def _fetch(self, remote: str, ref: str, commit: str) -> None:
        """Fetch a commit that a remote's ref names, if it is not here, and move no ref."""
        if self._objects.find_commit(commit) is not None:
            return
        # An empty refmap: the remote-tracking branch is the user's to update; so are submodules and housekeeping.
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc")
        self._ask("fetch", *quietly, "--refmap=", "--", remote, ref, timeout=_REMOTE_SECONDS * 5).or_raise()

    def remote_url(self, remote: str) -> str | None:
        """Return a remote's URL as configured, without `insteadOf` rules, which differ per machine."""
        if remote not in self._urls:
            self._urls[remote] = self._ask("config", "--get", f"remote.{remote}.url").text or None
        return self._urls[remote]

    def push_addresses(self, remote: str) -> tuple[str, ...]:
        """List the URLs that a push to a remote really goes to, after `insteadOf` and `pushurl` settings."""
        asked = self._ask("remote", "get-url", "--push", "--all", "--", remote)
        return tuple(asked.text.splitlines()) if asked.code == 0 else ()

    def remotes(self) -> tuple[str, ...]:
        """List the remotes by name."""
        return tuple(self._run("remote").splitlines())

    def default_branch(self, remote: str) -> str:
        """Return the default branch: the remote's HEAD, otherwise main or master, otherwise the current branch."""
        prefix = f"refs/remotes/{remote}/" if remote else "refs/heads/"
        known = self._ask("symbolic-ref", "--quiet", f"{prefix}HEAD") if remote else None
        if known is not None and known.code == 0:
            return known.text.removeprefix(prefix)
        listed = {
            ref.removeprefix(prefix) for ref in self._run("for-each-ref", "--format=%(refname)", prefix).splitlines()
        }
        usual = next((name for name in ("main", "master") if name in listed), "")
        return usual or self._ask("symbolic-ref", "--quiet", "--short", "HEAD").text

    def head(self) -> str:
        """Return the commit that the working tree is on; never one that was read before."""
        return self._run("rev-parse", "HEAD")

    def tag_names_here(self) -> frozenset[str]:
        """List the tags of this clone."""
        return frozenset(self._run("tag", "--list").splitlines())

    def tags_by_age(self) -> tuple[str, ...]:
        """List the tags of this clone, oldest first, by the time of the tag or of its commit."""
        return tuple(
            self._run("for-each-ref", "--sort=creatordate", "--format=%(refname:strip=2)", "refs/tags").splitlines()
        )

    def tracks(self, path: str) -> bool:
        """Check whether git tracks anything at or below a path."""
        return bool(self._run("ls-files", "-z", "--", _relative(self.root, path)))

    def untracked_files(self, directory: str) -> tuple[str, ...]:
        """List the files of a directory that git neither tracks nor ignores."""
        listed = self._run("ls-files", "-z", "--others", "--exclude-standard", "--", directory)
        return tuple(filter(None, listed.split("\0")))

    def files_at(self, sha: str) -> tuple[str, ...]:
        """List the regular files of a commit, without symbolic links.

        A `.github/` below the top is left out: GitHub does not read it, and its paths would be those of the top's.
        """
        files = self._objects.files(sha).items()
        plain = (path.decode("utf-8", "replace") for path, entry in files if entry.mode.startswith("100"))
        if not self.directory:
            return tuple(plain)
        ours, unread = (f"{self.directory}/", GITHUB), f"{self.directory}/{GITHUB}"
        return tuple(self._name(path) for path in plain if path.startswith(ours) and not path.startswith(unread))

    def tracked_files(self) -> tuple[str, ...]:
        """List the project's tracked files, without a `.github/` below the top."""
        listed = self._run("ls-files", "-z").split("\0")
        return tuple(path for path in listed if path and not (self.directory and path.startswith(GITHUB)))

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return self._ask("merge-base", "--is-ancestor", "--", older, newer).code == 0

    def _ask(self, *words: str, timeout: float = 120) -> CompletedProcess:
        return run_unchecked("git", *words, cwd=self.root, env=git_environment(), timeout=timeout, terminal=True)

    def _run(self, *words: str) -> str:
        return run("git", *words, cwd=self.root, env=git_environment())


def _tag_refs(name: str) -> tuple[str, str]:
    return f"refs/tags/{name}", f"refs/tags/{name}^{{}}"


def _printable(path: str) -> str:
    """Show a path in one line: a file name may hold newlines, and what steers a terminal."""
    return path if path.isprintable() else ascii(path)


def _relative(root: Path, path: str) -> str:
    """Return the word that names a project's file to a git that starts in the project's directory."""
    return os.path.relpath(locate(root, path), root) if path.startswith(GITHUB) else path


def _check_sub_directory(directory: Path, top: Path, *, adopts: bool) -> None:
    """Refuse a directory below the top, unless it has a project whose settings name the directory.

    Raises: RefusedError
    """
    below = directory.resolve().relative_to(top.resolve()).as_posix()
    if not any((directory / name).is_file() for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        raise RefusedError(
            f"{directory} is not the top of its repository, {top} is, and has no project of its own",
            hint="start where pyproject.toml and noxfile.py are",
        )
    if adopts or declared_directory(directory / "pyproject.toml") == below:
        return
    raise RefusedError(
        f"{directory} is not the top of its repository, {top} is",
        hint=f'a project below the top says so, with `directory = "{below}"` in [tool.release-channels]: '
        f"`release-channels init --path {shlex.quote(below)}`, typed at the top, writes it",
    )


def declared_directory(file: Path) -> str | None:
    """Return the directory that a pyproject.toml names in `[tool.release-channels]`; None if it names none."""
    try:
        return str(tomllib.loads(file.read_text(encoding="utf-8"))["tool"]["release-channels"]["directory"])
    except (OSError, ValueError, KeyError, TypeError):  # who reads the project reports what is wrong with the file
        return None


def _not_a_repository(directory: Path, asked: CompletedProcess) -> RefusedError:
    if "dubious ownership" in asked.messages:
        return RefusedError(f"git does not trust {directory}: it belongs to another user", hint=asked.messages)
    if "must be run in a work tree" in asked.messages:
        return RefusedError(f"{directory} is in a bare repository", hint="clone it, and start in the clone")
    return RefusedError(
        f"{directory} is not in a git repository", hint="a release is made of a commit: `git init`, add and commit"
    )


def _is_ours(entry: str) -> bool:
    """Return whether a line of `git status` is an untracked file that this tool, nox or uv left behind."""
    state, path = entry[:2], entry[3:]
    return state == "??" and any(path.startswith(ours) if ours.endswith("/") else path == ours for ours in _NEVER_DIRTY)


# Attributes and excludes have default places in the home directory, so an empty configuration is not enough.
_NEUTRAL = {
    "core.autocrlf": "false",
    "core.eol": "lf",
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "advice.detachedHead": "false",
}


def clean_git_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without user and system configuration of git: no attributes, hooks or templates.

    It holds for every git below, also for one that a build backend runs.
    Source: git's own manual, GIT_CONFIG_COUNT.
    """
    neutral = {"GIT_CONFIG_COUNT": str(len(_NEUTRAL))}
    for number, (key, value) in enumerate(_NEUTRAL.items()):
        neutral |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return (
        {name: value for name, value in env.items() if not name.startswith("GIT_")}
        | _PLAIN
        | neutral
        | {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_SYSTEM": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ATTR_NOSYSTEM": "1",
        }
    )


_PUSH_SECONDS = 300


def commit_files(root: Path, paths: Iterable[str], message: str, *, new: Iterable[str] = ()) -> str:
    """Commit exactly these files from the working tree, and return the commit's hash.

    Those among them that git does not track yet are `new`.

    Raises: CommandError with git's own words, also where a hook refuses.
    """
    if added := [_relative(root, path) for path in new]:
        _git(root, "--literal-pathspecs", "add", "--intent-to-add", "--", *added)
    # Paths are names here, never patterns. Signing and hooks may ask for something on the terminal.
    named = (_relative(root, path) for path in paths)
    words = ("--literal-pathspecs", "commit", "--quiet", "--message", message, "--only", "--", *named)
    run_unchecked("git", *words, cwd=root, env=git_environment(), terminal=True).or_raise()
    return _git(root, "rev-parse", "HEAD")


def forget_files(root: Path, paths: Sequence[str]) -> None:
    """Take files out of git's index that were announced for a commit which was never made."""
    if paths:
        _git(root, "--literal-pathspecs", "reset", "--quiet", "--", *(_relative(root, path) for path in paths))


def switch_to_new_branch(root: Path, branch: str) -> None:
    """Create a branch at HEAD and switch to it, keeping the working tree.

    Raises: CommandError if there is such a branch.
    """
    _git(root, "switch", "--quiet", "--no-track", "--create", branch)


def leave_new_branch(root: Path, branch: str) -> None:
    """Switch back from a new branch and delete it."""
    _git(root, "checkout", "--quiet", "-")  # `switch` knows no way back to a commit without a branch
    _git(root, "branch", "--quiet", "--delete", "--", branch)


def push_branch(root: Path, remote: str, branch: str) -> None:
    """Push HEAD to a branch of the remote that does not exist yet.

    Raises: RefusedError if the remote refuses.
    """
    # An empty lease: the branch must not be there.
    done = _push(root, f"--force-with-lease=refs/heads/{branch}:", "--", remote, f"HEAD:refs/heads/{branch}")
    if done.code:
        raise RefusedError(f"{remote} refused the branch {branch}", hint=done.messages)


def create_tag(root: Path, name: str, commit: str, message: str, *, sign: bool) -> None:
    """Create an annotated tag in this clone.

    Raises: RefusedError with git's own words if there is no key to sign with; CommandError for anything else.
    """
    # Without --no-sign a user's tag.gpgSign would sign all the same, or fail for want of a key.
    kind = ("--sign",) if sign else ("--annotate", "--no-sign")
    words = ("tag", *kind, "--message", message, "--", name, commit)
    done = run_unchecked("git", *words, cwd=root, env=git_environment(), terminal=True)
    if done.code and sign:
        raise RefusedError(
            f"git could not sign {name}, so it was not made",
            hint=f"set user.signingKey, or leave --sign out\n{done.messages}",
        )
    done.or_raise()


def push_tag(root: Path, remote: str, name: str) -> None:
    """Push a single tag by its full ref name, regardless of the user's push settings.

    Raises: RefusedError if the remote refuses.
    """
    ref = f"refs/tags/{name}"
    done = _push(root, "--", remote, f"{ref}:{ref}")
    if done.code:
        raise RefusedError(f"{remote} refused the tag {name}", hint=done.messages)


def delete_tag(root: Path, name: str) -> None:
    """Delete a tag of this clone, never one on the remote."""
    _git(root, "tag", "--delete", "--", name)


def _push(root: Path, *words: str) -> CompletedProcess:
    alone = ("--quiet", "--no-follow-tags", "--recurse-submodules=no")
    return run_unchecked(
        "git", "push", *alone, *words, cwd=root, env=git_environment(), timeout=_PUSH_SECONDS, terminal=True
    )  # fmt: skip


def _git(root: Path, *words: str) -> str:
    return run("git", *words, cwd=root, env=git_environment())
