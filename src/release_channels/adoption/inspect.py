"""Read everything about a project that an adoption depends on. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from release_channels.adapters.files import locate, repository_top
from release_channels.adapters.git import Git
from release_channels.adoption.tasks_file import TASKS
from release_channels.cli.context import reachable_tags
from release_channels.errors import RefusedError, ReleaseError
from release_channels.model.config import Config
from release_channels.model.github import repository_name
from release_channels.model.session_names import NOXFILE, OWN_NOXFILE
from release_channels.model.tags import guess_format, release_tags
from release_channels.model.verification import WORKFLOWS
from release_channels.project.plan_edits import bumped_files, unlisted_copies
from release_channels.project.pyproject import PYPROJECT, Project, parse_project
from release_channels.project.unlisted_copies import UnlistedCopy

TASKS_PACKAGE = "tasks/__init__.py"
LOCK_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class ProjectSnapshot:
    """Everything about a project that an adoption depends on; the text of a missing file is None."""

    project: Project
    remote: str
    """The remote that contains the main branch, empty where there is none."""
    repository: str | None
    branch: str
    """The default branch, as the remote or the checkout tells it."""
    tags: tuple[str, ...]
    """The tags of this clone, the oldest first."""
    files: Mapping[str, str | None]
    """The files that may be written, by path: noxfiles, tasks, .gitignore."""
    workflows: Mapping[str, str]
    has_tests: bool
    has_uv_lock: bool
    is_private: bool | None
    """True if the repository on GitHub is private; None where that cannot be known."""
    has_submodules: bool = False
    directory: str = ""
    """The project's directory below the top of the repository."""
    tasks_path: str = TASKS
    unlisted: tuple[UnlistedCopy, ...] = ()
    """The copies of the version that no setting lists."""
    bumped: Callable[[], tuple[str, ...]] = tuple
    """Returns the files that the commit of a `bump` changes."""

    @property
    def pyproject(self) -> Mapping[str, Any]:
        """The parsed pyproject.toml."""
        return tomllib.loads(self.project.text)


def inspect_project(
    root: Path, env: Mapping[str, str], *, git: Git | None = None, asks_github: bool = True
) -> ProjectSnapshot:
    """Read a project, with its repository where that is open already.

    Raises: RefusedError where there is no repository, or no project that can be released.
    """
    git, tree = git or Git.open(root, adopts=True), Tree(root)
    project = tree.project()
    remotes = git.remotes()
    remote = _choose(remotes, project.config.remote)
    url = git.remote_url(remote) if remote else None
    repository = repository_name(project.config.repository, url, {})
    tasks_path = TASKS_PACKAGE if not (root / TASKS).exists() and (root / TASKS_PACKAGE).exists() else TASKS
    names = (
        NOXFILE,
        OWN_NOXFILE,
        tasks_path,
        ".gitignore",
        *(f"{name}{LOCK_SUFFIX}" for name in (NOXFILE, OWN_NOXFILE)),
    )
    tags = git.tags_by_age()
    project = _with_version(project, git, tags)
    finals = release_tags(project.config.tag_format, tags)
    return ProjectSnapshot(
        project=project,
        remote=remote,
        repository=repository,
        branch=git.default_branch(remote) or project.config.main_branch,
        tags=tags,
        files={name: tree.text(name) for name in names},
        workflows=read_workflows(tree),
        has_tests=any((root / name).is_dir() for name in ("tests", "test")) or any(root.glob("test_*.py")),
        has_uv_lock=(root / "uv.lock").exists(),
        is_private=_is_private(repository, env) if repository and asks_github else None,
        has_submodules=(repository_top(root) / ".gitmodules").is_file(),
        directory=git.directory,
        tasks_path=tasks_path,
        unlisted=unlisted_copies(project, tree.read, git.tracked_files(), finals=finals),
        bumped=partial(bumped_files, project, tree.read),
    )


def _with_version(project: Project, git: Git, tags: Sequence[str]) -> Project:
    """Return the project with the version that HEAD has by its tags, where no file contains it.

    Their format is the configured one, or the one that `init` is going to set.
    """
    if project.source.is_written or not tags:
        return project
    configured = project.config.tag_format
    tag_format = (
        guess_format(project.name, tags, git.directory) if configured == Config().tag_format else None
    ) or configured
    return project.with_tags(reachable_tags(git, git.commit("HEAD").sha, tag_format), tag_format)


def read_workflows(tree: Tree) -> dict[str, str]:
    """Read every workflow file of a working tree.

    Raises: RefusedError for one that cannot be read.
    """
    directory = locate(tree.root, WORKFLOWS)
    files = sorted(path for path in directory.glob("*.y*ml") if path.suffix in (".yml", ".yaml"))
    texts = {f"{WORKFLOWS}/{path.name}": tree.text(f"{WORKFLOWS}/{path.name}") for path in files}
    return {path: text for path, text in texts.items() if text is not None}


def _choose(remotes: tuple[str, ...], configured: str) -> str:
    if configured in remotes:
        return configured
    return next((name for name in ("origin", "upstream") if name in remotes), next(iter(remotes), ""))


def _is_private(repository: str, env: Mapping[str, str]) -> bool | None:
    """Query GitHub once; what hides from whoever asks is private."""
    from release_channels.adapters.github import Pauses, connect
    from release_channels.adapters.github.errors import NotFoundError

    try:
        with connect(repository, env, pauses=Pauses(reads=())) as github:
            return github.settings.repository()[0]
    except NotFoundError:
        return True
    except ReleaseError:  # no network, no right to ask: the workflow files say what was assumed
        return None


@dataclass(frozen=True, slots=True)
class Tree:
    """A directory that contains a project."""

    root: Path

    def read(self, path: str) -> bytes | None:
        """Read a file's bytes; None if it does not exist.

        Raises: RefusedError if it cannot be read.
        """
        try:
            return locate(self.root, path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as err:
            raise RefusedError(f"{path} cannot be read: {err.strerror or err}", hint="fix it") from err

    def text(self, path: str) -> str | None:
        """Read a text file, including its line endings; None if it does not exist.

        Raises: RefusedError if it is not UTF-8.
        """
        content = self.read(path)
        if content is None:
            return None
        try:
            return content.decode("utf-8")
        except UnicodeDecodeError as err:
            raise RefusedError(
                f"{path} is not UTF-8: byte {err.start} cannot be read", hint="save it as UTF-8"
            ) from err

    def project(self) -> Project:
        """Read the project.

        Raises: RefusedError for a project that cannot be released, or where there is none.
        """
        return parse_project(self.read(PYPROJECT), PYPROJECT, read=self.read)
