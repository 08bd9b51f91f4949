"""The one place where a task's error becomes a sentence and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from invoke.exceptions import Exit

from release_channels import console
from release_channels.errors import ReleaseError


@contextmanager
def reporting() -> Iterator[None]:
    """Report a ReleaseError once, in plain words, and leave with its exit code."""
    try:
        yield
    except ReleaseError as stop:
        console.error(stop)
        raise Exit(code=stop.exit_code) from stop
