"""What a project is like before it adopts the tool, or after. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release_channels.project.pyproject import Project
from release_channels.setup.tasksfile import TASKS

TASKS_PACKAGE = "tasks/__init__.py"
LOCK_SUFFIX = ".lock"


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that an adoption depends on; texts are None where there is no such file."""

    project: Project
    remote: str
    """The remote that holds the main branch, empty where there is none."""
    repository: str | None
    branch: str
    """The default branch, as the remote or the checkout tells it."""
    tags: frozenset[str]
    files: Mapping[str, str | None]
    """The files that may be written, by path: noxfiles, tasks, .gitignore."""
    workflows: Mapping[str, str]
    has_tests: bool
    has_uv_lock: bool
    is_private: bool | None
    """Whether the repository on GitHub is private; None where that cannot be known."""
    tasks_path: str = TASKS

    @property
    def pyproject(self) -> Mapping[str, Any]:
        """The parsed pyproject.toml."""
        return tomllib.loads(self.project.text)
