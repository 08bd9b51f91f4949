"""What every task looks at before it plans: the repository, the project, the real index, and GitHub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from packaging.version import Version

from release_channels.adapters.edits import reader
from release_channels.adapters.git import Git
from release_channels.adapters.github import GitHub, connect
from release_channels.adapters.index import Index, read_index
from release_channels.adapters.tool_lock import warn_of_another
from release_channels.model.config import Config
from release_channels.model.github import repository_name
from release_channels.model.observed import Commit, IndexState
from release_channels.model.tags import release_tags
from release_channels.opening import open_index, open_project
from release_channels.project.pyproject import PYPROJECT, Project, parse_project
from release_channels.project.sources.base import Read


@dataclass(frozen=True, slots=True)
class Desk:
    """The world of one task; the index is the real one unless another was asked for."""

    git: Git
    commit: Commit
    project: Project
    index: Index
    env: Mapping[str, str]

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
        """Read a file as the commit holds it."""
        return partial(self.git.read_file, self.commit.sha)

    def working_tree(self) -> tuple[Project, Read]:
        """Read the project as it stands in the working tree, and give what reads the other files of it.

        Raises: RefusedError for a project that cannot be released.
        """
        read = reader(self.git)
        return parse_project(read(PYPROJECT), PYPROJECT, read=read), read

    def read_index(self) -> IndexState:
        """Read the project's releases."""
        return read_index(self.index, self.project.name)

    def tags(self) -> dict[Version, str]:
        """Give the release tags, here and on the remote, by version."""
        return release_tags(self.config.tag_format, self.git.tag_names(self.config.remote))

    def github(self) -> GitHub | None:
        """Connect to the repository on GitHub, if it is there."""
        name = repository_name(self.config.repository, self.git.remote_url(self.config.remote), self.env)
        return connect(name, self.env) if name else None


@contextmanager
def sit_down(root: Path, env: Mapping[str, str], *, index: str = "pypi", revision: str = "HEAD") -> Iterator[Desk]:
    """Open everything that a task looks at.

    Raises: RefusedError where there is no repository, commit or project; UsageError for an unknown index.
    """
    git = Git.open(root)
    warn_of_another(root)
    commit = git.commit(revision)
    project = open_project(git, commit, index=index, env=env)
    with open_index(index, project, root, env) as opened:
        yield Desk(git, commit, project, opened, env)
