"""Normalize timestamps, owners and modes so that sdists are reproducible."""

from __future__ import annotations

import gzip
import struct
import tarfile
import time
from pathlib import Path

from release_channels.adapters.distributions import DAMAGED, open_sdist
from release_channels.errors import FailedError

_MODES = (0o644, 0o755)
# A time before git itself is a constant of the backend, and no clock's.
_BEFORE_GIT = 1_104_537_600
_WAIT = 10.0  # seconds
# Pax headers come before the plain fields, so those of a clock or an account must go with them.
_VARYING_HEADERS = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname"}


def wait_past_commit_second(epoch: int) -> None:
    """Wait until the second `epoch` is over, if that is soon.

    A build in the very second of its commit would pass its own clock off as the commit's time.
    """
    left = epoch + 1 - time.time()
    if 0 < left < _WAIT:
        time.sleep(left)


def is_normalized(sdist: Path, epoch: int) -> bool:
    """Check whether an sdist is free of build times and user accounts.

    Times must be `epoch` (seconds) or a constant, owners 0, modes 644 or 755; contents are not looked at.

    Raises: FailedError if the file is not a readable archive.
    """
    try:
        with sdist.open("rb") as stream:
            packed_at = struct.unpack("<I", stream.read(8)[4:8])[0]
        with open_sdist(sdist) as archive:
            return _is_normalized_time(packed_at, epoch) and all(
                _is_normalized_member(member, epoch) for member in archive
            )
    except DAMAGED as err:
        raise FailedError(f"{sdist.name} is not a readable sdist: {err}", hint="does its build backend work?") from err


def normalize_sdist(sdist: Path, epoch: int) -> None:
    """Rewrite an sdist in place: sorted members, owner 0, modes 644 or 755, every time `epoch` (seconds).

    Source: reproducible builds, SOURCE_DATE_EPOCH specification; the sdist format is the PyPA's.
    """
    normalized = sdist.with_name(f".{sdist.name}.normalized")
    with (
        open_sdist(sdist) as old,
        normalized.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=raw, mtime=epoch) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        # Hard links come last: what they link to has to be unpacked by then.
        for member in sorted(old.getmembers(), key=lambda member: (member.islnk(), member.name)):
            content = old.extractfile(member) if member.isreg() else None
            new.addfile(_normalized_member(member, epoch), content)
    normalized.replace(sdist)


def _is_normalized_time(seconds: float, epoch: int) -> bool:
    return seconds == epoch or seconds < _BEFORE_GIT


def _is_normalized_member(member: tarfile.TarInfo, epoch: int) -> bool:
    return (
        _is_normalized_time(member.mtime, epoch)
        and member.uid == member.gid == 0
        and member.uname in ("", "root")
        and member.gname in ("", "root")
        and (member.mode in _MODES or not member.isreg())
    )


def _normalized_member(member: tarfile.TarInfo, epoch: int) -> tarfile.TarInfo:
    executable = member.isdir() or member.mode & 0o100
    normalized = member.replace(
        mtime=epoch, mode=_MODES[bool(executable)], uid=0, gid=0, uname="", gname="", deep=False
    )
    normalized.pax_headers = {key: text for key, text in member.pax_headers.items() if key not in _VARYING_HEADERS}
    return normalized
