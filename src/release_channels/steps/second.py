"""The second build of a commit, made beside the first where one run does both `build` and `check`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path

from release_channels.adapters.files import scratch
from release_channels.adapters.process import in_background
from release_channels.errors import FailedError

Build = Callable[[Path], tuple[Path, ...]]


class SecondBuild:
    """A build in a directory of its own, started early and looked at late; it ends with the run's `stack`.

    Two builds at a time meet where a build backend stages its files in a place that both write to. What went wrong
    beside another build is therefore not believed before it went wrong alone.
    """

    def __init__(self, stack: ExitStack, *, wanted: bool) -> None:
        """Keep the stack; `wanted` is whether this run will look at the result."""
        self.is_wanted = wanted
        self._stack = stack
        self._beside = ExitStack()
        self._made: Future[tuple[Path, ...]] | None = None

    @property
    def was_beside(self) -> bool:
        """Whether there is a build that was made beside the first one."""
        return self._made is not None

    def start(self, build: Build) -> None:
        """Begin to build, at the same time as whatever follows."""
        self._stack.push(self._beside)
        place = self._beside.enter_context(scratch("rebuild"))
        self._made = self._beside.enter_context(in_background(lambda: build(place)))

    def give_up(self) -> None:
        """End the build that was started, and forget it."""
        self._made = None
        self._beside.close()

    def result(self, build: Build) -> tuple[Path, ...]:
        """Give the files of the build that was started; where none was, or it failed, build now.

        Raises: what the build raises.
        """
        if self._made is not None:
            with suppress(FailedError):
                return self._made.result()
        return self.alone(build)

    def alone(self, build: Build) -> tuple[Path, ...]:
        """Build now, with no other build at the same time.

        Raises: what the build raises.
        """
        self.give_up()
        return build(self._stack.enter_context(scratch("rebuild")))
