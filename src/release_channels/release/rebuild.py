"""Build a commit a second time, parallel to the first build, if a run has both `build` and `check`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from release_channels.adapters.distributions import read_members, sha256_of_pieces
from release_channels.adapters.files import temporary_directory
from release_channels.adapters.process import background
from release_channels.errors import FailedError, RefusedError

Build = Callable[[Path], tuple[Path, ...]]


class ConcurrentRebuild:
    """A second build in its own directory, started in parallel and compared later; closed with the run's `stack`.

    Two builds at a time meet where a build backend stages its files in a directory that both write to. A failure next
    to another build is therefore not believed before the build failed alone.
    """

    def __init__(self, stack: ExitStack) -> None:
        """Keep the stack that ends with the run."""
        self._stack = stack
        self._concurrent = ExitStack()
        self._made: Future[tuple[Path, ...]] | None = None

    @property
    def was_concurrent(self) -> bool:
        """Check whether the second build ran parallel to the first."""
        return self._made is not None

    def start(self, build: Build) -> None:
        """Start the second build in the background."""
        self._stack.push(self._concurrent)
        directory = self._concurrent.enter_context(temporary_directory("rebuild"))
        self._made = self._concurrent.enter_context(background(lambda: build(directory)))

    def give_up(self) -> None:
        """Stop the second build, and discard it."""
        self._made = None
        self._concurrent.close()

    def result(self, build: Build) -> tuple[Path, ...]:
        """Return the files of the second build; if it was not started or failed, build now.

        Raises: what the build raises.
        """
        if self._made is not None:
            with suppress(FailedError):
                return self._made.result()
        return self.alone(build)

    def alone(self, build: Build) -> tuple[Path, ...]:
        """Build now, without a parallel build.

        Raises: what the build raises.
        """
        self.give_up()
        return build(self._stack.enter_context(temporary_directory("rebuild")))


_Facts = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference in words, and whether it changes the members or contents that users get."""

    words: str
    is_weighty: bool = False


def explain_difference(path: Path, other: Path) -> Difference:
    """Describe the differences between two builds of a distribution, the most serious first."""
    try:
        first, second = _facts(path), _facts(other)
    except RefusedError as err:
        return Difference(f"they cannot be compared: {err}", is_weighty=True)
    alone = sorted(first.keys() ^ second.keys())
    if alone:
        return Difference(f"{alone[0]} is in only one of them", is_weighty=True)
    for name, (digest, _) in first.items():
        if digest != second[name][0]:
            return Difference(f"the contents of {name} differ", is_weighty=True)
    for name, (_, attributes) in first.items():
        if attributes != second[name][1]:
            return Difference(f"{name} carries {attributes} in one and {second[name][1]} in the other")
    if list(first) != list(second):
        return Difference("their members are in another order")
    return Difference("they are packed differently (compression, or the time in the archive's own header)")


def _facts(path: Path) -> _Facts:
    """Read the digest and the attributes of each member; a link has its target instead of a digest.

    Raises: RefusedError if the file is damaged, or contains a name more than once.
    """
    facts: _Facts = {}
    for member, pieces in read_members(path):
        if member.name in facts:
            raise RefusedError(f"{path.name} contains {member.name} more than once")
        facts[member.name] = (member.target or sha256_of_pieces(pieces).hex(), member.attributes)
    return facts
