"""The one reader: everything that a decision rests on, read once from git and the index."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from release_channels.config import Config
from release_channels.decide import Request
from release_channels.observed import Commit, IndexState, Observed, Preview, Relation, Tag
from release_channels.process import both
from release_channels.project.commit_url import commit_of
from release_channels.project.pyproject import Project
from release_channels.tags import tag_of
from release_channels.version import Channel, final_of, preview_of
from release_channels.world.distributions import project_urls
from release_channels.world.git import Git
from release_channels.world.index import LOCAL, Index, fetch_metadata, read_index
from release_channels.world.kept import kept_commits


def observe(
    git: Git, project: Project, commit: Commit, index: Index, request: Request, *, asks_main: bool = True
) -> Observed:
    """Read git and the index for one request; without `asks_main` the commit is known to be on main.

    Raises: RefusedError if the index does not answer.
    """
    # Side by side: one waits for the network, the other for the disk.
    state, uncommitted = both(lambda: read_index(index, project.name), git.uncommitted)
    kept = kept_commits(git.root, project.name) if index.name == LOCAL else {}
    final = final_of(project.version)
    config = project.config

    def preview(version: Version | None) -> Preview | None:
        return _preview(git, index, state, kept, commit, version)

    tag: Tag | None = None
    if request.channel is Channel.PUBLIC:
        tag = read_tag(git, request.tag, commit, config)
    elif final in state.releases:
        tag = git.tag(tag_of(config.tag_format, final), commit.sha, config.remote)
    asked = preview_of(project.version, request.run + config.run_offset) if request.run else None
    on_main = None
    if asks_main and (index.name != LOCAL or (request.channel is Channel.PUBLIC and git.remote_url(config.remote))):
        on_main = git.relation(commit.sha, git.remote_tip(config.remote, config.main_branch))
    return Observed(
        project=project.name,
        version=project.version,
        commit=commit,
        index=state,
        is_normal=not project.source.plan(project.version),
        on_main=on_main,
        tag=tag,
        newest_preview=preview(state.newest_preview()),
        same_version=preview(asked if asked in state.releases else None),
        kept=kept,
        uncommitted=uncommitted,
    )


def read_tag(git: Git, name: str | None, commit: Commit, config: Config) -> Tag | None:
    """Find a release tag: on the remote, whose word counts, or here where there is no remote."""
    if name is None:
        return None
    if git.remote_url(config.remote):
        return git.remote_tag(name, commit.sha, config.remote)
    return git.tag(name, commit.sha, config.remote)


def _preview(
    git: Git, index: Index, state: IndexState, kept: Mapping[Version, str], commit: Commit, version: Version | None
) -> Preview | None:
    """Find the commit that a preview was built from, and how the commit at hand stands to it."""
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
