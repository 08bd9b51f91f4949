"""How archives are read, and the findings about how they are built."""

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


def only_finding(path: Path) -> Finding:
    """Return the one finding about how an archive is built."""
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
def test_a_wheel_with_a_program_counts_as_a_tool(tmp_path: Path, changes: dict[str, Any], expected: bool) -> None:
    """`uv tool install` accepts nothing else, so libraries get another command."""
    assert has_programs(make_wheel(tmp_path, Recipe(**changes))) is expected


@pytest.mark.parametrize("make", [make_wheel, make_sdist])
def test_a_valid_archive_has_no_findings(tmp_path: Path, make: Callable[[Path, Recipe], Path]) -> None:
    assert list(check_contents(read_archive(make(tmp_path, Recipe())))) == []


def test_one_read_returns_members_texts_and_metadata(tmp_path: Path) -> None:
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
def test_a_broken_archive_raises_one_plain_error(
    tmp_path: Path, make: Callable[[Path, Recipe], Path], spoil: Callable[[bytes], bytes]
) -> None:
    path = make(tmp_path, Recipe())
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UnreadableError, match="is not a readable"):
        read_archive(path)


@given(content=st.binary(max_size=200), name=st.sampled_from(["a-1-py3-none-any.whl", "a-1.tar.gz"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    with pytest.raises(UnreadableError):
        read_archive(path)


def test_a_file_without_a_distribution_name_is_refused(tmp_path: Path) -> None:
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
def test_contents_that_differ_from_record_are_found(
    tmp_path: Path, name: str, before: bytes, after: bytes, message: str
) -> None:
    """The wheel was changed after the build."""
    path = make_wheel(tmp_path, Recipe())
    members = [(each, text.replace(before, after) if each == name else text) for each, text in read_zip(path)]
    assert members != read_zip(path)
    write_zip(path, members)
    found = list(check_contents(read_archive(path)))
    assert any(message in finding.message for finding in found), found


@pytest.mark.parametrize("name", ["RECORD", "WHEEL"])
def test_a_wheel_without_record_or_wheel_is_refused(tmp_path: Path, name: str) -> None:
    path = make_wheel(tmp_path, Recipe(instead={name: None}))
    assert f"has no {name}" in only_finding(path).message


def test_two_dist_info_directories_are_refused(tmp_path: Path) -> None:
    """Installers disagree on which to use."""
    path = make_wheel(tmp_path, Recipe(files={"other-1.0.dist-info/METADATA": ""}))
    assert (
        only_finding(path).message == f"must have one .dist-info directory at the top, has {INFO}, other-1.0.dist-info"
    )


def test_a_repeated_member_of_a_wheel_is_found(tmp_path: Path) -> None:
    """Tools disagree on which of the two they unpack."""
    path = make_wheel(tmp_path, Recipe())
    members = read_zip(path)
    write_zip(path, [members[0], *members])
    assert only_finding(path).message == "contains a name more than once: demo_tool/__init__.py"


def test_unusual_compression_and_comments_are_found(tmp_path: Path) -> None:
    """The index accepts stored and deflated members, and no ZIP comment."""
    path = make_wheel(tmp_path, Recipe())
    members = read_zip(path)
    write_zip(path, members, compression=zipfile.ZIP_BZIP2)
    assert any("compressed in a way" in finding.message for finding in check_contents(read_archive(path)))
    write_zip(path, members, comment=b"hello")
    assert "ZIP comment" in only_finding(path).message


def unusual_member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Build a member of an sdist that a build backend would not write."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


ROOT = "demo_tool-1.2.0"
ODD = [
    pytest.param(unusual_member(f"{ROOT}/PKG-INFO"), f"more than once: {ROOT}/PKG-INFO", id="doubled name"),
    pytest.param(unusual_member(f"{ROOT}/../evil"), "lead out of it", id="climbing path"),
    pytest.param(unusual_member(f"{ROOT}/null", tarfile.CHRTYPE), "a device, a pipe or a sparse file", id="device"),
    pytest.param(unusual_member(f"{ROOT}/pipe", tarfile.FIFOTYPE), "a device, a pipe", id="pipe"),
    pytest.param(unusual_member(f"{ROOT}/x", tarfile.SYMTYPE, "../../x"), "links that lead out", id="climbing link"),
    pytest.param(unusual_member(f"{ROOT}/x", tarfile.SYMTYPE, "/etc/passwd"), "-> /etc/passwd", id="absolute link"),
    pytest.param(unusual_member(f"{ROOT}/x", tarfile.LNKTYPE, "other/x"), "-> other/x", id="hard link"),
    pytest.param(unusual_member("other/x"), f"not the one directory {ROOT}", id="second directory"),
]


@pytest.mark.parametrize(("member", "message"), ODD)
def test_unsafe_members_of_an_sdist_are_found(tmp_path: Path, member: tarfile.TarInfo, message: str) -> None:
    assert message in only_finding(make_sdist(tmp_path, Recipe(), members=[member])).message


def test_a_link_inside_an_sdist_is_allowed(tmp_path: Path) -> None:
    member = unusual_member(f"{ROOT}/docs/readme.md", tarfile.SYMTYPE, "../PKG-INFO")
    assert list(check_contents(read_archive(make_sdist(tmp_path, Recipe(), members=[member])))) == []


def test_an_sdist_is_one_directory_with_its_name(tmp_path: Path) -> None:
    path = make_sdist(tmp_path, Recipe(), root="demo-tool")
    assert only_finding(path).message == "has demo-tool at the top, not the one directory demo_tool-1.2.0"


@pytest.mark.parametrize(("unpacked", "count"), [(64 << 20, 0), (50 * (2 << 20), 0), (50 * (2 << 20) + 1, 1)])
def test_an_archive_that_unpacks_to_too_much_is_found(unpacked: int, count: int) -> None:
    """The index refuses an archive that unpacks to 64 MiB and fifty times its size."""
    members = (Member("x", unpacked, MemberKind.FILE),)
    archive = Archive(Path("demo.whl"), Kind.WHEEL, 2 << 20, members, {})
    assert len(list(check_ratio(archive))) == count


@pytest.mark.parametrize(
    ("size", "text"), [(100, "100 bytes"), (3 << 20, "3.0 MiB"), (10 << 30, "10.00 GiB")], ids=["B", "MiB", "GiB"]
)
def test_sizes_are_formatted_with_units(size: int, text: str) -> None:
    """Small sizes in bytes, others in MiB or GiB."""
    assert readable(size) == text
