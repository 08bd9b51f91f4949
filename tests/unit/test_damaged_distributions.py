"""Damaged distributions: each kind of damage is reported wherever a distribution is read."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.version import Version

from release_channels.adapters.archive_guard import refuse_unsafe_archive
from release_channels.adapters.distributions import (
    Bounds,
    UnreadableError,
    read_distribution,
    read_members,
    sha256_of,
)
from release_channels.errors import FailedError, RefusedError
from release_channels.model.manifest import Manifest, ManifestFile
from release_channels.model.version import Channel
from release_channels.release.checks.all_checks import check_release
from release_channels.release.checks.archive import read_archive
from release_channels.release.rebuild import explain_difference
from release_channels.release.sdist_normalize import is_normalized, normalize_sdist
from release_channels.release.upload_guard import verify_before_upload
from tests.support.distributions import Recipe, make_check_context, make_sdist, make_wheel, read_zip, record, write_zip

RECIPE = Recipe(readme="A tiny project. " * 500)
INFO, ROOT = "demo_tool-1.2.0.dist-info", "demo_tool-1.2.0"


def cut(path: Path) -> None:
    """Keep the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replace_content(content: bytes) -> Callable[[Path], None]:
    """Overwrite the file."""

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
    "empty": (replace_content(b""), "is not a readable wheel"),
    "not a zip": (replace_content(b"<html>"), "is not a readable wheel"),
    "corrupt stored member": (corrupt_member(zipfile.ZIP_STORED), "is not a readable wheel"),
    "corrupt deflate": (corrupt_member(zipfile.ZIP_DEFLATED), "is not a readable wheel"),
    "corrupt bzip2": (corrupt_member(zipfile.ZIP_BZIP2), "compressed in a way"),
    "corrupt lzma": (corrupt_member(zipfile.ZIP_LZMA), "compressed in a way"),
    "repeated metadata": (repeat_member(f"{INFO}/METADATA"), "contains"),
}
SDISTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "truncated": (cut, "is not a readable sdist"),
    "empty": (replace_content(b""), "is not a readable sdist"),
    "not gzip": (replace_content(b"<html>"), "is not a readable sdist"),
    "not tar": (replace_content(gzip.compress(b"text" * 500)), "is not a readable sdist"),
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
def test_the_metadata_reader_refuses_a_damaged_file(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    """The index server and the check before an upload read metadata with it."""
    path = make(tmp_path, RECIPE)
    read_distribution(path)
    damage(path)
    with pytest.raises(RefusedError, match=reason) as caught:
        read_distribution(path)
    assert path.name in str(caught.value)
    assert caught.value.hint


@damaged
def test_the_checks_report_a_damaged_file(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    path = make(tmp_path, RECIPE)
    damage(path)
    found = check_release(make_check_context(tmp_path, [path]))
    matching = [finding for finding in found if finding.file == path.name and reason in finding.message]
    assert matching, found
    assert all(finding.hint for finding in matching)


@damaged
def test_the_build_comparison_reports_a_damaged_file(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    first, second = make(tmp_path / "first", RECIPE), make(tmp_path / "second", RECIPE)
    damage(second)
    for one, other in ((first, second), (second, first)):
        difference = explain_difference(one, other)
        assert difference.is_weighty, difference


UNREADABLE_SDISTS = {name: damage for name, (damage, reason) in SDISTS.items() if "readable" in reason}


@pytest.mark.parametrize("damage", UNREADABLE_SDISTS.values(), ids=UNREADABLE_SDISTS)
def test_a_damaged_sdist_is_not_normalized(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    """Writing it again would lose the unreadable rest."""
    path = make_sdist(tmp_path, RECIPE)
    normalize_sdist(path, 0)
    damage(path)
    with pytest.raises(FailedError, match=rf"{path.name} is not a readable sdist"):
        is_normalized(path, 0)


def rename_member(old: str, new: str) -> Callable[[Path], None]:
    """Write a wheel again with one member renamed; RECORD stays as it was."""

    def damage(path: Path) -> None:
        write_zip(path, [(new if name == old else name, content) for name, content in read_zip(path)])

    return damage


def add_to_sdist(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> Callable[[Path], None]:
    """Write an sdist again with one more member."""

    def damage(path: Path) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        add_member(path, member, b"")

    return damage


def change_metadata(old: str, new: str) -> Callable[[Path], None]:
    """Write a wheel again with another METADATA, and a RECORD that matches it."""

    def damage(path: Path) -> None:
        contents = {name: content for name, content in read_zip(path) if not name.endswith("RECORD")}
        metadata = contents[f"{INFO}/METADATA"]
        contents[f"{INFO}/METADATA"] = metadata.replace(old.encode(), new.encode(), 1)
        assert contents[f"{INFO}/METADATA"] != metadata
        write_zip(path, [*contents.items(), (f"{INFO}/RECORD", record(contents, INFO).encode())])

    return damage


def change_code(path: Path) -> None:
    """Write other code into a wheel than RECORD lists."""
    write_zip(path, [(name, b"evil" if name.endswith("cli.py") else content) for name, content in read_zip(path)])


def with_long_version(path: Path) -> None:
    """Use a version in the name of the dist-info directory that Python does not parse as a number."""
    make_wheel(path.parent, file_name=path.name, version="1." + "9" * 5000)


CLI = "demo_tool/cli.py"
UNSAFE_WHEELS: dict[str, tuple[Callable[[Path], None], str]] = {
    "climbs": (rename_member(CLI, "../../cli.py"), "contains a path that leads out"),
    "climbs by backslashes": (rename_member(CLI, "demo_tool\\..\\..\\cli.py"), "contains a path that leads out"),
    "absolute": (rename_member(CLI, "/etc/cron.d/cli.py"), "contains a path that leads out"),
    "a drive": (rename_member(CLI, "C:/cli.py"), "contains a path that leads out"),
    "twice": (repeat_member(CLI), "more than once"),
    "other code": (change_code, "RECORD has another hash or size"),
    "unrecorded": (rename_member(CLI, "demo_tool/other.py"), "RECORD leaves out"),
    "no RECORD": (rename_member(f"{INFO}/RECORD", f"{INFO}/RECORD.txt"), "RECORD leaves out"),
    "5,000 digits": (change_metadata("Version: 1.2.0", "Version: 1." + "9" * 5000), "core metadata in"),
    "NUL in the version": (change_metadata("Version: 1.2.0", "Version: 1.2\0"), "core metadata in"),
    "NUL in the name": (change_metadata("Name: demo-tool", "Name: demo\0tool"), "core metadata in"),
    "a dist-info of 5,000 digits": (with_long_version, "of another release"),
}  # fmt: skip
UNSAFE_SDISTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "climbs": (add_to_sdist(f"{ROOT}/../../x"), "contains a path that leads out"),
    "absolute": (add_to_sdist("/x"), "contains a path that leads out"),
    "link out": (add_to_sdist(f"{ROOT}/x", tarfile.SYMTYPE, "../../etc/passwd"), "contains a link that leads out"),
    "absolute link": (add_to_sdist(f"{ROOT}/x", tarfile.SYMTYPE, "/etc/passwd"), "contains a link that leads out"),
    "hard link out": (add_to_sdist(f"{ROOT}/x", tarfile.LNKTYPE, "../x"), "contains a link that leads out"),
    "pipe": (add_to_sdist(f"{ROOT}/x", tarfile.FIFOTYPE), "contains a device, a pipe"),
    "twice": (add_to_sdist(f"{ROOT}/pyproject.toml"), "more than once"),
}
UNSAFE = [
    *(pytest.param(make_wheel, *case, id=f"wheel, {name}") for name, case in (WHEELS | UNSAFE_WHEELS).items()),
    *(pytest.param(make_sdist, *case, id=f"sdist, {name}") for name, case in (SDISTS | UNSAFE_SDISTS).items()),
]


@pytest.mark.parametrize(("make", "damage", "reason"), UNSAFE)
def test_the_upload_guard_refuses_a_damaged_file(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], damage: Callable[[Path], None], reason: str
) -> None:
    """It reads the whole file, because the build's job may have run no checks."""
    path = make(tmp_path / "dist", RECIPE)
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    assert verify_before_upload(manifest_of(path), path.parent, tmp_path / "good")
    damage(path)
    with pytest.raises(RefusedError) as caught:
        verify_before_upload(manifest_of(path), path.parent, tmp_path / "bad")
    assert reason in str(caught.value)
    assert path.name in str(caught.value)
    assert caught.value.hint


def manifest_of(path: Path) -> Manifest:
    """Build a manifest of one file."""
    file = ManifestFile(path.name, path.stat().st_size, sha256_of(path))
    return Manifest(Channel.PUBLIC, "demo-tool", Version("1.2.0"), "a" * 40, None, {}, (file,))


@pytest.mark.parametrize("bounds", [Bounds(members=1), Bounds(size=2000)], ids=["members", "bytes"])
@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_distribution_above_the_bounds_is_refused(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], bounds: Bounds
) -> None:
    """Before the rest is read."""
    path = make(tmp_path, RECIPE)
    with pytest.raises(UnreadableError, match=f"{path.name} contains more than"):
        [sum(map(len, pieces)) for _, pieces in read_members(path, bounds)]


def test_a_large_member_is_read_in_pieces(tmp_path: Path) -> None:
    """Memory does not grow with a member, in the checks and in the upload guard."""
    path = make_wheel(tmp_path, RECIPE, files={"demo_tool/zeros.bin": bytes(64 * 2**20)})
    write_zip(path, read_zip(path))
    tracemalloc.start()
    try:
        refuse_unsafe_archive(path)
        read_archive(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_an_oversized_text_member_is_refused(tmp_path: Path) -> None:
    """The checks read a key file or METADATA only up to a limit."""
    path = make_wheel(tmp_path, RECIPE, files={"demo_tool/key.pem": bytes(65 * 2**20)})
    write_zip(path, read_zip(path))
    with pytest.raises(UnreadableError, match=r"key\.pem is larger than"):
        read_archive(path)
