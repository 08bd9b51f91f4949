"""Why two builds of the same commit differ, in words."""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

_Facts = dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs, in one sentence, and whether users would get something else: other members or other contents."""

    words: str
    is_weighty: bool = False


def explain_difference(one: Path, other: Path) -> Difference:
    """Say what differs between two builds of one distribution, beginning with the weightiest."""
    read = _read_wheel if one.name.endswith(".whl") else _read_sdist
    first, second = read(one), read(other)
    alone = sorted(first.keys() ^ second.keys())
    if alone:
        return Difference(f"{alone[0]} is in only one of them", is_weighty=True)
    for name, (digest, _) in first.items():
        if digest != second[name][0]:
            return Difference(f"the contents of {name} differ", is_weighty=True)
    for name, (_, dress) in first.items():
        if dress != second[name][1]:
            return Difference(f"{name} carries {dress} in one and {second[name][1]} in the other")
    if list(first) != list(second):
        return Difference("their members stand in another order")
    return Difference("they are packed differently (compression, or the time in the archive's own header)")


def _read_wheel(path: Path) -> _Facts:
    with zipfile.ZipFile(path) as archive:
        return {
            info.filename: (
                hashlib.sha256(archive.read(info)).hexdigest(),
                f"time {info.date_time}, mode {info.external_attr >> 16:o}",
            )
            for info in archive.infolist()
        }


def _read_sdist(path: Path) -> _Facts:
    facts: _Facts = {}
    with tarfile.open(path, "r:gz") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
            facts[member.name] = (digest, f"time {member.mtime}, mode {member.mode:o}, owner {member.uid}:{member.gid}")
    return facts
