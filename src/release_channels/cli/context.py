"""Open the project of a commit, and an index: the start of every session and task."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters.actions_env import read_actions, read_rehearsal
from release_channels.adapters.git import Git
from release_channels.adapters.index import (
    DEFAULT,
    LOCAL,
    Credentials,
    Index,
    answer_seconds,
    read_index,
    remote_index,
    upstream_url,
)
from release_channels.adapters.observe import read_tag
from release_channels.adapters.tool_lock import warn_on_version_mismatch
from release_channels.errors import RefusedError, UsageError
from release_channels.model.config import Config
from release_channels.model.github import repository_name
from release_channels.model.observed import UNSHALLOW, Commit, IndexState
from release_channels.model.tags import ReachableTags, counted_tags, release_tags
from release_channels.project.files import Read
from release_channels.project.pyproject import PYPROJECT, Project, parse_project

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub


def open_project(
    git: Git, commit: Commit, *, index: str = LOCAL, env: Mapping[str, str] = os.environ, config: Config | None = None
) -> Project:
    """Read the project of a commit; if its version comes from git tags, from the tags at that commit.

    `config` are other settings than the commit's own.

    For any index but the local one a tag counts only if the remote has it, on the same commit.

    Raises: RefusedError for a project that cannot be released, and for a clone whose history is cut off above the tag.
    """
    read = git.files(commit.sha)
    project = parse_project(read(PYPROJECT), PYPROJECT, read=read)
    if config is not None:
        project = replace(project, config=config)
    if project.config.directory not in ("", git.directory):
        raise RefusedError(
            f"`directory` in [tool.release-channels] is {project.config.directory}, and this is {git.root}",
            hint="start there, or take the setting out of the project of this directory",
        )
    if project.source.is_written:
        return project
    tag_format = project.config.tag_format
    if index == LOCAL:
        return project.with_tags(reachable_tags(git, commit.sha, tag_format))
    here = _releases_here(git, commit.sha, tag_format)
    before = counted_tags(tag_format, git.tags_before(commit.sha))
    exact = _newest_shared(git, commit, project, here, env)
    if exact is not None:
        return project.with_tags(ReachableTags(exact=exact, nearest=exact))
    if git.is_shallow():
        raise RefusedError(
            f"the version of {project.name} lives in git tags, but this clone is shallow: it may lack the newest tag",
            hint=UNSHALLOW,
        )
    return project.with_tags(ReachableTags(nearest=_newest_shared(git, commit, project, before, env)))


def reachable_tags(git: Git, revision: str, tag_format: str) -> ReachableTags:
    """Find the tags of this clone that determine a commit's version."""
    here = _releases_here(git, revision, tag_format)
    return ReachableTags(_newest(here), _newest(counted_tags(tag_format, git.tags_before(revision))))


def _releases_here(git: Git, revision: str, tag_format: str) -> Mapping[Version, str]:
    """Return the release tags on a commit that its build takes the version from."""
    names = set(git.tags_at(revision))
    counted = counted_tags(tag_format, {*names, *git.tags_before(revision)})
    here = release_tags(tag_format, names, counted)
    return {version: name for version, name in here.items() if counted.get(version) == name}


def _newest(tags: Mapping[Version, str]) -> str | None:
    return tags[max(tags)] if tags else None


def _newest_shared(
    git: Git, commit: Commit, project: Project, tags: Mapping[Version, str], env: Mapping[str, str]
) -> str | None:
    """Return the newest tag that the remote has on the same commit; every tag counts where there is no remote."""
    remote = project.config.remote
    listed = git.find_refs(remote) if tags and git.remote_url(remote) else None
    for version in sorted(tags, reverse=True):
        here = git.local_tag(tags[version], commit.sha)
        there = read_tag(git, tags[version], commit, project.config, env, listed)
        if here is not None and there is not None and here.commit == there.commit:
            return tags[version]
    return None


def find_index(name: str, project: Project, env: Mapping[str, str]) -> Index:
    """Find an index that is not the local one.

    Raises: UsageError for an unknown name.
    """
    return remote_index(
        name, project.uv_indexes, in_actions=read_actions(env).runs, rehearsal=read_rehearsal(env),
        patience=answer_seconds(env),
    )  # fmt: skip


@contextmanager
def open_index(
    name: str, project: Project, root: Path, env: Mapping[str, str], *, offline: bool = False
) -> Iterator[Index]:
    """Find an index by name; the local one is served until the block ends.

    Raises: UsageError for an unknown name.
    """
    if name != LOCAL:
        yield find_index(name, project, env)
        return
    with open_local_index(project, root, None if offline else upstream_url(env)) as index:
        yield index


@contextmanager
def open_local_index(
    project: Project, root: Path, upstream: str | None, port: int = 0, page: Callable[[Index], str] | None = None
) -> Iterator[Index]:
    """Serve the local index of a project, with the project's limits, for as long as the block takes.

    `page` gives the HTML page of its root address.

    Raises: RefusedError if the port is taken.
    """
    from release_channels.adapters.local_index_history import local_index_dir
    from release_channels.indexserver.server import serve
    from release_channels.indexserver.upload_rules import Limits

    opened: list[Index] = []
    with serve(
        local_index_dir(root), project=project.name, upstream=upstream, limits=Limits.of(project.config), port=port,
        front=(lambda: page(opened[0])) if page else None,
    ) as running:  # fmt: skip
        opened.append(
            Index(
                LOCAL, running.simple_url, running.upload_url, Credentials.NONE,
                own_url=running.own_url, warnings=running.warnings,
            )
        )  # fmt: skip
        yield opened[0]


def read_local_index(project: Project, root: Path, upstream: str | None) -> Index:
    """Return the local index for reading alone: without a server, which would be a third of a task."""
    from release_channels.adapters.local_index_history import local_index_dir
    from release_channels.indexserver.merged import MergedIndex

    merged = MergedIndex(local_index_dir(root), project.normalized_name, upstream)
    return Index(
        LOCAL, "", "", Credentials.NONE,
        warnings=merged.warnings, list_files=merged.files, path_of=merged.path_of,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaskContext:
    """The repository, commit, project and index of one task."""

    git: Git
    commit: Commit
    project: Project
    index: Index
    env: Mapping[str, str]
    why_practice: str = ""
    """Why the index is the local one, where nobody named one."""

    @property
    def root(self) -> Path:
        """The top of the working tree."""
        return self.git.root

    @property
    def config(self) -> Config:
        """The project's settings."""
        return self.project.config

    @property
    def read(self) -> Read:
        """The function that reads a file of the commit."""
        return self.git.files(self.commit.sha)

    def working_tree(self) -> tuple[Project, Read]:
        """Read the project from the working tree, and return it with the function that reads its files.

        Raises: RefusedError for a project that cannot be released.
        """
        from release_channels.adapters.edits import reader

        read = reader(self.git)
        return parse_project(read(PYPROJECT), PYPROJECT, read=read), read

    def read_index(self) -> IndexState:
        """Read the project's releases."""
        return read_index(self.index, self.project.name)

    def tags(self, released: Collection[Version] = ()) -> dict[Version, str]:
        """Return the release tags, here and on the remote, by version; `released` are the versions on the index."""
        return release_tags(self.config.tag_format, self.git.tag_names(self.config.remote), released)

    @property
    def repository(self) -> str | None:
        """The repository on GitHub, `owner/name`; None if there is none."""
        return repository_name(self.config.repository, self.git.remote_url(self.config.remote), self.env)

    def github(self, *, is_screen: bool = False) -> GitHub | None:
        """Connect to the repository on GitHub; None if it has none. A screen waits less for what does not answer."""
        from release_channels.adapters.github import ON_A_SCREEN, connect

        pauses = ON_A_SCREEN if is_screen else None
        return connect(self.repository, self.env, pauses=pauses) if self.repository else None


def _name_correction(git: Git, commit: Commit, stop: RefusedError) -> RefusedError:
    """Return the refusal of a commit's project; where the working tree has it right, committing that is what helps."""
    from release_channels.adapters.edits import reader

    if _parses(git.files(commit.sha)) or not _parses(reader(git)):
        return stop
    message = f"commit {commit.short}: {stop}"
    return RefusedError(message, hint="commit what corrects that in the working tree: a release is of a commit")


def _parses(read: Read) -> bool:
    try:
        parse_project(read(PYPROJECT), PYPROJECT, read=read)
    except RefusedError:
        return False
    return True


@contextmanager
def open_context(
    root: Path,
    env: Mapping[str, str],
    *,
    index: str = "",
    revision: str = "HEAD",
    offline: bool = False,
) -> Iterator[TaskContext]:
    """Open everything that a task looks at; without a name the index is the local one while the project practises.

    With `offline` no index but the local one is read.

    Raises: RefusedError where there is no repository, commit or project; UsageError for an unknown index.
    """
    if offline and index not in ("", LOCAL):
        raise UsageError(f"--offline reads no index but the local one, not {index}", hint="leave one of them out")
    index = LOCAL if offline else index
    git = Git.open(root)
    warn_on_version_mismatch(root)
    commit, why = git.commit(revision), ""
    try:
        project = open_project(git, commit, index=index or LOCAL, env=env)
    except RefusedError as stop:
        raise _name_correction(git, commit, stop) from stop
    if not index:
        from release_channels.cli.practice import why_practice

        why = why_practice(git, project.config, env)
        index = LOCAL if why else DEFAULT
        project = open_project(git, commit, index=index, env=env)
    if index == LOCAL:
        opened = read_local_index(project, root, None if offline else upstream_url(env))
    else:
        opened = find_index(index, project, env)
    yield TaskContext(git, commit, project, opened, env, why)
