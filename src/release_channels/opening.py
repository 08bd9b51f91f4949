"""Open what every session and task begins with: the project of a commit, and an index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from release_channels.observed import Commit
from release_channels.project.pyproject import PYPROJECT, Project, parse_project
from release_channels.project.tags import ReachableTags
from release_channels.tags import release_tags
from release_channels.world.actions import read_actions, read_rehearsal
from release_channels.world.git import Git
from release_channels.world.index import LOCAL, Credentials, Index, answer_seconds, remote_index, upstream_url
from release_channels.world.kept import local_files


def open_project(git: Git, commit: Commit) -> Project:
    """Read the project as a commit holds it; where its version lives in git tags, from the tags at that commit.

    Raises: RefusedError for a project that cannot be released.
    """
    read = partial(git.read_file, commit.sha)
    project = parse_project(read(PYPROJECT), PYPROJECT, read=read)
    if project.source.is_written:
        return project
    tag_format = project.config.tag_format
    here = release_tags(tag_format, git.tags_at(commit.sha))
    before = release_tags(tag_format, git.tags_before(commit.sha))
    return project.with_tags(
        ReachableTags(
            exact=here[max(here)] if here else None, nearest=before[max(before)] if before else None
        )
    )  # fmt: skip


@contextmanager
def open_index(
    name: str, project: Project, root: Path, env: Mapping[str, str], *, offline: bool = False
) -> Iterator[Index]:
    """Find an index by name; the local one is served for as long as the block takes.

    Raises: UsageError for an unknown name.
    """
    if name != LOCAL:
        yield remote_index(
            name, project.uv_indexes, in_actions=read_actions(env).runs, rehearsal=read_rehearsal(env),
            patience=answer_seconds(env),
        )  # fmt: skip
        return
    from release_channels.indexserver.server import serve

    upstream = None if offline else upstream_url(env)
    with serve(local_files(root), project=project.name, upstream=upstream) as running:
        yield Index(
            LOCAL, running.simple_url, running.upload_url, Credentials.NONE,
            own_url=running.own_url, warnings=running.warnings,
        )  # fmt: skip
