"""Damaged distributions: each kind of damage is named, wherever a distribution is read."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from release_channels.adapters.distributions import read_distribution
from release_channels.errors import FailedError, RefusedError
from release_channels.release.checks import check_release
from release_channels.release.rebuild import explain_difference
from release_channels.release.sdist_normalize import is_normalized, normalize_sdist
from tests.support.distributions import Recipe, make_sdist, make_subject, make_wheel, read_zip, write_zip

RECIPE = Recipe(readme="A tiny project. " * 500)
INFO, ROOT = "demo_tool-1.2.0.dist-info", "demo_tool-1.2.0"


def cut(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace_by(content: bytes) -> Callable[[Path], None]:
    """Write something else."""

    def damage(path: Path) -> None:
        path.write_bytes(content)

    return damage


def invert(path: Path, start: int, count: int) -> None:
    """Invert some bytes of a file."""
    content = bytearray(path.read_bytes())
    for position in range(start, start + count):
        content[position] ^= 0xFF
    path.write_bytes(content)


def corrupt_member(compression: int) -> Callable[[Path], None]:
    """Damage the compressed METADATA of a wheel."""

    def damage(path: Path) -> None:
        write_zip(path, read_zip(path), compression=compression)
        name = f"{INFO}/METADATA".encode()
        invert(path, path.read_bytes().index(name) + len(name) + 8, 20)

    return damage


def repeat_member(name: str) -> Callable[[Path], None]:
    """Write a member of a wheel twice."""

    def damage(path: Path) -> None:
        members = read_zip(path)
        write_zip(path, [*members, *(member for member in members if member[0] == name)])

    return damage


def change_tar(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Damage the tar archive inside the gzip file, which stays intact."""

    def damage(path: Path) -> None:
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()))))

    return damage


def break_second_header(content: bytes) -> bytes:
    """Damage the checksum of the second member's header."""
    start = content.index(f"{ROOT}/pyproject.toml".encode()) + 148
    return content[:start] + b"7777777\0" + content[start + 8 :]


def damage_checksum(path: Path) -> None:
    """Damage the checksum at the end of a gzip file."""
    invert(path, path.stat().st_size - 8, 8)


def add_member(path: Path, member: tarfile.TarInfo, content: bytes) -> None:
    """Write an sdist again, with one more member."""
    with tarfile.open(path) as old:
        kept = [(info, file.read()) for info in old if (file := old.extractfile(info))]
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as new:
        for info, text in [*kept, (member, content)]:
            info.size = len(text)
            new.addfile(info, io.BytesIO(text))


def add_broken_sparse_member(path: Path) -> None:
    """Add a sparse file whose map is not made of numbers."""
    member = tarfile.TarInfo(f"{ROOT}/sparse")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    add_member(path, member, b"no number\n" * 100)


WHEELS: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (cut, "is not a readable wheel"),
    "empty": (replace_by(b""), "is not a readable wheel"),
    "not a zip": (replace_by(b"<html>"), "is not a readable wheel"),
    "corrupt stored member": (corrupt_member(zipfile.ZIP_STORED), "is not a readable wheel"),
    "corrupt deflate": (corrupt_member(zipfile.ZIP_DEFLATED), "is not a readable wheel"),
    "corrupt bzip2": (corrupt_member(zipfile.ZIP_BZIP2), "compressed in a way"),
    "corrupt lzma": (corrupt_member(zipfile.ZIP_LZMA), "compressed in a way"),
    "repeated metadata": (repeat_member(f"{INFO}/METADATA"), "contains"),
}
SDISTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (cut, "is not a readable sdist"),
    "empty": (replace_by(b""), "is not a readable sdist"),
    "not gzip": (replace_by(b"<html>"), "is not a readable sdist"),
    "not tar": (replace_by(gzip.compress(b"text" * 500)), "is not a readable sdist"),
    "wrong checksum": (damage_checksum, "is not a readable sdist"),
    "tar cut in a member": (change_tar(lambda tar: tar[:700]), "is not a readable sdist"),
    "tar cut in a header": (change_tar(lambda tar: tar[: tar.index(b"pyproject") + 99]), "is not a readable sdist"),
    "tar without its end": (change_tar(lambda tar: tar.rstrip(b"\0")[:-1]), "is not a readable sdist"),
    "corrupt header": (change_tar(break_second_header), "is not a readable sdist"),
    "corrupt sparse member": (add_broken_sparse_member, "is not a readable sdist"),
    "repeated metadata": (
        lambda path: add_member(path, tarfile.TarInfo(f"{ROOT}/PKG-INFO"), RECIPE.metadata().encode()),
        "contains",
    ),
}
DAMAGED = [
    *(pytest.param(make_wheel, *case, id=f"wheel, {name}") for name, case in WHEELS.items()),
    *(pytest.param(make_sdist, *case, id=f"sdist, {name}") for name, case in SDISTS.items()),
]
damaged = pytest.mark.parametrize(("make", "damage", "reason"), DAMAGED)


@damaged
def test_the_reader_of_metadata_refuses_it(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    """The index server and the check before an upload refuse the file by its name."""
    path = make(tmp_path, RECIPE)
    read_distribution(path)
    damage(path)
    with pytest.raises(RefusedError, match=reason) as caught:
        read_distribution(path)
    assert path.name in str(caught.value)
    assert caught.value.hint


@damaged
def test_the_checks_report_it(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    """The check of a release has a finding for the file."""
    path = make(tmp_path, RECIPE)
    damage(path)
    found = check_release(make_subject(tmp_path, [path]))
    matching = [finding for finding in found if finding.file == path.name and reason in finding.message]
    assert matching, found
    assert all(finding.hint for finding in matching)


@damaged
def test_the_comparison_of_two_builds_reports_it(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    """A second build that is damaged differs in what users would get."""
    first, second = make(tmp_path / "first", RECIPE), make(tmp_path / "second", RECIPE)
    damage(second)
    for one, other in ((first, second), (second, first)):
        difference = explain_difference(one, other)
        assert difference.is_weighty, difference


UNREADABLE_SDISTS = {name: damage for name, (damage, reason) in SDISTS.items() if "readable" in reason}


@pytest.mark.parametrize("damage", UNREADABLE_SDISTS.values(), ids=UNREADABLE_SDISTS)
def test_a_damaged_sdist_is_not_normalized(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """What cannot be read to its end would be written again without the rest."""
    path = make_sdist(tmp_path, RECIPE)
    normalize_sdist(path, 0)
    damage(path)
    with pytest.raises(FailedError, match=rf"{path.name} is not a readable sdist"):
        is_normalized(path, 0)
