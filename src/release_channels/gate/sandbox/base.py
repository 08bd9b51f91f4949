"""The interface of a sandbox: foreign commands run in it without a key, a token, or access to processes with one.

Bubblewrap and Daytona implement it; a container could do so as well.
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
_PROCESSES = 1024


@dataclass(frozen=True, slots=True)
class Contents:
    """The read-only directories of a sandbox, and what is installed in it.

    `environment` contains the installed candidate, for a sandbox on this machine; any other installs `requirement`
    from the wheelhouse. `more` are further directories by their name in the sandbox.
    """

    wheelhouse: Path
    requirement: str
    environment: Path
    python_directories: tuple[Path, ...]
    """The directories of the environment's interpreter."""
    more: Mapping[str, Path] = field(default_factory=dict)


class Sandbox(Protocol):
    """A sandbox whose directory `work` is empty at first and lasts from command to command."""

    @property
    def root(self) -> PurePosixPath:
        """The directory that contains `work`, `wheelhouse`, `candidate` and the rest."""

    @property
    def results(self) -> Path | None:
        """Return the working directory, or None if it is not on this machine; its links must not be followed."""

    def run(self, words: Sequence[str], *, seconds: float, keep: int) -> Excerpt:
        """Run a command in `work` and keep `keep` bytes of its output; `code` is None if a limit ended it.

        Raises: FailedError if the sandbox itself fails.
        """

    def put(self, name: str, content: bytes) -> None:
        """Write a file into `work`."""


class Sandboxes(Protocol):
    """Creates sandboxes of one kind."""

    @property
    def name(self) -> str:
        """The name of the kind in the report."""

    def open(self, contents: Contents | None) -> AbstractContextManager[Sandbox]:
        """Create a sandbox, an empty one without contents, and remove it when the block ends."""


def sandbox_environment(root: PurePosixPath) -> dict[str, str]:
    """Return the whole environment of a command in a sandbox: it inherits nothing from this process."""
    return {
        "PATH": f"{root / CANDIDATE / 'bin'}:{_PATH}",
        "HOME": str(root / WORK),
        "LANG": "C.UTF-8",
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(root / WHEELHOUSE),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "NO_COLOR": "1",
    }


def limited(words: Sequence[str], gate: GateConfig, running_threads: int = 0) -> list[str]:
    """Limit a command's memory per process, its processes, and the size of one file: a quarter of the disk limit.

    `running_threads` is the number of other threads that count against the limit of processes.

    Source: POSIX, ulimit, in units of 512 bytes for files; the rest as dash and bash have it, in KiB.
    """
    processes = _PROCESSES + running_threads
    script = (
        f"ulimit -c 0 && ulimit -f {max(gate.max_disk // 4 // 512, 1)} && ulimit -v {max(gate.max_memory // 1024, 1)}"
        # In braces, since a limit in a subshell ends with it. Without the limit, nothing runs.
        f' && {{ ulimit -u {processes} 2>/dev/null || ulimit -p {processes}; }} && exec "$@"'
    )
    return ["/bin/sh", "-c", script, "sh", *words]


def size_of(directory: Path) -> int:
    """Return the size of a directory's content in bytes, without following links."""
    total = 0
    for here, _, names in os.walk(directory, onerror=None, followlinks=False):
        for name in names:
            try:
                total += os.lstat(os.path.join(here, name)).st_blocks * 512  # noqa: PTH118 - names may be of any bytes
            except OSError:  # deleted meanwhile
                continue
    return total


def pack(directory: Path) -> bytes:
    """Pack a directory as a compressed tar archive, for a sandbox on another machine."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(directory, arcname=".")
    return packed.getvalue()


def over_the_limit(what: str, size: int, limit: int) -> FailedError:
    """Return the error for a sandbox that contains more bytes than its limit."""
    return FailedError(
        f"the sandbox contains {size} bytes in {what}, more than the {limit} that it may",
        hint="see trajectory.jsonl for what wrote them; tool.release-channels.gate.max-disk is the limit",
    )
