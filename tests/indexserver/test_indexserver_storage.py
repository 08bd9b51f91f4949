"""The records of the local index, how often it reads its files, and what a killed run leaves."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from release_channels.indexserver.app import IndexApp
from release_channels.indexserver.pages import JSON, project_page
from release_channels.indexserver.storage import RECORDS, Storage
from tests.indexserver.servers import PLAIN, distributions_in
from tests.support.distributions import make_sdist, make_wheel

PROJECT = canonicalize_name("demo-tool")
_LISTENERS: list[Callable[[str], object]] = []


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and isinstance(arguments[0], str | Path):
        for listener in _LISTENERS:
            listener(Path(arguments[0]).name)


@cache
def _install_hook() -> None:
    sys.addaudithook(_hear)  # for good: a hook cannot be taken away


@contextmanager
def listening(listener: Callable[[str], object]) -> Iterator[None]:
    """Pass the name of each file that Python opens to a listener."""
    _install_hook()
    _LISTENERS.append(listener)
    try:
        yield
    finally:
        _LISTENERS.remove(listener)


@contextmanager
def opened_files() -> Iterator[Counter[str]]:
    """Count the files that Python opens, by name."""
    names: Counter[str] = Counter()
    with listening(lambda name: names.update([name])):
        yield names


def page_of(root: Path) -> str:
    """Start an index and write the project's page."""
    return project_page(PROJECT, IndexApp(root, project=PROJECT).listing(PROJECT), JSON)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with forty uploaded files."""
    storage = Storage(tmp_path / "root")
    for number in range(20):
        for make in (make_wheel, make_sdist):
            assert storage.add(make(tmp_path / "dist", PLAIN, version=f"1.0.0.dev{number}", requires_python=">=3.9"))
    return tmp_path / "root"


def test_no_page_reads_a_stored_file(root: Path) -> None:
    """Digests and metadata come from the records, also after a restart."""
    with opened_files() as opened:
        app = IndexApp(root, project=PROJECT)
        pages = [project_page(PROJECT, app.listing(PROJECT), JSON) for _ in range(3)]
    assert (len(set(pages)), len(json.loads(pages[0])["files"])) == (1, 40)
    assert opened == {RECORDS: 3}


def test_an_upload_opens_only_its_own_file(root: Path, tmp_path: Path) -> None:
    """Also the upload after it."""
    path = make_wheel(tmp_path / "dist", PLAIN, version="1.0.0")
    storage = Storage(root)
    with opened_files() as opened:
        assert storage.add(path)
    stored = {found.name for found in distributions_in(root)}
    assert stored & opened.keys() == {path.name}


def test_pages_from_records_and_from_files_are_equal(root: Path) -> None:
    with_records = page_of(root)
    (root / RECORDS).unlink()
    assert page_of(root) == with_records


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda content: content[: len(content) // 2 + 7],
    "not JSON": lambda content: content.replace(b"[", b"{"),
    "deep": lambda content: b"[" * 100_000 + b"\n" + content,
    "other values": lambda content: content.replace(b'"demo-tool"', b"7"),
    "numbers": lambda content: b"5\n[]\nnull\n" + content,
    "not UTF-8": lambda content: b"\xff\xfe\n" + content,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_records_are_replaced_by_reading_the_files(root: Path, damage: Callable[[bytes], bytes]) -> None:
    """The page stays the same."""
    expected = page_of(root)
    (root / RECORDS).write_bytes(damage((root / RECORDS).read_bytes()))
    assert page_of(root) == expected


def test_unrecorded_files_are_recorded_by_the_next_upload(root: Path, tmp_path: Path) -> None:
    """Reading a page writes nothing."""
    (root / RECORDS).unlink()
    storage = Storage(root)
    assert len(storage.files()) == 40
    assert not (root / RECORDS).exists()
    assert storage.add(make_wheel(tmp_path / "dist", PLAIN, version="1.0.0"))
    with opened_files() as opened:
        assert len(Storage(root).files()) == 41
    assert opened == {RECORDS: 1}


def test_an_upload_succeeds_without_writable_records(root: Path, tmp_path: Path) -> None:
    """The files are read then."""
    (root / RECORDS).unlink()
    (root / RECORDS).mkdir()
    assert Storage(root).add(make_wheel(tmp_path / "dist", PLAIN, version="1.0.0"))
    (root / RECORDS).rmdir()
    assert len(Storage(root).files()) == 41


def test_a_changed_file_is_read_despite_its_record(root: Path, tmp_path: Path) -> None:
    """Size and modification time are compared."""
    before = {file.name: file.sha256 for file in Storage(root).files()}
    path = make_wheel(root, PLAIN, version="1.0.0.dev3", extra=["Keywords: x"])
    after = {file.name: file.sha256 for file in Storage(root).files()}
    assert [name for name in before if after[name] != before[name]] == [path.name]


def test_records_of_another_process_are_read(root: Path, tmp_path: Path) -> None:
    """Two indexes over one directory see each other's uploads."""
    ours, theirs = Storage(root), Storage(root)
    assert len(ours.files()) == len(theirs.files()) == 40
    path = make_wheel(tmp_path / "dist", PLAIN, version="1.0.0")
    assert theirs.add(path)
    with opened_files() as opened:
        assert ours.find(path.name) == theirs.find(path.name)
    assert opened == {RECORDS: 2}


def test_files_of_a_killed_run_are_deleted_at_the_next_start(root: Path, tmp_path: Path) -> None:
    """A half-written file has no lock; one that is being written has, and stays."""
    (root / ".incoming-left").write_bytes(b"half")
    (root / ".other").write_bytes(b"mine")
    path = make_wheel(tmp_path / "dist", PLAIN, version="1.0.0", files={"x.bin": os.urandom(1 << 20)})
    seen: list[list[str]] = []

    def start_writing(name: str) -> None:
        if name == path.name:  # it is read into its incoming file
            Storage(root)
            seen.append([found.name for found in root.glob(".*")])

    with listening(start_writing):
        assert Storage(root).add(path)
    assert [name.partition("-")[0] for name in sorted(seen[0])] == [".files.jsonl", ".incoming", ".other"]
    assert sorted(found.name for found in root.glob(".*")) == [".files.jsonl", ".other"]
