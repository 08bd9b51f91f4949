"""Where Python keeps what it has compiled: jobs come and go, and most of what they import is the same. Pure."""

from __future__ import annotations

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
