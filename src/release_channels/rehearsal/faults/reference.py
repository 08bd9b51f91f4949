"""The table of faults for the documentation. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from release_channels.rehearsal.faults.run import FAULTS

_FILE, _TAG = "public-release.yml", "vX.Y.Z"


def fault_rows() -> Iterator[str]:
    """Return a Markdown row for each fault."""
    for fault in FAULTS:
        then = fault.then.format(file=_FILE, tag=_TAG).replace("gh workflow", "`gh workflow")
        then += "`" if "`gh workflow" in then else ""
        yield f"| `{fault.name}` | {fault.what} | {then or '-'} | {fault.end} |"
