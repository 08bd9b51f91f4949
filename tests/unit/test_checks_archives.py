"""How archives are read, and what is wrong with how they are built."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release_channels.adapters.distributions import Kind, Member, MemberKind, UnreadableError, has_programs
from release_channels.errors import RefusedError
from release_channels.model.findings import Finding, Severity
from release_channels.release.checks.archive import Archive, read_archive
from release_channels.release.checks.contents import check_contents
from release_channels.release.checks.size_limits import check_ratio, readable
from tests.support.distributions import Recipe, make_sdist, make_wheel, read_zip, write_zip

INFO = "demo_tool-1.2.0.dist-info"


def complaint(path: Path) -> Finding:
    """Give the one finding about how an archive is built."""
    (finding,) = check_contents(read_archive(path))
    assert finding.severity is Severity.ERROR
    assert finding.file == path.name
    assert finding.hint
    return finding


PROGRAMS: dict[str, tuple[dict[str, Any], bool]] = {
    "console script": ({}, True),
    "gui script": ({"scripts": {}, "instead": {"entry_points.txt": "[x]\na = b\n\n[gui_scripts]\na = b:c\n"}}, True),
    "ready-made": ({"scripts": {}, "files": {"demo_tool-1.2.0.data/scripts/demo": b"\x7fELF"}}, True),
    "library": ({"scripts": {}}, False),
    "plugin": ({"scripts": {}, "instead": {"entry_points.txt": "[console_scripts]\n\n[pytest11]\na = b\n"}}, False),
    "data": ({"scripts": {}, "files": {"demo_tool-1.2.0.data/data/demo": ""}}, False),
}


@pytest.mark.parametrize(("changes", "expected"), PROGRAMS.values(), ids=PROGRAMS)
def test_a_wheel_with_a_program_is_a_tool(tmp_path: Path, changes: dict[str, Any], expected: bool) -> None:
    """`uv tool install` takes nothing else, so users of a library are told another command."""
    assert has_programs(make_wheel(tmp_path, Recipe(**changes))) is expected


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_good_archive_has_no_findings(tmp_path: Path, make: Callable[[Path, Recipe], Path]) -> None:
    """What the recipe makes is built as it should be."""
    assert list(check_contents(read_archive(make(tmp_path, Recipe())))) == []


def test_an_archive_is_read_into_values(tmp_path: Path) -> None:
    """Members, texts and metadata are all there after one read."""
    archive = read_archive(make_wheel(tmp_path, Recipe()))
    assert archive.kind is Kind.WHEEL
    assert archive.dist_infos == (INFO,)
    assert archive.fields["name"] == "demo-tool"
    assert archive.about("entry_points.txt") == b"[console_scripts]\ndemo = demo_tool.cli:main\n"
    assert "demo_tool/cli.py" in {member.name for member in archive.files}


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "something else": lambda _: b"<html>not found</html>",
    "cut off": lambda content: content[: len(content) // 2],
    "damaged": lambda content: content[:60] + bytes(byte ^ 0xFF for byte in content[60:90]) + content[90:],
}


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_broken_archive_cannot_be_read(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], spoil: Callable[[bytes], bytes]
) -> None:
    """Whatever is wrong with the bytes, it is one error in plain words."""
    path = make(tmp_path, Recipe())
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UnreadableError, match="is not a readable"):
        read_archive(path)


@given(content=st.binary(max_size=200), name=st.sampled_from(["a-1-py3-none-any.whl", "a-1.tar.gz"]))
def test_no_bytes_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    """Any bytes are either read or refused."""
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    with pytest.raises(UnreadableError):
        read_archive(path)


def test_a_foreign_file_is_not_read(tmp_path: Path) -> None:
    """What is not a distribution by its name is refused."""
    with pytest.raises(RefusedError, match="neither a wheel nor an sdist"):
        read_archive(tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("name", "before", "after", "message"),
    [
        pytest.param(
            "demo_tool/cli.py", b"return 0", b"return 1", "another hash or size for: demo_tool/cli", id="hash"
        ),
        pytest.param("demo_tool/cli.py", b"return 0", b"return 10", "another hash or size", id="size"),
        pytest.param(f"{INFO}/RECORD", b"demo_tool/cli.py,", b"demo_tool/gone.py,", "RECORD leaves out", id="missing"),
        pytest.param(f"{INFO}/RECORD", b"RECORD,,", b"RECORD,,\nx.py,,", "does not contain: x.py", id="too much"),
        pytest.param(f"{INFO}/RECORD", b"RECORD,,", b"RECORD,", "lines that are not name, hash", id="malformed"),
        pytest.param(f"{INFO}/RECORD", b"sha256=", b"", "another hash or size for", id="no algorithm"),
    ],
)
def test_record_agrees_with_the_contents(tmp_path: Path, name: str, before: bytes, after: bytes, message: str) -> None:
    """A wheel that was changed after the build is found by its RECORD."""
    path = make_wheel(tmp_path, Recipe())
    members = [(each, text.replace(before, after) if each == name else text) for each, text in read_zip(path)]
    assert members != read_zip(path)
    write_zip(path, members)
    found = list(check_contents(read_archive(path)))
    assert any(message in finding.message for finding in found), found


@pytest.mark.parametrize("name", ["RECORD", "WHEEL"])
def test_a_wheel_has_record_and_wheel(tmp_path: Path, name: str) -> None:
    """A wheel without RECORD or WHEEL is refused."""
    path = make_wheel(tmp_path, Recipe(instead={name: None}))
    assert f"has no {name}" in complaint(path).message


def test_a_wheel_has_one_dist_info_directory(tmp_path: Path) -> None:
    """Two of them, and no installer knows which to believe."""
    path = make_wheel(tmp_path, Recipe(files={"other-1.0.dist-info/METADATA": ""}))
    assert complaint(path).message == f"must have one .dist-info directory at the top, has {INFO}, other-1.0.dist-info"


def test_a_doubled_name_is_found_in_a_wheel(tmp_path: Path) -> None:
    """Tools disagree on which of the two they unpack."""
    path = make_wheel(tmp_path, Recipe())
    members = read_zip(path)
    write_zip(path, [members[0], *members])
    assert complaint(path).message == "contains a name more than once: demo_tool/__init__.py"


def test_unusual_compression_and_comments_are_found(tmp_path: Path) -> None:
    """The index takes stored and deflated members, and no ZIP comment."""
    path = make_wheel(tmp_path, Recipe())
    members = read_zip(path)
    write_zip(path, members, compression=zipfile.ZIP_BZIP2)
    assert any("compressed in a way" in finding.message for finding in check_contents(read_archive(path)))
    write_zip(path, members, comment=b"hello")
    assert "ZIP comment" in complaint(path).message


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Make a member of an sdist that a build backend would not write."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ROOT = "demo_tool-1.2.0"
ODD = [
    pytest.param(entry(f"{ROOT}/PKG-INFO"), f"more than once: {ROOT}/PKG-INFO", id="doubled name"),
    pytest.param(entry(f"{ROOT}/../evil"), "lead out of it", id="climbing path"),
    pytest.param(entry(f"{ROOT}/null", tarfile.CHRTYPE), "a device, a pipe or a sparse file", id="device"),
    pytest.param(entry(f"{ROOT}/pipe", tarfile.FIFOTYPE), "a device, a pipe", id="pipe"),
    pytest.param(entry(f"{ROOT}/x", tarfile.SYMTYPE, "../../x"), "links that lead out", id="climbing link"),
    pytest.param(entry(f"{ROOT}/x", tarfile.SYMTYPE, "/etc/passwd"), "-> /etc/passwd", id="absolute link"),
    pytest.param(entry(f"{ROOT}/x", tarfile.LNKTYPE, "other/x"), "-> other/x", id="hard link"),
    pytest.param(entry("other/x"), f"not the one directory {ROOT}", id="second directory"),
]


@pytest.mark.parametrize(("member", "message"), ODD)
def test_odd_members_of_an_sdist_are_found(tmp_path: Path, member: tarfile.TarInfo, message: str) -> None:
    """What cannot be unpacked safely is refused."""
    assert message in complaint(make_sdist(tmp_path, Recipe(), members=[member])).message


def test_a_link_inside_an_sdist_is_fine(tmp_path: Path) -> None:
    """A link from one file of the project to another is allowed."""
    member = entry(f"{ROOT}/docs/readme.md", tarfile.SYMTYPE, "../PKG-INFO")
    assert list(check_contents(read_archive(make_sdist(tmp_path, Recipe(), members=[member])))) == []


def test_an_sdist_is_one_directory_named_after_it(tmp_path: Path) -> None:
    """The directory carries the name of the file."""
    path = make_sdist(tmp_path, Recipe(), root="demo-tool")
    assert complaint(path).message == "has demo-tool at the top, not the one directory demo_tool-1.2.0"


@pytest.mark.parametrize(("unpacked", "count"), [(64 << 20, 0), (50 * (2 << 20), 0), (50 * (2 << 20) + 1, 1)])
def test_what_unpacks_to_too_much_is_found(unpacked: int, count: int) -> None:
    """The index takes an archive for a bomb from 64 MiB and fifty times its size on."""
    members = (Member("x", unpacked, MemberKind.FILE),)
    archive = Archive(Path("demo.whl"), Kind.WHEEL, 2 << 20, members, {})
    assert len(list(check_ratio(archive))) == count


@pytest.mark.parametrize(
    ("size", "text"), [(100, "100 bytes"), (3 << 20, "3.0 MiB"), (10 << 30, "10.00 GiB")], ids=["B", "MiB", "GiB"]
)
def test_sizes_are_written_for_people(size: int, text: str) -> None:
    """Small sizes are in bytes, others in MiB or GiB."""
    assert readable(size) == text
