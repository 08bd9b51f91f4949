"""The second build of a commit, made beside the first where one run does both `build` and `check`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

from release_channels.process import in_background
from release_channels.world.files import scratch

Build = Callable[[Path], tuple[Path, ...]]


class SecondBuild:
    """A build in a directory of its own, started early and looked at late; it ends with the run's `stack`."""

    def __init__(self, stack: ExitStack, *, wanted: bool) -> None:
        """Keep the stack; `wanted` is whether this run will look at the result."""
        self.is_wanted = wanted
        self._stack = stack
        self._made: Future[tuple[Path, ...]] | None = None

    def start(self, build: Build) -> None:
        """Begin to build, at the same time as whatever follows."""
        place = self._stack.enter_context(scratch("rebuild"))
        self._made = self._stack.enter_context(in_background(lambda: build(place)))

    def result(self, build: Build) -> tuple[Path, ...]:
        """Give the files of the build that was started; where none was, build now.

        Raises: what the build raised.
        """
        if self._made is None:
            return build(self._stack.enter_context(scratch("rebuild")))
        return self._made.result()
