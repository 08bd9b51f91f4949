"""The invoke tasks: what a maintainer does by hand. `release-channels` is the same list as a program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.program import Program
from invoke.tasks import task

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


@task(help={"port": "the port to listen on; without it the system picks a free one"})
def index(context: Context, port: str = "") -> None:
    """Keep the local index open, to install from it by hand, until Ctrl-C."""
    from release_channels.keep_open import keep_open, parse_port

    with reporting():
        keep_open(Path.cwd(), parse_port(port), dry_run=context.config.run.dry)


ns = Collection(index)


def main() -> None:
    """Run a task by its name: the console script."""
    Program(name="release-channels", namespace=ns, version=version("release-channels")).run()
