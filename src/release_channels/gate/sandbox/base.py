"""A sandbox: where foreign commands run without a key, a token, or a way to the processes that have one.

Bubblewrap and Daytona have this shape; a container would need nothing more.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from release_channels.adapters.process import Excerpt
from release_channels.errors import FailedError
from release_channels.model.gate_config import GateConfig

WORK, WHEELHOUSE, CANDIDATE = "work", "wheelhouse", "candidate"
_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Contents:
    """What a sandbox is made with: directories of this machine by the name that they have there, all read-only.

    `environment` is where the candidate is installed, for a sandbox that can take it as it is; another one installs
    `requirement` out of the wheelhouse.
    """

    wheelhouse: Path
    requirement: str
    environment: Path
    python_places: tuple[Path, ...]
    """Where the environment's interpreter comes from."""
    more: Mapping[str, Path] = field(default_factory=dict)

    def with_more(self, **directories: Path) -> Contents:
        """Return the same contents with more directories."""
        return Contents(
            self.wheelhouse, self.requirement, self.environment, self.python_places, {**self.more, **directories}
        )


class Sandbox(Protocol):
    """A place with an empty directory `work` that lasts from command to command, and the contents beside it."""

    @property
    def place(self) -> PurePosixPath:
        """The directory in which `work`, `wheelhouse`, `candidate` and the rest are found."""

    @property
    def results(self) -> Path | None:
        """`work` as a directory of this machine, if it is one; whoever reads it follows no links."""

    def run(self, words: Sequence[str], *, seconds: float, keep: int) -> Excerpt:
        """Run a command in `work` and keep that many bytes of its output; `code` is None if it was ended by us.

        Raises: FailedError if the sandbox itself does not do its part.
        """

    def put(self, name: str, content: bytes) -> None:
        """Write a file into `work`."""


class Sandboxes(Protocol):
    """Makes sandboxes of one kind."""

    @property
    def name(self) -> str:
        """What they are called on the screen."""

    def open(self, contents: Contents | None) -> AbstractContextManager[Sandbox]:
        """Make a sandbox, without contents an empty one, and take it away when the block ends."""


def sandbox_environment(place: PurePosixPath) -> dict[str, str]:
    """The whole environment of a command in a sandbox: nothing of this process comes along."""
    return {
        "PATH": f"{place / CANDIDATE / 'bin'}:{_PATH}",
        "HOME": str(place / WORK),
        "LANG": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(place / WHEELHOUSE),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }


def limited(words: Sequence[str], gate: GateConfig, beside: int = 0) -> list[str]:
    """Put a command under the limits of memory per process, of processes, and of one file: a quarter of the disk.

    `beside` is how many threads the system counts with its own.

    Source: POSIX, ulimit, in units of 512 bytes for files; the rest as dash and bash have it, in KiB.
    """
    processes = _PROCESSES + beside
    script = (
        f"ulimit -c 0 && ulimit -f {max(gate.max_disk // 4 // 512, 1)} && ulimit -v {max(gate.max_memory // 1024, 1)}"
        # In braces: what a subshell limits, it limits for itself alone. Without the limit, nothing runs.
        f' && {{ ulimit -u {processes} 2>/dev/null || ulimit -p {processes}; }} && exec "$@"'
    )
    return ["/bin/sh", "-c", script, "sh", *words]


_PROCESSES = 1024


def size_of(directory: Path) -> int:
    """Add up what a directory holds, in bytes, without following a link."""
    total = 0
    for here, _, names in os.walk(directory, onerror=None, followlinks=False):
        for name in names:
            try:
                total += os.lstat(os.path.join(here, name)).st_blocks * 512  # noqa: PTH118 - names may be of any bytes
            except OSError:  # it went away while we looked
                continue
    return total


def pack(directory: Path) -> bytes:
    """Pack a directory as a tar archive, for a sandbox that is not on this machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(directory, arcname=".")
    return packed.getvalue()


def over_the_limit(what: str, size: int, limit: int) -> FailedError:
    """Report that a sandbox contains more than it may."""
    return FailedError(
        f"the sandbox contains {size} bytes in {what}, more than the {limit} that it may",
        hint="see trajectory.jsonl for what wrote them; tool.release-channels.gate.max-disk is the limit",
    )
