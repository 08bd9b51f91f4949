"""Read everything that a decision depends on, once, from git and the index."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from packaging.version import Version

from release_channels.adapters.distributions import project_urls
from release_channels.adapters.git import Git, RemoteRefs
from release_channels.adapters.index import LOCAL, Index, fetch_metadata, read_index
from release_channels.adapters.process import run_pair
from release_channels.adapters.trusted_settings import require_default_branch_settings, require_same
from release_channels.errors import RefusedError
from release_channels.model.config import Config
from release_channels.model.decide import Request
from release_channels.model.github import repository_name
from release_channels.model.observed import Commit, IndexState, Observed, Preview, Relation, Tag
from release_channels.model.tags import tag_of
from release_channels.model.version import Channel, final_of, preview_of
from release_channels.project.commit_url import commit_of
from release_channels.project.pyproject import PYPROJECT, Project

if TYPE_CHECKING:
    from release_channels.adapters.github.client import GitHub


def observe(
    git: Git,
    project: Project,
    commit: Commit,
    index: Index,
    request: Request,
    *,
    asks_main: bool = True,
    env: Mapping[str, str] = os.environ,
) -> Observed:
    """Read git and the index for one request; without `asks_main` the commit is known to be on main.

    Raises: RefusedError if the index does not answer, or neither the remote nor GitHub's API.
    """
    # Side by side: one waits for the network, the other for the disk.
    state, uncommitted = run_pair(lambda: read_index(index, project.name), git.uncommitted)
    kept = {}
    if index.name == LOCAL:
        from release_channels.adapters.local_index_history import published_commits

        kept = published_commits(git.root, project.name)
    final = final_of(project.version)
    config = project.config

    def preview(version: Version | None) -> Preview | None:
        return _preview(git, index, state, kept, commit, version)

    tag: Tag | None = None
    if request.channel is Channel.PUBLIC:
        tag = read_tag(git, request.tag, commit, config, env)
    elif final in state.releases:
        tag = git.tag(tag_of(config.tag_format, final), commit.sha, config.remote)
    asked = preview_of(project.version, request.run + config.run_offset) if request.run else None
    on_main = None
    if asks_main and (index.name != LOCAL or (request.channel is Channel.PUBLIC and git.remote_url(config.remote))):
        on_main = relation_to_main(git, commit, config, env)
    return Observed(
        project=project.name,
        version=project.version,
        commit=commit,
        index=state,
        is_written=project.source.is_written,
        is_normal=not project.source.plan(project.version),
        on_main=on_main,
        tag=tag,
        newest_preview=preview(state.newest_preview()),
        same_version=preview(asked if asked in state.releases else None),
        local_commits=kept,
        uncommitted=uncommitted,
        is_shallow=git.is_shallow(),
    )


def relation_to_main(git: Git, commit: Commit, config: Config, env: Mapping[str, str]) -> Relation:
    """Return how a commit relates to the remote's current main branch, by git, otherwise by GitHub's API.

    The commit's own settings name that branch, so they must be those of the remote's default branch.

    Raises: RefusedError if neither answers, or the settings differ.
    """
    listed = git.list_remote(config.remote)
    try:
        tip = git.remote_tip(config.remote, config.main_branch, listed)
    except RefusedError as stop:
        if listed.is_answered:
            require_default_branch_settings(
                git, config, listed
            )  # a branch that is not there is the smaller of the two errors
            raise
        with _through_api(git, config, env, stop) as github:
            compared = github.compare(config.main_branch, commit.sha)
            content = github.default_file(PYPROJECT)
        require_same(config, content, f"the default branch of {github.repository}")
    else:
        require_default_branch_settings(git, config, listed)
        return git.relation(commit.sha, tip)
    return Relation.ANCESTOR if compared.contains_head else Relation.UNKNOWN


def read_tag(
    git: Git,
    name: str | None,
    commit: Commit,
    config: Config,
    env: Mapping[str, str],
    listed: RemoteRefs | None = None,
) -> Tag | None:
    """Find a release tag on the remote, or in this clone if there is no remote.

    `listed` is an earlier listing of the remote's refs.

    Raises: RefusedError if neither the remote nor GitHub's API answers.
    """
    if name is None:
        return None
    if not git.remote_url(config.remote):
        return git.local_tag(name, commit.sha)
    listed = listed or git.find_refs(config.remote)
    tag = git.remote_tag(name, commit.sha, config.remote, listed)
    if tag is not None or listed.is_answered:
        return tag
    stop = RefusedError(f"the tags of {config.remote} cannot be read", hint=_KEEP)
    with _through_api(git, config, env, stop) as github:
        there = github.find_tag(name)
    return Tag(name, there.sha, git.relation(commit.sha, there.sha), annotated=there.annotated) if there else None


@contextmanager
def _through_api(git: Git, config: Config, env: Mapping[str, str], stop: RefusedError) -> Iterator[GitHub]:
    """Query GitHub what git could not read: the job of a private repository may keep no credentials for git.

    Raises: `stop` where there is no GitHub to ask, and with GitHub's reason if it says no.
    """
    from release_channels.adapters.github import connect

    # The commit's own word comes last: it is the commit that is judged here.
    name = repository_name("", git.remote_url(config.remote), env) or config.repository
    if not name:
        raise stop
    with connect(name, env) as github:
        try:
            yield github
        except RefusedError as err:
            raise RefusedError(f"{stop}, nor through its API: {err}", hint=f"{stop.hint}\n{_KEEP}".strip()) from err


_KEEP = "let the job's checkout keep its credentials, or give the job GITHUB_TOKEN with `contents: read`"


def _preview(
    git: Git, index: Index, state: IndexState, kept: Mapping[Version, str], commit: Commit, version: Version | None
) -> Preview | None:
    """Find the commit that a preview was built from, and the relation of this commit to it."""
    if version is None:
        return None
    sha = kept.get(version) or _commit_on_index(index, state, version)
    return Preview(version, sha, git.relation(commit.sha, sha) if sha else Relation.UNKNOWN)


def _commit_on_index(index: Index, state: IndexState, version: Version) -> str | None:
    """Read the commit out of the metadata that the index serves; wheels first, since most indexes serve only theirs."""
    for file in sorted(state.releases[version], key=lambda file: not file.name.endswith(".whl")):
        metadata = fetch_metadata(index, file)
        if metadata is not None:
            return commit_of(project_urls(metadata))
    return None
