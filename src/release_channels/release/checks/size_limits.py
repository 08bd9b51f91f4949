"""Find what exceeds the index's limits: the size of a file or project, or the compression ratio. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from release_channels.model.findings import Finding
from release_channels.release.checks.archive import Archive
from release_channels.release.checks.context import CheckContext, error, warning

_MIB = 1 << 20
_GIB = 1 << 30
_RATIO_FROM = 64 * _MIB
_RATIO = 50
_CLOSE = 0.9  # share of the limit


def readable(size: int) -> str:
    """Format a size in bytes as GiB, MiB or bytes."""
    if size >= _GIB:
        return f"{size / _GIB:.2f} GiB"
    return f"{size / _MIB:.1f} MiB" if size >= _MIB // 10 else f"{size} bytes"


def check_file_size(subject: CheckContext, name: str, size: int) -> Iterator[Finding]:
    """Find a file above the size limit in bytes.

    Source: the index's upload limit, which its administrators raise for a project on request.
    """
    if size > subject.file_limit:
        message = f"has {readable(size)}, the limit for a file is {readable(subject.file_limit)}"
        yield error(name, message, "leave out what users do not need, or ask the index for a higher limit")


def check_project_size(subject: CheckContext, sizes: Iterable[int]) -> Iterator[Finding]:
    """Find a project whose total size exceeds its limit with this release, or almost does.

    Source: the index's project limit; yanked files count, and only deleting frees anything.
    """
    after = subject.project_bytes + sum(sizes)
    limit = subject.project_limit
    state = f"with this release the project has {readable(after)} on the index, its limit is {readable(limit)}"
    hint = "delete old previews in the index's web pages (yanking frees nothing), or ask for a higher limit"
    if after > limit:
        yield error("", state, hint)
    elif after > limit * _CLOSE:
        yield warning("", state, hint)


def check_ratio(archive: Archive) -> Iterator[Finding]:
    """Find an archive with a compression ratio that the index rejects as a decompression bomb.

    Source: the index refuses a compression ratio above 50 from 64 MiB on.
    """
    unpacked = sum(member.size for member in archive.members)
    if unpacked > _RATIO_FROM and unpacked > _RATIO * archive.size:
        message = f"unpacks from {readable(archive.size)} to {readable(unpacked)}, more than {_RATIO} times its size"
        hint = "leave out the large file that compresses so well, or make it at run time"
        yield error(archive.name, message, hint)
