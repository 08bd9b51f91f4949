"""Look at a project: its working tree, git, and one question to GitHub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from release_channels.adapters.git import Git
from release_channels.adapters.github import Pauses, connect
from release_channels.adapters.github.errors import NotFoundError
from release_channels.errors import ReleaseError
from release_channels.model.github import repository_name
from release_channels.model.verification import WORKFLOWS
from release_channels.setup.found import LOCK_SUFFIX, TASKS_PACKAGE, Found
from release_channels.setup.noxfile import NOXFILE, OWN
from release_channels.setup.tasksfile import TASKS
from release_channels.setup.tree import Tree


def look_at(root: Path, env: Mapping[str, str], *, asks_github: bool = True) -> Found:
    """Look at a project.

    Raises: RefusedError where there is no repository, or no project that can be released.
    """
    git, tree = Git.open(root), Tree(root)
    project = tree.project()
    remotes = git.remotes()
    remote = _choose(remotes, project.config.remote)
    url = git.remote_url(remote) if remote else None
    repository = repository_name(project.config.repository, url, {})
    tasks_path = TASKS_PACKAGE if not (root / TASKS).exists() and (root / TASKS_PACKAGE).exists() else TASKS
    names = (NOXFILE, OWN, tasks_path, ".gitignore", *(f"{name}{LOCK_SUFFIX}" for name in (NOXFILE, OWN)))
    return Found(
        project=project,
        remote=remote,
        repository=repository,
        branch=git.default_branch(remote) or project.config.main_branch,
        tags=git.tag_names_here(),
        files={name: tree.text(name) for name in names},
        workflows=read_workflows(tree),
        has_tests=any((root / name).is_dir() for name in ("tests", "test")) or any(root.glob("test_*.py")),
        has_uv_lock=(root / "uv.lock").exists(),
        is_private=_is_private(repository, env) if repository and asks_github else None,
        tasks_path=tasks_path,
    )


def read_workflows(tree: Tree) -> dict[str, str]:
    """Read every workflow file of a working tree.

    Raises: RefusedError for one that cannot be read.
    """
    directory = tree.root / WORKFLOWS
    files = sorted(path for path in directory.glob("*.y*ml") if path.suffix in (".yml", ".yaml"))
    texts = {f"{WORKFLOWS}/{path.name}": tree.text(f"{WORKFLOWS}/{path.name}") for path in files}
    return {path: text for path, text in texts.items() if text is not None}


def _choose(remotes: tuple[str, ...], configured: str) -> str:
    if configured in remotes:
        return configured
    return next((name for name in ("origin", "upstream") if name in remotes), next(iter(remotes), ""))


def _is_private(repository: str, env: Mapping[str, str]) -> bool | None:
    """Ask GitHub once; what hides from whoever asks is private."""
    try:
        with connect(repository, env, pauses=Pauses(reads=())) as hub:
            return hub.settings.repository()[0]
    except NotFoundError:
        return True
    except ReleaseError:  # no network, no right to ask: the workflow files say what was assumed
        return None
