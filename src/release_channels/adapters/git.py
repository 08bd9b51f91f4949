"""Real git: what the repository holds, and a clean clone of one of its commits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from posixpath import normpath
from typing import NamedTuple

from release_channels.adapters.process import CompletedProcess, run, run_unchecked
from release_channels.errors import CommandError, RefusedError, UsageError
from release_channels.model.observed import Commit, Relation, Tag

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
_SUBMODULE = "160000"


def git_environment() -> dict[str, str]:
    """The environment for git: the user's, without what points at another repository or changes its words."""
    return {name: value for name, value in os.environ.items() if name not in _OTHER_REPOSITORY} | _PLAIN


@dataclass(frozen=True, slots=True)
class Git:
    """One repository, by the top of its working tree."""

    root: Path
    _commits: dict[str, CommitFiles] = field(default_factory=dict, repr=False, compare=False)
    _urls: dict[str, str | None] = field(default_factory=dict, repr=False, compare=False)
    _present: set[str] = field(default_factory=set, repr=False, compare=False)
    """Commits that are in this clone: one that was seen stays."""
    _shallow: bool | None = field(default=None, repr=False, compare=False)

    @classmethod
    def open(cls, directory: Path) -> Git:
        """Open the repository whose working tree begins at a directory.

        Raises: RefusedError where there is none, or where the directory is not its top.
        """
        words = ("rev-parse", "--show-toplevel", "--is-shallow-repository")
        asked = run_unchecked("git", *words, cwd=directory, env=git_environment())
        if asked.code:
            raise _not_a_repository(directory, asked)
        place, _, shallow = asked.text.rpartition("\n")
        top = Path(place)
        if top.resolve() != directory.resolve():
            raise RefusedError(
                f"{directory} is not the top of its repository, {top} is",
                hint="one project per repository: keep noxfile.py next to pyproject.toml at the top, and start there",
            )
        return cls(directory, _shallow=shallow == "true")

    def commit(self, revision: str) -> Commit:
        """Resolve a revision to its commit.

        Raises: RefusedError if there is no commit yet; UsageError if the revision names none.
        """
        words = ("--no-patch", "--no-show-signature", "--format=%H %ct", "--end-of-options", f"{revision}^{{commit}}")
        asked = self._ask("show", *words)
        if asked.code:
            if revision == "HEAD":
                raise RefusedError("this repository has no commit yet", hint="a release is made of a commit: make one")
            raise UsageError(f"{revision!r} names no commit here", hint="fetch it first, or check the spelling")
        sha, seconds = asked.text.splitlines()[-1].split()
        self._present.add(sha)
        return Commit(sha, int(seconds))

    def files(self, sha: str) -> CommitFiles:
        """Return the reader of a commit's files."""
        if sha not in self._commits:
            self._commits[sha] = CommitFiles(self, sha)
        return self._commits[sha]

    def read_file(self, sha: str, path: str) -> bytes | None:
        """Read a file as a commit contains it, byte for byte; None if the commit has no such file.

        Raises: RefusedError if it is a symbolic link, which an edit would follow out of the clone.
        """
        return self.files(sha)(path)

    def uncommitted(self) -> tuple[str, ...]:
        """List what the working tree declares beyond its commit; what the tool itself leaves there does not count."""
        status = self._run("status", "--porcelain=v1", "-z", "--untracked-files=normal", "--no-renames")
        entries = (entry for entry in status.split("\0") if entry)
        return tuple(_printable(entry[3:]) for entry in entries if not _is_ours(entry))

    def relation(self, commit: str, other: str) -> Relation:
        """Report how a commit stands to another; unknown where the history at hand cannot tell."""
        if commit == other:
            return Relation.SAME
        if not self._has_commit(other):
            return Relation.UNKNOWN
        if self._is_ancestor(commit, other):
            return Relation.ANCESTOR
        if self._is_ancestor(other, commit):
            return Relation.DESCENDANT
        return Relation.UNKNOWN if self.is_shallow() else Relation.DIVERGED

    def is_shallow(self) -> bool:
        """Return whether history is cut off in this clone."""
        if self._shallow is not None:
            return self._shallow
        return self._run("rev-parse", "--is-shallow-repository") == "true"

    def tag(self, name: str, commit: str, remote: str) -> Tag | None:
        """Find a tag, here or else on the remote, and how a commit stands to it."""
        here = self.local_tag(name, commit)
        if here is not None or self.remote_url(remote) is None:
            return here
        return self.remote_tag(name, commit, remote)

    def remote_tag(self, name: str, commit: str, remote: str) -> Tag | None:
        """Query the remote for a tag, as it is now, without touching a ref here; no answer counts as no tag."""
        ref = f"refs/tags/{name}"
        try:
            listed = _listed(self._ask("ls-remote", "--tags", remote, ref, f"{ref}^{{}}", timeout=_REMOTE_SECONDS))
            target = listed.get(f"{ref}^{{}}") or listed.get(ref)
            if target is None:
                return None
            self._fetch(remote, ref, target)
        except CommandError:  # too slow: the same as no answer
            return None
        return Tag(name, target, self.relation(commit, target), annotated=f"{ref}^{{}}" in listed)

    def commit_of_remote_tag(self, name: str, remote: str) -> str | None:
        """Query the remote which commit a tag leads to, as it is now, and fetch nothing.

        Raises: RefusedError or CommandError if the remote does not answer.
        """
        ref = f"refs/tags/{name}"
        asked = self._ask("ls-remote", "--quiet", "--tags", remote, ref, f"{ref}^{{}}", timeout=_REMOTE_SECONDS)
        if asked.code:
            raise RefusedError(f"the tags of {remote} cannot be read", hint=asked.messages)
        listed = _listed(asked)
        return listed.get(f"{ref}^{{}}") or listed.get(ref)

    def can_read(self, remote: str) -> bool:
        """Return whether a remote answers: a job without credentials cannot read a private one."""
        try:
            return self._ask("ls-remote", "--quiet", remote, "HEAD", timeout=_REMOTE_SECONDS).code == 0
        except CommandError:  # too slow: the same as no answer
            return False

    def local_tag(self, name: str, commit: str) -> Tag | None:
        """Find a tag here, and how a commit stands to it."""
        here = self._ask("rev-parse", "--quiet", "--verify", f"refs/tags/{name}^{{commit}}")
        if here.code:
            return None
        kind = self._run("cat-file", "-t", f"refs/tags/{name}")
        return Tag(name, here.text, self.relation(commit, here.text), annotated=kind == "tag")

    def is_signed(self, name: str) -> bool:
        """Return whether a tag that is here carries a signature, whoever made it."""
        said = self._ask("for-each-ref", "--format=%(contents:signature)", f"refs/tags/{name}")
        return bool(said.or_raise().text.strip())

    def branch(self) -> str | None:
        """Return the name of the branch that is checked out; None where HEAD is detached."""
        done = self._ask("symbolic-ref", "--quiet", "--short", "HEAD")
        return done.text.strip() if done.code == 0 else None

    def has_branch(self, branch: str, remote: str) -> bool:
        """Return whether there is a branch, here or on the remote.

        Raises: RefusedError if the remote cannot be read.
        """
        ref = f"refs/heads/{branch}"
        if self._ask("rev-parse", "--quiet", "--verify", ref).code == 0:
            return True
        asked = self._ask("ls-remote", "--quiet", remote, ref, timeout=_REMOTE_SECONDS)
        if asked.code:
            raise RefusedError(f"the branches of {remote} cannot be read", hint=asked.messages)
        return ref in _listed(asked)

    def tags_at(self, sha: str) -> tuple[str, ...]:
        """List the tags on a commit."""
        return tuple(self._run("tag", "--points-at", sha).splitlines())

    def tags_before(self, sha: str) -> tuple[str, ...]:
        """List the tags on a commit and on its ancestors."""
        return tuple(self._run("tag", "--merged", sha).splitlines())

    def tag_names(self, remote: str) -> frozenset[str]:
        """List every tag, here and on the remote if there is one.

        Raises: RefusedError if the remote cannot be read.
        """
        here = self.tag_names_here()
        if self.remote_url(remote) is None:
            return here
        asked = self._ask("ls-remote", "--quiet", "--tags", "--refs", remote, timeout=_REMOTE_SECONDS)
        if asked.code:
            raise RefusedError(f"the tags of {remote} cannot be read", hint=asked.messages)
        return here | {ref.removeprefix("refs/tags/") for ref in _listed(asked)}

    def subjects(self, after: str, until: str) -> tuple[str, ...]:
        """List the first lines of the commits that one commit has and another (or none) has not, newest first."""
        revisions = f"{after}..{until}" if after else until
        return tuple(self._run("log", "--format=%h %s", revisions).splitlines())

    def first_parents(self, sha: str, most: int) -> tuple[FirstParent, ...]:
        """List a commit and its ancestors along first parents, newest first and at most so many."""
        words = ("--first-parent", "--diff-merges=first-parent", "--no-show-signature", "--name-only", f"-{most}")
        listed = self._run("-c", "core.quotePath=false", "log", *words, "--format=%x00%h %s%n%P", sha)
        commits = []
        for entry in listed.split("\0")[1:]:
            title, parents, *paths = entry.split("\n")
            commits.append(FirstParent(title, parents.partition(" ")[0], frozenset(filter(None, paths))))
        return tuple(commits)

    def remote_tip(self, remote: str, branch: str) -> str:
        """Fetch a branch of a remote, as it is now, without moving a ref here, and give its commit.

        Raises: RefusedError if the remote or the branch cannot be read.
        """
        ref = f"refs/heads/{branch}"
        asked = self._ask("ls-remote", "--quiet", remote, ref, timeout=_REMOTE_SECONDS)
        tip = _listed(asked).get(ref)
        if asked.code or tip is None:
            raise RefusedError(
                f"{remote}/{branch} cannot be read",
                hint=asked.messages
                or f"is there a branch {branch} on {remote}? tool.release-channels.main-branch "
                "and remote say where to look",
            )
        self._fetch(remote, ref, tip)
        return tip

    def default_tip(self, remote: str) -> tuple[str, str]:
        """Fetch a remote's default branch, as it is now, without moving a ref here; give its name and its commit.

        Raises: RefusedError if the remote does not tell.
        """
        asked = self._ask("ls-remote", "--quiet", "--symref", remote, "HEAD", timeout=_REMOTE_SECONDS)
        named = next((line for line in asked.text.splitlines() if line.startswith("ref: ")), "")
        ref, tip = named.removeprefix("ref: ").partition("\t")[0], _listed(asked).get("HEAD", "")
        if asked.code or not ref or not tip or tip.startswith("ref: "):
            raise RefusedError(
                f"{remote} does not tell its default branch, whose settings count",
                hint=asked.messages or "on the remote, `git symbolic-ref HEAD refs/heads/NAME` names it",
            )
        self._fetch(remote, ref, tip)
        return ref.removeprefix("refs/heads/"), tip

    def _fetch(self, remote: str, ref: str, commit: str) -> None:
        """Fetch a commit that a remote's ref names, if it is not here, and move no ref."""
        if self._has_commit(commit):
            return
        # An empty refmap: the remote-tracking branch is the user's to update; so are submodules and housekeeping.
        quietly = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc")
        self._ask("fetch", *quietly, "--refmap=", remote, ref, timeout=_REMOTE_SECONDS * 5).or_raise()

    def remote_url(self, remote: str) -> str | None:
        """Read a remote's address as configured; `insteadOf` rules, which differ per machine, are left aside."""
        if remote not in self._urls:
            self._urls[remote] = self._ask("config", "--get", f"remote.{remote}.url").text or None
        return self._urls[remote]

    def push_addresses(self, remote: str) -> tuple[str, ...]:
        """List where a push to a remote really goes: `insteadOf` rules and push addresses of its own count."""
        asked = self._ask("remote", "get-url", "--push", "--all", remote)
        return tuple(asked.text.splitlines()) if asked.code == 0 else ()

    def remotes(self) -> tuple[str, ...]:
        """List the remotes by name."""
        return tuple(self._run("remote").splitlines())

    def default_branch(self, remote: str) -> str:
        """Return the default branch: the remote's HEAD, else main or master, else the current branch."""
        place = f"refs/remotes/{remote}/" if remote else "refs/heads/"
        known = self._ask("symbolic-ref", "--quiet", f"{place}HEAD") if remote else None
        if known is not None and known.code == 0:
            return known.text.removeprefix(place)
        listed = {
            ref.removeprefix(place) for ref in self._run("for-each-ref", "--format=%(refname)", place).splitlines()
        }
        usual = next((name for name in ("main", "master") if name in listed), "")
        return usual or self._ask("symbolic-ref", "--quiet", "--short", "HEAD").text

    def tag_names_here(self) -> frozenset[str]:
        """List the tags of this clone."""
        return frozenset(self._run("tag", "--list").splitlines())

    def tags_by_age(self) -> tuple[str, ...]:
        """List the tags of this clone, the oldest first: by the time of the tag, or of its commit without one."""
        return tuple(
            self._run("for-each-ref", "--sort=creatordate", "--format=%(refname:strip=2)", "refs/tags").splitlines()
        )

    def tracks(self, path: str) -> bool:
        """Return whether git tracks anything at or below a path."""
        return bool(self._run("ls-files", "-z", "--", path))

    def untracked_files(self, directory: str) -> tuple[str, ...]:
        """List the files in a directory that git neither tracks nor ignores."""
        listed = self._run("ls-files", "-z", "--others", "--exclude-standard", "--", directory)
        return tuple(filter(None, listed.split("\0")))

    def files_at(self, sha: str) -> tuple[str, ...]:
        """List the plain files of a commit; symbolic links are left out."""
        return tuple(path for path, entry in self.files(sha).entries.items() if entry.mode.startswith("100"))

    def tracked_files(self) -> tuple[str, ...]:
        """List the files that git tracks, relative to the top."""
        return tuple(filter(None, self._run("ls-files", "-z").split("\0")))

    def _has_commit(self, sha: str) -> bool:
        if sha not in self._present and self._ask("cat-file", "-e", f"{sha}^{{commit}}").code == 0:
            self._present.add(sha)
        return sha in self._present

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return self._ask("merge-base", "--is-ancestor", older, newer).code == 0

    def _ask(self, *words: str, timeout: float = 120, stdin: bytes | None = None) -> CompletedProcess:
        return run_unchecked(
            "git", *words, cwd=self.root, env=git_environment(), timeout=timeout, terminal=True, stdin=stdin
        )

    def _run(self, *words: str) -> str:
        return run("git", *words, cwd=self.root, env=git_environment())


class FirstParent(NamedTuple):
    """One commit of a branch: its short name and subject, its first parent (empty for none), and what it changed."""

    title: str
    parent: str
    paths: frozenset[str]


class Entry(NamedTuple):
    """One entry of a commit's tree: its mode in octal digits, and the name of its object."""

    mode: str
    name: str


class CommitFiles:
    """Read the files of one commit: its tree is listed once, and many files are read by one process."""

    def __init__(self, git: Git, sha: str) -> None:
        self._git = git
        self._sha = sha
        self._contents: dict[str, bytes] = {}

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """The commit's files, symbolic links and submodules by their path."""
        listed = self._git._run("ls-tree", "-r", "-z", self._sha)
        found = {}
        for line in filter(None, listed.split("\0")):
            words, _, path = line.partition("\t")
            mode, _, name = words.split()
            found[path] = Entry(mode, name)
        return found

    def __call__(self, path: str) -> bytes | None:
        """Read a file, byte for byte; None if the commit has no such file.

        Raises: RefusedError if it is a symbolic link, which an edit would follow out of the clone.
        """
        return self.read_many([path]).get(path)

    def read_many(self, paths: Iterable[str]) -> Mapping[str, bytes]:
        """Read files by path; files that the commit does not have are left out.

        Raises: RefusedError if one is a symbolic link, which an edit would follow out of the clone.
        """
        names = {path: name for path in paths if (name := self._blob(path))}
        if missing := sorted({*names.values()} - self._contents.keys()):
            self._contents |= self._read_blobs(missing)
        return {path: self._contents[name] for path, name in names.items()}

    def _blob(self, path: str) -> str:
        entry = self.entries.get(normpath(path))
        if entry is None or entry.mode == _SUBMODULE:
            return ""
        if entry.mode == _SYMBOLIC_LINK:
            raise RefusedError(f"{path} is a symbolic link in the commit", hint="commit the file itself in its place")
        return entry.name

    def _read_blobs(self, names: Sequence[str]) -> dict[str, bytes]:
        """Read objects by their names, in one process.

        Source: git's manual, cat-file, batch output: a line with name, type and size in bytes, then the contents.
        """
        asked = "".join(f"{name}\n" for name in names).encode()
        output = self._git._ask("cat-file", "--batch", stdin=asked).or_raise().stdout
        contents, position = {}, 0
        for name in names:
            end = output.index(b"\n", position)
            header = output[position:end].split()
            if header[1] != b"blob":
                raise CommandError(f"git cannot read the object {name}", hint="`git fsck` looks for damage")
            size = int(header[2])
            contents[name] = output[end + 1 : end + 1 + size]
            position = end + 1 + size + 1
        return contents


def _listed(asked: CompletedProcess) -> dict[str, str]:
    """Read where each ref points from `git ls-remote`, whose patterns match the ends of longer names, too."""
    pairs = (line.split("\t", 1) for line in asked.text.splitlines() if "\t" in line)
    return {name: sha for sha, name in pairs}


def _printable(path: str) -> str:
    """Show a path in one line: a file name may hold newlines, and what steers a terminal."""
    return path if path.isprintable() else ascii(path)


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
    """An environment in which git knows no user and no system: no configuration, attributes, hooks or templates.

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
    """Commit these files as they are in the working tree, and nothing else; give the commit's name.

    Those among them that git does not track yet are `new`.

    Raises: CommandError with git's own words, also where a hook refuses.
    """
    if added := tuple(new):
        _git(root, "--literal-pathspecs", "add", "--intent-to-add", "--", *added)
    # Paths are names here, never patterns. Signing and hooks may ask for something on the terminal.
    words = ("--literal-pathspecs", "commit", "--quiet", "--message", message, "--only", "--", *paths)
    run_unchecked("git", *words, cwd=root, env=git_environment(), terminal=True).or_raise()
    return _git(root, "rev-parse", "HEAD")


def switch_to_new_branch(root: Path, branch: str) -> None:
    """Go to a new branch at HEAD, with the working tree as it is.

    Raises: CommandError if there is such a branch.
    """
    _git(root, "switch", "--quiet", "--no-track", "--create", branch)


def leave_new_branch(root: Path, branch: str) -> None:
    """Go back to where one was before, and take a new branch away on which nothing was done."""
    _git(root, "checkout", "--quiet", "-")  # `switch` knows no way back to a commit without a branch
    _git(root, "branch", "--quiet", "--delete", "--", branch)


def push_branch(root: Path, remote: str, branch: str) -> None:
    """Push HEAD to a branch of the remote that does not exist yet.

    Raises: RefusedError if the remote refuses.
    """
    # An empty lease: the branch must not be there.
    done = _push(root, f"--force-with-lease=refs/heads/{branch}:", remote, f"HEAD:refs/heads/{branch}")
    if done.code:
        raise RefusedError(f"{remote} refused the branch {branch}", hint=done.messages)


def create_tag(root: Path, name: str, commit: str, message: str, *, sign: bool) -> None:
    """Make an annotated tag here.

    Raises: RefusedError with git's own words if there is no key to sign with; CommandError for anything else.
    """
    # Without --no-sign a user's tag.gpgSign would sign all the same, or fail for want of a key.
    kind = ("--sign",) if sign else ("--annotate", "--no-sign")
    words = ("tag", *kind, "--message", message, "--", name, commit)
    done = run_unchecked("git", *words, cwd=root, env=git_environment(), terminal=True)
    if done.code and sign:
        raise RefusedError(
            f"git could not sign {name}, so it was not made",
            hint=f"{done.messages}\nset user.signingKey and try `git tag --sign` by hand, or leave --sign out",
        )
    done.or_raise()


def push_tag(root: Path, remote: str, name: str) -> None:
    """Push one tag alone, by its full name; the user's settings of what else a push takes along do not count.

    Raises: RefusedError if the remote refuses.
    """
    ref = f"refs/tags/{name}"
    done = _push(root, remote, f"{ref}:{ref}")
    if done.code:
        raise RefusedError(f"{remote} refused the tag {name}", hint=done.messages)


def delete_tag(root: Path, name: str) -> None:
    """Take a tag away here; one on the remote is never touched."""
    _git(root, "tag", "--delete", name)


def _push(root: Path, *words: str) -> CompletedProcess:
    alone = ("--quiet", "--no-follow-tags", "--recurse-submodules=no")
    return run_unchecked(
        "git", "push", *alone, *words, cwd=root, env=git_environment(), timeout=_PUSH_SECONDS, terminal=True
    )  # fmt: skip


def _git(root: Path, *words: str) -> str:
    return run("git", *words, cwd=root, env=git_environment())
