"""The maintainer's tasks, from their options to their outcome."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

from invoke.exceptions import Exit

from release_channels.adapters import console
from release_channels.cli.context import TaskContext, open_context
from release_channels.cli.run import reporting, run_task
from release_channels.commands import bump as bumping
from release_channels.commands.resume import resume as finish_release
from release_channels.commands.status import read_status, show_status
from release_channels.commands.tag import TagRequest
from release_channels.commands.tag import tag as make_tag
from release_channels.commands.yank import yank as show_yank


def bump(root: Path, to: str, part: str, commit: bool, pull_request: bool, index: str, *, dry_run: bool) -> None:
    """Make main's dev version final."""
    request = bumping.BumpRequest(to, part, commit, pull_request)
    today = datetime.now(UTC).date()
    run_task(root, _context(root, index), lambda context: bumping.bump(context, request, today=today, dry_run=dry_run))


def bump_dev(root: Path, to: str, part: str, commit: bool, pull_request: bool, index: str, *, dry_run: bool) -> None:
    """Open the next dev line."""
    request = bumping.BumpRequest(to, part, commit, pull_request)
    run_task(root, _context(root, index), lambda context: bumping.bump_dev(context, request, dry_run=dry_run))


def tag(
    root: Path, commit: str, version: str, sign: bool, wait: bool, watch: bool, index: str, *, dry_run: bool
) -> None:
    """Cut a public release."""
    request = TagRequest(version, sign, wait, watch)
    run_task(root, _context(root, index, commit), lambda context: make_tag(context, request, dry_run=dry_run))


def status(root: Path, index: str, *, as_json: bool) -> None:
    """Show where the project stands; leave with 1 where something waits to be done."""
    with reporting(root), _context(root, index) as context:
        found = read_status(context)
        if as_json:
            console.result(found.to_json())
        else:
            show_status(found)
    if not found.next.converged:
        raise Exit(code=1)


def resume(root: Path, tag: str, index: str, *, dry_run: bool) -> None:
    """Finish a public release, or without an index show what there is to do."""
    with reporting(root), _context(root, index or "pypi") as context:
        outcome = finish_release(context, tag, acts=bool(index), dry_run=dry_run)
    if not outcome.result.is_good:
        raise Exit(code=1)


def yank(root: Path, version: str, reason: str, index: str) -> None:
    """Describe how to take a bad release back."""
    run_task(root, _context(root, index), lambda context: show_yank(context, version, reason=reason))


def _context(root: Path, index: str, revision: str = "HEAD") -> AbstractContextManager[TaskContext]:
    return open_context(root, os.environ, index=index, revision=revision)
