"""Remove the environments that uv created in the user's cache for the jobs' scripts."""

from __future__ import annotations

import shutil
from pathlib import Path

_NOTE = "environments.txt"

NOTE = (
    'trap \'for rehearsal_script in $(grep -ls "^# /// script" ./*.py); do '
    f'uv python find --script "$rehearsal_script" 2>/dev/null; done >> "$REHEARSAL_LOCKS/{_NOTE}" || :\' EXIT'
)
"""The line of bash by which each step notes them: afterwards nobody could tell which are the rehearsal's.

Source: uv's documentation of `uv python find --script`: it gives the Python of a script's environment, if there is one.
"""


def remove_noted(locks: Path, cache: Path) -> None:
    """Remove the noted environments in uv's cache, and nothing outside of it."""
    note = locks / _NOTE
    pythons = note.read_text(encoding="utf-8").splitlines() if note.exists() else []
    for environment in {Path(python).parent.parent.resolve() for python in pythons}:
        if environment.parent.parent == cache.resolve() and environment.parent.name.startswith("environments-"):
            shutil.rmtree(environment, ignore_errors=True)


PREFIX = "PYTHONPYCACHEPREFIX"
"""The variable that leads every Python to one directory. Source: Python's documentation of it."""
_HERE = f'"${PREFIX}$GITHUB_WORKSPACE"'
_SHARED = f'"${PREFIX}/environments"'

SHARE = (
    f'if [ "${{{PREFIX}-}}" ] && [ "${{GITHUB_WORKSPACE-}}" ] && [ ! -L {_HERE}/.venv ]; then '
    f"mkdir -p {_HERE} {_SHARED}; ln -s {_SHARED} {_HERE}/.venv; fi"
)
"""The line of bash by which the environments that jobs make in `.venv` have one place for what is compiled.

Python takes what lies there only where the file's time and size are those of the source. Source: PEP 3147, PEP 552.
Two jobs may compile at once: a file is put there whole.
"""
