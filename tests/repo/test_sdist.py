"""Normalizing an sdist: clock and account are removed, and no byte of content changes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release_channels.errors import FailedError
from release_channels.release.sdist_normalize import is_normalized, normalize_sdist, wait_past_commit_second

EPOCH = 1_700_000_000


def _member(name: str, **changes: object) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime, member.mode, member.uname, member.gname = EPOCH, 0o644, "", ""
    for key, value in changes.items():
        setattr(member, key, value)
    return member


def _write(
    path: Path, members: list[tuple[tarfile.TarInfo, bytes]], *, packed_at: int = EPOCH, form: int = tarfile.PAX_FORMAT
) -> Path:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=form) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=packed_at))
    return path


def _contents(path: Path) -> dict[str, tuple[bytes, str, bytes, bool, str | None]]:
    """Return what is neither clock nor account: kind, link, bytes, executable bit, other headers."""
    found = {}
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            data = content.read() if content else b""
            own = member.pax_headers.get("VENDOR.note")
            found[member.name] = (member.type, member.linkname, data, bool(member.mode & 0o100), own)
    return found


@pytest.mark.parametrize(
    ("changes", "normalized"),
    [
        ({}, True),
        ({"mtime": 0}, True),
        ({"mtime": 315532800}, True),
        ({"uname": "root", "gname": "root"}, True),
        ({"mode": 0o755}, True),
        ({"mtime": EPOCH + 1}, False),
        ({"mtime": EPOCH - 1}, False),
        ({"mtime": EPOCH + 0.5}, False),
        ({"uid": 1000}, False),
        ({"gid": 1000}, False),
        ({"uname": "me"}, False),
        ({"gname": "us"}, False),
        ({"mode": 0o600}, False),
        ({"mode": 0o664}, False),
    ],
    ids=repr,
)
def test_other_times_owners_and_modes_are_not_normalized(
    tmp_path: Path, changes: dict[str, object], normalized: bool
) -> None:
    """Only the commit's time and a backend's constant count as normalized."""
    path = _write(tmp_path / "a.tar.gz", [(_member("a/b", **changes), b"x")])
    assert is_normalized(path, EPOCH) is normalized
    normalize_sdist(path, EPOCH)
    assert is_normalized(path, EPOCH)


@pytest.mark.parametrize(
    ("packed_at", "normalized"), [(EPOCH, True), (0, True), (EPOCH + 9, False), (EPOCH - 9, False)]
)
def test_the_time_in_the_gzip_header_counts(tmp_path: Path, packed_at: int, normalized: bool) -> None:
    """Also one before the commit's."""
    path = _write(tmp_path / "a.tar.gz", [(_member("a/b"), b"x")], packed_at=packed_at)
    assert is_normalized(path, EPOCH) is normalized


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", gzip.compress(b"no tar", mtime=0), gzip.compress(b"x" * 2000, mtime=0)[:-9]],
    ids=["empty", "text", "no tar inside", "cut off"],
)
def test_an_unreadable_archive_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(FailedError, match=r"a\.tar\.gz is not a readable sdist"):
        is_normalized(tmp_path / "a.tar.gz", EPOCH)


_NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)
_PATHS = st.lists(_NAMES, min_size=1, max_size=12).map("/".join)


@st.composite
def _archives(draw: st.DrawFn) -> list[tuple[tarfile.TarInfo, bytes]]:
    paths = draw(st.lists(_PATHS, min_size=1, max_size=6, unique=True))
    members: list[tuple[tarfile.TarInfo, bytes]] = []
    for path in paths:
        kind = draw(
            st.sampled_from([tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE])
        )
        headers = draw(
            st.sampled_from([{}, {"VENDOR.note": "ünï"}, {"mtime": "123.456", "atime": "1.5", "uname": "me"}])
        )
        member = _member(
            f"top/{path}", type=kind, mode=draw(st.sampled_from([0o600, 0o644, 0o755, 0o777, 0o700])),
            mtime=draw(st.sampled_from([1, 1.25, EPOCH + 7, 9e9])), uid=draw(st.integers(0, 9999)), pax_headers=headers,
        )  # fmt: skip
        if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            member.linkname = draw(_PATHS)
        members.append((member, draw(st.binary(max_size=600)) if kind == tarfile.REGTYPE else b""))
    return members


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members=_archives())
def test_normalizing_changes_only_order_and_clock(tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """Bytes, links, names, other headers and the executable bit stay."""
    one = _write(tmp_path / "one.tar.gz", members, packed_at=1)
    for member, _ in members:
        member.mtime, member.uid, member.pax_headers = 5, 7, {
            key: text for key, text in member.pax_headers.items() if key == "VENDOR.note"
        }  # fmt: skip
    other = _write(tmp_path / "other.tar.gz", members[::-1], packed_at=2)
    before = _contents(one)
    normalize_sdist(one, EPOCH)
    normalize_sdist(other, EPOCH)
    # A directory is always one to enter.
    expected = {name: (*facts[:3], facts[3] or facts[0] == tarfile.DIRTYPE, facts[4]) for name, facts in before.items()}
    assert _contents(one) == expected
    assert is_normalized(one, EPOCH)
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


def test_a_hard_link_comes_after_its_target(tmp_path: Path) -> None:
    """It could not be unpacked otherwise, although members are sorted."""
    link = _member("top/a", type=tarfile.LNKTYPE, linkname="top/b")
    path = _write(tmp_path / "a.tar.gz", [(_member("top/b"), b"content"), (link, b"")])
    normalize_sdist(path, EPOCH)
    with tarfile.open(path) as archive:
        assert archive.getnames() == ["top/b", "top/a"]
        archive.extractall(tmp_path / "out", filter="data")
    assert (tmp_path / "out" / "top" / "a").read_bytes() == b"content"


def test_gnu_tar_format_is_read(tmp_path: Path) -> None:
    """With its long names."""
    name = "top/" + "long/" * 60 + "name"
    path = _write(tmp_path / "a.tar.gz", [(_member(name, uid=5), b"x")], form=tarfile.GNU_FORMAT)
    normalize_sdist(path, EPOCH)
    assert _contents(path)[name][2] == b"x"


def test_a_build_waits_past_its_commits_second() -> None:
    """A backend's own clock would look like the commit's time then."""
    now = int(time.time())
    wait_past_commit_second(now)
    assert time.time() >= now + 1
    began = time.monotonic()
    wait_past_commit_second(EPOCH)
    wait_past_commit_second(now + 100_000)
    assert time.monotonic() - began < 0.5
